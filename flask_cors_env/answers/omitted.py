"""What a log leaves out on purpose, by its own records of policies, and what to set so that it does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


class Omission(NamedTuple):
    """
    Records that are not written.

    Attributes:
        what: As the rest of a sentence: ``leaves out allowed requests (CORS_AUDIT_LEVEL=deny)``.
        remedy: What to set.
        allows: Whether allowed requests are among them.
    """

    what: str
    remedy: str
    allows: bool = True


_OFF = Omission("leaves out every request (CORS_AUDIT=off)", "Set CORS_AUDIT=on")
_DENY = Omission("leaves out allowed requests (CORS_AUDIT_LEVEL=deny)", "Set CORS_AUDIT_LEVEL=decision")
_INFO = Omission(
    "leaves out allowed requests (the app's logging drops level info)",
    "Let the logger flask_cors_env.audit and its handlers take INFO, or set CORS_AUDIT_SINK=stderr",
)
_WARNING = Omission(
    "leaves out denied requests (the app's logging drops level warning)",
    "Let the logger flask_cors_env.audit and its handlers take WARNING, or set CORS_AUDIT_SINK=stderr",
    allows=False,
)


def omissions(records: Iterable[Mapping[str, object]]) -> tuple[Omission, ...]:
    """Return what the processes of a log left out, each once; *records* are of policies, or their columns."""
    return tuple(dict.fromkeys(omission for record in records for omission in _of(record)))


def _of(record: Mapping[str, object]) -> Iterator[Omission]:
    enabled, level, suppressed = (
        str(record.get(f"cors.audit.{name}", record.get(f"cors_audit_{name}", "")))
        for name in ("enabled", "level", "suppressed")
    )
    if enabled.lower() == "false":
        yield _OFF
    elif level == "deny":
        yield _DENY
    if "info" in suppressed.split(","):
        yield _INFO
    if "warning" in suppressed.split(","):
        yield _WARNING
