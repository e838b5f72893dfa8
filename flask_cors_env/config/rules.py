"""
The rules of the environments: what is fine on a developer's machine and refused in production.

Declared as data: an id, a level for each environment, and what breaks the rule. CORS_UNSAFE_ALLOW turns a
rule's errors into warnings; what no environment permits is no rule and has no such switch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from flask_cors_env.config.errors import Fault, FaultyValueError
from flask_cors_env.config.values import AUTO, Element, each, plain
from flask_cors_env.core import protocol
from flask_cors_env.core.environments import ENVIRONMENTS
from flask_cors_env.core.host import to_ascii
from flask_cors_env.core.origin import FILE, OriginKind, OriginPattern
from flask_cors_env.core.policy import Resource

_WEB = frozenset({"http", "https"})
#: Below these, clouds name any customer's machines, and the public suffix list has them no more.
_CLOUDS = ("*.cloudapp.azure.com", "bc.googleusercontent.com")
_Find = Callable[[Resource], Iterable[str]]


class Level(StrEnum):
    """How bad it is where a rule is broken."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


Levels = Mapping[str, Level]


@dataclass(frozen=True)
class Rule:
    """
    One rule.

    Attributes:
        id: What CORS_UNSAFE_ALLOW takes, and the code of its problems.
        levels: For each environment.
        with_credentials: The same where the resource has credentials.
        message: What is wrong, as the rest of a sentence that begins with the value.
        remedy: What to do.
        in_code: What to do where an argument breaks it, if that is another thing.
        broken_by: For each setting that it judges, the parts of a resource that break it; empty where it
            judges names, not values.
    """

    id: str
    levels: Levels
    with_credentials: Levels
    message: str = ""
    remedy: str = ""
    in_code: str = ""
    broken_by: Mapping[str, _Find] = field(default_factory=dict)

    def level(self, environment: str, *, credentials: bool = False) -> Level:
        """How bad breaking it is in *environment*."""
        return (self.with_credentials if credentials else self.levels)[environment]


def _levels(words: str) -> Levels:
    """A level for each environment, in their order."""
    return dict(zip(ENVIRONMENTS, map(Level, words.split()), strict=True))


def _rule(  # noqa: PLR0913 - one argument per attribute
    rule_id: str,
    levels: str,
    with_credentials: str = "",
    *,
    message: str = "",
    remedy: str = "",
    in_code: str = "",
    **by: _Find,
) -> Rule:
    """The rule that the values of the settings *by* name break where their functions find something."""
    return Rule(rule_id, _levels(levels), _levels(with_credentials or levels), message, remedy, in_code, by)


def _any(resource: Resource) -> Iterator[str]:
    if resource.origins.any:
        yield "*"


def _null(resource: Resource) -> Iterator[str]:
    if resource.origins.null:
        yield "null"


def _where(test: Callable[[OriginPattern], bool]) -> _Find:
    return lambda resource: [pattern.text for pattern in resource.origins if test(pattern)]


def _is_plain_http(pattern: OriginPattern) -> bool:
    return pattern.scheme == "http" and not pattern.is_loopback


def _is_loopback(pattern: OriginPattern) -> bool:
    return pattern.scheme in _WEB and pattern.is_loopback


def _is_of_files(pattern: OriginPattern) -> bool:
    return pattern.scheme == FILE


def _is_any_host(pattern: OriginPattern) -> bool:
    return pattern.kind is OriginKind.ANY_HOST


def _is_regex(pattern: OriginPattern) -> bool:
    return pattern.kind is OriginKind.REGEX


def _header_regexes(resource: Resource) -> list[str]:
    return [regex.pattern for regex in resource.allow_headers.regexes]


def _all_headers(resource: Resource) -> Iterator[str]:
    if resource.allow_headers.any:
        yield "*"


def _star_without_authorization(resource: Resource) -> Iterator[str]:
    if resource.allow_headers.any and resource.allow_headers.refused([protocol.NON_WILDCARD_REQUEST_HEADER]):
        yield "*"


def _unsettable_headers(resource: Resource) -> list[str]:
    prefixes = (f"{prefix}*" for prefix in resource.allow_headers.prefixes)
    names = (*resource.allow_headers.names, *prefixes)
    return [name for name in names if protocol.is_forbidden_request_header(name.lower())]


def _unreadable_headers(resource: Resource) -> list[str]:
    return [name for name in resource.expose_headers if name.lower() in protocol.FORBIDDEN_RESPONSE_HEADERS]


def _lower_case_methods(resource: Resource) -> list[str]:
    return [method for method in sorted(resource.methods - {AUTO}) if method != method.upper()]


def _is_on_public_suffix(pattern: OriginPattern) -> bool:
    """
    Tell whether anyone can register a name below the host: it is a public suffix, or stands above one.

    An unknown suffix of several labels is private. A single label counts as public, but for ``localhost``.
    """
    if not pattern.is_below_host or pattern.is_loopback:
        return False
    host = pattern.host
    return "." not in host or host in _above_public_suffixes() or bool(_public_suffixes().is_public(host))


@functools.cache
def _public_suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - slow to load, and seldom needed

    return PublicSuffixList(_suffix_rules(), accept_unknown=False)


@functools.cache
def _suffix_rules() -> tuple[str, ...]:
    """Read the rules of the list, as https://github.com/publicsuffix/list/wiki/Format has them, and ours."""
    from publicsuffixlist import PSLFILE  # noqa: PLC0415 - as above

    lines = Path(PSLFILE).read_text(encoding="utf-8").splitlines()
    return (*(line.split()[0] for line in lines if line.strip() and not line.startswith("//")), *_CLOUDS)


@functools.cache
def _above_public_suffixes() -> frozenset[str]:
    """Find every host that stands above a public suffix: ``amazonaws.com`` above ``s3.amazonaws.com``."""
    suffixes = (rule for rule in _suffix_rules() if not rule.startswith("!"))
    above = (suffix.split(".")[start:] for suffix in suffixes for start in range(1, suffix.count(".") + 1))
    return frozenset(to_ascii(".".join(labels)) for labels in above)


RULES: tuple[Rule, ...] = (
    _rule(
        "wildcard",
        "ok error error error",
        message="is for development only.",
        remedy="Name the origins, or make one resource public: CORS_RESOURCES__<NAME>__PUBLIC=true",
        in_code='Name the origins, or make one resource public: resources={"/feed/*": {"public": True}}',
        ORIGINS=_any,
    ),
    _rule(
        "http",
        "warn ok warn error",
        "warn ok error error",
        message="is not encrypted, so anyone on the way can speak as it.",
        remedy="Serve it over https",
        ORIGINS=_where(_is_plain_http),
    ),
    _rule(
        "loopback",
        "ok ok warn error",
        message="is the user's own computer; any program running there can use this origin.",
        remedy="List the page's real origin, https://...; loopback is for development: CORS_ENV=development",
        ORIGINS=_where(_is_loopback),
    ),
    _rule(
        "null",
        "warn error error error",
        message="is the origin of every sandboxed page, so any site can have it.",
        remedy="Serve the page from an origin of its own, and list that",
        ORIGINS=_null,
    ),
    _rule(
        "file",
        "warn error error error",
        "error error error error",
        message="is the origin of every file that Electron, Cordova or a WebView opens.",
        remedy="Serve the page from an origin of its own, such as app://., and list that",
        ORIGINS=_where(_is_of_files),
    ),
    _rule(
        "any-host",
        "warn error error error",
        "error error error error",
        message="covers every program that uses this scheme, those of other makers too.",
        remedy="Name the host, where it is the same in every installation",
        ORIGINS=_where(_is_any_host),
    ),
    _rule(
        "regex",
        "warn error error error",
        message="is a compiled pattern, which an auditor cannot read off the variables.",
        remedy="List the values, or write the pattern of this setting: https://*.example.com, x-team-*",
        ORIGINS=_where(_is_regex),
        ALLOW_HEADERS=_header_regexes,
    ),
    _rule(
        "public-suffix",
        "warn error error error",
        "error error error error",
        message="covers a suffix below which anyone can register a name.",
        remedy="Name the registered domain: https://*.<yours>.<suffix>. Where previews need the "
        "suffix, CORS_UNSAFE_ALLOW=public-suffix allows strangers' names too",
        ORIGINS=_where(_is_on_public_suffix),
    ),
    _rule(
        "headers",
        "ok warn warn warn",
        "ok warn error error",
        message="lets pages set any request header.",
        remedy="Name the headers that the app reads",
        ALLOW_HEADERS=_all_headers,
    ),
    _rule(
        "authorization-unlisted",
        "ok warn warn warn",
        message="does not cover the header Authorization.",
        remedy="Write: * Authorization, where pages send that header",
        ALLOW_HEADERS=_star_without_authorization,
    ),
    _rule(
        "header-useless",
        "warn warn warn warn",
        message="is a header that no page can set, or read.",
        remedy="Remove it",
        ALLOW_HEADERS=_unsettable_headers,
        EXPOSE_HEADERS=_unreadable_headers,
    ),
    _rule(
        "method-case",
        "warn warn warn warn",
        message="is sent by browsers as a page writes it; only six methods are upper-cased.",
        remedy="Write it in capitals, if pages do",
        METHODS=_lower_case_methods,
    ),
    _rule("unknown", "warn error error error"),
    _rule("without-effect", "warn warn warn warn"),
    _rule("shadowed", "info info warn warn"),
    _rule("unused-top-level", "warn warn warn warn"),
)

RULE = {rule.id: rule for rule in RULES}
#: The settings whose values rules judge.
JUDGED = tuple(dict.fromkeys(setting for rule in RULES for setting in rule.broken_by))


def broken(setting: str, resource: Resource) -> Iterator[tuple[Rule, Fault]]:
    """Every rule that *setting* of *resource* breaks in some environment, with what breaks it."""
    for rule in RULES:
        if setting in rule.broken_by:
            for value in rule.broken_by[setting](resource):
                yield rule, Fault(rule.id, rule.message, value, rule.remedy)


def parse_rule_ids(value: Any) -> frozenset[str]:
    """UNSAFE_ALLOW: ids of rules."""
    return each(value, _rule_id, frozenset)


def _rule_id(member: Element) -> str:
    name = plain(member)
    if name not in RULE:
        raise FaultyValueError(Fault("rule-unknown", "is no rule.", name, f"Write: {', '.join(RULE)}"))
    return name
