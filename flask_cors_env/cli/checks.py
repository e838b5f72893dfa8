"""``flask cors check``: whether the policy can be used, and what else is worth a look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from flask_cors_env.cli.render import as_json, heading
from flask_cors_env.config.build import Built
from flask_cors_env.config.errors import CORSConfigError, Problem


def echo_error(error: CORSConfigError, *, as_plain_json: bool) -> None:
    """Print every problem: for a person to standard error, for a program as JSON."""
    if as_plain_json:
        click.echo(_as_invalid(error.problems, error.environment))
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


def _as_invalid(problems: Sequence[Problem], environment: str) -> str:
    return as_json({"valid": False, "environment": environment, "problems": _values(problems)})


def echo(built: Built, advice: Sequence[str], *, as_plain_json: bool) -> None:
    """Print that the policy is valid, its warnings and notes, and what the app's routes say to it."""
    if as_plain_json:
        click.echo(as_json(_as_value(built, advice)))
        return
    for warning in built.warnings:
        click.echo(heading("warning", str(warning)), err=True)
    for doubt in built.environment.notes:
        click.echo(heading("warning", doubt), err=True)
    for note in built.notes:
        click.echo(heading("note", str(note)), err=True)
    for line in advice:
        click.echo(heading("note", line), err=True)
    click.echo(f"{built.policy.id} is valid ({built.environment})")


def _as_value(built: Built, advice: Sequence[str]) -> dict[str, Any]:
    return {
        "valid": True,
        "policy": built.policy.id,
        "environment": str(built.environment),
        "warnings": _values([*built.warnings, *_doubts(built)]),
        "notes": _values(built.notes),
        "routes": list(advice),
    }


def _doubts(built: Built) -> Iterator[Problem]:
    """What an operator should know of how the environment was found, in the form of other warnings."""
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
