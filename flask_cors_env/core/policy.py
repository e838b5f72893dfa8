"""
The policy: resources, each with its rules, frozen and valid by construction.

All that does not depend on a request is prepared here, once: header lists, indexes, the policy's id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import filterfalse
from typing import Any, NamedTuple

from flask_cors_env.core import protocol
from flask_cors_env.core.origin import ANY, OriginPattern, Origins, canonical_regex, parse_origin
from flask_cors_env.core.path import PathIndex, PathPattern, overlaps, parse_path
from flask_cors_env.core.remedy import PLAIN, Advice
from flask_cors_env.core.request import Request

Fields = tuple[tuple[str, str], ...]
OriginFunction = Callable[..., bool]

#: The name of the one resource of a policy that has no others.
DEFAULT = "default"
DEVELOPMENT = "development"
_NAME_OR_PREFIX = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+(?:-\*)?")
#: No browser caches a preflight for longer, in seconds.
MAX_AGE_LIMIT = 86400


class HeaderNames:
    """
    The request-header names a preflight may ask for.

    Args:
        entries: Names in any case, ``x-team-*`` prefixes, ``*``, or compiled patterns (matched whole,
            against the lower-case name). ``*`` covers ``Authorization`` only if that is named beside it.

    Raises:
        ValueError: An entry that is none of these.
    """

    def __init__(self, entries: Iterable[str | re.Pattern[str]] = ()) -> None:
        entries = tuple(entries)
        texts = sorted(entry for entry in entries if isinstance(entry, str))
        regexes = {entry for entry in entries if isinstance(entry, re.Pattern)}
        for regex in regexes:
            if not isinstance(regex.pattern, str):
                raise TypeError(f"{regex.pattern!r} is a pattern for bytes")
        for text in texts:
            if text != "*" and not _NAME_OR_PREFIX.fullmatch(text):
                raise ValueError(f"{text!r} is no field name, and no prefix like x-team-*")
        named = {text.lower(): text for text in texts if "*" not in text}
        self.any = "*" in texts
        self.names = tuple(named[key] for key in sorted(named))
        self.prefixes = tuple(sorted({text.lower()[:-1] for text in texts if "*" in text and text != "*"}))
        self.regexes = tuple(sorted(regexes, key=canonical_regex))
        self._lower = frozenset(named)

    @property
    def texts(self) -> list[str]:
        """The entries as they are written, sorted."""
        stars = ["*"] if self.any else []
        return [
            *stars,
            *self.names,
            *(p + "*" for p in self.prefixes),
            *map(canonical_regex, self.regexes),
        ]

    @property
    def is_listable(self) -> bool:
        """Whether the names can be listed without looking at the request."""
        return not self.prefixes and not self.regexes

    def refused(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of *names*, lower case, that are not allowed."""
        if self._lower.issuperset(names):
            return ()
        unlisted = self.unlisted(names)
        if self.any or not self.is_listable:
            unlisted = [name for name in unlisted if not self._covers(name)]
        return tuple(unlisted)

    def unlisted(self, names: Iterable[str]) -> list[str]:
        """Those of *names*, lower case, that are not named here."""
        return list(filterfalse(self._lower.__contains__, names))

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
                "Name the origins, or set {credentials}",
            )
        )
    if resource.allow_credentials and "*" in resource.expose_headers:
        found.append(
            Contradiction(
                "credentials-with-exposed-wildcard",
                "EXPOSE_HEADERS",
                'with credentials "*" is no wildcard but a header of that name.',
                "Name the headers, or set {credentials}",
            )
        )
    if origins.any and (len(origins.patterns) > 1 or resource.origin_function is not None):
        found.append(
            Contradiction(
                "wildcard-among-origins",
                "ORIGINS",
                '"*" stands beside other origins: is it everyone, or those?',
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
        advice: Where its settings are changed, and what would be refused there.
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
    advice: Advice = PLAIN
    #: Fields of an allowed response whose ACAO is constant; None where it is not.
    constant_fields: Fields | None = field(init=False, repr=False)
    #: What follows ACAO on an allowed actual response.
    actual_tail: Fields = field(init=False, repr=False)
    #: The list of methods, and of header names, where no request changes them; else None.
    methods_field: str | None = field(init=False, repr=False)
    headers_field: str | None = field(init=False, repr=False)
    #: What follows ACAO on an allowed preflight's response, if no request changes its lists; else None.
    preflight_tail: Fields | None = field(init=False, repr=False)
    #: What a preflight may ask for by name, the safelisted methods included.
    allowed_methods: frozenset[str] = field(init=False, repr=False)
    vary: tuple[str, ...] = field(init=False, repr=False)
    #: What every response has to a request without an origin; nothing where the resource is left alone.
    passing: Fields = field(init=False, repr=False)
    preflight_vary: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _refuse_unsendable(self)
        for name, value in _prepare(self).items():
            object.__setattr__(self, name, value)

    @classmethod
    def parse(  # noqa: PLR0913 - one argument per setting
        cls,
        *,
        name: str = DEFAULT,
        paths: Iterable[str] = ("/*",),
        origins: Iterable[str | re.Pattern[str]] | OriginFunction = (),
        methods: Iterable[str] = (),
        allow_headers: Iterable[str | re.Pattern[str]] = (),
        expose_headers: Iterable[str] = (),
        allow_credentials: bool = False,
        max_age: int = 0,
        enforce: bool = False,
    ) -> Resource:
        """
        A resource from spellings, for use without Flask and its settings.

        Origins are spellings and compiled patterns, or one function; the rest is as the attributes say.

        Raises:
            ValueError: An origin or path that is not in the grammar, a name that is no token, a method or
                field that no page can use, or fields that contradict each other.
            TypeError: One string where several are meant.
        """
        function = origins if callable(origins) else None
        patterns = () if callable(origins) else map(_origin_pattern, _several(origins))
        resource = cls(
            name=name,
            paths=tuple(map(parse_path, _several(paths))),
            origins=Origins(patterns),
            origin_function=function,
            methods=frozenset(map(protocol.normalize_method, _several(methods))),
            allow_headers=HeaderNames(_several(allow_headers)),
            expose_headers=tuple(sorted(set(_several(expose_headers)), key=str.lower)),
            allow_credentials=allow_credentials,
            max_age=max_age,
            enforce=enforce,
        )
        for message in (*_useless(resource), *(found.message for found in contradictions(resource))):
            raise ValueError(f"{name}: {message}")
        return resource

    def canonical(self) -> dict[str, Any]:
        """All that its decisions depend on, as plain values in a fixed order."""
        return {
            "name": self.name,
            "paths": sorted({path.text for path in self.paths}),
            "origins": list(self.origins.canonical),
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


def _several(values: Iterable[Any]) -> Iterable[Any]:
    """*values*, which must not be one string: its characters are not what is meant."""
    if isinstance(values, str):
        raise TypeError(f"{values!r} stands where a list is meant")
    return values


def _origin_pattern(entry: str | re.Pattern[str]) -> OriginPattern:
    return parse_origin(entry) if isinstance(entry, str) else OriginPattern.from_regex(entry)


def _refuse_unsendable(resource: Resource) -> None:
    """Raise for what would break a response: every name in it has to be a token, and the age a number."""
    for name in (*resource.methods, *resource.expose_headers):
        if not protocol.is_token(name):
            raise ValueError(f"{name!r} is no token")
    if not 0 <= resource.max_age <= MAX_AGE_LIMIT:
        raise ValueError(f"{resource.max_age!r} is not within 0 to {MAX_AGE_LIMIT} seconds")


def _useless(resource: Resource) -> Iterator[str]:
    """What no page can use: https://fetch.spec.whatwg.org/#forbidden-method and its like."""
    for method in sorted(resource.methods):
        if method.upper() in protocol.FORBIDDEN_METHODS:
            yield f"no page can use the method {method}"
    for name in resource.allow_headers.names:
        if protocol.is_forbidden_request_header(name.lower()) or name.lower() in protocol.RESPONSE_FIELDS:
            yield f"no page can send {name}"
    for name in resource.expose_headers:
        if name.lower() in protocol.FORBIDDEN_RESPONSE_HEADERS | protocol.RESPONSE_FIELDS:
            yield f"no page can read {name}"


def _prepare(resource: Resource) -> dict[str, Any]:
    """What a resource's answers are made of, apart from the request's own values."""
    constant = resource.origins.any
    credentials = ((protocol.ACAC, "true"),) if resource.allow_credentials else ()
    exposed = ", ".join(resource.expose_headers)
    tail = (*credentials, (protocol.ACEH, exposed)) if exposed else credentials
    named = {method for method in resource.methods if method.upper() not in protocol.FORBIDDEN_METHODS}
    methods, headers = _methods_field(resource, named), _headers_field(resource)
    static = methods is not None and headers is not None
    return {
        "constant_fields": ((protocol.ACAO, ANY.text), *tail) if constant else None,
        "actual_tail": tail,
        "methods_field": methods,
        "headers_field": headers,
        "preflight_tail": preflight_tail(resource, methods or "", headers or "") if static else None,
        "allowed_methods": protocol.SAFELISTED_METHODS | named - {"*"},
        "vary": () if constant else ("Origin",),
        "passing": _passing(resource, tail),
        "preflight_vary": protocol.PREFLIGHT_VARY[1:] if constant else protocol.PREFLIGHT_VARY,
    }


def _passing(resource: Resource, tail: Fields) -> Fields:
    if not resource.enabled:
        return ()
    return ((protocol.ACAO, ANY.text), *tail) if resource.origins.any else (("Vary", "Origin"),)


def preflight_tail(resource: Resource, methods: str, headers: str) -> Fields:
    """What follows ACAO on an allowed preflight's response with these lists; an empty list is left out."""
    fields = [(protocol.ACAC, "true")] if resource.allow_credentials else []
    fields.append((protocol.ACMA, str(resource.max_age)))
    if methods:
        fields.append((protocol.ACAM, methods))
    if headers:
        fields.append((protocol.ACAH, headers))
    return tuple(fields)


def _methods_field(resource: Resource, named: set[str]) -> str | None:
    if "*" not in named:
        return ", ".join(sorted(named))
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
        outside: What a resource would be that is added for another path, for remedies; or None.

    Raises:
        ValueError: Two resources of one name, or with equally specific patterns that cover one path; or one
            whose fields contradict each other.
    """

    __slots__ = (
        "_index", "_named", "enforces", "environment", "everywhere", "id", "is_development", "outside",
        "resources",
    )  # fmt: skip

    def __init__(
        self,
        resources: Iterable[Resource] = (),
        *,
        environment: str = "production",
        outside: Resource | None = None,
    ) -> None:
        self.resources = tuple(resources)
        self.outside = outside
        self.environment = environment
        self._named = {resource.name: resource for resource in self.resources}
        if len(self._named) != len(self.resources):
            raise ValueError("two resources have one name")
        for resource in self.resources:
            for contradiction in contradictions(resource):
                raise ValueError(f"{resource.name}: {contradiction.message}")
        entries = path_entries(self.resources)
        for overlap in overlaps(entries):
            raise ValueError(f"{overlap.one[0].text} and {overlap.other[0].text} are equally specific")
        self._index = PathIndex(entries)
        #: The resource that governs every path, where one alone does; else None.
        self.everywhere = self._index.everything
        #: Whether some refused requests are answered ahead of their views.
        self.enforces = any(resource.enforce for resource in self.resources)
        #: Whether refusals may be explained to the browser.
        self.is_development = environment == DEVELOPMENT
        self.id = "p-" + hashlib.sha256(self.canonical_json().encode()).hexdigest()[:12]

    def resource_for(self, path: str) -> Resource | None:
        """The resource that governs *path*, which has one leading slash; None if none does."""
        return self._index.find(path)

    def resource_named(self, name: str) -> Resource | None:
        """The resource of that name, or None."""
        return self._named.get(name)

    def canonical(self) -> dict[str, Any]:
        """
        All that decisions depend on, as plain values in a fixed order.

        Several origins that an earlier resource has too are told by its name, ``{"as": NAME}``: most
        resources inherit them, and there may be thousands.
        """
        told = []
        first: dict[tuple[str, ...], str] = {}
        for resource in sorted(self.resources, key=lambda resource: resource.name):
            name = first.setdefault(resource.origins.canonical, resource.name)
            is_again = name != resource.name and len(resource.origins.canonical) > 1
            told.append(resource.canonical() | ({"origins": {"as": name}} if is_again else {}))
        return {"environment": self.environment, "resources": told}

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
