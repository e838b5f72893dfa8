"""Which comment speaks of which request: a change that none speaks of was not foreseen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from flask_cors_env.answers.migrate.differences import Difference, Effect, Line
from flask_cors_env.answers.migrate.entries import paths
from flask_cors_env.core.origin import OriginError, Origins, parse_origin
from flask_cors_env.core.path import parse_path
from flask_cors_env.testing.browser import PageRequest, needs_preflight

#: What a page may read: header names in lower case; None where it may not read the response.
Seen = tuple[str, ...] | None


@dataclass(frozen=True)
class Asked:
    """
    One request of a page.

    Attributes:
        page: The request.
        path: Its path.
        endpoint: The view that the path is routed to; empty where that is not known.
    """

    page: PageRequest
    path: str
    endpoint: str = ""


class Turn(NamedTuple):
    """A request whose response a page may read only before, or (*is_wider*) only after the migration."""

    asked: Asked
    is_wider: bool


def explaining(lines: Iterable[Line], asked: Asked, before: Seen, after: Seen) -> Iterator[Line]:
    """Yield those of *lines* that speak of the change from *before* to *after*."""
    turn = Turn(asked, before is None)
    is_of_headers = before is not None and after is not None
    for line in lines:
        judge = EXPLAINED.get(line.difference)
        if line.difference in _OF_HEADERS if is_of_headers else judge is not None and judge(line, turn):
            yield line


_NARROWER = frozenset({Effect.NARROWER, Effect.BY_HAND, Effect.DIFFERS})
_WIDER = frozenset({Effect.WIDER, Effect.DIFFERS})
_OF_HEADERS = frozenset({Difference.EXPOSED_STAR, Difference.EXPOSED_MALFORMED})


def _origin(line: Line, turn: Turn) -> bool:
    """Return whether the expression matches what is no longer allowed, or does not match what is now."""
    matches = re.match(line.raw or "", turn.asked.page.origin, re.IGNORECASE) is not None
    return turn.is_wider != matches and line.difference.effect in (_WIDER if turn.is_wider else _NARROWER)


def _suffix(line: Line, turn: Turn) -> bool:
    try:
        return not turn.is_wider and bool(
            Origins([parse_origin(line.raw or "")]).match(turn.asked.page.origin)
        )
    except OriginError:
        return False


def _header(line: Line, turn: Turn) -> bool:
    names = [name.lower() for name, _ in turn.asked.page.headers]
    matching = [name for name in names if re.match(line.raw or "", name, re.IGNORECASE)]
    return len(matching) < len(names) if turn.is_wider else bool(matching)


def _named(line: Line, turn: Turn) -> bool:
    names = [name.lower() for name, _ in turn.asked.page.headers]
    return not turn.is_wider and (line.raw or "").lower() in names


def _covering(line: Line, turn: Turn) -> list[bool]:
    """Return whether each of the two patterns that a line is about covers the path."""
    texts = (line.raw or "", (line.advice or "").removeprefix("Beside: "))
    return [parse_path(text).covers(turn.asked.path) for text in texts]


def _covered(line: Line, turn: Turn) -> bool:
    return all(_covering(line, turn))


def _closed_both(line: Line, turn: Turn) -> bool:
    return not turn.is_wider and any(_covering(line, turn))


def _elsewhere(line: Line, turn: Turn) -> bool:
    """Return whether an expression and its globs do not agree on the path."""
    regex = re.compile(line.raw or "", re.IGNORECASE if line.difference is Difference.PATH_CASE else 0)
    return bool(regex.match(turn.asked.path)) != any(
        parse_path(glob).covers(turn.asked.path) for glob in _globs(regex)[0]
    )


def _above(line: Line, turn: Turn) -> bool:
    return turn.asked.path == (line.raw or "").removesuffix("/*") or _elsewhere(line, turn)


def _closed(line: Line, turn: Turn) -> bool:
    closed = _globs(re.compile(line.raw or ""))[1]
    return not turn.is_wider and any(parse_path(glob).covers(turn.asked.path) for glob in closed)


def _globs(regex: re.Pattern[str]) -> tuple[list[str], list[str]]:
    made = paths([regex], "")
    return made.texts, made.closed


def _unlisted(line: Line, turn: Turn) -> bool:
    return turn.is_wider and turn.asked.page.method in (line.raw or "").split(", ")


def _preflighted(_line: Line, turn: Turn) -> bool:
    return turn.is_wider and needs_preflight(turn.asked.page)


def _everything(_line: Line, turn: Turn) -> bool:
    return not turn.is_wider


def _literally(line: Line, turn: Turn) -> bool:
    return not turn.is_wider and turn.asked.page.origin == line.raw


def _view(line: Line, turn: Turn) -> bool:
    return not turn.is_wider and line.place == f"@cross_origin {turn.asked.endpoint}"


def _own_options(line: Line, turn: Turn) -> bool:
    return _preflighted(line, turn) and line.place == f"@cross_origin {turn.asked.endpoint}"


def _blueprint(line: Line, turn: Turn) -> bool:
    name = re.match(r"CORS\((.*?)\)", line.place)
    return not turn.is_wider and name is not None and turn.asked.endpoint.startswith(f"{name[1]}.")


Judge = Callable[[Line, Turn], bool]
#: Whether a line speaks of a request that is allowed only after (True) or only before (False).
EXPLAINED: dict[Difference, Judge] = {
    **dict.fromkeys(
        (
            Difference.ORIGIN_PREFIX,
            Difference.ORIGIN_DOT,
            Difference.ORIGIN_NO_DOT,
            Difference.ORIGIN_SCHEME,
            Difference.ORIGIN_LABEL,
            Difference.ORIGIN_PORT,
            Difference.ORIGIN_GLOB,
            Difference.ORIGIN_PART,
            Difference.ORIGIN_BY_HAND,
        ),
        _origin,
    ),
    Difference.ORIGIN_SUFFIX_CREDENTIALS: _suffix,
    Difference.ORIGIN_ANY_CREDENTIALS: _everything,
    Difference.ORIGIN_NULL_CREDENTIALS: _literally,
    Difference.METHOD_UNLISTED: _unlisted,
    Difference.METHOD_MALFORMED: _preflighted,
    **dict.fromkeys((Difference.HEADER_PREFIX, Difference.HEADER_WIDER, Difference.HEADER_BY_HAND), _header),
    **dict.fromkeys(
        (
            Difference.PATH_PREFIX,
            Difference.PATH_DEPTH,
            Difference.PATH_DOT,
            Difference.PATH_CASE,
            Difference.PATH_WIDER,
            Difference.PATH_GLOB,
        ),
        _elsewhere,
    ),
    Difference.HEADER_NEVER: _named,
    Difference.PATH_ABOVE: _above,
    Difference.PATH_BY_HAND: _closed,
    Difference.PATH_ORDER: _covered,
    Difference.POLICY_UNION: _covered,
    Difference.PATH_OVERLAP: _closed_both,
    Difference.VIEW_BY_HAND: _view,
    Difference.BLUEPRINT_BY_HAND: _blueprint,
    Difference.AUTOMATIC_OPTIONS: _own_options,
}
