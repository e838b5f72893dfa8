"""``flask cors tail``: a log as it is written, for reading."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple, TypeGuard

import click

from flask_cors_env.answers.columns import event_of, timestamp_of
from flask_cors_env.answers.files import STDIN
from flask_cors_env.answers.following import Follower
from flask_cors_env.answers.lines import Found, Grammar, Record
from flask_cors_env.answers.seals import Seals
from flask_cors_env.answers.words import unproved
from flask_cors_env.audit.event import DECISION, POLICY_CHANGED, POLICY_LOADED, POLICY_REJECTED, unescape
from flask_cors_env.audit.render import render_console
from flask_cors_env.audit.seal import Key
from flask_cors_env.cli import asking, names
from flask_cors_env.cli.asking import safe
from flask_cors_env.cli.reading import KEY, PREFIX
from flask_cors_env.cli.render import as_json_line, echo
from flask_cors_env.core.reason import Reason, Verdict

#: Seconds between two looks at the file.
_PAUSE = 0.2


@click.command()
@click.argument("log", metavar="LOG")
@click.option(
    "-n", "count", default=10, show_default=True, type=click.IntRange(0), help="How many to begin with."
)
@click.option("--deny", "denials", is_flag=True, help="Denials only.")
@click.option("--origin", callback=names.origin, help="Requests of this origin only.")
@click.option("--resource", help="What this resource governs only.")
@click.option("--reason", help="Decisions with this one among their reasons only.")
@PREFIX
@KEY
@click.option("--json", "as_plain_json", is_flag=True, help="Print JSON, one record a line.")
def command(  # noqa: PLR0913 - one parameter an option
    *,
    log: str,
    count: int,
    denials: bool,
    origin: str | None,
    resource: str | None,
    reason: str | None,
    grammar: Grammar,
    key: Key | None,
    as_plain_json: bool,
) -> None:
    """Follow LOG as it is written and rotated, in sentences. - is standard input, from its beginning."""
    if reason is not None and reason not in set(Reason):
        raise asking.unknown("--reason", reason, Reason)
    wanted = Wanted(denials=denials, origin=origin, resource=resource, reason=reason)
    try:
        records = (
            followed(log, count, wanted, grammar) if key is None else proved(log, count, wanted, grammar, key)
        )
        workers = Workers()
        for record in records:
            echo(as_json_line(record) if as_plain_json else sentence(record))
            told = workers.disagree(record)
            if told:
                click.echo(told, err=as_plain_json)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # what is left in the buffer is nobody's, and must not be tried again when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Workers:
    """Which policy each process of each app decides by, and which of them reject a file."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, str]] = {}
        self._rejecting: dict[str, set[str]] = {}
        self._told: set[tuple[str, ...]] = set()

    def disagree(self, record: Record) -> str:
        """Return a sentence where processes decide differently while a file is rejected; else ""."""
        service, policy = str(record.get("service.name", "")), record.get("cors.policy.id")
        writer = str(record.get("log.record.uid", "")).rpartition("-")[0]
        rejecting = self._rejecting.setdefault(service, set())
        event = event_of(record)
        if event == POLICY_REJECTED:
            rejecting.add(writer)
        elif event in {POLICY_CHANGED, POLICY_LOADED}:
            rejecting.discard(writer)
        if policy is not None:
            self._held.setdefault(service, {})[writer] = str(policy)
        policies = tuple(sorted(set(self._held.get(service, {}).values())))
        if not rejecting or len(policies) < 2 or (service, *policies) in self._told:  # noqa: PLR2004 - several
            return ""
        self._told.add((service, *policies))
        both = " and ".join(map(safe, policies))
        return (
            f"Processes of {safe(service)} disagree: {both} decide, and a changed file is rejected. "
            "Mend the file, then restart every process."
        )


class Wanted(NamedTuple):
    """Which records are; None asks for nothing in particular, and without any demand all are."""

    denials: bool = False
    origin: str | None = None
    resource: str | None = None
    reason: str | None = None

    def takes(self, record: Found) -> TypeGuard[Record]:
        """Whether *record* is one that is asked for."""
        if not isinstance(record, dict):
            return False
        return not any(self) or (event_of(record) == DECISION and self._fits(record))

    def _fits(self, record: Record) -> bool:
        return (
            (not self.denials or record.get("cors.decision") == Verdict.DENY)
            and self.origin in {None, unescape(str(record.get("cors.origin")))}
            and self.resource in {None, record.get("cors.resource")}
            and (self.reason is None or self.reason in str(record.get("cors.reasons")).split(","))
        )


def followed(log: str, count: int, wanted: Wanted, grammar: Grammar) -> Iterator[Record]:
    """The last *count* records of *log* that are wanted, then those that are written from now on."""
    if log == STDIN:
        yield from _wanted(grammar.records(sys.stdin.buffer), wanted)
        return
    with Follower(log) as follower:
        last = follower.last(count, lambda line: any(map(wanted.takes, grammar.records([line]))))
        lines = chain(last, follower.lines(_pause()))
        yield from _wanted(grammar.records(lines), wanted)


def proved(log: str, count: int, wanted: Wanted, grammar: Grammar, key: Key) -> Iterator[Record]:
    """
    The same of the records that *key* proves; others are named on standard error.

    The file is read from its beginning, since a record's key follows from those before.
    """
    seals = Seals(key)
    if log == STDIN:
        yield from _wanted(seals.proved(grammar.records(sys.stdin.buffer)), wanted)
        _tell_unproved(seals)
        return
    with Follower(log) as follower:
        so_far = _wanted(seals.proved(grammar.records(follower.lines(lambda: False))), wanted)
        yield from deque(so_far, maxlen=count)
        _tell_unproved(seals)
        yield from _wanted(seals.proved(grammar.records(follower.lines(_pause()))), wanted)


def _tell_unproved(seals: Seals) -> None:
    lines = list(unproved(seals.judged()))
    if lines:
        echo(lines, err=True)


def _wanted(found: Iterator[Found], wanted: Wanted) -> Iterator[Record]:
    return (record for record in found if wanted.takes(record))


def _pause() -> Callable[[], bool]:
    """What waits a moment, and says False once nobody reads what is printed."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
    except (AttributeError, OSError, ValueError):  # a system, or an output, that cannot be asked

        def sleep() -> bool:
            time.sleep(_PAUSE)
            return True

        return sleep
    return lambda: not poll.poll(_PAUSE * 1000)


def sentence(record: Record) -> str:
    """The record for a person, in one line and escaped again: a foreign log may hold anything."""
    plain: dict[str, Any] = {
        name: value if isinstance(value, str | int | float | None) else json.dumps(value)
        for name, value in record.items()
    }
    plain["event"] = event_of(record) or plain.get("event")
    plain["timestamp"] = timestamp_of(record) or plain.get("timestamp")
    level = str(plain.get("level", ""))
    return render_console(None, level, plain).decode().removesuffix("\n")
