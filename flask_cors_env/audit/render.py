"""
Rendering: an event as one line of bytes, of JSON or for a person.

A line fits into one atomic write to a pipe. Strings that come from clients are printable ASCII already.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from flask_cors_env.audit.event import DECISION, POLICY_LOADED, SCHEMA, TRUNCATED, Event, begin, clean
from flask_cors_env.audit.fields import NAMES

try:
    import orjson
except ImportError:  # no wheels for this interpreter
    orjson = None  # type: ignore[assignment]

#: A pipe takes this much in one piece: https://pubs.opengroup.org/onlinepubs/9799919799/functions/write.html
LINE_LIMIT = 4096
BEGINNING = f'{{"cors.schema":{SCHEMA},"timestamp":"'
_SHORTENED = 64
#: Characters of the names that were cut, each of which may take two bytes, and bytes of what is around them.
_TOLD = 256
_ROOM = 64


Render = Callable[[Any, str, MutableMapping[str, Any]], bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """
    Some fields of events.

    Attributes:
        fields: They.
        json: The same as it stands within a line of JSON, a comma before each; empty where nobody wants it.
        first: The place in the catalogue of the first field, where the fields are the catalogue's and in its
            order, so that a MAC can cover them as they stand; else -1.
        last: The place of the last field; else a place behind all others.
    """

    fields: Event
    json: str
    first: int = -1
    last: int = sys.maxsize


NO_PART = Part({}, "")


@dataclass(frozen=True, slots=True)
class Record:
    """
    What events that are alike have in common, made once for all of them.

    Attributes:
        level: ``info``, ``warning`` or ``error``.
        name: What they are.
        rest: What follows the envelope, and what is each event's own.
    """

    level: str
    name: str
    rest: Part


def event_of(now: str, uid: str, record: Record, own: Part) -> Event:
    """The event of *record* with what is its *own*, as it is written at *now* under *uid*."""
    return {
        "cors.schema": SCHEMA,
        "timestamp": now,
        "level": record.level,
        "event": record.name,
        "log.record.uid": uid,
        **record.rest.fields,
        **own.fields,
    }


def part_of(fields: Event) -> Part:
    """*fields*, and the JSON that stands in a line."""
    return Part(fields, f",{encode(fields)[1:-2].decode()}" if fields else "")


def encode(event: Mapping[str, Any]) -> bytes:
    """Return *event* as one line of JSON; its strings are ASCII already."""
    if orjson is not None:
        try:
            return orjson.dumps(event, default=str, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError:  # an integer of more than 64 bits, or a lone surrogate, of the app's processors
            pass
    finite = {name: None if _is_odd(value) else value for name, value in event.items()}
    return json.dumps(finite, separators=(",", ":"), default=str, allow_nan=False).encode() + b"\n"


def _is_odd(value: Any) -> bool:
    """Whether *value* is a number that JSON has not; orjson writes null for it too."""
    return isinstance(value, float) and not math.isfinite(value)


def render(_logger: Any, _level: str, event: MutableMapping[str, Any]) -> bytes:
    """The last processor of our own lines: JSON within the limit of an atomic write to a pipe."""
    line = encode(event)
    return line if len(line) <= LINE_LIMIT else encode(_shortened(event, LINE_LIMIT))


def fitting(event: Mapping[str, Any], limit: int) -> Mapping[str, Any]:
    """Return *event* if its line has at most *limit* bytes, else shortened."""
    return event if len(encode(event)) <= limit else _shortened(event, limit)


def _shortened(event: Mapping[str, Any], limit: int) -> Event:
    """*event* with its long values cut, and without what an app added beyond all measure; both it says."""
    cut = [name for name, value in event.items() if len(str(value)) > _SHORTENED and name != TRUNCATED]
    short = {name: begin(str(value), _SHORTENED) if name in cut else value for name, value in event.items()}
    told = [name for name in str(short.pop(TRUNCATED, "")).split(",") if name and name not in cut]
    kept = _kept(short, limit)
    lost = [name for name in short if name not in kept and name not in cut]
    return {**kept, TRUNCATED: clean(",".join([*told, *cut, *lost]), _TOLD)}


def _kept(event: Event, limit: int) -> Event:
    """As much of *event* as a line holds beside what was cut: our own fields first."""
    room, kept = limit - 2 * _TOLD - _ROOM, set()
    for name in sorted(event, key=lambda name: name not in NAMES):
        room -= len(encode({name: event[name]}))
        if room >= 0:
            kept.add(name)
    return {name: value for name, value in event.items() if name in kept}


def render_console(_logger: Any, level: str, event: MutableMapping[str, Any]) -> bytes:
    """The same for a person at a terminal: what was asked, what came of it, and the remedy."""
    text = _SENTENCES.get(event.get("event", ""), _other)(event)
    time = str(event.get("timestamp", ""))[11:19]
    line = f"{time} CORS {level:<7} {text} [{event.get('log.record.uid', '')}]"
    return clean(line, LINE_LIMIT - 1).replace("\\\\", "\\").encode() + b"\n"


def _decision(event: Mapping[str, Any]) -> str:
    get = event.get
    method = get("cors.request.method") or get("http.request.method")
    asked = f"{get('cors.request.kind')} {method} from {get('cors.origin', 'no origin')}"
    status = f", {event['http.response.status_code']}" if "http.response.status_code" in event else ""
    parts = [
        f"{get('cors.decision')} {asked}: {get('cors.reasons')}{status}",
        f"refused: {get('cors.offending')}" if get("cors.offending") else "",
        f"nearest: {get('cors.near.rule')} ({get('cors.near.difference')})" if get("cors.near.rule") else "",
        f"notes: {get('cors.notes')}" if get("cors.notes") else "",
        f"raised: {get('error.type')}" if get("error.type") else "",
    ]
    hint = get("cors.remedy.hint")
    return "; ".join(part for part in parts if part) + (f". {hint}" if hint else "")


def _policy(event: Mapping[str, Any]) -> str:
    get = event.get
    part = "" if get("cors.policy.parts") == 1 else f" (part {get('cors.policy.part')})"
    lists = {"set": "env", "warnings": "warnings", "exempt": "exempt", "unsafe": "unsafe_allow"}
    named = [
        f"; {word}: {get(f'cors.policy.{name}')}"
        for word, name in lists.items()
        if get(f"cors.policy.{name}")
    ]
    because = f" because {get('cors.policy.because')}" if get("cors.policy.because") else ""
    where = get("deployment.environment.name")
    return f"policy {get('cors.policy.id')}{part} holds in {where}{because}{''.join(named)}"


_SENTENCES = {DECISION: _decision, POLICY_LOADED: _policy}
_ENVELOPE = ("cors.schema", "timestamp", "level", "event", "log.record.uid", "service.name")


def _other(event: Mapping[str, Any]) -> str:
    told = [f"{name}={value}" for name, value in event.items() if name not in _ENVELOPE]
    return f"{event.get('event')} {' '.join(told)}"


#: By the words of CORS_AUDIT_FORMAT.
FORMATS: dict[str, Render] = {"json": render, "console": render_console}
