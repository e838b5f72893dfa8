"""``flask cors blame``: since which change of policy an origin is let in, and by which entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from flask_cors_env.answers.blame import Blame, Cause, Since, Standing, Turn, blame, question
from flask_cors_env.answers.words import counted
from flask_cors_env.audit.event import clean
from flask_cors_env.cli import asking
from flask_cors_env.cli.reading import Reading, reads, tell_doubts
from flask_cors_env.cli.render import as_json, echo, table
from flask_cors_env.core.origin import corrected

_HEAD = ("SINCE", "RESOURCE", "POLICY", "BY", "ORIGIN IS", "ENTRY")


@click.command()
@click.argument("origin")
@asking.LOGS
@reads
@asking.JSON
def command(*, origin: str, logs: tuple[str, ...], reading: Reading, as_plain_json: bool) -> None:
    """Say since when ORIGIN is let in. The change of policy is named, and the entry."""
    asked = question(origin)
    told = reading.answers(logs, [asked])
    tell_doubts(told)
    found = blame(origin, told.policies, told.rows[asked.name])
    hint = _hint(origin)
    if not found.turns:
        raise click.UsageError(f"the log tells of no policy, and of no request of this origin{hint}")
    if hint:
        echo(f"{clean(origin)} is taken as it is written{hint}", err=True)
    echo(as_json(_as_value(found)) if as_plain_json else _lines(found))


def _hint(origin: str) -> str:
    """How a browser writes what *origin* seems to mean; "" where it is written so."""
    meant = corrected(origin)
    return "" if meant in {None, origin} else f"; browsers write {meant}"


def _lines(found: Blame) -> Iterator[str]:
    several = len({turn.service for turn in found.turns}) > 1
    yield from table(_HEAD, (_row(turn, several=several) for turn in found.turns))
    yield ""
    for since in found.since:
        yield from _end(since, several=several)
    if not found.since:
        unknown = {turn.standing for turn in found.turns} == {Standing.UNKNOWN}
        known = "is not let in" if not unknown else "came, and what was read of the log does not tell more"
        yield f"{clean(found.origin)} {known}"


def _row(turn: Turn, *, several: bool) -> tuple[str, ...]:
    when = f"{asking.when(turn.at)}{' or before' if turn.is_first else ''}"
    entry = clean(turn.entry) if turn.entry else "-"
    return (
        when,
        _where(turn, several=several),
        clean(turn.policy),
        clean(turn.cause),
        turn.standing.value,
        entry,
    )


def _where(turn: Turn, *, several: bool) -> str:
    return clean(f"{turn.service} {turn.resource}" if several else turn.resource)


def _end(since: Since, *, several: bool) -> Iterator[str]:
    """That it is let in, by what, and since when."""
    turn = since.turn
    entry = clean(since.entry) if since.entry else "an entry that the log does not tell"
    begun = "at the latest since" if turn.is_first else "since"
    last = f", the last at {asking.when(since.last)}" if since.last else ""
    yield f"let in to {_where(turn, several=several)} by {entry}"
    yield f"  {begun} {asking.when(turn.at)} ({_cause(turn)})"
    if since.requests:
        yield f"  {counted(since.requests, 'request')} allowed{last}"
    else:
        yield "  so says the policy; what was read of the log holds no allowed request of this origin"


def _cause(turn: Turn) -> str:
    if turn.cause == Cause.SEEN:
        return f"the first decision by {clean(turn.policy)}"
    was = f"{clean(turn.previous)} to " if turn.previous else ""
    return f"{clean(turn.cause)}: {was}{clean(turn.policy)}"


def _as_value(found: Blame) -> dict[str, Any]:
    return {
        "origin": found.origin,
        "let_in": bool(found.since),
        "turns": [turn._asdict() for turn in found.turns],
        "since": [{**since._asdict(), "turn": since.turn._asdict()} for since in found.since],
    }
