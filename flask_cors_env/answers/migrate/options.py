"""
Options: what flask-cors was told for one set of paths, as settings of ours.

What a list of ours refuses is what no page can use; it is left out and told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from flask_cors_env.answers.migrate import origins
from flask_cors_env.answers.migrate.differences import Difference, Line
from flask_cors_env.answers.migrate.origins import Entries, as_regex
from flask_cors_env.answers.migrate.regex import Mark, Run, Sequence, Token, UnreadableError, expand
from flask_cors_env.config import values
from flask_cors_env.config.errors import FaultyValueError, as_text
from flask_cors_env.config.rules import Level, broken
from flask_cors_env.core.environments import DEVELOPMENT
from flask_cors_env.core.fields import MAX_AGE_LIMIT
from flask_cors_env.core.origin import NULL, Origins, parse_origin
from flask_cors_env.core.policy import Resource
from flask_cors_env.core.protocol import SAFELISTED_METHODS, is_token
from flask_cors_env.web.peer import Options

#: For how long browsers keep a preflight whose response does not say: https://fetch.spec.whatwg.org/#http-access-control-max-age
_BROWSERS_MAX_AGE = 5
_READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})
_DIGITS = re.compile(r"[0-9]+")
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")

Settings = dict[str, Any]


@dataclass
class Translated:
    """
    The settings of one resource, its paths apart.

    Attributes:
        settings: By name, upper case: lists of strings, booleans, seconds.
        lines: What is different about them.
    """

    settings: Settings = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def tell(
        self, difference: Difference, place: str, value: object = None, advice: str | None = None
    ) -> None:
        """Note a difference."""
        self.lines.append(Line.of(difference, place, value, advice))


def translate(options: Options, place: str, *, is_view: bool = False) -> Translated:
    """
    The settings that mean what *options* do.

    Args:
        options: As flask-cors has resolved them.
        place: For the lines.
        is_view: Whether they are a decorated view's; that alone can leave OPTIONS to the view.
    """
    made = Translated()
    _methods(made, options, place)
    _origins(made, options, place)
    _headers(made, options, place)
    _exposed(made, options, place)
    _max_age(made, options, place)
    _switches(made, options, place, is_view=is_view)
    if made.settings["ORIGINS"] == ["*"] and not options.credentials and _is_read_only(options):
        for name in ("ORIGINS", "METHODS", "ALLOW_CREDENTIALS"):
            del made.settings[name]
        made.settings["PUBLIC"] = True
        made.tell(Difference.PUBLIC, place)
    return made


def _is_read_only(options: Options) -> bool:
    return set(_split(options.methods)) <= _READ_ONLY


def _split(text: str) -> list[str]:
    """The members of a list as flask-cors has joined it."""
    return [member for member in (part.strip() for part in text.split(",")) if member]


def _methods(made: Translated, options: Options, place: str) -> None:
    kept: list[str] = []
    for method in _split(options.methods):
        if method == "*":
            made.tell(Difference.METHOD_STAR, f"{place} methods", method)
        elif _is_valid(values.methods, method) and method.lower() != values.AUTO:
            kept.append(method)
        else:
            told = Difference.METHOD_FORBIDDEN if is_token(method) else Difference.METHOD_MALFORMED
            made.tell(told, f"{place} methods", method)
    unlisted = sorted(SAFELISTED_METHODS.difference(kept))
    if unlisted:
        made.tell(Difference.METHOD_UNLISTED, f"{place} methods", ", ".join(unlisted))
    made.settings["METHODS"] = kept


def _is_valid(parse: Callable[[Any], Any], member: str) -> bool:
    """Whether *parse* takes a list of *member* alone."""
    try:
        parse([member])
    except FaultyValueError:
        return False
    return True


def _origins(made: Translated, options: Options, place: str) -> None:
    place = f"{place} origins"
    made.settings["ALLOW_CREDENTIALS"] = options.credentials
    if options.any_origin or any(map(origins.is_anything, options.origins)):
        _everyone(made, options, place)
        return
    entries = origins.translate(options.origins, place)
    made.lines += entries.lines
    kept = [text for text in entries.texts if _may_stand(made, text, options, place)]
    made.settings["ORIGINS"] = kept


def _everyone(made: Translated, options: Options, place: str) -> None:
    named = [origin for origin in options.origins if not origins.is_anything(origin)]
    if named:
        shown = ", ".join(as_text(getattr(origin, "pattern", origin)) for origin in named)
        made.tell(Difference.ORIGIN_BESIDE_ANY, place, shown)
    if options.credentials:
        made.tell(Difference.ORIGIN_ANY_CREDENTIALS, place, "*")
        made.settings["ORIGINS"] = []
        return
    made.settings["ORIGINS"] = ["*"]
    if not options.send_wildcard:
        made.tell(Difference.ORIGIN_ANY, place)


def _may_stand(made: Translated, text: str, options: Options, place: str) -> bool:
    """Whether the entry *text* is one that development bears with; it is told where it is not."""
    if not options.credentials:
        return True
    if text == NULL.text:
        made.tell(Difference.ORIGIN_NULL_CREDENTIALS, place, text)
        return False
    resource = Resource(origins=Origins([parse_origin(text)]), allow_credentials=True)
    levels = [rule.level(DEVELOPMENT, credentials=True) for rule, _ in broken("ORIGINS", resource)]
    if Level.ERROR in levels:
        made.tell(Difference.ORIGIN_SUFFIX_CREDENTIALS, place, text)
    return Level.ERROR not in levels


def _headers(made: Translated, options: Options, place: str) -> None:
    place = f"{place} allow_headers"
    if any(map(origins.is_anything, options.allow_headers)):
        made.settings["ALLOW_HEADERS"] = ["*", "Authorization"]
        return
    entries = Entries()
    for pattern in options.allow_headers:
        regex = as_regex(pattern)
        for name in [as_text(pattern)] if regex is None else _header_globs(entries, regex, place):
            if _is_valid(values.allow_headers, name):
                entries.add([name])
            else:
                entries.lines.append(Line.of(Difference.HEADER_NEVER, place, name, _if_list(name)))
    made.lines += entries.lines
    made.settings["ALLOW_HEADERS"] = entries.texts


def _if_list(name: str) -> str | None:
    """What to write where a list stands in one string."""
    names = _split(name)
    valid = len(names) > 1 and all(_is_valid(values.allow_headers, one) for one in names)
    return f"If it is meant, write: {','.join(names)}" if valid else None


def _header_globs(made: Entries, regex: re.Pattern[str], place: str) -> list[str]:
    """Names and ``x-team-*`` prefixes that stand for an expression."""
    found: set[Difference] = set()
    try:
        globs = [_header_glob(sequence, found) for sequence in expand(regex)]
    except UnreadableError:
        globs, found = [], {Difference.HEADER_BY_HAND}
    made.lines += [Line.of(d, place, regex.pattern) for d in Difference if d in found]
    return [glob for glob in globs if glob is not None]


def _header_glob(sequence: Sequence, found: set[Difference]) -> str | None:
    closed = sequence[-1:] == (Mark.END,)
    tokens = sequence[:-1] if closed else sequence
    match tokens:
        case (str(name),) | (str(name), ""):
            found.update(() if closed else {Difference.HEADER_PREFIX})
            return name
        case (str(name), Run() as run) if name.endswith("-"):
            found.update({Difference.HEADER_WIDER} if _is_wider(run) else ())
            return f"{name}*"
    found.add(Difference.HEADER_BY_HAND)
    return None


def _is_wider(token: Token) -> bool:
    if not isinstance(token, Run):
        return True
    return not token.characters >= _NAME_CHARACTERS or token.most is not None or token.least > 0


def _exposed(made: Translated, options: Options, place: str) -> None:
    kept: list[str] = []
    for name in _split(options.expose_headers):
        if name == "*" and options.credentials:
            made.tell(Difference.EXPOSED_STAR, f"{place} expose_headers", name)
        elif _is_valid(values.expose_headers, name):
            kept.append(name)
        else:
            told = Difference.EXPOSED_FORBIDDEN if is_token(name) else Difference.EXPOSED_MALFORMED
            made.tell(told, f"{place} expose_headers", name)
    made.settings["EXPOSE_HEADERS"] = kept


def _max_age(made: Translated, options: Options, place: str) -> None:
    given, place = options.max_age, f"{place} max_age"
    text = as_text(given).strip()
    if not given or not _DIGITS.fullmatch(text):
        told = Difference.MAX_AGE_DEFAULT if given is None else Difference.MAX_AGE_UNSENT
        made.tell(told, place, given)
        made.settings["MAX_AGE"] = _BROWSERS_MAX_AGE
        return
    seconds = int(text[:18])
    if seconds > MAX_AGE_LIMIT:
        made.tell(Difference.MAX_AGE_CAPPED, place, given)
    made.settings["MAX_AGE"] = min(seconds, MAX_AGE_LIMIT)


def _switches(made: Translated, options: Options, place: str, *, is_view: bool) -> None:
    """The options that change nothing here, where they are not at their defaults."""
    told: Iterable[tuple[Difference, bool]] = (
        (Difference.SEND_WILDCARD, options.send_wildcard),
        (Difference.ALWAYS_SEND, not options.always_send),
        (Difference.AUTOMATIC_OPTIONS, is_view and not options.automatic_options),
        (Difference.INTERCEPT_EXCEPTIONS, not options.intercept_exceptions),
        (Difference.VARY_HEADER, not options.vary_header),
        (Difference.PRIVATE_NETWORK, options.allow_private_network),
    )
    made.lines += [Line.of(difference, place) for difference, is_set in told if is_set]
