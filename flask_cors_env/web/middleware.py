"""
The wrapper around ``app.wsgi_app``: one decision a request, one event a decision.

Whatever goes wrong here, nothing is shared and the application still answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from sys import exception, modules
from typing import TYPE_CHECKING, Any

from flask import Flask

from flask_cors_env.audit.emit import EVER_BOUND, AuditLog, add_bound
from flask_cors_env.audit.event import TRUNCATED, add_path, clean
from flask_cors_env.audit.render import NO_PART, Part, Record
from flask_cors_env.audit.signals import cors_decided, tell
from flask_cors_env.core import protocol
from flask_cors_env.core.policy import Fields
from flask_cors_env.core.reason import Note, Reason, Verdict
from flask_cors_env.web.outcome import Active, Answer, Outcome, Source
from flask_cors_env.web.views import Selector
from flask_cors_env.web.wsgi import (
    TELEMETRY,
    active_request,
    has_any,
    path_of,
    read_path,
    set_fields,
    trace_ids,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: What an application says that shares a response by itself.
_SHARED = (protocol.ACAO.lower(),)
#: In development it ties a response in the browser's network tab to its line in the log.
_DECISION_ID = "CORS-Decision-Id"
#: In an environ: the wrapper that serves the request; of mounted apps the innermost that has a policy.
SERVED_BY = "flask_cors_env.served_by"


class Middleware:
    """
    The WSGI application around the app's own.

    Args:
        app: The app's own ``wsgi_app``.
        source: Gives what a request is served with.
    """

    def __init__(self, app: WSGIApplication, source: Source) -> None:
        self._app = app
        self._source = source
        # else what stands between may change the path on the way, as a mount does
        self._is_around_flask = isinstance(getattr(app, "__self__", None), Flask)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        active = self._source.ready or self._source.activate(environ)
        origin: str | None = environ.get("HTTP_ORIGIN")
        if origin is None and not active.log.skips:
            environ[SERVED_BY] = self
            return self._pass_on(environ, start_response, active)
        outcome = None  # of a decision that is made when the app has routed the request
        if active.selector is None or not self._is_around_flask or not active.is_decided_late(environ):
            outcome = active.outcome(environ, origin)
            if outcome.answer is not None:
                if SERVED_BY in environ:  # this app is mounted below one that has a policy too
                    environ[SERVED_BY] = self
                return _answer(environ, start_response, active, outcome, outcome.answer)
        environ[SERVED_BY] = self
        if outcome is not None and outcome.record is None and outcome.decision.verdict is Verdict.SKIP:
            if outcome.fields:
                start_response = self._setting(environ, start_response, outcome.fields)
            return self._app(environ, start_response)
        response = _Response(self, environ, start_response, active, outcome)
        try:
            body = self._app(environ, response.start)
        except BaseException:
            response.raised()
            raise
        return body if response.recorded else _Watched(body, response)

    def _pass_on(
        self, environ: WSGIEnvironment, start_response: StartResponse, active: Active
    ) -> Iterable[bytes]:
        """No CORS request: caches still have to tell its response from the others'."""
        selector = active.selector
        if selector is None:
            resource = active.everywhere or active.policy.resource_for(path_of(environ))
        elif self._is_around_flask:
            return self._app(environ, self._setting_late(environ, start_response, selector))
        else:
            resource = selector.for_active(environ, path_of(environ))
        if resource is None or not resource.passing:
            return self._app(environ, start_response)
        return self._app(environ, self._setting(environ, start_response, resource.passing))

    def _setting(
        self, environ: WSGIEnvironment, start_response: StartResponse, fields: Fields
    ) -> StartResponse:
        """*start_response* with *fields* set."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if environ.get(SERVED_BY) is self:
                headers = set_fields(headers, fields)[0]
            return start_response(status, headers, exc_info)

        return start

    def _setting_late(
        self, environ: WSGIEnvironment, start_response: StartResponse, selector: Selector
    ) -> StartResponse:
        """*start_response* with the fields of the resource that the request, once routed, falls under."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if environ.get(SERVED_BY) is self:
                resource = selector.for_active(environ, path_of(environ))
                if resource is not None and resource.passing:
                    headers = set_fields(headers, resource.passing)[0]
            return start_response(status, headers, exc_info)

        return start


class _Watched:
    """The body of an application that starts its response only while it is read, and may never do so."""

    def __init__(self, body: Iterable[bytes], response: _Response) -> None:
        self._body = body
        self._response = response
        self._chunks: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._chunks is None:
                self._chunks = iter(self._body)
            return next(self._chunks)
        except StopIteration:
            raise
        except BaseException:
            self._response.raised()
            self.close()
            raise

    def close(self) -> None:
        """Close the body; where nobody was answered, the event is due all the same."""
        close, self._body = getattr(self._body, "close", None), ()
        try:
            if close is not None:
                close()
        finally:
            self._response.abandoned()


def _answer(
    environ: WSGIEnvironment, start_response: StartResponse, active: Active, outcome: Outcome, answer: Answer
) -> Iterable[bytes]:
    """Answer at once, ahead of the application; the event is written first."""
    headers = [*answer.headers]
    uid = _record(active, environ, outcome, environ.get("PATH_INFO", ""), answer.status)
    if uid and active.policy.is_development:
        headers.append((_DECISION_ID, uid))
    start_response(answer.line, headers)
    return answer.body


def _record(  # noqa: PLR0913, PLR0917 - all of one request
    active: Active,
    environ: WSGIEnvironment,
    outcome: Outcome,
    path: str,
    status: int,
    request: Any = None,
    raised: str = "",
) -> str:
    """
    Write the event and tell who listens.

    Args:
        active: What the request is served with.
        environ: The request.
        outcome: What follows from its decision.
        path: The ``PATH_INFO`` that it came with: on its way through mounts it is rewritten.
        status: The response's.
        request: Flask's active request, if it is this one.
        raised: The type of the exception that went past the app; "" where none did.

    Returns:
        The event's uid, or "" where nothing is written.
    """
    log, record, receivers = active.log, outcome.record, cors_decided.receivers
    if record is None or not (outcome.is_due or receivers):
        return ""
    own, uid, is_due = NO_PART, "", outcome.is_due
    try:
        rule = None if request is None else request.url_rule
        key = status, environ.get("REMOTE_ADDR"), None if rule is None else rule.rule
        own = log.known.get(key) or log.own(*key)
        is_bound = EVER_BOUND and request is not None
        if is_bound or log.told.path or "HTTP_TRACEPARENT" in environ or TELEMETRY in modules:
            own = _with_more(log, own, environ, path, request)
        if raised:
            own = log.part({**own.fields, "error.type": clean(raised)})
        if TRUNCATED in own.fields:
            record, own = _told_in_one(log, record, own)
    except Exception as error:  # noqa: BLE001 - an event that cannot even be made is a line lost
        if is_due:
            log.lose(error)
        is_due = False
    if is_due:
        uid = log.emit(record, own)
    if receivers:
        asked, event = outcome.request._replace(path=read_path(path)), {**record.rest.fields, **own.fields}
        tell(cors_decided, log.sender, request=asked, decision=outcome.decision, event=event, uid=uid)
    return uid


def _with_more(log: AuditLog, own: Part, environ: WSGIEnvironment, path: str, request: Any) -> Part:
    """*own* with what few logs tell of a request; what the app has bound is this one's while it is active."""
    fields = {**own.fields}
    if log.told.path:
        add_path(fields, read_path(path), environ.get("HTTP_USER_AGENT"))
    trace = trace_ids(environ)
    if trace is not None:
        fields["trace_id"], fields["span_id"] = trace
    if request is not None:
        add_bound(fields)
    return log.part(fields)


def _told_in_one(log: AuditLog, record: Record, own: Part) -> tuple[Record, Part]:
    """*record* without the list of what was cut, which *own* then tells of both."""
    fields, owned = {**record.rest.fields}, {**own.fields}
    cut = fields.pop(TRUNCATED, None)
    if cut is None:
        return record, own
    owned[TRUNCATED] = f"{cut},{owned[TRUNCATED]}"
    return Record(record.level, record.name, log.part(fields)), log.part(owned)


class _Response:
    """
    The response to one request: fields when it starts, and one event, *recorded* once.

    Args:
        by: The wrapper that serves the request.
        environ: The request.
        start_response: The server's.
        active: What the request is served with.
        outcome: What follows from its decision; None where that is made when the app has routed it.
    """

    __slots__ = (
        "_active",
        "_by",
        "_environ",
        "_origin",
        "_outcome",
        "_path",
        "_start_response",
        "_uid",
        "recorded",
    )

    def __init__(
        self,
        by: Middleware,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        active: Active,
        outcome: Outcome | None,
    ) -> None:
        self._by = by
        self._environ = environ
        self._start_response = start_response
        self._active = active
        self._outcome = outcome
        self._origin: str | None = environ.get("HTTP_ORIGIN")
        self._path: str = environ.get("PATH_INFO", "")
        self._uid = ""
        self.recorded = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """Set the fields, write the event if it is not yet, and start the response."""
        environ, active = self._environ, self._active
        if environ.get(SERVED_BY) is not self._by:
            self.recorded = True
            return self._start_response(status, headers, exc_info)
        outcome = self._outcome or self._decided()
        if outcome.fields:
            headers, conflict = set_fields(headers, outcome.fields)
            if conflict:
                outcome = self._noting(Note.RESPONSE_CONFLICT)
        elif _is_left_to_the_app(outcome) and has_any(headers, _SHARED):
            outcome = self._changed(verdict=Verdict.SKIP, reasons=(Reason.APP_HEADERS,))
        if not self.recorded:
            self._record(outcome, int(status[:3]) if status[:3].isdecimal() else 0)
        if self._uid and active.policy.is_development:
            headers = [*headers, (_DECISION_ID, self._uid)]
        return self._start_response(status, headers, exc_info)

    def raised(self) -> None:
        """The application raised, and did not answer: the event is due all the same, once."""
        if not self.recorded and self._environ.get(SERVED_BY) is self._by:
            raised = type(exception()).__name__
            self._record(self._noting(Note.DEBUGGER_RESPONSE, fields=()), 500, raised)

    def abandoned(self) -> None:
        """The application did not even begin to answer; a status of 0 says so."""
        if not self.recorded and self._environ.get(SERVED_BY) is self._by:
            self._record(self._changed(fields=()), 0)

    def _noting(self, note: Note, **changed: Any) -> Outcome:
        return self._changed(notes=(*self._decided().decision.notes, note), **changed)

    def _changed(self, **changed: Any) -> Outcome:
        """What follows from the decision with other attributes."""
        decided = self._decided()
        return self._active.following(self._environ, decided.request, decided.decision._replace(**changed))

    def _decided(self) -> Outcome:
        """What follows from the decision, which is made now if it is not yet."""
        if self._outcome is None:
            self._outcome = self._active.outcome(self._environ, self._origin)
        return self._outcome

    def _record(self, outcome: Outcome, status: int, raised: str = "") -> None:
        environ, self.recorded = self._environ, True
        request = active_request(environ)
        self._uid = _record(self._active, environ, outcome, self._path, status, request, raised)


def _is_left_to_the_app(outcome: Outcome) -> bool:
    return outcome.decision.resource is None and outcome.request.origin is not None
