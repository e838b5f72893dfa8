"""``flask cors tail``: a log as it is written, for reading."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple, TypeGuard

import click

from flask_cors_env.answers.columns import event_of, timestamp_of
from flask_cors_env.answers.files import STDIN
from flask_cors_env.answers.following import Follower
from flask_cors_env.answers.lines import Record, Torn, read, records
from flask_cors_env.audit.event import DECISION, POLICY_CHANGED, POLICY_LOADED, POLICY_REJECTED, unescape
from flask_cors_env.audit.render import render_console
from flask_cors_env.cli import names
from flask_cors_env.cli.asking import safe
from flask_cors_env.core.reason import Verdict

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
@click.option("--reason", callback=names.reason, help="Decisions with this one among their reasons only.")
@click.option("--json", "as_plain_json", is_flag=True, help="Print JSON, one record a line.")
def command(  # noqa: PLR0913 - one parameter an option
    *,
    log: str,
    count: int,
    denials: bool,
    origin: str | None,
    resource: str | None,
    reason: str | None,
    as_plain_json: bool,
) -> None:
    """Follow LOG as it is written and rotated, in sentences. - is standard input, from its beginning."""
    wanted = Wanted(denials=denials, origin=origin, resource=resource, reason=reason)
    try:
        workers = Workers()
        for record in followed(log, count, wanted):
            click.echo(_as_line(record) if as_plain_json else sentence(record))
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

    def takes(self, record: Record | Torn | None) -> TypeGuard[Record]:
        """Whether *record* is one that is asked for."""
        if record is None or isinstance(record, Torn):
            return False
        return not any(self) or (event_of(record) == DECISION and self._fits(record))

    def _fits(self, record: Record) -> bool:
        return (
            (not self.denials or record.get("cors.decision") == Verdict.DENY)
            and self.origin in {None, unescape(str(record.get("cors.origin")))}
            and self.resource in {None, record.get("cors.resource")}
            and (self.reason is None or self.reason in str(record.get("cors.reasons")).split(","))
        )


def followed(log: str, count: int, wanted: Wanted) -> Iterator[Record]:
    """The last *count* records of *log* that are wanted, then those that are written from now on."""
    if log == STDIN:
        yield from _wanted(records(sys.stdin.buffer), wanted)
        return
    with Follower(log) as follower:
        last = follower.last(count, lambda line: any(map(wanted.takes, read(line))))
        lines = chain(last, follower.lines(_pause()))
        yield from _wanted(records(lines), wanted)


def _wanted(found: Iterator[Record | Torn | None], wanted: Wanted) -> Iterator[Record]:
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


def _as_line(record: Record) -> str:
    return json.dumps(record, separators=(",", ":"))
