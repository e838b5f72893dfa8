"""
Paths: which resource governs a request's path.

A pattern is matched, with its case, against the path as the router sees it: decoded once, with one leading
slash and without the mount point. The most specific pattern wins, in whatever order they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from flask_cors_env.core.origin import VARIABLE

#: Characters of a pattern; no route comes near, and some of what is looked for in it takes their square.
MAX_PATTERN = 2048
_RULE = re.compile(r"<(?:(?P<converter>[a-zA-Z_][a-zA-Z0-9_]*)(?:\(.*?\))?:)?[a-zA-Z_][a-zA-Z0-9_]*>")
_REGEX_HABITS = re.compile(r"[\^$\\\[\](){}|?]|\.[*+]")
_ESCAPED = re.compile(r"%[0-9a-fA-F]{2}")


class PathError(ValueError):
    """
    A path pattern that is not in the grammar.

    Attributes:
        code: Kebab-case, unique, stable.
        message: What is wrong, without the pattern itself.
        remedy: The pattern to write instead, or None where no one pattern is right.
    """

    def __init__(self, code: str, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class PathPattern:
    """
    One path pattern.

    Attributes:
        text: As it was written: a glob or a Flask rule.
        segments: What stands between slashes; ``*`` in one stands for characters of that segment.
        deep: Whether it ends in ``/*`` and covers everything below.
    """

    text: str
    segments: tuple[str, ...] = field(repr=False)
    deep: bool = field(repr=False)

    @property
    def specificity(self) -> tuple[int, int]:
        """Literal segments, then the glob's length: the greater wins."""
        length = sum(len(segment) + 1 for segment in self.segments) + (2 if self.deep else 0)
        # the last part of a Flask rule keeps to its segment: longer, though only a little, than a final star
        in_one_segment = not self.deep and self.segments[-1] == "*"
        return sum("*" not in segment for segment in self.segments), length + in_one_segment

    @property
    def is_everything(self) -> bool:
        """Whether it stands for every path."""
        return self.deep and not self.segments

    @property
    def is_literal(self) -> bool:
        """Whether it stands for one path only."""
        return not self.deep and not any("*" in segment for segment in self.segments)

    def covers(self, path: str) -> bool:
        """Whether *path*, with one leading slash, is one it stands for."""
        segments = path[1:].split("/")
        if len(segments) <= len(self.segments) if self.deep else len(segments) != len(self.segments):
            return False
        return all(map(glob_matches, self.segments, segments))

    def overlaps(self, other: PathPattern) -> bool:
        """Whether some path is covered by both."""
        mine, theirs = len(self.segments), len(other.segments)
        if not self.deep and not other.deep and mine != theirs:
            return False
        if (not self.deep and mine <= theirs and other.deep) or (
            not other.deep and theirs <= mine and self.deep
        ):
            return False
        return all(map(_globs_meet, self.segments, other.segments))


def parse_path(text: str) -> PathPattern:
    """
    Parse a pattern: ``/api/items``, ``/api/*``, ``/v*/items``, ``/users/<int:id>``, ``*``.

    Raises:
        PathError: With the corrected spelling, where there is one.
    """
    if text in {"*", "/*"}:
        return PathPattern("/*", (), deep=True)
    if len(text) > MAX_PATTERN:
        raise PathError("path-too-long", f"is longer than {MAX_PATTERN:,} characters.")
    if not text.isprintable():
        raise PathError("path-has-control", "has a control character in it.")
    plain = _RULE.sub(_converter_as_glob, text)
    _refuse(text, plain)
    segments = plain[1:].split("/")
    _refuse_segments(text, segments)
    deep = segments[-1] == "*"
    kept = segments[:-1] if deep else segments
    return PathPattern(text, tuple(_SEVERAL.sub("*", segment) for segment in kept), deep)


#: Stands for a Flask rule's part until the pattern is split: unlike a final ``*`` it covers one segment.
_ONE = "\0"
_SEVERAL = re.compile("\0[\0*]*|\\*\0[\0*]*")


def _converter_as_glob(match: re.Match[str]) -> str:
    """A Flask rule's part as a glob; only ``path`` reaches below its segment, so it has to be the last."""
    if match["converter"] != "path":
        return _ONE
    if match.end() != len(match.string) or match.string[match.start() - 1] != "/":
        raise PathError(
            "path-converter-place", "has a path converter that is not its last segment; write a glob."
        )
    return "*"


def _refuse(text: str, plain: str) -> None:
    """Refuse what is wrong with *text* as a whole; *plain* has its rule's parts replaced."""
    if VARIABLE.search(plain):
        raise PathError("path-has-variable", "names a variable that nothing has replaced by its value.")
    if _REGEX_HABITS.search(plain):
        raise PathError(
            "path-is-regex", "looks like a regular expression; a path is a glob.", _glob_for(plain)
        )
    if not text.startswith("/"):
        remedy = None if "://" in text else _corrected("/" + text)
        raise PathError("path-not-absolute", "does not begin with a slash.", remedy)
    if _ESCAPED.search(text):
        decoded = unquote(text)
        remedy = None if "\ufffd" in decoded or _ESCAPED.search(decoded) else _corrected(decoded)
        raise PathError("path-escaped", "is percent-encoded; paths are compared decoded.", remedy)
    if "<" in plain or ">" in plain:
        raise PathError("path-bad-rule", "has a part in angle brackets that is no part of a Flask rule.")


def _refuse_segments(text: str, segments: list[str]) -> None:
    if any("**" in segment for segment in segments):
        final = text.endswith("/**")
        raise PathError(
            "path-double-star",
            'has "**"; a final "/*" covers every depth.',
            _corrected(text[:-1]) if final else None,
        )
    if not {".", ".."}.isdisjoint(segments):
        raise PathError("path-dot-segment", "has a dot segment.")
    if "" in segments[:-1]:
        raise PathError("path-empty-segment", "has an empty segment.", _corrected(re.sub("//+", "/", text)))


def _corrected(text: str) -> str | None:
    """*text* if it is in the grammar, or corrected in turn: a remedy is never itself wrong."""
    try:
        return parse_path(text).text
    except PathError as error:
        return error.remedy


def _glob_for(text: str) -> str | None:
    """The glob that was meant by the regular expression *text*; None where it would cover much more."""
    glob = text.replace(_ONE, "*").removeprefix("^").removesuffix("$")
    glob = glob.replace(r"\/", "/").replace(r"\.", ".")
    glob = re.sub(r"\((?:\?:)?/\.\*\)\??$", "/*", glob)
    glob = re.sub(r"\((?:\?:)?[^()|?]*\)[*+?]?", "*", glob)
    glob = re.sub(r"(?:\[[^\]]*\]|\\[dwDWsS]|\.)(?:[*+?]|\{[^}]*\})", "*", glob)
    glob = re.sub(r"\*+", "*", glob)
    if text.startswith("^") and not text.endswith("$") and not glob.endswith("*"):
        glob = f"{glob.removesuffix('/')}/*"  # where no end is written, all that goes on is meant
    return None if glob == text else _corrected(glob)


def glob_matches(glob: str, segment: str) -> bool:
    """Whether *segment* is one that *glob* stands for; linear, without backtracking."""
    if "*" not in glob:
        return glob == segment
    if glob == "*":
        return segment != ""
    first, *middle, last = glob.split("*")
    end = len(segment) - len(last)
    if not segment.startswith(first) or not segment.endswith(last) or end < len(first):
        return False
    at = len(first)
    for piece in middle:
        at = segment.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _globs_meet(one: str, other: str) -> bool:
    """Whether some segment is matched by both globs."""
    if "*" not in one:
        return glob_matches(other, one)
    if "*" not in other:
        return glob_matches(one, other)
    return _prefix_meets(one, other) and _prefix_meets(one[::-1], other[::-1])


def _prefix_meets(one: str, other: str) -> bool:
    """Whether the literal beginnings of two globs agree; between their stars anything can be put."""
    a, b = one.partition("*")[0], other.partition("*")[0]
    return a.startswith(b) or b.startswith(a)


def without_dot_segments(path: str) -> str:
    """*path* with ``.`` and ``..`` resolved, as https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4."""
    kept: list[str] = []
    segments = path[1:].split("/")
    for segment in segments:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def other_readings(path: str) -> tuple[str, ...]:
    """
    Return the other paths that *path*, decoded once, may mean to a server; none where it is unambiguous.

    ``/priv/../pub/x`` -> ``/priv/../pub/x``, ``/pub/x``. A path is ambiguous if, as it is or decoded once
    more, it has a ``.`` or ``..`` segment or a backslash.
    """
    if "/." not in path and "\\" not in path and "%" not in path:
        return ()
    found = []
    for text in dict.fromkeys((path, unquote(path))):
        slashed = text.replace("\\", "/")
        resolved = without_dot_segments(slashed)
        if resolved != text:
            found += [text, slashed, resolved]
    return tuple(dict.fromkeys(found))


T = TypeVar("T")


class Overlap(NamedTuple, Generic[T]):
    """Two patterns of equal specificity that both cover some path."""

    one: tuple[PathPattern, T]
    other: tuple[PathPattern, T]


def overlaps(entries: Iterable[tuple[PathPattern, T]], *, first: bool = False) -> Iterator[Overlap[T]]:
    """
    Give the pairs of *entries*, of different owners, between which specificity cannot choose.

    Args:
        entries: Patterns with their owners.
        first: Whether one pair is enough for each pattern, with the first of its rivals.
    """
    levels: dict[tuple[int, int], list[tuple[PathPattern, T]]] = {}
    for entry in entries:
        levels.setdefault(entry[0].specificity, []).append(entry)
    for level in levels.values():
        rivals = _Rivals[T]({_literal_places(pattern) for pattern, _ in level})
        for entry in level:
            for rival in rivals.of(entry[0]):
                if rival[1] is not entry[1] and rival[0].overlaps(entry[0]):
                    yield Overlap(rival, entry)
                    if first:
                        break
            rivals.add(entry)


_Places = tuple[int, ...]


def _literal_places(pattern: PathPattern) -> _Places:
    """List the places of the literal segments; -1 before them for a pattern that is nothing else."""
    places = tuple(at for at, segment in enumerate(pattern.segments) if "*" not in segment)
    return (-1, *places) if pattern.is_literal else places


class _Rivals(Generic[T]):
    """
    Patterns of one specificity, by their literal segments: where two are literal, they have to agree.

    A literal pattern is more specific than any glob that covers its path, so only its equal rivals it.
    """

    def __init__(self, places: set[_Places]) -> None:
        self._places = places
        self._known: dict[tuple[_Places, _Places, tuple[str, ...]], list[tuple[PathPattern, T]]] = {}

    def add(self, entry: tuple[PathPattern, T]) -> None:
        """Take *entry* as a rival of those that come after it."""
        own = _literal_places(entry[0])
        for key in {self._key(own, other, entry[0]) for other in self._places}:
            self._known.setdefault(key, []).append(entry)

    def of(self, pattern: PathPattern) -> Iterator[tuple[PathPattern, T]]:
        """Give those known that agree with *pattern* wherever both are literal."""
        own = _literal_places(pattern)
        for other in self._places:
            if (-1 in own) == (-1 in other):
                yield from self._known.get(self._key(other, own, pattern), ())

    @staticmethod
    def _key(own: _Places, other: _Places, pattern: PathPattern) -> tuple[_Places, _Places, tuple[str, ...]]:
        shared = tuple(at for at in own if at in other and at >= 0)
        return own, shared, tuple(pattern.segments[at] for at in shared)


class _Node(Generic[T]):
    """A segment's place in the index."""

    __slots__ = ("below", "children", "globs", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.globs: dict[str, _Node[T]] = {}
        self.here: tuple[tuple[int, int], T] | None = None
        self.below: tuple[tuple[int, int], T] | None = None

    def matching(self, segment: str) -> list[_Node[T]]:
        """The places one segment on."""
        child = self.children.get(segment)
        found = [] if child is None else [child]
        if self.globs:
            found += [node for glob, node in self.globs.items() if glob_matches(glob, segment)]
        return found


class PathIndex(Generic[T]):
    """
    Finds the value of the most specific pattern that covers a path; literal segments cost one look-up each.

    Args:
        entries: Patterns with their values. Which of two equally specific patterns is found on a path that
            both cover is not said; `overlaps` tells such pairs.

    Attributes:
        everything: The value of the one pattern that there is, if that covers every path; else None.
    """

    def __init__(self, entries: Iterable[tuple[PathPattern, T]] = ()) -> None:
        self._literal: dict[str, T] = {}
        self._root: _Node[T] = _Node()
        self._depth = 0
        self.everything: T | None = None
        entries = list(entries)
        for pattern, value in entries:
            self._add(pattern, value)
        if len(entries) == 1 and entries[0][0].is_everything:
            self.everything = entries[0][1]

    def _add(self, pattern: PathPattern, value: T) -> None:
        if pattern.is_literal:
            self._literal.setdefault(pattern.text, value)
            return
        node = self._root
        for segment in pattern.segments:
            branch = node.globs if "*" in segment else node.children
            node = branch.setdefault(segment, _Node())
        self._depth = max(self._depth, len(pattern.segments))
        if pattern.deep:
            node.below = node.below or (pattern.specificity, value)
        else:
            node.here = node.here or (pattern.specificity, value)

    def find(self, path: str) -> T | None:
        """The value that governs *path*, which has one leading slash; None if no pattern covers it."""
        if self.everything is not None:
            return self.everything
        found = self.find_as_written(path)
        if found is not None and "/." in path:
            resolved = without_dot_segments(path)
            if resolved != path and self.find_as_written(resolved) is not found:
                return None
        return found

    def find_as_written(self, path: str) -> T | None:
        """Return the value of the most specific pattern for *path*, whose dot segments are taken as names."""
        literal = self._literal.get(path)
        if literal is not None:
            return literal
        return self._walk(path[1:].split("/", self._depth + 1))

    def _walk(self, segments: list[str]) -> T | None:
        """The most specific of the patterns on the way; a node is reached in one way only, so this ends."""
        best: T | None = None
        rank: tuple[int, int] = (-1, -1)
        reached = [(self._root, 0)]
        while reached:
            node, at = reached.pop()
            entry = node.below if at < len(segments) else node.here
            if entry is not None and entry[0] > rank:
                rank, best = entry
            if at < len(segments):
                reached.extend((child, at + 1) for child in node.matching(segments[at]))
        return best
