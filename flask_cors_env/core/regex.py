"""
Regular expressions of origins, paths and header names: `expand` lists their alternatives.

Python's own parser and compiler (``re._parser``, ``re._compiler``) read the expression, as `re` does.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import product
from re import _compiler, _parser  # type: ignore[attr-defined] # no stub has them
from typing import Any

_MOST_SEQUENCES = 64
_MOST_ALTERNATIVES = 4
_LONGEST_REPEAT = 16
_FLAGS = re.IGNORECASE | re.ASCII | re.UNICODE | re.DOTALL
#: The characters that origins, paths and names are made of.
CHARACTERS = [chr(number) for number in range(33, 127)]
_ONE_PLACE = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN"})


class UnreadableError(ValueError):
    """An expression that is not expanded: too many alternatives, or more than characters and repeats."""


class Mark(Enum):
    """What a sequence holds beside characters: an anchor, or one unescaped dot."""

    START = "^"
    END = "$"
    DOT = "."


_ANCHORS = {
    "AT_BEGINNING": Mark.START,
    "AT_BEGINNING_STRING": Mark.START,
    "AT_END": Mark.END,
    "AT_END_STRING": Mark.END,
}


@dataclass(frozen=True)
class Run:
    r"""
    Repeated characters.

    Attributes:
        characters: Of the printable ASCII characters those that it may hold.
        least: How many at least.
        most: How many at most; None for any number.
        labels: Whether it is a repeated group of a label and its dot, ``([a-z]+\.)*``.
    """

    characters: frozenset[str]
    least: int = 1
    most: int | None = 1
    labels: bool = False


Token = str | Mark | Run
Sequence = tuple[Token, ...]


def expand(regex: re.Pattern[str]) -> list[Sequence]:
    """
    Return the sequences that *regex* stands for, each of which it matches from its start.

    ``"https?://a$"`` -> ``("http://a", END)``, ``("https://a", END)``. A final `Mark.END` allows no more.
    Literals are in lower case where case is ignored.

    Raises:
        UnreadableError: See there.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the compiler has warned already
            tree = _parser.parse(regex.pattern, regex.flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise UnreadableError(str(error)) from None
    if tree.state.flags & ~_FLAGS:
        raise UnreadableError("flags")
    return list(dict.fromkeys(map(_joined, _Reader(tree.state).sequences(tree))))


def _joined(sequence: Sequence) -> Sequence:
    """Return *sequence* with its literals joined; raise where an anchor stands in its middle."""
    made: list[Token] = []
    for token in sequence:
        if (token is Mark.START and made) or (made[-1:] == [Mark.END] and token is not Mark.END):
            raise UnreadableError("anchor")
        if isinstance(token, str) and made and isinstance(made[-1], str):
            made[-1] += token
        elif token is not Mark.START and made[-1:] != [Mark.END]:
            made.append(token)
    return tuple(made)


class _Reader:
    """Turns the parser's operations into sequences; *state* is the parser's, with the flags."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._folds = bool(state.flags & re.IGNORECASE)

    def sequences(self, operations: Iterable[tuple[Any, Any]]) -> list[Sequence]:
        found: list[Sequence] = [()]
        for operation, argument in operations:
            following = self._item(str(operation), argument)
            if len(found) * len(following) > _MOST_SEQUENCES:
                raise UnreadableError("too many alternatives")
            found = [(*one, *other) for one, other in product(found, following)]
        return found

    def _item(self, operation: str, argument: Any) -> list[Sequence]:  # noqa: PLR0911 - one for each operation
        match operation:
            case "LITERAL":
                return [(chr(argument).lower() if self._folds else chr(argument),)]
            case "ANY":
                return [(Mark.DOT,)]
            case "IN" | "NOT_LITERAL":
                found = self._characters(operation, argument)
                return [(c,) for c in sorted(found)] if len(found) <= _MOST_ALTERNATIVES else [(Run(found),)]
            case "BRANCH":
                return [one for branch in argument[1] for one in self.sequences(branch)]
            case "SUBPATTERN" if not (argument[1] or argument[2]):
                return self.sequences(argument[3])
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeated(*argument)
            case "AT" if str(argument) in _ANCHORS:
                return [(_ANCHORS[str(argument)],)]
        raise UnreadableError(operation)

    def _characters(self, operation: str, argument: Any) -> frozenset[str]:
        """Return the characters that one place may hold; no capitals where case is ignored."""
        place = [(getattr(_parser, operation), argument)]
        regex = _compiler.compile(_parser.SubPattern(self._state, place), self._state.flags)
        found = filter(regex.fullmatch, CHARACTERS)
        return frozenset(c for c in found if not self._folds or c == c.lower())

    def _repeated(self, least: int, most: Any, body: Any) -> list[Sequence]:
        limit = None if most is _parser.MAXREPEAT else int(most)
        operation, argument = (str(body[0][0]), body[0][1]) if len(body) == 1 else ("", None)
        if limit == 1:
            return [()] * (1 - least) + self.sequences(body)
        if operation == "LITERAL" and least == limit and least <= _LONGEST_REPEAT:
            return [one * least for one in self._item(operation, argument)]
        if operation in _ONE_PLACE:
            return [(Run(self._characters(operation, argument), least, limit),)]
        match list(map(_joined, self.sequences(body))):
            case [(Run(characters=found, least=1, most=None), ".")] if limit is None and "." not in found:
                return [()] * (least == 0) + [(Run(found, 1, None, labels=True),)]
        raise UnreadableError("repeated group")


def samples(regex: re.Pattern[str]) -> list[str]:
    """Return strings that *regex* matches, one for each alternative; none where it is not expanded."""
    try:
        found = ["".join(map(_sample, sequence)) for sequence in expand(regex)]
    except UnreadableError:
        return []
    return [text for text in dict.fromkeys(found) if regex.match(text)]


def _sample(token: Token) -> str:
    if isinstance(token, str):
        return token
    if isinstance(token, Mark):
        return "." if token is Mark.DOT else ""
    usual = next((c for c in "a3" if c in token.characters), min(token.characters, default=""))
    return f"{usual}." if token.labels else usual * max(token.least, 1)
