"""
What becomes of a log: torn, glued, wrapped, packed, doubled, and mixed with other programs' lines.

Each kind of dirt says what a reader is to find in it. Chance is the caller's, so that Hypothesis can be it.
"""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, field

import zstandard

LOGGER = "flask_cors_env.audit"
TIME = "2026-03-02T00:00:00Z"
START = len('{"cors.schema"')
OTHERS = [
    b"[2026-03-02 00:00:00 +0000] [7] [INFO] Booting worker with pid: 7",
    b'192.0.2.1 - - [02/Mar/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 2',
    b'{"level": "info", "message": "ready"}',
    b'{"log": "ready"}',
    b"[1, 2]",
    b"null",
    b"5",
    b"\xff\xfe\x00 not of this world",
    b'Traceback: {"cors.sch',
    b"{",
    b"[",
    b'{"a": {"b": [1, 2]}}',
    b"}",
    "grüße, 世界".encode(),
]


@dataclass
class Soiled:
    """
    The bytes of a soiled log, and what a reader is to find in them.

    Attributes:
        found: The records, each once.
        duplicates: How many more times they are there.
        torn: How many are there in part.
        foreign: How many lines hold none.
        inside: How many lines of others hold what looks like one.
    """

    data: bytearray = field(default_factory=bytearray)
    found: list = field(default_factory=list)
    duplicates: int = 0
    torn: int = 0
    foreign: int = 0
    inside: int = 0
    at_start: bool = True

    def line(self, text, end=b"\n"):
        self.data += text + end
        self.at_start = end.endswith(b"\n")


def soiled(records, choose, number):
    """
    *records* as they come out of the mire.

    Args:
        records: As `generated.Made`.
        choose: One of a sequence.
        number: One from the first to the second of two numbers.
    """
    made = Soiled()
    for record in records:
        kinds = KINDS if made.at_start else GLUED
        KINDS_BY_NAME[choose(kinds)](made, record, choose, number)
    return made


def clean(made, record, _choose, _number, end=b"\n"):
    made.line(record.line, end)
    made.found.append(record)


def torn(made, record, _choose, number):
    made.line(record.line[: number(START, len(record.line) - 1)])
    made.torn += 1


def torn_and_glued(made, record, _choose, number):
    made.line(record.line[: number(START, len(record.line) - 1)], b"")
    made.torn += 1


def torn_and_written_again(made, record, choose, number):
    torn(made, record, choose, number)
    clean(made, record, choose, number)


def glued(made, record, choose, number):
    clean(made, record, choose, number, b"")


def with_crlf(made, record, choose, number):
    clean(made, record, choose, number, b"\r\n")


def doubled(made, record, choose, number):
    clean(made, record, choose, number)
    made.line(record.line)
    made.duplicates += 1


def after_others(made, record, choose, number):
    for _ in range(number(1, 3)):
        made.line(choose(OTHERS))
        made.foreign += 1
    clean(made, record, choose, number)


def after_blanks(made, record, choose, number):
    made.line(choose([b"", b"  ", b"\0\0\0", b"\r"]))
    clean(made, record, choose, number)


def wrapping(wrap):
    """A kind of dirt that is around the whole line."""

    def wrapped(made, record, _choose, _number):
        made.line(wrap(record.line))
        made.found.append(record)

    return wrapped


def inside(wrap):
    """A kind of dirt in which the record stands in another program's text, and counts for nothing."""

    def hidden(made, record, _choose, _number):
        made.line(wrap(record.line))
        made.inside += 1

    return hidden


def reordered(line):
    return json.dumps(dict(reversed(json.loads(line).items()))).encode()


def event_renamed(line):
    fields = json.loads(line)
    fields["msg"] = fields.pop("event")
    return json.dumps(fields).encode()


KINDS_BY_NAME = {
    "clean": clean,
    "torn": torn,
    "torn_and_glued": torn_and_glued,
    "torn_and_written_again": torn_and_written_again,
    "glued": glued,
    "with_crlf": with_crlf,
    "doubled": doubled,
    "after_others": after_others,
    "after_blanks": after_blanks,
    "after_nuls": wrapping(lambda line: b"\0" * 70 + line),
    "prefixed": wrapping(lambda line: b"Mar 02 00:00:00 host app[7]: " + line),
    "in_our_loggers_event": wrapping(
        lambda line: json.dumps({"event": line.decode(), "logger": LOGGER, "level": "info"}).encode()
    ),
    "in_our_loggers_message": wrapping(
        lambda line: json.dumps({"message": line.decode() + "\n", "name": LOGGER}).encode()
    ),
    "in_vectors_message": wrapping(
        lambda line: json.dumps({"message": line.decode(), "source_type": "file", "timestamp": TIME}).encode()
    ),
    "inside_an_event": inside(lambda line: json.dumps({"event": line.decode(), "level": "info"}).encode()),
    "inside_a_message": inside(lambda line: json.dumps({"message": line.decode() + "\n"}).encode()),
    "inside_an_access_log": inside(lambda line: b'127.0.0.1 - - "GET / HTTP/1.1" 200 "-" "' + line + b'"'),
    "with_a_lone_surrogate": wrapping(lambda line: line[:-1] + b',"user":"\\ud800"}'),
    "with_other_text": wrapping(lambda line: line[:-1] + ',"user":"Ü\\u0000"}'.encode()),
    "reordered": wrapping(reordered),
    "event_renamed": wrapping(event_renamed),
}
KINDS = [*KINDS_BY_NAME, *["clean"] * 20]
GLUED = ["clean", "torn", "glued", "with_crlf", "doubled"]


def docker(data, _choose, number):
    """As Docker's json-file driver writes it, cutting long lines."""
    out = bytearray()
    for line in re.split("(?<=\n)", data.decode("utf-8", "replace")):
        for piece in _pieces(line, number):
            out += _docker_line(piece, "stderr")
    return bytes(out)


def _docker_line(text, stream):
    wrapper = {"log": text, "stream": stream, "time": "2026-03-02T00:00:00.000000001Z"}
    escaped = json.dumps(wrapper, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
    return escaped.encode() + b"\n"


def cri(data, _choose, number):
    """As the Container Runtime Interface has it: P for a piece, F for a line's last."""
    out = bytearray()
    for line in data.split(b"\n"):
        pieces = _pieces(line, number) or [b""]
        for at, piece in enumerate(pieces):
            tag = b"F" if at == len(pieces) - 1 else b"P"
            out += b"2026-03-02T00:00:00.000000001+01:00 stderr " + tag + b" " + piece + b"\n"
    return bytes(out)


def _pieces(line, number):
    size = number(50, 3000)
    return [line[at : at + size] for at in range(0, len(line), size)]


def gz(data, _choose, number):
    """Packed, in two members."""
    at = number(0, len(data))
    return gzip.compress(data[:at], 1) + gzip.compress(data[at:], 1)


def zst(data, _choose, number):
    """Packed, in two frames, the second without a size."""
    at = number(0, len(data))
    stream = zstandard.ZstdCompressor().compressobj()
    return zstandard.compress(bytes(data[:at])) + stream.compress(data[at:]) + stream.flush()


def plain(data, _choose, _number):
    return bytes(data)


WRAPS = {"plain": plain, "docker": docker, "cri": cri, "gz": gz, "zst": zst}
