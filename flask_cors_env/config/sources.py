"""
Sources: all layers as one. Resources find each other, the strongest value of each leaf is typed, and what it
hides is remembered.

Layers, weakest first: app.config, policy file, env file, process environment, ``CORS(...)``,
``init_app(...)``, views. pydantic-settings merges and types them (`model`), through one source of our own a
layer: its stock sources drop typos, and print values that are not ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask_cors_env.config import values
from flask_cors_env.config.errors import Fault, FaultyValueError, Problem, as_text
from flask_cors_env.config.layers import (
    RESOURCES,
    Entry,
    Kind,
    Layer,
    Path,
    read_arguments,
    read_variables,
)
from flask_cors_env.config.settings import VARIABLES

__all__ = ["Entry", "Layer", "Merged", "Path", "merge", "read_arguments", "read_variables"]

Stacks = dict[Path, list[Entry]]


@dataclass
class Merged:
    """
    All layers as one.

    Attributes:
        values: The typed value of each leaf that somebody set; of a faulty one what is left, if anything is.
        stacks: For each leaf everything that sets it, strongest first.
        problems: Values that do not parse, names that are unknown.
        notes: What is right, and could be written better.
    """

    values: dict[Path, Any] = field(default_factory=dict)
    stacks: Stacks = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def may_merge(self, entry: Entry) -> bool:
        """Whether *entry* cannot mix with a stronger one: no setting takes a table, and two would be one."""
        return not isinstance(entry.value, dict) or self.stacks[entry.path][0] is entry

    @property
    def app(self) -> dict[str, Any]:
        """The values of the app's own settings, by name."""
        return {path[0]: value for path, value in self.values.items() if len(path) == 1}


def merge(layers: Iterable[Layer]) -> Merged:
    """
    Merge *layers*, weakest first, and type what is strongest.

    A list replaces what a weaker layer says, and resources merge by name. A blank value is not set; over a
    weaker layer's value it is a problem, since removing a value must never reopen what it closed.
    """
    merged = Merged()
    layers = _named(list(layers))
    kept_layers = []
    for layer in layers:
        merged.problems += layer.problems
        merged.notes += layer.notes
    for layer in layers:
        kept = list(_without_blanks(layer, merged))
        merged.problems += _set_twice(kept)
        for entry in kept:
            merged.stacks.setdefault(entry.path, []).insert(0, entry)
        kept_layers.append(kept)
    _type(kept_layers, merged)
    merged.problems += _shadowed(merged.stacks)
    return merged


def _named(layers: Sequence[Layer]) -> list[Layer]:
    """*layers*, a resource that is known by its path named after the one with that path, or by a slug."""
    paths = dict(_paths_of_names(layers))
    names = {path: name for name, path in reversed(paths.items()) if path is not None}
    taken, tried = set(paths), Counter[str]()

    def named(entry: Entry) -> Entry:
        if len(entry.path) == 1 or not entry.path[1].startswith("/"):
            return entry
        path = entry.path[1]
        if path not in names:
            names[path] = _slug(path, taken, tried)
            taken.add(names[path])
        return entry._replace(path=(RESOURCES, names[path], *entry.path[2:]))

    return [replace(layer, entries=[*map(named, layer.entries)]) for layer in layers]


def _paths_of_names(layers: Sequence[Layer]) -> Iterator[tuple[str, str | None]]:
    """Each resource with a name and a PATH, and that path, or None if it has several; the strongest last."""
    for layer in layers:
        for entry in layer.entries:
            is_named = len(entry.path) > 1 and not entry.path[1].startswith("/")
            if is_named and entry.path[2:] == ("PATH",) and not values.is_blank(entry.value):
                yield entry.path[1], _only_path(entry.value)


def _only_path(value: Any) -> str | None:
    try:
        found = values.paths(value)
    except FaultyValueError:
        return None
    return found[0].text if len(found) == 1 else None


def _slug(path: str, taken: set[str], tried: Counter[str]) -> str:
    """A name made of *path*, other than those *taken*; *tried* counts what was tried of each stem."""
    stem = re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_") or ("all" if "*" in path else "root")
    while True:
        tried[stem] += 1
        name = stem if tried[stem] == 1 else f"{stem}_{tried[stem]}"
        if name not in taken:
            return name


def _without_blanks(layer: Layer, merged: Merged) -> Iterator[Entry]:
    """What *layer* sets; a blank value sets nothing, and must not seem to take away what is set below."""
    for entry in layer.entries:
        if not values.is_blank(entry.value):
            yield entry
            continue
        below = _set_below(entry.path, merged.stacks)
        takes_none = _takes_none(entry.path[-1])
        if below is None:
            remedy = "Write: none, to mean nothing" if takes_none else "Remove the variable"
            fault = Fault("blank", "is blank, which means that it is not set.", None, remedy)
            merged.notes.append(entry.problem(fault))
        else:
            message = f"is blank, and {below.variable} in {below.source} has a value."
            remedy = "Write: none, or remove the variable" if takes_none else "Remove the variable"
            fault = Fault("blank-over-value", message, None, remedy)
            merged.problems.append(entry.problem(fault))


def _takes_none(name: str) -> bool:
    """Whether *name* is of a setting that may be empty on purpose."""
    try:
        return name in VARIABLES and bool(VARIABLES[name].parse("none") == VARIABLES[name].parse([]))
    except FaultyValueError:
        return False


def _set_below(path: Path, stacks: Stacks) -> Entry | None:
    """What sets the leaf at *path* already or, where that is a whole resource, one of its leaves."""
    if path in stacks:
        return stacks[path][0]
    if len(path) == 3 or path[0] != RESOURCES:  # noqa: PLR2004 - RESOURCES, name, setting: a leaf
        return None
    return next((stack[0] for leaf, stack in stacks.items() if leaf[: len(path)] == path), None)


def _set_twice(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Two names of one setting in one layer, with different values."""
    seen: dict[Path, Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.path, entry)
        if first is not entry and not _same(first, entry):
            message = f"is set beside {first.variable}, to another value."
            yield entry.problem(Fault("set-twice", message, None, "Keep one of them"))


def _shadowed(stacks: Stacks) -> Iterator[Problem]:
    """Variables of the operator's that arguments hide."""
    for stack in stacks.values():
        top = stack[0]
        hidden = next((entry for entry in stack if entry.kind is Kind.OPERATOR), None)
        if top.kind is Kind.ARGUMENTS and hidden is not None and not _same(top, hidden):
            message = f"has no effect: {top.variable} in {top.source} is stronger."
            fault = Fault("shadowed", message, None, "Remove the argument where operators are to decide")
            yield hidden.problem(fault, "shadowed")


def _same(one: Entry, other: Entry) -> bool:
    """Whether two entries of one leaf mean the same, however they are written; faulty ones: read the same."""
    parse = VARIABLES[one.path[-1]].parse
    try:
        return bool(parse(one.value) == parse(other.value))
    except FaultyValueError:
        return as_text(one.value) == as_text(other.value)


def _type(layers: Iterable[Sequence[Entry]], merged: Merged) -> None:
    """Merge and type the entries of *layers*, weakest first; of a faulty value keep the rest."""
    from flask_cors_env.config.model import load  # noqa: PLC0415 - pydantic, only where a policy is built

    values, faults = load([_as_tree(filter(merged.may_merge, entries)) for entries in reversed([*layers])])
    paths = {_location(path): path for path in merged.stacks}
    merged.values = {paths[location]: value for location, value in values.items()}
    for location, error in sorted(faults.items(), key=lambda item: item[0][1:2]):
        path = paths[location]
        merged.problems += [merged.stacks[path][0].problem(fault) for fault in error.faults]
        if error.rest is not None:
            merged.values[path] = error.rest


def _location(path: Path) -> tuple[str, ...]:
    """Where the leaf at *path* stands in a tree: keys are in lower case, a resource's name is as it is."""
    return (path[0].lower(), *path[1:-1], path[-1].lower()) if len(path) > 1 else (path[0].lower(),)


def _as_tree(entries: Iterable[Entry]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for entry in entries:
        *parts, key = _location(entry.path)
        node = tree
        for part in parts:
            node = node.setdefault(part, {})
        node[key] = entry.value
    return tree
