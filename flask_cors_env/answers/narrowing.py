"""
Narrowing: one resource, with the entries that were needed and no others.

A pattern stays where it lets in several; what is used once is named. What requests do not show, such as the
response headers that a page reads, stays as it is. Nothing is let in that was not: nothing is added but the
origins and names that a pattern let in already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from flask_cors_env.answers.shapes import Shape
from flask_cors_env.config import values
from flask_cors_env.config.errors import FaultyValueError
from flask_cors_env.config.settings import CLOSES_PUBLIC
from flask_cors_env.config.values import AUTO
from flask_cors_env.core import protocol
from flask_cors_env.core.fields import SPELLED
from flask_cors_env.core.origin import OriginKind, Origins, canonical_regex
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.core.request import Kind

#: From how many on different origins, or header names, are several.
_SEVERAL = 2
#: What stands for one origin only, and what a file cannot have.
_NOT_WRITABLE = {OriginKind.EXACT, OriginKind.NULL, OriginKind.REGEX}
_ASKED = {"cors.origin", "cors.request.method", "cors.request.headers"}
_PUBLIC = frozenset({"GET", "HEAD"})


class Entry(NamedTuple):
    """
    An entry of the policy that holds last.

    Attributes:
        resource: Whose it is.
        setting: ``ORIGINS``, ``METHODS`` or ``ALLOW_HEADERS``.
        text: As it is written.
        requests: How many requests in the log needed it.
    """

    resource: str
    setting: str
    text: str
    requests: int


class Narrowing:
    """
    One resource, narrowed to what was let in.

    Args:
        resource: As it is.
        shapes: What it let in.
        policy: Whose it is.

    Attributes:
        resource: As given.
        kept: What it still lets in.
        left: What it cannot.
        settings: What is left of it, by the settings' names.
    """

    def __init__(self, resource: Resource, shapes: list[Shape], policy: Policy) -> None:
        self.resource = resource
        self._spelled = {name.lower(): name for name in resource.allow_headers.names}
        self._writable = {p.text for p in resource.origins if p.kind not in _NOT_WRITABLE}
        if policy.is_development:
            self._writable.discard("*")
        told = [shape for shape in shapes if shape.cut.isdisjoint(_ASKED)]
        patterns = _shared((s.request.origin or "" for s in told), self._pattern_of)
        self._patterns = Origins(pattern for pattern in resource.origins if pattern.text in patterns)
        self._prefixes = _shared((name for s in told for name in _names(s)), self._prefix_of)
        self.kept = [shape for shape in told if self._can_keep(shape)]
        self.left = [shape for shape in shapes if shape.cut & _ASKED or not self._can_keep(shape)]
        self.settings = self._settings()

    def _pattern_of(self, origin: str) -> str | None:
        """The entry that lets *origin* in, if it is a pattern that a file can have."""
        found = self.resource.origins.match(origin)
        return found.rule if found is not None and found.rule in self._writable else None

    def _prefix_of(self, name: str) -> str | None:
        """The prefix that covers *name*, if it is not named itself."""
        allowed = self.resource.allow_headers
        if name in self._spelled:
            return None
        return next((f"{prefix}*" for prefix in allowed.prefixes if name.startswith(prefix)), None)

    def _can_keep(self, shape: Shape) -> bool:
        origin = shape.request.origin or ""
        return (
            (self._origin(shape) != origin or _can_name(origin, _origin_text))
            and all(_can_name(method, _method_text) for method in self._methods(shape))
            and all(self._can_keep_name(name) for name in _names(shape))
        )

    def _can_keep_name(self, name: str) -> bool:
        entry = self._header(name)
        return entry in self._prefixes or _can_name(entry, _header_text)

    def _origin(self, shape: Shape) -> str:
        """The entry for the origin of *shape*: a pattern that lets in several, if there is one, or itself."""
        origin = shape.request.origin or ""
        found = self._patterns.match(origin)
        return origin if found is None else found.rule

    def _header(self, name: str) -> str:
        """The entry for a header name: likewise, or as it is spelled now."""
        prefix = next((entry for entry in sorted(self._prefixes) if name.startswith(entry[:-1])), None)
        return prefix or self._spelled.get(name, name)

    def _methods(self, shape: Shape) -> list[str]:
        """The methods that have to be listed for *shape*; the preflight of an actual one may be in no log."""
        request = shape.request
        method = request.method if request.kind is Kind.ACTUAL else request.requested_method or ""
        is_listed = request.kind is Kind.PREFLIGHT or method in self.resource.methods
        return [method] if is_listed and method not in protocol.SAFELISTED_METHODS else []

    def _settings(self) -> dict[str, Any]:
        now, origins = self.resource, sorted({self._origin(shape) for shape in self.kept})
        methods = sorted({method for shape in self.kept for method in self._methods(shape)})
        credentials = now.allow_credentials and any(shape.request.credentialed for shape in self.kept)
        settings = {setting: f.type.write(getattr(now, f.name)) for setting, f in SPELLED.items()}
        settings |= {
            "ORIGINS": origins,
            "METHODS": methods,
            "ALLOW_HEADERS": sorted({self._header(n) for s in self.kept for n in _names(s)}, key=str.lower),
            "ALLOW_CREDENTIALS": credentials,
        }
        is_public = origins == ["*"] and now.methods == _PUBLIC
        said = {"PATH", *(CLOSES_PUBLIC if is_public else ())}
        left = {setting: value for setting, value in settings.items() if setting not in said}
        return {"PUBLIC": True, **left} if is_public else left

    def dropped(self) -> Iterator[Entry]:
        """The entries that are in the settings no more."""
        needs: dict[str, Callable[[Shape], Iterable[str]]] = {
            "ORIGINS": lambda shape: [_rule_of(self.resource, shape)],
            "METHODS": self._methods,
            "ALLOW_HEADERS": lambda shape: {self._covering(name) for name in _names(shape)},
        }
        for setting, need in needs.items():
            used = self._counted(need)
            for text in _listed(self.resource, setting):
                if text not in self.settings.get(setting, [text]):
                    yield Entry(self.resource.name, setting, text, used[text])
        if self.resource.allow_credentials and not self.settings.get("ALLOW_CREDENTIALS"):
            yield Entry(self.resource.name, "ALLOW_CREDENTIALS", "true", 0)

    def _counted(self, need: Callable[[Shape], Iterable[str]]) -> Counter[str]:
        """How many requests needed each entry."""
        used: Counter[str] = Counter()
        for shape in self.kept:
            used.update(dict.fromkeys(need(shape), shape.requests))
        return used

    def _covering(self, name: str) -> str:
        """The entry that covers a header name now."""
        regexes = self.resource.allow_headers.regexes
        pattern = next((canonical_regex(regex) for regex in regexes if regex.fullmatch(name)), "*")
        return self._spelled.get(name) or self._prefix_of(name) or pattern


def _can_name(value: str, text_of: Callable[[str], str]) -> bool:
    """Whether an entry means *value*, which a client chose, and nothing else."""
    try:
        return "*" not in value and text_of(value) == value
    except FaultyValueError:
        return False


def _origin_text(value: str) -> str:
    return values.origins([value]).patterns[0].text


def _method_text(value: str) -> str:
    (method,) = values.methods([value])
    return "" if method == AUTO else method


def _header_text(value: str) -> str:
    (name,) = values.allow_headers([value])
    return str(name)


def _shared(members: Iterable[str], pattern_of: Callable[[str], str | None]) -> set[str]:
    """The patterns that cover several different members."""
    covered: dict[str, set[str]] = {}
    for member in members:
        pattern = pattern_of(member)
        if pattern is not None:
            covered.setdefault(pattern, set()).add(member)
    return {pattern for pattern, found in covered.items() if len(found) >= _SEVERAL}


def _names(shape: Shape) -> tuple[str, ...]:
    """The header names that *shape* asks for."""
    return protocol.parse_names(shape.request.requested_headers or "") or ()


def _rule_of(resource: Resource, shape: Shape) -> str:
    found = resource.origins.match(shape.request.origin or "")
    return "" if found is None else found.rule


def _listed(resource: Resource, setting: str) -> list[str]:
    """The entries of a list of *resource*, but for methods that need no listing."""
    if setting == "ORIGINS":
        return [pattern.text for pattern in resource.origins]
    if setting == "METHODS":
        return sorted(resource.methods - protocol.SAFELISTED_METHODS)
    return resource.allow_headers.texts
