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
from functools import reduce
from typing import Any

from flask_cors_env.config import values
from flask_cors_env.config.errors import Fault, FaultyValueError, Problem, as_text
from flask_cors_env.config.layers import RESOURCES, Entry, Kind, Layer, Path
from flask_cors_env.config.settings import VARIABLES


@dataclass
class Stack:
    """
    Everything that sets one leaf.

    Attributes:
        entries: The strongest first.
        value: The typed value of the strongest; of a faulty one what is right of it, or None.
    """

    entries: list[Entry] = field(default_factory=list)
    value: Any = None

    @property
    def top(self) -> Entry:
        """The strongest entry."""
        return self.entries[0]


@dataclass
class Merged:
    """
    All layers as one.

    Attributes:
        owners: The leaves of each owner by setting: of the app, at the empty path, and of each resource.
        problems: Values that do not parse, names that are unknown.
        notes: What is right, and could be written better.
    """

    owners: dict[Path, dict[str, Stack]] = field(default_factory=lambda: {(): {}})
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    @property
    def app(self) -> dict[str, Stack]:
        """The leaves of the app itself."""
        return self.owners[()]

    def stacks(self) -> Iterator[Stack]:
        """Yield every leaf."""
        for stacks in self.owners.values():
            yield from stacks.values()

    def stack(self, path: Path) -> Stack:
        """Return the leaf at *path*, made if nothing sets it yet."""
        return self.owners.setdefault(path[:-1], {}).setdefault(path[-1], Stack())


def merge(layers: Iterable[Layer]) -> Merged:
    """
    Merge *layers*, weakest first, and type what is strongest.

    A list replaces what a weaker layer says, and resources merge by name. A blank value is not set; over a
    weaker layer's value it is a problem, since removing a value must never reopen what it closed.
    """
    merged = Merged()
    layers = _named(list(layers))
    for layer in layers:
        merged.problems += layer.problems
        merged.notes += layer.notes
    kept = []
    for layer in layers:
        kept.append(list(_without_blanks(layer, merged)))
        merged.problems += _set_twice(kept[-1])
        for entry in kept[-1]:
            merged.stack(entry.path).entries.insert(0, entry)
    _type(kept, merged)
    merged.problems += _shadowed(merged)
    return merged


def _named(layers: Sequence[Layer]) -> list[Layer]:
    """Name each resource that is known by its path alone: after the one with that path, or by a slug."""
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
    """Yield each resource with a name and a PATH, and that path, None for several; the strongest last."""
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
    """Make a name of *path* that is not *taken*; *tried* counts the attempts for each stem."""
    stem = re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_") or ("all" if "*" in path else "root")
    while True:
        tried[stem] += 1
        name = stem if tried[stem] == 1 else f"{stem}_{tried[stem]}"
        if name not in taken:
            return name


def _without_blanks(layer: Layer, merged: Merged) -> Iterator[Entry]:
    """Yield what *layer* sets; report blank values, which set nothing, and reopen nothing below."""
    for entry in layer.entries:
        if not values.is_blank(entry.value):
            yield entry
            continue
        below, remedy = _set_below(entry.path, merged), "Remove the variable"
        if below is None:
            remedy = "Write: none, to mean nothing" if takes_none(entry.path[-1]) else remedy
            fault = Fault("blank", "is blank, which means that it is not set.", None, remedy)
            merged.notes.append(entry.problem(fault))
        else:
            remedy = "Write: none, or remove the variable" if takes_none(entry.path[-1]) else remedy
            message = f"is blank, and {below.variable} in {below.source} has a value."
            merged.problems.append(entry.problem(Fault("blank-over-value", message, None, remedy)))


def takes_none(name: str) -> bool:
    """Tell whether *name* is of a setting that may be empty on purpose."""
    try:
        return name in VARIABLES and bool(VARIABLES[name].parse("none") == VARIABLES[name].parse([]))
    except FaultyValueError:
        return False


def _set_below(path: Path, merged: Merged) -> Entry | None:
    """Return what sets the leaf at *path* already or, for a whole resource, one of its leaves; else None."""
    stack = merged.owners.get(path[:-1], {}).get(path[-1])
    if stack is not None:
        return stack.top
    if len(path) == 3 or path[0] != RESOURCES:  # noqa: PLR2004 - RESOURCES, name, setting: a leaf
        return None
    found = (stacks for owner, stacks in merged.owners.items() if owner[: len(path)] == path)
    return next((stack.top for stacks in found for stack in stacks.values()), None)


def _set_twice(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Report two names of one setting in one layer, with different values."""
    seen: dict[Path, Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.path, entry)
        if first is not entry and not _same(first, entry):
            message = f"is set beside {first.variable}, to another value."
            yield entry.problem(Fault("set-twice", message, None, "Keep one of them"))


def _shadowed(merged: Merged) -> Iterator[Problem]:
    """Report the operator's variables that arguments hide."""
    for stack in merged.stacks():
        top = stack.top
        hidden = next((entry for entry in stack.entries if entry.kind is Kind.OPERATOR), None)
        if top.kind is Kind.ARGUMENTS and hidden is not None and not _same(top, hidden):
            message = f"has no effect: {top.variable} in {top.source} is stronger."
            fault = Fault("shadowed", message, None, "Remove the argument where operators are to decide")
            yield hidden.problem(fault, "shadowed")


def _same(one: Entry, other: Entry) -> bool:
    """Tell whether two entries of one leaf mean the same; of faulty ones, whether they read the same."""
    parse = VARIABLES[one.path[-1]].parse
    try:
        return bool(parse(one.value) == parse(other.value))
    except FaultyValueError:
        return as_text(one.value) == as_text(other.value)


def _type(layers: Iterable[Sequence[Entry]], merged: Merged) -> None:
    """Merge and type the entries of *layers*, weakest first; of a faulty value keep the rest."""
    from flask_cors_env.config.model import load  # noqa: PLC0415 - pydantic, only where a policy is built

    # no setting takes a table, and two of them would mix
    tables = {id(e) for stack in merged.stacks() for e in stack.entries[1:] if isinstance(e.value, dict)}
    trees = [_as_tree(entry for entry in entries if id(entry) not in tables) for entries in layers]
    values, faults = load(trees[::-1])
    for path, value in values.items():
        merged.stack(path).value = value
    for path, error in sorted(faults.items(), key=lambda item: item[0][1:2]):
        stack = merged.stack(path)
        stack.value = error.rest
        merged.problems += map(stack.top.problem, error.faults)


def _as_tree(entries: Iterable[Entry]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for *owner, setting, value in ((*entry.path, entry.value) for entry in entries):
        reduce(lambda node, part: node.setdefault(part, {}), owner, tree)[setting] = value
    return tree
