"""
From all sources to one policy: read, merge, detect the environment, inherit, judge.

`build` judges for one environment and raises with everything that is wrong, or returns a policy that is valid
by construction.
"""

from __future__ import annotations

import functools
import os
import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any, NamedTuple

from flask_cors_env.config.advice import ResourceAdvice, Standing
from flask_cors_env.config.environment import Environment, detect
from flask_cors_env.config.errors import CORSConfigError, Fault, Problem, shown
from flask_cors_env.config.files import blame_lines, read_env_file, read_policy_file
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
    is_other_name,
    is_scope,
    read_arguments,
    read_variables,
)
from flask_cors_env.config.remedies import suited
from flask_cors_env.config.rules import JUDGED, RULE, Level, Rule, broken
from flask_cors_env.config.settings import CLOSES_PUBLIC, SETTINGS, default, loopback_origins
from flask_cors_env.config.shown import spelled, written
from flask_cors_env.config.sources import Merged, Stack, merge
from flask_cors_env.config.texts import Texts
from flask_cors_env.config.values import OriginValue, scalar
from flask_cors_env.core.environments import DEVELOPMENT, PRODUCTION
from flask_cors_env.core.fields import DEFAULT, SPELLED
from flask_cors_env.core.header_names import HeaderNames
from flask_cors_env.core.origin import ANY, Origins
from flask_cors_env.core.path import PathPattern, overlaps, parse_path
from flask_cors_env.core.policy import Policy, Resource, contradictions, path_entries
from flask_cors_env.core.remedy import Advice

_EVERYWHERE = (parse_path("/*"),)
_VARIABLE = re.compile(r"CORS_\w+", re.ASCII | re.IGNORECASE)
_ON_FALLBACK = "On your own machine: CORS_ENV=development, or flask run --debug."
_MOST_RESOURCES, _MOST_ORIGINS = 10_000, 100_000
_FEWER = "Write patterns: /api/*, https://*.example.com; or pass a function as origins"
_EVERYONE = OriginValue((ANY,))


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
        env_faults: The lines of ours that flask's own loading dropped.
        unread: The number of ``CORS_*`` lines in a ``.env`` of the working directory that nobody read.
        around: What ``${NAME}`` in an env file stands for: the whole environment; None for *environ*.
        scopes: Views and blueprints with policies of their own; a base stands before what inherits from it.
        whole: Whether paths are governed, and not only the scopes.
        sink_fault: Says what is wrong with the file that the audit log is to go to, or None where nothing is.
            Not asked where that is another machine's, or open already.
        key_fault: Likewise of the key file: whether it cannot be read, else replaced; and a sentence.
        texts: Reads the env file and the policy file; each of them once.
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
    env_faults: tuple[Line, ...] = ()
    unread: int = 0
    around: Mapping[str, str] | None = field(default=None, repr=False)
    scopes: tuple[Scope, ...] = ()
    whole: bool = True
    sink_fault: Callable[[str], str | None] | None = None
    key_fault: Callable[[str], tuple[bool, str] | None] | None = None
    texts: Texts = field(default_factory=Texts, repr=False, compare=False)


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
        flasks: The places of values that flask's own loading of env files supplied, and no file named here.
        draft: What the policy was made from.
    """

    policy: Policy
    bases: tuple[Resource, ...]
    environment: Environment
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    app: Mapping[str, Any]
    files: tuple[str, ...]
    flasks: frozenset[str]
    draft: _Draft = field(repr=False, compare=False)

    @functools.cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Every value, with where it comes from and what it hides."""
        return tuple(self.draft.leaves())

    @functools.cached_property
    def nobody(self) -> tuple[Problem, ...]:
        """The warning that the policy allows nobody, unless that is in writing; else nothing."""
        return tuple(self.draft.nobody())

    @functools.cached_property
    def narrowed(self) -> tuple[Problem, ...]:
        """The hint that the default of headers holds for origins that the code names; else nothing."""
        return tuple(self.draft.narrowed())


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
    oversized = tuple(_beyond_bounds(merged))
    if oversized:
        raise CORSConfigError(oversized, str(environment), fallback=environment.fallback)
    draft = _Draft(merged, environment, inputs)
    findings = list(draft.findings())
    errors = _of_level(findings, Level.ERROR)
    if errors:
        warnings = _of_level(findings, Level.WARN)
        raise CORSConfigError(errors, str(environment), fallback=environment.fallback, warnings=warnings)
    return Built(
        policy=Policy(draft.governed, environment=environment.name, outside=draft.outside.resource),
        bases=draft.bases,
        environment=environment,
        warnings=_of_level(findings, Level.WARN),
        notes=_of_level(findings, Level.INFO),
        app=draft.app,
        files=sources.files,
        flasks=frozenset(
            line.place
            for line in inputs.env_lines.values()
            if line.place.rpartition(":")[0] not in sources.files
        ),
        draft=draft,
    )


def _beyond_bounds(merged: Merged) -> Iterator[Problem]:
    """Give what is more than any policy has, before anything is made of it."""
    resources = [stacks for owner, stacks in merged.owners.items() if owner]
    if len(resources) > _MOST_RESOURCES:
        fault = Fault("too-many", f"makes more than {_MOST_RESOURCES:,} resources.", None, _FEWER)
        yield next(iter(resources[-1].values())).top.problem(fault)
    for stack in merged.stacks():
        if isinstance(stack.value, OriginValue) and len(stack.value.patterns) > _MOST_ORIGINS:
            fault = Fault("too-many", f"has more than {_MOST_ORIGINS:,} origins.", None, _FEWER)
            yield stack.top.problem(fault)


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
        config = read_variables(inputs.config, APP_CONFIG, Kind.CONFIG)
        process = read_variables(inputs.environ, PROCESS, lines=inputs.env_lines)
        blame_lines(process, inputs.env_faults)
        own = _own_arguments(inputs)
        asked = Layer(COMMAND_LINE)
        asked.add(("ENV",), "--as", as_environment)
        around = inputs.environ if inputs.around is None else inputs.around
        named = _guide([config, process, own], "ENV_FILE")
        env_file = [read_env_file(s.value, s.top, around, inputs.texts) for s in named if s.value]
        guides = [config, *env_file, process, own, asked]
        self.environment = inputs.known or detect(_named(guides), inputs)
        files = [stack for stack in _guide(guides, "CONFIG_FILE") if stack.value]
        policy_file = [read_policy_file(s.value, self.environment.name, s.top, inputs.texts) for s in files]
        self.files = tuple(stack.value for stack in (*named, *files) if stack.value)
        ignored = next((stack.value for stack in _guide([*guides, *chain(*policy_file)], "IGNORE")), None)
        for layer in (config, *chain(*policy_file), *env_file, process):
            layer.leave_out(ignored or ())
        self.layers = [config, *chain(*policy_file), *env_file, process, own, asked, *_arguments(inputs)]


def _guide(layers: Sequence[Layer], setting: str) -> list[Stack]:
    """Return what sets *setting* of the app, if anything does; without a value where it does not parse."""
    path = (setting,)
    found = [Layer(at.source, at.kind, [e for e in at.entries if e.path == path]) for at in layers]
    return list(merge(found).stacks())


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
    for stack in _guide(layers, "ENV"):
        entry = stack.top
        if stack.value is None:
            return Environment(PRODUCTION, f"{entry.variable} names none that is known")
        where = "" if entry.source in {PROCESS, ARGUMENTS, COMMAND_LINE} else f" in {entry.source}"
        return Environment(stack.value, f"{entry.variable}={scalar(entry.value)}{where}")
    return None


class _Part:
    """
    The settings of one resource, in one environment, and what they make.

    Attributes:
        name: The resource's.
        owners: Whose settings hold, its own first: a setting's value is the first owner's that sets it, else
            the default. The app is the last owner, at the empty path.
        stacks: What sets each setting.
        closed_by: Those of `CLOSES_PUBLIC` that the resource itself sets, to anything but false.
        is_public: Whether it is everyone's; a view that says for whom is public no longer.
        resource: What comes of it.
    """

    def __init__(
        self,
        name: str,
        owners: tuple[Path, ...],
        merged: Merged,
        environment: str,
        advise: Callable[[_Part], Advice],
    ) -> None:
        self.name = name
        self.owners = owners
        self.stacks = ChainMap(*(merged.owners.get(owner, {}) for owner in owners))
        self._environment = environment
        own = self.stacks.maps[0]
        self.closed_by = [s for s in CLOSES_PUBLIC if s in own and own[s].value is not False]
        self.is_public = bool(self.value("PUBLIC")) and not (is_scope(owners[0]) and self.closed_by)
        self.resource = self._resource(advise(self))

    def value(self, setting: str) -> Any:
        """Return the value that holds: of a faulty one what is right of it, else the default."""
        stack = self.stacks.get(setting)
        return default(setting, self._environment) if stack is None or stack.value is None else stack.value

    def problem(self, setting: str, fault: Fault, rule: str | None = None) -> Problem:
        """Give *fault* the place of *setting*, which somebody set."""
        return self.stacks[setting].top.problem(fault, rule)

    @property
    def terms(self) -> tuple[bool, frozenset[str]]:
        """On which terms its values are judged: whether with credentials, and which rules are off."""
        return bool(self.value("ALLOW_CREDENTIALS")) and not self.is_public, self.value("UNSAFE_ALLOW")

    @property
    def origins(self) -> OriginValue:
        """The value of its origins; that of PUBLIC aside."""
        return self._origins(credentials=self.terms[0])

    @property
    def owner(self) -> Path:
        """Where a new value of it belongs: itself, or the app, where no variable can name it."""
        owners = (owner for owner in self.owners if not is_scope(owner))
        return next(owner for owner in owners if not owner or not owner[1].startswith("/"))

    def _resource(self, advice: Advice) -> Resource:
        credentials = self.value("ALLOW_CREDENTIALS") and not self.is_public
        origins = _EVERYONE if self.is_public else self._origins(credentials=credentials)
        fields: dict[str, Any] = {
            "paths": self._paths(),
            "origins": origins.prepared,
            "origin_function": origins.function,
            "allow_credentials": credentials,
            "allow_headers": self._allow_headers(),
            "defaulted": self._defaulted(),
        }
        if self.is_public:
            fields["methods"] = frozenset({"GET", "HEAD"})
        for setting, (attribute, of, *_) in SPELLED.items():
            if attribute not in fields:
                fields[attribute] = of.parse(self.value(setting))
        return Resource(name=self.name, advice=advice, **fields)

    def _paths(self) -> tuple[PathPattern, ...]:
        """Return its own paths: none are inherited."""
        stack = self.stacks.maps[0].get("PATH")
        paths: tuple[PathPattern, ...] = (stack and stack.value) or ()
        return paths if self.owners[0] else _EVERYWHERE

    def _origins(self, *, credentials: bool) -> OriginValue:
        if credentials and self._environment == DEVELOPMENT and "ORIGINS" not in self.stacks:
            return loopback_origins()
        value: OriginValue = self.value("ORIGINS")
        return value

    def _allow_headers(self) -> HeaderNames:
        """Read the names; in development ``*`` covers Authorization too."""
        names = self.value("ALLOW_HEADERS")
        return HeaderNames(
            (*names, "Authorization") if self._environment == DEVELOPMENT and "*" in names else names
        )

    def _defaulted(self) -> frozenset[str]:
        settings = {"ALLOW_HEADERS"} if self.is_public else {"ORIGINS", "ALLOW_HEADERS"}
        return frozenset(settings - self.stacks.keys() if self._environment == DEVELOPMENT else ())


class _Draft:
    """
    The resources that merged settings make in one environment, and all that is wrong with them.

    Attributes:
        app: The values of the app's own settings, by name, defaults included.
        bases: The resources that paths fall under.
        governed: Those that the policy has.
    """

    def __init__(self, merged: Merged, found: Environment, inputs: Inputs) -> None:
        self._merged = merged
        self._environment = environment = found.name
        self._fallback = found.fallback
        self._inputs = inputs
        self._sources = {scope.name: scope.source for scope in inputs.scopes}
        self._place_log()
        self.app = {s.name: default(s.name, environment) for s in SETTINGS if s.for_app}
        self.app |= {name: stack.value for name, stack in merged.app.items() if stack.value is not None}
        owners: dict[str, tuple[Path, ...]] = {
            owner[1]: (owner, ()) for owner in sorted(merged.owners) if owner and not is_scope(owner)
        } or {DEFAULT: ((),)}
        self._bases = [_Part(name, of, merged, environment, self._advice) for name, of in owners.items()]
        for scope in inputs.scopes:
            inherited = owners.get(scope.base or "", ((),))  # no resource is called nothing
            owners[scope.name] = ((RESOURCES, scope.name), *inherited)
        scoped = [
            _Part(scope.name, owners[scope.name], merged, environment, self._advice)
            for scope in inputs.scopes
        ]
        self._parts = [*self._bases, *scoped]
        self._governed = self._parts if inputs.whole else scoped
        self.bases = tuple(part.resource for part in self._bases)
        self.governed = tuple(part.resource for part in self._governed)
        own = (RESOURCES, _OUTSIDE)
        self.outside = _Part(_OUTSIDE, (own, ()), merged, environment, self._advice)

    def _advice(self, part: _Part) -> Advice:
        return ResourceAdvice(
            environment=self._environment,
            fallback=self._fallback,
            look=functools.partial(self._standing, part),
            level=functools.partial(self._level_of_new, part),
            why_no_credentials=functools.partial(self._why_no_credentials, part),
            public=part.is_public,
            has_credentials=lambda: any(credentials for credentials, _ in self._terms_of_new(part)),
            why_no_resource=self._why_no_resource,
        )

    def _why_no_resource(self) -> str | None:
        """Say why a resource for another path would not help; None where it would."""
        if not self._inputs.whole:
            return "Nothing governs the path: call CORS(app), or decorate the view with @cross_origin."
        found = (f.problem for f in self._against_rules(self.outside, set()) if f.level is Level.ERROR)
        problem = next(chain(_contradictory(self.outside), found), None)
        if problem is None:
            return None
        cause = f"{problem.variable} {problem.sentence}"
        return f"A resource for the path would inherit what is refused: {cause} Change that first."

    def _standing(self, part: _Part, setting: str) -> Standing:
        """Say how a setting stands: a switch is changed on the resource itself, a list where it stands."""
        value = part.origins if setting == "ORIGINS" else part.value(setting)
        is_flag, is_new = isinstance(value, bool), part.name == _OUTSIDE
        stack = part.stacks.get(setting)
        if stack is not None and (setting in part.stacks.maps[0] or not (is_flag or is_new)):
            return Standing(stack.top, part.owners[0], value)
        if is_new and setting == "ORIGINS":
            value = OriginValue()
        source = self._sources.get(part.name, "") if is_flag else ""
        return Standing(None, part.owner, value, source)

    def _level_of_new(self, part: _Part, rule: Rule) -> Level:
        """Say how bad a new origin is that breaks *rule*, in the worst of the resources that would get it."""
        terms = self._terms_of_new(part)
        levels = [self._level(rule, unsafe, credentials=credentials) for credentials, unsafe in terms]
        return max(levels, key=list(Level).index)

    def _terms_of_new(self, part: _Part) -> set[tuple[bool, frozenset[str]]]:
        """Say on which terms a new origin of *part* would be judged: those of all that would get it."""
        stack = None if part.name == _OUTSIDE else part.stacks.get("ORIGINS")
        key = part.owner if stack is None else id(stack)
        return self._sharing.get(key) or {part.terms}

    @functools.cached_property
    def _sharing(self) -> dict[object, set[tuple[bool, frozenset[str]]]]:
        """The terms of all resources, by what sets their origins, or by whose new origins would be theirs."""
        found: dict[object, set[tuple[bool, frozenset[str]]]] = {}
        for part in self._parts:
            stack = part.stacks.get("ORIGINS")
            for key in part.owners if stack is None else [id(stack)]:
                found.setdefault(key, set()).add(part.terms)
        return found

    def _why_no_credentials(self, part: _Part) -> str | None:
        """Say why credentials cannot be allowed; None where they can."""
        own = part.owners[0]
        alike = (other for other in self._parts if other is part or (own and own in other.owners))
        return next(filter(None, map(self._against_credentials, alike)), None)

    def _against_credentials(self, part: _Part) -> str | None:
        advice, unsafe = part.resource.advice, part.terms[1]
        for found in contradictions(replace(part.resource, allow_credentials=True)):
            where, place = advice.place(found.setting).text, advice.place("ALLOW_CREDENTIALS")
            return f"{found.message} Change {where} first, and then set {place.text} to {place.true}."
        for setting in JUDGED:
            for rule, fault in broken(setting, part.resource):
                if self._level(rule, unsafe, credentials=True) is Level.ERROR:
                    where = f"{self._environment.capitalize()} forbids credentials here (rule {rule.id})"
                    return f"{where}: {setting.lower()} has {shown(fault.value)}, which {rule.message}"
        return None

    def _place_log(self) -> None:
        """Have a relative path of the audit log, or of its key, mean what it meant at the start."""
        key = self._merged.app.get("AUDIT_KEY_FILE")
        if key is not None and key.value is not None:
            key.value = self._inputs.texts.absolute(key.value)
        stack = self._merged.app.get("AUDIT_SINK")
        kind, _, path = ("" if stack is None or stack.value is None else stack.value).partition(":")
        if stack is not None and path:
            stack.value = f"{kind}:{self._inputs.texts.absolute(path)}"

    def leaves(self) -> Iterator[Leaf]:
        """Every value, with where it comes from and what it hides."""
        for setting in SETTINGS:
            if not setting.for_resource:
                stack = self._merged.app.get(setting.name)
                yield self._told("", setting.name, stack, self.app[setting.name])
        for part in self._parts:
            for setting in SETTINGS:
                if setting.for_resource and (setting.for_app or part.owners[0]):
                    value = written(part.resource, setting.name, part.value(setting.name))
                    decides = "PUBLIC" if part.is_public and setting.name in CLOSES_PUBLIC else setting.name
                    yield self._told(part.name, setting.name, part.stacks.get(decides), value)

    def _told(self, resource: str, setting: str, stack: Stack | None, value: Any) -> Leaf:
        texts = [f"{entry.variable} in {entry.source}" for entry in stack.entries] if stack else []
        source = texts[0] if texts else f"default of {self._environment}"
        if setting == "ORIGINS" and not texts and isinstance(value, Origins) and value and not value.any:
            source += " where credentials are on"
        return Leaf(resource, setting, value, source, tuple(texts[1:]))

    def findings(self) -> Iterator[_Finding]:
        """Report all that is wrong, of whatever level."""
        for problem in self._merged.problems:
            if not self._is_ignored(problem):
                yield _Finding(self._suited(problem), self._level_of_name(problem))
        for problem in self._merged.notes:
            yield _Finding(problem, Level.INFO)
        for problem in chain(*map(_incomplete, self._bases)):
            yield _Finding(problem, Level.ERROR)
        seen: set[tuple[int, bool, frozenset[str]]] = set()
        for part in self._parts:
            for problem in _contradictory(part):
                yield _Finding(problem, Level.ERROR)
            yield from self._against_rules(part, seen)
        for problem in (*self._overlapping(), *self._sink()):
            yield _Finding(problem, Level.ERROR)
        yield from self._unused()
        yield from self._unread()
        yield from self._key()

    def _suited(self, problem: Problem) -> Problem:
        places = [source for source, _ in self._inputs.arguments]
        places += [scope.source for scope in self._inputs.scopes]
        is_argument = problem.source in places
        if is_other_name(problem.variable):
            hint = f" If it is another program's: {PREFIX}IGNORE={problem.variable}"
            problem = replace(problem, message=problem.message + hint)
        everywhere = {(False, self.app["UNSAFE_ALLOW"])}
        terms = self._terms_at.get((problem.variable, problem.source), everywhere)

        def refuses(rule: Rule) -> bool:
            return any(self._level(rule, unsafe, credentials=on) is Level.ERROR for on, unsafe in terms)

        return suited(problem, self._environment, is_argument=is_argument, refuses=refuses)

    @functools.cached_property
    def _terms_at(self) -> dict[tuple[str, str], set[tuple[bool, frozenset[str]]]]:
        """The terms of the resources whose values stand in a place, by variable and source."""
        found: dict[tuple[str, str], set[tuple[bool, frozenset[str]]]] = {}
        for part in self._parts:
            for stack in part.stacks.values():
                found.setdefault((stack.top.variable, stack.top.source), set()).add(part.terms)
        return found

    def _is_ignored(self, problem: Problem) -> bool:
        """Whether it is of a name that CORS_IGNORE passes over."""
        globs = self.app["IGNORE"] if problem.rule in {"unknown", "without-effect"} else ()
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

    def _against_rules(self, part: _Part, seen: set[tuple[int, bool, frozenset[str]]]) -> Iterator[_Finding]:
        """Report what breaks a rule; a value that several inherit alike is judged once, a default never."""
        unsafe, credentials = part.value("UNSAFE_ALLOW"), part.resource.allow_credentials
        for setting in JUDGED:
            stack = part.stacks.get(setting)
            key = (id(stack), credentials, unsafe)
            if stack is None or key in seen or (setting in CLOSES_PUBLIC and part.is_public):
                continue
            seen.add(key)
            in_code = stack.top.kind is Kind.ARGUMENTS
            for rule, found in broken(setting, part.resource):
                fault = found._replace(remedy=rule.in_code) if in_code and rule.in_code else found
                problem = stack.top.problem(fault, rule.id)
                yield _Finding(problem, self._level(rule, unsafe, credentials=credentials))

    def _overlapping(self) -> Iterator[Problem]:
        """Report patterns between which specificity cannot choose, each once, with one of the others."""
        named: set[tuple[str, str]] = set()
        tops = {part.name: part.stacks["PATH"].top for part in self._parts if "PATH" in part.stacks}
        for group in (self.bases,) if self.governed == self.bases else (self.bases, self.governed):
            for overlap in overlaps(path_entries(group), first=True):
                # without resources every path is governed; that is nobody's setting, so not the one to mend
                pair = sorted(overlap, key=lambda entry: entry[1].name not in tops)
                if (pair[0][0].text, pair[0][1].name) in named:
                    pair.reverse()
                (path, resource), (other, rival) = pair
                if (path.text, resource.name) not in named:
                    named.add((path.text, resource.name))
                    top = tops.get(rival.name)
                    text = (top and top.written) or other.text
                    place = top.variable if top else rival.name
                    message = f'and "{shown(text)}" of {place} cover one path, equally specific.'
                    fault = Fault("path-overlap", message, path.text, "Make one of them more specific")
                    yield tops[resource.name].problem(fault)

    def _unused(self) -> Iterator[_Finding]:
        """Report origins at the top level that no resource inherits."""
        top = self._merged.app.get("ORIGINS")
        inherits = any(part.stacks.get("ORIGINS") is top for part in self._parts if not part.is_public)
        if top is not None and top.value != OriginValue() and not inherits:
            message = "has no effect: every resource names its own origins."
            rule = RULE["unused-top-level"]
            fault = Fault("unused-top-level", message, None, "Remove it")
            problem = top.top.problem(fault, rule.id)
            yield _Finding(problem, rule.level(self._environment))

    def nobody(self) -> Iterator[Problem]:
        """Warn where no resource allows any origin, unless every resource has an empty list in writing."""
        judged = [part for part in self._governed if not part.resource.exempt]
        if any(_allows_somebody(part.resource) for part in judged):
            return
        unwritten = [part for part in judged if "ORIGINS" not in part.stacks or part.resource.origins]
        for part in unwritten[:1]:
            stack = part.stacks.get("ORIGINS")
            place = f"the defaults of {self._environment}" if stack is None else stack.top.source
            message = "allows nobody: no resource allows any origin."
            remedy = "Name the origins: CORS_ORIGINS=https://...; where nobody is meant, write: none"
            entry = Entry(("ORIGINS",), full_name(("ORIGINS",)), place, None)
            switch = part.stacks.get("ENABLED")
            if switch is not None and not part.resource.enabled:
                entry, message = switch.top, "allows nobody: CORS is switched off."
                remedy = "Switch it on; where nobody is meant, write: CORS_ORIGINS=none"
            yield entry.problem(Fault("nobody", message, None, remedy))

    def narrowed(self) -> Iterator[Problem]:
        """Say once that the default of headers holds for origins of the code, where flask-cors allows any."""
        for part in self._governed:
            origins, resource = part.stacks.get("ORIGINS"), part.resource
            by_code = origins is not None and origins.top.kind is Kind.ARGUMENTS
            open_ = _allows_somebody(resource) and not resource.allow_headers.any
            if by_code and open_ and "ALLOW_HEADERS" not in part.stacks:
                names = ", ".join(resource.allow_headers.texts)
                place = f"the defaults of {self._environment}"
                entry = Entry(("ALLOW_HEADERS",), full_name(("ALLOW_HEADERS",)), place, None)
                message = f"lets pages set these headers alone: {names}. flask-cors allows any."
                yield entry.problem(Fault("headers-default", message, None, "Name those that the app reads"))
                return

    def _sink(self) -> Iterator[Problem]:
        """Report a file that cannot be written, before the app starts; one that fails later is a loss."""
        stack, look = self._merged.app.get("AUDIT_SINK"), self._inputs.sink_fault
        message = look(stack.value) if look and stack and stack.value is not None else None
        if stack is not None and message is not None:
            remedy = "Name a file that the server can write, or: stderr"
            yield stack.top.problem(Fault("audit-sink", message, stack.value, remedy))

    def _key(self) -> Iterator[_Finding]:
        """A key file that cannot be read; warnings for one that cannot be replaced, or seals nothing."""
        stack, look = self._merged.app.get("AUDIT_KEY_FILE"), self._inputs.key_fault
        if not look or stack is None or stack.value is None:
            return
        path = stack.value
        found = look(path)
        if found is not None:
            is_unreadable, message = found
            code = "key-unreadable" if is_unreadable else "key-not-advanced"
            remedy = "Let the server read the file and write its folder; to make one: flask cors key FILE"
            problem = stack.top.problem(Fault(code, message, path, remedy))
            yield _Finding(problem, Level.ERROR if is_unreadable else Level.WARN)
        if self.app["AUDIT_SINK"] == "app" or self.app["AUDIT_FORMAT"] == "console":
            message = "seals nothing: only JSON lines of our own are sealed, and this log goes another way."
            fault = Fault("key-unused", message, path, "Set CORS_AUDIT_SINK and CORS_AUDIT_FORMAT=json")
            yield _Finding(stack.top.problem(fault), Level.WARN)

    def _unread(self) -> Iterator[_Finding]:
        """Report a ``.env`` with ``CORS_`` lines that nobody read, where no env file is named."""
        if self._inputs.unread and "ENV_FILE" not in self._merged.app:
            lines = f"{self._inputs.unread} CORS_ line{'s' if self._inputs.unread > 1 else ''}"
            message, remedy = f"has {lines} that nobody read.", "To read it: CORS_ENV_FILE=.env"
            entry = Entry(("ENV_FILE",), ".env", "the working directory", None)
            yield _Finding(entry.problem(Fault("env-file-unread", message, None, remedy)), Level.INFO)


def _incomplete(part: _Part) -> Iterator[Problem]:
    """Report a resource without paths, and a public one with origins, methods or credentials of its own."""
    if not part.resource.paths and "PATH" not in part.stacks:
        path = (*part.owners[0], "PATH")
        top, variable = next(iter(part.stacks.maps[0].values())).top, full_name(path)
        message = "is missing: a resource governs paths."
        fault = Fault("resource-has-no-path", message, None, f"Set {variable}")
        yield top._replace(path=path, variable=variable).problem(fault)
    for setting in part.closed_by if part.is_public else ():
        message = "stands beside PUBLIC, which means every origin, GET and HEAD, and no credentials."
        yield part.problem(setting, Fault("public-with-rules", message, None, "Remove one of the two"))


def _contradictory(part: _Part) -> Iterator[Problem]:
    for found in contradictions(part.resource):
        remedy = found.remedy
        if part.resource.allow_credentials:
            entry = part.stacks["ALLOW_CREDENTIALS"].top
            remedy = remedy.format(credentials=f"{entry.variable}={_off(entry)}")
        yield part.problem(found.setting, Fault(found.code, found.message, None, remedy))


def _off(entry: Entry) -> str:
    """Spell false where *entry* was written."""
    return "False" if entry.kind is Kind.ARGUMENTS else "false"


def _allows_somebody(resource: Resource) -> bool:
    return resource.enabled and (bool(resource.origins) or resource.origin_function is not None)


def is_ours(name: str) -> bool:
    """Whether *name* is of a variable or configuration key that this package reads."""
    return name.upper().startswith(PREFIX)
