"""Entries of our lists and paths: what flask-cors matches with, translated, and each difference."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from flask_cors_env.answers.migrate.differences import Difference, Line
from flask_cors_env.config.errors import as_text
from flask_cors_env.core.globs import (
    EVERY,
    EVERYTHING,
    Deviation,
    Reading,
    read_names,
    read_origins,
    read_paths,
)
from flask_cors_env.core.origin import OriginError, OriginKind, is_serialized, parse_origin
from flask_cors_env.core.path import PathError, parse_path
from flask_cors_env.web.peer import HINTS

_ORIGINS = {
    Deviation.PREFIX: Difference.ORIGIN_PREFIX,
    Deviation.DOT: Difference.ORIGIN_DOT,
    Deviation.NO_DOT: Difference.ORIGIN_NO_DOT,
    Deviation.SCHEME: Difference.ORIGIN_SCHEME,
    Deviation.WIDER: Difference.ORIGIN_LABEL,
    Deviation.PORT: Difference.ORIGIN_PORT,
    Deviation.PART: Difference.ORIGIN_PART,
    Deviation.BY_HAND: Difference.ORIGIN_BY_HAND,
}
_NAMES = {
    Deviation.PREFIX: Difference.HEADER_PREFIX,
    Deviation.WIDER: Difference.HEADER_WIDER,
    Deviation.BY_HAND: Difference.HEADER_BY_HAND,
}
_PATHS = {
    Deviation.PREFIX: Difference.PATH_PREFIX,
    Deviation.DEPTH: Difference.PATH_DEPTH,
    Deviation.DOT: Difference.PATH_DOT,
    Deviation.WIDER: Difference.PATH_WIDER,
    Deviation.ABOVE: Difference.PATH_ABOVE,
    Deviation.CASE: Difference.PATH_CASE,
    Deviation.BY_HAND: Difference.PATH_BY_HAND,
}


T = TypeVar("T")


@dataclass
class Entries:
    """
    The translation of a list of patterns.

    Attributes:
        texts: Our entries, in the order found.
        closed: Of paths, those to be closed, since a pattern that is by hand governs some of them.
        lines: Each difference.
    """

    texts: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def add(self, texts: Iterable[str]) -> None:
        """Take those of *texts* that are not there yet."""
        self.texts += [text for text in dict.fromkeys(texts) if text not in self.texts]

    def take(
        self, reading: Reading, regex: re.Pattern[str], place: str, names: Mapping[Deviation, Difference]
    ) -> None:
        """Take a translated expression, and a line for each of its deviations, which *names* name."""
        self.add(reading.texts)
        found = {names[deviation] for deviation in reading.deviations}
        advice = f"Written: {', '.join(reading.texts)}" if reading.texts and names is _ORIGINS else None
        self.lines += [Line.of(d, place, regex.pattern, advice) for d in Difference if d in found]


def as_regex(pattern: object, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str] | None:
    """Return the expression that flask-cors matches with; None where it compares *pattern* as a literal."""
    if isinstance(pattern, re.Pattern):
        return pattern if isinstance(pattern.pattern, str) else None
    if not isinstance(pattern, str) or HINTS.isdisjoint(pattern):
        return None
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError):
        return None


def is_anything(pattern: object) -> bool:
    """Return whether *pattern* matches every origin, or every header name."""
    text = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    return text == "*" or (isinstance(text, str) and text in EVERY)


def origins(patterns: Iterable[object], place: str) -> Entries:
    """Return the entries that allow what *patterns* do; none of them is for every origin."""
    made = Entries()
    for pattern in patterns:
        regex = as_regex(pattern)
        entry = _parsed(parse_origin, pattern if regex is None else regex.pattern)
        if regex is None:
            _add_origin(made, pattern, place)
        elif entry is not None and entry.kind is not OriginKind.ANY:
            made.add([entry.text])
            made.lines.append(Line.of(Difference.ORIGIN_GLOB, place, regex.pattern, f"Written: {entry.text}"))
        else:
            reading = read_origins(regex)
            made.take(reading, regex, place, _ORIGINS)
            if not (reading.texts or Deviation.BY_HAND in reading.deviations):
                made.lines.append(Line.of(Difference.ORIGIN_NEVER, place, regex.pattern))
    return made


def _add_origin(made: Entries, literal: object, place: str) -> None:
    """Add a literal, which flask-cors compares whole and without case, as our entries are."""
    text = as_text(literal)
    try:
        made.add([parse_origin(text).text])
    except OriginError as error:
        code = Difference.ORIGIN_BY_HAND if is_serialized(text.lower()) else Difference.ORIGIN_NEVER
        meant = isinstance(literal, str) and error.remedy is not None
        made.lines.append(
            Line.of(code, place, text, f"If it is meant, write: {error.remedy}" if meant else None)
        )


def _parsed(parse: Callable[[str], T], text: object) -> T | None:
    """Return the entry that the text of an expression is, if it is one: then it was meant so."""
    try:
        return parse(as_text(text))
    except (OriginError, PathError):
        return None


def names(patterns: Iterable[object], place: str) -> Entries:
    """Return the header names that *patterns* match; what no page can send is not left out yet."""
    made = Entries()
    for pattern in patterns:
        regex = as_regex(pattern)
        if regex is None:
            made.add([as_text(pattern)])
        else:
            reading = read_names(regex)
            made.take(reading, regex, place, _NAMES)
            if not (reading.texts or reading.deviations):
                made.lines.append(Line.of(Difference.HEADER_NEVER, place, regex.pattern))
    return made


def paths(patterns: Iterable[object], place: str, routes: Collection[str] = ()) -> Entries:
    """
    Return the patterns that cover what *patterns* do.

    Args:
        patterns: Literals and expressions, as given in ``resources``.
        place: For the lines.
        routes: The rules of the app's URL map. Those that an expression without a glob matches are listed.
            That a glob covers the path above it is said only where a rule may take that path.
    """
    made = Entries()
    for pattern in patterns:
        regex = as_regex(pattern, re.NOFLAG)
        if regex is None:
            _add_path(made, as_text(pattern), place)
        else:
            _add_paths(made, regex, place, routes)
    if EVERYTHING in made.texts:
        made.texts[:] = [EVERYTHING]
    return made


def _add_path(made: Entries, text: str, place: str) -> None:
    """Add a literal, which flask-cors compares whole, whatever it looks like."""
    path = _parsed(parse_path, text)
    if text == "*":
        made.add([EVERYTHING])
    elif path is not None and path.is_literal and "<" not in text:
        made.add([text])
    else:
        made.lines.append(Line.of(Difference.PATH_NEVER, place, text))


def _add_paths(made: Entries, regex: re.Pattern[str], place: str, routes: Collection[str]) -> None:
    reading, differences = read_paths(regex), _PATHS
    glob = _parsed(parse_path, regex.pattern) if "*" in regex.pattern else None
    if glob is not None and reading.texts != [EVERYTHING]:
        reading = Reading([glob.text], {Deviation.PREFIX})
        if any("*" in segment for segment in glob.segments):
            differences = _PATHS | {Deviation.PREFIX: Difference.PATH_GLOB}
    if Deviation.BY_HAND in reading.deviations:
        made.closed.append(_above(regex))
        reading.texts = [rule for rule in routes if _is_literal(rule) and regex.match(rule)]
    elif not (reading.texts or reading.deviations):
        made.lines.append(Line.of(Difference.PATH_NEVER, place, regex.pattern))
    if routes and not any(_takes_path_above(rule, reading.texts) for rule in routes):
        reading.deviations.discard(Deviation.ABOVE)
    made.take(reading, regex, place, differences)


def _above(regex: re.Pattern[str]) -> str:
    """Return a pattern for all paths that may begin like *regex*."""
    literal = re.match(r"\^?((?:/[A-Za-z0-9_~-]+)*)/(?![?*+{])", regex.pattern)
    is_open = "|" in regex.pattern or regex.flags & re.IGNORECASE
    return EVERYTHING if literal is None or is_open else f"{literal[1]}/*"


def _is_literal(rule: str) -> bool:
    pattern = _parsed(parse_path, rule)
    return pattern is not None and pattern.is_literal


def _takes_path_above(rule: str, globs: Iterable[str]) -> bool:
    """Return whether *rule*, or a redirect to it, takes the path above a final ``/*``."""
    pattern = _parsed(parse_path, rule.rstrip("/") or "/")
    above = [glob.removesuffix("/*") for glob in globs if glob.endswith("/*")]
    return pattern is None or any(parse_path(path).overlaps(pattern) for path in above if path)
