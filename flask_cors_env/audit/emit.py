"""
Emission: one event, handed once through the processors, one line, one write.

The logger is structlog's, with a wrapper class and processors of ours, outside the global configuration. What
fails is counted, and told by a record of its own as soon as the log works again; no caller is ever disturbed.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from flask_cors_env.audit.event import GAP, LIMIT, POLICY_LOADED, SCHEMA, Event
from flask_cors_env.audit.sink import Sink

try:
    import orjson
except ImportError:  # no wheels for this interpreter
    orjson = None  # type: ignore[assignment]

#: A pipe takes this much in one piece: https://pubs.opengroup.org/onlinepubs/9799919799/functions/write.html
LINE_LIMIT = 4096
_SHORTENED = 64
_POLICY_PART = 1600


def _encode(event: Mapping[str, Any]) -> bytes:
    """*event* as one line of JSON; its strings are ASCII already."""
    if orjson is not None:
        return orjson.dumps(event, default=str) + b"\n"
    return json.dumps(event, separators=(",", ":"), default=str).encode() + b"\n"


def render(_logger: Any, _level: str, event: MutableMapping[str, Any]) -> bytes:
    """The last processor of our own line: JSON within the limit of an atomic write to a pipe."""
    line = _encode(event)
    return line if len(line) <= LINE_LIMIT else _encode(_shortened(event))


def _shortened(event: Mapping[str, Any]) -> Event:
    """*event* with its long values cut, which it says."""
    cut = [name for name, value in event.items() if isinstance(value, str) and len(value) > _SHORTENED]
    short = {name: value[:_SHORTENED] if name in cut else value for name, value in event.items()}
    return {**short, "cors.audit.truncated": ",".join(cut)[:LIMIT]}


class AuditLogger(structlog.BoundLoggerBase):
    """A bound logger that takes an event as the dict it is, instead of unpacking and repacking keywords."""

    def emit(self, level: str, event: Event) -> None:
        """Run *event* through the processors and write what the last one returns."""
        processed: Any = event
        try:
            for processor in self._processors:
                processed = processor(self._logger, level, processed)
        except structlog.DropEvent:
            return
        self._logger.write(processed)


class _Clock:
    """The time as RFC 3339 text; the part down to the second is formatted once a second."""

    def __init__(self) -> None:
        self._cached = (0, "")

    def now(self) -> str:
        seconds, micros = divmod(time.time_ns() // 1000, 1_000_000)
        cached = self._cached
        if cached[0] != seconds:
            cached = self._cached = (seconds, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)))
        return f"{cached[1]}.{micros:06d}Z"


class AuditLog:
    """
    The log of one app in one process.

    Args:
        sink: Where the lines go.
        service: The app's name.
        environment: Whose rules hold.
        processors: The app's own structlog processors, run on every event before it is rendered.
    """

    def __init__(
        self, sink: Sink, *, service: str, environment: str, processors: Iterable[Processor] = ()
    ) -> None:
        chain: list[Processor] = [*processors, render]
        self._logger: Any = structlog.wrap_logger(sink, processors=chain, wrapper_class=AuditLogger).bind()
        self._service = service
        self._environment = environment
        self._clock = _Clock()
        self._lock = threading.Lock()
        self._renew()

    def _renew(self) -> None:
        """Become a writer of its own: at the start, and in a child after a fork."""
        self._writer = secrets.token_hex(6)
        self._sequence: Callable[[], int] = itertools.count(1).__next__
        self._lost = 0
        self._lost_since = ""
        self._failure = ""
        self._pid = os.getpid()

    def write(self, level: str, name: str, fields: Event) -> str:
        """Write one event; returns its ``log.record.uid``. Raises nothing: a loss is counted."""
        if self._pid != os.getpid():
            self._renew()
        uid = f"{self._writer}-{self._sequence()}"
        now = self._clock.now()
        try:
            self._logger.emit(level, {**self._envelope(now, level, name, uid), **fields})
        except Exception as error:  # noqa: BLE001 - whatever the log does, the request goes on
            self._count(now, error)
        else:
            if self._lost:
                self._tell_loss()
        return uid

    def _envelope(self, now: str, level: str, name: str, uid: str) -> Event:
        return {
            "cors.schema": SCHEMA,
            "timestamp": now,
            "level": level,
            "event": name,
            "log.record.uid": uid,
            "service.name": self._service,
            "deployment.environment.name": self._environment,
        }

    def _count(self, now: str, error: Exception) -> None:
        with self._lock:
            self._lost += 1
            self._lost_since = self._lost_since or now
            self._failure = type(error).__name__

    def _tell_loss(self) -> None:
        """Write what was lost; a gap record that is lost itself is one more record lost."""
        with self._lock:
            lost, since, failure = self._lost, self._lost_since, self._failure
            self._lost, self._lost_since = 0, ""
        if not lost:
            return
        fields = {"cors.audit.lost": lost, "cors.audit.lost_since": since, "error.type": failure}
        now = self._clock.now()
        uid = f"{self._writer}-{self._sequence()}"
        try:
            self._logger.emit("error", {**self._envelope(now, "error", GAP, uid), **fields})
        except Exception as error:  # noqa: BLE001 - as above
            with self._lock:
                self._lost += lost + 1
                self._lost_since = since
                self._failure = type(error).__name__


def write_policy(log: AuditLog, policy_id: str, canonical: str, rest: Mapping[str, str]) -> None:
    """Write ``cors.policy.loaded``: the whole policy, in numbered parts where one line would be too long."""
    parts = [canonical[at : at + _POLICY_PART] for at in range(0, len(canonical), _POLICY_PART)]
    for number, part in enumerate(parts, 1):
        fields: Event = {
            "cors.policy.id": policy_id,
            "cors.policy": part,
            "cors.policy.part": number,
            "cors.policy.parts": len(parts),
            **{name: value[:LIMIT] for name, value in rest.items() if value},
        }
        log.write("info", POLICY_LOADED, fields)
