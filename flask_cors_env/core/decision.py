"""
The decision: may the response to this request be shared, with which fields, and why.

Pure: the same policy and request give the same decision. What a client sent never raises here.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple

from flask_cors_env.core import protocol
from flask_cors_env.core.failure import ends
from flask_cors_env.core.near import Near
from flask_cors_env.core.origin import Match, is_serialized
from flask_cors_env.core.policy import (
    Fields,
    Policy,
    Resource,
    origin_allowed_by_function,
    preflight_tail,
)
from flask_cors_env.core.protocol import ACAO, MAX_ORIGIN
from flask_cors_env.core.reason import Note, Reason, Verdict
from flask_cors_env.core.remedy import (
    PLAIN,
    PROXIED,
    Refused,
    Remedy,
    remedy_of_denial,
    remedy_of_notes,
    remedy_of_reason,
)
from flask_cors_env.core.request import Kind, Request

#: Request-header names that no environment but development lets in unnamed.
_NAMED_EVERYWHERE = frozenset({"authorization", "content-type"})
_ORIGIN = ("Origin",)


class Status(IntEnum):
    """The statuses this package answers with itself."""

    OK = 200
    NO_CONTENT = 204
    FORBIDDEN = 403


class Decision(NamedTuple):
    """
    What is decided about one request.

    Attributes:
        kind: What the request is to the protocol.
        verdict: Allow, deny, or skip where there was nothing to decide.
        reasons: Never empty; the first one counts, a denial names all that failed.
        resource: The resource that governs the path; None if none does.
        rule: The entry that let the origin in, or None.
        offending: The refused method and request-header names, as the client asked for them.
        near: The nearest entry to an origin that is not listed, or None.
        notes: What else is worth knowing.
        fields: Response fields to be set, in sending order. No fields: do not share.
        vary: Names to be added to ``Vary``.
        status: What to answer at once, ahead of the application; None where it goes on to the application.
        error: What the application's own function raised, to be logged; or None.
        advised: What would allow a request that is denied; None where the reasons alone say it.
    """

    kind: Kind
    verdict: Verdict
    reasons: tuple[Reason, ...]
    resource: Resource | None = None
    rule: str | None = None
    offending: tuple[str, ...] = ()
    near: Near | None = None
    notes: tuple[Note, ...] = ()
    fields: Fields = ()
    vary: tuple[str, ...] = ()
    status: int | None = None
    error: BaseException | None = None
    advised: Remedy | None = None

    @property
    def reason(self) -> Reason:
        """The reason that counts."""
        return self.reasons[0]

    @property
    def remedy_variable(self) -> str | None:
        """The variable that changes the outcome; None where no setting does, or an argument is stronger."""
        return self.remedy.variable

    @property
    def remedy_hint(self) -> str:
        """One sentence for whoever wants another outcome."""
        return self.remedy.hint

    @property
    def remedy(self) -> Remedy:
        """Both."""
        resource = self.resource
        advice, defaulted = (
            (PLAIN, frozenset()) if resource is None else (resource.advice, resource.defaulted)
        )
        settled = _SETTLED if self.advised is PROXIED else frozenset()
        notes = [note for note in self.notes if note not in settled]
        noted = remedy_of_notes(advice, notes, defaulted)
        if self.verdict is not Verdict.DENY:
            return noted or remedy_of_reason(advice, self.reasons[0])
        found = self.advised or remedy_of_denial(advice, self.reasons, Refused(None))
        return found if noted is None else Remedy(found.variable, f"{found.hint} {noted.hint}")


def decide(policy: Policy, request: Request) -> Decision:
    """
    Decide whether the response to *request* may be shared, and with which fields.

    Args:
        policy: Valid by construction; only read, safe to share between threads.
        request: Field values as received. ``origin`` is None when the field was absent, which is
            different from ``"null"``.

    Returns:
        ``fields`` to be set and ``vary`` names to be added. No fields: do not share.

    Raises:
        Nothing. A malformed request is a decision with a reason.

    See https://fetch.spec.whatwg.org/#cors-check and https://fetch.spec.whatwg.org/#cors-preflight-fetch.
    """
    resource = policy.resource_for(request.path)
    return decide_within(
        resource,
        request,
        explained=policy.is_development,
        guard=policy.guard_for(request.path, resource),
        outside=policy.outside,
    )


def decide_within(
    resource: Resource | None,
    request: Request,
    *,
    explained: bool = False,
    guard: Resource | None = None,
    outside: Resource | None = None,
) -> Decision:
    """
    Decide for a request that *resource* governs; None where no resource does.

    Args:
        resource: Found by the path or by the view.
        request: As for `decide`.
        explained: True where a denied preflight names its cause to the browser's console (development).
        guard: The enforcing resource that an ambiguous path may mean (`Policy.guard_for`); or None.
        outside: What a new resource would be, for the remedy where there is none; or None.
    """
    found = _decided(resource, request, explained=explained, guard=guard)
    if found.verdict is not Verdict.DENY:
        return found
    return found._replace(advised=_advised(found, request, outside))


def _advised(denial: Decision, request: Request, outside: Resource | None) -> Remedy:
    """Return what allows *request*; without a resource, what a new one has to say too."""
    resource, reasons = denial.resource, denial.reasons
    has_host = request.origin is not None and request.origin != "null" and is_serialized(request.origin)
    if Note.HOST_DIFFERS in denial.notes and has_host and _ABOUT_HOSTS.issuperset(reasons):
        return PROXIED
    if resource is not None and resource.origin_function is not None and _NOT_LISTED in reasons:
        return Remedy(None, "Let the function given as origins let it in.")
    advice = PLAIN if outside is None else outside.advice
    if resource is not None:
        return remedy_of_denial(resource.advice, reasons, _refused(denial, request))
    found = remedy_of_denial(advice, reasons, Refused(request.origin))
    if outside is None or found.variable is None:
        return found
    hints = [found.hint]
    if not outside.enabled:
        hints.append(remedy_of_reason(advice, Reason.DISABLED).hint)
    inner = _decided(replace(outside, enabled=True), request, explained=False)
    if inner.verdict is Verdict.DENY:
        more = remedy_of_denial(advice, inner.reasons, _refused(inner, request)).hint
        hints.append(more.removeprefix(advice.first).lstrip())
    return Remedy(found.variable, " ".join(hints))


def _refused(denial: Decision, request: Request) -> Refused:
    """Return what *denial* refused of *request*."""
    by_method = Reason.METHOD_NOT_ALLOWED in denial.reasons
    method = denial.offending[0] if by_method else None
    return Refused(request.origin, method, denial.offending[by_method:])


_NOT_LISTED = Reason.ORIGIN_NOT_LISTED
#: Notes on which the remedy of a hidden host says all: `enforce` lets the app's own pages pass.
_SETTLED: frozenset[Note] = frozenset({Note.HOST_DIFFERS, Note.NOT_ENFORCED})
#: Denials that are due to the host alone, where a proxy hides it: the browser asks as for its own page.
_ABOUT_HOSTS = frozenset({_NOT_LISTED, Reason.NO_RESOURCE, Reason.PATH_AMBIGUOUS})


def _decided(
    resource: Resource | None, request: Request, *, explained: bool, guard: Resource | None = None
) -> Decision:
    origin, kind = request.origin, request.kind
    if guard is not None:
        return _decide_ambiguous(guard, request)
    if origin is None:
        return _skip_without_origin(resource, request)
    if resource is None:
        notes = (*_notes_of_host(request), *((Note.NOT_ENFORCED,) if kind is Kind.WEBSOCKET else ()))
        decision = Decision(kind, Verdict.DENY, (Reason.NO_RESOURCE,), notes=notes)
    elif not resource.enabled:
        reason = Reason.ROUTE_EXEMPT if resource.exempt else Reason.DISABLED
        return Decision(kind, Verdict.SKIP, (reason,), resource)
    elif kind is Kind.PREFLIGHT:
        found = _judge_origin(resource, request, origin)
        return _preflight(resource, request, origin, found, explained=explained)
    else:
        decision = _decide_actual(resource, request, origin)
    if request.same_origin and kind is not Kind.PREFLIGHT:
        fields, vary, error = decision.fields, decision.vary, decision.error
        skip, reasons = Verdict.SKIP, (Reason.SAME_ORIGIN,)
        return Decision(kind, skip, reasons, resource, fields=fields, vary=vary, error=error)
    return decision


def _decide_ambiguous(guard: Resource, request: Request) -> Decision:
    """Refuse a foreign origin; nobody gets fields, since a cache could pass them on to a foreign page."""
    kind, skip = request.kind, Verdict.SKIP
    if request.origin is None:
        return Decision(kind, skip, (Reason.NO_ORIGIN,), guard, vary=_ORIGIN)
    if request.same_origin and kind is not Kind.PREFLIGHT:
        return Decision(kind, skip, (Reason.SAME_ORIGIN,), guard, vary=_ORIGIN)
    notes = _notes_of_host(request)
    passes = request.host_differs and kind is not Kind.PREFLIGHT
    status = None if passes else Status.FORBIDDEN
    reasons = (Reason.PATH_AMBIGUOUS,)
    return Decision(kind, Verdict.DENY, reasons, guard, notes=notes, vary=_ORIGIN, status=status)


def _skip_without_origin(resource: Resource | None, request: Request) -> Decision:
    """No CORS request; caches still have to tell such a response from the others."""
    reasons = (Reason.NO_ORIGIN,)
    if resource is None or not resource.enabled:
        return Decision(request.kind, Verdict.SKIP, reasons, resource)
    fields = resource.constant_fields or ()
    return Decision(request.kind, Verdict.SKIP, reasons, resource, fields=fields, vary=resource.vary)


class _Refusal(NamedTuple):
    """Why an origin is not let in; *error* is what the application's function raised."""

    reason: Reason
    near: Near | None = None
    error: BaseException | None = None


def _judge_origin(resource: Resource, request: Request, origin: str) -> Match | _Refusal:
    if len(origin) > MAX_ORIGIN:
        return _Refusal(Reason.ORIGIN_MALFORMED)
    found = resource.origins.match(origin)
    if found is not None:
        return found
    if not is_serialized(origin):
        return _Refusal(Reason.ORIGIN_MALFORMED, resource.origins.nearest(origin))
    if resource.origin_function is not None:
        return _ask(resource, request, origin)
    if origin == "null":
        return _Refusal(Reason.NULL_NOT_ALLOWED)
    return _Refusal(Reason.ORIGIN_NOT_LISTED, resource.origins.nearest(origin))


def _ask(resource: Resource, request: Request, origin: str) -> Match | _Refusal:
    """Ask the application's function; with credentials, the opaque origin is nobody's to let in."""
    null = origin == "null"
    try:
        if not (null and resource.allow_credentials) and origin_allowed_by_function(resource, request):
            return Match(Reason.ORIGIN_CALLABLE, "callable")
    except BaseException as error:
        if ends(error):
            raise
        return _Refusal(Reason.INTERNAL_ERROR, error=error)
    return _Refusal(Reason.NULL_NOT_ALLOWED if null else Reason.ORIGIN_NOT_LISTED)


def _decide_actual(resource: Resource, request: Request, origin: str) -> Decision:
    """Decide on the origin alone: the method and the header names were the preflight's."""
    kind = request.kind
    found = _judge_origin(resource, request, origin)
    notes = _notes_of_host(request)
    if isinstance(found, Match):
        notes = (*_notes_of_allow(resource, request), *notes)
        fields = resource.constant_fields or ((ACAO, origin), *resource.actual_tail)
        return Decision(
            kind, Verdict.ALLOW, (found.reason,), resource, found.rule, (), None, notes, fields, resource.vary
        )  # fmt: skip
    reason, near, error = found
    status = Status.FORBIDDEN if resource.enforce and request.is_foreign else None
    if kind is Kind.WEBSOCKET and status is None:
        notes = (*notes, Note.NOT_ENFORCED)
    # a denied origin's response varies also where an allowed one's has a constant ACAO
    return Decision(
        kind, Verdict.DENY, (reason,), resource, None, (), near, notes, (), _ORIGIN, status, error
    )  # fmt: skip


def _notes_of_host(request: Request) -> tuple[Note, ...]:
    return (Note.HOST_DIFFERS,) if request.host_differs else ()


def _notes_of_allow(resource: Resource, request: Request) -> tuple[Note, ...]:
    notes = (Note.DEVELOPMENT_DEFAULT,) if "ORIGINS" in resource.defaulted else ()
    lacks = request.credentialed and not resource.allow_credentials
    return (*notes, Note.CREDENTIALS_NOT_ALLOWED) if lacks else notes


def _preflight(
    resource: Resource, request: Request, origin: str, found: Match | _Refusal, *, explained: bool
) -> Decision:
    method = request.requested_method or ""
    names = protocol.parse_names(request.requested_headers) if request.requested_headers else ()
    allowed = _allows_method(resource, method)
    if names is None or not (allowed or protocol.is_method(method)):
        return _deny_preflight(resource, found, (Reason.REQUEST_MALFORMED,))
    refused = resource.allow_headers.refused(names)
    if allowed and not refused and isinstance(found, Match):
        return _allow_preflight(resource, request, origin, found, names)
    reasons = () if allowed else (Reason.METHOD_NOT_ALLOWED,)
    offending = () if allowed else (method,)
    if refused:
        reasons = (*reasons, Reason.HEADER_NOT_ALLOWED)
    denial = _deny_preflight(resource, found, reasons, (*offending, *refused))
    if explained and isinstance(found, Match):
        fitting = tuple(name for name in names if name not in refused)
        fields = _preflight_fields(resource, origin, method if allowed else None, fitting)
        return denial._replace(status=Status.OK, fields=fields, rule=found.rule)
    return denial


def _allows_method(resource: Resource, method: str) -> bool:
    if method in resource.allowed_methods:
        return True
    wildcard = "*" in resource.methods and protocol.is_method(method)
    return wildcard and method.upper() not in protocol.FORBIDDEN_METHODS


def _deny_preflight(
    resource: Resource,
    found: Match | _Refusal,
    reasons: tuple[Reason, ...],
    offending: tuple[str, ...] = (),
) -> Decision:
    near, error, vary = None, None, resource.preflight_vary
    if isinstance(found, _Refusal):
        reasons = (found.reason, *reasons)
        near, error, vary = found.near, found.error, protocol.PREFLIGHT_VARY
    status = Status.FORBIDDEN
    return Decision(
        Kind.PREFLIGHT, Verdict.DENY, reasons, resource, None, offending, near, (), (), vary, status, error
    )  # fmt: skip


def _allow_preflight(
    resource: Resource, request: Request, origin: str, found: Match, names: tuple[str, ...]
) -> Decision:
    notes: tuple[Note, ...] = (Note.DEVELOPMENT_DEFAULT,) if _rests_on_a_default(resource, names) else ()
    if request.credentialed and not resource.allow_credentials:
        notes = (*notes, Note.CREDENTIALS_NOT_ALLOWED)
    fields = _preflight_fields(resource, origin, request.requested_method, names)
    reasons, vary, status = (found.reason,), resource.preflight_vary, Status.NO_CONTENT
    return Decision(
        Kind.PREFLIGHT, Verdict.ALLOW, reasons, resource, found.rule, (), None, notes, fields, vary, status
    )  # fmt: skip


def _rests_on_a_default(resource: Resource, names: tuple[str, ...]) -> bool:
    """Whether the preflight would be refused if the defaults of development were not there."""
    if "ORIGINS" in resource.defaulted:
        return True
    unlisted = resource.allow_headers.unlisted(names) if "ALLOW_HEADERS" in resource.defaulted else ()
    return not _NAMED_EVERYWHERE.issuperset(unlisted)


def _preflight_fields(resource: Resource, origin: str, method: str | None, names: tuple[str, ...]) -> Fields:
    """
    The fields of a preflight's response: the policy's lists, so that one preflight primes the cache.

    Where a list cannot be written without the request (a wildcard beside credentials, a prefix), the
    allowed ones that were asked for stand in it: tokens all, within the bounds.
    """
    acao = (ACAO, "*" if resource.constant_fields is not None else origin)
    if resource.preflight_tail is not None:
        return (acao, *resource.preflight_tail)
    methods, headers = resource.methods_field, resource.headers_field
    if methods is None:
        asked = () if method is None else (method,)
        methods = ", ".join(sorted(resource.allowed_methods.intersection(resource.methods).union(asked)))
    if headers is None:
        headers = _with_asked(resource, names)
    return (acao, *preflight_tail(resource, methods, headers))


def _with_asked(resource: Resource, names: tuple[str, ...]) -> str:
    allowed = resource.allow_headers
    star = ["*"] if allowed.any and not resource.allow_credentials else []
    return ", ".join([*star, *allowed.names, *allowed.unlisted(names)])


def advice(decision: Decision) -> str:
    """Write one line for a browser's console: every reason, what was refused, and the remedy."""
    parts = [f"{reason.value}: {reason.meaning}" for reason in decision.reasons]
    if decision.offending:
        parts.append(f"Refused: {', '.join(decision.offending)}.")
    if decision.near is not None:
        parts.append(f"Nearest entry: {decision.near.rule} ({decision.near.difference}).")
    parts.append(decision.remedy_hint)
    return " ".join(parts)
