"""
The policy: resources, each with its rules, frozen and valid by construction.

All that does not depend on a request is prepared here, once: header lists, indexes, the policy's id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flask_cors_env.core import protocol
from flask_cors_env.core.environments import DEVELOPMENT, PRODUCTION
from flask_cors_env.core.fields import DEFAULT, FIELDS, MAX_AGE_LIMIT, ResourceFields
from flask_cors_env.core.origin import ANY
from flask_cors_env.core.path import PathIndex, PathPattern, other_readings, overlaps
from flask_cors_env.core.remedy import PLAIN, Advice
from flask_cors_env.core.request import Request

Fields = tuple[tuple[str, str], ...]

#: The first version of the canonical policy that says its version, and leaves empty values out; 0.1.0 wrote
#: version 0.
_VERSIONED = 1
_EMPTY = {f.name: f.empty for f in FIELDS}


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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Resource(ResourceFields):
    """
    The rules for the paths, or the view, that one part of a policy governs.

    Attributes:
        name: ``default``, the operator's name, ``blueprint:<name>`` or ``view:<endpoint>``.
        exempt: Whether *enabled* is false since the view was exempted.
        advice: Where its settings are changed, and what would be refused there.
    """

    name: str = DEFAULT
    exempt: bool = False
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
    def parse(cls, *, name: str = DEFAULT, **values: Any) -> Resource:
        """
        Parse a resource from spellings, for use without Flask and its settings.

        Args:
            name: Of the resource.
            **values: The fields of `FIELDS`, by name: lists of spellings, booleans, and seconds as a number.
                Origins are spellings and compiled patterns, or one function. Without *paths* every path is
                governed.

        Raises:
            ValueError: An origin or path that is not in the grammar, a name that is no token, a method
                that no page can use, or fields that contradict each other.
            TypeError: One string in place of a list, or a field that does not exist.
        """
        values = {"paths": ("/*",), **values}
        if callable(values.get("origins")):
            values |= {"origins": (), "origin_function": values["origins"]}
        values = {f.name: f.type.parse(values.pop(f.name)) for f in FIELDS if f.name in values} | values
        resource = cls(name=name, **values)
        for message in (*_useless(resource), *(found.message for found in contradictions(resource))):
            raise ValueError(f"{name}: {message}")
        return resource

    def whole(self) -> dict[str, Any]:
        """Return its name and all fields of the catalogue, as plain values in a fixed order."""
        return {"name": self.name} | {f.name: f.type.write(getattr(self, f.name)) for f in FIELDS}

    def canonical(self) -> dict[str, Any]:
        """Return `whole` without the fields that say nothing, so that a later field changes no id."""
        return {name: value for name, value in self.whole().items() if value != _EMPTY.get(name)}


def _refuse_unsendable(resource: Resource) -> None:
    """Raise for what would break a response: every name in it has to be a token, and the age a number."""
    for name in (*resource.methods, *resource.expose_headers):
        if not protocol.is_token(name):
            raise ValueError(f"{name!r} is no token")
    if not 0 <= resource.max_age <= MAX_AGE_LIMIT:
        raise ValueError(f"{resource.max_age!r} is not within 0 to {MAX_AGE_LIMIT} seconds")


def _useless(resource: Resource) -> Iterator[str]:
    """Say which methods no page can use: https://fetch.spec.whatwg.org/#forbidden-method."""
    for method in sorted(resource.methods):
        if method.upper() in protocol.FORBIDDEN_METHODS:
            yield f"no page can use the method {method}"


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
        is_versioned: False for a policy from a log of 0.1.0, whose canonical form says no version.
        outside: What a resource would be that is added for another path, for remedies; or None.

    Raises:
        ValueError: Two resources of one name, or with equally specific patterns that cover one path; or one
            whose fields contradict each other.
    """

    __slots__ = (
        "_index", "_is_versioned", "_named", "enforces", "environment", "everywhere", "id", "is_development",
        "outside",
        "resources",
    )  # fmt: skip

    def __init__(
        self,
        resources: Iterable[Resource] = (),
        *,
        environment: str = PRODUCTION,
        is_versioned: bool = True,
        outside: Resource | None = None,
    ) -> None:
        self.resources = tuple(resources)
        self.outside = outside
        self.environment = environment
        self._is_versioned = is_versioned
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

    def guard_for(self, path: str, resource: Resource | None) -> Resource | None:
        """
        Return the resource whose `enforce` an ambiguous path must not lead round; None for a plain path.

        Args:
            path: Decoded once, with one leading slash.
            resource: The resource that governs the path, or the view that the path is routed to.
        """
        enforces = self.enforces or (resource is not None and resource.enforce)
        readings = other_readings(path) if enforces else ()
        found = (resource, *map(self._index.find_as_written, readings)) if readings else ()
        return next((each for each in found if each is not None and each.enforce and each.enabled), None)

    def resource_named(self, name: str) -> Resource | None:
        """The resource of that name, or None."""
        return self._named.get(name)

    def canonical(self) -> dict[str, Any]:
        """
        Return all that decisions depend on, as plain values in a fixed order.

        Fields at their empty value are left out. ``v`` is the first version that has all fields that are
        there: a field that is added later changes no policy that does without it.
        Several origins that an earlier resource has too are written as its name, ``{"as": NAME}``: most
        resources inherit them, and there may be thousands.
        """
        written = []
        first: dict[tuple[str, ...], str] = {}
        for resource in sorted(self.resources, key=lambda resource: resource.name):
            name = first.setdefault(resource.origins.canonical, resource.name)
            is_again = name != resource.name and len(resource.origins.canonical) > 1
            values = resource.canonical() if self._is_versioned else resource.whole()
            written.append(values | ({"origins": {"as": name}} if is_again else {}))
        since = [f.since for f in FIELDS if any(f.name in values for values in written)]
        version = {"v": max([_VERSIONED, *since])} if self._is_versioned else {}
        return {**version, "environment": self.environment, "resources": written}

    def canonical_json(self) -> str:
        """Return `canonical` as JSON without white space: the policy's id is the digest of this text."""
        return json.dumps(self.canonical(), separators=(",", ":"))

    def __repr__(self) -> str:
        return f"<Policy {self.id} {self.environment} {', '.join(self._named) or 'nobody'}>"


def path_entries(resources: Iterable[Resource]) -> list[tuple[PathPattern, Resource]]:
    """Every path pattern with the resource it belongs to."""
    return [(path, resource) for resource in resources for path in resource.paths]


def origin_allowed_by_function(resource: Resource, request: Request) -> bool:
    """
    Return True where the application's own function answers ``True``, and nothing else.

    The function is not given what no cache can know: cookies, and how the origin compares with the host.
    """
    function = resource.origin_function
    if function is None:
        return False
    asked = request._replace(credentialed=False, same_origin=False, host_differs=False)
    return function(origin=request.origin, request=asked) is True
