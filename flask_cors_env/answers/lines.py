"""
Lines: the audit records in whatever holds them.

A line may be ours, or wrapped: by a text before it, by a container's runtime, by the app's own formatter. It
may be torn by a kill or a full disk, glued to the next one, or full of NULs. Nothing here raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

#: What each of our records begins with, which is how one is found in a damaged line.
_START = '{"cors.schema"'
_MARK = "cors.schema"
#: Where other programs put a whole line.
_WRAPPERS = ("log", "message", "msg", "event", "MESSAGE")
_UID = re.compile(r'"log\.record\.uid":\s*"([0-9a-f]{12})-([0-9]{1,18})"')
_DECODER = json.JSONDecoder()


class Torn(NamedTuple):
    """
    What is left of a record.

    Attributes:
        uid: Its writer and number, if they are left.
    """

    uid: tuple[str, int] | None


def read(line: str | bytes) -> Iterator[dict[str, Any] | Torn]:
    """The records in *line*, whole or torn; nothing for a line that has none."""
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    if _MARK in text:
        yield from _read(text.replace("\0", "").strip())


def _read(text: str) -> Iterator[dict[str, Any] | Torn]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        yield from _salvaged(text)
        return
    if isinstance(whole, dict):
        yield from _unwrapped(whole)


def _unwrapped(whole: Mapping[str, Any]) -> Iterator[dict[str, Any] | Torn]:
    if _MARK in whole:
        yield dict(whole)
        return
    for name in _WRAPPERS:
        inner = whole.get(name)
        if isinstance(inner, str) and _MARK in inner:
            yield from _read(inner.strip())
            return


def _salvaged(text: str) -> Iterator[dict[str, Any] | Torn]:
    """Each place where a record starts, decoded as far as it goes."""
    for piece in text.split(_START)[1:]:
        try:
            record, _ = _DECODER.raw_decode(_START + piece)
        except (ValueError, RecursionError):
            yield _torn(piece)
        else:
            yield record


def _torn(piece: str) -> Torn:
    uid = _UID.search(piece)
    return Torn((uid[1], int(uid[2])) if uid else None)


def uid_of(record: Mapping[str, Any]) -> tuple[str, int] | None:
    """The writer and the number of a whole record; None where it has none."""
    writer, _, number = str(record.get("log.record.uid", "")).partition("-")
    return (writer, int(number)) if writer and number.isascii() and number.isdigit() else None
