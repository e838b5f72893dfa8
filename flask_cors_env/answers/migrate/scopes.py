"""Views and blueprints: the paths that flask-cors governs by way of what is routed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from flask_cors_env.answers.migrate.differences import Difference, Line
from flask_cors_env.core.path import PathError, PathPattern, parse_path
from flask_cors_env.web.peer import Found, Governed, Route


@dataclass
class Scoped:
    """
    Paths of ours.

    Attributes:
        paths: What is governed.
        closed: What is to be closed, since it cannot be told which part of it is governed.
        lines: What is different about them.
    """

    paths: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def of_view(endpoint: str, place: str, found: Found, alike: Collection[str], advice: str | None) -> Scoped:
    """
    Return the rules of a decorated view, where only views of its policy are routed to them.

    Args:
        endpoint: The view's.
        place: For the lines.
        found: How the app uses flask-cors.
        alike: The endpoints that have the same policy, its own included.
        advice: The decorator to write where the view keeps it.
    """
    mine = [route for route in found.routes if route.endpoint == endpoint]
    decorated = {governed.endpoint for governed in found.governed}
    others = [r for r in found.routes if r.endpoint not in alike and not _is_settled(r, mine, decorated)]
    if endpoint not in found.unread and all(_is_alone(route, others) for route in mine):
        return Scoped([route.rule for route in mine])
    return Scoped(closed=_closed(mine), lines=[Line.of(Difference.VIEW_BY_HAND, place, None, advice)])


def _is_settled(route: Route, mine: Iterable[Route], decorated: Collection[str | None]) -> bool:
    """Whether the path of *route* will be a resource of its own, more specific than any rule of *mine*."""
    pattern = _pattern(route)
    shared = any(route.rule == other.rule for other in mine)
    return pattern is not None and pattern.is_literal and route.endpoint in decorated and not shared


def _closed(routes: Iterable[Route]) -> list[str]:
    """Those rules of *routes* that have a form of ours."""
    return [route.rule for route in routes if _pattern(route) is not None]


def _is_alone(route: Route, others: Iterable[Route]) -> bool:
    """Whether the rule has a form of ours, which covers no path of another rule."""
    pattern = _pattern(route)
    return pattern is not None and not any(
        _meets(pattern, other) for other in others if not pattern.is_literal or other.rule == route.rule
    )


def _pattern(route: Route) -> PathPattern | None:
    try:
        return parse_path(route.rule) if route.is_for_every_host else None
    except PathError:
        return None


def _meets(pattern: PathPattern, route: Route) -> bool:
    """Whether *pattern* may cover a path of the rule."""
    try:
        return pattern.overlaps(parse_path(route.rule))
    except PathError:
        return True


def of_blueprint(governed: Governed, scoped: Scoped, place: str, routes: Sequence[Route]) -> Scoped:
    """
    What is left of the paths *scoped* where they hold for a blueprint's routes only.

    Args:
        governed: The blueprint's.
        scoped: Its patterns, as if they were the app's.
        place: For the lines.
        routes: The app's.
    """
    mine = [route for route in routes if route.endpoint.startswith(f"{governed.blueprint}.")]
    others = [route for route in routes if route not in mine]
    made = Scoped([], scoped.closed, list(scoped.lines))
    for text in scoped.paths:
        _add(made, parse_path(text), place, mine, others)
    return made


def _add(
    made: Scoped, pattern: PathPattern, place: str, mine: Sequence[Route], others: Sequence[Route]
) -> None:
    covered = [route for route in mine if _meets(pattern, route)]
    below = _below(covered) if pattern.is_everything else pattern
    if not covered:
        made.lines.append(Line.of(Difference.PATH_NEVER, place, pattern.text))
    elif below is not None and not any(_meets(_strictly(below), route) for route in others):
        made.paths.append(below.text)
        made.lines += [] if below.is_literal else [Line.of(Difference.BLUEPRINT_BELOW, place, below.text)]
        if any(_meets(below, route) for route in others):
            made.lines.append(Line.of(Difference.PATH_ABOVE, place, below.text))
    elif pattern.is_everything and all(_is_alone(route, others) for route in covered):
        made.paths += [route.rule for route in covered]
    else:
        made.closed += _closed(covered)
        made.lines.append(Line.of(Difference.BLUEPRINT_BY_HAND, place, pattern.text))


def _strictly(pattern: PathPattern) -> PathPattern:
    """Return *pattern* without the path above its final ``/*``."""
    return parse_path(re.sub(r"/\*$", "/<path:below>", pattern.text)) if pattern.deep else pattern


def _below(routes: Sequence[Route]) -> PathPattern | None:
    """All that is below the segments in which the rules begin; None where they have none in common."""
    split = [route.rule.partition("<")[0].split("/")[1:-1] for route in routes]
    shared = [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*split, strict=False))]
    return parse_path(f"/{'/'.join(shared)}/*") if shared else None
