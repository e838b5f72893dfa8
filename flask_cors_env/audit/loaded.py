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
#: Characters that one part takes of each value, as JSON.
_POLICY_PART = 1600
_PART = 240


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
    chunks = {"cors.policy.document": list(_chunks(canonical, _POLICY_PART))}
    chunks |= {name: list(_chunks(clean_whole(value), _PART)) for name, value in values.items()}
    count = max(len(parts) for parts in chunks.values())
    for number in range(count):
        fields: Event = {
            "cors.policy.id": policy_id,
            "cors.policy.part": number + 1,
            "cors.policy.parts": count,
            **{name: parts[number] for name, parts in chunks.items() if number < len(parts)},
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


def _chunks(text: str, size: int) -> Iterator[str]:
    """*text*, which is ASCII, in pieces of at most *size* bytes of JSON each."""
    start = 0
    while start < len(text):
        piece = text[start : start + size]
        while (excess := len(json.dumps(piece)) - 2 - size) > 0:
            piece = piece[:-excess] or piece[0]
        yield piece
        start += len(piece)
