"""
The decision: may the response to this request be shared, with which fields, and why.

Pure: the same policy and request give the same decision. What a client sent never raises here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from flask_cors_env.core import protocol
from flask_cors_env.core.origin import Match, Near, is_serialized
from flask_cors_env.core.policy import Fields, Policy, Resource, origin_allowed_by_function
from flask_cors_env.core.reason import Difference, Note, Reason, Verdict
from flask_cors_env.core.request import Kind, Request

#: Request-header names that no environment but development lets in unnamed.
_NAMED_EVERYWHERE = frozenset({"authorization", "content-type"})


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

    @property
    def reason(self) -> Reason:
        """The reason that counts."""
        return self.reasons[0]

    @property
    def remedy_variable(self) -> str | None:
        """The variable that changes the outcome, or None where no setting does."""
        setting = self.reasons[0].setting
        if Note.DEVELOPMENT_DEFAULT in self.notes and self.resource is not None:
            setting = "ORIGINS" if "ORIGINS" in self.resource.defaulted else "ALLOW_HEADERS"
        if setting is None:
            return None
        return f"CORS_{setting}" if self.resource is None else self.resource.variable(setting)

    @property
    def remedy_hint(self) -> str:
        """One sentence for whoever wants another outcome."""
        return self.reasons[0].remedy.format(variable=self.remedy_variable)


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
    return decide_within(policy.resource_for(request.path), request, explained=policy.is_development)


def decide_within(resource: Resource | None, request: Request, *, explained: bool = False) -> Decision:
    """
    Decide for a request that *resource* governs, or none does.

    Args:
        resource: Found by the path or by the view.
        request: As for `decide`.
        explained: Whether a refused preflight tells the browser's console the cause (development).
    """
    origin, kind = request.origin, request.kind
    if origin is None or request.same_origin:
        return _undecided(resource, kind, Reason.NO_ORIGIN if origin is None else Reason.SAME_ORIGIN)
    if resource is None:
        return Decision(kind, Verdict.DENY, (Reason.NO_RESOURCE,))
    if not resource.enabled:
        reason = Reason.ROUTE_EXEMPT if resource.exempt else Reason.DISABLED
        return Decision(kind, Verdict.SKIP, (reason,), resource)
    found = _judge_origin(resource, request, origin)
    if kind is Kind.PREFLIGHT:
        return _preflight(resource, request, found, explained=explained)
    if isinstance(found, Match):
        return _allow_actual(resource, request, origin, found)
    return _deny(resource, kind, (found,), near=_nearest(resource, origin))


def _undecided(resource: Resource | None, kind: Kind, reason: Reason) -> Decision:
    """No CORS request, or none that needs sharing; caches still have to tell such responses apart."""
    if resource is None or not resource.enabled:
        return Decision(kind, Verdict.SKIP, (reason,), resource)
    return Decision(
        kind, Verdict.SKIP, (reason,), resource, fields=resource.constant_fields or (), vary=resource.vary
    )


def _judge_origin(resource: Resource, request: Request, origin: str) -> Match | Reason:
    """The entry that lets the origin in, or the reason why none does."""
    if len(origin) > protocol.MAX_ORIGIN:
        return Reason.ORIGIN_MALFORMED
    found = resource.origins.match(origin)
    if found is not None:
        return found
    if not is_serialized(origin):
        return Reason.ORIGIN_MALFORMED
    if resource.origin_function is not None:
        return _ask(resource, request)
    return Reason.NULL_NOT_ALLOWED if origin == "null" else Reason.ORIGIN_NOT_LISTED


def _ask(resource: Resource, request: Request) -> Match | Reason:
    try:
        allowed = origin_allowed_by_function(resource, request)
    except Exception:  # noqa: BLE001 - the application's code; whatever it raises, nothing is shared
        return Reason.INTERNAL_ERROR
    return Match(Reason.ORIGIN_CALLABLE, "callable") if allowed else Reason.ORIGIN_NOT_LISTED


def _nearest(resource: Resource, origin: str) -> Near | None:
    return resource.origins.nearest(origin) if len(origin) <= protocol.MAX_ORIGIN else None


def _deny(
    resource: Resource,
    kind: Kind,
    reasons: tuple[Reason, ...],
    *,
    offending: tuple[str, ...] = (),
    near: Near | None = None,
) -> Decision:
    preflight = kind is Kind.PREFLIGHT
    answered = preflight or resource.enforce
    return Decision(
        kind,
        Verdict.DENY,
        reasons,
        resource,
        None,
        offending,
        near,
        vary=resource.preflight_vary if preflight else resource.vary,
        status=Status.FORBIDDEN if answered else None,
    )


def _acao(resource: Resource, origin: str) -> tuple[str, str]:
    return (protocol.ACAO, "*" if resource.constant_fields is not None else origin)


def _allow_actual(resource: Resource, request: Request, origin: str, found: Match) -> Decision:
    notes: tuple[Note, ...] = ()
    if resource.defaulted and "ORIGINS" in resource.defaulted:
        notes = (Note.DEVELOPMENT_DEFAULT,)
    if request.credentialed and not resource.allow_credentials:
        notes = (*notes, Note.CREDENTIALS_NOT_ALLOWED)
    fields = resource.constant_fields or ((protocol.ACAO, origin), *resource.actual_tail)
    return Decision(
        Kind.ACTUAL,
        Verdict.ALLOW,
        (found.reason,),
        resource,
        found.rule,
        (),
        None,
        notes,
        fields,
        resource.vary,
    )


def _preflight(resource: Resource, request: Request, found: Match | Reason, *, explained: bool) -> Decision:
    reasons: list[Reason] = [] if isinstance(found, Match) else [found]
    offending: tuple[str, ...] = ()
    method = request.requested_method or ""
    names = protocol.parse_names(request.requested_headers or "")
    if names is None or len(method) > protocol.MAX_METHOD or not protocol.is_token(method):
        reasons.append(Reason.REQUEST_MALFORMED)
    else:
        refused = resource.allow_headers.refused(names)
        if not _allows_method(resource, method):
            reasons.append(Reason.METHOD_NOT_ALLOWED)
            offending = (method,)
        if refused:
            reasons.append(Reason.HEADER_NOT_ALLOWED)
            offending += refused
    if not reasons and isinstance(found, Match) and names is not None:
        return _allow_preflight(resource, request, found, names)
    origin = request.origin or ""
    near = None if isinstance(found, Match) else _nearest(resource, origin)
    denial = _deny(resource, Kind.PREFLIGHT, tuple(reasons), offending=offending, near=near)
    if explained and isinstance(found, Match) and Reason.REQUEST_MALFORMED not in reasons:
        asked = tuple(name for name in names or () if name not in offending)
        fields = _preflight_fields(resource, origin, None if method in offending else method, asked)
        return denial._replace(status=Status.OK, fields=fields, rule=found.rule)
    return denial


def _allows_method(resource: Resource, method: str) -> bool:
    if method in protocol.SAFELISTED_METHODS or method in resource.methods:
        return True
    return "*" in resource.methods and method.upper() not in protocol.FORBIDDEN_METHODS


def _allow_preflight(resource: Resource, request: Request, found: Match, names: tuple[str, ...]) -> Decision:
    notes: tuple[Note, ...] = ()
    if resource.defaulted and (
        "ORIGINS" in resource.defaulted
        or (
            "ALLOW_HEADERS" in resource.defaulted
            and resource.allow_headers.needs_wildcard(names, _NAMED_EVERYWHERE)
        )
    ):
        notes = (Note.DEVELOPMENT_DEFAULT,)
    return Decision(
        Kind.PREFLIGHT,
        Verdict.ALLOW,
        (found.reason,),
        resource,
        found.rule,
        (),
        None,
        notes,
        _preflight_fields(resource, request.origin or "", request.requested_method, names),
        resource.preflight_vary,
        Status.NO_CONTENT,
    )


def _preflight_fields(resource: Resource, origin: str, method: str | None, names: tuple[str, ...]) -> Fields:
    """
    The fields of a preflight's response: the policy's lists, so that one preflight primes the cache.

    Where a list cannot be written without the request (a wildcard beside credentials, a prefix), the
    allowed ones that were asked for stand in it: tokens all, within the bounds.
    """
    methods, headers = resource.methods_field, resource.headers_field
    if methods is None:
        methods = ", ".join(sorted(resource.methods - {"*"} | ({method} if method else set())))
    if headers is None:
        headers = _echoed(resource, names)
    fields = [_acao(resource, origin), *resource.preflight_tail]
    if methods:
        fields.append((protocol.ACAM, methods))
    if headers:
        fields.append((protocol.ACAH, headers))
    return tuple(fields)


def _echoed(resource: Resource, names: tuple[str, ...]) -> str:
    allowed = resource.allow_headers
    listed = {name.lower() for name in allowed.names}
    star = ["*"] if allowed.any and not resource.allow_credentials else []
    return ", ".join([*star, *allowed.names, *(name for name in names if name not in listed)])


def advice(decision: Decision) -> str:
    """One line for a person at a browser's console: every reason, what was refused, and the first remedy."""
    parts = [f"{reason.value}: {reason.meaning}" for reason in decision.reasons]
    if decision.offending:
        parts.append(f"Refused: {', '.join(decision.offending)}.")
    if decision.near is not None:
        parts.append(f"Nearest entry: {decision.near.rule} ({decision.near.difference}).")
    parts.append(decision.remedy_hint)
    return " ".join(parts)


__all__ = ["Decision", "Difference", "Status", "advice", "decide", "decide_within"]
