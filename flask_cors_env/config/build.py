"""
From all sources to one policy: read, merge, detect the environment, inherit, judge.

`read` collects; `build` judges for one environment and raises with everything that is wrong, or returns a
policy that is valid by construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask_cors_env.config import values
from flask_cors_env.config.environment import DEVELOPMENT, Environment, Signs, detect
from flask_cors_env.config.errors import CORSConfigError, Fault, FaultyValueError, Problem
from flask_cors_env.config.rules import RULE, Level, broken
from flask_cors_env.config.settings import BY_NAME, LOOPBACK_ORIGINS, SETTINGS
from flask_cors_env.config.sources import (
    APP_CONFIG,
    PREFIX,
    PROCESS,
    RESOURCES,
    Layer,
    Merged,
    Path,
    full_name,
    merge,
    read_arguments,
    read_variables,
)
from flask_cors_env.core.origin import ANY, Origins
from flask_cors_env.core.path import PathPattern, overlaps, parse_path
from flask_cors_env.core.policy import DEFAULT, HeaderNames, Policy, Resource, contradictions, path_entries

_EVERYWHERE = (parse_path("/*"),)
#: Options of a view that say who may do what, so that a public resource's answer no longer holds.
_CLOSES_PUBLIC = frozenset({"ORIGINS", "METHODS", "ALLOW_CREDENTIALS"})


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
    scopes: tuple[Scope, ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class Built:
    """
    What came of the inputs.

    Attributes:
        policy: Valid by construction.
        bases: The resources that paths fall under, governed or only inherited from.
        environment: Whose rules judged it.
        warnings: What was borne with.
        app: The values of the app's own settings, by name, defaults included.
    """

    policy: Policy
    bases: tuple[Resource, ...]
    environment: Environment
    warnings: tuple[Problem, ...]
    app: Mapping[str, Any]


def build(inputs: Inputs, *, as_environment: str | None = None) -> Built:
    """
    The policy that *inputs* make.

    Args:
        inputs: As they were found.
        as_environment: Judge by the rules of this environment instead of the detected one.

    Raises:
        CORSConfigError: With every problem, in one round.
    """
    merged = merge(_layers(inputs))
    problems = list(merged.problems)
    environment = _detected(inputs, merged, problems)
    if as_environment is not None:
        environment = Environment(as_environment, "it was asked for")
    draft = _Draft(merged, environment.name, inputs.scopes)
    problems += draft.problems()
    warnings = [problem for problem in problems if draft.level(problem) is not Level.ERROR]
    errors = [problem for problem in problems if draft.level(problem) is Level.ERROR]
    if errors:
        raise CORSConfigError(_unique(errors), str(environment), fallback=environment.fallback)
    governed = draft.resources if inputs.whole else draft.resources[len(draft.bases) :]
    policy = Policy(governed, environment=environment.name)
    app = {s.name: draft.app_value(s.name) for s in SETTINGS if s.for_app}
    noted = [problem for problem in warnings if draft.level(problem) is Level.WARN]
    return Built(policy, tuple(draft.bases), environment, tuple(_unique(noted)), app)


def _layers(inputs: Inputs) -> list[Layer]:
    return [
        read_variables(inputs.config, APP_CONFIG),
        read_variables(inputs.environ, PROCESS),
        *(read_arguments(options, source) for source, options in inputs.arguments),
    ]


def _detected(inputs: Inputs, merged: Merged, problems: list[Problem]) -> Environment:
    stack = merged.stacks.get(("ENV",), [])
    found = (str(stack[0].value), stack[0].source) if stack else None
    signs = Signs(
        argument=inputs.environment,
        cors_env=found,
        environ=inputs.environ,
        debug=inputs.debug,
        testing=inputs.testing,
        command=inputs.command,
        server=inputs.server,
    )
    try:
        return detect(signs)
    except FaultyValueError as error:
        variable = "environment" if inputs.environment is not None else stack[0].variable
        source = "the arguments" if inputs.environment is not None else stack[0].source
        problems += [
            Problem(f.code, "CORS_ENV", variable, source, f.message, f.value, f.remedy) for f in error.faults
        ]
        return Environment("production", "the environment's name is unknown")


def _unique(problems: Iterable[Problem]) -> list[Problem]:
    """*problems* once each: a value that several resources inherit is one thing to mend."""
    return list(dict.fromkeys(problems))


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
        """How bad *problem* is in this environment."""
        if problem.rule is None:
            return Level.ERROR
        resource, _, rule_id = problem.rule.rpartition("|")
        credentials = any(r.allow_credentials for r in self.resources if r.name == resource)
        level = RULE[rule_id].level(self._environment, credentials=credentials)
        return Level.WARN if level is Level.ERROR and rule_id in self._unsafe.get(resource, ()) else level

    def problems(self) -> list[Problem]:
        """All that is wrong, of whatever level."""
        found = list(self._problems)
        for resource in self.resources:
            found += self._judged(resource)
        found += self._overlapping()
        return found

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
        tagged = None if rule is None else f"{resource}|{rule}"
        if stack:
            return stack[0].problem(fault, tagged)
        variable = full_name(path)
        return Problem(
            fault.code, variable, variable, "the defaults", fault.message, fault.value, fault.remedy, tagged
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
        dropped = {"PATH", "PUBLIC"} if own.app.keys() & _CLOSES_PUBLIC else {"PATH"}
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
        for setting in ("ORIGINS", "METHODS", "ALLOW_CREDENTIALS"):
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

    def _judged(self, resource: Resource) -> Iterator[Problem]:
        public = bool(self._value(resource.name, "PUBLIC"))
        for contradiction in contradictions(resource):
            credentials = self._spelled(resource.name, "ALLOW_CREDENTIALS")
            remedy = contradiction.remedy.format(credentials=credentials)
            fault = Fault(contradiction.code, contradiction.message, None, remedy)
            yield self._problem(resource.name, contradiction.setting, fault)
        for rule, fault in broken(resource):
            is_default = rule.setting is not None and not self._is_set(resource.name, rule.setting)
            if rule.setting is not None and not is_default and not (public and rule.id == "wildcard"):
                yield self._problem(resource.name, rule.setting, fault, rule.id)

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
