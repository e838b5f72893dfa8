"""
Values: from what a carrier delivers, or a program passes, to what a policy is made of.

A string is split, unquoted and trimmed, since carriers add quotes and spaces. The elements of a Python list
or a JSON array are one value each and are taken as they are. Nothing is guessed from a value's characters.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from flask_cors_env.config.errors import Fault, FaultyValueError, shown
from flask_cors_env.core import protocol
from flask_cors_env.core.origin import OriginError, OriginPattern, parse_origin
from flask_cors_env.core.path import PathError, PathPattern, parse_path

MAX_AGE_LIMIT = 86400
#: The word of METHODS that stands for the methods that the URL map routes.
AUTO = "auto"

_SINKS = ("auto", "app", "stderr", "stdout")
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PREFIX = re.compile(r"[!#$%&'+\-.^_`|~0-9A-Za-z]+-\*")
_HINT_COMMENT = "Inline comment? docker --env-file and kubectl keep it; write comments on lines of their own"

Element = str | re.Pattern[str]


class OriginValue(NamedTuple):
    """The value of ORIGINS: entries, or the application's own function."""

    patterns: tuple[OriginPattern, ...] = ()
    function: Callable[..., bool] | None = None


def unquote(text: str) -> str:
    """*text* trimmed, and without one matching outer pair of quotes, unless they are those of two members."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        inner = text[1:-1].strip()
        if text[0] not in inner or inner.startswith("["):
            return inner
    return text


def is_blank(value: Any) -> bool:
    """Whether *value* is a string with nothing in it, which means that the setting is not set."""
    return isinstance(value, str) and unquote(value) == ""


def split(text: str) -> list[str]:
    """The members of a list as carriers deliver it: by comma, space or newline, or JSON, even unquoted."""
    text = unquote(text)
    if text.lower() == "none":
        return []
    if text.startswith("["):
        try:
            return _strings(json.loads(text))
        except (ValueError, RecursionError):
            text = text.strip("[]")
    tokens = [unquote(token) for token in re.split(r"[,\s]+", text) if token]
    if any(token.startswith("#") for token in tokens):
        raise FaultyValueError(Fault("inline-comment", "is no value.", "#", _HINT_COMMENT))
    return [token for token in tokens if token]


def _strings(array: Any) -> list[str]:
    """The elements of a JSON array, which have to be strings."""
    wrong = [element for element in array if not isinstance(element, str)]
    if wrong:
        raise FaultyValueError(*(_not_a(element, "string") for element in wrong))
    return list(array)


def _not_a(value: Any, form: str) -> Fault:
    return Fault("wrong-type", f"is no {form}.", f"{shown(value)} ({type(value).__name__})")


def elements(value: Any) -> list[Element]:
    """The members of a list, from a string or from a Python list, tuple, set or single compiled pattern."""
    if isinstance(value, str):
        return list(split(value))
    if isinstance(value, re.Pattern):
        return [value]
    if not isinstance(value, list | tuple | set | frozenset):
        raise FaultyValueError(_not_a(value, "string or list of strings"))
    wrong = [element for element in value if not isinstance(element, str | re.Pattern)]
    if wrong:
        raise FaultyValueError(*(_not_a(element, "string or compiled pattern") for element in wrong))
    return list(value)


def _each(
    members: Iterable[Element], parse: Callable[[Element], Any], make: Callable[[list[Any]], Any]
) -> Any:
    """What *make* makes of every member parsed; all faults together, with what is made of the rest."""
    parsed: list[Any] = []
    faults: list[Fault] = []
    for member in members:
        try:
            parsed.append(parse(member))
        except FaultyValueError as error:
            faults += error.faults
    if faults:
        raise FaultyValueError(*faults, rest=make(parsed))
    return make(parsed)


def _grammar(parse: Callable[[str], Any], text: str) -> Any:
    """What *parse* makes of *text*; its refusal as a fault."""
    if text.strip().lower() == "none":
        raise FaultyValueError(
            Fault(
                "none-among-values",
                "means no value at all; it stands alone, in a string.",
                text,
                "Or write []",
            )
        )
    try:
        return parse(text)
    except (OriginError, PathError) as error:
        remedy = None if error.remedy is None else f"Write: {error.remedy}"
        raise FaultyValueError(Fault(error.code, error.message, shown(text), remedy)) from None


def origins(value: Any) -> OriginValue:
    """ORIGINS: entries in the grammar of origins, compiled patterns, or one function."""
    if callable(value) and not isinstance(value, str | re.Pattern):
        return OriginValue(function=value)
    made: OriginValue = _each(elements(value), _origin, lambda patterns: OriginValue(tuple(patterns)))
    return made


def _origin(member: Element) -> OriginPattern:
    if isinstance(member, re.Pattern):
        return OriginPattern.from_regex(_text_pattern(member))
    pattern: OriginPattern = _grammar(parse_origin, member)
    return pattern


def _text_pattern(pattern: re.Pattern[Any]) -> re.Pattern[str]:
    if not isinstance(pattern.pattern, str):
        raise FaultyValueError(Fault("wrong-type", "is a pattern for bytes.", shown(pattern.pattern)))
    return pattern


def paths(value: Any) -> tuple[PathPattern, ...]:
    """PATH: one or more path patterns."""
    made: tuple[PathPattern, ...] = _each(elements(value), path, tuple)
    return made


def path(member: Element) -> PathPattern:
    """One path pattern, as a key of ``resources`` is: taken whole."""
    if isinstance(member, re.Pattern):
        raise FaultyValueError(
            Fault("path-is-regex", "is a compiled pattern; a path is a glob.", shown(member.pattern))
        )
    pattern: PathPattern = _grammar(parse_path, member)
    return pattern


def methods(value: Any) -> frozenset[str]:
    """METHODS: tokens or ``*``; the six that browsers upper-case are upper-cased, no others are."""
    made: frozenset[str] = _each(elements(value), _method, frozenset)
    if AUTO in made and len(made) > 1:
        fault = Fault("auto-among-methods", "means what is routed; it stands alone.", AUTO)
        raise FaultyValueError(fault, rest=made)
    return made


def _method(member: Element) -> str:
    text = _plain(member)
    if not protocol.is_token(text):
        raise FaultyValueError(Fault("method-not-token", "is no method.", shown(text)))
    if text.upper() in protocol.FORBIDDEN_METHODS:
        raise FaultyValueError(
            Fault("method-forbidden", "is a method that no page can use.", shown(text), "Remove it")
        )
    return protocol.normalize_method(text)


def _plain(member: Element) -> str:
    if isinstance(member, re.Pattern):
        raise FaultyValueError(
            Fault(
                "pattern-not-here",
                "is a compiled pattern, which this setting does not take.",
                shown(member.pattern),
            )
        )
    return member


def allow_headers(value: Any) -> tuple[Element, ...]:
    """ALLOW_HEADERS: field names, ``x-team-*`` prefixes, ``*``, or compiled patterns."""
    made: tuple[Element, ...] = _each(elements(value), _request_header, tuple)
    return made


def _request_header(member: Element) -> Element:
    if isinstance(member, re.Pattern):
        return _text_pattern(member)
    name = member.lower()
    if member == "*" or _PREFIX.fullmatch(member):
        return member
    for fault in _name_faults(member, name):
        raise FaultyValueError(fault)
    if protocol.is_forbidden_request_header(name):
        raise FaultyValueError(
            Fault("header-forbidden", "is a request header that no page can set.", member, "Remove it")
        )
    if name in protocol.RESPONSE_ONLY:
        raise FaultyValueError(
            Fault("header-wrong-list", "is a response header.", member, "Move it to EXPOSE_HEADERS")
        )
    return member


def _name_faults(member: str, name: str) -> Iterator[Fault]:
    if not protocol.is_token(member) or "*" in member:
        yield Fault("header-not-token", "is no field name.", shown(member))
    elif name in protocol.RESPONSE_FIELDS or name.startswith("access-control-request-"):
        yield Fault("header-of-protocol", "belongs to the CORS protocol itself.", member, "Remove it")


def expose_headers(value: Any) -> tuple[str, ...]:
    """EXPOSE_HEADERS: field names, or ``*``; sorted, without repeats."""
    made: tuple[str, ...] = _each(elements(value), _response_header, _sorted_names)
    return made


def _sorted_names(names: list[str]) -> tuple[str, ...]:
    by_key = {name.lower(): name for name in names}
    return tuple(by_key[key] for key in sorted(by_key))


def _response_header(member: Element) -> str:
    text = _plain(member)
    name = text.lower()
    if text == "*":
        return text
    for fault in _name_faults(text, name):
        raise FaultyValueError(fault)
    if name in protocol.FORBIDDEN_RESPONSE_HEADERS:
        raise FaultyValueError(Fault("header-forbidden", "can be read by no page.", text, "Remove it"))
    if name in protocol.REQUEST_ONLY:
        raise FaultyValueError(
            Fault("header-wrong-list", "is a request header.", text, "Move it to ALLOW_HEADERS")
        )
    return text


def boolean(value: Any) -> bool:
    """true, false, 1, 0, yes, no, on or off, in any case; anything else is a fault."""
    text = unquote(value).lower() if isinstance(value, str) else str(value).lower()
    if isinstance(value, bool | int | str) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise FaultyValueError(
        Fault("not-a-boolean", "is neither true nor false.", shown(value), "Write: true, or false")
    )


def seconds(value: Any) -> int:
    """A duration in whole seconds: a number, ``10m``, ``2h``, or a timedelta; ``-1`` counts as 0."""
    number = _read_seconds(value)
    if not 0 <= number <= MAX_AGE_LIMIT:
        raise FaultyValueError(
            Fault(
                "duration-out-of-range",
                f"is not within 0 to {MAX_AGE_LIMIT} seconds; no browser caches longer.",
                shown(value),
                f"Write: {0 if number < 0 else MAX_AGE_LIMIT}",
            )
        )
    return number


def _read_seconds(value: Any) -> int:
    if isinstance(value, dt.timedelta):
        return int(value.total_seconds())
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 if value == -1 else value
    text = unquote(value) if isinstance(value, str) else ""
    if text == "-1":
        return 0
    match = _DURATION.fullmatch(text)
    if match is None:
        raise FaultyValueError(
            Fault("not-a-duration", "is no number of seconds.", shown(value), "Write: 600, 10m, or 2h")
        )
    return int(match[1]) * _UNITS[match[2]]


def period(value: Any) -> int:
    """A whole number of seconds from 1 to a day, or ``off``, which is 0."""
    if isinstance(value, str) and unquote(value).lower() == "off":
        return 0
    number = seconds(value)
    if number < 1:
        raise FaultyValueError(
            Fault("duration-out-of-range", "is no period.", shown(value), "Write: off, or 30s")
        )
    return number


def one_of(*choices: str) -> Callable[[Any], str]:
    """A parser for one word out of *choices*, in any case."""

    def word(value: Any) -> str:
        text = unquote(str(value)).lower()
        if text not in choices:
            raise FaultyValueError(
                Fault(
                    "unknown-word",
                    "is none of the words known here.",
                    shown(value),
                    f"Write: {', '.join(choices)}",
                )
            )
        return text

    return word


def words(value: Any) -> tuple[str, ...]:
    """A list of plain words."""
    return tuple(_plain(member) for member in elements(value))


def text(value: Any) -> str:
    """One plain string, trimmed and unquoted."""
    if not isinstance(value, str):
        raise FaultyValueError(_not_a(value, "string"))
    return unquote(value)


def sink(value: Any) -> str:
    """AUDIT_SINK: one of four words in any case, or ``file:PATH``."""
    name = text(value)
    kind, _, path = name.partition(":")
    if kind.lower() == "file" and path:
        return f"file:{path}"
    if name.lower() in _SINKS:
        return name.lower()
    remedy = f"Write: {', '.join(_SINKS)}, or file:PATH"
    raise FaultyValueError(Fault("audit-sink", "is no sink.", shown(name), remedy))
