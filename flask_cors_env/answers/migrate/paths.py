"""
Paths: from what flask-cors matches the beginning of a path with to patterns of ours.

What ends openly is taken to mean whole segments and all that is below them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from flask_cors_env.answers.migrate.differences import Difference, Line
from flask_cors_env.answers.migrate.origins import Entries, as_regex
from flask_cors_env.answers.migrate.regex import Labels, Mark, Run, Sequence, Token, UnreadableError, expand
from flask_cors_env.config.errors import as_text
from flask_cors_env.core.path import PathError, parse_path

EVERYTHING = "/*"
_ANYTHING = frozenset({"*", ".*", "^.*", ".*$", "^.*$", "/*", "/.*", "^/.*", "/.*$", "^/.*$", "^/", "/+"})
_SPECIAL = frozenset("*<>")
_SEGMENT = frozenset(chr(number) for number in range(33, 127)) - {"/"}
#: Stand for a run of characters until the pattern is written: within a segment, and across segments.
_STAR, _DEEP = "\1", "\2"


def translate(patterns: Iterable[object], place: str, routes: Collection[str] = ()) -> Entries:
    """
    The patterns that cover what *patterns* do.

    Args:
        patterns: Literals and expressions, as given in ``resources``.
        place: For the lines.
        routes: The rules of the app's URL map, to tell whether a path that a glob leaves out is routed.
    """
    made = Entries()
    for pattern in patterns:
        regex = as_regex(pattern, re.NOFLAG)
        if regex is not None:
            _add_regex(made, regex, place, routes)
        else:
            _add_literal(made, pattern, place)
    if EVERYTHING in made.texts:
        made.texts[:] = [EVERYTHING]
    return made


def _add_literal(made: Entries, pattern: object, place: str) -> None:
    """A literal is compared whole, whatever it may look like."""
    text = as_text(pattern)
    if text == "*":
        made.add([EVERYTHING])
        return
    try:
        is_path = parse_path(text).is_literal and "<" not in text
    except PathError:
        is_path = False
    if is_path:
        made.add([text])
    else:
        made.lines.append(Line.of(Difference.PATH_NEVER, place, text))


def _add_regex(made: Entries, regex: re.Pattern[str], place: str, routes: Collection[str]) -> None:
    text, found = regex.pattern, set[Difference]()
    if text in _ANYTHING:
        made.add([EVERYTHING])
        return
    glob = _as_written(text)
    if glob is not None:
        above = glob.removesuffix("/*")
        is_routed = glob.endswith("/*") and above in routes and regex.match(above)
        made.add([above, glob] if is_routed else [glob])
        found.add(Difference.PATH_PREFIX if "*" not in above else Difference.PATH_GLOB)
    else:
        found |= _add_sequences(made, regex)
    if Difference.PATH_BY_HAND in found:
        made.closed.append(_above(regex))
    made.lines += [Line.of(d, place, text) for d in Difference if d in found]


def _as_written(text: str) -> str | None:
    """The glob that the text of an expression is, if it is one: then that is how it was meant."""
    try:
        return parse_path(text).text if "*" in text else None
    except PathError:
        return None


def _add_sequences(made: Entries, regex: re.Pattern[str]) -> set[Difference]:
    found = {Difference.PATH_CASE} if regex.flags & re.IGNORECASE else set()
    try:
        texts = [glob for sequence in expand(regex) for glob in _globs(sequence, found)]
    except UnreadableError:
        return {Difference.PATH_BY_HAND}
    if EVERYTHING in texts:
        texts = [EVERYTHING]
        found.discard(Difference.PATH_PREFIX)
    if not _are_in_grammar(texts):
        return {Difference.PATH_BY_HAND}
    made.add(texts)
    return found if texts else {Difference.PATH_NEVER}


def _above(regex: re.Pattern[str]) -> str:
    """A pattern for all paths that may begin like *regex*."""
    literal = re.match(r"\^?((?:/[A-Za-z0-9_~-]+)*)/(?![?*+{])", regex.pattern)
    is_open = "|" in regex.pattern or regex.flags & re.IGNORECASE
    return EVERYTHING if literal is None or is_open else f"{literal[1]}/*"


def _are_in_grammar(texts: Iterable[str]) -> bool:
    try:
        return all(parse_path(text) for text in texts)
    except PathError:
        return False


def _globs(sequence: Sequence, found: set[Difference]) -> Iterator[str]:
    """The globs that one sequence stands for; in what they differ is added to *found*."""
    closed = sequence[-1:] == (Mark.END,)
    tokens = sequence[:-1] if closed else sequence
    drawn = "".join(map(_drawn, tokens))
    if not tokens:
        yield from () if closed else (EVERYTHING,)
    if not drawn or drawn[0] not in {"/", _DEEP, ".", _STAR}:
        return
    if Mark.DOT in tokens:
        found.add(Difference.PATH_DOT)
    body, is_open = drawn.rstrip(_DEEP), not closed or drawn.endswith(_DEEP)
    if _DEEP in body:
        found.add(Difference.PATH_DEPTH)
    if (is_open and _has_to_be_there(tokens[-1])) or any(
        _is_wider(token, whole=_is_whole(tokens, at)) for at, token in enumerate(tokens)
    ):
        found.add(Difference.PATH_WIDER)
    is_exact = drawn.endswith(_DEEP) or body.endswith(("/", _STAR))
    if (is_open and not is_exact) or any(map(_is_optional_slash, tokens)):
        found.add(Difference.PATH_PREFIX)
    if not is_open and drawn.endswith(f"/{_STAR}") and not _has_to_be_there(tokens[-1]):
        yield from _written(drawn[:-1], open_end=False, is_prefix=False)
    yield from _written(body, open_end=is_open, is_prefix=drawn.endswith(_DEEP))


def _drawn(token: Token) -> str:
    """*token* as text; a literal that would be read as part of a glob has no such form."""
    if isinstance(token, str):
        if not _SPECIAL.isdisjoint(token):
            raise UnreadableError(token)
        return token
    if token is Mark.DOT:
        return "."
    if isinstance(token, Labels):
        return _STAR
    if isinstance(token, Run) and token.characters == {"/"}:
        if token.least > 1:
            raise UnreadableError("slashes")
        return "/"
    return _DEEP if isinstance(token, Run) and "/" in token.characters else _STAR


def _has_to_be_there(token: Token) -> bool:
    """Whether *token* stands for a character at least, as a star does not."""
    return isinstance(token, Run) and token.characters != {"/"} and token.least > 0


def _is_optional_slash(token: Token) -> bool:
    return isinstance(token, Run) and token.characters == {"/"} and token.least == 0


def _is_whole(tokens: Sequence, at: int) -> bool:
    """Whether the token there is a segment of its own."""
    before, after = tokens[at - 1] if at else "", tokens[at + 1] if at + 1 < len(tokens) else "/"
    return all(isinstance(token, str) for token in (before, after)) and (
        str(before).endswith("/") and str(after).startswith("/")
    )


def _is_wider(token: Token, *, whole: bool) -> bool:
    """Whether a star is more than *token* stands for; a segment of its own has a character at least."""
    if isinstance(token, Labels):
        return True
    if not isinstance(token, Run) or "/" in token.characters:
        return False
    return not token.characters >= _SEGMENT or token.most is not None or token.least > whole


def _written(body: str, *, open_end: bool, is_prefix: bool) -> Iterator[str]:
    """The globs for a path that begins like *body*, or is like it."""
    glob = body.replace(_DEEP, "*").replace(_STAR, "*")
    if not open_end:
        yield re.sub(r"(?<=/)\*$", "<segment>", glob)
    elif not glob or glob.endswith(("/*", "/")):
        yield glob.removesuffix("*").removesuffix("/") + "/*"
    else:
        last = glob if glob.endswith("*") or not is_prefix else f"{glob}*"
        yield last
        yield f"{last}/*"
