"""
From all sources to one policy: read, merge, detect the environment, inherit, judge.

`build` judges for one environment and raises with everything that is wrong, or returns a policy that is valid
by construction.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from flask_cors_env.config.advice import ResourceAdvice, Standing
from flask_cors_env.config.environment import DEVELOPMENT, PRODUCTION, Environment, Signs, detect
from flask_cors_env.config.errors import CORSConfigError, Fault, FaultyValueError, Problem, shown
from flask_cors_env.config.files import read_env_file, read_policy_file
from flask_cors_env.config.layers import (
    APP_CONFIG,
    ARGUMENTS,
    COMMAND_LINE,
    PREFIX,
    PROCESS,
    RESOURCES,
    Entry,
    Kind,
    Layer,
    Line,
    Path,
    full_name,
    is_scope,
    read_arguments,
    read_variables,
)
from flask_cors_env.config.rules import JUDGED, RULE, Level, Rule, broken
from flask_cors_env.config.settings import SETTINGS, VARIABLES, default, loopback_origins
from flask_cors_env.config.shown import spelled, written
from flask_cors_env.config.sources import Merged, merge
from flask_cors_env.config.values import OriginValue, is_blank, scalar
from flask_cors_env.core.origin import ANY, Origins
from flask_cors_env.core.path import PathPattern, overlaps, parse_path
from flask_cors_env.core.policy import DEFAULT, HeaderNames, Policy, Resource, contradictions, path_entries
from flask_cors_env.core.remedy import Advice

_EVERYWHERE = (parse_path("/*"),)
_EVERYONE = OriginValue((ANY,))
#: What says who may do what, and so contradicts PUBLIC; a view that sets one is public no longer.
_CLOSES_PUBLIC = ("ORIGINS", "METHODS", "ALLOW_CREDENTIALS")


#: Stands for a resource that does not exist yet.
_OUTSIDE = "<NAME>"


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
        known: The environment, where it was found before; None where it is to be detected.
        debug: ``app.debug``.
        testing: ``app.testing``.
        command: Whether a command asks, not a server.
        server: The first request's ``SERVER_SOFTWARE``, or None.
        env_file: The ``env_file=`` argument, or None.
        config_file: The ``config_file=`` argument, or None.
        env_lines: What flask's own loading put into the process environment, by name.
        unread: The number of ``CORS_*`` lines in a ``.env`` of the working directory that nobody read.
        around: What ``${NAME}`` in an env file stands for: the whole environment; None for *environ*.
        scopes: Views and blueprints with policies of their own; a base stands before what inherits from it.
        whole: Whether paths are governed, and not only the scopes.
        sink_fault: Says what is wrong with the file that the audit log is to go to, or None where nothing is.
            Not asked where that is another machine's, or open already.
    """

    environ: Mapping[str, str]
    config: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    environment: str | None = None
    known: Environment | None = None
    debug: bool = False
    testing: bool = False
    command: bool = False
    server: str | None = None
    env_file: str | os.PathLike[str] | None = None
    config_file: str | os.PathLike[str] | None = None
    env_lines: Mapping[str, Line] = field(default_factory=dict)
    unread: int = 0
    around: Mapping[str, str] | None = field(default=None, repr=False)
    scopes: tuple[Scope, ...] = ()
    whole: bool = True
    sink_fault: Callable[[str], str | None] | None = None


class Leaf(NamedTuple):
    """
    One value of the policy.

    Attributes:
        resource: The resource's name; empty for the app's own settings.
        setting: Without prefix.
        content: The value.
        source: The variable and its place, or whose default it is.
        hides: What weaker sources say, strongest first.
    """

    resource: str
    setting: str
    content: Any
    source: str
    hides: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """The value as an operator would write it."""
        return spelled(self.content)


@dataclass(frozen=True)
class Built:
    """
    What came of the inputs.

    Attributes:
        policy: Valid by construction.
        bases: The resources that paths fall under, governed or only inherited from.
        environment: Whose rules judged it.
        warnings: What was borne with.
        notes: What is right, and could be written better.
        app: The values of the app's own settings, by name, defaults included.
        files: The env file and the policy file that were read.
        draft: What the policy was made from.
    """

    policy: Policy
    bases: tuple[Resource, ...]
    environment: Environment
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    app: Mapping[str, Any]
    files: tuple[str, ...]
    draft: _Draft = field(repr=False, compare=False)

    @functools.cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Every value, with where it comes from and what it hides."""
        return tuple(self.draft.leaves())

    @functools.cached_property
    def nobody(self) -> tuple[Problem, ...]:
        """The warning that the policy allows nobody, unless that is in writing; else nothing."""
        return tuple(self.draft.nobody())


class _Finding(NamedTuple):
    """A problem, and how bad it is in the environment that judges."""

    problem: Problem
    level: Level


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
    environment = sources.environment
    merged = merge(sources.layers)
    draft = _Draft(merged, environment, inputs)
    findings = list(draft.findings())
    errors = _of_level(findings, Level.ERROR)
    if errors:
        warnings = _of_level(findings, Level.WARN)
        raise CORSConfigError(errors, str(environment), fallback=environment.fallback, warnings=warnings)
    return Built(
        policy=Policy(draft.governed, environment=environment.name, outside=draft.outside),
        bases=tuple(draft.bases),
        environment=environment,
        warnings=_of_level(findings, Level.WARN),
        notes=_of_level(findings, Level.INFO),
        app=draft.app,
        files=sources.files,
        draft=draft,
    )


def _of_level(findings: Iterable[_Finding], level: Level) -> tuple[Problem, ...]:
    """The problems of *level*, once each: a value that several resources inherit is one thing to mend."""
    return tuple(dict.fromkeys(finding.problem for finding in findings if finding.level is level))


class _Sources:
    """
    All layers, weakest first; the stronger ones name the files, and the environment picks the overlay.

    Attributes:
        layers: As they were read.
        environment: Whose rules hold.
        files: The env file and the policy file that were named.
    """

    def __init__(self, inputs: Inputs, as_environment: str | None) -> None:
        self.files: tuple[str, ...] = ()
        config = read_variables(inputs.config, APP_CONFIG, Kind.CONFIG)
        process = read_variables(inputs.environ, PROCESS, lines=inputs.env_lines)
        own = _own_arguments(inputs)
        asked = Layer(COMMAND_LINE)
        asked.add(("ENV",), "--as", as_environment)
        around = inputs.environ if inputs.around is None else inputs.around
        env_file = self._env_file([config, process, own], around)
        guides = [config, *env_file, process, own, asked]
        self.environment = inputs.known or detect(
            Signs(_named(guides), inputs.environ, inputs.debug, inputs.testing, inputs.command, inputs.server)
        )
        policy_file = self._policy_file(guides)
        self.layers = [config, *policy_file, *env_file, process, own, asked, *_arguments(inputs)]

    def _env_file(self, layers: Sequence[Layer], around: Mapping[str, str]) -> list[Layer]:
        return [read_env_file(path, entry, around) for entry, path in self._file(layers, "ENV_FILE")]

    def _policy_file(self, layers: Sequence[Layer]) -> list[Layer]:
        named = self._file(layers, "CONFIG_FILE")
        return [
            found for entry, path in named for found in read_policy_file(path, self.environment.name, entry)
        ]

    def _file(self, layers: Sequence[Layer], setting: str) -> list[tuple[Entry, str]]:
        """The file that *setting* names, if it names one, with what named it."""
        entry, path = _strongest(layers, setting)
        if entry is None or path is None:
            return []
        self.files = (*self.files, path)
        return [(entry, path)]


def _strongest(layers: Sequence[Layer], setting: str) -> tuple[Entry | None, str | None]:
    """What sets *setting* of the app, and its value; no value where it does not parse: that is told later."""
    entries = (entry for layer in reversed(layers) for entry in layer.entries if entry.path == (setting,))
    found = next((entry for entry in entries if not is_blank(entry.value)), None)
    if found is None:
        return None, None
    try:
        return found, VARIABLES[setting].parse(found.value)
    except FaultyValueError:
        return found, None


def _own_arguments(inputs: Inputs) -> Layer:
    """The arguments that are settings of the app alone."""
    layer = Layer(ARGUMENTS, Kind.ARGUMENTS)
    layer.add(("ENV",), "environment", inputs.environment)
    for setting, value in (("ENV_FILE", inputs.env_file), ("CONFIG_FILE", inputs.config_file)):
        layer.add((setting,), setting.lower(), None if value is None else os.fspath(value))
    return layer


def _arguments(inputs: Inputs) -> Iterator[Layer]:
    for source, options in inputs.arguments:
        yield read_arguments(options, source)
    for scope in inputs.scopes:
        layer = read_arguments(scope.options, scope.source, at=(RESOURCES, scope.name))
        paths = [path.text for path in scope.paths]
        layer.add((RESOURCES, scope.name, "PATH"), "resources", paths or None)
        yield layer


def _named(layers: Sequence[Layer]) -> Environment | None:
    """The environment that an argument or CORS_ENV names; an unknown name is judged as production."""
    entry, name = _strongest(layers, "ENV")
    if entry is None:
        return None
    if name is None:
        return Environment(PRODUCTION, f"{entry.variable} names none that is known")
    where = "" if entry.source in {PROCESS, ARGUMENTS, COMMAND_LINE} else f" in {entry.source}"
    return Environment(name, f"{entry.variable}={scalar(entry.value)}{where}")


class _Draft:
    """
    The resources that merged settings make in one environment, and all that is wrong with them.

    Every resource has a chain of owners, its own first: a setting's value is the first owner's that sets it,
    else the default. The app is the last owner, at the empty path.
    """

    def __init__(self, merged: Merged, found: Environment, inputs: Inputs) -> None:
        self._merged = merged
        self._environment = environment = found.name
        self._fallback = found.fallback
        self._inputs = inputs
        self._scopes = {scope.name: scope for scope in inputs.scopes}
        self._prepared: dict[int, Origins] = {}
        self.app = {s.name: default(s.name, environment) for s in SETTINGS if s.for_app} | merged.app
        names = sorted({path[1] for path in merged.stacks if len(path) > 1 and not is_scope(path)})
        self._chains: dict[str, tuple[Path, ...]] = {name: ((RESOURCES, name), ()) for name in names}
        self._chains = self._chains or {DEFAULT: ((),)}
        self.bases = [self._resource(name) for name in self._chains]
        for scope in inputs.scopes:
            base = self._chains.get(scope.base or "", ((),))  # no resource is called nothing
            self._chains[scope.name] = ((RESOURCES, scope.name), *base)
        self.scoped = [self._resource(scope.name) for scope in inputs.scopes]
        self.governed = self.bases + self.scoped if inputs.whole else self.scoped
        self._chains[_OUTSIDE] = ((RESOURCES, _OUTSIDE), ())
        self.outside = self._resource(_OUTSIDE)

    def leaves(self) -> Iterator[Leaf]:
        """Every value, with where it comes from and what it hides."""
        for setting in SETTINGS:
            if not setting.for_resource:
                yield self._told("", setting.name, (setting.name,), self.app[setting.name])
        for resource in self.bases + self.scoped:
            for setting in SETTINGS:
                if setting.for_resource and (setting.for_app or self._chains[resource.name][0]):
                    value = written(resource, setting.name, self._value(resource.name, setting.name))
                    yield self._told(
                        resource.name, setting.name, self._source(resource.name, setting.name), value
                    )

    def _source(self, resource: str, setting: str) -> Path | None:
        """The leaf that decides the value: for what PUBLIC means, PUBLIC."""
        decides = setting in _CLOSES_PUBLIC and self._is_public(resource)
        return self._leaf(resource, "PUBLIC" if decides else setting)

    def _told(self, resource: str, setting: str, leaf: Path | None, value: Any) -> Leaf:
        stack = self._merged.stacks.get(leaf or (), [])
        texts = [f"{entry.variable} in {entry.source}" for entry in stack]
        source = texts[0] if texts else f"default of {self._environment}"
        if setting == "ORIGINS" and isinstance(value, Origins) and value and not texts:
            source += " where credentials are on" if not value.any else ""
        return Leaf(resource, setting, value, source, tuple(texts[1:]))

    def findings(self) -> Iterator[_Finding]:
        """All that is wrong, of whatever level."""
        for problem in self._merged.problems:
            if not self._is_ignored(problem):
                yield _Finding(problem, self._level_of_name(problem))
        for problem in self._merged.notes:
            yield _Finding(problem, Level.INFO)
        for resource in self.bases:
            yield from self._incomplete(resource)
        seen: set[tuple[Path, bool, frozenset[str]]] = set()
        for resource in self.bases + self.scoped:
            yield from self._contradictory(resource)
            yield from self._against_rules(resource, seen)
        yield from self._overlapping()
        yield from self._unused()
        yield from self._unread()
        yield from self._sink()

    def _is_ignored(self, problem: Problem) -> bool:
        """Whether it is of a name that CORS_IGNORE passes over."""
        globs = self.app["IGNORE"] if problem.rule == "unknown" else ()
        return any(fnmatchcase(problem.variable.upper(), glob.upper()) for glob in globs)

    def _level_of_name(self, problem: Problem) -> Level:
        """How bad a problem is that judges no value; CORS_STRICT has its say on unknown names."""
        if problem.rule is None:
            return Level.ERROR
        rule, unsafe = RULE[problem.rule], self.app["UNSAFE_ALLOW"]
        if rule.id == "unknown" and rule.id not in unsafe:
            return Level.ERROR if self.app["STRICT"] else Level.WARN
        return self._level(rule, unsafe)

    def _level(self, rule: Rule, unsafe: frozenset[str], *, credentials: bool = False) -> Level:
        level = rule.level(self._environment, credentials=credentials)
        return Level.WARN if level is Level.ERROR and rule.id in unsafe else level

    def _leaf(self, resource: str, setting: str) -> Path | None:
        """Where the resource's value comes from; None where nobody sets it."""
        leaves = ((*owner, setting) for owner in self._chains[resource])
        return next((leaf for leaf in leaves if leaf in self._merged.stacks), None)

    def _value(self, resource: str, setting: str) -> Any:
        leaf = self._leaf(resource, setting)
        value = None if leaf is None else self._merged.values.get(leaf)
        return default(setting, self._environment) if value is None else value

    def _own(self, resource: str) -> list[str]:
        """Those of `_CLOSES_PUBLIC` that the resource itself sets, to anything but false."""
        leaves = {setting: (*self._chains[resource][0], setting) for setting in _CLOSES_PUBLIC}
        stacks, values = self._merged.stacks, self._merged.values
        return [s for s, leaf in leaves.items() if leaf in stacks and values.get(leaf) is not False]

    def _is_public(self, resource: str) -> bool:
        """Whether it is everyone's; a view that says for whom is public no longer."""
        is_closed = is_scope(self._chains[resource][0]) and self._own(resource)
        return bool(self._value(resource, "PUBLIC")) and not is_closed

    def _resource(self, name: str) -> Resource:
        public = self._is_public(name)
        credentials = self._value(name, "ALLOW_CREDENTIALS") and not public
        origins = _EVERYONE if public else self._origins(name, credentials=credentials)
        return Resource(
            name=name,
            paths=self._paths(name),
            origins=self._prepare(origins),
            origin_function=origins.function,
            methods=frozenset({"GET", "HEAD"}) if public else self._value(name, "METHODS"),
            allow_headers=HeaderNames(self._value(name, "ALLOW_HEADERS")),
            expose_headers=self._value(name, "EXPOSE_HEADERS"),
            allow_credentials=credentials,
            max_age=self._value(name, "MAX_AGE"),
            enforce=self._value(name, "ENFORCE"),
            enabled=self._value(name, "ENABLED"),
            defaulted=self._defaulted(name, public=public),
            advice=self._advice(name, public=public),
        )

    def _origins(self, name: str, *, credentials: bool) -> OriginValue:
        if credentials and self._environment == DEVELOPMENT and self._leaf(name, "ORIGINS") is None:
            return loopback_origins()
        value: OriginValue = self._value(name, "ORIGINS")
        return value

    def _prepare(self, value: OriginValue) -> Origins:
        """*value* prepared: once, however many resources inherit it. Values live as long as the draft."""
        if id(value) not in self._prepared:
            self._prepared[id(value)] = Origins(value.patterns)
        return self._prepared[id(value)]

    def _defaulted(self, name: str, *, public: bool) -> frozenset[str]:
        if self._environment != DEVELOPMENT:
            return frozenset()
        settings = ("ALLOW_HEADERS",) if public else ("ORIGINS", "ALLOW_HEADERS")
        return frozenset(setting for setting in settings if self._leaf(name, setting) is None)

    def _advice(self, name: str, *, public: bool = False) -> ResourceAdvice:
        return ResourceAdvice(
            environment=self._environment,
            fallback=self._fallback,
            look=functools.partial(self._standing, name),
            level=functools.partial(self._level_of_new, name),
            why_no_credentials=functools.partial(self._why_no_credentials, name),
            public=public,
            has_credentials=lambda: any(credentials for credentials, _ in self._terms_of_new(name)),
            why_no_resource=self._why_no_resource,
        )

    def _why_no_resource(self) -> str | None:
        """Why a resource for another path would not help, in sentences; None where it would."""
        if not self._inputs.whole:
            return "Nothing governs the path: call CORS(app), or decorate the view with @cross_origin."
        found = [*self._contradictory(self.outside), *self._against_rules(self.outside, set())]
        problem = next((finding.problem for finding in found if finding.level is Level.ERROR), None)
        if problem is None:
            return None
        cause = f"{problem.variable} {problem.sentence}"
        return f"A resource for the path would inherit what is refused: {cause} Change that first."

    def _standing(self, name: str, setting: str) -> Standing:
        """How a setting stands; a switch is changed on the resource itself, a list where it stands."""
        value, own, scope = self._value(name, setting), self._chains[name][0], self._scopes.get(name)
        is_flag = isinstance(value, bool)
        if setting == "ORIGINS":
            value = self._origins(name, credentials=self._terms_of(name)[0])
        leaf = self._leaf(name, setting)
        if leaf is not None and (leaf[:-1] == own or not (is_flag or name == _OUTSIDE)):
            return Standing(self._merged.stacks[leaf][0], own, value)
        if setting == "ORIGINS" and name == _OUTSIDE:
            value = OriginValue()
        if scope is not None and is_flag:
            return Standing(None, own, value, scope.source)
        return Standing(None, self._owner(name), value)

    def _owner(self, name: str) -> Path:
        """Where a new value of the resource belongs: itself, or the app, where no variable can name it."""
        owners = (owner for owner in self._chains[name] if not is_scope(owner))
        return next(owner for owner in owners if not owner or not owner[1].startswith("/"))

    def _level_of_new(self, name: str, rule: Rule) -> Level:
        """How bad a new origin is that breaks *rule*, in the worst of the resources that would get it."""
        terms = self._terms_of_new(name)
        levels = [self._level(rule, unsafe, credentials=credentials) for credentials, unsafe in terms]
        return max(levels, key=list(Level).index)

    def _terms_of_new(self, name: str) -> set[tuple[bool, frozenset[str]]]:
        """On which terms a new origin of the resource would be judged: those of all that would get it."""
        leaf = None if name == _OUTSIDE else self._leaf(name, "ORIGINS")
        return self._sharing.get(leaf or (*self._owner(name), "ORIGINS")) or {self._terms_of(name)}

    @functools.cached_property
    def _sharing(self) -> dict[Path, set[tuple[bool, frozenset[str]]]]:
        """By the leaf that says, or would say, their origins: on which terms resources are judged."""
        found: dict[Path, set[tuple[bool, frozenset[str]]]] = {}
        for resource in self.bases + self.scoped:
            leaf = self._leaf(resource.name, "ORIGINS")
            unset = [(*owner, "ORIGINS") for owner in self._chains[resource.name]]
            for place in unset if leaf is None else [leaf]:
                found.setdefault(place, set()).add(self._terms_of(resource.name))
        return found

    def _terms_of(self, name: str) -> tuple[bool, frozenset[str]]:
        credentials = bool(self._value(name, "ALLOW_CREDENTIALS")) and not self._is_public(name)
        return credentials, self._value(name, "UNSAFE_ALLOW")

    def _why_no_credentials(self, name: str) -> str | None:
        """Why credentials cannot be allowed, in sentences; None where they can."""
        own = self._chains[name][0]
        for resource in self.bases + self.scoped:
            if resource.name == name or (own and own in self._chains[resource.name]):
                why = self._against_credentials(resource)
                if why is not None:
                    return why
        return None

    def _against_credentials(self, resource: Resource) -> str | None:
        advice, unsafe = resource.advice, self._value(resource.name, "UNSAFE_ALLOW")
        for found in contradictions(replace(resource, allow_credentials=True)):
            where = advice.place(found.setting).text
            return f"{found.message} Change {where} first, and then set {_switch(advice)}."
        for setting in JUDGED:
            for rule, fault in broken(setting, resource):
                if self._level(rule, unsafe, credentials=True) is Level.ERROR:
                    where = f"{self._environment.capitalize()} forbids credentials here (rule {rule.id})"
                    return f"{where}: {setting.lower()} has {shown(fault.value)}, which {rule.message}"
        return None

    def _paths(self, name: str) -> tuple[PathPattern, ...]:
        paths: tuple[PathPattern, ...] = self._merged.values.get((RESOURCES, name, "PATH"), ())
        return _EVERYWHERE if self._chains[name][0] == () else paths

    def _problem(self, resource: str, setting: str, fault: Fault, rule: str | None = None) -> Problem:
        """*fault* of a setting that somebody set."""
        return self._entry(resource, setting).problem(fault, rule)

    def _entry(self, resource: str, setting: str) -> Entry:
        """Where a value that somebody set was written."""
        stacks = (self._merged.stacks.get((*owner, setting)) for owner in self._chains[resource])
        return next(stack[0] for stack in stacks if stack)

    def _incomplete(self, resource: Resource) -> Iterator[_Finding]:
        """A resource without paths; one that is public, and is told for whom."""
        name = resource.name
        if not resource.paths and self._leaf(name, "PATH") is None:
            leaf = (RESOURCES, name, "PATH")
            any_entry = next(s[0] for path, s in self._merged.stacks.items() if path[:2] == leaf[:2])
            variable = full_name(leaf)
            fault = Fault(
                "resource-has-no-path", "is missing: a resource governs paths.", None, f"Set {variable}"
            )
            yield _Finding(any_entry._replace(path=leaf, variable=variable).problem(fault), Level.ERROR)
        for setting in self._own(name) if self._is_public(name) else ():
            message = "stands beside PUBLIC, which means every origin, GET and HEAD, and no credentials."
            fault = Fault("public-with-rules", message, None, "Remove one of the two")
            yield _Finding(self._problem(name, setting, fault), Level.ERROR)

    def _contradictory(self, resource: Resource) -> Iterator[_Finding]:
        for found in contradictions(resource):
            remedy = found.remedy
            if resource.allow_credentials:
                entry = self._entry(resource.name, "ALLOW_CREDENTIALS")
                off = False if entry.kind is Kind.ARGUMENTS else "false"
                remedy = remedy.format(credentials=f"{entry.variable}={off}")
            fault = Fault(found.code, found.message, None, remedy)
            yield _Finding(self._problem(resource.name, found.setting, fault), Level.ERROR)

    def _against_rules(
        self, resource: Resource, seen: set[tuple[Path, bool, frozenset[str]]]
    ) -> Iterator[_Finding]:
        """What breaks a rule; a value that several inherit alike is judged once, a default never."""
        unsafe = self._value(resource.name, "UNSAFE_ALLOW")
        for setting in JUDGED:
            leaf = self._leaf(resource.name, setting)
            key = (leaf or (), resource.allow_credentials, unsafe)
            if leaf is None or key in seen or (setting in _CLOSES_PUBLIC and self._is_public(resource.name)):
                continue
            seen.add(key)
            for rule, fault in broken(setting, resource):
                level = self._level(rule, unsafe, credentials=resource.allow_credentials)
                yield _Finding(self._problem(resource.name, setting, fault, rule.id), level)

    def _overlapping(self) -> Iterator[_Finding]:
        """Patterns between which specificity cannot choose; each is named once, with one of the others."""
        named: set[tuple[str, str]] = set()
        for group in (self.bases, self.governed):
            for overlap in overlaps(path_entries(group)):
                # without resources every path is governed; that is nobody's setting, so not the one to mend
                pair = sorted(overlap, key=lambda entry: self._leaf(entry[1].name, "PATH") is None)
                (path, resource), (other, rival) = pair
                if (path.text, resource.name) not in named:
                    named.add((path.text, resource.name))
                    rest = f'"{shown(self._text(other, rival))}" of {self._place(rival)}'
                    message = f"and {rest} cover one path, equally specific."
                    fault = Fault("path-overlap", message, path.text, "Make one of them more specific")
                    yield _Finding(self._problem(resource.name, "PATH", fault), Level.ERROR)

    def _text(self, path: PathPattern, resource: Resource) -> str:
        """*path* of *resource* as it may be shown."""
        is_set = self._leaf(resource.name, "PATH") is not None
        return (self._entry(resource.name, "PATH").written if is_set else None) or path.text

    def _place(self, resource: Resource) -> str:
        """Where the paths of *resource* were written; its name where they were not."""
        is_set = self._leaf(resource.name, "PATH") is not None
        return self._entry(resource.name, "PATH").variable if is_set else resource.name

    def _unused(self) -> Iterator[_Finding]:
        """Origins at the top level that no resource inherits."""
        leaf = ("ORIGINS",)
        closed = [r.name for r in self.bases + self.scoped if not self._is_public(r.name)]
        inherits = any(self._leaf(name, "ORIGINS") == leaf for name in closed)
        lets_in = self._merged.values.get(leaf) != OriginValue()
        if leaf in self._merged.stacks and lets_in and not inherits:
            message = "has no effect: every resource names its own origins."
            fault = Fault("unused-top-level", message, None, "Remove it")
            rule = RULE["unused-top-level"]
            yield _Finding(
                self._merged.stacks[leaf][0].problem(fault, rule.id), rule.level(self._environment)
            )

    def nobody(self) -> Iterator[Problem]:
        """Warn where no resource allows any origin, unless every resource has an empty list in writing."""
        judged = [resource for resource in self.governed if not resource.exempt]
        if any(map(_allows_somebody, judged)):
            return
        unwritten = [r for r in judged if self._leaf(r.name, "ORIGINS") is None or r.origins]
        if unwritten:
            message = "allows nobody: no resource allows any origin."
            remedy = "Name the origins: CORS_ORIGINS=https://...; where nobody is meant, write: none"
            fault = Fault("nobody", message, None, remedy)
            entry = Entry(("ORIGINS",), full_name(("ORIGINS",)), self._origins_place(unwritten[0]), None)
            yield entry.problem(fault)

    def _origins_place(self, resource: Resource) -> str:
        """Say where the origins of *resource* stand, for a message."""
        is_set = self._leaf(resource.name, "ORIGINS") is not None
        return (
            self._entry(resource.name, "ORIGINS").source if is_set else f"the defaults of {self._environment}"
        )

    def _sink(self) -> Iterator[_Finding]:
        """A file that cannot be written, told before the app starts; one that fails later is a loss."""
        leaf, look = ("AUDIT_SINK",), self._inputs.sink_fault
        message = look(self._merged.values[leaf]) if look and leaf in self._merged.values else None
        if message is not None:
            name = self._merged.values[leaf]
            fault = Fault("audit-sink", message, name, "Name a file that the server can write, or: stderr")
            yield _Finding(self._merged.stacks[leaf][0].problem(fault), Level.ERROR)

    def _unread(self) -> Iterator[_Finding]:
        """A ``.env`` with lines of ours that nobody read, where no other env file is named either."""
        if self._inputs.unread and ("ENV_FILE",) not in self._merged.stacks:
            lines = f"{self._inputs.unread} CORS_ line{'s' if self._inputs.unread > 1 else ''}"
            fault = Fault(
                "env-file-unread", f"has {lines} that nobody read.", None, "To read it: CORS_ENV_FILE=.env"
            )
            entry = Entry(("ENV_FILE",), ".env", "the working directory", None)
            yield _Finding(entry.problem(fault), Level.INFO)


def _switch(advice: Advice) -> str:
    place = advice.place("ALLOW_CREDENTIALS")
    return f"{place.text} to {place.true}"


def _allows_somebody(resource: Resource) -> bool:
    return resource.enabled and (bool(resource.origins) or resource.origin_function is not None)


def is_ours(name: str) -> bool:
    """Whether *name* is of a variable or configuration key that this package reads."""
    return name.upper().startswith(PREFIX)
