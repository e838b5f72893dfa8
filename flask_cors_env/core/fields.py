"""
The catalogue of a resource's fields: each is declared once, as an attribute of `ResourceFields`.

Parsing, the canonical policy, its changes, `replay`, `suggest`, `show`, the settings, their tables and the
docstrings that list fields iterate over `FIELDS`. A new field is one declaration here, and the line that
obeys it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from flask_cors_env.core.environments import ENVIRONMENTS
from flask_cors_env.core.header_names import HeaderNames
from flask_cors_env.core.origin import OriginError, OriginPattern, Origins, parse_origin
from flask_cors_env.core.path import PathPattern, parse_path
from flask_cors_env.core.protocol import normalize_method
from flask_cors_env.core.request import Request

OriginFunction = Callable[..., bool]

#: The name of the one resource of a policy that has no others.
DEFAULT = "default"
#: No browser caches a preflight for longer, in seconds.
MAX_AGE_LIMIT = 86400
_REGEX = re.compile(r"regex:(?:\(\?([aimsx]+)\))?(.*)", re.DOTALL)
_FLAGS = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


class Grants(StrEnum):
    """Which value of a field allows more than another."""

    NOTHING = "nothing"
    ENTRIES = "each entry"
    TRUE = "true"
    FALSE = "false"


class FieldType(NamedTuple):
    """
    A type of values, as the core takes them, writes them and reads them again.

    Attributes:
        name: One word.
        empty: The value that stands for "nothing said".
        parse: From a program's spelling; raises ValueError, or TypeError for one string in place of a list.
        write: To a list, a boolean or a number, as JSON and TOML have them.
        read: From what `write` made; raises ValueError, TypeError or LookupError.
    """

    name: str
    empty: Any
    parse: Callable[[Any], Any]
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _several(values: Iterable[Any]) -> Iterable[Any]:
    """Return *values*, which must not be one string: its characters are not what is meant."""
    if isinstance(values, str):
        raise TypeError(f"{values!r} stands where a list is meant")
    return values


def _origin_pattern(entry: str | re.Pattern[str]) -> OriginPattern:
    return parse_origin(entry) if isinstance(entry, str) else OriginPattern.from_regex(entry)


def _read_origin(text: str) -> OriginPattern:
    """Read an entry as a canonical policy has it: in the grammar of origins, or ``regex:PATTERN``."""
    try:
        return parse_origin(text)
    except OriginError:
        regex = _read_regex(text)
        if regex is None:
            raise
        return OriginPattern.from_regex(regex)


def _read_regex(text: str) -> re.Pattern[str] | None:
    """Compile the pattern that *text* writes as ``regex:PATTERN``; None for any other text."""
    match = _REGEX.fullmatch(text)
    if match is None:
        return None
    flags = re.NOFLAG
    for letter in match[1] or "":
        flags |= _FLAGS[letter]
    return re.compile(match[2], flags)


def unknown(*, origin: str, request: Request) -> bool:
    """Stand in for an application's own function, whose answers are not in the log."""
    raise LookupError(f"whether {origin!r} is allowed to read {request.path!r} is the application's to say")


def _same(value: Any) -> Any:
    return value


def _parse_methods(values: Iterable[str]) -> frozenset[str]:
    return frozenset(map(normalize_method, _several(values)))


def _parse_names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(_several(values)), key=str.lower))


def _parse_paths(values: Iterable[str]) -> tuple[PathPattern, ...]:
    return tuple(map(parse_path, _several(values)))


def _parse_origins(values: Iterable[str | re.Pattern[str]]) -> Origins:
    return Origins(map(_origin_pattern, _several(values)))


def _parse_request_names(values: Iterable[str | re.Pattern[str]]) -> HeaderNames:
    return HeaderNames(_several(values))


def _read_request_names(texts: Iterable[str]) -> HeaderNames:
    return HeaderNames(_read_regex(text) or text for text in texts)


def _path_texts(paths: Iterable[PathPattern]) -> list[str]:
    return sorted({path.text for path in paths})


BOOLEAN = FieldType("boolean", False, _same, _same, _same)  # noqa: FBT003 - the empty value
SECONDS = FieldType("seconds", 0, _same, _same, _same)
PATHS = FieldType("paths", (), _parse_paths, _path_texts, _parse_paths)
ORIGINS = FieldType(
    "origins",
    Origins(),
    _parse_origins,
    lambda origins: list(origins.canonical),
    lambda texts: Origins(map(_read_origin, texts)),
)
FUNCTION = FieldType(
    "function",
    None,
    _same,
    lambda function: function is not None,
    lambda has_one: unknown if has_one else None,
)
METHODS = FieldType("methods", frozenset(), _parse_methods, sorted, frozenset)
REQUEST_NAMES = FieldType(
    "request names", HeaderNames(), _parse_request_names, lambda names: names.texts, _read_request_names
)
RESPONSE_NAMES = FieldType("response names", (), _parse_names, list, tuple)
SETTING_NAMES = FieldType("setting names", frozenset(), frozenset, sorted, frozenset)


def same(value: str) -> Mapping[str, str]:
    """Return *value* as the default of every environment."""
    return dict.fromkeys(ENVIRONMENTS, value)


def by_environment(development: str, testing: str, staging: str, production: str) -> Mapping[str, str]:
    """Return the default of each environment."""
    return dict(zip(ENVIRONMENTS, (development, testing, staging, production), strict=True))


class Spelling(NamedTuple):
    """
    How an operator spells a field.

    Attributes:
        form: The values, for the reference.
        example: A value that could stand in a real ``.env``.
        defaults: By environment, in the operator's form; empty where there is none.
        aliases: Other packages' names of the variable.
        option_alias: flask-cors's name of the argument; empty where it is the same, or where there is none.
        inherited: Whether a resource without the setting takes the app's.
    """

    form: str
    example: str
    defaults: Mapping[str, str] = {}
    aliases: tuple[str, ...] = ()
    option_alias: str = ""
    inherited: bool = True


class ResourceField(NamedTuple):
    """
    One field of a resource.

    Attributes:
        name: The attribute of a resource, and the name in the canonical policy.
        type: The type of its values.
        meaning: For an operator: effect, unit and range, consequence.
        setting: The setting that decides it, without prefix; empty where no setting alone does.
        grants: Which value allows more.
        decides: Whether it can turn an allow into a denial.
        empty: The value that the canonical policy leaves out.
        since: The version of the canonical policy that has it first.
        spelling: How an operator spells it; None where nobody does, or another field of the setting says.
    """

    name: str
    type: FieldType
    meaning: str
    setting: str
    grants: Grants
    decides: bool
    empty: Any
    since: int
    spelling: Spelling | None


def _declare(  # noqa: PLR0913 - one argument per fact
    of: FieldType,
    meaning: str,
    *,
    setting: str = "",
    grants: Grants = Grants.NOTHING,
    decides: bool = False,
    empty: Any = None,
    since: int = 0,
    spelling: Spelling | None = None,
) -> Any:
    """Declare a field; its default is *empty*, or else its type's empty value."""
    value = of.empty if empty is None else empty
    told = (of, meaning, setting, grants, decides, of.write(value), since, spelling)
    return dataclasses.field(default=value, metadata={"declared": told})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ResourceFields:
    """
    The fields that a resource's decisions depend on, in the order of the canonical policy.

    Attributes:
        paths: The paths it governs. `*` stands for part of one segment, a final `/*` for everything below.
        origins: The origins whose pages may read responses. `*` is everyone, and for development only.
        origin_function: Asked, with ``origin`` and ``request``, where no entry matches; or None.
        methods: The methods a page may use, beside GET, HEAD and POST, which need no listing. `auto`: those
            routed.
        allow_headers: The request headers a page may set. Outside development `*` does not cover
            Authorization, which is named beside it.
        expose_headers: The response headers a page may read beside the seven that are always readable.
        allow_credentials: Whether pages may send cookies and read the answer. Every origin is named then.
        max_age: How long a browser may keep a preflight's answer; 0 asks each time. Chromium stops at 2h.
        enforce: Whether a denied request is answered with 403 and its view does not run. Otherwise the
            browser alone withholds the response.
        enabled: Whether requests are decided at all. Where it is false responses are left as the app makes
            them.
        defaulted: The settings, without prefix, whose value is a default of development.
    """

    paths: tuple[PathPattern, ...] = _declare(
        PATHS,
        "The paths it governs. `*` stands for part of one segment, a final `/*` for everything below.",
        setting="PATH",
        grants=Grants.ENTRIES,
        decides=True,
        spelling=Spelling("paths; `/api/*`; `/users/<int:id>`", "/api/*", inherited=False),
    )
    origins: Origins = _declare(
        ORIGINS,
        "The origins whose pages may read responses. `*` is everyone, and for development only.",
        setting="ORIGINS",
        grants=Grants.ENTRIES,
        decides=True,
        spelling=Spelling(
            "origins; `https://*.example.com`; `https://pr-*.example.com`; `http://localhost:*`; `app://.`; "
            "`*`; `null`; `none`",
            "https://app.example.com,https://*.preview.example.com",
            by_environment("*", "none", "none", "none"),
            (
                "ALLOWED_ORIGINS",
                "ALLOWED_ORIGIN",
                "ALLOW_ORIGINS",
                "ALLOW_ORIGIN",
                "ORIGIN",
                "ORIGIN_WHITELIST",
            ),
        ),
    )
    origin_function: OriginFunction | None = _declare(
        FUNCTION,
        "Asked, with ``origin`` and ``request``, where no entry matches; or None.",
        setting="ORIGINS",
        grants=Grants.TRUE,
        decides=True,
    )
    methods: frozenset[str] = _declare(
        METHODS,
        "The methods a page may use, beside GET, HEAD and POST, which need no listing. `auto`: those routed.",
        setting="METHODS",
        grants=Grants.ENTRIES,
        decides=True,
        spelling=Spelling(
            "methods; `*`; `auto`",
            "GET,POST,PUT",
            same("GET HEAD POST PUT PATCH DELETE"),
            ("ALLOWED_METHODS", "ALLOW_METHODS"),
        ),
    )
    allow_headers: HeaderNames = _declare(
        REQUEST_NAMES,
        "The request headers a page may set. Outside development `*` does not cover Authorization, which is "
        "named beside it.",
        setting="ALLOW_HEADERS",
        grants=Grants.ENTRIES,
        decides=True,
        spelling=Spelling(
            "field names; `x-team-*`; `*`",
            "Content-Type,Authorization",
            by_environment("* Authorization", *["Content-Type Authorization"] * 3),
            ("ALLOWED_HEADERS",),
            "HEADERS",
        ),
    )
    expose_headers: tuple[str, ...] = _declare(
        RESPONSE_NAMES,
        "The response headers a page may read beside the seven that are always readable.",
        setting="EXPOSE_HEADERS",
        grants=Grants.ENTRIES,
        spelling=Spelling("field names; `*`", "X-Total-Count", same("none"), ("EXPOSED_HEADERS",)),
    )
    allow_credentials: bool = _declare(
        BOOLEAN,
        "Whether pages may send cookies and read the answer. Every origin is named then.",
        setting="ALLOW_CREDENTIALS",
        grants=Grants.TRUE,
        decides=True,
        spelling=Spelling(
            "true or false",
            "true",
            same("false"),
            ("SUPPORTS_CREDENTIALS", "CREDENTIALS"),
            "SUPPORTS_CREDENTIALS",
        ),
    )
    max_age: int = _declare(
        SECONDS,
        "How long a browser may keep a preflight's answer; 0 asks each time. Chromium stops at 2h.",
        setting="MAX_AGE",
        spelling=Spelling(
            f"0 to {MAX_AGE_LIMIT} seconds; `10m`; `2h`",
            "10m",
            by_environment("0", "0", "600", "7200"),
            ("PREFLIGHT_MAX_AGE",),
        ),
    )
    enforce: bool = _declare(
        BOOLEAN,
        "Whether a denied request is answered with 403 and its view does not run. Otherwise the browser "
        "alone withholds the response.",
        setting="ENFORCE",
        grants=Grants.FALSE,
        spelling=Spelling("true or false", "true", same("false")),
    )
    enabled: bool = _declare(
        BOOLEAN,
        "Whether requests are decided at all. Where it is false responses are left as the app makes them.",
        setting="ENABLED",
        decides=True,
        empty=True,
        spelling=Spelling("true or false", "false", same("true")),
    )
    defaulted: frozenset[str] = _declare(
        SETTING_NAMES, "The settings, without prefix, whose value is a default of development."
    )


FIELDS: tuple[ResourceField, ...] = tuple(
    ResourceField(declared.name, *declared.metadata["declared"])
    for declared in dataclasses.fields(ResourceFields)
)
#: The fields that an operator spells, by the name of their setting.
SPELLED: Mapping[str, ResourceField] = {
    field.setting: field for field in FIELDS if field.spelling is not None
}
