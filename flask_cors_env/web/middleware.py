"""
The wrapper around ``app.wsgi_app``: one decision a request, one event a decision.

Whatever goes wrong here, nothing is shared and the application still answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import DECISION, Surroundings, decision_fields
from flask_cors_env.audit.signals import cors_decided, tell
from flask_cors_env.core.decision import Decision, Status, advice, decide_within
from flask_cors_env.core.policy import Fields, Policy
from flask_cors_env.core.reason import Note, Reason, Verdict
from flask_cors_env.core.request import Kind, Request
from flask_cors_env.web.views import Selector
from flask_cors_env.web.wsgi import has_own_fields, path_of, request_of, set_fields, surroundings_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LINES = {
    Status.OK: "200 OK",
    Status.NO_CONTENT: "204 No Content",
    Status.FORBIDDEN: "403 Forbidden",
}
#: In development it ties a response in the browser's network tab to its line in the log.
_DECISION_ID = "CORS-Decision-Id"
#: In an environ: the wrapper that serves the request; of mounted apps the innermost.
SERVED_BY = "flask_cors_env.served_by"
_LOG = logging.getLogger("flask_cors_env")


class Active(NamedTuple):
    """
    What one request is served with, read once at its beginning.

    Attributes:
        policy: Decides.
        log: Takes the events.
        selector: Finds the resource where views or blueprints have policies; None where paths alone do.
    """

    policy: Policy
    log: AuditLog
    selector: Selector | None = None


class Middleware:
    """
    The WSGI application around the app's own.

    Args:
        app: The app's own ``wsgi_app``.
        activate: Gives what a request is served with; raises CORSConfigError if there is no policy.
    """

    def __init__(self, app: WSGIApplication, activate: Callable[[WSGIEnvironment], Active]) -> None:
        self._app = app
        self._activate = activate

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        active = self._activate(environ)
        environ[SERVED_BY] = self
        origin: str | None = environ.get("HTTP_ORIGIN")
        path = path_of(environ)
        if origin is None and not active.log.skips:
            return self._pass_on(environ, start_response, active, path)
        request = request_of(environ, origin, path)
        decision = _decided(active, request, environ)
        if decision.status is not None:
            return _answer(environ, start_response, active, request, decision)
        if decision.verdict is Verdict.SKIP and not active.log.skips:
            return self._app(environ, self._setting(environ, start_response, decision.fields, decision.vary))
        return self._share(environ, start_response, active, request, decision)

    def _pass_on(
        self, environ: WSGIEnvironment, start_response: StartResponse, active: Active, path: str
    ) -> Iterable[bytes]:
        """No CORS request: caches still have to tell its response from the others'."""
        if active.selector is not None:
            return self._app(environ, self._setting_late(environ, start_response, active.selector, path))
        resource = active.policy.resource_for(path)
        if resource is None or not resource.enabled:
            return self._app(environ, start_response)
        fields = resource.constant_fields or ()
        return self._app(environ, self._setting(environ, start_response, fields, resource.vary))

    def serves(self, environ: WSGIEnvironment) -> bool:
        """Whether no other app, mounted below this one, has a policy of its own for the request."""
        return environ.get(SERVED_BY) is self

    def _setting(
        self, environ: WSGIEnvironment, start_response: StartResponse, fields: Fields, vary: tuple[str, ...]
    ) -> StartResponse:
        """*start_response* with *fields* set and *vary* merged; itself where there is nothing to do."""
        if not fields and not vary:
            return start_response

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if self.serves(environ):
                headers = set_fields(headers, fields, vary)[0]
            return start_response(status, headers, exc_info)

        return start

    def _setting_late(
        self, environ: WSGIEnvironment, start_response: StartResponse, selector: Selector, path: str
    ) -> StartResponse:
        """*start_response* with the fields of the resource that the request, once routed, falls under."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if self.serves(environ):
                resource = selector.for_active(environ, path)
                if resource is not None and resource.enabled:
                    headers = set_fields(headers, resource.constant_fields or (), resource.vary)[0]
            return start_response(status, headers, exc_info)

        return start

    def _share(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        active: Active,
        request: Request,
        decision: Decision,
    ) -> Iterable[bytes]:
        """An actual request, or any on a path that no resource covers: the application answers."""
        response = _Response(self, environ, start_response, active, request, decision)
        try:
            body = self._app(environ, response.start)
        except Exception:
            response.raised()
            raise
        return body if response.recorded else _watched(body, response)


def _watched(body: Iterable[bytes], response: _Response) -> Iterator[bytes]:
    """*body*, of an application that starts its response only while it is read, and may fail before."""
    try:
        yield from body
    except Exception:
        response.raised()
        raise
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


def _decided(active: Active, request: Request, environ: WSGIEnvironment) -> Decision:
    """The decision; a failure of our own is one too, and shares nothing."""
    policy, selector = active.policy, active.selector
    try:
        if selector is None:
            resource = policy.resource_for(request.path)
        else:
            method = request.requested_method if request.kind is Kind.PREFLIGHT else request.method
            resource = selector.for_request(environ, request.path, method or "")
        decision = decide_within(resource, request, explained=policy.is_development)
    except Exception:  # noqa: BLE001 - fail closed, whatever it is
        _LOG.exception("a CORS decision failed; nothing is shared")
        status = Status.FORBIDDEN if request.kind is Kind.PREFLIGHT else None
        return Decision(request.kind, Verdict.DENY, (Reason.INTERNAL_ERROR,), vary=("Origin",), status=status)
    if decision.error is not None:
        _LOG.error("the function given as origins failed; nothing is shared", exc_info=decision.error)
    return decision


def _answer(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    active: Active,
    request: Request,
    decision: Decision,
) -> Iterable[bytes]:
    """Answer at once, ahead of the application; the event is written first."""
    status = decision.status or Status.FORBIDDEN
    body = _body(active.policy, decision)
    headers = [*decision.fields, ("Vary", ", ".join(decision.vary))]
    if status != Status.NO_CONTENT:
        headers += [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    uid = _record(active, request, decision, environ, int(status))
    if uid and active.policy.is_development:
        headers.append((_DECISION_ID, uid))
    start_response(_LINES[Status(status)], headers)
    return [body] if body and request.method != "HEAD" else []


def _body(policy: Policy, decision: Decision) -> bytes:
    """In development one line that says why; else nothing."""
    if not policy.is_development or decision.verdict is Verdict.ALLOW:
        return b""
    return f"CORS: {advice(decision)}\n".encode("ascii", "backslashreplace")


def _record(
    active: Active, request: Request, decision: Decision, environ: WSGIEnvironment, status: int
) -> str:
    """Write the event and tell who listens; returns its uid, or "" where nothing is written."""
    log, verdict = active.log, decision.verdict
    if verdict is Verdict.SKIP and not log.skips:
        return ""
    due = log.allows if verdict is Verdict.ALLOW else log.denies
    if not due and not cors_decided.receivers:
        return ""
    try:
        around = surroundings_of(environ)
    except Exception:  # noqa: BLE001 - an event without its surroundings is better than none
        around = Surroundings()
    try:
        fields = decision_fields(request, decision, around, status, active.policy.id, log.told)
    except Exception as error:  # noqa: BLE001 - a line is lost, which the log tells; no answer is
        log.lose(error)
        return ""
    level = "warning" if verdict is Verdict.DENY else "info"
    uid = log.write(level, DECISION, fields, trace=around.trace, shared=around.active) if due else ""
    if cors_decided.receivers:
        tell(cors_decided, log.sender, request=request, decision=decision, event=fields, uid=uid)
    return uid


class _Response:
    """The response to one decided request: fields when it starts, and one event, *recorded* once."""

    __slots__ = ("_active", "_by", "_decision", "_environ", "_request", "_start_response", "_uid", "recorded")

    def __init__(  # noqa: PLR0913, PLR0917 - all of one request
        self,
        by: Middleware,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        active: Active,
        request: Request,
        decision: Decision,
    ) -> None:
        self._by = by
        self._environ = environ
        self._start_response = start_response
        self._active = active
        self._request = request
        self._decision = decision
        self._uid = ""
        self.recorded = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """Set the fields, write the event if it is not yet, and start the response."""
        decision = self._decision
        if not self._by.serves(self._environ):
            self.recorded = True
            return self._start_response(status, headers, exc_info)
        if decision.vary or decision.fields:
            headers, conflict = set_fields(headers, decision.fields, decision.vary)
            if conflict:
                decision = decision._replace(notes=(*decision.notes, Note.RESPONSE_CONFLICT))
        elif decision.resource is None and self._request.origin is not None and has_own_fields(headers):
            decision = decision._replace(verdict=Verdict.SKIP, reasons=(Reason.APP_HEADERS,))
        uid = self._record(decision, _code(status))
        if uid and self._active.policy.is_development:
            headers = [*headers, (_DECISION_ID, uid)]
        return self._start_response(status, headers, exc_info)

    def raised(self) -> None:
        """The application raised, and did not answer: the event is due all the same."""
        notes = (*self._decision.notes, Note.DEBUGGER_RESPONSE)
        self._record(self._decision._replace(notes=notes, fields=()), 500)

    def _record(self, decision: Decision, status: int) -> str:
        if not self.recorded:
            self.recorded = True
            self._uid = _record(self._active, self._request, decision, self._environ, status)
        return self._uid


def _code(status: str) -> int:
    code = status[:3]
    return int(code) if code.isdecimal() else 0
