"""
Translation: how an app uses flask-cors, as resources of ours.

Every path stands alone at first, with its settings, in the order in which flask-cors asks. Where two cover
one path it is settled what ours makes of them, and told; then paths with the same settings are one resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flask_cors_env.answers.migrate import options, paths, written
from flask_cors_env.answers.migrate.differences import Difference, Effect, Line
from flask_cors_env.answers.migrate.options import Settings
from flask_cors_env.answers.migrate.scopes import Scoped, of_blueprint, of_view
from flask_cors_env.answers.migrate.written import Resource
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.core.environments import DEVELOPMENT, PRODUCTION
from flask_cors_env.core.path import PathPattern, parse_path
from flask_cors_env.web.peer import Found, Governed, Options


@dataclass(frozen=True)
class Translation:
    """
    Settings that mean what flask-cors was told.

    Attributes:
        resources: With names of their own; one without a name is the app's.
        lines: What behaves differently.
        explicit: Whether defaults are written too, since app.config still says something else.
    """

    resources: tuple[Resource, ...]
    lines: tuple[Line, ...]
    explicit: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be done by hand."""
        return not any(line.difference.effect is Effect.BY_HAND for line in self.lines)

    @property
    def variables(self) -> dict[str, str]:
        """The settings as environment variables."""
        return written.variables(self.resources, explicit=self.explicit)

    @property
    def tree(self) -> Settings:
        """The settings as a policy file's."""
        return written.tree(self.resources, explicit=self.explicit)


@dataclass
class _Unit:
    """One path with its settings: *first* says who asked for it, *rank* when flask-cors asks it."""

    path: PathPattern
    settings: Settings
    place: str
    call: int
    is_view: bool = False


@dataclass
class _Drafted:
    units: list[_Unit] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def translate(found: Found) -> Translation:
    """The settings that mean what *found* does, and every difference, each once."""
    draft = _Drafted()
    unread = [Governed(f"@cross_origin {name}", (), Options(origins=()), None, name) for name in found.unread]
    for governed in (*unread, *found.governed):
        _draft(draft, governed, found)
    units = _settled(draft)
    resources = written.named(_grouped(units))
    draft.lines += _of_app(found, units)
    draft.lines += _of_production(resources)
    return Translation(resources, tuple(_ordered(draft.lines)), explicit=bool(found.config))


def _ordered(lines: Iterable[Line]) -> list[Line]:
    """*lines* without repeats, what needs a hand first."""
    effects = list(Effect)
    return sorted(dict.fromkeys(lines), key=lambda line: effects.index(line.difference.effect))


def _draft(draft: _Drafted, governed: Governed, found: Found) -> None:
    place = _place(governed)
    scoped = _scoped(governed, place, found)
    draft.lines += scoped.lines
    if not (scoped.paths or scoped.closed):
        return
    is_view = governed.endpoint is not None
    made = options.translate(governed.options, place, is_view=is_view)
    draft.lines += made.lines if scoped.paths or not is_view else []
    closed = _closed(made.settings)
    for texts, settings in ((scoped.closed, closed), (scoped.paths, made.settings)):
        draft.units += [_Unit(parse_path(text), settings, place, governed.call, is_view) for text in texts]


def _place(governed: Governed) -> str:
    if governed.endpoint is not None or paths.translate(governed.patterns, "").texts == [paths.EVERYTHING]:
        return governed.place
    (pattern,) = governed.patterns
    return f"{governed.place} {getattr(pattern, 'pattern', pattern)}"


def _scoped(governed: Governed, place: str, found: Found) -> Scoped:
    if governed.endpoint is not None:
        return of_view(governed.endpoint, place, found)
    made = paths.translate(governed.patterns, place, {route.rule for route in found.routes})
    scoped = Scoped(made.texts, made.closed, made.lines)
    return scoped if governed.blueprint is None else of_blueprint(governed, scoped, place, found.routes)


def _closed(settings: Settings) -> Settings:
    """*settings* that let nobody in."""
    return {name: value for name, value in settings.items() if name != "PUBLIC"} | {"ORIGINS": []}


def _settled(draft: _Drafted) -> list[_Unit]:
    """The units of which none hides another unless it is more specific."""
    kept: list[_Unit] = []
    for unit in draft.units:
        rivals = [other for other in kept if other.path.overlaps(unit.path)]
        stays = [_settle(draft, other, unit) for other in rivals]
        if all(stays):
            kept.append(unit)
    return [unit for unit in kept if not _is_idle(unit, kept)]


def _is_idle(unit: _Unit, units: Iterable[_Unit]) -> bool:
    """Whether *unit* closes a view's path that nothing else opens."""
    others = (other for other in units if other.settings != unit.settings)
    closed = unit.is_view and unit.settings.get("ORIGINS") == []
    return closed and not any(other.path.overlaps(unit.path) for other in others)


def _settle(draft: _Drafted, first: _Unit, later: _Unit) -> bool:
    """Settle what two units make of the paths that both cover; whether the later one stays."""
    is_same = _same_paths(first.path, later.path)
    if first.settings == later.settings:
        return not is_same
    if first.is_view and (is_same or first.path.specificity > later.path.specificity):
        return not is_same
    difference = Difference.PATH_ORDER if first.call == later.call else Difference.POLICY_UNION
    if is_same and _differ_in_origins_only(first, later):
        first.settings = first.settings | {"ORIGINS": _union(first, later)}
        return False
    if not is_same and first.path.specificity == later.path.specificity:
        first.settings = later.settings = _closed(first.settings)
        difference = Difference.PATH_OVERLAP
    if is_same or first.call != later.call or first.path.specificity <= later.path.specificity:
        draft.lines.append(Line.of(difference, later.place, later.path.text, f"Beside: {first.path.text}"))
    return not is_same


def _same_paths(one: PathPattern, other: PathPattern) -> bool:
    return (one.segments, one.deep) == (other.segments, other.deep)


def _differ_in_origins_only(first: _Unit, later: _Unit) -> bool:
    """Whether two calls say the same of a path, but for the origins, which can be put together."""
    if first.call == later.call or first.is_view or "PUBLIC" in first.settings | later.settings:
        return False
    lists = (first.settings["ORIGINS"], later.settings["ORIGINS"])
    return ["*"] not in lists and first.settings | {"ORIGINS": []} == later.settings | {"ORIGINS": []}


def _union(first: _Unit, later: _Unit) -> list[str]:
    return list(dict.fromkeys(first.settings["ORIGINS"] + later.settings["ORIGINS"]))


def _grouped(units: Iterable[_Unit]) -> Iterator[Resource]:
    """Resources: the paths that have the same settings, in the order found."""
    groups: list[Resource] = []
    for unit in units:
        known = next((group for group in groups if group.settings == unit.settings), None)
        if known is None:
            groups.append(Resource("", [unit.path.text], unit.settings))
        else:
            known.paths.append(unit.path.text)
    return iter(groups)


def _of_app(found: Found, units: Sequence[_Unit]) -> Iterator[Line]:
    """What is different of the app as a whole, where something is governed at all."""
    settings = [unit.settings for unit in units]
    views = [unit.place.rpartition(" ")[2] for unit in units if unit.is_view]
    if found.hooks and units:
        yield Line(Difference.PREFLIGHT_FIRST)
    if any(not _lets_all_in(one) for one in settings):
        yield Line(Difference.PREFLIGHT_REFUSED)
    if any(not unit.is_view for unit in units):
        yield Line(Difference.PREFLIGHT_UNROUTED)
    if any(one.get("ORIGINS", ["*"]) != ["*"] for one in settings):
        yield Line(Difference.VARY)
    if views:
        yield Line.of(Difference.VIEW_ERRORS, "@cross_origin", ", ".join(dict.fromkeys(views)))
    for key in found.config:
        yield Line.of(Difference.APP_CONFIG, "app.config", key)


def _lets_all_in(settings: Settings) -> bool:
    return settings.get("ORIGINS") == ["*"] == settings.get("METHODS")


def _of_production(resources: Sequence[Resource]) -> Iterator[Line]:
    """What production's rules refuse; development has to bear with all of it."""
    environ = written.variables(resources)
    build(Inputs(environ=environ, environment=DEVELOPMENT))
    try:
        build(Inputs(environ=environ, environment=PRODUCTION))
    except CORSConfigError as error:
        for problem in error.problems:
            advice = " ".join(filter(None, [f"[{problem.code}]", problem.sentence, problem.remedy]))
            yield Line(Difference.PRODUCTION, problem.variable, None, advice)
