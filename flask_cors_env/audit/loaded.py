"""
``cors.policy.loaded``: the log alone tells what decided, under whose rules, and what the log leaves out.

A value that is too long for one line goes on in the next part; a reader joins the parts' values.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping

from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import POLICY_LOADED, Event, clean
from flask_cors_env.audit.routes import LEVELS

_LOG = logging.getLogger("flask_cors_env")
_UNUSED = "CORS: CORS_AUDIT_KEY_FILE seals nothing: only JSON lines of our own are sealed [key-unused]"
#: Bytes of JSON that one part takes of all values, and the least that are worth beginning with.
_ROOM = 2400
_LEAST = 100


def write_policy(
    log: AuditLog,
    policy_id: str,
    canonical: str,
    values: Mapping[str, str],
) -> None:
    """
    Write ``cors.policy.loaded``.

    Args:
        log: Takes it, whatever of decisions it takes.
        policy_id: The policy's digest.
        canonical: The whole policy as JSON.
        values: What else is told, of any length; an empty one is left out.
    """
    judged = values.get("cors.policy.warnings", "").split(",")
    faults = [code for code in log.key_faults() if code not in judged]
    if "key-unused" in faults:
        _LOG.warning(_UNUSED)
    values = {**values, "cors.policy.warnings": ",".join(filter(None, (*judged, *faults)))}
    suppressed = suppressed_levels(log)
    route = log.route().name
    told = {
        **log.facts,
        "cors.audit.route": route,
        "cors.audit.guarantee": "own" if route == "own" else "app",
        **({"cors.audit.suppressed": ",".join(suppressed)} if suppressed else {}),
    }
    level = next((name for name in LEVELS if name not in suppressed), "error")
    texts = {"cors.policy.document": canonical}
    texts |= {name: clean_whole(value) for name, value in values.items()}
    parts = list(_parts(texts))
    for number, part in enumerate(parts):
        fields: Event = {
            "cors.policy.id": policy_id,
            "cors.policy.part": number + 1,
            "cors.policy.parts": len(parts),
            **part,
            **(told if number == 0 else {}),
        }
        log.write(level, POLICY_LOADED, fields)


def suppressed_levels(log: AuditLog) -> list[str]:
    """The levels that the app's pipeline drops without a word."""
    route = log.route()
    return [level for level in LEVELS if not route.takes(level)]


def clean_whole(value: str) -> str:
    """*value* escaped, at whatever length."""
    return clean(value, 10 * len(value) + 1)


def _parts(texts: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Fill parts with *texts*, which are ASCII: the short ones stand in the first, a long one goes on."""
    part: dict[str, str] = {}
    room = _ROOM
    for name, text in sorted(texts.items(), key=lambda item: len(item[1])):
        start = 0
        while start < len(text):
            if room < _LEAST:
                yield part
                part, room = {}, _ROOM
            piece = _begin(text[start : start + room], room)
            part[name] = piece
            room -= _size(piece)
            start += len(piece)
    yield part


def _begin(piece: str, size: int) -> str:
    """Return as much of *piece* as has at most *size* bytes of JSON."""
    while (excess := _size(piece) - size) > 0:
        piece = piece[:-excess] or piece[0]
    return piece


def _size(text: str) -> int:
    return len(json.dumps(text)) - 2
