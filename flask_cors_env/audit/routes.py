"""
Routes: which pipeline takes an event, asked for each event anew.

The app's structlog if the app configured it; else the standard library's logger ``flask_cors_env.audit`` if a
handler is reachable; else a line of our own. Nothing here configures structlog, and no logger is bound at
import: an app may configure its logging whenever it likes.
"""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any, Protocol

import structlog
from structlog.testing import LogCapture
from structlog.typing import Processor

from flask_cors_env.audit.event import Event
from flask_cors_env.audit.fields import MAC, STEP
from flask_cors_env.audit.formats import LOGGER, unread
from flask_cors_env.audit.render import (
    BEGINNING,
    LINE_LIMIT,
    Part,
    Record,
    Render,
    encode,
    event_of,
    fitting,
    part_of,
)
from flask_cors_env.audit.render import render as as_json
from flask_cors_env.audit.seal import MAC_ROOM, PLACES, Seal, covered, mac_of
from flask_cors_env.audit.sink import Sink

#: What a line begins with, as far as its seal: no event is so long that one of these is dropped.
_HEAD = ("cors.schema", "timestamp", "level", "event", "log.record.uid", STEP)
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

#: structlog's own defaults: `get_config` may tell an app's by the time this is imported.
_DEFAULTS: Any = structlog._config  # noqa: SLF001 - there is no public name for them
#: What `structlog.is_configured` looks at; every event asks.
_STATE: Any = _DEFAULTS._CONFIG  # noqa: SLF001 - likewise
_BUILTIN: Sequence[Processor] = tuple(_DEFAULTS._BUILTIN_DEFAULT_PROCESSORS)  # noqa: SLF001
_BUILTIN_REST = {
    "logger_factory": _DEFAULTS._BUILTIN_DEFAULT_LOGGER_FACTORY,  # noqa: SLF001
    "wrapper_class": _DEFAULTS._BUILTIN_DEFAULT_WRAPPER_CLASS,  # noqa: SLF001
    "context_class": _DEFAULTS._BUILTIN_DEFAULT_CONTEXT_CLASS,  # noqa: SLF001
}


class Route(Protocol):
    """
    One way for an event to be written.

    Attributes:
        name: The route's name in ``cors.audit.route``.
        shows_context: Whether code of the app, which may read context variables, runs on the way.
    """

    name: str
    shows_context: bool

    def takes(self, level: str) -> bool:
        """Whether an event of *level* will be written, as far as can be told."""

    def emit(self, now: str, uid: str, record: Record, own: Part, seal: Seal | None) -> None:
        """Write the event of *record* with what is its *own*, or raise; a line of ours gets its *seal*."""


def _run(processors: Sequence[Processor], logger: Any, level: str, event: MutableMapping[str, Any]) -> Any:
    """What the last of *processors* returns."""
    processed: Any = event
    for processor in processors:
        processed = processor(logger, level, processed)
    return processed


class OwnRoute:
    """A line of our own, in one write: structlog's work too, outside its global configuration."""

    name = "own"
    shows_context = True

    def __init__(self, sink: Sink, processors: Sequence[Processor], render: Render) -> None:
        self._chain = (*processors, render)
        self._logger = sink

    def takes(self, _level: str) -> bool:
        """Every level."""
        return True

    def emit(self, now: str, uid: str, record: Record, own: Part, _seal: Seal | None) -> None:
        """Write the event, or raise."""
        event = event_of(now, uid, record, own)
        self._logger.write(_run(self._chain, self._logger, record.level, event))


class LineRoute(OwnRoute):
    """The same where no processor and no format has a say: what events have in common is encoded once."""

    shows_context = False

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def emit(self, now: str, uid: str, record: Record, own: Part, _seal: Seal | None) -> None:
        """Write the event, or raise."""
        line = (
            f'{BEGINNING}{now}","level":"{record.level}","event":"{record.name}","log.record.uid":"{uid}"'
            f"{record.rest.json}{own.json}}}\n"
        ).encode()
        if len(line) > LINE_LIMIT:
            line = as_json(None, record.level, event_of(now, uid, record, own))
        self._sink.write(line)


class SealedRoute(OwnRoute):
    """A line of our own with a MAC; the processors have run by then, so that it covers what is written."""

    def __init__(self, sink: Sink, processors: Sequence[Processor]) -> None:
        super().__init__(sink, processors, as_json)
        self._sink = sink
        self._processors = processors
        self.shows_context = bool(processors)

    def emit(self, now: str, uid: str, record: Record, own: Part, seal: Seal | None) -> None:
        """Write the event, or raise."""
        if seal is None:
            super().emit(now, uid, record, own, None)
            return
        if record.rest.last < own.first and not self._processors:
            line = (
                f'{BEGINNING}{now}","level":"{record.level}","event":"{record.name}","log.record.uid":"{uid}",'
                f'"{STEP}":{seal.step}{record.rest.json}{own.json}}}'
            )
            if len(line) < LINE_LIMIT - MAC_ROOM:
                mac = mac_of(seal.key, line.encode())
                self._sink.write(f'{line[:-1]},"{MAC}":"{mac}"}}\n'.encode())
                return
        self._sink.write(
            self._sealed({STEP: seal.step, **event_of(now, uid, record, own)}, record.level, seal)
        )

    def _sealed(self, event: Event, level: str, seal: Seal) -> bytes:
        """Return the line of *event*; what processors made of it is covered as a reader will find it."""
        made = _run(self._processors, self._sink, level, event)
        head = {name: made[name] for name in _HEAD if name in made}
        made = fitting({**head, **made, STEP: seal.step}, LINE_LIMIT - MAC_ROOM)
        seen = json.loads(encode(made)) if self._processors else made
        return encode({**made, MAC: mac_of(seal.key, covered(seen))})


def sealed_part(fields: Event) -> Part:
    """Return *fields* with their JSON, and with their places if the JSON is covered by a MAC as it stands."""
    part = part_of(fields)
    places = [PLACES.get(name, -1) for name in fields]
    is_covered = part.json.isascii() and -1 not in places and places == sorted(places)
    first, last = (places[0], places[-1]) if places else (len(PLACES), -1)
    return Part(fields, part.json, first, last) if is_covered else part


class StructlogRoute:
    """The app's processors and the logger its factory makes, without its wrapper class."""

    name = "structlog"
    shows_context = True

    def __init__(self, factory: Callable[..., Any], processors: Sequence[Processor]) -> None:
        self.factory = factory
        self._processors = processors
        self._logger: Any = None

    def takes(self, level: str) -> bool:
        """Whether the logger takes *level*; one that cannot tell does."""
        logger = self._made()
        return _passes(logger, level) if isinstance(logger, logging.Logger) else True

    def emit(self, now: str, uid: str, record: Record, own: Part, _seal: Seal | None) -> None:
        """Write the event, or raise; what the app has bound is in it already where it is this request's."""
        event = event_of(now, uid, record, own)
        contextvars.copy_context().run(self._emit_alone, record.level, event)

    def _emit_alone(self, level: str, event: Event) -> None:
        structlog.contextvars.clear_contextvars()
        self._emit(level, event)

    def _emit(self, level: str, event: Event) -> None:
        logger = self._made()
        chain = structlog.get_config()["processors"]
        try:
            processed = _run((*self._processors, *chain), logger, level, event)
        except structlog.DropEvent:
            if isinstance(chain[-1], LogCapture):  # it has the event, and wants no other to have it
                return
            raise
        method = getattr(logger, level)
        if isinstance(processed, str | bytes | bytearray):
            method(processed)
        elif isinstance(processed, tuple):
            args, keywords = processed
            method(*args, **keywords)
        else:
            method(**processed)

    def _made(self) -> Any:
        if self._logger is None:
            self._logger = _logger_of(self.factory)
            if isinstance(self._logger, logging.Logger):
                _open(self._logger)
        return self._logger


def _logger_of(factory: Callable[..., Any]) -> Any:
    """What *factory* makes of our name, or of none: `structlog.get_logger` need not be given one."""
    try:
        return factory(LOGGER)
    except TypeError:
        return factory()


class Message(dict[str, Any]):
    """An event as a log record's message: a dict for formatters that take one, JSON for those that print."""

    def __init__(self, event: Event, text: str) -> None:
        super().__init__(event)
        self._text = text

    def __str__(self) -> str:
        return self._text


class LoggingRoute:
    """The standard library's logger ``flask_cors_env.audit``."""

    name = "logging"
    shows_context = True

    def __init__(self, processors: Sequence[Processor], render: Render) -> None:
        self._processors = processors
        self._render = render
        self._logger: logging.Logger | None = None

    def takes(self, level: str) -> bool:
        """Whether *level* passes the logger and one of the handlers it reaches."""
        return _passes(self.logger, level)

    def emit(self, now: str, uid: str, record: Record, own: Part, _seal: Seal | None) -> None:
        """Hand the event to the handlers; what they swallow is theirs."""
        level = record.level
        made = _run(self._processors, self.logger, level, event_of(now, uid, record, own))
        text = self._render(None, level, dict(made)).decode().rstrip("\n")
        self.logger.log(LEVELS[level], Message(made, text))

    @property
    def logger(self) -> logging.Logger:
        """Made when it is first asked for: ``disable_existing_loggers`` then finds nothing to disable."""
        if self._logger is None:
            self._logger = logging.getLogger(LOGGER)
            _open(self._logger)
        return self._logger

    def unread(self) -> str | None:
        """Return how a handler writes a record that no reader knows again; None where each is read."""
        line = '{"cors.schema":1}'
        return unread(_handlers(self.logger), Message({"cors.schema": 1}, line), line)


def _open(logger: logging.Logger) -> None:
    """Let decisions through a logger nobody set a level on: the root's WARNING would drop every allow."""
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


def _handlers(logger: logging.Logger) -> Iterator[logging.Handler]:
    at: logging.Logger | None = logger
    while at is not None:
        for handler in at.handlers:
            if not isinstance(handler, logging.NullHandler):
                yield handler
        at = at.parent if at.propagate else None


def _is_reachable(logger: logging.Logger) -> bool:
    """`_handlers`, unrolled: this is asked for every event."""
    at: logging.Logger | None = None if logger.disabled else logger
    while at is not None:
        for handler in at.handlers:
            if not isinstance(handler, logging.NullHandler):
                return True
        at = at.parent if at.propagate else None
    return False


def _passes(logger: logging.Logger, level: str) -> bool:
    """Whether a record of *level* is written; without a handler the last resort prints warnings."""
    number = LEVELS[level]
    if not logger.isEnabledFor(number):
        return False
    handlers = list(_handlers(logger))
    if handlers:
        return any(handler.level <= number for handler in handlers)
    return logging.lastResort is not None and logging.lastResort.level <= number


def _is_builtin() -> bool:
    """Whether structlog's configuration is its own default, compared by identity."""
    config = structlog.get_config()
    processors = config["processors"]
    return (
        all(config[name] is value for name, value in _BUILTIN_REST.items())
        and len(processors) == len(_BUILTIN)
        and all(one is other for one, other in zip(processors, _BUILTIN, strict=True))
    )


def _is_captured() -> bool:
    """Whether `structlog.testing.capture_logs` is at work."""
    processors = structlog.get_config()["processors"]
    return bool(processors) and isinstance(processors[-1], LogCapture)


def _own_route(sink: Sink, processors: Sequence[Processor], render: Render, *, is_sealed: bool) -> OwnRoute:
    if is_sealed:
        return SealedRoute(sink, processors)
    return LineRoute(sink) if render is as_json and not processors else OwnRoute(sink, processors, render)


def _bare(fields: Event) -> Part:
    return Part(fields, "")


class Routes:
    """
    The routes of one app's log.

    Args:
        where: The value of CORS_AUDIT_SINK.
        sink: Takes our own lines.
        processors: The app's own, given as ``audit_processors``; run on every route.
        render: Makes our own lines, and the text of standard library records.
        is_sealed: Whether our own lines have a MAC; not where they are for a person.
    """

    def __init__(
        self, where: str, sink: Sink, processors: Sequence[Processor], render: Render, *, is_sealed: bool
    ) -> None:
        is_sealed = is_sealed and render is as_json
        self.own = _own_route(sink, processors, render, is_sealed=is_sealed)
        self._part = sealed_part if is_sealed else part_of if isinstance(self.own, LineRoute) else _bare
        self._processors = processors
        self._logging = LoggingRoute(processors, render)
        self._structlog: StructlogRoute | None = None
        self._is_ours = where not in {"auto", "app"}
        #: None where it depends on what the app has done by now.
        self._settled: Route | None = (
            None if where == "auto" else self._logging if where == "app" else self.own
        )

    def part(self, fields: Event) -> Part:
        """*fields*, with their JSON where `own` wants it."""
        return self._part(fields)

    def find(self) -> Route:
        """The route that an event takes now."""
        if _STATE.is_configured and self._takes_structlog():
            return self._through_structlog()
        return self._settled or (self._logging if _is_reachable(self._logging.logger) else self.own)

    def _takes_structlog(self) -> bool:
        """A test that captures logs gets them whatever the sink."""
        return _is_captured() if self._is_ours else not _is_builtin()

    def _through_structlog(self) -> StructlogRoute:
        factory = structlog.get_config()["logger_factory"]
        route = self._structlog
        if route is None or route.factory is not factory:
            route = self._structlog = StructlogRoute(factory, self._processors)
        return route
