"""``flask cors suggest``: the smallest policy that fits a log, with its proof."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from flask_cors_env.answers.migrate.written import env_file, toml_file
from flask_cors_env.answers.narrowing import Entry
from flask_cors_env.answers.replay import Outcome
from flask_cors_env.answers.suggest import Suggestion, SuggestionError, suggest
from flask_cors_env.answers.words import counted
from flask_cors_env.audit.event import clean
from flask_cors_env.cli import asking
from flask_cors_env.cli.outcomes import gathered
from flask_cors_env.cli.reading import Reading, reads
from flask_cors_env.cli.render import as_json, echo
from flask_cors_env.config.errors import CORSConfigError


@click.command()
@asking.LOGS
@click.option(
    "--format", "form", type=click.Choice(["env", "toml"]), default="env", show_default=True,
    help="As variables, or as a policy file.",
)  # fmt: skip
@asking.ENVIRONMENT
@asking.SERVICE
@reads
@asking.JSON
@click.pass_context
def command(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    logs: tuple[str, ...],
    reading: Reading,
    form: str,
    environment: str | None,
    service: str | None,
    as_plain_json: bool,
) -> None:
    """Write the smallest policy that fits a log. Exit 1 if it cannot be proved to fit."""
    told = asking.ask(logs, reading, service)
    try:
        found = suggest(told, asking.environment(told, environment))
    except SuggestionError as error:
        raise click.UsageError(str(error)) from None
    except CORSConfigError as error:
        echo(str(error), err=True)
        ctx.exit(2)
    echo(as_json(_as_value(found)) if as_plain_json else _lines(found, form))
    ctx.exit(0 if found.is_proved else 1)


def _lines(found: Suggestion, form: str) -> Iterator[str]:
    """The policy, and beneath it, as comments, what it does without and its proof."""
    yield toml_file(found.tree) if form == "toml" else env_file(found.variables)
    yield from (f"# {line}" for line in (*_dropped(found), *_lacking(found), *_changed(found), _proof(found)))


def _dropped(found: Suggestion) -> Iterator[str]:
    for entry in found.dropped:
        used = f"{counted(entry.requests, 'request')}, by other entries now" if entry.requests else "not used"
        yield f"dropped: {clean(entry.resource)} {entry.setting} {clean(entry.text)}: {used}"


def _lacking(found: Suggestion) -> Iterator[str]:
    """What it does not let in, and what it cannot narrow."""
    for line in gathered(found.unkept):
        request = f"{line.resource} {line.origin} {line.request}"
        yield f"not kept: {request}: {counted(line.requests, 'request')} ({line.why})"
    for name in found.programs:
        yield f"not narrowed: {clean(name)}, which the program itself declares"


def _changed(found: Suggestion) -> Iterator[str]:
    """Say what `replay` will find since the policy changed within the log; nothing where it finds nothing."""
    allowed, refused = (found.whole.requests(outcome) for outcome in (Outcome.ALLOWED, Outcome.REFUSED))
    if allowed or refused > found.lost:
        yield (
            f"the policy changed within the log: replay of this finds {counted(allowed, 'request')} "
            f"newly allowed and {refused} newly refused, as today's policy does"
        )


def _proof(found: Suggestion) -> str:
    kept, opened = found.proof.requests(Outcome.SAME), sum(judged.shape.requests for judged in found.opened)
    where = f"{found.built.policy.id} by the rules of {found.built.environment.name}"
    return f"{where}: {counted(kept, 'request')} kept, {found.lost} lost, {opened} let in that are refused"


def _as_value(found: Suggestion) -> dict[str, Any]:
    return {
        "proved": found.is_proved,
        "policy": found.built.policy.id,
        "previous": found.current.id,
        "environment": found.built.environment.name,
        "variables": found.variables,
        "file": found.tree,
        "dropped": [Entry._asdict(entry) for entry in found.dropped],
        "requests": {
            "kept": found.proof.requests(Outcome.SAME),
            "lost": found.lost,
            **{outcome.value: found.whole.requests(outcome) for outcome in Outcome},
        },
        "not_kept": [line._asdict() for line in gathered(found.unkept)],
        "program": list(found.programs),
    }
