"""
Outcomes: what follows from a decision, made once for all requests that ask the same.

Browsers ask the same again and again. So a decision, what the log tells of it and the answer are remembered,
in bounds, under all that they depend on; a request adds what is its own to a copy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flask import Request as FlaskRequest

from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import DECISION, decision_fields
from flask_cors_env.audit.render import Record
from flask_cors_env.core.decision import Decision, Status, advice, decide_within
from flask_cors_env.core.policy import Fields, Policy, Resource
from flask_cors_env.core.reason import Reason, Verdict
from flask_cors_env.core.request import Kind, Request
from flask_cors_env.web.layers import NO_LAYERS, Layers
from flask_cors_env.web.start import NO_NOTICE, Notice
from flask_cors_env.web.views import Selector
from flask_cors_env.web.wsgi import RequestFacts, is_preflight, vary_field

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


#: From a path, decoded once, to the resource that governs it.
Find = Callable[[str], Resource | None]


class Asked(Protocol):
    """A request, as far as its path is asked for."""

    @property
    def path(self) -> str:
        """The path, decoded once, with one leading slash."""


class Source(Protocol):
    """
    One governed app, as the ways into Flask see it.

    Attributes:
        key: Under which an environ keeps what is known of a request of this app.
        ready: What every request is served with; None where `activate` has to be asked.
        is_hooked: True once all methods of the app are wrapped (`hooks.install`).
    """

    key: str
    ready: Active | None
    is_hooked: bool

    def activate(self, environ: WSGIEnvironment) -> Active:
        """Return what a request is served with; raises CORSConfigError if there is no policy."""


class Active:
    """
    What requests are served with, read once at the beginning of each.

    Args:
        policy: Decides.
        log: Takes the events.
        selector: Finds the resource where views or blueprints have policies; None where paths alone do.
        is_plain: True where the wrapper stands directly around Flask, and Flask serves the environ as it is.
        layers: What stands between the wrapper and Flask.

    Attributes:
        everywhere: The resource that governs every request; None where that depends on the request.
        is_early: True where the wrapper decides on every request.
        known: Outcomes that were made lately, by all that they depend on; bounded.
        passing: The fields of every response to a request without Origin; None where the path decides.
    """

    __slots__ = (
        "everywhere",
        "is_early",
        "is_plain",
        "known",
        "layers",
        "log",
        "notice",
        "passing",
        "policy",
        "selector",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what a request is served with
        self,
        policy: Policy,
        log: AuditLog,
        selector: Selector | None = None,
        *,
        is_plain: bool = True,
        layers: Layers = NO_LAYERS,
        notice: Notice = NO_NOTICE,
    ) -> None:
        self.policy = policy
        self.notice = notice
        self.log = log
        self.selector = selector
        self.is_plain = is_plain
        self.layers = layers
        self.everywhere = policy.everywhere if selector is None else None
        self.is_early = is_plain and selector is None
        self.passing = None if self.everywhere is None or policy.enforces else self.everywhere.passing
        self.known: dict[tuple[Any, ...], Outcome] = {}

    def answers_early(self, environ: WSGIEnvironment) -> bool:
        """Return True for a preflight in the plain case: the wrapper asks the router which view it is for."""
        return self.is_plain and is_preflight(environ)

    def finder(self, request: FlaskRequest, facts: RequestFacts) -> Find:
        """Return what finds the resource of *request*: its view's, or that of the view a preflight is for."""
        selector = self.selector
        if selector is None:
            return self.policy.resource_for
        if facts.is_preflight:
            method = facts.requested_method or ""
            return lambda path: selector.for_preflight(request, path, method)
        return lambda path: selector.for_served(request, path)

    def outcome(self, facts: RequestFacts, asked: Asked, find: Find | None = None) -> Outcome:
        """
        Return what follows for a request; a failure of our own is a denial, and nothing is shared.

        Args:
            facts: What the decision depends on beside the resource.
            asked: Knows the path, which few policies need.
            find: Finds the resource that governs the path; None for the policy's own look-up.
        """
        try:
            resource = self.everywhere or (find or self.policy.resource_for)(asked.path)
            return self._within(facts, asked, resource)
        except Exception:  # noqa: BLE001 - fail closed, whatever it is
            return self._failure(facts, asked)

    def outcome_within(self, facts: RequestFacts, asked: Asked, resource: Resource) -> Outcome:
        """Return the same for a request that *resource* governs, whatever its path is."""
        try:
            return self._within(facts, asked, resource)
        except Exception:  # noqa: BLE001 - as above
            return self._failure(facts, asked)

    def outcome_of_layer(self, facts: RequestFacts, asked: Asked) -> Outcome:
        """
        Return what follows for a request that a layer below answers without Flask.

        The path may not be Flask's. So where a resource covers it, every resource of the policy has to allow
        the request; the one that grants least then says what is sent.
        """
        return self.outcome(facts, asked, lambda path: self._least(facts, path))

    def _least(self, facts: RequestFacts, path: str) -> Resource | None:
        """Return the resource that denies the request, else the one that grants least; or None."""
        covering, resources = self.policy.resource_for(path), self.policy.resources
        if covering is None or len(resources) == 1:
            return covering
        # the same for one origin, whatever its host
        request = facts.request(path)._replace(same_origin=False, host_differs=False)
        explained = self.policy.is_development
        decided = [(decide_within(each, request, explained=explained), each) for each in resources]
        denying = [each for decision, each in decided if decision.verdict is not Verdict.ALLOW]
        return min(denying or resources, key=_grants)

    def _within(self, facts: RequestFacts, asked: Asked, resource: Resource | None) -> Outcome:
        policy = self.policy
        enforces = policy.enforces or (resource is not None and resource.enforce)
        guard = policy.guard_for(asked.path, resource) if enforces else None
        key = (resource, guard, facts)
        return self.known.get(key) or self._new(facts, asked.path, resource, guard)

    def _failure(self, facts: RequestFacts, asked: Asked) -> Outcome:
        _LOG.exception("a CORS decision failed; nothing is shared")
        request = facts.request(asked.path)
        is_answered = request.kind is Kind.PREFLIGHT or self.policy.enforces
        status = Status.FORBIDDEN if is_answered else None
        reasons = (Reason.INTERNAL_ERROR,)
        decision = Decision(request.kind, Verdict.DENY, reasons, vary=("Origin",), status=status)
        return self.following(facts, request, decision)

    def _new(
        self, facts: RequestFacts, path: str, resource: Resource | None, guard: Resource | None
    ) -> Outcome:
        """Return what follows for a request that is new; it is remembered if nothing but its key decides."""
        self.notice.tell(facts.origin)
        request, policy = facts.request(path), self.policy
        decision = decide_within(
            resource, request, explained=policy.is_development, guard=guard, outside=policy.outside
        )
        if decision.error is not None:
            _LOG.error("the function given as origins failed; nothing is shared", exc_info=decision.error)
        found = self.following(facts, request, decision)
        is_whole = found.record is not None or not found.is_due
        if is_whole and (resource is None or resource.origin_function is None):
            self._remember((resource, guard, facts), found)
        return found

    def _remember(self, key: tuple[Resource | None, Resource | None, RequestFacts], found: Outcome) -> None:
        if sum(len(value) for value in key[2] if isinstance(value, str)) > _SHORT:
            return
        if len(self.known) >= _REMEMBERED:
            self.known.clear()
        self.known[key] = found

    def following(self, facts: RequestFacts, request: Request, decision: Decision) -> Outcome:
        """Return what follows from *decision*."""
        log, verdict, status = self.log, decision.verdict, decision.status
        skipped = verdict is Verdict.SKIP
        is_due = log.skips if skipped else log.allows if verdict is Verdict.ALLOW else log.denies
        return Outcome(
            request._replace(path=""),  # it is whoever asked first's, of any length
            decision,
            (*vary_field(decision.vary), *decision.fields),
            None if status is None else _answer(self.policy, request, decision, status),
            None if skipped and not is_due else self._record(facts, request, decision),
            is_due,
        )

    def _record(self, facts: RequestFacts, request: Request, decision: Decision) -> Record | None:
        """Return the event; one that cannot even be made is a record lost, which the log counts."""
        level = "warning" if decision.verdict is Verdict.DENY else "info"
        try:
            fields = decision_fields(request, decision, facts.surroundings(), self.policy.id)
            return self.log.record(level, DECISION, fields)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request is answered
            self.log.lose(error)
            return None


def _grants(resource: Resource) -> tuple[bool, bool, bool, int, int]:
    """Return how much *resource* lets pass and shares, to compare by: the least comes first."""
    lists = len(resource.methods), len(resource.expose_headers)
    return (not resource.enforce, resource.origins.any, resource.allow_credentials, *lists)


def _answer(policy: Policy, request: Request, decision: Decision, status: int) -> Answer:
    headers = (*decision.fields, *vary_field(decision.vary))
    if decision.kind is not Kind.PREFLIGHT:  # whether a page is of the same origin is not in Vary
        headers = (*headers, ("Cache-Control", "no-store"))
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
