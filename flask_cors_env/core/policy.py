"""
The policy: resources, each with its rules, frozen and valid by construction.

All that does not depend on a request is prepared here, once: header lists, indexes, the policy's id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flask_cors_env.core import protocol
from flask_cors_env.core.origin import ANY, Origins, parse_origin
from flask_cors_env.core.path import PathIndex, PathPattern, overlaps, parse_path
from flask_cors_env.core.request import Request

Fields = tuple[tuple[str, str], ...]
OriginFunction = Callable[..., bool]

#: The name of the one resource of a policy that has no others.
DEFAULT = "default"
DEVELOPMENT = "development"


class HeaderNames:
    """
    The request-header names a preflight may ask for.

    Args:
        entries: Names in any case, ``x-team-*`` prefixes, ``*``, or compiled patterns (matched whole,
            against the lower-case name). ``*`` covers ``Authorization`` only if that is named beside it.
    """

    def __init__(self, entries: Iterable[str | re.Pattern[str]] = ()) -> None:
        entries = tuple(entries)
        texts = [entry for entry in entries if isinstance(entry, str)]
        self.any = "*" in texts
        self.names = tuple(sorted({t for t in texts if "*" not in t}, key=str.lower))
        self.prefixes = tuple(sorted({t.lower()[:-1] for t in texts if "*" in t and t != "*"}))
        self.regexes = tuple(entry for entry in entries if isinstance(entry, re.Pattern))
        self._lower = frozenset(name.lower() for name in self.names)

    @property
    def texts(self) -> list[str]:
        """The entries as they are written, sorted."""
        stars = ["*"] if self.any else []
        return [
            *stars,
            *self.names,
            *(p + "*" for p in self.prefixes),
            *(f"regex:{r.pattern}" for r in self.regexes),
        ]

    @property
    def is_listable(self) -> bool:
        """Whether the names can be listed without looking at the request."""
        return not self.prefixes and not self.regexes

    def refused(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of *names*, lower case, that are not allowed."""
        return tuple(name for name in names if name not in self._lower and not self._covers(name))

    def needs_wildcard(self, names: Iterable[str], named: frozenset[str]) -> bool:
        """Whether one of *names* is allowed by ``*`` alone, being in neither the list nor *named*."""
        return self.any and any(name not in self._lower and name not in named for name in names)

    def _covers(self, name: str) -> bool:
        if self.any and name != protocol.NON_WILDCARD_REQUEST_HEADER:
            return True
        return name.startswith(self.prefixes) or any(regex.fullmatch(name) for regex in self.regexes)


class Contradiction(NamedTuple):
    """Two fields of one resource that the protocol does not let stand together."""

    code: str
    setting: str
    message: str
    remedy: str


def contradictions(resource: Resource) -> list[Contradiction]:
    """What no environment permits in *resource*, whatever its origin: https://fetch.spec.whatwg.org/#cors-check."""
    found = []
    origins = resource.origins
    if resource.allow_credentials and (origins.any or origins.null):
        found.append(
            Contradiction(
                "credentials-with-wildcard" if origins.any else "credentials-with-null",
                "ORIGINS",
                f'"{"*" if origins.any else "null"}" and credentials do not go together: '
                "any site could act as the user.",
                "Name the origins, or set {credentials}=false",
            )
        )
    if resource.allow_credentials and "*" in resource.expose_headers:
        found.append(
            Contradiction(
                "credentials-with-exposed-wildcard",
                "EXPOSE_HEADERS",
                'with credentials "*" is no wildcard but a header of that name.',
                "Name the headers, or set {credentials}=false",
            )
        )
    if origins.any and len(origins.patterns) > 1:
        found.append(
            Contradiction(
                "wildcard-among-origins",
                "ORIGINS",
                '"*" stands beside named origins: is it everyone, or those?',
                'Write "*" alone, or the origins alone',
            )
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """
    The rules for the paths, or the view, that one part of a policy governs.

    Attributes:
        name: ``default``, the operator's name, ``blueprint:<name>`` or ``view:<endpoint>``.
        paths: The patterns of the paths it governs; empty where it is found by the view.
        origins: Who may read its responses.
        origin_function: Asked, with ``origin`` and ``request``, where no entry matches; or None.
        methods: Allowed beside GET, HEAD and POST; ``*`` for any.
        allow_headers: The request-header names a page may send.
        expose_headers: The response-header names a page may read; ``*`` for any.
        allow_credentials: Whether responses to credentialed requests are shared.
        max_age: For how many seconds a preflight may be cached, 0 to 86400.
        enforce: Whether a denied request is answered with 403 ahead of the view.
        enabled: False where the resource is left alone.
        exempt: Whether that is since the view was exempted.
        defaulted: The settings, without prefix, whose value is a default of development.
        prefix: What its variables begin with.
    """

    name: str = DEFAULT
    paths: tuple[PathPattern, ...] = ()
    origins: Origins = field(default_factory=Origins)
    origin_function: OriginFunction | None = None
    methods: frozenset[str] = frozenset()
    allow_headers: HeaderNames = field(default_factory=HeaderNames)
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int = 0
    enforce: bool = False
    enabled: bool = True
    exempt: bool = False
    defaulted: frozenset[str] = frozenset()
    prefix: str = "CORS_"
    #: Fields of an allowed response whose ACAO is constant; None where it is not.
    constant_fields: Fields | None = field(init=False, repr=False)
    #: What follows ACAO on an allowed actual response.
    actual_tail: Fields = field(init=False, repr=False)
    #: What follows ACAO on an allowed preflight's response, up to the list of methods.
    preflight_tail: Fields = field(init=False, repr=False)
    #: The list of methods, and of header names, where no request changes them; else None.
    methods_field: str | None = field(init=False, repr=False)
    headers_field: str | None = field(init=False, repr=False)
    vary: tuple[str, ...] = field(init=False, repr=False)
    preflight_vary: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        prepared = _prepare(self)
        for name, value in prepared.items():
            object.__setattr__(self, name, value)

    @classmethod
    def parse(  # noqa: PLR0913 - one argument per setting
        cls,
        *,
        name: str = DEFAULT,
        paths: Iterable[str] = ("/*",),
        origins: Iterable[str] = (),
        methods: Iterable[str] = (),
        allow_headers: Iterable[str] = (),
        expose_headers: Iterable[str] = (),
        allow_credentials: bool = False,
        max_age: int = 0,
        enforce: bool = False,
    ) -> Resource:
        """
        A resource from spellings, for use without Flask and its settings.

        Raises:
            ValueError: An origin or path that is not in the grammar, or fields that contradict each other.
        """
        resource = cls(
            name=name,
            paths=tuple(map(parse_path, paths)),
            origins=Origins(map(parse_origin, origins)),
            methods=frozenset(map(protocol.normalize_method, methods)),
            allow_headers=HeaderNames(allow_headers),
            expose_headers=tuple(expose_headers),
            allow_credentials=allow_credentials,
            max_age=max_age,
            enforce=enforce,
        )
        for contradiction in contradictions(resource):
            raise ValueError(f"{name}: {contradiction.message}")
        return resource

    def variable(self, setting: str) -> str:
        """The full name of the variable that sets *setting* here."""
        return setting if setting.startswith("CORS_") else self.prefix + setting

    def canonical(self) -> dict[str, Any]:
        """All that its decisions depend on, as plain values in a fixed order."""
        return {
            "name": self.name,
            "paths": sorted(path.text for path in self.paths),
            "origins": [_origin_text(pattern) for pattern in self.origins],
            "origin_function": self.origin_function is not None,
            "methods": sorted(self.methods),
            "allow_headers": self.allow_headers.texts,
            "expose_headers": list(self.expose_headers),
            "allow_credentials": self.allow_credentials,
            "max_age": self.max_age,
            "enforce": self.enforce,
            "enabled": self.enabled,
            "defaulted": sorted(self.defaulted),
        }


def _origin_text(pattern: Any) -> str:
    return f"regex:{pattern.text}" if pattern.regex is not None else pattern.text


def _prepare(resource: Resource) -> dict[str, Any]:
    """What a resource's answers are made of, apart from the request's own values."""
    constant = resource.origins.any and resource.origin_function is None
    credentials = ((protocol.ACAC, "true"),) if resource.allow_credentials else ()
    exposed = ", ".join(resource.expose_headers)
    tail = (*credentials, (protocol.ACEH, exposed)) if exposed else credentials
    return {
        "constant_fields": ((protocol.ACAO, ANY.text), *tail) if constant else None,
        "actual_tail": tail,
        "preflight_tail": (*credentials, (protocol.ACMA, str(resource.max_age))),
        "methods_field": _methods_field(resource),
        "headers_field": _headers_field(resource),
        "vary": () if constant else ("Origin",),
        "preflight_vary": protocol.PREFLIGHT_VARY[1:] if constant else protocol.PREFLIGHT_VARY,
    }


def _methods_field(resource: Resource) -> str | None:
    if "*" not in resource.methods:
        return ", ".join(sorted(resource.methods))
    return None if resource.allow_credentials else "*"


def _headers_field(resource: Resource) -> str | None:
    names = resource.allow_headers
    if not names.is_listable or (names.any and resource.allow_credentials):
        return None
    return ", ".join((["*"] if names.any else []) + list(names.names))


class Policy:
    """
    All resources of an app, and the environment they were judged in.

    Args:
        resources: Each with a name of its own.
        environment: ``development``, ``testing``, ``staging`` or ``production``. In development a refused
            preflight is answered so that the browser's console names the cause.

    Raises:
        ValueError: Two resources of one name, or with equally specific patterns that cover one path.
    """

    __slots__ = ("_index", "_named", "environment", "id", "resources")

    def __init__(self, resources: Iterable[Resource] = (), *, environment: str = "production") -> None:
        self.resources = tuple(resources)
        self.environment = environment
        self._named = {resource.name: resource for resource in self.resources}
        if len(self._named) != len(self.resources):
            raise ValueError("two resources have one name")
        entries = path_entries(self.resources)
        for overlap in overlaps(entries):
            raise ValueError(f"{overlap.one[0].text} and {overlap.other[0].text} are equally specific")
        self._index = PathIndex(entries)
        self.id = "p-" + hashlib.sha256(self.canonical_json().encode()).hexdigest()[:12]

    @property
    def is_development(self) -> bool:
        """Whether refusals may be explained to the browser."""
        return self.environment == DEVELOPMENT

    def resource_for(self, path: str) -> Resource | None:
        """The resource that governs *path*, which has one leading slash; None if none does."""
        return self._index.find(path)

    def resource_named(self, name: str) -> Resource | None:
        """The resource of that name, or None."""
        return self._named.get(name)

    def canonical(self) -> dict[str, Any]:
        """All that decisions depend on, as plain values in a fixed order."""
        resources = sorted(self.resources, key=lambda resource: resource.name)
        return {"environment": self.environment, "resources": [r.canonical() for r in resources]}

    def canonical_json(self) -> str:
        """`canonical` as JSON without white space: what the policy's id is the digest of."""
        return json.dumps(self.canonical(), separators=(",", ":"))

    def __repr__(self) -> str:
        return f"<Policy {self.id} {self.environment} {', '.join(self._named) or 'nobody'}>"


def path_entries(resources: Iterable[Resource]) -> list[tuple[PathPattern, Resource]]:
    """Every path pattern with the resource it belongs to."""
    return [(path, resource) for resource in resources for path in resource.paths]


def origin_allowed_by_function(resource: Resource, request: Request) -> bool:
    """What the application's own function says; only ``True`` lets an origin in."""
    function = resource.origin_function
    return function is not None and function(origin=request.origin, request=request) is True
