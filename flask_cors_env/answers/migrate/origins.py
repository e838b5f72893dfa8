"""
Origins: from what flask-cors matches them with to entries of the grammar.

A sequence of a regular expression is drawn as text in which a letter of its own stands for each run, so that
the shape of an origin can be read off it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flask_cors_env.answers.migrate.differences import Difference, Line
from flask_cors_env.answers.migrate.regex import (
    Labels,
    Mark,
    Run,
    Sequence,
    Token,
    UnreadableError,
    expand,
)
from flask_cors_env.config.errors import as_text
from flask_cors_env.core.origin import OriginError, OriginKind, OriginPattern, is_serialized, parse_origin

Pattern = str | re.Pattern[str]

_HINTS = frozenset("*\\]?$^[]()")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_DIGITS = frozenset("0123456789")
_PORT_DIGITS = 5
_ANYTHING = frozenset({".*", ".+", "^.*", "^.+", "^.*$", "^.+$", ".*$", ".+$"})

_ANY, _ONE, _PORT, _SOME, _COLONS = "\1", "\2", "\3", "\4", "\5"
#: A slash that may be one of those after the scheme.
_SCHEME_IN_PART = re.compile(rf"[:/{_ANY}{_ONE}]/")
_SHAPE = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    rf"(?P<below>{_SOME}|[{_ANY}{_ONE}{_PORT}]\.|{_ANY}(?=[a-z0-9]))?"
    r"(?P<host>[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])"
    rf"(?:(?P<port>:[0-9]+)|(?P<ports>:[{_ANY}{_ONE}{_PORT}]+|{_COLONS}))?(?P<rest>{_ANY})?"
)


@dataclass
class Entries:
    """
    What came of a list of patterns.

    Attributes:
        texts: The entries of ours, in the order found.
        closed: Of paths, what is to be closed, since a pattern of unknown reach governs some of it.
        lines: What is different about them.
    """

    texts: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def add(self, texts: Iterable[str]) -> None:
        """Take those of *texts* that are not there yet."""
        self.texts += [text for text in dict.fromkeys(texts) if text not in self.texts]


def as_regex(pattern: object, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str] | None:
    """The expression that flask-cors matches with; None where it compares *pattern* as a literal."""
    if isinstance(pattern, re.Pattern):
        return pattern if isinstance(pattern.pattern, str) else None
    if not isinstance(pattern, str) or _HINTS.isdisjoint(pattern):
        return None
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError):
        return None


def is_anything(pattern: object) -> bool:
    """Whether *pattern* lets every origin in."""
    text = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    return text == "*" or (isinstance(text, str) and text in _ANYTHING)


def translate(patterns: Iterable[object], place: str) -> Entries:
    """
    The entries that let in what *patterns* do.

    Args:
        patterns: Literals and expressions, none of them for every origin.
        place: For the lines.
    """
    made = Entries()
    for pattern in patterns:
        regex = as_regex(pattern)
        if regex is None:
            _add_literal(made, pattern, place)
        else:
            _add_regex(made, regex, place)
    return made


def _add_literal(made: Entries, pattern: object, place: str) -> None:
    """A literal is compared whole and without case, which is how entries are."""
    text = as_text(pattern)
    try:
        entry = parse_origin(text)
    except OriginError as error:
        sent = is_serialized(text.lower())
        found = Difference.ORIGIN_BY_HAND if sent else Difference.ORIGIN_NEVER
        remedy = error.remedy if isinstance(pattern, str) else None
        made.lines.append(Line.of(found, place, text, _if_meant(remedy)))
        return
    made.add([entry.text])


def _if_meant(remedy: str | None) -> str | None:
    return None if remedy is None else f"If it is meant, write: {remedy}"


def _add_regex(made: Entries, regex: re.Pattern[str], place: str) -> None:
    entry = _as_written(regex.pattern)
    if entry is not None:
        made.add([entry.text])
        made.lines.append(Line.of(Difference.ORIGIN_GLOB, place, regex.pattern, f"Written: {entry.text}"))
        return
    try:
        shapes = [found for sequence in expand(regex) if (found := _shape(sequence)) is not None]
    except UnreadableError:
        made.lines.append(Line.of(Difference.ORIGIN_BY_HAND, place, regex.pattern))
        return
    _add_shapes(made, shapes, regex, place)


def _add_shapes(made: Entries, shapes: list[_Shape], regex: re.Pattern[str], place: str) -> None:
    if not shapes:
        made.lines.append(Line.of(Difference.ORIGIN_NEVER, place, regex.pattern))
    texts = list(dict.fromkeys(text for shape in shapes for text in shape.texts))
    whole = {text for text in texts if text.endswith(":*") and text.removesuffix(":*") in texts}
    kept = [text for text in texts if f"{text}:*" not in whole]
    advice = f"Written: {', '.join(kept)}" if kept else None
    found = {d for shape in shapes for d in shape.differences}
    if whole and all(shape.has_all_ports for shape in shapes if shape.has_ports):
        found.discard(Difference.ORIGIN_PORT)
    made.add(kept)
    made.lines += [Line.of(d, place, regex.pattern, advice) for d in Difference if d in found]


def _as_written(text: str) -> OriginPattern | None:
    """The entry that the text of an expression is, if it is one: then that is how it was meant."""
    try:
        entry = parse_origin(text)
    except OriginError:
        return None
    return entry if entry.kind is not OriginKind.ANY else None


@dataclass(frozen=True)
class _Shape:
    """What one sequence stands for: entries of ours, and in what they differ."""

    texts: tuple[str, ...]
    differences: frozenset[Difference]
    has_ports: bool = False
    has_all_ports: bool = False


_BY_HAND = _Shape((), frozenset({Difference.ORIGIN_BY_HAND}))


def _shape(sequence: Sequence) -> _Shape | None:
    """What *sequence* stands for; None where no origin that a browser sends is like it."""
    closed = sequence[-1:] == (Mark.END,)
    tokens = sequence[:-1] if closed else sequence
    drawn = "".join(map(_drawn, tokens))
    found: set[Difference] = set()
    if "://" not in drawn and _SCHEME_IN_PART.search(drawn):
        return _BY_HAND
    if "://" not in drawn and drawn.startswith(_ANY):
        drawn = "https://" + (_ANY + drawn.lstrip(_ANY))
        found.add(Difference.ORIGIN_SCHEME)
    if "/" in drawn.partition("://")[2] or drawn != drawn.lower():
        return None
    match = _SHAPE.fullmatch(drawn)
    if match is None:
        return _BY_HAND
    found.update(_of_tokens(tokens, match, closed=closed))
    texts = tuple(_texts(match))
    if not texts:
        return None if match["port"] else _BY_HAND
    runs = _port_runs(tokens)
    return _Shape(texts, frozenset(found), bool(match["ports"]), bool(runs) and all(map(_is_port, runs)))


def _drawn(token: Token) -> str:
    if isinstance(token, str):
        return token
    if token is Mark.DOT:
        return "."
    if isinstance(token, Labels):
        return _SOME
    return _drawn_run(token) if isinstance(token, Run) else ""


def _drawn_run(run: Run) -> str:
    if run.characters == {":"}:
        return _COLONS
    if "." in run.characters:
        return _ANY
    return _PORT if run.characters <= _DIGITS else _ONE


def _of_tokens(tokens: Sequence, match: re.Match[str], *, closed: bool) -> Iterator[Difference]:
    below, rest = match["below"], match["rest"]
    if Mark.DOT in tokens:
        yield Difference.ORIGIN_DOT
    if below == _ANY:
        yield Difference.ORIGIN_NO_DOT
    if below and _is_wider(next(token for token in tokens if isinstance(token, Run | Labels))):
        yield Difference.ORIGIN_LABEL
    if match["ports"]:
        yield Difference.ORIGIN_PORT
    if rest or match["ports"] == _COLONS or not (closed or match["ports"]):
        yield Difference.ORIGIN_PREFIX


def _is_wider(token: Run | Labels) -> bool:
    """Whether labels of ours are more than *token* stands for."""
    if isinstance(token, Labels):
        return not token.characters >= _LABEL
    return not token.characters >= _LABEL | {"."} or token.most is not None or token.least > 1


def _port_runs(tokens: Sequence) -> list[Run]:
    """The runs after the last literal that ends in a colon."""
    runs: list[Run] = []
    for token in reversed(tokens):
        if isinstance(token, str):
            return runs if token.endswith(":") else []
        if isinstance(token, Run):
            runs.append(token)
    return []


def _is_port(run: Run) -> bool:
    """Whether *run* stands for every number."""
    enough = run.most is None or run.most >= _PORT_DIGITS
    return run.characters >= _DIGITS and run.least <= 1 and enough


def _texts(match: re.Match[str]) -> Iterator[str]:
    """The entries of a shape that are in the grammar."""
    tail = match["host"] + (match["port"] or (":*" if match["ports"] else ""))
    hosts = {None: [tail], _ANY: [tail, f"*.{tail}"]}.get(match["below"], [f"*.{tail}"])
    for host in hosts:
        try:
            yield parse_origin(f"{match['scheme']}://{host}").text
        except OriginError:
            continue
