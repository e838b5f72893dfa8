"""
Emission: one event, handed once through the processors, one line, one write.

What fails is counted, and told by a record of its own as soon as the log works again; no caller is ever
disturbed.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import itertools
import math
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from structlog.typing import Processor

from flask_cors_env.audit.event import ADDRESS_LIMIT, GAP, Event, Told, clean, own_fields
from flask_cors_env.audit.fields import CLOSED, NAMES
from flask_cors_env.audit.render import LINE_LIMIT, NO_PART, Part, Record, Render, render
from flask_cors_env.audit.routes import Route, Routes, SealedRoute
from flask_cors_env.audit.seal import Chain, Seal
from flask_cors_env.audit.signals import cors_audit_lost, tell
from flask_cors_env.audit.sink import Sink
from flask_cors_env.core.failure import ends

_OURS = NAMES - {"trace_id", "span_id"}
_BOUND_LIMIT = 32
_LARGEST = 2**63 - 1
_process = os.getpid
#: structlog's own: empty as long as nobody has bound anything; `get_contextvars` takes longer to say so.
EVER_BOUND: Any = getattr(structlog.contextvars, "_CONTEXT_VARS", True)
#: How many of `AuditLog.own` are remembered: a few hundred bytes each.
_REMEMBERED = 1024
#: In nanoseconds.
_SECOND = 1_000_000_000


class _Writer:
    """
    One process's share of a log: its name, its sequence, and what it lost.

    Attributes:
        process: The id of its process: C code (uWSGI) forks without a word to Python.
        prefix: What its ``log.record.uid`` begin with.
        next: Gives the number of the next, where records have no seals.
        chain: Gives the number of the next and its seal; None where records have none.
        lost: How many records were lost and not yet told.
    """

    def __init__(self, key_file: str | None) -> None:
        self.lost = 0
        self.process = os.getpid()
        name = secrets.token_hex(6)
        self.prefix = name + "-"
        self.next: Callable[[], int] = itertools.count(1).__next__
        self.chain = None if key_file is None else Chain(key_file, name)
        self._lost_since = ""
        self._failure = ""
        self._lock = threading.RLock()  # a signal handler may lose a record while one is being counted

    def take(self) -> tuple[str, Seal | None]:
        """Return the uid of the next record, and its seal; None where it has none."""
        if self.chain is None:
            return f"{self.prefix}{self.next()}", None
        number, seal = self.chain.take()
        return f"{self.prefix}{number}", seal

    def lose(self, now: str, failure: str, number: int = 1) -> None:
        """Count *number* records as lost, the first of them at *now*."""
        with self._lock:
            self.lost += number
            self._lost_since = min(self._lost_since, now) if self._lost_since else now
            self._failure = failure

    def take_loss(self) -> tuple[int, str, str]:
        """How many were lost, since when and by what; they are told now."""
        with self._lock:
            taken = self.lost, self._lost_since, self._failure
            self.lost, self._lost_since = 0, ""
            return taken


class AuditLog:
    """
    The log of one app in one process.

    Args:
        sink: Takes our own lines.
        service: The app's name.
        environment: Whose rules hold.
        version: The app's version; None where it is not known.
        processors: The app's own structlog processors, run on every event before it is rendered.
        where: The value of CORS_AUDIT_SINK: whether the app's own pipeline is looked for.
        render: Makes the line.
        level: The value of CORS_AUDIT_LEVEL; None where nothing but policies is written.
        told: What events tell of clients.
        sender: The app, for signals.
        facts: What ``cors.policy.loaded`` tells of these settings.
        key_file: Holds the key that our own lines are sealed by; None where they are not.

    Attributes:
        allows: Whether an allow is written.
        denies: Whether a denial is.
        skips: Whether a request that is not decided is.
        told: As given.
        sender: As given.
        facts: As given.
        known: What `own` made lately, by its arguments; bounded.
    """

    def __init__(  # noqa: PLR0913 - one argument per setting
        self,
        sink: Sink,
        *,
        service: str,
        environment: str,
        version: str | None = None,
        processors: Iterable[Processor] = (),
        where: str = "own",
        render: Render = render,
        level: str | None = "decision",
        told: Told = Told(),  # noqa: B008 - frozen
        sender: Any = None,
        facts: Mapping[str, Any] | None = None,
        key_file: str | None = None,
    ) -> None:
        self._routes = Routes(where, sink, tuple(processors), render, is_sealed=key_file is not None)
        self._key_file = key_file
        self._service: Event = {"service.name": clean(service)}
        if version:
            self._service["service.version"] = clean(version)
        self._service["deployment.environment.name"] = environment
        self._second = (0, "")
        self.known: dict[tuple[int | None, str | None, str | None], Part] = {}
        self._writer = _Writer(key_file)
        self.allows = level in {"decision", "all"}
        self.denies = level is not None
        self.skips = level == "all"
        self.told = told
        self.sender = sender
        self.facts = dict(facts or {})
        _LOGS.add(self)

    def renew(self) -> _Writer:
        """Become a writer of its own, in a child after a fork; return the writer."""
        self._writer = _Writer(self._key_file)
        return self._writer

    def close(self) -> None:
        """Write the last record of a writer that seals its records: where it is missing, others may be."""
        writer = self._writer
        is_ours = writer.process == _process() and writer.chain is not None and writer.chain.is_sealing
        if is_ours and self.route() is self._routes.own:
            self.write("info", CLOSED, {})

    def key_faults(self) -> tuple[str, ...]:
        """Return the codes of what is wrong with the key file, or with its use; the step is taken now."""
        if self._writer.chain is None:
            return ()
        is_used = isinstance(self._routes.own, SealedRoute) and self.route() is self._routes.own
        self._writer.chain.begin()
        return (*self._writer.chain.faults, *(() if is_used else ("key-unused",)))

    @property
    def lost(self) -> int:
        """How many records this process lost and has not told yet."""
        return self._writer.lost

    def route(self) -> Route:
        """The route that an event would take now."""
        return self._routes.find()

    def write(self, level: str, name: str, fields: Event) -> str:
        """Write one event of *fields*, as `emit` does."""
        return self.emit(self.record(level, name, fields))

    def record(self, level: str, name: str, fields: Event) -> Record:
        """
        What events of this log that are alike have in common, for `emit`.

        Args:
            level: ``info``, ``warning`` or ``error``.
            name: What they are.
            fields: All of them but the envelope, and what differs from one event to the next.
        """
        return Record(level, name, self.part({**self._service, **fields}))

    def part(self, fields: Event) -> Part:
        """*fields* of events of this log, for `emit`."""
        return self._routes.part(fields)

    def own(self, status: int | None, client: str | None, route: str | None) -> Part:
        """What a decision's event tells of its one request alone; it is `known` from then on."""
        part = self.part(own_fields(self.told, status, client, route))
        if len(client or "") <= ADDRESS_LIMIT:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known[status, client, route] = part
        return part

    def emit(self, record: Record, own: Part = NO_PART, *, apart: bool = False) -> str:
        """
        Write one event. A loss is counted; nothing is raised but what ends whoever runs.

        Args:
            record: What it has in common with others.
            own: Its other fields.
            apart: Whether no code of the app serves the request: the thread's context then is an earlier
                request's, and is not shown to the app's processors and handlers.

        Returns:
            Its ``log.record.uid``; "" where it is lost, or the app's logging has no use for this level.
        """
        writer, uid = self._writer, ""
        if writer.process != _process():
            writer = self.renew()
        begun, second = self._second
        since = time.time_ns() - begun
        if not 0 <= since < _SECOND:
            since, second = self._turn(begun + since)
        now = f"{second}{str(_SECOND + since)[1:7]}Z"
        try:
            routes = self._routes
            route = routes.find()
            if route is not routes.own and not route.takes(record.level):
                return ""
            if writer.chain is None:
                uid, seal = f"{writer.prefix}{writer.next()}", None
            else:
                uid, seal = writer.take()
            if apart and route.shows_context:
                contextvars.Context().run(route.emit, now, uid, record, own, seal)
            else:
                route.emit(now, uid, record, own, seal)
        except BaseException as error:
            if not uid:
                writer.take()
            self._lose(writer, now, error)
            if ends(error):
                raise
            return ""
        if writer.lost:
            self._tell_loss(writer, route)
        return uid

    def _turn(self, nanoseconds: int) -> tuple[int, str]:
        """Prepare the second that has begun; returns what is past of it, and its text."""
        seconds, since = divmod(nanoseconds, _SECOND)
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds))
        self._second = seconds * _SECOND, text
        return since, text

    def _now(self) -> str:
        """The time as RFC 3339 text."""
        since, second = self._turn(time.time_ns())
        return f"{second}{str(_SECOND + since)[1:7]}Z"

    def lose(self, error: BaseException) -> None:
        """Count an event that could not even be made."""
        writer = self._writer if self._writer.process == _process() else self.renew()
        writer.take()
        self._lose(writer, self._now(), error)

    def _lose(self, writer: _Writer, now: str, error: BaseException) -> None:
        writer.lose(now, type(error).__name__)
        self._say_lost()

    def _say_lost(self) -> None:
        if cors_audit_lost.receivers:
            tell(cors_audit_lost, self.sender, lost=1)

    def _tell_loss(self, writer: _Writer, route: Route) -> None:
        """Write what was lost; a gap record that is lost itself is one more record lost."""
        lost, since, failure = writer.take_loss()
        if not lost:
            return
        fields = {"cors.audit.lost": lost, "cors.audit.lost_since": since, "error.type": failure}
        record = self.record("error", GAP, fields)
        uid, seal = writer.take()
        try:
            route.emit(self._now(), uid, record, NO_PART, seal)
        except BaseException as error:
            writer.lose(since, type(error).__name__, lost + 1)
            self._say_lost()
            if ends(error):
                raise


_LOGS: weakref.WeakSet[AuditLog] = weakref.WeakSet()


def _renew_all() -> None:
    for log in _LOGS:
        log.renew()


@atexit.register
def _close_all() -> None:
    for log in list(_LOGS):
        with contextlib.suppress(Exception):
            log.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


def add_bound(event: Event) -> None:
    """Add to *event* what the app bound, such as its ``request_id``; nothing of ours is replaced."""
    bound = structlog.contextvars.get_contextvars()
    for name in list(bound)[:_BOUND_LIMIT]:
        key = clean(name, 64)
        if key not in _OURS and not key.startswith("cors."):
            event.setdefault(key, _scalar(bound[name]))


def _scalar(value: Any) -> Any:
    """*value* as every writer of JSON has it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -_LARGEST <= value <= _LARGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    text = "?"
    with contextlib.suppress(Exception):
        text = clean(str(value))
    return text


__all__ = ["EVER_BOUND", "LINE_LIMIT", "AuditLog"]
