"""
Views: which resource governs a request where views and blueprints have policies of their own.

A view's mark is stronger than its blueprint's policy, and that than the resource its path falls under.
Routing is asked with the method that a preflight requests, on the app's live URL map.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import length_hint
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask, current_app, has_request_context
from flask import request as flask_request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, MapAdapter, RequestRedirect, Rule
from werkzeug.routing.converters import DEFAULT_CONVERTERS

from flask_cors_env.config import values
from flask_cors_env.config.build import Scope
from flask_cors_env.config.errors import CORSConfigError, Fault, Problem
from flask_cors_env.config.layers import Entry, read_arguments
from flask_cors_env.config.values import AUTO
from flask_cors_env.core.path import PathError, PathIndex, PathPattern, parse_path
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.core.protocol import MAX_METHOD
from flask_cors_env.web import marks
from flask_cors_env.web.marks import Mark

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How many views, with a method each, are looked up once: methods are what clients say.
_REMEMBERED = 1024


class BlueprintPolicy(NamedTuple):
    """
    The policy of one registered blueprint.

    Attributes:
        name: As registered, parents included: ``parent.child``.
        prefix: The URL prefix it is registered under, without a final slash; empty where it has none.
        source: The place of its options, for messages.
        options: As given.
        paths: The path patterns of its resources with their options, which then govern in its stead.
    """

    name: str
    prefix: str
    source: str
    options: Mapping[str, Any]
    paths: tuple[tuple[PathPattern, Mapping[str, Any]], ...] = ()


def blueprint_policy(name: str, prefix: str, options: Mapping[str, Any], resources: Any) -> BlueprintPolicy:
    """
    The policy of a blueprint as it is registered.

    Raises:
        CORSConfigError: A path that is not in the grammar, or outside the blueprint's prefix.
    """
    prefix = prefix.rstrip("/")
    source = f"the arguments of CORS() for the blueprint {name}"
    layer = read_arguments({"resources": resources}, source)
    problems = list(layer.problems)
    paths: dict[PathPattern, dict[str, Any]] = {}
    for entry in layer.entries:
        if entry.path[2] == "PATH":
            for pattern in values.paths(entry.value):
                paths[pattern] = {
                    e.path[2].lower(): e.value for e in layer.entries if e.path[1] == entry.path[1]
                }
                paths[pattern].pop("path")
                problems += _outside(pattern, prefix, entry)
    if problems:
        raise CORSConfigError(problems)
    return BlueprintPolicy(name, prefix, source, options, tuple(paths.items()))


def _outside(pattern: PathPattern, prefix: str, entry: Entry) -> Iterator[Problem]:
    whole = "/" + "/".join(pattern.segments)
    if prefix and whole != prefix and not whole.startswith(f"{prefix}/"):
        message = f"is outside the blueprint's prefix {prefix}; a resource names full paths."
        remedy = f"Write: {prefix}{pattern.text}"
        yield entry.problem(Fault("resource-outside-blueprint", message, pattern.text, remedy))


class _MarkedView(NamedTuple):
    endpoint: str
    method: str
    mark: Mark
    rule: str
    is_above: bool


def marked_views(app: Flask) -> list[_MarkedView]:
    """Every view of *app* that bears a mark, once for each method and rule."""
    found = []
    above = marks.above_routes(app)
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        for method in sorted(rule.methods or ()):
            mark = marks.of_view(app, view, method) or above.get(rule.endpoint)
            if mark is not None and not (method == "OPTIONS" and _answers_options(rule)):
                is_above = above.get(rule.endpoint) is mark
                found.append(_MarkedView(rule.endpoint, method, mark, rule.rule, is_above))
    return found


def _answers_options(rule: Any) -> bool:
    """Whether Flask answers OPTIONS for the rule by itself."""
    return bool(getattr(rule, "provide_automatic_options", False))


class Table:
    """
    The policies of an app's views and blueprints, by where they hold.

    Args:
        views: As `marked_views` tells them.
        blueprints: The policies of its blueprints.
        bases: The resources that paths fall under: what a view inherits from, as it does from those that
            blueprints have.
    """

    def __init__(
        self, views: Iterable[_MarkedView], blueprints: Iterable[BlueprintPolicy], bases: Iterable[Resource]
    ) -> None:
        self._bases = list(bases)
        self._paths = [(resource.name, path) for resource in self._bases for path in resource.paths]
        policies = list(blueprints)
        self.blueprints = {policy.name: policy for policy in policies if not policy.paths}
        self.scopes: list[Scope] = []
        self.names: dict[tuple[str, int, str | None], str] = {}
        self.exempt: set[int] = set()
        self.above: dict[str, Mark] = {}
        for policy in policies:
            self._add_blueprint(policy)
        for view in views:
            self._add_view(view)

    def __bool__(self) -> bool:
        return bool(self.scopes or self.exempt)

    def _add_blueprint(self, policy: BlueprintPolicy) -> None:
        base = _base_of_prefix(policy.prefix, self._bases)
        name = f"blueprint:{policy.name}"
        if not policy.paths:
            self.scopes.append(Scope(name, base, policy.source, policy.options))
        for pattern, options in policy.paths:
            own = {**policy.options, **options}
            self.scopes.append(Scope(f"{name}:{pattern.text}", base, policy.source, own, (pattern,)))
            self._paths.append((f"{name}:{pattern.text}", pattern))

    def _add_view(self, view: _MarkedView) -> None:
        if view.is_above:
            self.above[view.endpoint] = view.mark
        if view.mark.exempt:
            self.exempt.add(id(view.mark))
            return
        for base in self._bases_of(view):
            key = (view.endpoint, id(view.mark), base)
            if key not in self.names:
                self.names[key] = self._name(view, base)
                source = f"@cross_origin on {view.endpoint}"
                self.scopes.append(Scope(self.names[key], base, source, view.mark.options))

    def _name(self, view: _MarkedView, base: str | None) -> str:
        taken = set(self.names.values())
        plain = f"view:{view.endpoint}"
        by_method = f"{plain}.{view.method.lower()}"
        return next(name for name in (plain, by_method, f"{by_method}@{base}") if name not in taken)

    def _bases_of(self, view: _MarkedView) -> list[str | None]:
        """What the view may inherit from: its blueprint's policy, or what its rule's paths fall under."""
        blueprint = innermost(view.endpoint, self.blueprints)
        if blueprint is not None:
            return [f"blueprint:{blueprint}"]
        pattern = _pattern_of(view.rule)
        found = [name for name, path in self._paths if pattern is None or pattern.overlaps(path)]
        # where some resource covers all paths, none falls under nothing
        is_everything = any(path.is_everything for _, path in self._paths)
        return [*dict.fromkeys(found), *([] if is_everything else [None])]


#: Converters whose part stays within its segment, or is the last one.
_CONVERTERS = {"default", "string", "int", "float", "any", "uuid", "path"}


def _pattern_of(rule: str) -> PathPattern | None:
    """*rule* as a pattern; None where a converter of the app's own may match anything."""
    if not set(re.findall(r"<([A-Za-z_]\w*)(?:\([^)]*\))?:", rule)) <= _CONVERTERS:
        return None
    try:
        return parse_path(rule)
    except PathError:
        return None


def _unslashed(rule: Rule) -> PathPattern | None:
    """The pattern of *rule* as it is, or may be, asked for without its final slash."""
    return _pattern_of(rule.rule.rstrip("/") or "/")


def _is_sole(rule: Rule, url_map: Map) -> bool:
    """Whether no other rule of *url_map* routes a URL of *rule*, as far as can be told of them all."""
    mine = _unslashed(rule)
    if mine is None or not DEFAULT_CONVERTERS.items() <= url_map.converters.items():
        return False
    others = (_unslashed(other) for other in url_map.iter_rules() if other is not rule)
    return all(other is not None and not other.overlaps(mine) for other in others)


def _base_of_prefix(prefix: str, bases: Iterable[Resource]) -> str | None:
    """The most specific resource that covers all below *prefix*, or None."""
    below = f"{prefix}/"
    covering = [
        (pattern.specificity, resource.name)
        for resource in bases
        for pattern in resource.paths
        if pattern.deep and pattern.covers(below)
    ]
    return max(covering)[1] if covering else None


def innermost(endpoint: str, blueprints: Mapping[str, Any]) -> str | None:
    """The innermost of *blueprints* that *endpoint* belongs to: ``a.b.view`` is of ``a.b``, and of ``a``."""
    name, dot, _ = endpoint.rpartition(".")
    while dot:
        if name in blueprints:
            return name
        name, dot, _ = name.rpartition(".")
    return None


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

    def for_preflight(self, environ: WSGIEnvironment, path: str, method: str) -> Resource | None:
        """What governs a request of *method* for *path*, with the methods that its answer may list."""
        adapter = self._adapter(environ)
        if adapter is None:  # the app will refuse it, so it takes no method
            return _without_methods(self._for_unrouted(path))
        rule = _rule(adapter, method)
        found = self._for_endpoint(_endpoint_of(rule), path, method)
        return None if found is None else self._with_own_methods(found, adapter, rule, path, method)

    def for_request(self, environ: WSGIEnvironment, path: str, method: str) -> Resource | None:
        """What governs a request of *method* for *path*."""
        adapter = self._adapter(environ)
        rule = None if adapter is None else _rule(adapter, method)
        return self._for_endpoint(_endpoint_of(rule), path, method)

    def _adapter(self, environ: WSGIEnvironment) -> MapAdapter | None:
        try:
            return self._app.create_url_adapter(self._app.request_class(environ, populate_request=False))
        except HTTPException:  # a Host that is none, or not trusted: the app will refuse it
            return None

    def for_active(self, environ: WSGIEnvironment, path: str) -> Resource | None:
        """The same for the request itself, which the app has routed already if it is serving it."""
        method = environ.get("REQUEST_METHOD", "GET")
        ours = has_request_context() and current_app == self._app and flask_request.environ is environ
        if ours and flask_request.endpoint:
            return self._for_endpoint(flask_request.endpoint, path, method)
        return self.for_request(environ, path, method)

    def _for_endpoint(self, endpoint: str | None, path: str, method: str) -> Resource | None:
        if endpoint is None:
            return self._for_unrouted(path)
        blueprint = innermost(endpoint, self._table.blueprints)
        mark = self._mark_of(endpoint, method)
        if mark is not None:
            return self._for_mark(mark, endpoint, blueprint, path)
        return self._policy.resource_for(path) if blueprint is None else self._for_blueprint(blueprint)

    def _mark_of(self, endpoint: str, method: str) -> Mark | None:
        view = self._app.view_functions.get(endpoint)
        try:
            known = len(method) <= MAX_METHOD
            found = self._mark(view, method) if known else marks.of_view(self._app, view, method)
        except TypeError:  # a view without a hash
            found = marks.of_view(self._app, view, method)
        return found or self._table.above.get(endpoint)

    def _for_mark(self, mark: Mark, endpoint: str, blueprint: str | None, path: str) -> Resource | None:
        if mark.exempt:
            return _left_alone(endpoint)
        base = self._find_base(path)
        base_name = None if base is None else base.name
        if blueprint is not None:
            base_name = f"blueprint:{blueprint}"
        name = self._table.names.get((endpoint, id(mark), base_name))
        found = None if name is None else self._policy.resource_named(name)
        return _closed(endpoint) if found is None else found

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
            and self._for_endpoint(endpoint, path, other) is not resource
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
        if rule is not None and rule.methods and self._is_sole(rule):
            return dict.fromkeys(rule.methods - {"OPTIONS"}, rule.endpoint)
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
def _left_alone(endpoint: str) -> Resource:
    return Resource(name=f"view:{endpoint}", enabled=False, exempt=True)


def _without_methods(resource: Resource | None) -> Resource | None:
    if resource is None or AUTO not in resource.methods:
        return resource
    return dataclasses.replace(resource, methods=frozenset())


@functools.lru_cache(maxsize=_REMEMBERED)
def _closed(endpoint: str) -> Resource:
    """What governs a marked view on a path that was not foreseen: nobody is let in."""
    return Resource(name=f"view:{endpoint}")


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
    """The methods that the URL takes, also after a redirect, but for OPTIONS; none if a converter raises."""
    try:
        found = list(adapter.allowed_methods()) or list(adapter.allowed_methods(_slashed(adapter)))
    except Exception:  # noqa: BLE001 - as above
        found = []
    return frozenset(found) - {"OPTIONS"}


def _prefix_entries(policies: Iterable[BlueprintPolicy]) -> Iterator[tuple[PathPattern, str]]:
    """The prefixes of blueprints, and all below them; a prefix in no form of ours is the router's alone."""
    for policy in policies:
        for text in (policy.prefix, f"{policy.prefix}/*") if policy.prefix else ():
            pattern = _pattern_of(text)
            if pattern is not None:
                yield pattern, policy.name
