"""What the commands that judge a policy by a log have in common: reading it, and telling of requests."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import click

from flask_cors_env.answers.candidate import environment_of
from flask_cors_env.answers.evidence import Evidence, SeveralServicesError, evidence
from flask_cors_env.answers.questions import SHAPES
from flask_cors_env.answers.shapes import Shape
from flask_cors_env.audit.event import clean
from flask_cors_env.cli.reading import Reading, tell_doubts
from flask_cors_env.cli.render import echo
from flask_cors_env.config.environment import parse_environment
from flask_cors_env.config.errors import FaultyValueError

LOGS = click.argument("logs", nargs=-1, required=True, metavar="LOG...")
JSON = click.option("--json", "as_plain_json", is_flag=True, help="Print JSON.")
SERVICE = click.option("--service", metavar="NAME", help="Whose policy it is, in a log of several apps.")


def environment_named(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """The environment that an option names, by any of its names."""
    try:
        return None if value is None else parse_environment(value)
    except FaultyValueError as error:
        raise click.BadParameter(str(error.faults[0].remedy)) from None


ENVIRONMENT = click.option(
    "--env", "environment", metavar="ENV", callback=environment_named,
    help="Whose rules judge the policy; the log's where they are not named.",
)  # fmt: skip


def ask(logs: Sequence[str], reading: Reading, service: str | None) -> Evidence:
    """What *logs* tell of an app; what they lack is said beside the answer."""
    found = reading.answers(logs, [SHAPES])
    tell_doubts(found)
    try:
        told = evidence(found, service)
    except SeveralServicesError as error:
        raise click.UsageError(f"{error}; name one with --service") from None
    if not told.shapes:
        raise click.UsageError("the log holds no decision, so it proves nothing")
    lacking = found.verification.missing + found.verification.told
    if lacking:
        echo(f"records that are missing or told lost: {lacking}; see flask cors verify", err=True)
    return told


def unknown(option: str, name: str, known: Iterable[str], cutoff: float = 0.6) -> click.BadParameter:
    """Return the error that *option* has an unknown name, with the one that was meant, if there is one."""
    close = difflib.get_close_matches(name, list(map(str, known)), 1, cutoff)
    meant = f". Did you mean: {close[0]}?" if close else ""
    return click.BadParameter(f"the log knows no {name}{meant}", param_hint=option)


def environment(told: Evidence, named: str | None) -> str:
    """The environment that judges: the one named, or that of the log's policies."""
    found = named or environment_of(told.policies.values())
    if found is None:
        raise click.UsageError("the log does not tell of one environment; name it with --env")
    return found


def asked(shape: Shape) -> str:
    """What a request asks for, in one line that no client can break."""
    request = shape.request
    if request.requested_method is None:
        return request.method
    return clean(f"preflight {request.requested_method} {request.requested_headers or ''}".strip())


def safe(text: str) -> str:
    """*text* as it is where a terminal can take it, escaped where it cannot; a log may be anybody's."""
    return text if text.isascii() and text.isprintable() else clean(text, 10 * len(text))


def when(timestamp: str | None) -> str:
    """A timestamp to the second."""
    return clean((timestamp or "-")[:19])
