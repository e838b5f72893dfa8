"""What an app's routes say to its policy: patterns that cover none, and routes that none covers."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

from flask_cors_env.core.path import PathError, PathPattern, parse_path
from flask_cors_env.core.policy import Policy
from flask_cors_env.web.scopes import marked_views


def advice(app: Flask, policy: Policy) -> Iterator[str]:
    """One line for each pattern that covers no route of *app*, and for each route that no resource covers."""
    routes = {rule.rule: rule.endpoint for rule in app.url_map.iter_rules()}
    patterns = {rule: _pattern(rule) for rule in routes}
    for resource in policy.resources:
        for path in resource.paths:
            if path.text != "/*" and not any(p is None or path.overlaps(p) for p in patterns.values()):
                yield f"{path.text} of {resource.name} covers no route"
    governed = [path for resource in policy.resources for path in resource.paths]
    marked = {view.endpoint for view in marked_views(app)}
    for rule, endpoint in sorted(routes.items()):
        pattern = patterns[rule]
        known = endpoint in marked or endpoint.rpartition(".")[2] == "static" or not governed
        if not known and pattern is not None and not any(path.overlaps(pattern) for path in governed):
            yield f"no resource covers {rule} ({endpoint})"


def _pattern(rule: str) -> PathPattern | None:
    """The rule as a pattern; None for one that has no such form, of which nothing is said."""
    try:
        return parse_path(rule)
    except PathError:
        return None
