"""
Lines: the audit records in whatever holds them.

A line may be ours, or wrapped: by a text before it, by a container's runtime (which may also cut it into
several), by the app's own formatter. It may be torn by a kill or a full disk, glued to the next one, or full
of NULs. Nothing here raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

try:
    from orjson import loads as _loads
except ImportError:  # no wheels for this interpreter
    _loads = json.loads  # type: ignore[assignment] # takes more

#: What each of our records begins with, which is how one is found in a damaged line.
START = b'{"cors.schema"'
_START = START.decode()
_MARK = "cors.schema"
#: Where other programs put a whole line.
_WRAPPERS = ("log", "message", "msg", "event", "MESSAGE")
_DOCKER = '{"log":"'
_ESCAPED_START = re.compile(r'\{\\+"cors\.schema\\+"')
#: Time, stream, tags:
#: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md.
_CRI = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]{8,20}(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S+)?(?: |$)")
_UID = re.compile(r'"log\.record\.uid":\s*"([0-9a-f]{12})-([0-9]{1,18})"')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_DIGITS = 18
#: The most that is kept of a line that a runtime cut into pieces, in characters.
_PIECES = 1 << 20


def _whole(digits: str) -> int | float:
    """A whole number; one that is no 64-bit number as orjson has it, whatever its length."""
    return int(digits) if len(digits) <= _DIGITS else float(digits)


_DECODER = json.JSONDecoder(parse_int=_whole)


class Torn(NamedTuple):
    """
    What is left of a record.

    Attributes:
        uid: Its writer and number, if they are left.
    """

    uid: tuple[str, int] | None


Record = dict[str, Any]


def records(lines: Iterable[str | bytes]) -> Iterator[Record | Torn | None]:
    """
    What the lines of one file hold, in their order.

    Returns:
        Records, whole or torn; None for a line that holds none; nothing for one that is blank or all NULs.
    """
    for line in unwrapped(lines):
        whole = _ours(line)
        if whole is None:
            yield from _told(line)
        else:
            yield whole


def unwrapped(lines: Iterable[str | bytes]) -> Iterator[str | bytes]:
    """The lines as they were written, without what a container's runtime put around and between them."""
    pieces: dict[str, str] = {}
    for line in lines:
        if isinstance(line, bytes) and line.startswith(START):
            yield line
        else:
            text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
            yield from _rejoined(text.replace("\0", "").strip(), pieces)
    yield from pieces.values()


def _ours(line: str | bytes) -> Record | None:
    """The record that is all of *line*, as we write it; None for any other line."""
    if line.startswith(_START) if isinstance(line, str) else line.startswith(START):
        try:
            found: Record = _loads(line)
        except (ValueError, RecursionError):
            return None
        return found
    return None


def _told(line: str | bytes) -> Iterator[Record | Torn | None]:
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    found = list(read(text))
    yield from found
    if not found and text.replace("\0", "").strip():
        yield None


def _rejoined(text: str, pieces: dict[str, str]) -> Iterator[str]:
    """
    The line that *text* completes, without what a container's runtime put around it; none while it is cut.

    Args:
        text: One line of the file.
        pieces: What was read so far of a cut line of each stream.
    """
    for unwrap in _RUNTIMES:
        found = unwrap(text)
        if found is not None:
            stream, piece, is_last = found
            piece = pieces.pop(stream, "") + piece
            if is_last or len(piece) > _PIECES:
                yield piece
            else:
                pieces[stream] = piece
            return
    yield text


def _of_docker(text: str) -> tuple[str, str, bool] | None:
    """The stream, the text and whether it is a line's last, in Docker's json-file: it cuts at 16 KiB."""
    if not text.startswith(_DOCKER):
        return None
    try:
        wrapper = json.loads(text)
    except (ValueError, RecursionError):
        return None
    inner = wrapper.get("log")
    if not isinstance(inner, str) or "stream" not in wrapper:
        return None
    return str(wrapper["stream"]), inner, inner.endswith("\n")


def _of_cri(text: str) -> tuple[str, str, bool] | None:
    """The same of the Container Runtime Interface: P is a piece, F the last."""
    found = _CRI.match(text)
    return (found[1], text[found.end() :], found[2] == "F") if found else None


_RUNTIMES: tuple[Callable[[str], tuple[str, str, bool] | None], ...] = (_of_docker, _of_cri)


def read(line: str | bytes) -> Iterator[Record | Torn]:
    """The records in *line*, whole or torn; nothing for a line that has none."""
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    if _MARK in text:
        yield from _read(text.replace("\0", "").strip())


def _read(text: str) -> Iterator[Record | Torn]:
    try:
        whole = _DECODER.decode(text)
    except (ValueError, RecursionError):
        yield from _salvaged(text)
        return
    if isinstance(whole, dict):
        yield from _unwrapped(whole)


def _unwrapped(whole: Mapping[str, Any]) -> Iterator[Record | Torn]:
    if _MARK in whole:
        yield dict(whole)
        return
    for name in _WRAPPERS:
        inner = whole.get(name)
        if isinstance(inner, str) and _MARK in inner:
            yield from _read(inner.strip())
            return


def _salvaged(text: str) -> Iterator[Record | Torn]:
    """Each place where a record starts, decoded as far as it goes."""
    if _START not in text and _ESCAPED_START.search(text):
        yield from _rewrapped(text)
        return
    for piece in text.split(_START)[1:]:
        try:
            record, _ = _DECODER.raw_decode(_START + piece)
        except (ValueError, RecursionError):
            yield _torn(piece)
        else:
            yield record


def _rewrapped(text: str) -> Iterator[Record | Torn]:
    """What is in damaged wrappers, one level of escapes taken away."""
    yield from _read(_ESCAPE.sub(_unescaped, text))


def _unescaped(found: re.Match[str]) -> str:
    escape = found[1]
    return chr(int(escape[1:], 16)) if len(escape) > 1 else _ESCAPES.get(escape, escape)


def _torn(piece: str) -> Torn:
    uid = _UID.search(piece)
    return Torn((uid[1], int(uid[2])) if uid else None)


def uid_of(record: Mapping[str, Any]) -> tuple[str, int] | None:
    """The writer and the number of a whole record; None where it has none."""
    uid = record.get("log.record.uid")
    return parse_uid(uid) if isinstance(uid, str) else None


def parse_uid(uid: str) -> tuple[str, int] | None:
    """The writer and the number in a ``log.record.uid``; None where it is none."""
    writer, _, number = uid.partition("-")
    is_number = number.isascii() and number.isdigit() and len(number) <= _DIGITS
    return (writer, int(number)) if writer and is_number else None
