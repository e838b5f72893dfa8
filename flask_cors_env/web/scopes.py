"""
Scopes: the policies of views and blueprints, collected when the app starts.

A view's mark is stronger than its blueprint's policy, and that than the resource its path falls under.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.routing import Rule

from flask_cors_env.config import values
from flask_cors_env.config.build import Scope
from flask_cors_env.config.errors import CORSConfigError, Fault, Problem
from flask_cors_env.config.layers import Entry, read_arguments
from flask_cors_env.core.path import PathError, PathPattern, parse_path
from flask_cors_env.core.policy import Resource
from flask_cors_env.web import marks
from flask_cors_env.web.marks import Mark


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


class MarkedView(NamedTuple):
    """
    A view that bears a mark, for one method and one rule.

    Attributes:
        endpoint: The view's.
        method: In upper case.
        mark: What holds for the method.
        rule: As it is written in the URL map.
        is_above: True where the mark stands above the route.
    """

    endpoint: str
    method: str
    mark: Mark
    rule: str
    is_above: bool


def marked_views(app: Flask) -> list[MarkedView]:
    """Every view of *app* that bears a mark, once for each method and rule."""
    found = []
    above = marks.above_routes(app)
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        for method in sorted(methods_of(rule, view)):
            mark = marks.of_view(app, view, method) or above.get(rule.endpoint)
            if mark is not None and not (method == "OPTIONS" and _answers_options(rule)):
                is_above = above.get(rule.endpoint) is mark
                found.append(MarkedView(rule.endpoint, method, mark, rule.rule, is_above))
    return found


#: What a rule that names no methods takes, as far as a list can say: it takes every method.
_ANY_METHOD = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def methods_of(rule: Rule, view: Any = None) -> frozenset[str]:
    """Return the methods of *rule*; of one without methods the usual ones, and those that *view* handles."""
    if rule.methods is not None:
        return frozenset(rule.methods)
    return _ANY_METHOD.union(getattr(getattr(view, "view_class", None), "methods", None) or ())


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
        self, views: Iterable[MarkedView], blueprints: Iterable[BlueprintPolicy], bases: Iterable[Resource]
    ) -> None:
        self._bases = list(bases)
        self._paths = [(resource.name, path) for resource in self._bases for path in resource.paths]
        policies = list(blueprints)
        self.blueprints = {policy.name: policy for policy in policies if not policy.paths}
        self.scopes: list[Scope] = []
        self.names: dict[tuple[str, Mark, str | None], str] = {}
        self.exempt: set[Mark] = set()
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

    def _add_view(self, view: MarkedView) -> None:
        if view.is_above:
            self.above[view.endpoint] = view.mark
        if view.mark.exempt:
            self.exempt.add(view.mark)
            return
        for base in self._bases_of(view):
            key = (view.endpoint, view.mark, base)
            if key not in self.names:
                self.names[key] = self._name(view, base)
                source = f"@cross_origin on {view.endpoint}"
                self.scopes.append(Scope(self.names[key], base, source, view.mark.options))

    def _name(self, view: MarkedView, base: str | None) -> str:
        taken = set(self.names.values())
        plain = f"view:{view.endpoint}"
        by_method = f"{plain}.{view.method.lower()}"
        return next(name for name in (plain, by_method, f"{by_method}@{base}") if name not in taken)

    def _bases_of(self, view: MarkedView) -> list[str | None]:
        """What the view may inherit from: its blueprint's policy, or what its rule's paths fall under."""
        blueprint = innermost(view.endpoint, self.blueprints)
        if blueprint is not None:
            return [f"blueprint:{blueprint}"]
        pattern = pattern_of(view.rule)
        found = [name for name, path in self._paths if pattern is None or pattern.overlaps(path)]
        # where some resource covers all paths, none falls under nothing
        is_everything = any(path.is_everything for _, path in self._paths)
        return [*dict.fromkeys(found), *([] if is_everything else [None])]


#: Converters whose part stays within its segment, or is the last one.
_CONVERTERS = {"default", "string", "int", "float", "any", "uuid", "path"}


def pattern_of(rule: str) -> PathPattern | None:
    """*rule* as a pattern; None where a converter of the app's own may match anything."""
    if not set(re.findall(r"<([A-Za-z_]\w*)(?:\([^)]*\))?:", rule)) <= _CONVERTERS:
        return None
    try:
        return parse_path(rule)
    except PathError:
        return None


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
