"""
Envelopes: every place in another program's line where a record may stand, as data.

A record counts only from a place of its own. `PREFIXES`, and the formats of `logging`, are texts before it,
`ENVELOPES` are JSON objects around it. To read one more carrier, add one entry. Two rules hold for every
entry. A prefix is made of times, names and numbers, so that no client's text can stand in it. An envelope is
known by members that only this envelope has: ``message``, ``msg`` or ``log`` alone may hold a client's text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask_cors_env.audit.formats import LEVEL, LOGGER, PATTERNS

# --- texts before a record

#: Not a level: in many formats a level stands where others have a host or a container, and free text follows.
_LEVELS = rf"{LEVEL}|TRC|DBG|INF|NTC|WRN|ERR|CRI|CRIT|FTL|PNC|D?PANIC|EMERG|ALERT|SEVERE|VERBOSE|[TDIWEF]"
_NO_LEVEL = rf"(?!(?i:{_LEVELS})(?![\w.-]))"
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_BSD = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})?"
_NAME = r"[A-Za-z0-9][\w.-]{0,252}"
_HOST = rf"{_NO_LEVEL}[\w.:-]{{1,255}}"
_PROGRAM = r"[^\s:\[\]]{1,128}"
#: A pod of a deployment, whose name ends in two texts of Kubernetes's own letters.
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_POD = rf"[a-z0-9][a-z0-9.-]{{0,240}}-{_SAFE}{{6,10}}-{_SAFE}{{5}}"
#: A pod of any other kind, and a container that is named as the pod is: "worker-1 received" is a sentence.
_NAMED_POD = (
    rf"(?P<_pod>[a-z0-9][a-z0-9-]{{0,62}})(?:-[a-z0-9.-]{{0,180}})?-(?:{_SAFE}{{5}}|\d{{1,4}}) (?P=_pod)"
)
_SD = r'(?:-|(?:\[[^\s\]"=]+(?: [^\s\]"=]+="(?:[^"\\\]]|\\.)*+")*+\])++)'

#: By what writes each: regular expressions that match from a text's start.
PREFIXES: dict[str, str] = {
    "docker compose": rf"{_NO_LEVEL}{_NAME}(?:[-_]\d+ +| {{2,}})\| ",
    "docker service logs": rf"{_NAME}\.\d+\.[a-z0-9]{{8,32}}@{_NAME} +\| ",
    "docker logs -t, kubectl --timestamps": rf"{_ISO} ",
    "kubectl --prefix": rf"\[pod/{_NAME}/{_NAME}\] ",
    "CRI": rf"{_ISO} (?:stdout|stderr) F(?::\S+)? ",
    "stern": rf"(?:{_POD} {_NO_LEVEL}{_NAME}|{_NAMED_POD}) ",
    "honcho, foreman": rf"\d\d:\d\d:\d\d {_NAME}\.\d+ +\| ",
    "pm2": rf"\d+\|{_NAME} +\| (?:\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d: )?",
    "journald, syslog (RFC 3164)": rf"(?:<\d{{1,3}}>)?{_BSD} {_HOST} {_PROGRAM}(?:\[\d+\])?: ",
    "syslog (RFC 3164) without a host": rf"<\d{{1,3}}>(?:{_BSD} {_PROGRAM}(?:\[\d+\])?: )?",
    "journald short-iso": rf"{_ISO} {_HOST} {_PROGRAM}\[\d+\]: ",
    "journald short-full": rf"\w{{3}} \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d \w{{1,5}} {_HOST} {_PROGRAM}\[\d+\]: ",
    "journald short-unix": rf"\d{{9,11}}\.\d{{6}} {_HOST} {_PROGRAM}\[\d+\]: ",
    "syslog (RFC 5424)": rf"(?:\d{{1,5}} )?<\d{{1,3}}>1 (?:{_ISO}|-) \S+ \S+ \S+ \S+ {_SD} ?\ufeff?",
    "Heroku": rf"{_ISO} (?:app|heroku)\[[\w.-]+\]: ",
    "Cloud Foundry": rf" {{0,3}}{_ISO} \[APP/[\w./-]+\] (?:OUT|ERR) ",
    "Fly": rf"{_ISO} (?:app|runner|proxy)\[[0-9a-f]+\] [a-z]{{3}} \[\w+\] ?",
    "aws logs tail": rf"{_ISO} (?=[^\s]*/)[\w$\[][\w./$\[\]-]*[/\]][0-9a-f]{{8,64}} ",
    "fluentd": rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{{4}} {_NO_LEVEL}{_NAME}: ",
    "fluentd out_file": rf"{_ISO}\t[A-Za-z][\w-]*\.[\w.-]{{1,252}}\t",
}

#: The most prefixes that stand in a row: compose, journald, a format of `logging`, and one to spare.
_IN_A_ROW = 4


def prefix_of(more: str | None = None) -> re.Pattern[str]:
    """
    Return the regular expression of all that may stand before a record, up to its brace.

    Args:
        more: One more prefix, an operator's; None for the catalogue alone.

    Raises:
        re.error: *more* is no regular expression.
    """
    own = [] if more is None else [re.compile(more).pattern]
    each = "|".join(f"(?:{text})" for text in (*own, *PREFIXES.values(), *PATTERNS))
    return re.compile(rf"(?:{each}){{1,{_IN_A_ROW}}}(?=\s*\{{)")


# --- objects around a record

#: What a member must be: a type, one text, one of several texts, or a pattern of a whole text.
Form = type | str | frozenset[str] | re.Pattern[str]


def _text_of_bytes(value: Any) -> Any:
    """Return the text of an array of bytes, as journald writes what is not printable; else *value* itself."""
    is_bytes = isinstance(value, list) and all(type(byte) is int and 0 <= byte <= 255 for byte in value)  # noqa: PLR2004
    return bytes(value).decode("utf-8", "replace") if is_bytes else value


def _of_any_value(value: Any) -> Any:
    """Return the plain value of an OTLP AnyValue; any other value as it is."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, held),) = value.items()
    if kind == "kvlistValue" and isinstance(held, dict) and isinstance(held.get("values"), list):
        pairs = [
            pair for pair in held["values"] if isinstance(pair, dict) and isinstance(pair.get("key"), str)
        ]
        return {pair["key"]: _of_any_value(pair.get("value")) for pair in pairs}
    if kind == "intValue" and isinstance(held, str) and re.fullmatch(r"-?\d{1,18}", held):
        return int(held)
    return held if kind in {"stringValue", "boolValue", "intValue", "doubleValue"} else value


#: Members of an event of `logging` or structlog: a message beside them is that event's, and no line.
_OF_A_LOGGER = ("level", "levelname", "logger", "logger_name", "name", "log.level", "log.logger")


class Envelope(NamedTuple):
    """
    A JSON object around one record, or around many entries.

    Paths name members of members with dots.

    Attributes:
        name: What writes it.
        members: What each of these members must be, so that no other program's object is taken for this one.
        one_of: Members of which at least one is there; () where `members` say enough.
        absent: Members that show that another program's event was taken apart into this object.
        only: All members that the object may have; None where others may be there.
        holds: Where the one record stands. The first of these that is there decides.
        decode: What a held value is turned into before it is read.
        each: Where the entries of an envelope of many stand; "*" is every element of an array.
        entries: The envelopes that an entry may be; () where an entry is text.
    """

    name: str
    members: Mapping[str, Form]
    one_of: tuple[str, ...] = ()
    absent: tuple[str, ...] = _OF_A_LOGGER
    only: frozenset[str] | None = None
    holds: tuple[str, ...] = ()
    decode: Callable[[Any], Any] | None = None
    each: str = ""
    entries: tuple[Envelope, ...] = ()


#: The forms of Fluent Bit's ``json_date_format``: seconds, milliseconds, and a time with microseconds.
_DATE = re.compile(r"\d{1,20}(?:\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{6}Z?")
_TIME = re.compile(r"\d{1,20}|\d{4}-\d\d-\d\d[T ][0-9:.]{8,18}(?:Z|[+-]\d\d:\d\d)?")
_STREAM = frozenset({"stdout", "stderr"})
#: Attributes that OpenTelemetry's handler of `logging` adds: the body is then some logger's message.
_OF_CODE = tuple(
    f"attributes.code.{name}"
    for name in ("function", "filepath", "lineno", "function.name", "file.path", "line.number")
)
_OURS_OR_NONE = frozenset({"", LOGGER})

#: A line that Docker kept; a line longer than 16 KiB comes in pieces, of which the last ends in a line feed.
DOCKER = Envelope("Docker", {"log": str, "stream": _STREAM}, holds=("log",))

_CLOUDWATCH_EVENT = Envelope(
    "CloudWatch", {"timestamp": int, "ingestionTime": int, "message": str}, holds=("message",)
)
_CLOUDWATCH_SENT = Envelope(
    "CloudWatch, subscription", {"id": str, "timestamp": int, "message": str}, holds=("message",)
)
_OTLP_RECORD = Envelope("OTLP record", {}, one_of=("body",), holds=("body",), decode=_of_any_value)
_OTLP_SCOPE = Envelope(
    "OTLP scope",
    {"logRecords": list, "scope.name": _OURS_OR_NONE},
    only=frozenset({"scope", "logRecords", "schemaUrl"}),
    each="logRecords.*",
    entries=(_OTLP_RECORD,),
)
_OTLP_RESOURCE = Envelope(
    "OTLP resource",
    {"scopeLogs": list},
    only=frozenset({"resource", "scopeLogs", "schemaUrl"}),
    each="scopeLogs.*",
    entries=(_OTLP_SCOPE,),
)
_ELASTICSEARCH = Envelope("Elasticsearch", {"_index": str, "_source": dict}, holds=("_source",))
_DATADOG = (
    Envelope(
        "Datadog",
        {"id": str, "content": dict, "content.timestamp": str},
        one_of=("content.tags", "content.service"),
        only=frozenset({"id", "content"}),
        holds=("content.attributes", "content.message"),
    ),
    Envelope(
        "Datadog, API v2",
        {"id": str, "type": "log", "attributes": dict, "attributes.timestamp": str},
        holds=("attributes.attributes", "attributes.message"),
    ),
)

ENVELOPES: tuple[Envelope, ...] = (
    DOCKER,
    Envelope("python-json-logger, ours", {"name": LOGGER, "message": str}, absent=(), holds=("message",)),
    Envelope("structlog, our logger", {"logger": LOGGER, "event": str}, absent=(), holds=("event",)),
    Envelope(
        "ecs-logging, our logger", {"log.logger": LOGGER, "message": str}, absent=(), holds=("message",)
    ),
    Envelope(
        "Vector",
        {"source_type": str, "timestamp": str, "message": str},
        holds=("message",),
    ),
    Envelope(
        "Fluent Bit",
        {"date": _DATE},
        one_of=("log_processed", "log"),
        holds=("log_processed", "log"),
    ),
    Envelope(
        "Fluent Bit, fluentd and others in Kubernetes",
        {"kubernetes": dict},
        one_of=("kubernetes.pod_name", "kubernetes.pod.name", "kubernetes.container_name"),
        holds=("log_processed", "log"),
    ),
    Envelope(
        "Docker's fluentd driver, FireLens",
        {"container_id": str, "container_name": str, "source": _STREAM, "log": str},
        holds=("log",),
    ),
    Envelope(
        "Filebeat",
        {"@timestamp": str, "agent.type": "filebeat"},
        holds=("json", "message"),
    ),
    Envelope(
        "Filebeat, to a file or a queue",
        {"@timestamp": str, "@metadata.beat": "filebeat"},
        holds=("json", "message"),
    ),
    Envelope("Loki, logcli", {"line": str, "timestamp": str, "labels": dict}, holds=("line",)),
    Envelope("Loki, Grafana", {"line": str, "timestamp": str, "date": str, "fields": dict}, holds=("line",)),
    Envelope(
        "Loki, API",
        {"data.resultType": "streams", "data.result": list},
        only=frozenset({"status", "data"}),
        each="data.result.*.values.*.1",
    ),
    Envelope("Loki, push", {"streams": list}, only=frozenset({"streams"}), each="streams.*.values.*.1"),
    Envelope(
        "journald",
        {},
        one_of=("__CURSOR", "__REALTIME_TIMESTAMP", "_BOOT_ID", "_PID", "_TRANSPORT"),
        absent=(*_OF_A_LOGGER, "message", "event", "cors"),
        holds=("MESSAGE",),
        decode=_text_of_bytes,
    ),
    Envelope(
        "Google Cloud",
        {"logName": re.compile(r"\w+/[^/]+/logs/.+"), "insertId": str},
        one_of=("textPayload", "jsonPayload"),
        holds=("jsonPayload", "textPayload"),
    ),
    _CLOUDWATCH_EVENT,
    Envelope(
        "CloudWatch, get-log-events and filter-log-events",
        {"events": list},
        only=frozenset(
            {"events", "nextForwardToken", "nextBackwardToken", "nextToken", "searchedLogStreams"}
        ),
        each="events.*",
        entries=(_CLOUDWATCH_EVENT,),
    ),
    Envelope(
        "CloudWatch, subscription",
        {"messageType": "DATA_MESSAGE", "logGroup": str, "logEvents": list},
        each="logEvents.*",
        entries=(_CLOUDWATCH_SENT,),
    ),
    Envelope(
        "OTLP",
        {"resourceLogs": list},
        only=frozenset({"resourceLogs"}),
        each="resourceLogs.*",
        entries=(_OTLP_RESOURCE,),
    ),
    Envelope(
        "OpenTelemetry, one record",
        {"scope.name": _OURS_OR_NONE, "instrumentation_scope.name": _OURS_OR_NONE},
        one_of=("timeUnixNano", "observedTimeUnixNano", "observed_timestamp"),
        absent=(*_OF_A_LOGGER, *_OF_CODE),
        holds=("body",),
        decode=_of_any_value,
    ),
    *(
        Envelope(
            "OpenTelemetry, one record of its data model",
            {resource: dict, "Timestamp": _TIME, "ScopeName": _OURS_OR_NONE},
            absent=(*_OF_A_LOGGER, *_OF_CODE),
            holds=("Body",),
            decode=_of_any_value,
        )
        for resource in ("Resource", "ResourceAttributes")
    ),
    _ELASTICSEARCH,
    Envelope(
        "Elasticsearch, search",
        {"hits.hits": list, "took": int},
        each="hits.hits.*",
        entries=(_ELASTICSEARCH,),
    ),
    *_DATADOG,
    Envelope(
        "Datadog, search",
        {"data": list},
        only=frozenset({"data", "meta", "links"}),
        each="data.*",
        entries=_DATADOG,
    ),
)

_MISSING = object()


def member(value: Any, path: str) -> Any:
    """Return the member of *value* at *path*, written with dots or in objects; None where it is absent."""
    found = _member(value, path)
    return None if found is _MISSING else found


def _member(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        if path in value:
            return value[path]
        first, dot, rest = path.partition(".")
        while dot:
            if first in value:
                return _member(value[first], rest)
            more, dot, rest = rest.partition(".")
            first = f"{first}.{more}"
    return _MISSING


def members_at(value: Any, path: str) -> list[Any]:
    """Return every value at *path*: ``*`` is each element of an array, a number is one of them."""
    found = [value]
    for step in path.split("."):
        found = [inner for one in found for inner in _step(one, step)]
    return found


def _step(value: Any, step: str) -> list[Any]:
    if step == "*":
        return value if isinstance(value, list) else []
    if step.isdigit():
        return value[int(step) : int(step) + 1] if isinstance(value, list) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def _first_names(envelope: Envelope) -> set[str]:
    """The names of which an object that is such an envelope has at least one."""
    paths = envelope.one_of or tuple(envelope.members)[:1]
    return {name for path in paths for name in (path, path.partition(".")[0])}


#: The envelopes by those names, so that an object of another program costs little.
_BY_NAME: dict[str, list[Envelope]] = {}
for _envelope in ENVELOPES:
    for _name in _first_names(_envelope):
        _BY_NAME.setdefault(_name, []).append(_envelope)


def envelope_of(value: dict[str, Any]) -> Envelope | None:
    """Return the envelope that *value* is; None for any other object."""
    named = (envelope for name in value if name in _BY_NAME for envelope in _BY_NAME[name])
    return next((envelope for envelope in named if fits(envelope, value)), None)


def fits(envelope: Envelope, value: dict[str, Any]) -> bool:
    """Return whether *value* is such an envelope."""
    if envelope.only is not None and not envelope.only.issuperset(value):
        return False
    return (
        all(_has_form(member(value, path), form) for path, form in envelope.members.items())
        and (not envelope.one_of or any(_member(value, path) is not _MISSING for path in envelope.one_of))
        and not any(_member(value, path) is not _MISSING for path in envelope.absent)
    )


def _has_form(value: Any, form: Form) -> bool:
    if isinstance(form, str):
        return value == form and isinstance(value, str)
    if isinstance(form, frozenset):
        return ("" if value is None else value) in form if isinstance(value, str | None) else False
    if isinstance(form, re.Pattern):
        text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
        return form.fullmatch(text) is not None
    return value is not None and isinstance(value, form) and not (form is int and isinstance(value, bool))
