"""What is worth asking a server about a policy, where, and what is expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from flask_cors_env.answers.probe.compared import Answers, Difference, Likely, difference
from flask_cors_env.config.values import AUTO
from flask_cors_env.core.decision import Decision, decide_within
from flask_cors_env.core.host import ends_in_number
from flask_cors_env.core.origin import OriginKind, OriginPattern
from flask_cors_env.core.path import PathError, PathPattern, parse_path
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.core.protocol import MAX_NAMES, SAFELISTED_METHODS
from flask_cors_env.core.reason import Verdict
from flask_cors_env.core.request import Request
from flask_cors_env.testing.browser import (
    PageRequest,
    Response,
    WireRequest,
    actual_request,
    origin_of,
    preflight_request,
)

#: As `State.decisions`: of a page's origin, a method, a path and header names.
Decide: TypeAlias = Callable[[str, str, str, Iterable[str]], list[Decision]]
Ask: TypeAlias = Callable[[WireRequest], Response]

STRANGER = "https://stranger.example"
_STRANGE_NAME = "x-cors-probe"
_LABEL = "probe"
#: How many origins that are named one by one are asked for, of each resource.
_EXACT = 5
#: Stands for what a star or a part of a Flask rule stands for: also an ``<int:id>``.
_FILLED = "1"
#: A header value that is never safelisted, so that a preflight asks for the header's name.
_UNSAFE = '"'


#: How often a preflight is asked again.
_AGAIN = 3


class Place(NamedTuple):
    """Where a resource is asked: a path, decoded, and a method that it governs there."""

    path: str
    method: str = "GET"


class Question(NamedTuple):
    """A page's request: the preflight ahead of it, or itself."""

    origin: str
    method: str
    path: str
    names: tuple[str, ...] = ()
    is_preflight: bool = True

    def __str__(self) -> str:
        kind = "preflight " if self.is_preflight else ""
        return f"{kind}{self.method} {self.path} {', '.join(self.names)}".rstrip()


class Finding(NamedTuple):
    """A request about which the server and the policy are not of one mind; None is no resource."""

    question: Question
    resource: str | None
    difference: Difference


class Prober:
    """
    The questions of a policy, and what the answers are compared with.

    Args:
        policy: What is expected.
        decide: Decides as the app would: also by its views and blueprints.
        url: Where the server is, with the app's prefix if it has one; without a slash at the end.
    """

    def __init__(self, policy: Policy, decide: Decide, url: str) -> None:
        self._policy = policy
        self._decide = decide
        self._url = url
        self._host = origin_of(url)

    def places(self, rules: Iterable[tuple[str, Iterable[str]]]) -> dict[str, Place]:
        """Where each resource that is enabled can be asked, by name; *rules* are the app's, with methods."""
        wanted = {resource.name for resource in self._policy.resources if resource.enabled}
        found: dict[str, Place] = {}
        for place in _candidates(self._policy, rules):
            resource = self.governing(place)
            if resource is not None and resource.name in wanted:
                found.setdefault(resource.name, place)
            if len(found) == len(wanted):
                break
        return {name: found[name] for name in sorted(found)}

    def unreached(self, places: dict[str, Place]) -> list[str]:
        """The resources without a place."""
        return sorted({r.name for r in self._policy.resources if r.enabled} - places.keys())

    def questions(self, place: Place, *, get: bool = False) -> list[Question]:
        """What is worth asking at *place*; *get*: also for the answers that pages would read."""
        resource = self.governing(place)
        if resource is not None and not resource.enabled:
            return []
        asked = dict.fromkeys(_questions(resource or Resource(), place, get=get))
        return [question for question in asked if question.origin != self._host]

    def compare(self, question: Question, ask: Ask) -> Finding | None:
        """
        Ask the server; None where it is of the policy's mind. Raises what *ask* raises.

        What should be allowed, and what differs, is asked again: another process may answer otherwise.
        """
        decision = self._expected(question)
        if decision.verdict is Verdict.SKIP:
            return None
        page = self._page(question, decision.resource)
        request = preflight_request(page) if question.is_preflight else actual_request(page)

        def compared() -> Difference | None:
            return difference(Answers(page, decision, ask(request), question.is_preflight))

        found = compared()
        if question.is_preflight and (found is not None or decision.verdict is Verdict.ALLOW):
            others = [one for one in (compared() for _ in range(_AGAIN)) if one != found]
            if others:
                found = found or others[0]
                found = found and found._replace(likely=Likely.DISAGREE)
        name = None if decision.resource is None else decision.resource.name
        return None if found is None else Finding(question, name, found)

    def governing(self, place: Place) -> Resource | None:
        """Return the resource that governs *place*; None where none does."""
        return self._decided(STRANGER, place.method, place.path, (_STRANGE_NAME,))[0].resource

    def _decided(self, origin: str, method: str, path: str, names: Iterable[str]) -> list[Decision]:
        return self._decide(origin, method, f"{self._host}{quote(path)}", names)

    def _expected(self, question: Question) -> Decision:
        """As a preflight also where a page's request needs one for other causes, such as upload progress."""
        origin, method, path, names, is_preflight = question
        if not is_preflight:
            return self._decided(origin, method, path, ())[-1]
        resource = self._decided(origin, method, path, names or (_STRANGE_NAME,))[0].resource
        request = Request(origin, "OPTIONS", path, method, ",".join(names) or None)
        return decide_within(resource, request, explained=self._policy.is_development)

    def _page(self, question: Question, resource: Resource | None) -> PageRequest:
        return PageRequest(
            origin=question.origin,
            url=self._url + quote(question.path),
            method=question.method,
            headers=tuple((name, _UNSAFE) for name in question.names),
            credentials="include" if resource is not None and resource.allow_credentials else "omit",
        )


def _candidates(policy: Policy, rules: Iterable[tuple[str, Iterable[str]]]) -> Iterator[Place]:
    """Paths that are named, then routes, those without arguments first, then what patterns stand for."""
    patterns = [path for resource in policy.resources for path in resource.paths]
    routes = list(_routes(rules))
    yield from (Place(_filled(pattern)) for pattern in patterns if pattern.is_literal)
    for literal in (True, False):
        yield from (place for pattern, place in routes if pattern.is_literal is literal)
    yield from (Place(_filled(pattern)) for pattern in patterns if not pattern.is_literal)


def _routes(rules: Iterable[tuple[str, Iterable[str]]]) -> Iterator[tuple[PathPattern, Place]]:
    for rule, methods in rules:
        try:
            pattern = parse_path(rule)
        except PathError:  # one that no pattern can say
            continue
        for method in sorted(
            set(methods) - {"HEAD", "OPTIONS"}, key=lambda m: (m not in SAFELISTED_METHODS, m)
        ):
            yield pattern, Place(_filled(pattern), method)


def _filled(pattern: PathPattern) -> str:
    """A path that *pattern* stands for."""
    segments = [segment.replace("*", _FILLED) for segment in pattern.segments]
    return "/" + "/".join([*segments, _FILLED] if pattern.deep else segments)


def _questions(resource: Resource, place: Place, *, get: bool) -> Iterator[Question]:
    """Every origin with one method; one origin with all that is allowed, and with what is not."""
    path, method = place
    origins = [*_friends(resource.origins), *_sibling(resource.origins), STRANGER, "null"]
    yield from (Question(origin, method, path) for origin in origins)
    methods = sorted(resource.methods - SAFELISTED_METHODS - {"*", AUTO})
    strange = next((m for m in ("PUT", "PATCH", "DELETE") if m not in resource.allowed_methods), "PROBE")
    yield from (Question(origins[0], asked, path) for asked in (*methods, strange))
    names = _names(resource)
    yield from (Question(origins[0], method, path, asked) for asked in (names, (_STRANGE_NAME,)) if asked)
    if get:
        yield from (Question(origin, "GET", path, is_preflight=False) for origin in origins)


def _names(resource: Resource) -> tuple[str, ...]:
    allowed = resource.allow_headers
    prefixed = (f"{prefix}{_LABEL}" for prefix in allowed.prefixes)
    return tuple(sorted({name.lower() for name in (*allowed.names, *prefixed)}))[:MAX_NAMES]


def _friends(patterns: Iterable[OriginPattern]) -> list[str]:
    """Origins that are let in: a few of those that are named, then one for each pattern that tells one."""
    exact = [pattern.text for pattern in patterns if pattern.kind is OriginKind.EXACT]
    return [*exact[:_EXACT], *filter(None, map(_example, patterns))]


def _sibling(patterns: Iterable[OriginPattern]) -> list[str]:
    """A host beside the first that is named, which a wider policy would let in by a pattern."""
    for pattern in patterns:
        parent = pattern.host.partition(".")[2]
        if pattern.kind is OriginKind.EXACT and "." in parent and not ends_in_number(parent):
            port = "" if pattern.port is None else f":{pattern.port}"
            return [f"{pattern.scheme}://stranger.{parent}{port}"]
    return []


def _example(pattern: OriginPattern) -> str | None:
    """An origin that *pattern* lets in; None for one that tells none."""
    port = "" if pattern.port is None else f":{pattern.port}"
    if pattern.kind is OriginKind.SUBDOMAINS:
        return f"{pattern.scheme}://{_LABEL}.{pattern.host}{port}"
    if pattern.kind is OriginKind.PART:
        return f"{pattern.scheme}://{pattern.label.replace('*', _LABEL)}.{pattern.host}{port}"
    if pattern.kind is OriginKind.ANY_HOST:
        return f"{pattern.scheme}://{_LABEL}"
    return f"{pattern.scheme}://{pattern.host}:5173" if pattern.kind is OriginKind.ANY_PORT else None
