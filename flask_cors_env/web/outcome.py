"""
Outcomes: what follows from a decision, made once for all requests that ask the same.

Browsers ask the same again and again. So a decision, what the log tells of it and the answer are remembered,
in bounds, under all that they depend on; a request adds what is its own to a copy.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import DECISION, decision_fields
from flask_cors_env.audit.render import Record
from flask_cors_env.core.decision import Decision, Status, advice, decide_within
from flask_cors_env.core.policy import Fields, Policy, Resource
from flask_cors_env.core.reason import Reason, Verdict
from flask_cors_env.core.request import Kind, Request
from flask_cors_env.web.start import NO_NOTICE, Notice
from flask_cors_env.web.views import Selector
from flask_cors_env.web.wsgi import host_of, path_of, request_of, surroundings_of, vary_field

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LINES: dict[int, str] = {
    Status.OK: "200 OK",
    Status.NO_CONTENT: "204 No Content",
    Status.FORBIDDEN: "403 Forbidden",
}
#: How many outcomes are remembered, and for values of how many characters in all. An event is at most a few
#: kilobytes then, so what clients can make a policy remember is a few megabytes.
_REMEMBERED = 1024
_SHORT = 512
_LOG = logging.getLogger("flask_cors_env")


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What is answered at once, ahead of the application.

    Attributes:
        status: As a number.
        line: The same with its phrase.
        headers: All of them.
        body: Its chunks.
    """

    status: int
    line: str
    headers: Fields
    body: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What follows from one decision.

    Attributes:
        request: As it was decided on, but for its path.
        decision: As it was made.
        fields: To be set on the application's response; one named ``Vary`` is merged.
        answer: What is answered at once; None where the application answers.
        record: The event but for what is one request's own; None where there is none to be had.
        is_due: Whether the event goes into the log.
    """

    request: Request
    decision: Decision
    fields: Fields
    answer: Answer | None
    record: Record | None
    is_due: bool


class Source(Protocol):
    """
    Where the wrapper gets from what a request is served with.

    Attributes:
        ready: What every request is served with; None where `activate` has to be asked.
    """

    ready: Active | None

    def activate(self, environ: WSGIEnvironment) -> Active:
        """What a request is served with; raises CORSConfigError if there is no policy."""


class Active:
    """
    What requests are served with, read once at the beginning of each.

    Args:
        policy: Decides.
        log: Takes the events.
        selector: Finds the resource where views or blueprints have policies; None where paths alone do.
        notice: What a developer is told where production is only the fallback.

    Attributes:
        everywhere: The resource that governs every request; None where that depends on the request.
    """

    __slots__ = ("_known", "everywhere", "log", "notice", "policy", "selector")

    def __init__(
        self, policy: Policy, log: AuditLog, selector: Selector | None = None, notice: Notice = NO_NOTICE
    ) -> None:
        self.policy = policy
        self.notice = notice
        self.log = log
        self.selector = selector
        self.everywhere = policy.everywhere if selector is None else None
        self._known: dict[tuple[Any, ...], Outcome] = {}

    def outcome(self, environ: WSGIEnvironment, origin: str | None) -> Outcome:
        """What follows for a request; a failure of our own is a decision too, and shares nothing."""
        get = environ.get
        try:
            resource = self.everywhere or self._resource(environ, origin)
            # all that it depends on under one policy; where the application's function is asked, more
            key = (
                resource,
                origin,
                get("REQUEST_METHOD"),
                get("HTTP_ACCESS_CONTROL_REQUEST_METHOD"),
                get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
                get("HTTP_SEC_FETCH_SITE"),
                get("wsgi.url_scheme"),
                get("HTTP_HOST") or (host_of(environ),),
                "HTTP_COOKIE" in environ,
                "HTTP_AUTHORIZATION" in environ,
            )
            return self._known.get(key) or self._new(environ, origin, resource, key)
        except Exception:  # noqa: BLE001 - fail closed, whatever it is
            _LOG.exception("a CORS decision failed; nothing is shared")
            request = request_of(environ, origin)
            is_answered = request.kind is Kind.PREFLIGHT or self.policy.enforces
            status = Status.FORBIDDEN if is_answered else None
            reasons = (Reason.INTERNAL_ERROR,)
            decision = Decision(request.kind, Verdict.DENY, reasons, vary=("Origin",), status=status)
            return self.following(environ, request, decision)

    def is_decided_late(self, environ: WSGIEnvironment) -> bool:
        """Whether the app may route the request first, where that tells what governs it."""
        return not (self.policy.enforces or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ)

    def _resource(self, environ: WSGIEnvironment, origin: str | None) -> Resource | None:
        """The resource that governs the request, or the one that a preflight asks for."""
        path, selector = path_of(environ), self.selector
        if selector is None:
            return self.policy.resource_for(path)
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
        if origin is not None and asked is not None and environ.get("REQUEST_METHOD") == "OPTIONS":
            return selector.for_preflight(environ, path, asked)
        return selector.for_active(environ, path)

    def _new(
        self, environ: WSGIEnvironment, origin: str | None, resource: Resource | None, key: tuple[Any, ...]
    ) -> Outcome:
        """What follows for a request that is new; remembered if nothing but *key* decides."""
        self.notice.of_request(environ)
        request = request_of(environ, origin)
        decision = decide_within(
            resource, request, explained=self.policy.is_development, outside=self.policy.outside
        )
        if decision.error is not None:
            _LOG.error("the function given as origins failed; nothing is shared", exc_info=decision.error)
        found = self.following(environ, request, decision)
        is_whole = found.record is not None or not found.is_due
        if is_whole and (resource is None or resource.origin_function is None):
            self._remember(key, found)
        return found

    def _remember(self, key: tuple[Any, ...], found: Outcome) -> None:
        if sum(len(value) for value in key if isinstance(value, str)) > _SHORT:
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = found

    def following(self, environ: WSGIEnvironment, request: Request, decision: Decision) -> Outcome:
        """What follows from *decision*."""
        log, verdict, status = self.log, decision.verdict, decision.status
        skipped = verdict is Verdict.SKIP
        is_due = log.skips if skipped else log.allows if verdict is Verdict.ALLOW else log.denies
        return Outcome(
            request._replace(path=""),  # it is whoever asked first's, of any length
            decision,
            (*vary_field(decision.vary), *decision.fields),
            None if status is None else _answer(self.policy, request, decision, status),
            None if skipped and not is_due else self._record(environ, request, decision),
            is_due,
        )

    def _record(self, environ: WSGIEnvironment, request: Request, decision: Decision) -> Record | None:
        """The event; one that cannot even be made is a line lost, which the log tells."""
        level = "warning" if decision.verdict is Verdict.DENY else "info"
        try:
            around = surroundings_of(environ)
            fields = decision_fields(request, decision, around, self.policy.id)
            return self.log.record(level, DECISION, fields)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request is answered
            self.log.lose(error)
            return None


def _answer(policy: Policy, request: Request, decision: Decision, status: int) -> Answer:
    headers = (*decision.fields, *vary_field(decision.vary))
    body = _body(policy, decision)
    if status != Status.NO_CONTENT:
        described = ("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))
        headers = (*headers, *described)
    return Answer(int(status), _LINES[status], headers, (body,) if body and request.method != "HEAD" else ())


def _body(policy: Policy, decision: Decision) -> bytes:
    """In development one line that says why; else nothing."""
    if not policy.is_development or decision.verdict is Verdict.ALLOW:
        return b""
    return f"CORS: {advice(decision)}\n".encode("ascii", "backslashreplace")
