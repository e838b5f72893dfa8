"""
The catalogue of the audit log's fields, and how a decision becomes an event.

Keys are flat, values are scalars, and a field that has nothing to say is left out. Names are OpenTelemetry's
where it has one, else ``cors.*``. See https://opentelemetry.io/docs/specs/semconv/registry/attributes/.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Any, NamedTuple

from flask_cors_env.core import protocol
from flask_cors_env.core.decision import Decision
from flask_cors_env.core.reason import Note, Reason, Verdict
from flask_cors_env.core.request import Kind, Request

SCHEMA = 1

DECISION = "cors.decision"
POLICY_LOADED = "cors.policy.loaded"
GAP = "cors.audit.gap"

#: The longest value that a client controls, in characters after escaping.
LIMIT = 512

_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
_FETCH_SITES = frozenset({"cross-site", "same-origin", "same-site", "none"})
_WHOLE_ESCAPES = re.compile(r"(?:[^\\]|\\x..|\\u....|\\U........|\\[^xuU])*")

Event = dict[str, Any]


class Field(NamedTuple):
    """
    One field of the log.

    Attributes:
        name: Its key.
        type: ``str``, ``int`` or ``bool``.
        meaning: One sentence.
        example: A value that could stand in a log.
    """

    name: str
    type: type
    meaning: str
    example: str


#: On every event, in this order; the first one lets a reader find where a record starts in a damaged line.
ENVELOPE: tuple[Field, ...] = (
    Field("cors.schema", int, "The version of this table.", "1"),
    Field(
        "timestamp", str, "When it was written: RFC 3339, UTC, microseconds.", "2026-01-02T04:48:05.185000Z"
    ),
    Field("level", str, "info; warning for a denial; error for a loss.", "warning"),
    Field("event", str, "What the record is.", "cors.decision"),
    Field(
        "log.record.uid",
        str,
        "The writer, new in every process, and its sequence from 1.",
        "9f3c2a1b0d4e-4711",
    ),
    Field("service.name", str, "The app's name, or OTEL_SERVICE_NAME.", "shop"),
    Field("deployment.environment.name", str, "Whose rules hold.", "production"),
)

DECISION_FIELDS: tuple[Field, ...] = (
    Field("cors.decision", str, "allow or deny.", "deny"),
    Field("cors.reason", str, "The reason that counts.", "origin_not_listed"),
    Field("cors.reasons", str, "All reasons, comma-separated.", "origin_not_listed,method_not_allowed"),
    Field("cors.notes", str, "What else is worth knowing, comma-separated.", "response_conflict"),
    Field("cors.request.kind", str, "preflight or actual.", "preflight"),
    Field("cors.origin", str, "The request's origin.", "https://app.example.com"),
    Field("cors.resource", str, "The resource that governs the path.", "api"),
    Field("cors.rule", str, "The entry that let the origin in.", "https://*.example.com"),
    Field("cors.offending", str, "The refused method and header names, comma-separated.", "PATCH,x-debug"),
    Field(
        "cors.near.rule", str, "The nearest entry to an origin that is not listed.", "https://app.example.com"
    ),
    Field("cors.near.difference", str, "In what that entry differs.", "scheme"),
    Field("cors.remedy.env", str, "The variable that changes the outcome.", "CORS_RESOURCES__API__ORIGINS"),
    Field("cors.remedy.hint", str, "What to do for another outcome.", "Add the origin to CORS_ORIGINS."),
    Field("cors.policy.id", str, "The digest of the policy that decided.", "p-046af41e0506"),
    Field(
        "http.request.method", str, "The request's method; _OTHER for one that is not registered.", "OPTIONS"
    ),
    Field("cors.request.method", str, "The method a preflight asks for.", "PUT"),
    Field("cors.request.headers", str, "The header names a preflight asks for.", "content-type,x-api-key"),
    Field("cors.request.credentialed", bool, "Whether a cookie or an Authorization field came.", "true"),
    Field("cors.request.fetch_site", str, "Sec-Fetch-Site; absent where no browser sent it.", "cross-site"),
    Field("cors.response.allow_origin", str, "The Access-Control-Allow-Origin that was sent.", "*"),
    Field("cors.response.credentials", bool, "Whether Access-Control-Allow-Credentials was sent.", "true"),
    Field("http.route", str, "The rule that routed the request.", "/items/<int:id>"),
    Field("http.response.status_code", int, "The status that was sent.", "204"),
    Field("server.address", str, "The request's host, without its port.", "api.example.com"),
    Field("url.scheme", str, "The request's scheme as the server sees it.", "https"),
    Field("client.address", str, "The peer's network: /24 or /48.", "203.0.113.0"),
    Field("cors.audit.truncated", str, "Fields that were cut, comma-separated.", "cors.request.headers"),
)

POLICY_FIELDS: tuple[Field, ...] = (
    Field("cors.policy.id", str, "The digest of the policy.", "p-046af41e0506"),
    Field(
        "cors.policy", str, "The canonical policy as JSON, or one part of it.", '{"environment":"production"'
    ),
    Field("cors.policy.part", int, "Which part this is, from 1.", "1"),
    Field("cors.policy.parts", int, "How many parts there are.", "1"),
    Field("cors.policy.because", str, "Why this environment's rules hold.", "CORS_ENV=production"),
    Field("cors.policy.env", str, "The settings that were set, comma-separated.", "CORS_ORIGINS"),
    Field("cors.policy.warnings", str, "Codes of what was borne with, comma-separated.", "http"),
)

GAP_FIELDS: tuple[Field, ...] = (
    Field("cors.audit.lost", int, "How many records were lost.", "3"),
    Field("cors.audit.lost_since", str, "When the first of them was lost.", "2026-01-02T04:48:05.185000Z"),
    Field("error.type", str, "What the log's last failure was.", "OSError"),
)

FIELDS: dict[str, tuple[Field, ...]] = {
    DECISION: DECISION_FIELDS,
    POLICY_LOADED: POLICY_FIELDS,
    GAP: GAP_FIELDS,
}


class Surroundings(NamedTuple):
    """
    What an event tells of a request beside what the decision depends on; None where it is not known.

    Attributes:
        scheme: As the server sees it.
        host: The ``Host`` field.
        client: The peer's address.
        fetch_site: The ``Sec-Fetch-Site`` field.
        route: The rule that routed the request.
        authorized: Whether an ``Authorization`` field came.
    """

    scheme: str | None = None
    host: str | None = None
    client: str | None = None
    fetch_site: str | None = None
    route: str | None = None
    authorized: bool = False


def clean(value: str, limit: int = LIMIT) -> str:
    """*value* as printable ASCII, escaped so that it can be read back, at most *limit* characters long."""
    if len(value) <= limit and value.isascii() and value.isprintable() and "\\" not in value:
        return value
    escaped = value[:limit].encode("unicode_escape").decode("ascii")
    if len(escaped) <= limit:
        return escaped
    match = _WHOLE_ESCAPES.match(escaped[:limit])
    return "" if match is None else match[0]


@functools.lru_cache(maxsize=1024)
def network_of(address: str) -> str | None:
    """The /24 or /48 that *address* is in; None where it is no IP address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    network = ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False)  # noqa: PLR2004
    return str(network.network_address)


def decision_fields(
    request: Request, decision: Decision, around: Surroundings, status: int, policy_id: str
) -> Event:
    """The fields of a ``cors.decision`` event, without its envelope, in the catalogue's order."""
    event: Event = {"cors.decision": decision.verdict.value, "cors.reason": decision.reasons[0].value}
    _add_reasons(event, decision)
    event["cors.request.kind"] = decision.kind.value
    event["cors.origin"] = clean(request.origin or "")
    _add_outcome(event, decision)
    event["cors.policy.id"] = policy_id
    _add_request(event, request, decision.kind, around)
    for name, value in decision.fields:
        if name == protocol.ACAO:
            event["cors.response.allow_origin"] = clean(value)
        elif name == protocol.ACAC:
            event["cors.response.credentials"] = True
    _add_response(event, around, status)
    return event


def _add_reasons(event: Event, decision: Decision) -> None:
    if len(decision.reasons) > 1:
        event["cors.reasons"] = ",".join(decision.reasons)
    else:
        event["cors.reasons"] = decision.reasons[0].value
    if decision.notes:
        event["cors.notes"] = ",".join(decision.notes)


def _add_outcome(event: Event, decision: Decision) -> None:
    if decision.resource is not None:
        event["cors.resource"] = decision.resource.name
    if decision.rule is not None:
        event["cors.rule"] = clean(decision.rule)
    if decision.offending:
        event["cors.offending"] = clean(",".join(decision.offending))
    if decision.near is not None:
        event["cors.near.rule"] = clean(decision.near.rule)
        event["cors.near.difference"] = decision.near.difference.value
    if decision.verdict is Verdict.DENY:
        _add_remedy(event, decision)
    elif Note.DEVELOPMENT_DEFAULT in decision.notes:
        event["cors.remedy.env"] = decision.remedy_variable


def _add_remedy(event: Event, decision: Decision) -> None:
    variable = decision.remedy_variable
    if variable is not None:
        event["cors.remedy.env"] = variable
    event["cors.remedy.hint"] = decision.remedy_hint


def _add_request(event: Event, request: Request, kind: Kind, around: Surroundings) -> None:
    event["http.request.method"] = request.method if request.method in _METHODS else "_OTHER"
    if kind is Kind.PREFLIGHT:
        event["cors.request.method"] = clean(request.requested_method or "", 64)
        if request.requested_headers:
            event["cors.request.headers"] = clean(request.requested_headers)
    event["cors.request.credentialed"] = request.credentialed or around.authorized
    if around.fetch_site in _FETCH_SITES:
        event["cors.request.fetch_site"] = around.fetch_site


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _add_response(event: Event, around: Surroundings, status: int) -> None:
    if around.route is not None:
        event["http.route"] = clean(around.route)
    event["http.response.status_code"] = status
    if around.host is not None:
        event["server.address"] = clean(_without_port(around.host), 255)
    if around.scheme is not None:
        event["url.scheme"] = clean(around.scheme, 16)
    if around.client:
        network = network_of(around.client)
        if network is not None:
            event["client.address"] = network


__all__ = ["DECISION", "FIELDS", "GAP", "POLICY_LOADED", "Reason", "Surroundings", "clean", "decision_fields"]
