"""
The exchange: one request on its way, from the first sight of it to its one event.

It stands in the request's environ, under a key of its app's own; a layer may copy the environ, and the copy
holds the same exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

import flask.globals
from flask import Request as FlaskRequest
from flask import Response
from flask import request as flask_request
from werkzeug.datastructures import Headers

from flask_cors_env.audit.emit import EVER_BOUND, AuditLog, add_bound
from flask_cors_env.audit.event import TRUNCATED, add_path, clean
from flask_cors_env.audit.render import NO_PART, Part, Record
from flask_cors_env.audit.signals import cors_decided, tell
from flask_cors_env.config.values import AUTO
from flask_cors_env.core import protocol
from flask_cors_env.core.decision import Decision, Status
from flask_cors_env.core.policy import Fields, Resource
from flask_cors_env.core.reason import Note, Reason, Verdict
from flask_cors_env.core.request import Kind
from flask_cors_env.web.prepared import Active, Outcome, Source
from flask_cors_env.web.wsgi import (
    RequestFacts,
    agent_of,
    client_of,
    has_any,
    path_of,
    read_facts,
    read_served,
    set_fields,
    trace_ids,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: In development it connects a response in the browser's network tab with its log record.
_DECISION_ID = "CORS-Decision-Id"
#: Flask's request of the current context; RuntimeError outside of one.
current_request = flask_request._get_current_object  # type: ignore[attr-defined]  # noqa: SLF001 - asked once a hook
#: What an application says that shares a response by itself.
_SHARED = (protocol.ACAO.lower(),)
#: Methods of a policy by which a view may be called with every method that it is routed for.
_ANY_ROUTED = frozenset({"*", AUTO})
#: In an environ: the innermost exchange that a wrapper has not settled.
OUTER = "flask_cors_env.outer"
#: Looked up once: an enum's members are slow to find.
_WEBSOCKET = Kind.WEBSOCKET
Headers_ = list[tuple[str, str]]


#: Holds Flask's context, of which one attribute is the request. The name is Flask's own until 3.1; the proxy
#: that everybody may use answers in three times the instructions.
CONTEXT: Any = getattr(flask.globals, "_cv_request", None) or getattr(flask.globals, "_cv_app", None)


class _ByProxy:
    """The same by way of `flask.request`, where Flask has neither name."""

    @property
    def request(self) -> Any:
        return current_request()

    def get(self) -> Any:
        return self


CONTEXT = CONTEXT or _ByProxy()


def request_or_none() -> FlaskRequest | None:
    """Return the request that Flask serves in this context; None outside of one."""
    try:
        request: FlaskRequest = current_request()
    except RuntimeError:
        return None
    return request


class Phase(Enum):
    """What Flask is doing with a request, as far as a `cross_origin` that runs depends on it."""

    BEFORE = "functions before the view"
    VIEW = "the view"
    AFTER = "error handlers, and functions after the view"


class Exchange:
    """
    One request, and the response to it.

    Args:
        source: The governed app.
        active: What the request is served with.
        environ: The request as it was first seen.
        start_response: The server's; None where the request came past the wrapper.

    Attributes:
        request: Flask's, once Flask serves it; None before.
        outcome: What follows from the decision; None until it is made.
        due: The same, where it is answered ahead of the application and has reached Flask; else None.
        governing: The rules of the `cross_origin` that governs the response; None where none has run.
        phase: What Flask is doing.
        refused: The answer where a view's `cross_origin` has refused the request; else None.
        settled: The environ that the wrapper has decided on, and Flask need not; None where it has not.
        is_answered: True once the answer ahead of the application is given.
        is_recorded: True once the event is written.
        has_started: True once the response has started.
        replacement: The chunks that stand for the application's body; None where that is sent.
    """

    request: FlaskRequest | None = None
    outcome: Outcome | None = None
    due: Outcome | None = None
    governing: Resource | None = None
    phase = Phase.BEFORE
    refused: Response | None = None
    settled: WSGIEnvironment | None = None
    is_answered = False
    is_recorded = False
    has_started = False
    replacement: tuple[bytes, ...] | None = None
    _facts: RequestFacts | None = None
    _path: str | None = None
    _uid = ""
    #: True where the governing rules are of a function that returned, not of one that raised.
    _has_returned = False
    #: True where another governed app, mounted below the wrapper, serves the request.
    _is_anothers = False

    def __init__(
        self, source: Source, active: Active, environ: WSGIEnvironment, start_response: StartResponse | None
    ) -> None:
        self.source = source
        self.active = active
        self.environ = environ
        self.start_response = start_response

    # --- the decision

    @property
    def facts(self) -> RequestFacts:
        """What the decision depends on, as it was last read."""
        if self._facts is None:
            self._facts = read_facts(self.environ, self.environ.get("HTTP_ORIGIN"))
        return self._facts

    @property
    def path(self) -> str:
        """The path as it was last read: decoded once, with one leading slash."""
        if self._path is None:
            self._path = path_of(self.environ)
        return self._path

    def look(self) -> tuple[RequestFacts, str]:
        """Return the facts and the path, read now if they were not."""
        return self.facts, self.path

    def enter(self, request: FlaskRequest) -> None:
        """Decide on *request*, which has reached Flask: once each time that it does."""
        if self.request is request:
            return
        self.request, self.environ = request, request.environ
        self._facts, self._path = read_served(request)
        self.governing, self.phase, self._has_returned = None, Phase.BEFORE, False
        if self.start_response is None:  # an environ may be used again
            self.is_recorded = self.has_started = False
        elif self.is_answered:  # a layer below has dropped that answer, and its event is written
            self.is_recorded = False
        self.is_answered = self._is_anothers = False
        self.refused = None
        facts, active = self._facts, self.active
        outcome = self.outcome = active.outcome(facts, self, active.finder(request, facts))
        self.due = None if outcome.answer is None else outcome
        if outcome.answer is None and facts.is_websocket:
            self._record(outcome, None)

    def is_reached(self) -> bool:
        """Return True once Flask serves the request."""
        return self.request is not None

    def leave_to(self, source: Source, environ: WSGIEnvironment) -> None:
        """
        Leave the request to the governed app of *source*, which is below the wrapper.

        An app that a view asks answers to that view. An app below its own wrapper has another path, or it
        would call itself for ever; with the same path it is asked again.
        """
        is_again = source is self.source and path_of(environ) == self.path
        if self.phase is not Phase.VIEW and not is_again:
            self._is_anothers = True

    def _final(self) -> Outcome:
        """Return what follows when the response starts: a `cross_origin` that ran governs it."""
        outcome, governing = self.outcome, self.governing
        if not self.is_reached():
            return self.active.outcome_of_layer(self.facts, self)
        if outcome is None:
            outcome = self.outcome = self.active.outcome(self.facts, self)
        if governing is not None and outcome.decision.resource is not governing:
            outcome = self.outcome = self.active.outcome_within(self.facts, self, governing)
        return outcome

    # --- a cross_origin that runs

    def governs(self, resource: Resource, *, returned: bool) -> None:
        """Let *resource* govern the response: its function returned; or it raised, and none has returned."""
        if returned or not self._has_returned:
            self.governing, self._has_returned = resource, returned

    def forget_governing(self) -> None:
        """Let the path's resource govern again: no function before the view has answered."""
        self.governing, self._has_returned = None, False

    def refusal(self, resource: Resource) -> Response | None:
        """
        Return the answer where *resource* denies the request; None where it does not.

        The resource is of a view's `cross_origin` that was not known before it ran, so a preflight may have
        promised more. What the resource denies is refused, `enforce` or not; so is a method it does not list.
        """
        facts = self.facts
        outcome = self.active.outcome_within(facts, self, resource)
        request, decision = outcome.request, outcome.decision
        if not request.is_foreign or decision.verdict is Verdict.SKIP:
            return None
        if decision.verdict is Verdict.ALLOW:
            if facts.method in resource.allowed_methods or not resource.methods.isdisjoint(_ANY_ROUTED):
                return None
            reasons, offending = (Reason.METHOD_NOT_ALLOWED,), (facts.method,)
            decision = Decision(decision.kind, Verdict.DENY, reasons, resource, offending=offending)
        notes = tuple(note for note in decision.notes if note is not Note.NOT_ENFORCED)
        denial = decision._replace(notes=notes, status=Status.FORBIDDEN, vary=("Origin",))
        self.outcome = self.active.following(facts, request, denial)
        self.is_recorded = False  # a handshake has its event already, and another outcome now
        self.refused = self.take_answer(self.outcome)
        return self.refused

    # --- the response

    def answer(self, outcome: Outcome) -> tuple[str, Headers_, tuple[bytes, ...]]:
        """Write the event, and return status line, fields and body of the answer that *outcome* has."""
        answer = outcome.answer
        if answer is None:
            raise ValueError("the application answers this request")
        self.outcome, self.is_answered = outcome, True
        self._record(outcome, answer.status, is_served=False)
        return answer.line, self._with_id([*answer.headers]), answer.body

    def take_answer(self, outcome: Outcome) -> Response:
        """Return the same as a response of Flask's."""
        line, headers, body = self.answer(outcome)
        response = Response(body, line)
        response.headers = Headers(headers)
        return response

    def start(self, status: str, headers: Headers_, exc_info: Any = None, /) -> Callable[[bytes], object]:
        """Set the fields, write the event if it is not yet, and start the response."""
        start_response = self._start_response()
        self.has_started = True
        if self._is_anothers:
            self.is_recorded = True
        elif not self.is_answered:
            outcome, headers = self._set(headers)
            if outcome.answer is not None:
                line, headers, self.replacement = self.answer(outcome)
                start_response(line, headers)
                return _write_nothing
            self._record(outcome, int(status[:3]) if status[:3].isdecimal() else 0)
            headers = self._with_id(headers)
        else:
            headers = self._answered(headers)
        return start_response(status, headers, exc_info)

    def finish(self, response: Response) -> Response:
        """Set the fields of *response*, and write the event: the request came past the wrapper."""
        if self.start_response is not None:
            return response
        if self.is_answered:
            response.headers = Headers(self._answered(list(response.headers)))
            return response
        outcome, headers = self._set(list(response.headers))
        if outcome.answer is not None:
            return self.take_answer(outcome)
        self._record(outcome, response.status_code)
        response.headers = Headers(self._with_id(headers))
        self.has_started = True
        return response

    def _answered(self, headers: Headers_) -> Headers_:
        """Return the fields of an answer without what functions and layers of the app have added."""
        return headers if self.outcome is None else set_fields(headers, self.outcome.fields)[0]

    def _start_response(self) -> StartResponse:
        if self.start_response is None:
            raise RuntimeError("this request came past the wrapper")
        return self.start_response

    def _set(self, headers: Headers_) -> tuple[Outcome, Headers_]:
        """Return what follows in the end, and *headers* with its fields."""
        outcome = self._final()
        is_layers = not self.is_reached() and not self.is_recorded
        if self.facts.origin is not None and (is_layers or outcome.decision.resource is None):
            if has_any(headers, protocol.RESPONSE_FIELDS if is_layers else _SHARED):
                return self._changed(outcome, verdict=Verdict.SKIP, reasons=(Reason.APP_HEADERS,)), headers
        elif is_layers and has_any(headers, protocol.RESPONSE_FIELDS):
            return outcome, headers
        if not outcome.fields or outcome.answer is not None:
            return outcome, headers
        headers, conflict = set_fields(headers, outcome.fields)
        if conflict and not self.is_recorded:
            outcome = self._conflicting(outcome)
        return outcome, headers

    def _conflicting(self, outcome: Outcome) -> Outcome:
        """Return *outcome* with the note that fields of the application were replaced."""
        return self._changed(outcome, notes=(*outcome.decision.notes, Note.RESPONSE_CONFLICT))

    def record_socket(self, outcome: Outcome) -> None:
        """Write the event of a handshake that a layer below will answer, before it does."""
        self._record(outcome, None)

    def raised(self, error: BaseException) -> None:
        """Write the event, if it is not yet: the application raised *error*, and did not answer."""
        if self.is_recorded or self._is_anothers:
            return
        outcome = self._final()
        if outcome.decision.kind is Kind.WEBSOCKET and isinstance(error, StopIteration | ConnectionError):
            self._record(self._changed(outcome, fields=()), None)  # a server has taken the socket over
            return
        notes = (*outcome.decision.notes, Note.DEBUGGER_RESPONSE)
        self._record(self._changed(outcome, notes=notes, fields=()), 500, raised=type(error).__name__)

    def abandoned(self) -> None:
        """Write the event, if it is not yet: the application did not begin to answer. Its status is 0."""
        if not (self.is_recorded or self._is_anothers):
            self._record(self._changed(self._final(), fields=()), 0)

    def _changed(self, outcome: Outcome, **changed: Any) -> Outcome:
        """Return what follows from the decision of *outcome* with other attributes."""
        decision = outcome.decision._replace(status=None, **changed)
        return self.active.following(self.facts, outcome.request, decision)

    def _with_id(self, headers: Headers_) -> Headers_:
        """Return *headers*, in development with the number of the event."""
        is_shown = self._uid and self.active.policy.is_development
        return [*headers, (_DECISION_ID, self._uid)] if is_shown else headers

    # --- the event

    def _record(
        self, outcome: Outcome, status: int | None, *, is_served: bool = True, raised: str = ""
    ) -> None:
        """
        Write the event, once, and tell who listens.

        Args:
            outcome: What follows from the decision.
            status: The response's; None for a handshake, whose event is written before there is one.
            is_served: False where no code of the app serves the request.
            raised: The type of the exception that no handler of the app's took; "" where there was none.
        """
        if self.is_recorded:
            return
        self.is_recorded = True
        log, record, receivers = self.active.log, outcome.record, cors_decided.receivers
        if record is None or not (outcome.is_due or receivers):
            return
        if outcome.decision.kind is _WEBSOCKET and not self.is_answered:
            status = None
        own, uid, is_due, request = NO_PART, "", outcome.is_due, None
        try:
            request = self._served() if is_served else None
            rule = None if request is None else request.url_rule
            address, is_traced = client_of(self.environ)
            key = status, address, None if rule is None else rule.rule
            own = log.known.get(key) or log.own(*key)
            if is_traced or log.told.path or raised or (EVER_BOUND and request is not None):
                own = self._with_more(log, own, request, raised)
            if TRUNCATED in own.fields:
                record, own = _told_in_one(log, record, own)
        except Exception as error:  # noqa: BLE001 - an event that cannot even be made is a record lost
            if is_due:
                log.lose(error)
            is_due = False
        if is_due:
            uid = self._uid = log.emit(record, own, apart=request is None)
        if receivers:
            asked, event = outcome.request._replace(path=self.path), {**record.rest.fields, **own.fields}
            tell(cors_decided, log.sender, request=asked, decision=outcome.decision, event=event, uid=uid)

    def _served(self) -> FlaskRequest | None:
        """Return Flask's request, if the active one is this exchange's."""
        return self.request

    def _with_more(self, log: AuditLog, own: Part, request: FlaskRequest | None, raised: str) -> Part:
        """Return *own* with what few logs have of a request; the app has bound it for this one alone."""
        fields = {**own.fields}
        if raised:
            fields["error.type"] = clean(raised)
        if log.told.path:
            add_path(fields, self.path, agent_of(self.environ))
        trace = trace_ids(self.environ)
        if trace is not None:
            fields["trace_id"], fields["span_id"] = trace
        if request is not None:
            add_bound(fields)
        return log.part(fields)


class Settled(Exchange):
    """
    A request that the wrapper decides on: in the plain case, Flask serves what the wrapper sees.

    Attributes:
        fields: To be set on the response to a request without Origin.
    """

    fields: Fields = ()

    def __init__(
        self, source: Source, active: Active, environ: WSGIEnvironment, start_response: StartResponse
    ) -> None:
        self.source = source
        self.active = active
        self.environ = self.settled = environ
        self.start_response: StartResponse = start_response
        # what is read of every request is read fast where it is set here
        self.request = self.governing = self.refused = None
        self.is_answered = self.is_recorded = self.has_started = False

    def enter(self, request: FlaskRequest) -> None:
        """Decide on *request* only where its environ is another one: a view has Flask serve it."""
        if request.environ is not self.settled:
            super().enter(request)

    def is_reached(self) -> bool:
        """Return True: nothing stands between the wrapper and Flask."""
        return True

    def _served(self) -> FlaskRequest | None:
        try:
            request: FlaskRequest = CONTEXT.get().request
        except (LookupError, RuntimeError):  # there is none
            return None
        return request if request.environ.get(self.source.key) is self else None

    def settle(self, facts: RequestFacts) -> Outcome:
        """Decide; the event of a handshake that is not refused is written at once."""
        active, self._facts = self.active, facts
        selector = active.selector
        find = None if selector is None else active.finder(selector.request_of(self.environ), facts)
        known = None if active.passing is None else active.known.get((active.everywhere, None, facts))
        outcome = self.outcome = known or active.outcome(facts, self, find)
        if outcome.answer is None and facts.upgrade is not None and facts.is_websocket:
            self._record(outcome, None)
        return outcome

    def start(self, status: str, headers: Headers_, exc_info: Any = None, /) -> Callable[[bytes], object]:
        """Start the response as `Exchange.start` does, in fewer calls where nothing has come between."""
        outcome = self.outcome
        is_changed = self.governing is not None or self.request is not None or self.is_answered
        if is_changed or self.is_recorded or outcome is None or outcome.decision.resource is None:
            return super().start(status, headers, exc_info)
        self.has_started = True
        if outcome.fields:
            headers, conflict = set_fields(headers, outcome.fields)
            outcome = self._conflicting(outcome) if conflict else outcome
        self._record(outcome, int(status[:3]) if status[:3].isdecimal() else 0)
        headers = self._with_id(headers) if self.active.policy.is_development else headers
        return self.start_response(status, headers, exc_info)

    def pass_on(self, status: str, headers: Headers_, exc_info: Any = None, /) -> Callable[[bytes], object]:
        """Start the response to a request without Origin: caches have to tell it from the others."""
        if self.governing is not None or self.request is not None:
            return self.start(status, headers, exc_info)
        self.has_started = True
        if self.fields:
            headers = set_fields(headers, self.fields)[0]
        return self.start_response(status, headers, exc_info)


def _write_nothing(_chunk: bytes) -> None:
    """Take a chunk of a body that is not sent."""


def _told_in_one(log: AuditLog, record: Record, own: Part) -> tuple[Record, Part]:
    """Return *record* without the list of what was cut, and *own* with the list for both."""
    fields, owned = {**record.rest.fields}, {**own.fields}
    cut = fields.pop(TRUNCATED, None)
    if cut is None:
        return record, own
    owned[TRUNCATED] = f"{cut},{owned[TRUNCATED]}"
    return Record(record.level, record.name, log.part(fields)), log.part(owned)
