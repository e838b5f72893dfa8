"""
Views: which resource governs a request where views and blueprints have policies of their own.

Routing is asked with the method that a preflight requests, on the app's live URL map.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Callable, Iterable, Iterator
from operator import length_hint
from typing import TYPE_CHECKING

from flask import Flask, Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, MapAdapter, RequestRedirect, Rule
from werkzeug.routing.converters import DEFAULT_CONVERTERS

from flask_cors_env.config.values import AUTO
from flask_cors_env.core.path import PathIndex, PathPattern
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.core.protocol import MAX_METHOD
from flask_cors_env.web import marks
from flask_cors_env.web.marks import Mark
from flask_cors_env.web.scopes import BlueprintPolicy, Table, innermost, methods_of, pattern_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How many views, with a method each, are looked up once: methods are what clients say.
_REMEMBERED = 1024


def _unslashed(rule: Rule) -> PathPattern | None:
    """The pattern of *rule* as it is, or may be, asked for without its final slash."""
    return pattern_of(rule.rule.rstrip("/") or "/")


def _is_sole(rule: Rule, url_map: Map) -> bool:
    """Whether no other rule of *url_map* routes a URL of *rule*, as far as can be told of them all."""
    mine = _unslashed(rule)
    if mine is None or not DEFAULT_CONVERTERS.items() <= url_map.converters.items():
        return False
    others = (_unslashed(other) for other in url_map.iter_rules() if other is not rule)
    return all(other is not None and not other.overlaps(mine) for other in others)


class Selector:
    """
    Finds the resource that governs a request.

    Args:
        app: Whose URL map is asked.
        policy: Holds the resources of paths, views and blueprints.
        find_base: Gives the resource that a path falls under, also where only views are governed.
        table: Says which resource is whose.
    """

    def __init__(
        self,
        app: Flask,
        policy: Policy,
        find_base: Callable[[str], Resource | None],
        table: Table,
    ) -> None:
        self._app = app
        self._policy = policy
        self._find_base = find_base
        self._table = table
        self._narrowed: dict[tuple[str, frozenset[str], bool], Resource] = {}
        self._sole: dict[int, bool] = {}
        self._rules = 0
        self._mark = functools.lru_cache(maxsize=_REMEMBERED)(functools.partial(marks.of_view, app))
        self._prefixes = PathIndex(_prefix_entries(table.blueprints.values()))

    def request_of(self, environ: WSGIEnvironment) -> Request:
        """Return the app's request for *environ*, which keeps no trace of it."""
        return self._app.request_class(environ, populate_request=False)

    def for_preflight(self, request: Request, path: str, method: str) -> Resource | None:
        """Return what governs a request of *method* for *path*, with the methods that its answer may list."""
        adapter = self._adapter(request)
        if adapter is None:  # the app will refuse it, so it takes no method
            return _without_methods(self._for_unrouted(path))
        rule = _rule(adapter, method)
        found = self._for_endpoint(_endpoint_of(rule), path, method)
        return None if found is None else self._with_own_methods(found, adapter, rule, path, method)

    def for_request(self, request: Request, path: str, method: str) -> Resource | None:
        """Return what governs a request of *method* for *path*."""
        adapter = self._adapter(request)
        rule = None if adapter is None else _rule(adapter, method)
        return self._for_endpoint(_endpoint_of(rule), path, method)

    def for_served(self, request: Request, path: str) -> Resource | None:
        """Return what governs *request*, which Flask serves: it is routed already, if it can be."""
        if request.endpoint:
            return self._for_endpoint(request.endpoint, path, request.method)
        return self.for_request(request, path, request.method)

    def resource_of(self, mark: Mark, endpoint: str, path: str) -> Resource | None:
        """Return the rules of *mark* on the view of *endpoint*; None where the start did not know them."""
        name = self._table.names.get((endpoint, mark, self.base_name(endpoint, path)))
        return None if name is None else self._policy.resource_named(name)

    def base_name(self, endpoint: str | None, path: str) -> str | None:
        """Return the name of what a view's own policy inherits from; None for the app's own settings."""
        blueprint = innermost(endpoint, self._table.blueprints) if endpoint else None
        if blueprint is not None:
            return f"blueprint:{blueprint}"
        base = self._find_base(path)
        return None if base is None else base.name

    def _adapter(self, request: Request) -> MapAdapter | None:
        try:
            return self._app.create_url_adapter(request)
        except HTTPException:  # a Host that is none, or not trusted: the app will refuse it
            return None

    def _for_endpoint(self, endpoint: str | None, path: str, method: str) -> Resource | None:
        if endpoint is None:
            return self._for_unrouted(path)
        blueprint = innermost(endpoint, self._table.blueprints)
        mark = self._mark_of(endpoint, method)
        if mark is not None:
            if mark.exempt:
                return left_alone(endpoint)
            return self.resource_of(mark, endpoint, path) or closed(endpoint)
        return self._policy.resource_for(path) if blueprint is None else self._for_blueprint(blueprint)

    def _mark_of(self, endpoint: str, method: str) -> Mark | None:
        view = self._app.view_functions.get(endpoint)
        try:
            known = len(method) <= MAX_METHOD
            found = self._mark(view, method) if known else marks.of_view(self._app, view, method)
        except TypeError:  # a view without a hash
            found = marks.of_view(self._app, view, method)
        return found or self._table.above.get(endpoint)

    def _for_blueprint(self, name: str) -> Resource | None:
        return self._policy.resource_named(f"blueprint:{name}")

    def _for_unrouted(self, path: str) -> Resource | None:
        """A path that no endpoint routes belongs to the blueprint with the longest prefix above it."""
        above = self._prefixes.find(path)
        return self._policy.resource_for(path) if above is None else self._for_blueprint(above)

    def _with_own_methods(
        self, resource: Resource, adapter: MapAdapter, rule: Rule | None, path: str, method: str
    ) -> Resource:
        """
        *resource*, which governs *method*, without the methods of this URL that another policy governs.

        A browser caches a preflight by origin and URL: what one view's answer lists would be let through to
        the other's. Header names cannot be told apart so, hence nothing is cached where policies differ.
        """
        endpoints = self._endpoints(adapter, rule)
        routed = frozenset(endpoints)
        mine = None if rule is None else (rule.endpoint, self._mark_of(rule.endpoint, method))
        foreign = {
            other
            for other, endpoint in endpoints.items()
            if other != method
            and (endpoint is None or (endpoint, self._mark_of(endpoint, other)) != mine)
            and not _are_one(self._for_endpoint(endpoint, path, other), resource)
        }
        own = routed - foreign
        if AUTO in resource.methods or (foreign and "*" in resource.methods):
            methods = frozenset(own)
        elif foreign:
            methods = resource.methods - foreign
        else:
            return resource
        key = (resource.name, methods, bool(foreign))
        if key not in self._narrowed:
            max_age = 0 if foreign else resource.max_age
            self._narrowed[key] = dataclasses.replace(resource, methods=methods, max_age=max_age)
        return self._narrowed[key]

    def _endpoints(self, adapter: MapAdapter, rule: Rule | None) -> dict[str, str | None]:
        """The endpoints of the URL that *rule* routes, by the methods it takes, but for OPTIONS."""
        if rule is not None and self._is_sole(rule):
            view = self._app.view_functions.get(rule.endpoint)
            return dict.fromkeys(methods_of(rule, view) - {"OPTIONS"}, rule.endpoint)
        rules = {method: _rule(adapter, method) for method in _routed_methods(adapter)}
        return {method: _endpoint_of(found) for method, found in rules.items()}

    def _is_sole(self, rule: Rule) -> bool:
        count = length_hint(self._app.url_map.iter_rules())
        if count != self._rules:  # the map is the app's, and may grow
            self._sole, self._rules = {}, count
        known = self._sole.get(id(rule))  # it has no hash, and stays in the map
        if known is None:
            known = self._sole[id(rule)] = _is_sole(rule, self._app.url_map)
        return known


@functools.lru_cache(maxsize=_REMEMBERED)
def left_alone(endpoint: str) -> Resource:
    """Return what governs an exempted view."""
    return Resource(name=f"view:{endpoint}", enabled=False, exempt=True)


@functools.lru_cache(maxsize=_REMEMBERED)
def _rules(resource: Resource) -> str:
    """Return all that *resource* decides by, without its name and paths."""
    return json.dumps({**resource.canonical(), "name": "", "paths": []})


def _are_one(one: Resource | None, other: Resource) -> bool:
    """Return True where both decide alike: two views of one URL with equal policies have one policy."""
    if one is None or one is other:
        return one is other
    return one.origin_function is other.origin_function and _rules(one) == _rules(other)


def _without_methods(resource: Resource | None) -> Resource | None:
    if resource is None or AUTO not in resource.methods:
        return resource
    return dataclasses.replace(resource, methods=frozenset())


@functools.lru_cache(maxsize=_REMEMBERED)
def closed(name: str) -> Resource:
    """Return what governs a marked view on a path that was not foreseen: no origin is allowed."""
    return Resource(name=f"view:{name}")


def _rule(adapter: MapAdapter, method: str) -> Rule | None:
    """
    The rule that routes *method*, also after a redirect, or another method of the path; else None.

    None, too, where a converter of the app's own raises: the app will answer with an error, and is let to.
    """
    try:
        return _matched(adapter, method)
    except MethodNotAllowed as error:
        others = sorted(error.valid_methods or ())
    except Exception:  # noqa: BLE001 - the application's code, and it will raise there again
        return None
    for other in others:
        with contextlib.suppress(Exception):
            return _matched(adapter, other)
    return None


def _endpoint_of(rule: Rule | None) -> str | None:
    return None if rule is None else rule.endpoint


def _matched(adapter: MapAdapter, method: str) -> Rule:
    try:
        return adapter.match(method=method, return_rule=True)[0]
    except RequestRedirect:
        return adapter.match(_slashed(adapter), method, return_rule=True)[0]


def _slashed(adapter: MapAdapter) -> str:
    """Where a path without its final slash is redirected to."""
    return adapter.path_info.rstrip("/") + "/"


def _routed_methods(adapter: MapAdapter) -> frozenset[str]:
    """Return the methods that the URL takes, also after a redirect, without OPTIONS."""
    for path in (None, _slashed(adapter)):
        try:
            rule = adapter.match(path, "--", return_rule=True)[0]
        except MethodNotAllowed as error:
            return frozenset(error.valid_methods or ()) - {"OPTIONS"}
        except (NotFound, RequestRedirect):
            continue
        except Exception:  # noqa: BLE001 - as above
            break
        return methods_of(rule) - {"OPTIONS"}
    return frozenset()


def _prefix_entries(policies: Iterable[BlueprintPolicy]) -> Iterator[tuple[PathPattern, str]]:
    """The prefixes of blueprints, and all below them; a prefix in no form of ours is the router's alone."""
    for policy in policies:
        for text in (policy.prefix, f"{policy.prefix}/*") if policy.prefix else ():
            pattern = pattern_of(text)
            if pattern is not None:
                yield pattern, policy.name
