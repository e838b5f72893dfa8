"""
Formats: how a handler of `logging` writes our lines, as far as a reader knows them again.

A format that does not name the logger has nothing that tells our lines from those of others, whose messages a
client may have written. So the reader takes only formats that name the logger first thing in a line.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable

#: The stdlib logger of the audit log.
LOGGER = "flask_cors_env.audit"
#: BASIC_FORMAT of `logging`, and those of the logging HOWTO and Cookbook that name the logger.
FORMATS: tuple[str, ...] = (
    "%(levelname)s:%(name)s:%(message)s",
    "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
    "%(asctime)s %(name)-12s %(levelname)-8s %(message)s",
    "%(name)-12s: %(levelname)-8s %(message)s",
)
#: Levels, as `logging` and others write them.
LEVEL = "(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)"
_FIELDS = {
    "name": re.escape(LOGGER),
    "levelname": LEVEL,
    "asctime": (
        r"(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?"
        r"|\d\d/\d\d/\d{4} \d\d:\d\d:\d\d(?: [AP]M)?|\d\d-\d\d \d\d:\d\d)"
    ),
}
_FIELD = re.compile(r"%\((\w+)\)(-?\d*)s")


def _pattern_of(form: str) -> str:
    """Return the regular expression of what `logging` writes before a message in the format *form*."""
    before = form.removesuffix("%(message)s")
    literals, names, widths = (_FIELD.split(before)[start::3] for start in range(3))
    fields = [_FIELDS[name] + (" *" if width else "") for name, width in zip(names, widths, strict=True)]
    return "".join(re.escape(a) + b for a, b in zip(literals, [*fields, ""], strict=True))


#: One regular expression a format: what stands before a record.
PATTERNS = tuple(map(_pattern_of, FORMATS))
#: What colours a line; readers leave it out.
COLOUR = re.compile(r"\x1b\[[\d;]*m")
_READ = re.compile(rf"(?:{'|'.join(PATTERNS)})?\s*(\{{.*\}})\s*", re.DOTALL)


def unread(handlers: Iterable[logging.Handler], message: object, line: str) -> str | None:
    """
    Return how one of *handlers* writes a record of ours that no reader knows again; None where each is read.

    A formatter that writes JSON is read where it names the logger, or makes our fields its own.

    Args:
        handlers: They write it.
        message: A record of ours, as they get it.
        line: Its text.
    """
    for handler in handlers:
        try:
            text = handler.format(logging.LogRecord(LOGGER, logging.INFO, "", 0, message, (), None))
        except Exception:  # noqa: BLE001, S112 - an app's formatter; what it does later is counted
            continue
        found = _READ.fullmatch(COLOUR.sub("", text))
        if found is None or not (found[1] == line or _is_ours(found[1])):
            return text
    return None


def _is_ours(text: str) -> bool:
    """Return whether the JSON *text* names our logger, or is a record itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and ("cors.schema" in value or LOGGER in value.values())
