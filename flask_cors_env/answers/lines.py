"""
Lines: the audit records in whatever holds them.

A record counts only from a place of its own. A place is a whole line, the text after a known prefix, a known
member of a known envelope, or a JSON document over several lines. A line that starts with a record may hold
several records, whole or torn, and nothing else. Text of other programs is never searched: a client may have
written that text. What looks like a record there is counted as `Other.INSIDE`. Nothing here raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from flask_cors_env.answers.envelopes import (
    DOCKER,
    Envelope,
    envelope_of,
    fits,
    member,
    members_at,
    prefix_of,
)
from flask_cors_env.audit.fields import ENVELOPE, FIELDS
from flask_cors_env.audit.formats import COLOUR, LOGGER

try:
    from orjson import loads as _loads
except ImportError:  # no wheels for this interpreter
    _loads = json.loads  # type: ignore[assignment] # takes more

#: What each record of ours begins with.
START = b'{"cors.schema"'
_START = START.decode()
_MARK = "cors.schema"
#: What looks like a record: its first name, also with dots as objects, and however it was escaped.
_LOOKS_OURS = re.compile(r"cors\W{1,12}schema")
#: The longest line of ours, and the longest envelope of many records, in bytes or characters.
LONGEST, LONGEST_ENVELOPE = 1 << 20, 1 << 24
#: The most objects and arrays in an envelope, and the most lines of a document.
_MOST = 1 << 20
#: A text that costs little to decode, in characters.
_SHORT = 1 << 12
#: Envelopes in envelopes: Docker's in a collector's in a database's, and one to spare.
_DEEPEST = 5
#: Objects in objects that are read as names with dots.
_DEEPEST_NAME = 8
#: What the pipelines of others call fields of the envelope, and what version 0.1.0 called the policy.
RENAMED: Mapping[str, str] = {
    **{field.ecs: field.name for field in ENVELOPE if field.ecs not in {"", field.name}},
    "cors.policy": "cors.policy.document",
}
#: Where an app's pipeline may have put the event's name. The first of these that is there decides.
EVENT_KEYS = ("event", "msg", "message")
#: Time, stream, tags:
#: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md.
_CRI = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]{8,20}(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S+)?(?: |$)")
_UID = re.compile(r'"log\.record\.uid":\s*"([0-9a-f]{12})-([0-9]{1,18})"')
#: One whole member of a flat object, and what may be left of the member in which a record was torn.
_MEMBER = re.compile(r'\s*+"(?:[^"\\\s]|\\.)*+"\s*+:\s*+(?:"(?:[^"\\]|\\.)*+"|[-\w.+]++)\s*+,')
_TORN_MEMBER = re.compile(
    r'\s*+(?:"((?:[^"\\\s]|\\.)*+)(?:\\?|"\s*+(?::\s*+(?:"((?:[^"\\]|\\.)*+)(?:\\?|"\s*+)|[-\w.+]*+)?)?))?',
    re.DOTALL,
)
#: Fields whose values are sentences.
_SENTENCES = {
    field.name for fields in (ENVELOPE, *FIELDS.values()) for field in fields if " " in field.example
}
_CLOCK = re.compile(r"\d\d:\d\d:\d\d")
_DIGITS = 18

Record = dict[str, Any]


class Torn(NamedTuple):
    """
    What is left of a record.

    Attributes:
        uid: Its writer and number, if they are left.
    """

    uid: tuple[str, int] | None


class Other(Enum):
    """
    A line without a record.

    Attributes:
        FOREIGN: Nothing in the line looks like a record.
        INSIDE: Something looks like a record, and stands inside another program's text.
    """

    FOREIGN = "foreign"
    INSIDE = "inside"


Found = Record | Torn | Other


def _whole(digits: str) -> int | float:
    """A whole number; one that is no 64-bit number as orjson has it, whatever its length."""
    return int(digits) if len(digits) <= _DIGITS else float(digits)


_DECODER = json.JSONDecoder(parse_int=_whole)


class Grammar:
    """
    What counts as a record in the lines of a log.

    Args:
        prefix: A regular expression of one more text that may stand before a record. The operator vouches
            that no client's text stands there. None for the catalogue alone.

    Raises:
        re.error: *prefix* is no regular expression.
    """

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = prefix
        self._prefix = prefix_of(prefix)

    def records(self, lines: Iterable[str | bytes]) -> Iterator[Found]:
        """Yield what the lines of one file hold, in their order; nothing for a blank line."""
        return (found for found, _ in self.places(lines))

    def places(self, lines: Iterable[str | bytes]) -> Iterator[tuple[Found, bytes | None]]:
        """Yield the same, each with its whole line where that line is a record just as we write it."""
        pieces, document = _Pieces(), _Document()
        for line in lines:
            if not line:
                continue
            record = record_of(line) if isinstance(line, bytes) and not document.lines else None
            if record is not None and isinstance(line, bytes):
                yield record, line
            else:
                yield from ((found, None) for found in self._in_line(_text(line), pieces, document))
        yield from ((_other(text), None) for text in document.lines if text.strip())
        for text in pieces.left():
            yield from ((found, None) for found in self.in_text(text))

    def _in_line(self, text: str, pieces: _Pieces, document: _Document) -> list[Found]:
        """Return what *text* completes: a document over several lines, a line in pieces, or a line."""
        if document.goes_on(text):
            return []
        lines = document.taken()
        if not lines:
            whole = pieces.joined(text)
            return [] if whole is None else self.in_text(whole)
        is_closed = text == _CLOSING[lines[0]]
        found = self._in_json("\n".join((*lines, text))) if is_closed else None
        if found is not None:
            return found
        others: list[Found] = [_other(line) for line in lines if line.strip()]
        return [*others, *([_other(text)] if is_closed else self._in_line(text, pieces, document))]

    def in_text(self, text: str, depth: int = 0) -> list[Found]:
        """Return what *text*, which stands in a place of its own, holds; nothing where it is blank."""
        plain = (COLOUR.sub("", text) if "\x1b" in text else text).replace("\0", "").strip().lstrip("\ufeff")
        if not plain:
            return []
        before = None if plain[0] == "{" else self._prefix.match(plain)
        rest = plain if before is None else plain[before.end() :].lstrip()
        if rest.startswith(_START):
            return _filling(rest)
        found = self._in_json(rest, depth)
        return [_other(text)] if found is None else found

    def _in_json(self, text: str, depth: int = 0) -> list[Found] | None:
        """Return what a JSON text holds; None where it is no such text, or nothing that is known."""
        value = _decoded(text) if _can_hold_a_record(text) else None
        if not isinstance(value, list):
            return self._in_value(value, depth)
        each = [self._in_value(one, depth) if isinstance(one, dict) else None for one in value]
        if all(found is None for found in each):
            return None
        pairs = zip(value, each, strict=True)
        return [one for entry, found in pairs for one in ([_other_of(entry)] if found is None else found)]

    def _in_value(self, value: Any, depth: int) -> list[Found] | None:
        """Return what a JSON value holds: a record, or those of a known envelope; None for any other."""
        if isinstance(value, str) and depth <= _DEEPEST:
            return self.in_text(value, depth)
        if not isinstance(value, dict) or depth > _DEEPEST:
            return None
        record = _record(value)
        if record is not None:
            return [record]
        envelope = envelope_of(value)
        return None if envelope is None else self._in_envelope(envelope, value, depth + 1)

    def _in_envelope(self, envelope: Envelope, value: dict[str, Any], depth: int) -> list[Found] | None:
        if envelope.each:
            entries = members_at(value, envelope.each)
            return [one for entry in entries for one in self._in_entry(envelope, entry, depth)]
        members = [member(value, path) for path in envelope.holds]
        held = next((one for one in members if one not in _NOTHING), None)
        if held is None and "" in members:
            return []
        decoded = held if envelope.decode is None else envelope.decode(held)
        return self._in_value(decoded, depth)

    def _in_entry(self, envelope: Envelope, entry: Any, depth: int) -> list[Found]:
        """Return what an entry of an envelope of many holds."""
        found = None
        if not envelope.entries:
            found = self.in_text(entry, depth) if isinstance(entry, str) else None
        elif isinstance(entry, dict):
            kind = next((one for one in envelope.entries if fits(one, entry)), None)
            found = None if kind is None else self._in_envelope(kind, entry, depth)
        return [_other_of(entry)] if found is None else found


#: By the only text of a document's first line that of its last one.
_CLOSING = {"{": "}", "[": "]"}
_INDENTED = ("", " ", "\t")
#: What an envelope has where the record does not stand in this member.
_NOTHING: tuple[Any, ...] = (None, "", {}, [])
#: What counts where an operator names no prefix.
DEFAULT = Grammar()


class _Document:
    """The lines of a JSON document over several lines, as ``jq .`` writes it, up to its last line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._size = 0

    def goes_on(self, text: str) -> bool:
        """Add *text* where it begins a document or is within one; return whether it is."""
        is_within = bool(self.lines) and text[:1] in _INDENTED and self._size <= LONGEST_ENVELOPE
        is_within = is_within and len(self.lines) < _MOST
        if is_within or (not self.lines and text in _CLOSING):
            self.lines.append(text)
            self._size += len(text)
            return True
        return False

    def taken(self) -> list[str]:
        """Return the lines, and forget them."""
        lines, self.lines, self._size = self.lines, [], 0
        return lines


class _Pieces:
    """Lines that a container's runtime cut, by the stream that each was written to."""

    def __init__(self) -> None:
        self._pieces: dict[str, str] = {}
        #: Of lines that are too long, whether something in them looks like a record.
        self._too_long: dict[str, bool] = {}

    def joined(self, text: str) -> str | None:
        """Return the line that *text* completes, which may be *text* itself; None while it is cut."""
        found = _of_docker(text) or _of_cri(text)
        if found is None:
            return text
        stream, piece, is_last = found
        piece = self._pieces.pop(stream, "") + piece
        if len(piece) > LONGEST or stream in self._too_long:
            is_inside = _other(piece) is Other.INSIDE
            self._too_long[stream] = self._too_long.get(stream, False) or is_inside
            piece = ""
        if not is_last:
            self._pieces[stream] = piece
            return None
        return self._whole(stream, piece)

    def _whole(self, stream: str, text: str) -> str:
        """Return *text*; of a line that is too long, return what stands for the line."""
        if stream not in self._too_long:
            return text
        return f"a line that is too long {_MARK if self._too_long.pop(stream) else ''}"

    def left(self) -> Iterator[str]:
        """Yield the lines that were cut and never completed."""
        yield from (self._whole(stream, piece) for stream, piece in self._pieces.items())


def _of_docker(text: str) -> tuple[str, str, bool] | None:
    """The stream, the text and whether it is a line's last, in Docker's json-file: it cuts at 16 KiB."""
    value = _decoded(text) if text.startswith('{"log":') else None
    if not isinstance(value, dict) or not fits(DOCKER, value):
        return None
    return value["stream"], value["log"], value["log"].endswith("\n")


def _of_cri(text: str) -> tuple[str, str, bool] | None:
    """The same of the Container Runtime Interface: P is a piece, F the last."""
    found = _CRI.match(text)
    return (found[1], text[found.end() :], found[2] == "F") if found else None


def _text(line: str | bytes) -> str:
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    return text.replace("\0", "").rstrip("\r\n")


def _decoded(text: str) -> Any:
    """The value of a JSON text; None where it is none."""
    try:
        return _loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _other(text: str) -> Other:
    """Return what a text without a record is."""
    return Other.INSIDE if _LOOKS_OURS.search(text) else Other.FOREIGN


def _other_of(value: Any) -> Other:
    """Return what a JSON value without a record is."""
    return _other(json.dumps(value, ensure_ascii=False, default=str))


def _can_hold_a_record(text: str) -> bool:
    """
    Return whether *text* may be JSON that holds a record, and can be decoded with little memory.

    A record has the name ``cors.schema``, or ``schema`` in ``cors``. journald writes a text as bytes.
    """
    if not text.startswith(("{", "[")) or len(text) > LONGEST_ENVELOPE:
        return False
    names_ours = "cors" in text or '"MESSAGE"' in text
    return len(text) <= _SHORT or (names_ours and text.count("{") + text.count("[") <= _MOST)


# --- records in a text of their own


def record_of(line: bytes) -> Record | None:
    """Return the record that is all of *line*, as we write it; None for any other line."""
    if not line.startswith(START) or len(line) > LONGEST:
        return None
    try:
        record: Record = _loads(line)
    except (ValueError, RecursionError):
        return None
    is_ours = _is_numbered(record) and all(type(record.get(name)) is str for name in _ALWAYS)
    is_ours = is_ours and record["event"].startswith(_OURS) and not _is_of_others(record)
    return _named(record) if is_ours else None


#: What each of our records has as text.
_ALWAYS = ("timestamp", "event", "log.record.uid")


def _filling(text: str) -> list[Found]:
    """
    Return the records, whole or torn, that *text* consists of; `Other.INSIDE` where other text is among them.

    Our JSON has no bare quote within a string, so each `_START` begins a record.
    """
    found = [_piece(_START + piece) for piece in text.split(_START)[1:]]
    known: list[Found] = [one for one in found if one is not None]
    return known if len(known) == len(found) else [Other.INSIDE]


def _piece(text: str) -> Record | Torn | None:
    """Return the record in *text*, whole or torn; None where there is something else."""
    if len(text) > LONGEST:
        return None
    if text.rstrip().endswith("}") and isinstance(value := _decoded(text), dict):
        return _record(value)
    if not _is_torn(text):
        return None
    uid = _UID.search(text)
    return Torn((uid[1], int(uid[2])) if uid else None)


def _is_torn(text: str) -> bool:
    """
    Return whether *text* is the beginning of a record and nothing else.

    A torn value goes on in the next line of any program. Only a field of sentences may hold a space, and no
    field holds a clock but the timestamp, so that such a line is not taken for the value.
    """
    at = 1
    while member := _MEMBER.match(text, at):
        at = member.end()
    left = _TORN_MEMBER.fullmatch(text, at)
    if left is None:
        return False
    value = left[2] or ""
    has_others = _CLOCK.search(value) is not None and left[1] != "timestamp"
    return not has_others and (left[1] in _SENTENCES or len(value.split(None, 1)) <= 1)


def _record(value: dict[str, Any]) -> Record | None:
    """Return the record that a JSON object is, with flat names; None for any other object."""
    if _MARK not in value:
        inner = value.get("cors")
        if not isinstance(inner, dict) or "schema" not in inner:
            return None
    is_flat = not any(isinstance(value.get(name), dict) for name in _NAMESPACES)
    record = value if is_flat else dict(_flat(value))
    return _of_its_event(_named(record)) if _is_numbered(record) and not _is_of_others(record) else None


def _is_of_others(record: Record) -> bool:
    """
    Return whether *record* is an event of another logger that has taken up members which a client chose.

    Such an event says two different things, or names its logger. A collector may keep our line as message.
    """
    if not _SPOKEN.isdisjoint(record):
        said = [text for key in EVENT_KEYS if isinstance(text := record.get(key), str) and text]
        ours = [text.startswith(_OURS) for text in said]
        if any(ours) and not all(ours) and any(not text.startswith((_OURS, _START)) for text in said):
            return True
    loggers = [record.get(key) for key in _LOGGERS if key in record]
    if "levelname" in record:
        loggers.append(record.get("name"))
    return any(isinstance(name, str) and name.partition(".")[0] != _PACKAGE for name in loggers)


_SPOKEN = frozenset({"msg", "message"})
#: Where a pipeline puts a logger's name; ``name`` is one beside ``levelname``.
_LOGGERS = ("logger", "logger_name", "log.logger")
_PACKAGE = LOGGER.partition(".")[0]


def _of_its_event(record: Record) -> Record:
    """Return *record*, without its number where another program's event has taken up fields of ours."""
    event = event_name(record)
    if event is None or (isinstance(event, str) and event.startswith(_OURS)):
        return record
    return {name: value for name, value in record.items() if name != "log.record.uid"}


def event_name(record: Mapping[str, Any]) -> Any:
    """Return what *record* says that it is, under whatever name; None where it does not say."""
    return next((event for key in EVENT_KEYS if (event := record.get(key)) is not None), None)


#: What the name of each event of ours begins with, those of later versions included.
_OURS = "cors."
#: The names of objects in which a pipeline puts fields of ours.
_NAMESPACES = frozenset(
    field.name.partition(".")[0] for fields in (ENVELOPE, *FIELDS.values()) for field in fields
)


def _flat(value: dict[str, Any], above: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the members of objects in objects by their names with dots."""
    for name, inner in value.items():
        if isinstance(inner, dict) and depth < _DEEPEST_NAME:
            yield from _flat(inner, f"{above}{name}.", depth + 1)
        else:
            yield f"{above}{name}", inner


def _is_numbered(record: Record) -> bool:
    """Return whether the record has a version of the catalogue: a number, which no query string holds."""
    return type(record.get(_MARK)) in {int, float}


def _named(record: Record) -> Record:
    """Return *record* with the catalogue's names for what others have renamed."""
    renamed = {
        new: record[old]
        for old, new in RENAMED.items()
        if record.get(old) is not None and record.get(new) is None
    }
    return record | renamed if renamed else record


def read(line: str | bytes) -> list[Record | Torn]:
    """Return the records in *line*, whole or torn; nothing for a line that has none."""
    return [found for found in DEFAULT.records([line]) if not isinstance(found, Other)]


def uid_of(record: Mapping[str, Any]) -> tuple[str, int] | None:
    """The writer and the number of a whole record; None where it has none."""
    uid = record.get("log.record.uid")
    return parse_uid(uid) if isinstance(uid, str) else None


def parse_uid(uid: str) -> tuple[str, int] | None:
    """The writer and the number in a ``log.record.uid``; None where it is none."""
    writer, _, number = uid.partition("-")
    is_number = number.isascii() and number.isdigit() and len(number) <= _DIGITS
    return (writer, int(number)) if writer and is_number else None
