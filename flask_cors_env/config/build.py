"""
From all sources to one policy: read, merge, detect the environment, inherit, judge.

`read` collects; `build` judges for one environment and raises with everything that is wrong, or returns a
policy that is valid by construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import Any, NamedTuple

from flask_cors_env.config import values
from flask_cors_env.config.environment import DEVELOPMENT, Environment, Signs, detect
from flask_cors_env.config.errors import CORSConfigError, Fault, FaultyValueError, Problem
from flask_cors_env.config.files import read_env_file, read_policy_file
from flask_cors_env.config.rules import RULE, Level, broken
from flask_cors_env.config.settings import BY_NAME, LOOPBACK_ORIGINS, SETTINGS
from flask_cors_env.config.shown import spelled, written
from flask_cors_env.config.sources import (
    APP_CONFIG,
    NOTE,
    PREFIX,
    PROCESS,
    RESOURCES,
    Kind,
    Layer,
    Merged,
    Path,
    aliases_used,
    attributed,
    full_name,
    merge,
    read_arguments,
    read_variables,
    shadowed,
)
from flask_cors_env.core.origin import ANY, Origins
from flask_cors_env.core.path import PathPattern, overlaps, parse_path
from flask_cors_env.core.policy import DEFAULT, HeaderNames, Policy, Resource, contradictions, path_entries

_EVERYWHERE = (parse_path("/*"),)
#: What PUBLIC decides; a view that names one of these under a public resource is not public any more.
_PUBLIC_SAYS = frozenset({"ORIGINS", "METHODS", "ALLOW_CREDENTIALS"})


@dataclass(frozen=True)
class Scope:
    """
    A view or a blueprint with a policy of its own.

    Attributes:
        name: The resource's name: ``view:<endpoint>`` or ``blueprint:<name>``.
        base: The resource it inherits from, or an earlier scope; None for the app's own settings.
        source: The place of its options, for messages.
        options: As given.
        paths: The paths it governs, where it is found by path after all.
    """

    name: str
    base: str | None
    source: str
    options: Mapping[str, Any]
    paths: tuple[PathPattern, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """
    Everything a policy is made from, as it was found at one moment.

    Attributes:
        environ: The process environment, or what stands in for it.
        config: The app's configuration.
        arguments: Where arguments were given, and which: the weaker first.
        environment: The ``environment=`` argument, or None.
        debug: ``app.debug``.
        testing: ``app.testing``.
        command: Whether a command asks, not a server.
        server: The first request's ``SERVER_SOFTWARE``, or None.
        env_file: The ``env_file=`` argument, or None.
        config_file: The ``config_file=`` argument, or None.
        env_lines: What flask's own loading put into the process environment: name to value and place.
        scopes: Views and blueprints with policies of their own; a base stands before what inherits from it.
        whole: Whether paths are governed, and not only the scopes.
    """

    environ: Mapping[str, str]
    config: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    environment: str | None = None
    debug: bool = False
    testing: bool = False
    command: bool = False
    server: str | None = None
    env_file: str | None = None
    config_file: str | None = None
    env_lines: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    scopes: tuple[Scope, ...] = ()
    whole: bool = True


class Leaf(NamedTuple):
    """
    One value of the policy.

    Attributes:
        resource: The resource's name; empty for the app's own settings.
        setting: Without prefix.
        value: As an operator would write it.
        source: The variable and its place, or whose default it is.
        hides: What weaker sources say, strongest first.
    """

    resource: str
    setting: str
    value: str
    source: str
    hides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Built:
    """
    What came of the inputs.

    Attributes:
        policy: Valid by construction.
        bases: The resources that paths fall under, governed or only inherited from.
        environment: Whose rules judged it.
        warnings: What was borne with.
        notes: What else an operator may want to know.
        app: The values of the app's own settings, by name, defaults included.
        files: The env file and the policy file that were read.
        leaves: Every value, with where it comes from and what it hides.
    """

    policy: Policy
    bases: tuple[Resource, ...]
    environment: Environment
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    app: Mapping[str, Any]
    files: tuple[str, ...] = ()
    leaves: tuple[Leaf, ...] = ()


def build(inputs: Inputs, *, as_environment: str | None = None) -> Built:
    """
    The policy that *inputs* make.

    Args:
        inputs: As they were found.
        as_environment: Judge by the rules of this environment instead of the detected one.

    Raises:
        CORSConfigError: With every problem, in one round.
    """
    sources = _Sources(inputs, as_environment)
    merged = merge(sources.layers)
    draft = _Draft(merged, sources.environment.name, inputs.scopes)
    problems = [*sources.problems, *merged.problems, *aliases_used(sources.layers), *draft.problems()]
    found = [(problem, draft.level(problem)) for problem in problems if not draft.ignores(problem)]
    judged = _worst([*found, *draft.findings()])
    environment = sources.environment
    errors = [problem for problem, level in judged if level is Level.ERROR]
    if errors:
        raise CORSConfigError(errors, str(environment), fallback=environment.fallback)
    governed = draft.resources if inputs.whole else draft.resources[len(draft.bases) :]
    return Built(
        policy=Policy(governed, environment=environment.name),
        bases=tuple(draft.bases),
        environment=environment,
        warnings=tuple(problem for problem, level in judged if level is Level.WARN),
        notes=tuple(problem for problem, level in judged if level is Level.INFO),
        app={s.name: draft.app_value(s.name) for s in SETTINGS if s.for_app},
        files=sources.files,
        leaves=tuple(draft.leaves()),
    )


class _Sources:
    """
    All layers, weakest first; stronger ones name the files, and the environment picks the overlay.

    Attributes:
        layers: As they were read.
        environment: Whose rules hold.
        files: The env file and the policy file that were named.
        problems: Of the environment's name, and of files that cannot be read.
    """

    def __init__(self, inputs: Inputs, as_environment: str | None) -> None:
        self.problems: list[Problem] = []
        self.files: tuple[str, ...] = ()
        config = read_variables(inputs.config, APP_CONFIG, Kind.CONFIG)
        process = attributed(read_variables(inputs.environ, PROCESS), inputs.env_lines)
        arguments = [read_arguments(options, source) for source, options in inputs.arguments]
        env_file = self._env_file(inputs, [config, process])
        named = [config, *env_file, process]
        self.environment = self._environment(inputs, named, as_environment)
        policy_file = self._policy_file(inputs, named)
        self.layers = [config, *policy_file, *env_file, process, *arguments]

    def _env_file(self, inputs: Inputs, layers: Sequence[Layer]) -> list[Layer]:
        named = self._file(inputs.env_file, "env_file", "ENV_FILE", layers)
        return [] if named is None else [read_env_file(*named)]

    def _policy_file(self, inputs: Inputs, layers: Sequence[Layer]) -> list[Layer]:
        named = self._file(inputs.config_file, "config_file", "CONFIG_FILE", layers)
        if named is None:
            return []
        path, variable, source = named
        return read_policy_file(path, self.environment.name, variable, source)

    def _file(
        self, argument: str | None, option: str, setting: str, layers: Sequence[Layer]
    ) -> tuple[str, str, str] | None:
        """The path, and what named it where; None if nothing did."""
        entries = (e for layer in reversed(layers) for e in layer.entries if e.path == (setting,))
        entry = next((e for e in entries if not values.is_blank(e.value)), None)
        if argument is None and entry is None:
            return None
        if argument is not None or entry is None:
            found = (str(argument), option, "the arguments")
        else:
            found = (values.unquote(str(entry.value)), entry.variable, entry.source)
        self.files = (*self.files, found[0])
        return found

    def _environment(self, inputs: Inputs, layers: Sequence[Layer], asked: str | None) -> Environment:
        entries = [e for layer in reversed(layers) for e in layer.entries if e.path == ("ENV",)]
        named = next((e for e in entries if not values.is_blank(e.value)), None)
        signs = Signs(
            argument=inputs.environment if asked is None else asked,
            cors_env=None if named is None else (str(named.value), named.source),
            environ=inputs.environ,
            debug=inputs.debug,
            testing=inputs.testing,
            command=inputs.command,
            server=inputs.server,
        )
        try:
            found = detect(signs)
        except FaultyValueError as error:
            variable, source = "environment", "the arguments"
            if signs.argument is None and named is not None:
                variable, source = named.variable, named.source
            self.problems += [
                Problem(f.code, "CORS_ENV", variable, source, f.message, f.value, f.remedy)
                for f in error.faults
            ]
            return Environment("production", "the environment's name is unknown")
        return found if asked is None else replace(found, because="it was asked for")


def _worst(findings: Iterable[tuple[Problem, Level]]) -> list[tuple[Problem, Level]]:
    """Each problem once, at its worst: a value that several resources inherit is one thing to mend."""
    worst: dict[Problem, Level] = {}
    for problem, level in findings:
        worst[problem] = max(worst.get(problem, level), level, key=list(Level).index)
    return list(worst.items())


class _Draft:
    """The resources that merged settings make in one environment, and all that is wrong with them."""

    def __init__(self, merged: Merged, environment: str, scopes: Sequence[Scope] = ()) -> None:
        self._merged = merged
        self._environment = environment
        self._problems: list[Problem] = []
        self._unsafe: dict[str, frozenset[str]] = {}
        self._prefixes: dict[str, str] = {}
        names = sorted(merged.resources) or [DEFAULT]
        self.bases = [self._resource(name) for name in names]
        self.resources = self.bases + [self._scoped(scope) for scope in scopes]

    def app_value(self, name: str) -> Any:
        """The value of one of the app's own settings, its default where nobody set it."""
        value = self._merged.app.get(name)
        return self._default(name) if value is None else value

    def level(self, problem: Problem) -> Level:
        """How bad *problem* is in this environment, whatever resource it is of."""
        if problem.rule is None:
            return Level.ERROR
        if problem.rule == NOTE:
            return Level.INFO
        if problem.rule == "unknown":
            return Level.ERROR if self.app_value("STRICT") else Level.WARN
        return RULE[problem.rule].level(self._environment)

    def ignores(self, problem: Problem) -> bool:
        """Whether *problem* is of a name that CORS_IGNORE passes over."""
        globs = self.app_value("IGNORE") or ()
        return problem.rule == "unknown" and any(fnmatch(problem.setting, glob.upper()) for glob in globs)

    def leaves(self) -> Iterator[Leaf]:
        """Every value, with where it comes from and what it hides."""
        for setting in SETTINGS:
            if not setting.for_resource:
                yield self._leaf("", setting.name, (setting.name,), self.app_value(setting.name))
        for resource in self.resources:
            for setting in SETTINGS:
                if setting.for_resource and (setting.for_app or resource.name in self._merged.resources):
                    value = written(resource, setting.name, self._value(resource.name, setting.name))
                    yield self._leaf(
                        resource.name, setting.name, self._path_of(resource.name, setting.name), value
                    )

    def _leaf(self, resource: str, name: str, path: Path, value: Any) -> Leaf:
        if name in _PUBLIC_SAYS and self._merged.resources.get(resource, {}).get("PUBLIC"):
            path = (RESOURCES, resource, "PUBLIC")
        stack = self._merged.stacks.get(path, [])
        texts = [f"{entry.variable} in {entry.source}" for entry in stack]
        source = texts[0] if texts else f"default of {self._environment}"
        return Leaf(resource, name, spelled(value), source, tuple(texts[1:]))

    def problems(self) -> list[Problem]:
        """All that is wrong whatever resource it is of."""
        contradicted = [problem for resource in self.resources for problem in self._contradictions(resource)]
        found = [*self._problems, *contradicted, *self._overlapping()]
        return [*found, *shadowed(self._merged.stacks), *self._unused()]

    def findings(self) -> Iterator[tuple[Problem, Level]]:
        """The rules that each resource breaks, and how bad that is there."""
        for resource in self.resources:
            for rule, fault in broken(resource):
                level = rule.level(self._environment, credentials=resource.allow_credentials)
                if level is Level.ERROR and rule.id in self._unsafe[resource.name]:
                    level = Level.WARN
                if rule.setting is not None and self._is_chosen(resource.name, rule.setting):
                    yield self._problem(resource.name, rule.setting, fault, rule.id), level

    def _is_chosen(self, resource: str, setting: str) -> bool:
        """Whether somebody set what a rule judges: no default breaks one, and PUBLIC is the explicit door."""
        return self._is_set(resource, setting) and not (
            setting == "ORIGINS" and self._value(resource, "PUBLIC")
        )

    def _default(self, name: str) -> Any:
        text = BY_NAME[name].defaults.get(self._environment)
        return None if text is None else BY_NAME[name].parse(text)

    def _value(self, resource: str, name: str) -> Any:
        """The resource's own value, else the app's, else the default; PUBLIC and PATH are never inherited."""
        own = self._merged.resources.get(resource, {}).get(name)
        if own is not None:
            return own
        return self.app_value(name) if BY_NAME[name].for_app else self._default(name)

    def _path_of(self, resource: str, name: str) -> Path:
        """The leaf that decides the value: the resource's own if it is set, or if nothing is."""
        own = (RESOURCES, resource, name)
        top = (name,)
        if resource not in self._merged.resources or (
            own not in self._merged.stacks and top in self._merged.stacks
        ):
            return top
        return own

    def _spelled(self, resource: str, name: str) -> str:
        """The setting as whoever reads a problem would write it: as it was, else as its variable."""
        stack = self._merged.stacks.get(self._path_of(resource, name))
        return stack[0].variable if stack else self._prefix(resource) + name

    def _is_set(self, resource: str, name: str) -> bool:
        return self._path_of(resource, name) in self._merged.stacks

    def _problem(self, resource: str, name: str, fault: Fault, rule: str | None = None) -> Problem:
        path = self._path_of(resource, name)
        stack = self._merged.stacks.get(path)
        if stack:
            return stack[0].problem(fault, rule)
        variable = full_name(path)
        return Problem(
            fault.code, variable, variable, "the defaults", fault.message, fault.value, fault.remedy, rule
        )

    def _resource(self, name: str) -> Resource:
        public = bool(self._value(name, "PUBLIC"))
        credentials = bool(self._value(name, "ALLOW_CREDENTIALS")) and not public
        origins, defaulted = self._origins(name, public=public, credentials=credentials)
        if self._environment == DEVELOPMENT and not self._is_set(name, "ALLOW_HEADERS"):
            defaulted |= {"ALLOW_HEADERS"}
        self._unsafe[name] = self._unsafe_rules(name)
        if public:
            self._check_public(name)
        return Resource(
            name=name,
            paths=self._paths(name),
            origins=Origins(origins.patterns),
            origin_function=origins.function,
            methods=frozenset({"GET", "HEAD"}) if public else self._value(name, "METHODS"),
            allow_headers=HeaderNames(self._value(name, "ALLOW_HEADERS")),
            expose_headers=self._value(name, "EXPOSE_HEADERS"),
            allow_credentials=credentials,
            max_age=self._value(name, "MAX_AGE"),
            enforce=self._value(name, "ENFORCE"),
            enabled=self._value(name, "ENABLED"),
            defaulted=frozenset(defaulted),
            prefix=self._prefix(name),
        )

    def _scoped(self, scope: Scope) -> Resource:
        """The resource of a view or blueprint: what it inherits from, with its own options over it."""
        own = merge([read_arguments(scope.options, scope.source)])
        self._problems += own.problems
        base = "" if scope.base in {None, DEFAULT} else str(scope.base)
        dropped = {"PATH", "PUBLIC"} if own.app.keys() & _PUBLIC_SAYS else {"PATH"}
        inherited = {n: v for n, v in self._merged.resources.get(base, {}).items() if n not in dropped}
        self._merged.resources[scope.name] = {**inherited, **own.app}
        self._prefixes[scope.name] = self._prefix(base)
        for setting in BY_NAME.values():
            mine, theirs = (setting.name,), (RESOURCES, base, setting.name)
            stack = own.stacks.get(mine) or self._merged.stacks.get(theirs)
            if stack and setting.for_resource and setting.for_app:
                self._merged.stacks[RESOURCES, scope.name, setting.name] = stack
        return replace(self._resource(scope.name), paths=scope.paths)

    def _prefix(self, name: str) -> str:
        """What the variables of the resource begin with; those of a view are what it inherits from."""
        plain = f"{PREFIX}{RESOURCES}__{name.upper()}__" if name in self._merged.resources else PREFIX
        return self._prefixes.get(name, plain)

    def _origins(self, name: str, *, public: bool, credentials: bool) -> tuple[values.OriginValue, set[str]]:
        """The origins, and whether they are a default of development."""
        if public:
            return values.OriginValue((ANY,)), set()
        if self._is_set(name, "ORIGINS"):
            value: values.OriginValue | None = self._value(name, "ORIGINS")
            return value or values.OriginValue(), set()
        default = self._default("ORIGINS")
        if self._environment != DEVELOPMENT:
            return default, set()
        return (values.origins(LOOPBACK_ORIGINS) if credentials else default), {"ORIGINS"}

    def _paths(self, name: str) -> Any:
        if name not in self._merged.resources:
            return _EVERYWHERE
        found = self._merged.resources[name].get("PATH")
        path = (RESOURCES, name, "PATH")
        if not found and path not in self._merged.stacks and ":" not in name:
            variable = full_name(path)
            stack = next(s for p, s in self._merged.stacks.items() if p[:2] == path[:2])
            fault = Fault(
                "resource-has-no-path", "is missing: a resource governs paths.", None, f"Set {variable}"
            )
            self._problems.append(replace(stack[0].problem(fault), setting=variable, variable=variable))
        return found or ()

    def _check_public(self, name: str) -> None:
        own = self._merged.resources[name]
        for setting in sorted(_PUBLIC_SAYS):
            if own.get(setting) not in (None, False):
                message = "stands beside PUBLIC, which means every origin, GET and HEAD, and no credentials."
                fault = Fault("public-with-rules", message, None, "Remove one of the two")
                self._problems.append(self._problem(name, setting, fault))

    def _unsafe_rules(self, name: str) -> frozenset[str]:
        named = self._value(name, "UNSAFE_ALLOW") or ()
        for rule_id in named:
            if rule_id not in RULE:
                fault = Fault("rule-unknown", "is no rule.", rule_id, f"Write: {', '.join(RULE)}")
                self._problems.append(self._problem(name, "UNSAFE_ALLOW", fault))
        return frozenset(named)

    def _contradictions(self, resource: Resource) -> Iterator[Problem]:
        for contradiction in contradictions(resource):
            credentials = self._spelled(resource.name, "ALLOW_CREDENTIALS")
            remedy = contradiction.remedy.format(credentials=credentials)
            fault = Fault(contradiction.code, contradiction.message, None, remedy)
            yield self._problem(resource.name, contradiction.setting, fault)

    def _unused(self) -> Iterator[Problem]:
        """Origins of the app that no resource inherits: they look as if they let somebody in."""
        stack = self._merged.stacks.get(("ORIGINS",))
        resources = self._merged.resources
        if stack and resources and all(r.get("ORIGINS") or r.get("PUBLIC") for r in resources.values()):
            message = "has no effect: every resource names its own origins."
            yield stack[0].problem(Fault("unused-top-level", message, None, "Remove it"), "unused-top-level")

    def _overlapping(self) -> Iterator[Problem]:
        for overlap in overlaps(path_entries(self.resources)):
            message = (
                f"and {overlap.other[0].text} of {overlap.other[1].name} cover one path, equally specific."
            )
            fault = Fault("path-overlap", message, overlap.one[0].text, "Make one of them more specific")
            yield self._problem(overlap.one[1].name, "PATH", fault)


def is_ours(name: str) -> bool:
    """Whether *name* is of a variable or configuration key that this package reads."""
    return name.upper().startswith(PREFIX)
