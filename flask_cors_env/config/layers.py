"""
Layers: every place a setting can come from, read into one flat list of entries that know their place.

What a name means is settled here: which setting, of which resource, or of none. What a value means is not.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from flask_cors_env.config import values
from flask_cors_env.config.errors import NAME_LIMIT, Fault, FaultyValueError, Problem, as_text, shown
from flask_cors_env.config.rules import RULE
from flask_cors_env.config.settings import FOREIGN, IN_CONFIG, OPTIONS, VARIABLES, Setting

PREFIX = "CORS_"
RESOURCES = "RESOURCES"
PROCESS = "the process environment"
APP_CONFIG = "app.config"
ARGUMENTS = "the arguments"
COMMAND_LINE = "the command line"

_NAME = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*", re.ASCII | re.IGNORECASE)
_NAME_RULE = "Write letters and digits, joined by single underscores; the path is a value: __<NAME>__PATH"
_OBJECT_RULE = 'Write an object, {"path": "/api/*", "origins": [...]}, or one variable for each setting'
_OBJECTS_RULE = 'Write an object for each name, {"api": {"path": "/api/*"}}, or one variable for each setting'
#: What Kubernetes sets in every pod for a service whose name begins with ``cors``.
_SERVICE_LINK = re.compile(
    r"CORS_(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_.*)?)?)"
)
#: All that a misspelled name may have been meant to be, with the name to write.
_MEANT = {name: setting.name for name, setting in {**VARIABLES, **OPTIONS}.items()} | {RESOURCES: RESOURCES}

Path = tuple[str, ...]
Spell = Callable[[str], str]


class Kind(StrEnum):
    """Whose hand a layer is: that decides what its names are called, and who hides what from whom."""

    CONFIG = "config"
    OPERATOR = "operator"
    ARGUMENTS = "arguments"


class Entry(NamedTuple):
    """
    One leaf as it was written.

    Attributes:
        path: Where it stands in the tree: ``("ORIGINS",)`` or ``("RESOURCES", "api", "ORIGINS")``. The name
            of a resource that is known by its path only begins with a slash; a view's has a colon.
        variable: Its name as spelled, fit to be shown.
        source: The place, for messages.
        value: Raw.
        kind: Whose hand it is.
        written: The text that is shown for the value, which names what is not ours to show; else None.
    """

    path: Path
    variable: str
    source: str
    value: Any
    kind: Kind = Kind.OPERATOR
    written: str | None = None

    def problem(self, fault: Fault, rule: str | None = None) -> Problem:
        """*fault* with the place of this entry."""
        setting = full_name(self.path)
        found = Problem.of(fault, setting=setting, variable=self.variable, source=self.source, rule=rule)
        return found if self.written is None else found.hidden(self.variable, self.written)


def full_name(path: Path) -> str:
    """The variable that sets the leaf at *path*; for a view's own option, that of the app."""
    if is_scope(path):
        name = path[-1]
        return _spelled(name) if name in VARIABLES else shown(PREFIX + name, NAME_LIMIT)
    parts = ("<NAME>" if part.startswith("/") else part.upper() for part in path)
    return shown(PREFIX + "__".join(parts), NAME_LIMIT)


def is_scope(path: Path) -> bool:
    """Whether *path* is of a view or a blueprint with a policy of its own."""
    return len(path) > 1 and ":" in path[1] and not path[1].startswith("/")


@dataclass
class Layer:
    """
    What one source sets.

    Attributes:
        source: The place, for messages.
        kind: Whose hand it is.
        entries: In the order found.
        problems: Names that are no settings, values that cannot be taken apart.
        notes: What is right, and could be written better.
    """

    source: str
    kind: Kind = Kind.OPERATOR
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def add(self, path: Path, variable: str, value: Any) -> None:
        """Note a leaf; None, which means not set, is left out."""
        if value is not None:
            self.entries.append(Entry(path, variable, self.source, value, self.kind))

    def take(
        self, path: Path, variable: str, value: Any, takes: Callable[[Setting], bool], spell: Spell
    ) -> None:
        """
        Note a leaf under its setting's name, or what is wrong with the one it has, the last part of *path*.

        *takes* says whether a setting can stand there, *spell* what it is called there, to be suggested.
        """
        name = path[-1]
        setting = (OPTIONS if self.kind is Kind.ARGUMENTS else VARIABLES).get(name)
        if self.kind is Kind.CONFIG and name in IN_CONFIG and path == (name,):
            self.blame(variable, IN_CONFIG[name], "without-effect", path=path)
        elif setting is not None and takes(setting):
            self._add_setting((*path[:-1], setting.name), name, setting, variable, value)
        elif name in FOREIGN:
            fault = FOREIGN[name](value) if value is not None else None
            if fault is not None:
                notes = self.notes if fault.code == "without-effect" else self.problems
                notes.append(self._problem(fault, path, variable))
        elif self.kind is Kind.ARGUMENTS:  # never borne with: it may have been to close a door
            fault = Fault("option-unknown", "is not an option.", None, meant(name, spell))
            self.blame(variable, fault, path=path)
        else:
            remedy = (spell is _spelled and _with_double_underscores(name)) or meant(name, spell)
            fault = Fault("variable-unknown", "is not a setting.", None, remedy)
            self.blame(variable, fault, "unknown", path=path)

    def _add_setting(self, path: Path, name: str, setting: Setting, variable: str, value: Any) -> None:
        """Note the leaf of *setting*, and that *name* is another name of it."""
        pattern = values.pattern_in(value) if self.kind is Kind.CONFIG else None
        if pattern is not None and setting.name in RULE["regex"].broken_by:
            remedy = f"Write it as an argument: {setting.key}=re.compile(...)"
            fault = Fault("pattern-not-here", "is a compiled pattern in app.config.", pattern.pattern, remedy)
            self.blame(variable, fault, path=path)
            return
        self.add(path, variable, value)
        if name != setting.name and self.kind is not Kind.ARGUMENTS:
            canonical = full_name(path)
            fault = Fault("alias", f"is another name of {canonical}.", None, f"Write: {canonical}")
            self.notes.append(self._problem(fault, path, variable))

    def blame(
        self, variable: str, fault: Fault, rule: str | None = None, *, path: Path | None = None
    ) -> None:
        """Note *fault* of *variable*; *path* is where that stands in the tree, if not at its top."""
        self.problems.append(self._problem(fault, path or (_bare(variable),), variable, rule))

    def _problem(self, fault: Fault, path: Path, variable: str, rule: str | None = None) -> Problem:
        return Entry(path, variable, self.source, None).problem(fault, rule)


def _bare(variable: str) -> str:
    return variable.upper().removeprefix(PREFIX)


def meant(name: str, spell: Spell) -> str | None:
    """The advice where *name*, upper case, resembles that of a setting, as *spell* writes it; else None."""
    close = difflib.get_close_matches(name, _MEANT, 1, 0.75)
    return f"Did you mean: {spell(_MEANT[close[0]])}?" if close else None


class Line(NamedTuple):
    """
    One assignment of an env file.

    Attributes:
        name: The variable.
        value: What it stands for; None where that cannot be told.
        place: The file and the number of the line, from 1.
        written: The value as it stands in the file, if it takes names that are not ours, or grows too long.
        fault: Why the value cannot be told; None where it can.
    """

    name: str
    value: str | None
    place: str
    written: str | None = None
    fault: Fault | None = None


def read_variables(
    mapping: Mapping[Any, Any],
    source: str,
    kind: Kind = Kind.OPERATOR,
    lines: Mapping[str, Line] = MappingProxyType({}),
) -> Layer:
    """
    The ``CORS_*`` names of a process environment or app.config, in any case; no other is looked at.

    Args:
        mapping: Names and values.
        source: The place, for messages.
        kind: Whose hand it is.
        lines: What another program read from a file into *mapping*, by name.
    """
    layer = Layer(source, kind)
    ours = (name for name in mapping if isinstance(name, str) and name.upper().startswith(PREFIX))
    for name in sorted(ours):
        line = lines.get(name)
        if line is not None and line.value == mapping[name]:
            read_line(layer, line)
        else:
            read_variable(layer, name, mapping[name])
    return layer


def read_line(layer: Layer, line: Line) -> None:
    """Read a *line* with a value into *layer*, each entry and problem with its place."""
    where = Layer(line.place, layer.kind)
    read_variable(where, line.name, line.value)
    if line.written is not None:
        _hide(where, shown(line.name, NAME_LIMIT), line.written)
    layer.entries += where.entries
    layer.problems += where.problems
    layer.notes += where.notes


def _hide(layer: Layer, variable: str, text: str) -> None:
    """Have *text* shown for the value of *variable*, also where parts of the value became names."""
    layer.entries = [entry._replace(variable=variable, written=text) for entry in layer.entries]
    layer.problems = [problem.hidden(variable, text) for problem in layer.problems]
    layer.notes = [problem.hidden(variable, text) for problem in layer.notes]


def read_variable(layer: Layer, variable: str, value: Any) -> None:
    """Read one ``CORS_*`` variable into *layer*."""
    name = _bare(variable)
    first, *rest = name.split("__")
    label = shown(variable, NAME_LIMIT)
    if first == RESOURCES:
        _read_resources(layer, label, rest, value)
    elif not _SERVICE_LINK.fullmatch(variable.upper()):
        layer.take((name,), label, value, is_for_app, _spelled)


def is_for_app(setting: Setting) -> bool:
    """Whether the app itself has *setting*."""
    return setting.for_app


def _spelled(name: str) -> str:
    """The setting *name* as a variable."""
    if name == RESOURCES or VARIABLES[name].for_app:
        return PREFIX + name
    return f"{PREFIX}{RESOURCES}__<NAME>__{name}"


def _with_double_underscores(name: str) -> str | None:
    """The advice where *name* is a resource's variable but for ``RESOURCE``, or for single underscores."""
    rest = name.removeprefix("RESOURCES").removeprefix("RESOURCE")
    ends = (known for known, s in VARIABLES.items() if s.for_resource and rest.endswith(f"_{known}"))
    end = max(ends, key=len, default="")
    resource = rest.removesuffix(end).strip("_")
    if rest == name or not end or not _NAME.fullmatch(resource):
        return None
    return f"Did you mean: {PREFIX}{RESOURCES}__{resource}__{VARIABLES[end].name}?"


def _read_resources(layer: Layer, label: str, rest: Sequence[str], value: Any) -> None:
    """``CORS_RESOURCES``, ``CORS_RESOURCES__<NAME>`` or ``CORS_RESOURCES__<NAME>__<FIELD>``."""
    path = (RESOURCES, *(part.lower() for part in rest[:1]))
    if rest and not _NAME.fullmatch(rest[0]):
        fault = Fault("resource-bad-name", "is no name of a resource.", rest[0], _NAME_RULE)
        layer.blame(label, fault, path=(RESOURCES, "<NAME>"))
    elif len(rest) > 1:
        _read_field(layer, label, (*path, "__".join(rest[1:])), value, f"{full_name(path)}__{{}}")
    elif rest:
        _read_table(layer, label, path[1], value)
    elif values.is_blank(value):
        layer.add(path, label, value)
    else:
        read_resources(layer, label, [value] if layer.kind is Kind.CONFIG and _is_path(value) else value)


def _is_path(value: Any) -> bool:
    """Whether *value* can only be meant as a path: a string that is no JSON object, or a compiled pattern."""
    is_json = isinstance(value, str) and values.unquote(value).startswith("{")
    return isinstance(value, str | re.Pattern) and not is_json


def _decoded(layer: Layer, label: str, path: Path, value: Any) -> Mapping[Any, Any] | None:
    """*value*, from JSON if it is a string; None after noting what is wrong with it, and for None."""
    if value is None or isinstance(value, Mapping):
        return value
    fault = Fault("wrong-type", "is no table of settings.", as_text(value))
    if isinstance(value, str):
        rule = _OBJECTS_RULE if path == (RESOURCES,) else _OBJECT_RULE
        fault = Fault("not-json", "is no JSON object.", value, rule)
        try:
            decoded = json.loads(values.unquote(value), object_pairs_hook=json_object)
        except FaultyValueError as error:
            (fault,) = error.faults
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(decoded, Mapping):
                return decoded
    layer.blame(label, fault, path=path)
    return None


def json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose names have to be unique: of two the standard library drops one."""
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # adds
        raise FaultyValueError(
            Fault("json-duplicate-name", "is there twice in one object.", twice, "Keep one of them")
        )
    return made


def read_resources(layer: Layer, label: str, tree: Any) -> None:
    """
    Resources keyed by name or, as in flask-cors, by path: a mapping, or JSON in a string.

    Paths alone have the settings of the app. Neither may be empty: nothing governed is not everything.
    """
    is_list = isinstance(tree, list | tuple | set | frozenset)
    found = tree if is_list else _decoded(layer, label, (RESOURCES,), tree)
    if found is not None and not found:
        layer.blame(label, Fault("no-path", "names no path.", as_text(tree), _paths_rule(layer)))
    for path in tree if is_list else ():
        _read_by_path(layer, label, path, None)
    for key, fields in () if is_list or not found else found.items():
        _read_resource(layer, label, key, fields)


def _paths_rule(layer: Layer) -> str:
    """What to write for resources that name no path: only a program's may be a path alone."""
    everything = '{"all": {"path": "/*"}}' if layer.kind is Kind.OPERATOR else "/*"
    return f"Remove it, or write: {everything}"


def _read_resource(layer: Layer, label: str, key: Any, fields: Any) -> None:
    where = f'{label}["{shown(getattr(key, "pattern", key))}"]'
    if isinstance(key, str) and _NAME.fullmatch(key):
        _read_table(layer, where, key.lower(), fields)
    elif isinstance(key, re.Pattern) or (isinstance(key, str) and ("/" in key or "*" in key)):
        _read_by_path(layer, where, key, fields)
    else:
        fault = Fault("resource-bad-name", "is neither a path nor a name.", key, _NAME_RULE)
        layer.blame(where, fault, path=(RESOURCES, "<NAME>"))


def _read_by_path(layer: Layer, where: str, key: Any, fields: Any) -> None:
    try:
        pattern = values.path(key)
    except FaultyValueError as error:
        for fault in error.faults:
            layer.blame(where, fault, path=(RESOURCES, "<NAME>", "PATH"))
        return
    layer.add((RESOURCES, pattern.text, "PATH"), where, [pattern.text])
    _read_table(layer, where, pattern.text, fields)


def _read_table(layer: Layer, where: str, resource: str, fields: Any) -> None:
    """The settings of one resource, as a mapping, or as JSON in a string."""
    path = (RESOURCES, resource)
    if values.is_blank(fields) and layer.kind is not Kind.ARGUMENTS:
        layer.add(path, where, fields)
        return
    for key, value in (_decoded(layer, where, path, fields) or {}).items():
        _read_field(layer, f"{where}.{shown(key)}", (*path, str(key).upper()), value)


def _read_field(layer: Layer, label: str, path: Path, value: Any, spelling: str | None = None) -> None:
    """
    One setting of a resource.

    Args:
        layer: Takes it.
        label: What it is called where it stands.
        path: Where it belongs, the last part as it was called, in upper case.
        value: Raw.
        spelling: What another setting would be called there; None for its name in lower case.
    """

    def spell(other: str) -> str:
        is_here = other in (OPTIONS if layer.kind is Kind.ARGUMENTS else VARIABLES)
        if other == RESOURCES or not is_here or not VARIABLES[other].for_resource:
            return PREFIX + other
        return other.lower() if spelling is None else spelling.format(other)

    layer.take(path, label, value, lambda setting: setting.for_resource, spell)


def read_arguments(options: Mapping[str, Any], source: str, at: Path = ()) -> Layer:
    """
    The options and resources given to ``CORS(...)``, ``init_app(...)`` or, *at* its resource, a view.

    None means not set.
    """
    layer = Layer(source, Kind.ARGUMENTS)
    for key, value in options.items():
        if key == "resources" and not at:
            read_resources(layer, key, [value] if isinstance(value, str | re.Pattern) else value)
        else:
            takes = is_for_app if key.islower() else (lambda _: False)
            layer.take((*at, key.upper()), shown(key, NAME_LIMIT), value, takes, _as_option)
    return layer


def _as_option(name: str) -> str:
    is_option = name == RESOURCES or (name in OPTIONS and OPTIONS[name].for_app)
    return name.lower() if is_option else _spelled(name)
