"""
The rules of the environments: what is fine on a developer's machine and refused in production.

Declared as data: an id, a level for each environment, and what breaks the rule. CORS_UNSAFE_ALLOW turns a
rule's errors into warnings; what no environment permits is no rule and has no such switch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flask_cors_env.config.errors import Fault
from flask_cors_env.config.settings import ENVIRONMENTS
from flask_cors_env.core.origin import OriginKind, OriginPattern
from flask_cors_env.core.policy import Resource

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_WEB = frozenset({"http", "https"})
_COMMON_METHODS = frozenset({"PATCH", "QUERY"})


class Level(StrEnum):
    """How bad it is where a rule is broken."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


Levels = Mapping[str, Level]


def _levels(text: str) -> Levels:
    return dict(zip(ENVIRONMENTS, map(Level, text.split()), strict=True))


@dataclass(frozen=True)
class Rule:
    """
    One rule.

    Attributes:
        id: What CORS_UNSAFE_ALLOW takes, and the code of its problems.
        levels: For each environment.
        with_credentials: The same where the resource has credentials.
        setting: The setting it judges; None where it judges names, not values.
        broken_by: The parts of a resource that break it.
        message: What is wrong, as the rest of a sentence that begins with the value.
        remedy: What to do.
    """

    id: str
    levels: Levels
    with_credentials: Levels
    setting: str | None = None
    broken_by: Callable[[Resource], Iterable[str]] = lambda _: ()
    message: str = ""
    remedy: str = ""

    def level(self, environment: str, *, credentials: bool = False) -> Level:
        """How bad breaking it is in *environment*."""
        return (self.with_credentials if credentials else self.levels)[environment]


def _rule(rule_id: str, levels: str, with_credentials: str | None = None, **rest: object) -> Rule:
    return Rule(rule_id, _levels(levels), _levels(with_credentials or levels), **rest)  # type: ignore[arg-type]  # passed through


def _any(resource: Resource) -> Iterator[str]:
    if resource.origins.any:
        yield "*"


def _null(resource: Resource) -> Iterator[str]:
    if resource.origins.null:
        yield "null"


def _where(test: Callable[[OriginPattern], bool]) -> Callable[[Resource], Iterable[str]]:
    return lambda resource: [pattern.text for pattern in resource.origins if test(pattern)]


def _is_plain_http(pattern: OriginPattern) -> bool:
    return pattern.scheme == "http" and not pattern.is_loopback


def _is_loopback(pattern: OriginPattern) -> bool:
    return pattern.scheme in _WEB and pattern.is_loopback


def _is_regex(pattern: OriginPattern) -> bool:
    return pattern.kind is OriginKind.REGEX


def _all_headers(resource: Resource) -> Iterator[str]:
    if resource.allow_headers.any:
        yield "*"


def _lower_case_methods(resource: Resource) -> Iterator[str]:
    yield from (m for m in sorted(resource.methods) if m != m.upper() and m.upper() in _COMMON_METHODS)


def _is_on_public_suffix(pattern: OriginPattern) -> bool:
    if pattern.kind is not OriginKind.SUBDOMAINS:
        return False
    return "." not in pattern.host or _is_public_suffix(pattern.host)


def _is_public_suffix(host: str) -> bool:
    """Whether anyone can register a name right below *host*; unknown top-level domains are private."""
    return bool(_public_suffixes().is_public(host))


@functools.cache
def _public_suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - slow to load, and seldom needed

    return PublicSuffixList(accept_unknown=False)


RULES: tuple[Rule, ...] = (
    _rule(
        "wildcard",
        "ok error error error",
        setting="ORIGINS",
        broken_by=_any,
        message="is for development only.",
        remedy="Name the origins, or make one resource public: CORS_RESOURCES__<NAME>__PUBLIC=true",
    ),
    _rule(
        "http",
        "warn ok warn error",
        "warn ok error error",
        setting="ORIGINS",
        broken_by=_where(_is_plain_http),
        message="is not encrypted, so anyone on the way can speak as it.",
        remedy="Serve it over https",
    ),
    _rule(
        "loopback",
        "ok ok warn error",
        setting="ORIGINS",
        broken_by=_where(_is_loopback),
        message="is the reader's own machine; any program there can speak as it.",
        remedy="Keep it to development: CORS_ENV=development",
    ),
    _rule(
        "null",
        "warn error error error",
        setting="ORIGINS",
        broken_by=_null,
        message="is the origin of every sandboxed page, so any site can have it.",
        remedy="Serve the page from an origin of its own, and list that",
    ),
    _rule(
        "regex",
        "warn error error error",
        setting="ORIGINS",
        broken_by=_where(_is_regex),
        message="is a compiled pattern, which an auditor cannot read off the variables.",
        remedy="List the origins, or their subdomains: https://*.example.com",
    ),
    _rule(
        "public-suffix",
        "warn error error error",
        "error error error error",
        setting="ORIGINS",
        broken_by=_where(_is_on_public_suffix),
        message="covers a suffix below which anyone can register a name.",
        remedy="Name the registered domain: https://*.<yours>.<suffix>",
    ),
    _rule(
        "headers",
        "ok warn warn warn",
        "ok warn error error",
        setting="ALLOW_HEADERS",
        broken_by=_all_headers,
        message="lets pages set any request header.",
        remedy="Name the headers that the app reads",
    ),
    _rule(
        "method-case",
        "warn warn warn warn",
        setting="METHODS",
        broken_by=_lower_case_methods,
        message="is sent by browsers as a page writes it; only six methods are upper-cased.",
        remedy="Write it in capitals, if pages do",
    ),
    _rule("unknown", "warn error error error"),
    _rule("shadowed", "info info warn warn"),
    _rule("unused-top-level", "warn warn warn warn"),
)

RULE = {rule.id: rule for rule in RULES}


def broken(resource: Resource) -> Iterator[tuple[Rule, Fault]]:
    """Every rule that *resource* breaks in some environment, with what breaks it."""
    for rule in RULES:
        for value in rule.broken_by(resource):
            yield rule, Fault(rule.id, rule.message, value, rule.remedy)
