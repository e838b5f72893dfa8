"""
Regular expressions as far as people write them for origins, paths and header names.

An expression is expanded into sequences of literals and runs of characters, few and short; what cannot be
expanded is not translated. Nothing is matched here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import product

_LIMIT = 64
_FEW = 4
_LONGEST_REPEAT = 16
#: The characters that origins, paths and names are made of.
_CHARACTERS = [chr(number) for number in range(33, 127)]
_FLAGS = re.IGNORECASE | re.ASCII | re.UNICODE | re.DOTALL
_GROUP = re.compile(r"\((?:\?:|\?P<[a-zA-Z_][a-zA-Z0-9_]*>)?(?!\?)")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_SHORTHAND = re.compile(r"\\[dDwWsS]")
_QUANTIFIER = re.compile(r"(?:([*+?])|\{([0-9]{1,3})(,?)([0-9]{0,3})\})(\??)(?![*+?{])")
_QUANTITIES: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class UnreadableError(ValueError):
    """An expression that is not expanded: too wide, or with more than literals, classes and repeats."""


class Mark(Enum):
    """What a sequence holds beside characters."""

    START = "^"
    END = "$"
    DOT = "."


@dataclass(frozen=True)
class Run:
    """
    Repeated characters.

    Attributes:
        characters: Of the printable ASCII characters those that it may hold.
        least: How many at least.
        most: How many at most; None for any number.
    """

    characters: frozenset[str]
    least: int
    most: int | None


@dataclass(frozen=True)
class Labels:
    """Any number of labels, each with its dot; one at least where an empty sequence stands beside it."""

    characters: frozenset[str]


Token = str | Mark | Run | Labels
Sequence = tuple[Token, ...]


def expand(regex: re.Pattern[str]) -> list[Sequence]:
    """
    The sequences that *regex* stands for, each of which it matches from its start.

    Literals are in lower case where case is ignored.

    Raises:
        UnreadableError: See there.
    """
    if regex.flags & ~_FLAGS:
        raise UnreadableError("flags")
    reader = _Reader(regex)
    found = reader.alternatives()
    if reader.rest:
        raise UnreadableError(reader.rest)
    return list(map(_joined, found))


def _joined(sequence: Sequence) -> Sequence:
    """*sequence* without its start, and its literals joined; raises where an anchor stands in its middle."""
    while sequence and sequence[0] is Mark.START:
        sequence = sequence[1:]
    while len(sequence) > 1 and sequence[-1] is sequence[-2] is Mark.END:
        sequence = sequence[:-1]
    if Mark.START in sequence or Mark.END in sequence[:-1]:
        raise UnreadableError("anchor")
    made: list[Token] = []
    for token in sequence:
        if isinstance(token, str) and made and isinstance(made[-1], str):
            made[-1] += token
        else:
            made.append(token)
    return tuple(made)


class _Reader:
    """Reads an expression from left to right; ``rest`` is what is not read yet."""

    def __init__(self, regex: re.Pattern[str]) -> None:
        self.rest = re.sub(r"^\(\?[iau]+\)", "", regex.pattern)
        self._flags = regex.flags & _FLAGS
        self._folds = bool(regex.flags & re.IGNORECASE)

    def alternatives(self) -> list[Sequence]:
        found = self._sequence()
        while self._takes("|"):
            found += self._sequence()
        return list(dict.fromkeys(found))

    def _takes(self, text: str) -> bool:
        """Whether *text* is next; it is read then."""
        is_next = self.rest.startswith(text)
        self.rest = self.rest.removeprefix(text)
        return is_next

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.rest)
        if found is not None:
            self.rest = self.rest[found.end() :]
        return found

    def _sequence(self) -> list[Sequence]:
        found: list[Sequence] = [()]
        while self.rest and self.rest[0] not in "|)":
            following = self._item()
            if len(found) * len(following) > _LIMIT:
                raise UnreadableError("too wide")
            found = [(*one, *other) for one, other in product(found, following)]
        return found

    def _item(self) -> list[Sequence]:
        for text, mark in (("^", Mark.START), (r"\A", Mark.START), ("$", Mark.END), (r"\Z", Mark.END)):
            if self._takes(text):
                return [(mark,)]
        if self.rest.startswith("("):
            return self._group()
        characters, single = self._characters()
        return _repeated(characters, single, self._quantity())

    def _group(self) -> list[Sequence]:
        if self._take(_GROUP) is None:
            raise UnreadableError(self.rest)
        found = self.alternatives()
        if not self._takes(")"):
            raise UnreadableError(self.rest)
        least, most = self._quantity()
        if (least, most) == (1, 1):
            return found
        if (least, most) == (0, 1):
            return [(), *found]
        labels = _labels(found)
        if most is not None or labels is None:
            raise UnreadableError("repeated group")
        return [(labels,)] if least else [(), (labels,)]

    def _quantity(self) -> tuple[int, int | None]:
        found = self._take(_QUANTIFIER)
        if found is None:
            if self.rest[:1] in tuple("*+?{"):
                raise UnreadableError(self.rest)
            return 1, 1
        if found[1]:
            return _QUANTITIES[found[1]]
        least = int(found[2])
        return least, int(found[4]) if found[4] else None if found[3] else least

    def _characters(self) -> tuple[frozenset[str], Token | None]:
        """What one place may hold, and the one literal or dot that stands for it."""
        known = self._take(_CLASS) or self._take(_SHORTHAND)
        if known is not None:
            return self._matched(known[0]), None
        if self._takes("."):
            return frozenset(_CHARACTERS), Mark.DOT
        escaped = self._takes("\\")
        literal, self.rest = self.rest[:1], self.rest[1:]
        is_syntax = literal.isalnum() if escaped else literal in "[]{}"
        if not literal or is_syntax:
            raise UnreadableError(literal)
        literal = literal.lower() if self._folds else literal
        return frozenset(literal), literal

    def _matched(self, text: str) -> frozenset[str]:
        """The characters that a class holds; capitals are left out where case is ignored."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # whoever compiled the whole was warned already
            regex = re.compile(text, self._flags)
        found = (c for c in _CHARACTERS if regex.fullmatch(c))
        return frozenset(c for c in found if not self._folds or c == c.lower())


def _repeated(
    characters: frozenset[str], single: Token | None, quantity: tuple[int, int | None]
) -> list[Sequence]:
    least, most = quantity
    if most == 1:
        return [()] * (1 - least) + _once(characters, single)
    if isinstance(single, str) and least == most and least <= _LONGEST_REPEAT:
        return [(single * least,)]
    return [(Run(characters, least, most),)]


def _once(characters: frozenset[str], single: Token | None) -> list[Sequence]:
    if single is not None:
        return [(single,)]
    if len(characters) <= _FEW:
        return [(character,) for character in sorted(characters)]
    return [(Run(characters, 1, 1),)]


def _labels(found: Iterable[Sequence]) -> Labels | None:
    """A group of one label and its dot, to be repeated; None for any other."""
    match list(map(_joined, found)):
        case [(Run(characters=characters, least=1, most=None), ".")] if "." not in characters:
            return Labels(characters)
    return None
