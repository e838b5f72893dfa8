"""
Regular expressions as entries of the grammars: `read_origins`, `read_paths` and `read_names` translate one.

A sequence of the expression is drawn as text in which one letter stands for a run of characters; the entry is
read off that shape. What has no such shape is by hand: nothing is guessed.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import takewhile
from math import inf

from flask_cors_env.core.origin import OriginError, parse_origin
from flask_cors_env.core.path import PathError, parse_path
from flask_cors_env.core.protocol import is_token
from flask_cors_env.core.regex import CHARACTERS, Mark, Run, Sequence, Token, UnreadableError, expand

_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_DIGITS = frozenset("0123456789")
_PORT_DIGITS = 5
_NAME = _LABEL - {"_"}
_SLASH = frozenset("/")
_SEGMENT = frozenset(c for c in CHARACTERS if not c.isupper()) - _SLASH
_GLOB = frozenset("*<>")
#: Runs of any characters, of digits, of others; labels with their dots.
_ANY, _NUMBER, _SOME, _LABELS = "\1", "\2", "\3", "\4"
#: Expressions for every origin, and for every header name.
EVERY = frozenset({".*", ".+", "^.*", "^.+", "^.*$", "^.+$", ".*$", ".+$"})
_EVERY_PATH = frozenset({*"* /* /+ ^/ .* ^.* .*$ ^.*$ /.* ^/.* /.*$ ^/.*$".split()})
EVERYTHING = "/*"
#: A slash that may be one of those after the scheme.
_SCHEME_IN_PART = re.compile(rf"[:/{_ANY}{_SOME}]/")
_RUN = f"[{_ANY}{_NUMBER}{_SOME}]"
_EDGE = f"[a-z0-9_{_NUMBER}{_SOME}]"
_ORIGIN = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    rf"(?P<below>{_LABELS}|{_RUN}\.|{_ANY}(?=[a-z0-9]))?"
    rf"(?P<host>{_EDGE}(?:[a-z0-9_.{_NUMBER}{_SOME}-]*{_EDGE})?|{_RUN}|\[[0-9a-f:.]+\])"
    rf"(?:(?P<port>:[0-9]+)|(?P<ports>:{_RUN}+|:\*))?(?P<rest>{_ANY})?"
)
#: A literal host, or any, of a scheme whose hosts are opaque.
_OTHER = re.compile(
    rf"(?P<scheme>(?!https?:)[a-z][a-z0-9+.-]*)://(?:(?P<run>{_RUN})|(?P<host>[A-Za-z0-9._-]+))"
)


class Deviation(Enum):
    """One way in which entries do not say what their expression does; `migrate` describes each."""

    PREFIX = auto()
    DOT = auto()
    NO_DOT = auto()
    SCHEME = auto()
    PORT = auto()
    PART = auto()
    WIDER = auto()
    DEPTH = auto()
    ABOVE = auto()
    CASE = auto()
    BY_HAND = auto()


@dataclass
class Reading:
    """
    What is written for one expression.

    Attributes:
        texts: Entries in the grammar of origins, paths or header names; none where the expression matches
            nothing that a browser sends.
        deviations: What they do not say as the expression does. ``BY_HAND``: some of it has no entry.
    """

    texts: list[str] = field(default_factory=list)
    deviations: set[Deviation] = field(default_factory=set)


def advised(read: Callable[[re.Pattern[str]], Reading], text: str, flags: int = 0) -> str | None:
    """Return the entries to write for the string *text*, separated by commas; None where that is by hand."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            reading = read(re.compile(text, flags))
    except (re.error, ValueError, OverflowError, RecursionError, Warning):
        return None
    if Deviation.BY_HAND in reading.deviations or any(re.search(r"[,\s]", text) for text in reading.texts):
        return None
    return ", ".join(reading.texts) or None


def _read(regex: re.Pattern[str], read: Callable[[Sequence, set[Deviation]], Iterable[str]]) -> Reading:
    """Return what *read* makes of each sequence of *regex*."""
    made = Reading()
    try:
        for sequence in expand(regex):
            made.texts += [text for text in read(sequence, made.deviations) if text not in made.texts]
    except UnreadableError:
        return Reading([], {Deviation.BY_HAND})
    return made


def _without_end(sequence: Sequence) -> tuple[Sequence, bool]:
    is_closed = sequence[-1:] == (Mark.END,)
    return sequence[:-1] if is_closed else sequence, is_closed


# --- origins


def read_origins(regex: re.Pattern[str]) -> Reading:
    r"""
    Return the entries for the origins that *regex* matches.

    ``"https?://localhost(:\d+)?$"`` -> ``http://localhost:*``, ``https://localhost:*``.
    """
    if regex.pattern in EVERY:
        return Reading(["*"])
    made = _read(regex, _origins)
    bare = {text.removesuffix(":*") for text in made.texts if text.endswith(":*")}
    if not bare <= set(made.texts):
        made.deviations.add(Deviation.PORT)
    made.texts = [text for text in made.texts if text not in bare]
    return made


def _origins(sequence: Sequence, deviations: set[Deviation]) -> Iterator[str]:
    tokens, is_closed = _without_end(sequence)
    drawn = "".join(map(_drawn, tokens))
    if "://" not in drawn and drawn.startswith(_ANY) and not _SCHEME_IN_PART.search(drawn):
        drawn = f"https://{_ANY}{drawn.lstrip(_ANY)}"
        deviations.add(Deviation.SCHEME)
    other = _OTHER.fullmatch(drawn)
    if other is not None:
        yield from _of_other_scheme(other, deviations, is_closed=is_closed)
        return
    if "/" in drawn.partition("://")[2] or drawn != drawn.lower():
        return  # no browser sends such an origin
    match = _ORIGIN.fullmatch(drawn)
    texts = [] if match is None else list(_spelled(match))
    if match is not None and texts:
        deviations.update(_of_origin(tokens, match, is_closed=is_closed))
        yield from texts
    elif match is None or not match["port"] or re.search(_RUN, match["host"]):
        deviations.add(Deviation.BY_HAND)


def _of_other_scheme(match: re.Match[str], deviations: set[Deviation], *, is_closed: bool) -> Iterator[str]:
    """Yield the entry for a host of another scheme than http and https, whose case counts, or for any."""
    deviations.update(() if is_closed else (Deviation.PREFIX,), (Deviation.PART,) if match["run"] else ())
    try:
        yield parse_origin(f"{match['scheme']}://{'*' if match['run'] else match['host']}").text
    except OriginError:
        deviations.add(Deviation.BY_HAND)


def _drawn(token: Token) -> str:
    if not isinstance(token, Run):
        return token if isinstance(token, str) else "."
    if token.characters == {":"}:
        return ":*"
    if len(token.characters) == 1:
        raise UnreadableError("one character, repeated")
    if token.labels or "." in token.characters:
        return _LABELS if token.labels else _ANY
    return _NUMBER if token.characters <= _DIGITS else _SOME


def _spelled(match: re.Match[str]) -> Iterator[str]:
    """Yield the entries of a shape that are in the grammar."""
    tail = re.sub(_RUN, "*", match["host"]) + (match["port"] or (":*" if match["ports"] else ""))
    for below in {None: [""], _ANY: ["", "*."]}.get(match["below"], ["*."]):
        try:
            yield parse_origin(f"{match['scheme']}://{below}{tail}").text
        except OriginError:
            continue


def _of_origin(tokens: Sequence, match: re.Match[str], *, is_closed: bool) -> Iterator[Deviation]:
    runs = [token for token in tokens if isinstance(token, Run)]
    if Mark.DOT in tokens:
        yield Deviation.DOT
    if match["below"] == _ANY:
        yield Deviation.NO_DOT
    if re.search(_RUN, match["host"]):
        yield Deviation.PART
    if match["below"] and _is_narrower(runs[0], _LABEL if runs[0].labels else _LABEL | {"."}):
        yield Deviation.WIDER
    numbers = takewhile(lambda token: isinstance(token, Run), reversed(tokens))
    if match["ports"] and any(_is_narrower(run, _DIGITS, most=_PORT_DIGITS) for run in numbers):
        yield Deviation.PORT
    if match["rest"] or match["ports"] == ":*" or not (is_closed or match["ports"]):
        yield Deviation.PREFIX


def _is_narrower(token: Token, characters: frozenset[str], least: int = 1, most: float = inf) -> bool:
    """Return whether *token* is a run of less than *least* to *most* of *characters*."""
    return isinstance(token, Run) and (
        not token.characters >= characters or token.least > least or (token.most or inf) < most
    )


# --- paths


def read_paths(regex: re.Pattern[str]) -> Reading:
    """
    Return the globs for the paths that *regex* matches; what ends openly covers whole segments and all below.

    ``"/(api|v1)/.*"`` -> ``/api/*``, ``/v1/*``.
    """
    if regex.pattern in _EVERY_PATH:
        return Reading([EVERYTHING])
    made = _read(regex, _paths)
    if EVERYTHING in made.texts:
        return Reading([EVERYTHING], made.deviations - {Deviation.PREFIX})
    if not all(map(_is_path, made.texts)):
        return Reading([], {Deviation.BY_HAND})
    above = {text: text.removesuffix("/*") for text in made.texts if text.endswith("/*")}
    if not all(path in made.texts or ("*" not in path and regex.match(path)) for path in above.values()):
        made.deviations.add(Deviation.ABOVE)
    if made.texts and regex.flags & re.IGNORECASE:
        made.deviations.add(Deviation.CASE)
    made.texts = [text for text in made.texts if text not in above.values()]
    return made


def _is_path(text: str) -> bool:
    try:
        return bool(parse_path(text))
    except PathError:
        return False


def _paths(sequence: Sequence, deviations: set[Deviation]) -> Iterator[str]:
    tokens, is_closed = _without_end(sequence)
    drawn = "".join(map(_drawn_path, tokens))
    if not tokens and not is_closed:
        yield EVERYTHING
    if not drawn or drawn[0] not in {"/", ".", _ANY, _SOME}:
        return  # no path begins so
    is_open, body = not is_closed or drawn.endswith(_ANY), drawn.rstrip(_ANY)
    deviations.update(_of_path(tokens, body, is_open=is_open, goes_on=drawn.endswith(_ANY)))
    glob = body.replace(_ANY, "*").replace(_SOME, "*")
    if not is_open:
        if body.endswith(f"/{_SOME}") and not _is_needed(tokens[-1]):
            yield glob.removesuffix("*")
        yield re.sub(r"(?<=/)\*$", "<segment>", glob)
    elif not glob or glob.endswith(("/", "/*")):
        yield glob.removesuffix("*").removesuffix("/") + "/*"
    else:
        glob += "*" if drawn.endswith(_ANY) and not glob.endswith("*") else ""
        yield from (glob, f"{glob}/*")


def _drawn_path(token: Token) -> str:
    """Return *token* as text; raise for a literal that would be read as part of a glob."""
    if not isinstance(token, Run):
        if isinstance(token, str) and not _GLOB.isdisjoint(token):
            raise UnreadableError(token)
        return token if isinstance(token, str) else "."
    if len(token.characters) == 1 and (token.characters != {"/"} or token.least > 1):
        raise UnreadableError("one character, repeated")
    if token.characters == {"/"}:
        return "/"
    return _ANY if "/" in token.characters and not token.labels else _SOME


def _is_needed(token: Token) -> bool:
    """Return whether *token* stands for one character at least, as a star does not."""
    return isinstance(token, Run) and token.characters != {"/"} and token.least > 0


def _of_path(tokens: Sequence, body: str, *, is_open: bool, goes_on: bool) -> Iterator[Deviation]:
    if Mark.DOT in tokens:
        yield Deviation.DOT
    if _ANY in body:
        yield Deviation.DEPTH
    if (is_open and _is_needed(tokens[-1])) or any(map(_is_wider, ("", *tokens), tokens, (*tokens[1:], "/"))):
        yield Deviation.WIDER
    is_exact = goes_on or body.endswith(("/", _SOME))
    if (is_open and not is_exact) or Run(frozenset("/"), 0, None) in tokens:
        yield Deviation.PREFIX


def _is_wider(before: Token, token: Token, after: Token) -> bool:
    """Return whether a star is more than *token* stands for; a whole segment has one character at least."""
    if not isinstance(token, Run) or (_SLASH & token.characters and not token.labels):
        return False
    is_segment = (
        isinstance(before, str) and before.endswith("/") and isinstance(after, str) and after[0] == "/"
    )
    return token.labels or _is_narrower(token, _SEGMENT, least=int(is_segment))


# --- header names


def read_names(regex: re.Pattern[str]) -> Reading:
    """Return the header names and ``x-team-*`` prefixes that *regex* matches."""
    return Reading(["*"]) if regex.pattern in EVERY else _read(regex, _names)


def _names(sequence: Sequence, deviations: set[Deviation]) -> Iterator[str]:
    tokens, is_closed = _without_end(sequence)
    if any(isinstance(token, str) and not is_token(token) for token in tokens):
        return  # no page sends such a name
    match tokens:
        case (str(name),):
            deviations.update(() if is_closed else (Deviation.PREFIX,))
            yield name
        case (str(name), Run() as run) if name.endswith("-"):
            deviations.update((Deviation.WIDER,) if _is_narrower(run, _NAME, least=0) else ())
            yield f"{name}*"
        case _:
            deviations.add(Deviation.BY_HAND)
