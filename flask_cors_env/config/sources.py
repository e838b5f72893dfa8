"""
Sources: every place a setting can come from, read into one flat list of entries that know their place.

Layers, weakest first: app.config, policy file, env file, process environment, ``CORS(...)``,
``init_app(...)``. pydantic-settings merges and types them, through one source of our own a layer: its stock
sources drop typos, and print values that are not ours.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from flask_cors_env.config import values
from flask_cors_env.config.errors import Fault, FaultyValueError, Problem, shown
from flask_cors_env.config.settings import BY_NAME, CANONICAL, FOREIGN, OPTION_ALIASES, SETTINGS, Setting

PREFIX = "CORS_"
RESOURCES = "RESOURCES"
#: The rule of what is only worth a note.
NOTE = "note"
PROCESS = "the process environment"
APP_CONFIG = "app.config"

_NAME = re.compile(r"[A-Z0-9]+(?:_[A-Z0-9]+)*")
_SERVICE_LINK = re.compile(
    r"CORS_(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_[0-9]+_(?:TCP|UDP)(?:_.*)?)?)"
)

Path = tuple[str, ...]


class Kind(StrEnum):
    """Whose hand a layer is: that decides what its names are called, and who hides what from whom."""

    CONFIG = "config"
    OPERATOR = "operator"
    ARGUMENTS = "arguments"


class Entry(NamedTuple):
    """
    One leaf as it was written.

    Attributes:
        path: Where it stands in the tree: ``("ORIGINS",)`` or ``("RESOURCES", "api", "ORIGINS")``.
        variable: Its name as spelled.
        source: The place, for messages.
        value: Raw.
        kind: Whose hand it is.
    """

    path: Path
    variable: str
    source: str
    value: Any
    kind: Kind = Kind.OPERATOR

    @property
    def setting(self) -> str:
        """The full canonical name of the setting."""
        return full_name(self.path)

    def problem(self, fault: Fault, rule: str | None = None) -> Problem:
        """*fault* with the place of this entry."""
        return Problem(
            fault.code,
            self.setting,
            self.variable,
            self.source,
            fault.message,
            fault.value,
            fault.remedy,
            rule,
        )


def full_name(path: Path) -> str:
    """The variable that sets the leaf at *path*."""
    return PREFIX + "__".join(part.upper() for part in path)


@dataclass
class Layer:
    """
    What one source sets.

    Attributes:
        source: The place, for messages.
        entries: In the order found.
        problems: Names that are no settings, values that cannot be taken apart.
        kind: Whose hand it is.
    """

    source: str
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    kind: Kind = Kind.OPERATOR

    def setting(self, name: str) -> Setting | None:
        """The setting of that name or alias, upper case, without prefix; None if there is none."""
        aliases = OPTION_ALIASES if self.kind is Kind.ARGUMENTS else CANONICAL
        return BY_NAME.get(aliases.get(name, name))

    def is_foreign(self, variable: str, name: str, value: Any) -> bool:
        """Whether *name* is a setting of other packages; what is to be said of it is noted."""
        foreign = FOREIGN.get(name)
        if foreign is None:
            return False
        fault = foreign(value)
        if fault is not None:
            self.blame(variable, fault, NOTE if fault.code == "without-effect" else None)
        return True

    def blame(self, variable: str, fault: Fault, rule: str | None = None) -> None:
        """Note *fault* of *variable*, which is no leaf of the tree."""
        self.problems.append(
            Problem(
                fault.code,
                variable.upper(),
                variable,
                self.source,
                fault.message,
                fault.value,
                fault.remedy,
                rule,
            )
        )

    def add(self, path: Path, variable: str, value: Any) -> None:
        """Note a leaf; None, which means not set, is left out."""
        if value is not None:
            self.entries.append(Entry(path, variable, self.source, value, self.kind))


def read_variables(mapping: Mapping[str, Any], source: str, kind: Kind = Kind.OPERATOR) -> Layer:
    """The ``CORS_*`` names of a process environment or app.config, in any case; no other is looked at."""
    layer = Layer(source, kind=kind)
    for variable in sorted(
        name for name in mapping if isinstance(name, str) and name.upper().startswith(PREFIX)
    ):
        read_variable(layer, variable, mapping[variable])
    return layer


def read_variable(layer: Layer, variable: str, value: Any) -> None:
    """Read one ``CORS_*`` variable into *layer*."""
    first, *rest = variable.upper().removeprefix(PREFIX).split("__")
    setting = layer.setting(first)
    if first == RESOURCES:
        _read_resources(layer, variable, rest, value)
    elif setting is not None and setting.for_app and not rest:
        layer.add((setting.name,), variable, value)
    elif not (_SERVICE_LINK.fullmatch(variable.upper()) or layer.is_foreign(variable, first, value)):
        layer.blame(variable, unknown(variable.upper(), _known_variables()), "unknown")


def unknown(name: str, known: Iterable[str], prefix: str = "") -> Fault:
    """The fault of a name that is no setting, with the one of *known* that was meant, after *prefix*."""
    close = difflib.get_close_matches(name, known, 1, 0.75)
    return Fault(
        "variable-unknown", "is not a setting.", None, f"Did you mean: {prefix}{close[0]}?" if close else None
    )


def _known_variables() -> list[str]:
    names = [*(s.name for s in SETTINGS), *CANONICAL]
    return [f"{PREFIX}{name}" for name in names if BY_NAME[CANONICAL.get(name, name)].for_app]


def _is_of_resource(name: str) -> bool:
    return BY_NAME[CANONICAL.get(name, name)].for_resource


def _read_resources(layer: Layer, variable: str, rest: Sequence[str], value: Any) -> None:
    """``CORS_RESOURCES``, ``CORS_RESOURCES__<NAME>`` or ``CORS_RESOURCES__<NAME>__<FIELD>``."""
    if values.is_blank(value):
        return
    if not rest:
        read_resources(layer, variable, _decoded(layer, variable, value))
    elif not _NAME.fullmatch(rest[0]):
        layer.blame(variable, Fault("resource-bad-name", "is no name of a resource.", rest[0], _NAME_RULE))
    elif len(rest) == 1:
        fields = _decoded(layer, variable, value)
        if isinstance(fields, Mapping):
            _read_fields(layer, variable, rest[0].lower(), fields)
    else:
        _read_field(layer, variable, rest[0].lower(), "__".join(rest[1:]), value)


_NAME_RULE = "Write letters and digits, joined by single underscores; the path is a value: __<NAME>__PATH"


def _decoded(layer: Layer, variable: str, value: Any) -> Any:
    """*value*, from JSON if it is a string; None after noting what is wrong with it."""
    if isinstance(value, str):
        try:
            value = json.loads(values.unquote(value))
        except (ValueError, RecursionError):
            layer.blame(variable, Fault("not-json", "is no JSON object.", shown(value), None))
            return None
    if not isinstance(value, Mapping):
        layer.blame(variable, Fault("not-json", "is no JSON object.", shown(value), None))
        return None
    return value


def read_resources(layer: Layer, variable: str, tree: Any) -> None:
    """Resources keyed by name or, as in flask-cors, by path."""
    if tree is not None and not isinstance(tree, Mapping):
        layer.blame(variable, Fault("wrong-type", "is no table of resources.", shown(tree), None))
        return
    for key, fields in (tree or {}).items():
        where = f'{variable}["{shown(getattr(key, "pattern", key))}"]'
        if not isinstance(fields, Mapping):
            layer.blame(where, Fault("wrong-type", "is no table of settings.", shown(fields), None))
        elif isinstance(key, str) and _NAME.fullmatch(key.upper()):
            _read_fields(layer, where, key.lower(), fields)
        else:
            _read_by_path(layer, where, key, fields)


def _read_by_path(layer: Layer, where: str, key: Any, fields: Mapping[Any, Any]) -> None:
    try:
        pattern = values.path(key if isinstance(key, str | re.Pattern) else str(key))
    except FaultyValueError as error:
        for fault in error.faults:
            layer.blame(where, fault)
        return
    name = _PathKey(pattern.text)
    layer.add((RESOURCES, name, "PATH"), where, [pattern.text])
    _read_fields(layer, where, name, fields)


def _read_fields(layer: Layer, where: str, name: str, fields: Mapping[Any, Any]) -> None:
    for key, value in fields.items():
        _read_field(layer, f"{where}.{key}", name, str(key).upper(), value)


def _read_field(layer: Layer, variable: str, name: str, field_name: str, value: Any) -> None:
    setting = layer.setting(field_name)
    if layer.is_foreign(variable, field_name, value):
        return
    if layer.kind is Kind.ARGUMENTS and (setting is None or not setting.for_resource):
        known = [key.lower() for key in (*BY_NAME, *OPTION_ALIASES) if _is_of_resource(key)]
        layer.blame(variable, _unknown_option(field_name.lower(), known))
    elif setting is None or not setting.for_resource:
        if not _SERVICE_LINK.fullmatch(variable.upper()):
            known = [key for key in (*BY_NAME, *CANONICAL) if _is_of_resource(key)]
            layer.blame(variable, unknown(field_name, known, f"CORS_RESOURCES__{name.upper()}__"), "unknown")
    else:
        layer.add((RESOURCES, name, setting.name), variable, value)


class _PathKey(str):
    """The provisional name of a resource that was keyed by its path."""

    __slots__ = ()


def read_arguments(options: Mapping[str, Any], source: str) -> Layer:
    """The options and resources given to ``CORS(...)`` or ``init_app(...)``; None means not set."""
    layer = Layer(source, kind=Kind.ARGUMENTS)
    for key, value in options.items():
        setting = layer.setting(key.upper())
        if key == "resources":
            _read_resources_argument(layer, value)
        elif setting is not None and setting.for_app and setting.option and key.islower():
            layer.add((setting.name,), key, value)
        elif value is None or not layer.is_foreign(key, key.upper(), value):
            known = [name.lower() for name in (*BY_NAME, *OPTION_ALIASES) if _is_option(name)]
            layer.blame(key, _unknown_option(key, [*known, "resources"]))
    return layer


def attributed(layer: Layer, lines: Mapping[str, tuple[str, str]]) -> Layer:
    """*layer* with the place of each value that another program read from a file into the environment."""
    return replace(layer, entries=[_attributed(entry, lines) for entry in layer.entries])


def _attributed(entry: Entry, lines: Mapping[str, tuple[str, str]]) -> Entry:
    value, place = lines.get(entry.variable, (None, ""))
    return entry._replace(source=place) if value is not None and value == entry.value else entry


def _unknown_option(name: str, known: Iterable[str]) -> Fault:
    """Always an error: an option that is not understood must not leave the door open."""
    return unknown(name, known)._replace(code="option-unknown", message="is not an option.")


def _is_option(name: str) -> bool:
    setting = BY_NAME[CANONICAL.get(name, name)]
    return setting.option and setting.for_app


def _read_resources_argument(layer: Layer, value: Any) -> None:
    """A mapping, or paths alone: those have the options of the app."""
    if isinstance(value, Mapping):
        read_resources(layer, "resources", value)
    elif isinstance(value, str | re.Pattern):
        _read_by_path(layer, "resources", value, {})
    elif isinstance(value, list | tuple | set | frozenset):
        for key in value:
            _read_by_path(layer, "resources", key, {})
    elif value is not None:
        layer.blame(
            "resources", Fault("wrong-type", "is no mapping from paths to settings.", shown(value), None)
        )


def named(layers: Sequence[Layer]) -> list[Layer]:
    """*layers*, a resource keyed by its path named after one with the same path, or by a slug."""
    taken = {e.path[1]: e for layer in layers for e in layer.entries if len(e.path) > 1 and not _is_keyed(e)}
    by_path = {_sole_path(e): name for name, e in _paths_of(layers)}
    names: dict[str, str] = {}

    def rename(entry: Entry) -> Entry:
        if not _is_keyed(entry):
            return entry
        key = str(entry.path[1])
        name = by_path.get(key) or names.get(key) or _slug(key, {*taken, *names.values()})
        names[key] = name
        return entry._replace(path=(RESOURCES, name, entry.path[2]))

    return [replace(layer, entries=[rename(entry) for entry in layer.entries]) for layer in layers]


def _is_keyed(entry: Entry) -> bool:
    return len(entry.path) > 1 and isinstance(entry.path[1], _PathKey)


def _paths_of(layers: Sequence[Layer]) -> Iterator[tuple[str, Entry]]:
    for layer in layers:
        for entry in layer.entries:
            if len(entry.path) > 1 and entry.path[2] == "PATH" and not _is_keyed(entry):
                yield entry.path[1], entry


def _sole_path(entry: Entry) -> str | None:
    """The path of a resource that has just one, or None."""
    try:
        found = values.paths(entry.value)
    except FaultyValueError:
        return None
    return found[0].text if len(found) == 1 else None


def _slug(path: str, taken: set[str]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_") or ("all" if "*" in path else "root")
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name


@dataclass
class Merged:
    """
    All layers as one.

    Attributes:
        app: Typed values of the app's own settings, by name; only what somebody set.
        resources: The same for each resource.
        stacks: For each leaf everything that sets it, strongest first.
        problems: Values that do not parse, names that are unknown.
    """

    app: dict[str, Any]
    resources: dict[str, dict[str, Any]]
    stacks: dict[Path, list[Entry]]
    problems: list[Problem]


def merge(layers: Sequence[Layer]) -> Merged:
    """
    Merge *layers*, weakest first, and type what is strongest.

    A list replaces what a weaker layer says, and resources merge by name. A blank value is not set; over a
    weaker layer's value it is a problem, since removing a value must never reopen what it closed.
    """
    layers = named(layers)
    problems = [problem for layer in layers for problem in layer.problems]
    stacks: dict[Path, list[Entry]] = {}
    trees: list[dict[str, Any]] = []
    for layer in layers:
        kept = _without_blanks(layer, stacks, problems)
        problems += _twice(kept)
        for entry in kept:
            stacks.setdefault(entry.path, []).insert(0, entry)
        trees.append(_as_tree(kept))
    app, resources = _typed(trees, stacks, problems)
    return Merged(app, resources, stacks, problems)


def _without_blanks(layer: Layer, stacks: Mapping[Path, list[Entry]], problems: list[Problem]) -> list[Entry]:
    kept = []
    for entry in layer.entries:
        if not values.is_blank(entry.value):
            kept.append(entry)
        elif entry.path not in stacks:
            fault = Fault(
                "blank", "is blank, which means that it is not set.", None, "Write: none, to mean nothing"
            )
            problems.append(entry.problem(fault, NOTE))
        else:
            below = stacks[entry.path][0]
            fault = Fault(
                "blank-over-value",
                f"is blank, and {below.variable} in {below.source} has a value.",
                None,
                "Write: none, or remove the variable",
            )
            problems.append(entry.problem(fault))
    return kept


def _twice(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Two names of one setting in one layer, with different values."""
    seen: dict[Path, Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.path, entry)
        if first.value != entry.value:  # an alias and its canonical name, or two spellings
            fault = Fault(
                "set-twice", f"is set beside {first.variable}, to another value.", None, "Keep one of them"
            )
            yield entry.problem(fault)


def aliases_used(layers: Iterable[Layer]) -> Iterator[Problem]:
    """A note for each name that is another package's word for a setting of ours."""
    for layer in layers:
        for entry in layer.entries:
            name = re.split(r"__|\.", entry.variable.upper().removeprefix(PREFIX))[-1]
            if layer.kind is not Kind.ARGUMENTS and name in CANONICAL:
                message = f"is another name of {full_name(entry.path)}."
                yield entry.problem(Fault("alias", message, None, None), NOTE)


def shadowed(stacks: Mapping[Path, list[Entry]]) -> Iterator[Problem]:
    """An operator's value that an argument hides."""
    for stack in stacks.values():
        above = stack[0]
        for entry in stack[1:]:
            if above.kind is Kind.ARGUMENTS and entry.kind is Kind.OPERATOR and entry.value != above.value:
                message = f"has no effect: {above.variable} in {above.source} is stronger."
                remedy = "Remove the argument where operators are to decide"
                yield entry.problem(Fault("shadowed", message, None, remedy), "shadowed")


def _as_tree(entries: Iterable[Entry]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for entry in entries:
        node = tree
        for part in entry.path[:-1]:
            node = node.setdefault(part, {})
        node[entry.path[-1]] = _Raw(entry.value)
    return tree


class _Raw(NamedTuple):
    """Keeps a raw value whole while layers merge: a mapping inside would be merged, not replaced."""

    value: Any
    typed: bool = False


def _reader(setting: Setting) -> Callable[[_Raw], Any]:
    return lambda raw: raw.value if raw.typed else setting.parse(raw.value)


def _model_fields(settings: Iterable[Setting]) -> dict[str, Any]:
    return {s.name: (Annotated[Any, PlainValidator(_reader(s))], None) for s in settings}


_RESOURCE: Any = create_model(
    "Resource",
    __config__=ConfigDict(hide_input_in_errors=True),
    **_model_fields(s for s in SETTINGS if s.for_resource),
)


class _LayerSource(PydanticBaseSettingsSource):
    """A source for pydantic-settings that holds what was read already."""

    def __init__(self, settings: type[BaseSettings], tree: dict[str, Any]) -> None:
        super().__init__(settings)
        self._tree = tree

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self._tree.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._tree


def _typed(
    trees: Sequence[dict[str, Any]], stacks: Mapping[Path, list[Entry]], problems: list[Problem]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The merged tree with typed leaves; of a leaf that does not parse the rest is kept, and the problems."""
    try:
        return _validated(trees)
    except ValidationError as error:
        faulty = dict(_faults_of(error))
    for path, cause in faulty.items():
        problems += [stacks[path][0].problem(fault) for fault in cause.faults]
    rests = {path: cause.rest for path, cause in faulty.items()}
    return _validated([_with_rests(tree, rests) for tree in trees])


def _faults_of(error: ValidationError) -> Iterator[tuple[Path, FaultyValueError]]:
    for item in error.errors(include_url=False, include_input=False):
        cause = item.get("ctx", {}).get("error")
        if not isinstance(cause, FaultyValueError):
            raise error
        yield tuple(str(part) for part in item["loc"]), cause


def _with_rests(tree: dict[str, Any], rests: Mapping[Path, Any], at: Path = ()) -> dict[str, Any]:
    """*tree* with what is left of its faulty leaves; those of which nothing is left are not set."""
    kept: dict[str, Any] = {}
    for key, value in tree.items():
        path = (*at, key)
        if isinstance(value, dict):
            kept[key] = _with_rests(value, rests, path)
        elif path not in rests:
            kept[key] = value
        elif rests[path] is not None:
            kept[key] = _Raw(rests[path], typed=True)
    return kept


def _validated(trees: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    class Layered(BaseSettings):
        model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True, validate_default=False)

        @classmethod
        def settings_customise_sources(cls, settings_cls: type[BaseSettings], **_: Any) -> tuple[Any, ...]:  # type: ignore[override]  # the stock sources are not used
            return tuple(_LayerSource(settings_cls, tree) for tree in reversed(trees))

    fields = _model_fields(s for s in SETTINGS if s.for_app)
    settings: Any = create_model(
        "Settings", __base__=Layered, RESOURCES=(dict[str, _RESOURCE], {}), **fields
    )()
    resources = {name: _set(resource) for name, resource in settings.RESOURCES.items()}
    return _set(settings), resources


def _set(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in model.model_fields_set if name != RESOURCES}
