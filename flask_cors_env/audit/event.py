"""
How a decision becomes an event: its values, escaped and bounded. What they mean is said in the catalogue.

See `flask_cors_env.audit.fields`, whose names can be had from here too.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from flask_cors_env.audit.fields import (
    DECISION,
    ENVELOPE,
    FIELDS,
    GAP,
    LIMIT,
    POLICY_CHANGED,
    POLICY_LOADED,
    POLICY_REJECTED,
    SCHEMA,
    Field,
    fields_table,
    json_schema,
    mapping_table,
)
from flask_cors_env.core import protocol
from flask_cors_env.core.decision import Decision
from flask_cors_env.core.reason import Verdict
from flask_cors_env.core.request import Kind, Request

_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
_FETCH_SITES = frozenset({"cross-site", "same-origin", "same-site", "none"})
_WHOLE_ESCAPES = re.compile(r"(?:[^\\]|\\x..|\\u....|\\U........|\\[^xuU])*")
#: https://www.w3.org/TR/trace-context/#traceparent-header; only versions after 00 may have more to say.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_TRACEPARENT_LENGTH = 55
#: What is longer is told as little as what is no IP address.
ADDRESS_LIMIT = 64
_AGENT_LIMIT = 256
_METHOD_LIMIT = 64
TRUNCATED = "cors.audit.truncated"
#: What `clean` writes for one character, and how long that is at most.
_ESCAPE = re.compile(r"\\(?:[\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})")
_LONGEST_ESCAPE = len("\\U0010ffff")

Event = dict[str, Any]


class Surroundings(NamedTuple):
    """
    What events tell of requests beside what the decision depends on; None where it is not known.

    Attributes:
        scheme: As the server sees it.
        host: The ``Host`` field.
        fetch_site: The ``Sec-Fetch-Site`` field.
        authorized: Whether an ``Authorization`` field came.
    """

    scheme: str | None = None
    host: str | None = None
    fetch_site: str | None = None
    authorized: bool = False


def clean(value: str, limit: int = LIMIT) -> str:
    """*value* as printable ASCII, escaped so that it can be read back, at most *limit* characters long."""
    text = value[:limit]
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) <= limit else begin(escaped, limit)


def unescape(text: str) -> str:
    """What `clean` made *text* of; what is no escape of its stays as it is."""
    return _ESCAPE.sub(lambda escape: escape[0].encode().decode("unicode_escape"), text)


def begin(escaped: str, limit: int) -> str:
    """The first *limit* characters of an escaped value, without half an escape at the end."""
    match = _WHOLE_ESCAPES.match(escaped[:limit])
    return "" if match is None else match[0]


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


@functools.lru_cache(maxsize=1024)
def network_of(address: str) -> str | None:
    """The /24 or /48 that *address* is in; None where it is no IP address."""
    found = _ip(address)
    if found is None:
        return None
    network = ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False)  # noqa: PLR2004
    return str(network.network_address)


@functools.lru_cache(maxsize=1024)
def whole_address(address: str) -> str | None:
    """*address* as it is; None where it is no IP address."""
    found = _ip(address)
    return None if found is None else str(found)


def no_address(_address: str) -> None:
    """Nothing of any address."""


class Told(NamedTuple):
    """
    What events tell of clients.

    Attributes:
        client: What is told of an address.
        path: Whether the path and the user agent are told.
    """

    client: Callable[[str], str | None] = network_of
    path: bool = False


#: By the words of CORS_AUDIT_CLIENT.
CLIENTS: dict[str, Callable[[str], str | None]] = {
    "truncate": network_of,
    "full": whole_address,
    "off": no_address,
}


def trace_of(traceparent: str) -> tuple[str, str] | None:
    """The ids of the trace and of the caller's span; None where the field is not what the standard says."""
    match = _TRACEPARENT.match(traceparent)
    if match is None or len(traceparent) < _TRACEPARENT_LENGTH:
        return None
    rest = traceparent[_TRACEPARENT_LENGTH:]
    if rest and (traceparent.startswith("00") or not rest.startswith("-")):
        return None
    return match[1], match[2]


def decision_fields(request: Request, decision: Decision, around: Surroundings, policy_id: str) -> Event:
    """What ``cors.decision`` events tell that are decided alike, in the catalogue's order."""
    event: Event = {"cors.decision": str(decision.verdict), "cors.reason": str(decision.reasons[0])}
    _add_reasons(event, decision)
    event["cors.request.kind"] = str(decision.kind)
    if request.origin is not None:
        _put(event, "cors.origin", request.origin)
    _add_outcome(event, decision)
    event["cors.policy.id"] = policy_id
    _add_request(event, request, decision.kind, around)
    for name, value in decision.fields:
        if name == protocol.ACAO:
            event["cors.response.allow_origin"] = value
        elif name == protocol.ACAC:
            event["cors.response.credentials"] = True
    if around.host is not None:
        event["server.address"] = _address_of(around.host[:LIMIT])
    if around.scheme is not None:
        event["url.scheme"] = clean(around.scheme, 16)
    if TRUNCATED in event:
        event[TRUNCATED] = event.pop(TRUNCATED)
    return event


def own_fields(told: Told, status: int | None, client: str | None, route: str | None) -> Event:
    """What a ``cors.decision`` event tells of its one request beside that, without its envelope."""
    event: Event = {} if status is None else {"http.response.status_code": status}
    if route is not None:
        _put(event, "http.route", route)
    address = told.client(client) if client and len(client) <= ADDRESS_LIMIT else None
    if address is not None:
        event["client.address"] = address
    return event


def add_path(event: Event, path: str, agent: str | None) -> None:
    """Add to *event* what is told of a request only where the operator asks for it."""
    _put(event, "url.path", path)
    if agent is not None:
        _put(event, "user_agent.original", agent, _AGENT_LIMIT)


def _put(event: Event, name: str, value: str, limit: int = LIMIT) -> None:
    """Add *value*, cleaned; where not the whole of it could be added, say so."""
    text = event[name] = clean(value, limit)
    if len(text) > limit - _LONGEST_ESCAPE and _is_longer(value, limit):
        event[TRUNCATED] = f"{event[TRUNCATED]},{name}" if TRUNCATED in event else name


def _is_longer(value: str, limit: int) -> bool:
    """Whether *value* has more than *limit* characters when it is escaped."""
    return len(value) > limit or len(value.encode("unicode_escape")) > limit


def _add_reasons(event: Event, decision: Decision) -> None:
    event["cors.reasons"] = ",".join(decision.reasons)
    if decision.notes:
        event["cors.notes"] = ",".join(decision.notes)


def _add_outcome(event: Event, decision: Decision) -> None:
    if decision.resource is not None:
        event["cors.resource"] = decision.resource.name
    if decision.rule is not None:
        _put(event, "cors.rule", decision.rule)
    if decision.offending:
        _put(event, "cors.offending", ",".join(decision.offending))
    if decision.near is not None:
        _put(event, "cors.near.rule", decision.near.rule)
        event["cors.near.difference"] = str(decision.near.difference)
    if decision.verdict is Verdict.DENY or any(note.remedy is not None for note in decision.notes):
        variable, hint = decision.remedy
        if variable is not None:
            event["cors.remedy.env"] = variable
        event["cors.remedy.hint"] = clean(hint, 2 * LIMIT)


def _add_request(event: Event, request: Request, kind: Kind, around: Surroundings) -> None:
    event["http.request.method"] = request.method if request.method in _METHODS else "_OTHER"
    if kind is Kind.PREFLIGHT:
        _put(event, "cors.request.method", request.requested_method or "", _METHOD_LIMIT)
        if request.requested_headers:
            _put(event, "cors.request.headers", request.requested_headers)
    event["cors.request.credentialed"] = request.credentialed or around.authorized
    if around.fetch_site in _FETCH_SITES:
        event["cors.request.fetch_site"] = around.fetch_site


@functools.lru_cache(maxsize=1024)
def _address_of(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return clean(name if colon and port.isdigit() else host, 255)


__all__ = [
    "ADDRESS_LIMIT",
    "CLIENTS",
    "DECISION",
    "ENVELOPE",
    "FIELDS",
    "GAP",
    "LIMIT",
    "POLICY_CHANGED",
    "POLICY_LOADED",
    "POLICY_REJECTED",
    "SCHEMA",
    "TRUNCATED",
    "Event",
    "Field",
    "Surroundings",
    "Told",
    "add_path",
    "clean",
    "decision_fields",
    "fields_table",
    "json_schema",
    "mapping_table",
    "network_of",
    "own_fields",
    "trace_of",
    "unescape",
]
