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
from typing import Any

from flask_cors_env.config.errors import Fault, FaultyValueError
from flask_cors_env.config.values import AUTO, Element, each, plain
from flask_cors_env.core.environments import ENVIRONMENTS
from flask_cors_env.core.origin import OriginKind, OriginPattern
from flask_cors_env.core.policy import Resource

_WEB = frozenset({"http", "https"})
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
        broken_by: For each setting that it judges, the parts of a resource that break it; empty where it
            judges names, not values.
    """

    id: str
    levels: Levels
    with_credentials: Levels
    message: str = ""
    remedy: str = ""
    broken_by: Mapping[str, _Find] = field(default_factory=dict)

    def level(self, environment: str, *, credentials: bool = False) -> Level:
        """How bad breaking it is in *environment*."""
        return (self.with_credentials if credentials else self.levels)[environment]


def _levels(words: str) -> Levels:
    """A level for each environment, in their order."""
    return dict(zip(ENVIRONMENTS, map(Level, words.split()), strict=True))


def _rule(
    rule_id: str, levels: str, with_credentials: str = "", *, message: str = "", remedy: str = "", **by: _Find
) -> Rule:
    """The rule that the values of the settings *by* name break where their functions find something."""
    return Rule(rule_id, _levels(levels), _levels(with_credentials or levels), message, remedy, by)


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


def _is_regex(pattern: OriginPattern) -> bool:
    return pattern.kind is OriginKind.REGEX


def _header_regexes(resource: Resource) -> list[str]:
    return [regex.pattern for regex in resource.allow_headers.regexes]


def _all_headers(resource: Resource) -> Iterator[str]:
    if resource.allow_headers.any:
        yield "*"


def _lower_case_methods(resource: Resource) -> list[str]:
    return [method for method in sorted(resource.methods - {AUTO}) if method != method.upper()]


def _is_on_public_suffix(pattern: OriginPattern) -> bool:
    """Whether anyone can register a name right below the host; unknown top-level domains are private."""
    if pattern.kind is not OriginKind.SUBDOMAINS:
        return False
    return "." not in pattern.host or bool(_public_suffixes().is_public(pattern.host))


@functools.cache
def _public_suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - slow to load, and seldom needed

    return PublicSuffixList(accept_unknown=False)


RULES: tuple[Rule, ...] = (
    _rule(
        "wildcard",
        "ok error error error",
        message="is for development only.",
        remedy="Name the origins, or make one resource public: CORS_RESOURCES__<NAME>__PUBLIC=true",
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
        message="is the reader's own machine; any program there can speak as it.",
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
        remedy="Name the registered domain: https://*.<yours>.<suffix>",
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
        "method-case",
        "warn warn warn warn",
        message="is sent by browsers as a page writes it; only six methods are upper-cased.",
        remedy="Write it in capitals, if pages do",
        METHODS=_lower_case_methods,
    ),
    _rule("unknown", "warn error error error"),
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
