"""``flask cors check``: whether the policy can be used, and what else is worth a look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click

from flask_cors_env.cli.leaves import unseen
from flask_cors_env.cli.render import as_json, heading, table
from flask_cors_env.config.build import Built
from flask_cors_env.config.errors import CORSConfigError, Problem, shown
from flask_cors_env.config.shown import spelled, written
from flask_cors_env.core.policy import Resource

#: How many entries of a list are printed for people; JSON has them all.
_SHOWN = 20


def echo_error(error: CORSConfigError, *, as_plain_json: bool) -> None:
    """Print every problem: for a person to standard error, for a program as JSON."""
    if as_plain_json:
        click.echo(_as_invalid(error.problems, error.environment, error.warnings))
    else:
        click.echo(error, err=True)


def echo_unread(problem: Problem, *, as_plain_json: bool) -> None:
    """Print what could not be read, in the same two ways; whose rules would judge is not known."""
    if as_plain_json:
        click.echo(_as_invalid([problem], ""))
        return
    click.echo(problem.sentence, err=True)
    if problem.remedy is not None:
        click.echo(problem.remedy, err=True)


def _as_invalid(problems: Sequence[Problem], environment: str, warnings: Sequence[Problem] = ()) -> str:
    return as_json(
        {
            "valid": False,
            "environment": environment,
            "problems": _values(problems),
            "warnings": _values(warnings),
        }
    )


class Checked(NamedTuple):
    """
    What `check` concludes about a policy that can be used.

    Attributes:
        built: The policy with its notes.
        warnings: Everything that fails the command with ``--strict``.
        routes: What the app's routes say to the policy, a sentence each.
    """

    built: Built
    warnings: tuple[Problem, ...]
    routes: tuple[str, ...]


def checked(built: Built, routes: Sequence[str]) -> Checked:
    """Return what there is to warn of in *built*, with what the app's *routes* say."""
    return Checked(
        built, (*built.warnings, *built.nobody, *_flask_only(built), *_doubts(built)), tuple(routes)
    )


def echo(found: Checked, *, as_plain_json: bool) -> None:
    """Print the warnings and notes, who is allowed, resource by resource, and that the policy is valid."""
    if as_plain_json:
        click.echo(as_json(_as_value(found)))
        return
    built = found.built
    for warning in found.warnings:
        click.echo(heading("warning", _line(warning)), err=True)
    for note in (*built.notes, *built.narrowed):
        click.echo(heading("note", str(note)), err=True)
    for line in found.routes:
        click.echo(heading("note", line), err=True)
    click.echo("\n".join(table(_HEAD, map(_row, built.policy.resources))))
    click.echo(f"\n{built.policy.id} is valid ({built.environment})")


def _line(warning: Problem) -> str:
    """Return *warning* as text; a doubt about the environment stands in no place that could be shown."""
    is_doubt = warning.code == "environment-doubtful"
    return warning.message.removesuffix(".") if is_doubt else str(warning)


_HEAD = ("RESOURCE", "PATHS", "ALLOWS", "CREDENTIALS", "METHODS", "HEADERS")


def _row(resource: Resource) -> tuple[str, ...]:
    allowed = _allowed(resource)
    if not resource.enabled:
        return resource.name, _list(allowed["paths"]), "switched off", "-", "-", "-"
    origins = _list(allowed["origins"]) if isinstance(allowed["origins"], list) else allowed["origins"]
    return (
        resource.name,
        _list(allowed["paths"]) if allowed["paths"] else "its view",
        _EVERYONE if origins == "*" else _NOBODY if origins == "none" else origins,
        "yes" if resource.allow_credentials else "no",
        _list(allowed["methods"]),
        _list(allowed["headers"]),
    )


_EVERYONE, _NOBODY = "anyone (*)", "nobody"


def _list(values: Sequence[str]) -> str:
    """Return *values* in one line, the first of them where there are many."""
    more = [f"and {len(values) - _SHOWN:,} more"] if len(values) > _SHOWN else []
    return ", ".join([*(shown(value, 512) for value in values[:_SHOWN]), *more]) or "none"


def _allowed(resource: Resource) -> dict[str, Any]:
    """Return who is allowed what by *resource*, as plain values."""
    function = resource.origin_function is not None
    return {
        "resource": resource.name,
        "enabled": resource.enabled,
        "paths": [path.text for path in resource.paths],
        "origins": spelled(written(resource, "ORIGINS", None))
        if function
        else [pattern.text for pattern in resource.origins],
        "credentials": resource.allow_credentials,
        "methods": sorted(resource.methods),
        "headers": resource.allow_headers.texts,
    }


def _as_value(found: Checked) -> dict[str, Any]:
    built = found.built
    return {
        "valid": True,
        "policy": built.policy.id,
        "environment": str(built.environment),
        "allowed": [_allowed(resource) for resource in built.policy.resources],
        "warnings": _values(found.warnings),
        "notes": _values((*built.notes, *built.narrowed)),
        "routes": list(found.routes),
    }


def _flask_only(built: Built) -> Iterator[Problem]:
    """Warn once of the values that no WSGI server will see: only flask's own loading supplied them."""
    found = unseen(built)
    if found:
        names = dict.fromkeys(leaf.source.partition(" in ")[0] for leaf in found)
        places = dict.fromkeys(leaf.source.partition(" in ")[2].rpartition(":")[0] for leaf in found)
        message = "is seen by the flask command alone: a WSGI server reads no such file."
        remedy = f"Set it for the server too, or name the file there: CORS_ENV_FILE={next(iter(places))}"
        variables = ", ".join(names)
        yield Problem("flask-only", next(iter(names)), variables, ", ".join(places), message, None, remedy)


def _doubts(built: Built) -> Iterator[Problem]:
    """Warn of what is doubtful in how the environment was found."""
    for doubt in built.environment.notes:
        yield Problem("environment-doubtful", "CORS_ENV", "CORS_ENV", "the environment", f"{doubt}.")


def _values(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [
        {
            "code": problem.code,
            "setting": problem.setting,
            "variable": problem.variable,
            "source": problem.source,
            "value": problem.value,
            "message": problem.sentence,
            "remedy": problem.remedy,
        }
        for problem in problems
    ]
