"""
Times: when a record was written, in the one form in which times are compared.

Our own records have that form. An app's pipeline may write its own: another offset from UTC, fewer digits, or
seconds since 1970. A time without an offset does not tell when it was, and is never taken to.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

#: RFC 3339, UTC, microseconds: as a pattern of SQL's GLOB, and as a regular expression.
GLOB = "0000-00-00T00:00:00.000000Z".replace("0", "[0-9]")
FORM = GLOB.replace(".", "[.]")
_FORMED = re.compile(FORM)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def serialize_time(when: datetime) -> str:
    """*when*, which has an offset from UTC, in that form."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(value: Any) -> str:
    """
    When a record was written, in that form; "" where it does not tell.

    Args:
        value: Of its field ``timestamp``: RFC 3339, or what else of ISO 8601 Python reads, with an offset; or
            seconds since 1970 as a number.
    """
    if isinstance(value, str) and _FORMED.fullmatch(value):
        return value
    try:
        when = _moment(value)
        return "" if when is None else serialize_time(when)
    except (ValueError, OverflowError):
        return ""


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        found = datetime.fromisoformat(value.upper())
        return None if found.tzinfo is None else found
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _EPOCH + timedelta(seconds=value)
    return None
