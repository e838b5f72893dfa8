"""
Values: from what a carrier delivers, or a program passes, to what a policy is made of.

A string is split, unquoted and trimmed, since carriers add quotes and spaces. The elements of a Python list
or a JSON array are one value each and are taken as they are. Nothing is guessed from a value's characters.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask_cors_env.config.errors import Fault, FaultyValueError, as_text
from flask_cors_env.core import protocol
from flask_cors_env.core.fields import MAX_AGE_LIMIT
from flask_cors_env.core.origin import (
    VARIABLE,
    OriginError,
    OriginPattern,
    Origins,
    compile_call,
    parse_origin,
)
from flask_cors_env.core.path import PathError, PathPattern, parse_path

#: The word of METHODS that stands for the methods that the URL map routes.
AUTO = "auto"

SINKS = ("auto", "app", "stderr", "stdout")
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_SPACE = " \t\r\n\v\f"
_SEPARATORS = re.compile(r"[,\s]+", re.ASCII)
#: To the end of its line; a "#" within a token is the token's.
_COMMENT = re.compile(r"(?<![^\s,])#[^\n]*", re.ASCII)
#: An address, which has two colons; a bracketed list of a host with its port has one.
_IPV6 = re.compile(r"\[[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*\]", re.IGNORECASE)
_DURATION = re.compile(r"(-1|[0-9]{1,18})([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PREFIX = re.compile(r"[!#$%&'+\-.^_`|~0-9A-Za-z]+-\*")
#: What a name has that is a regular expression; some of it may stand in a token, and does in no name.
_REGEX_HABITS = re.compile(r"[\^$|\\()\[\]{}]|\.[*+]")
#: What separates the members of lists elsewhere, and stands in no member of a list of ours.
_FOREIGN_SEPARATORS = re.compile(r"[;|]")
#: Where no one spelling is right.
_AN_ORIGIN = "Write an origin as browsers send it, such as https://app.example.com, or remove it"
_CLOSE = 'Close the list with "]", or write the values alone, with commas between them'
_NO_COMMENT = "Inline comment? docker --env-file and kubectl keep it; write comments on lines of their own"

Element = str | re.Pattern[str]
M = TypeVar("M")
V = TypeVar("V")
N = TypeVar("N", bound=Element)


@dataclass(frozen=True)
class OriginValue:
    """The value of ORIGINS: entries, sorted and without repeats, or the application's own function."""

    patterns: tuple[OriginPattern, ...] = ()
    function: Callable[..., bool] | None = None

    @functools.cached_property
    def prepared(self) -> Origins:
        """The entries prepared: once, however many resources inherit them."""
        return Origins(self.patterns)


def unquote(text: str) -> str:
    """*text* trimmed, and without one matching outer pair of quotes."""
    text = text.strip(_SPACE)
    inner = text[1:-1].strip(_SPACE)
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":  # noqa: PLR2004 - a pair
        return text
    return text if text[0] in inner and not inner.startswith(("[", "{")) else inner


def is_blank(value: Any) -> bool:
    """Whether *value* is a string with nothing in it, which means that the setting is not set."""
    return isinstance(value, str) and unquote(value) == ""


def scalar(value: Any) -> str:
    """*value* as one word, trimmed and unquoted."""
    return unquote(as_text(value))


def advice(value: Any, usual: str) -> str:
    """What to write instead of *value*: *usual*, unless it is a comment beside it that is wrong."""
    return _NO_COMMENT if _COMMENT.search(as_text(value)) else usual


def _without_comments(text: str) -> tuple[str, list[Fault]]:
    """*text* without what looks like comments to a reader, and each of them as a fault."""
    found = _COMMENT.findall(text)
    faults = [Fault("inline-comment", "is no value.", comment, _NO_COMMENT) for comment in found]
    return (unquote(_COMMENT.sub("", text)), faults) if faults else (text, [])


def each(value: Any, parse: Callable[[Element], M], make: Callable[[list[M]], V]) -> V:
    """
    What *make* makes of every member of a list, parsed.

    Raises:
        FaultyValueError: With all faults of all members, and what is made of the others.
    """
    members, faults = _members(value)
    parsed: list[M] = []
    for member in members:
        try:
            _refuse_no_member(member)
            _refuse_separators(member, parse)
            parsed.append(parse(member))
        except FaultyValueError as error:
            faults += error.faults
    if faults:
        raise FaultyValueError(*faults, rest=make(parsed))
    return make(parsed)


def _members(value: Any) -> tuple[list[Element], list[Fault]]:
    """The members of a list, from a string or a Python list, tuple, set or single compiled pattern."""
    if isinstance(value, str):
        return _split(value)
    if isinstance(value, re.Pattern):
        return [value], []
    if isinstance(value, set | frozenset):
        value = sorted(value, key=as_text)
    if not isinstance(value, list | tuple):
        return [], [_not_a(value, "string or list of strings")]
    return _of_type(value, str | re.Pattern, "string or compiled pattern")


def pattern_in(value: Any) -> re.Pattern[Any] | None:
    """The first compiled pattern that *value*, one or a list of them, holds; None where it holds none."""
    members = value if isinstance(value, list | tuple | set | frozenset) else (value,)
    return next((member for member in members if isinstance(member, re.Pattern)), None)


def _split(text: str) -> tuple[list[Element], list[Fault]]:
    """The members of a list as carriers deliver it: by comma, space or newline, or JSON, even unquoted."""
    text, faults = _without_comments(unquote(text))
    if text.lower() == "none":
        return [], faults
    if text.startswith("[") and not _IPV6.match(text):
        try:
            members, wrong = _of_type(json.loads(text), str, "string")
        except (ValueError, RecursionError):
            if not text.endswith("]"):
                fault = Fault("list-not-closed", 'opens with "[" and is not closed.', text, _CLOSE)
                return [], [*faults, fault]
            text = text[1:-1]
        else:
            return members, faults + wrong
    tokens: list[Element] = [token for token in map(unquote, _SEPARATORS.split(text)) if token]
    if not tokens and not faults:
        faults = [Fault("list-without-values", "has separators and no values.", text, "Write: none")]
    return tokens, faults


def _of_type(values: Iterable[Any], wanted: Any, form: str) -> tuple[list[Any], list[Fault]]:
    values = list(values)
    wrong = [_not_a(value, form) for value in values if not isinstance(value, wanted)]
    return [value for value in values if isinstance(value, wanted)], wrong


def _not_a(value: Any, form: str) -> Fault:
    return Fault("wrong-type", f"({type(value).__name__}) is no {form}.", as_text(value))


def _refuse_no_member(member: Element) -> None:
    """Refuse an empty member, as ``"".split(",")`` makes, and ``none`` among values."""
    word = member.strip(_SPACE).lower() if isinstance(member, str) else member
    if word == "":
        raise FaultyValueError(Fault("empty-value", "is an empty member of a list.", member, "Remove it"))
    if word == "none":
        message = "stands among values; it means that there are none."
        raise FaultyValueError(
            Fault("none-among-values", message, member, "Write: none alone, or values alone")
        )


def _refuse_separators(member: Element, parse: Callable[[Element], Any]) -> None:
    """Refuse a member that is several, by the separators of other formats: ``GET|POST``, ``a;b``."""
    text = member if isinstance(member, str) else ""
    found = _FOREIGN_SEPARATORS.split(text)
    parts = [part for part in map(unquote, found) if part]
    is_ended = len(parts) == 1 and len(found) > 1 and not _is_parsed(parse, text)
    if not (is_ended or len(parts) > 1) or not all(_is_parsed(parse, part) for part in parts):
        return
    message = "has another separator than commas, spaces and line ends."
    raise FaultyValueError(Fault("wrong-separator", message, member, f"Write: {','.join(parts)}"))


def _is_parsed(parse: Callable[[Element], Any], part: str) -> bool:
    try:
        parse(part)
    except FaultyValueError:
        return False
    return True


def plain(member: Element) -> str:
    """*member*, which has to be a string."""
    if isinstance(member, re.Pattern):
        message = "is a compiled pattern, which this setting does not take."
        raise FaultyValueError(Fault("pattern-not-here", message, member.pattern))
    return member


def _grammar(parse: Callable[[str], V], text: str) -> V:
    """What *parse* makes of *text*; its refusal as a fault."""
    try:
        return parse(text)
    except (OriginError, PathError) as error:
        usual = _AN_ORIGIN if isinstance(error, OriginError) else None
        remedy = usual if error.remedy is None else f"Write: {error.remedy}"
        raise FaultyValueError(Fault(error.code, error.message, text, remedy)) from None


def origins(value: Any) -> OriginValue:
    """ORIGINS: entries in the grammar of origins, compiled patterns, or one function."""
    if callable(value):
        return OriginValue(function=value)
    return each(value, _origin, _origin_value)


def _origin_value(patterns: list[OriginPattern]) -> OriginValue:
    return OriginValue(tuple(sorted(set(patterns), key=_text_of)))


def _text_of(pattern: OriginPattern | PathPattern) -> str:
    return pattern.text


def _origin(member: Element) -> OriginPattern:
    if isinstance(member, re.Pattern):
        return OriginPattern.from_regex(_text_pattern(member))
    return _grammar(parse_origin, member)


def _text_pattern(pattern: re.Pattern[Any]) -> re.Pattern[str]:
    if not isinstance(pattern.pattern, str):
        raise FaultyValueError(Fault("wrong-type", "is a pattern for bytes.", pattern.pattern))
    return pattern


def paths(value: Any) -> tuple[PathPattern, ...]:
    """PATH: one or more path patterns, sorted and without repeats."""
    made: tuple[PathPattern, ...] = each(value, path, lambda found: tuple(sorted(set(found), key=_text_of)))
    if not made:
        raise FaultyValueError(Fault("no-path", "names no path; a resource governs at least one."), rest=())
    return made


def path(member: Any) -> PathPattern:
    """One path pattern, as a key of ``resources`` is: taken whole."""
    if isinstance(member, re.Pattern):
        message = "is a compiled pattern; a path is a glob."
        raise FaultyValueError(Fault("path-is-regex", message, member.pattern, _glob_remedy(member)))
    if not isinstance(member, str):
        raise FaultyValueError(_not_a(member, "path"))
    return _grammar(parse_path, member)


def _glob_remedy(compiled: re.Pattern[Any]) -> str | None:
    """What to write for a compiled path, where it is a glob in disguise."""
    try:
        return f"Write: {path(compiled.pattern).text}"
    except FaultyValueError as error:
        return error.faults[0].remedy


def methods(value: Any) -> frozenset[str]:
    """METHODS: tokens or ``*``; the six that browsers upper-case are upper-cased, no others are."""
    made: frozenset[str] = each(value, _method, frozenset)
    if AUTO in made and len(made) > 1:
        fault = Fault("auto-among-methods", "means those that are routed; it stands alone.", AUTO)
        raise FaultyValueError(fault, rest=made)
    return made


def _method(member: Element) -> str:
    text = plain(member)
    if text.lower() == AUTO:
        return AUTO
    _refuse_variable(text)
    if not protocol.is_token(text):
        raise FaultyValueError(Fault("method-not-token", "is no method.", text))
    if text.upper() in protocol.FORBIDDEN_METHODS:
        raise FaultyValueError(
            Fault("method-forbidden", "is a method that no page can use.", text, "Remove it")
        )
    return protocol.normalize_method(text)


def allow_headers(value: Any) -> tuple[Element, ...]:
    """ALLOW_HEADERS: field names, ``x-team-*`` prefixes, ``*``, or compiled patterns."""
    return each(value, _request_header, _once_each)


def _request_header(member: Element) -> Element:
    if isinstance(member, re.Pattern):
        return _text_pattern(member)
    if member == "*":
        return member
    _refuse_variable(member)
    if _REGEX_HABITS.search(member):
        raise FaultyValueError(_regex_name(member, _names_for(member)))
    if _PREFIX.fullmatch(member) is None:
        _refuse_no_name(member)
    return member


def _regex_name(member: str, remedy: str | None) -> Fault:
    return Fault("header-is-regex", "looks like a regular expression; a string never is one.", member, remedy)


def _names_for(regex: str) -> str | None:
    """Return what to write for the names that the string *regex* was to match."""
    from flask_cors_env.core.globs import advised, read_names  # noqa: PLC0415 - for errors only

    remedy = advised(read_names, regex) or compile_call(regex)
    return None if remedy is None else f"Write: {remedy}"


def instead_of(pattern: re.Pattern[Any], setting: str) -> str:
    """Return what to write for a compiled *pattern* of ORIGINS or ALLOW_HEADERS, where none may stand."""
    from flask_cors_env.core import globs  # noqa: PLC0415 - for errors only

    read = globs.read_origins if setting == "ORIGINS" else globs.read_names
    entries = (
        globs.advised(read, pattern.pattern, pattern.flags) if isinstance(pattern.pattern, str) else None
    )
    return "List the values" if entries is None else f"Write: {entries}"


def _refuse_variable(text: str) -> None:
    if VARIABLE.search(text):
        message = "names a variable that nothing has replaced by its value."
        raise FaultyValueError(Fault("value-has-variable", message, text))


def _refuse_no_name(member: str) -> None:
    """Refuse what has not the form of a field name; what a name is for is not looked at."""
    if not protocol.is_token(member) or "*" in member:
        raise FaultyValueError(Fault("header-not-token", "is no field name.", member))


def expose_headers(value: Any) -> tuple[str, ...]:
    """EXPOSE_HEADERS: field names, or ``*``; sorted, without repeats."""
    return each(value, _response_header, _once_each)


def _once_each(names: list[N]) -> tuple[N, ...]:
    """*names* sorted, and of those that differ in case only the first: fields' names have no case."""
    by_key: dict[str, N] = {}
    for name in sorted(names, key=as_text):
        key = name.lower() if isinstance(name, str) else f"({name.flags}){name.pattern}"
        by_key.setdefault(key, name)
    return tuple(by_key[key] for key in sorted(by_key))


def _response_header(member: Element) -> str:
    text = plain(member)
    if text == "*":
        return text
    _refuse_variable(text)
    if _REGEX_HABITS.search(text):
        raise FaultyValueError(_regex_name(text, "Name each header"))
    _refuse_no_name(text)
    return text


def boolean(value: Any) -> bool:
    """true, false, 1, 0, yes, no, on or off, in any case; anything else is a fault."""
    text = scalar(value).lower()
    if text not in _TRUE | _FALSE:
        remedy = advice(value, "Write: true, or false")
        raise FaultyValueError(Fault("not-a-boolean", "is neither true nor false.", value, remedy))
    return text in _TRUE


def seconds(value: Any) -> int:
    """A duration in whole seconds: a number, ``10m``, ``2h``, or a timedelta; ``-1`` counts as 0."""
    number = _read_seconds(value)
    if number == -1:
        return 0
    if not 0 <= number <= MAX_AGE_LIMIT:
        message = f"is not within 0 to {MAX_AGE_LIMIT} seconds; no browser caches longer."
        remedy = f"Write: {0 if number < 0 else MAX_AGE_LIMIT}"
        raise FaultyValueError(Fault("duration-out-of-range", message, value, remedy))
    return number


def _read_seconds(value: Any) -> int:
    if isinstance(value, dt.timedelta):
        return int(value.total_seconds())
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _DURATION.fullmatch(scalar(value))
    if match is None:
        remedy = advice(value, "Write: 600, 10m, or 2h")
        raise FaultyValueError(Fault("not-a-duration", "is no number of seconds.", value, remedy))
    return int(match[1]) * _UNITS[match[2]]


def period(value: Any) -> int:
    """A whole number of seconds from 1 to a day, or ``off``, which is 0."""
    if scalar(value).lower() == "off":
        return 0
    number = _read_seconds(value)
    if not 1 <= number <= MAX_AGE_LIMIT:
        message = f"is no period of 1 to {MAX_AGE_LIMIT} seconds."
        raise FaultyValueError(Fault("duration-out-of-range", message, value, "Write: off, or 30s"))
    return number


def one_of(*choices: str) -> Callable[[Any], str]:
    """A parser for one word out of *choices*, in any case."""

    def word(value: Any) -> str:
        text = scalar(value).lower()
        if text not in choices:
            remedy = advice(value, f"Write: {', '.join(choices)}")
            raise FaultyValueError(Fault("unknown-word", "is none of the words known here.", value, remedy))
        return text

    return word


def listed(words: Sequence[str]) -> str:
    """Return *words* as a sentence lists them: ```a`, `b` or `c```."""
    *others, last = (f"`{word}`" for word in words)
    return f"{', '.join(others)} or {last}"


def words(value: Any) -> tuple[str, ...]:
    """A list of plain words, sorted and without repeats."""
    return each(value, plain, lambda found: tuple(sorted(set(found))))


def text(value: Any) -> str:
    """One plain string, trimmed and unquoted."""
    if not isinstance(value, str):
        raise FaultyValueError(_not_a(value, "string"))
    found, faults = _without_comments(unquote(value))
    if faults:
        raise FaultyValueError(*faults)
    return found


def sink(value: Any) -> str:
    """AUDIT_SINK: one of four words in any case, or ``file:PATH``."""
    name = text(value)
    kind, _, path = name.partition(":")
    if kind.lower() == "file" and path:
        return f"file:{path}"
    if name.lower() in SINKS:
        return name.lower()
    raise FaultyValueError(
        Fault("audit-sink", "is no sink.", name, f"Write: {', '.join(SINKS)}, or file:PATH")
    )
