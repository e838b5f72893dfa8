"""
The catalogue: every field of every event, declared once.

The README's table, the JSON Schema, the mapping to other schemas and the tests are made from these
declarations. Keys are flat, values are scalars, and a field that has nothing to say is left out. Names are
OpenTelemetry's where it has one, else ``cors.*``.
See https://opentelemetry.io/docs/specs/semconv/registry/attributes/.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from flask_cors_env.config.settings import AUDIT_CLIENTS, AUDIT_FORMATS, AUDIT_LEVELS
from flask_cors_env.core.reason import Difference, Reason, Verdict
from flask_cors_env.core.request import Kind

SCHEMA = 1

DECISION = "cors.decision"
POLICY_LOADED = "cors.policy.loaded"
POLICY_REJECTED = "cors.policy.rejected"
POLICY_CHANGED = "cors.policy.changed"
GAP = "cors.audit.gap"
CLOSED = "cors.audit.closed"

#: The two fields of a seal: the writer's step of the key file's ladder, and the MAC.
STEP = "cors.audit.step"
MAC = "cors.audit.mac"

#: The longest value that a client controls, in characters after escaping.
LIMIT = 512


class Privacy(IntEnum):
    """How much care a value needs. Cookies, credentials, queries and bodies are never in the log."""

    NONE = 0
    BUSINESS = 1
    PERSONAL = 2


class Field(NamedTuple):
    """
    One field of the log.

    Attributes:
        name: Its key.
        type: ``str``, ``int`` or ``bool``.
        meaning: One sentence.
        example: A value that could stand in a log.
        cardinality: How many values it takes: ``one``, ``low``, ``mid``, ``high``; ``hostile`` where a client
            chooses them.
        privacy: How much care its values need.
        choices: All its values; empty where they are not closed.
        required: Whether every event of its kind has it.
        ecs: The field that says so in the Elastic Common Schema; empty where there is none.
        ocsf: The attribute that says so in OCSF's HTTP Activity (class 4002); empty where there is none.
    """

    name: str
    type: type
    meaning: str
    example: str
    cardinality: str = "low"
    privacy: Privacy = Privacy.NONE
    choices: tuple[str, ...] = ()
    required: bool = False
    ecs: str = ""
    ocsf: str = ""


_LEVELS = ("info", "warning", "error")

#: On every event, in this order; the first one lets a reader find where a record starts in a damaged line.
ENVELOPE: tuple[Field, ...] = (
    Field("cors.schema", int, "The version of this table.", "1", "one", required=True),
    Field(
        "timestamp",
        str,
        "When it was written: RFC 3339, UTC, microseconds.",
        "2026-01-02T04:48:05.185000Z",
        "high",
        required=True,
        ecs="@timestamp",
        ocsf="time",
    ),
    Field(
        "level",
        str,
        "info; warning for a denial; error for a loss.",
        "warning",
        choices=_LEVELS,
        required=True,
        ecs="log.level",
        ocsf="severity",
    ),
    Field(
        "event",
        str,
        "What the record is.",
        "cors.decision",
        choices=(DECISION, POLICY_LOADED, POLICY_REJECTED, POLICY_CHANGED, GAP, CLOSED),
        required=True,
        ecs="event.action",
        ocsf="metadata.event_code",
    ),
    Field(
        "log.record.uid",
        str,
        "The writer, new in every process, and its sequence from 1.",
        "9f3c2a1b0d4e-4711",
        "high",
        required=True,
        ecs="event.id",
        ocsf="metadata.uid",
    ),
    Field(STEP, int, "The writer's step of the ladder in CORS_AUDIT_KEY_FILE.", "7"),
    Field(
        "service.name",
        str,
        "The app's name, or OTEL_SERVICE_NAME.",
        "shop",
        required=True,
        ecs="service.name",
        ocsf="metadata.product.name",
    ),
    Field(
        "service.version",
        str,
        "service.version of OTEL_RESOURCE_ATTRIBUTES, where that is set.",
        "1.4.2",
        ecs="service.version",
        ocsf="metadata.product.version",
    ),
    Field(
        "deployment.environment.name",
        str,
        "Whose rules hold.",
        "production",
        required=True,
        ecs="service.environment",
    ),
    Field(
        "trace_id",
        str,
        "The trace of the active span, or of the traceparent field.",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "high",
        ecs="trace.id",
    ),
    Field("span_id", str, "The active span, or the caller's.", "00f067aa0ba902b7", "high", ecs="span.id"),
    Field(
        MAC,
        str,
        "The MAC of all fields of this table, by the record's own key; last in its line.",
        "5b0fbe4b0c1f4d6e8f1f3a5d9a7c2e10",
        "high",
    ),
)

DECISION_FIELDS: tuple[Field, ...] = (
    Field(
        "cors.decision",
        str,
        "allow or deny; skip where CORS_AUDIT_LEVEL=all.",
        "deny",
        choices=tuple(Verdict),
        required=True,
        ecs="event.type (allowed, denied)",
        ocsf="action_id (1, 2)",
    ),
    Field(
        "cors.reason",
        str,
        "The reason that counts.",
        "origin_not_listed",
        choices=tuple(Reason),
        required=True,
        ecs="event.reason",
        ocsf="status_detail",
    ),
    Field(
        "cors.reasons",
        str,
        "All reasons, comma-separated.",
        "origin_not_listed,method_not_allowed",
        required=True,
    ),
    Field("cors.notes", str, "What else is worth knowing, comma-separated.", "response_conflict"),
    Field(
        "cors.request.kind",
        str,
        "preflight or actual; none for a request without an origin.",
        "preflight",
        choices=tuple(Kind),
        required=True,
    ),
    Field(
        "cors.origin",
        str,
        "The request's origin.",
        "https://app.example.com",
        "hostile",
        Privacy.BUSINESS,
        ecs="http.request.headers.origin",
        ocsf="http_request.http_headers[origin]",
    ),
    Field(
        "cors.resource",
        str,
        "The resource that governs the path.",
        "api",
        ecs="rule.ruleset",
        ocsf="firewall_rule.category",
    ),
    Field(
        "cors.rule",
        str,
        "The entry that let the origin in.",
        "https://*.example.com",
        privacy=Privacy.BUSINESS,
        ecs="rule.name",
        ocsf="firewall_rule.name",
    ),
    Field(
        "cors.offending",
        str,
        "The refused method and header names, comma-separated.",
        "PATCH,x-debug",
        "hostile",
    ),
    Field(
        "cors.near.rule",
        str,
        "The nearest entry to an origin that is not listed.",
        "https://app.example.com",
        privacy=Privacy.BUSINESS,
    ),
    Field("cors.near.difference", str, "In what that entry differs.", "scheme", choices=tuple(Difference)),
    Field(
        "cors.remedy.env",
        str,
        "The variable that changes the outcome.",
        "CORS_RESOURCES__API__ORIGINS",
    ),
    Field(
        "cors.remedy.hint",
        str,
        "What to do for another outcome.",
        "Add the origin to CORS_ORIGINS.",
        ocsf="remediation.desc",
    ),
    Field(
        "cors.policy.id",
        str,
        "The digest of the policy that decided.",
        "p-046af41e0506",
        required=True,
        ecs="rule.version",
        ocsf="firewall_rule.version",
    ),
    Field(
        "http.request.method",
        str,
        "The request's method; _OTHER for one that is not registered.",
        "OPTIONS",
        required=True,
        ecs="http.request.method",
        ocsf="http_request.http_method",
    ),
    Field("cors.request.method", str, "The method a preflight asks for.", "PUT", "hostile"),
    Field(
        "cors.request.headers",
        str,
        "The header names a preflight asks for.",
        "content-type,x-api-key",
        "hostile",
    ),
    Field(
        "cors.request.credentialed",
        bool,
        "Whether a cookie or an Authorization field came.",
        "true",
        required=True,
    ),
    Field(
        "cors.request.fetch_site",
        str,
        "Sec-Fetch-Site; absent where no browser sent it.",
        "cross-site",
        choices=("cross-site", "same-origin", "same-site", "none"),
    ),
    Field(
        "cors.response.allow_origin",
        str,
        "The Access-Control-Allow-Origin that was sent.",
        "*",
        "mid",
        Privacy.BUSINESS,
    ),
    Field("cors.response.credentials", bool, "Whether Access-Control-Allow-Credentials was sent.", "true"),
    Field(
        "server.address",
        str,
        "The request's host, without its port.",
        "api.example.com",
        "hostile",
        ecs="server.address",
        ocsf="dst_endpoint.hostname",
    ),
    Field(
        "url.scheme",
        str,
        "The request's scheme as the server sees it.",
        "https",
        ecs="url.scheme",
        ocsf="http_request.url.scheme",
    ),
    Field(
        "http.response.status_code",
        int,
        "The status that was sent; 0 where the client was gone before any was. Absent for a handshake "
        "that is not refused: its event is written before its answer.",
        "204",
        ecs="http.response.status_code",
        ocsf="http_response.code",
    ),
    Field("http.route", str, "The rule that routed the request.", "/items/<int:id>"),
    Field(
        "error.type",
        str,
        "The type of the app's exception that no error handler took: the browser calls it a CORS error.",
        "ZeroDivisionError",
        ecs="error.type",
    ),
    Field(
        "client.address",
        str,
        "The peer's network, /24 or /48; see CORS_AUDIT_CLIENT. Absent where it is no IP address.",
        "203.0.113.0",
        "high",
        Privacy.PERSONAL,
        ecs="client.address",
        ocsf="src_endpoint.ip",
    ),
    Field(
        "url.path",
        str,
        "The path, where CORS_AUDIT_PATH is on.",
        "/items/7",
        "hostile",
        Privacy.PERSONAL,
        ecs="url.path",
        ocsf="http_request.url.path",
    ),
    Field(
        "user_agent.original",
        str,
        "The User-Agent field, where CORS_AUDIT_PATH is on.",
        "Mozilla/5.0",
        "hostile",
        Privacy.PERSONAL,
        ecs="user_agent.original",
        ocsf="http_request.user_agent",
    ),
    Field("cors.audit.truncated", str, "Fields that were cut, comma-separated.", "cors.request.headers"),
)

_POLICY_ID = Field(
    "cors.policy.id", str, "The digest of the policy.", "p-046af41e0506", required=True, ecs="rule.version"
)

POLICY_FIELDS: tuple[Field, ...] = (
    _POLICY_ID,
    Field("cors.policy.part", int, "Which part this is, from 1.", "1", required=True),
    Field(
        "cors.policy.parts",
        int,
        "How many parts there are; a value that is too long goes on in the next.",
        "1",
        required=True,
    ),
    Field(
        "cors.policy.document",
        str,
        "The canonical policy as JSON, with a version of its own; cors.policy in logs of 0.1.0.",
        '{"v":1,"environment":"production"',
        privacy=Privacy.BUSINESS,
    ),
    Field("cors.policy.because", str, "Why this environment's rules hold.", "CORS_ENV=production"),
    Field("cors.policy.env", str, "The settings that were set, comma-separated.", "CORS_ORIGINS"),
    Field("cors.policy.warnings", str, "Codes of what was borne with, comma-separated.", "http"),
    Field("cors.policy.exempt", str, "Endpoints that were exempted, comma-separated.", "health"),
    Field(
        "cors.policy.layers",
        str,
        "WSGI layers that the policy does not decide about, with their place, comma-separated.",
        "whitenoise.base.WhiteNoise above",
    ),
    Field("cors.policy.unsafe_allow", str, "The rules of UNSAFE_ALLOW, comma-separated.", "http"),
    Field("cors.audit.enabled", bool, "CORS_AUDIT.", "true"),
    Field("cors.audit.level", str, "CORS_AUDIT_LEVEL.", "decision", choices=AUDIT_LEVELS),
    Field("cors.audit.format", str, "How our own lines are written.", "json", choices=AUDIT_FORMATS),
    Field("cors.audit.sink", str, "CORS_AUDIT_SINK.", "auto"),
    Field("cors.audit.client", str, "CORS_AUDIT_CLIENT.", "truncate", choices=AUDIT_CLIENTS),
    Field("cors.audit.path", bool, "CORS_AUDIT_PATH.", "false"),
    Field(
        "cors.audit.route",
        str,
        "How events are written: by our own lines, or by the app's pipeline.",
        "own",
        choices=("own", "structlog", "logging"),
    ),
    Field(
        "cors.audit.guarantee",
        str,
        "Who answers for what is written: own for us; app where its pipeline may filter, swallow or block.",
        "own",
        choices=("own", "app"),
    ),
    Field(
        "cors.audit.suppressed",
        str,
        "Levels that the app's pipeline drops, comma-separated.",
        "info",
    ),
    Field("otel.scope.version", str, "This package's version.", "0.1.0"),
)

_SOURCE = Field("cors.policy.trigger", str, "What made the policy be read again.", "reload")

REJECTED_FIELDS: tuple[Field, ...] = (
    Field("error.type", str, "The first problem's code.", "wildcard", required=True, ecs="error.code"),
    Field(
        "error.message",
        str,
        "The first problem in words.",
        '"*" is for development only.',
        "mid",
        Privacy.BUSINESS,
        ecs="error.message",
        ocsf="status_detail",
    ),
    Field("cors.policy.problems", int, "How many problems there are.", "1"),
    Field("cors.policy.env", str, "The settings at fault, comma-separated.", "CORS_ORIGINS"),
    Field(
        "cors.policy.action",
        str,
        "What was done.",
        "keep_previous",
        choices=("refuse_start", "keep_previous"),
    ),
    Field("cors.policy.id", str, "The digest of the policy that stays.", "p-046af41e0506"),
    _SOURCE,
)

CHANGED_FIELDS: tuple[Field, ...] = (
    _POLICY_ID,
    Field(
        "cors.policy.previous_id", str, "The digest of the policy before.", "p-54b518e5c5e6", required=True
    ),
    Field(
        "cors.policy.added",
        str,
        "Entries that were added, comma-separated.",
        "api.origins=https://a.example",
        "mid",
        Privacy.BUSINESS,
    ),
    Field(
        "cors.policy.removed",
        str,
        "Entries that were removed, comma-separated.",
        "api.origins=https://b.example",
        "mid",
        Privacy.BUSINESS,
    ),
    Field("cors.policy.widened", bool, "Whether something is allowed now that was not.", "true"),
    _SOURCE,
)

GAP_FIELDS: tuple[Field, ...] = (
    Field("cors.audit.lost", int, "How many records were lost.", "3", "mid", required=True),
    Field(
        "cors.audit.lost_since",
        str,
        "When the first of them was lost.",
        "2026-01-02T04:48:05.185000Z",
        "high",
        required=True,
    ),
    Field(
        "error.type",
        str,
        "What the log's last failure was; DropEvent where a processor dropped it.",
        "OSError",
        required=True,
        ecs="error.type",
    ),
)

FIELDS: dict[str, tuple[Field, ...]] = {
    DECISION: DECISION_FIELDS,
    POLICY_LOADED: POLICY_FIELDS,
    POLICY_REJECTED: REJECTED_FIELDS,
    POLICY_CHANGED: CHANGED_FIELDS,
    GAP: GAP_FIELDS,
    CLOSED: (),
}

#: Every name that is ours, so that nothing an app binds takes its place.
NAMES = frozenset(field.name for fields in (ENVELOPE, *FIELDS.values()) for field in fields)

_JSON_TYPES = {str: "string", int: "integer", bool: "boolean"}


def json_schema() -> dict[str, Any]:
    """
    The JSON Schema (draft 2020-12) of one line.

    An app may bind fields of its own (``request_id``); under ``cors.`` there is nothing but the catalogue.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"flask-cors-env audit event, version {SCHEMA}",
        "type": "object",
        "required": [field.name for field in ENVELOPE if field.required],
        "properties": {field.name: _property(field) for field in ENVELOPE},
        "oneOf": [_event_schema(event, fields) for event, fields in FIELDS.items()],
    }


def _event_schema(event: str, fields: tuple[Field, ...]) -> dict[str, Any]:
    ours = (field.name for field in ENVELOPE if field.name.startswith("cors."))
    names = sorted({*ours, *(field.name for field in fields)})
    return {
        "title": event,
        "required": [field.name for field in fields if field.required],
        "properties": {"event": {"const": event}} | {field.name: _property(field) for field in fields},
        "propertyNames": {"anyOf": [{"enum": names}, {"not": {"pattern": r"^cors\."}}]},
    }


def _property(field: Field) -> dict[str, Any]:
    made: dict[str, Any] = {"type": _JSON_TYPES[field.type], "description": field.meaning}
    if field.choices:
        made["enum"] = [str(choice) for choice in field.choices]
    if field.type is str:
        made["pattern"] = "^[ -~]*$"
    return made | {"x-cardinality": field.cardinality, "x-privacy": int(field.privacy)}


def fields_table() -> str:
    """The catalogue as a Markdown table."""
    groups = {"every event": ENVELOPE, **{f"`{event}`": fields for event, fields in FIELDS.items()}}
    rows = [
        f"| {event} | `{f.name}` | {f.type.__name__} | {f.meaning} | `{f.example}` | {f.cardinality} "
        f"| {int(f.privacy)} |"
        for event, fields in groups.items()
        for f in fields
    ]
    head = [
        "| event | field | type | meaning | example | values | privacy |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def mapping_table() -> str:
    """The fields that the Elastic Common Schema and OCSF have words for, as a Markdown table."""
    fields = {f.name: f for group in (ENVELOPE, *FIELDS.values()) for f in group if f.ecs or f.ocsf}
    rows = [f"| `{name}` | {_code(f.ecs)} | {_code(f.ocsf)} |" for name, f in fields.items()]
    return "\n".join(["| field | ECS | OCSF |", "|---|---|---|", *rows]) + "\n"


def _code(text: str) -> str:
    """*text* with its name set as code, and what stands behind it in parentheses left as it is."""
    name, space, rest = text.partition(" ")
    return f"`{name}`{space}{rest}" if name else ""
