"""
The ground: which resource would govern a request whose path is, as a rule, not in the log.

It is told by the resource that did govern it, and by what the two policies' paths have in common. Where
several could govern it, and all would decide alike, it does not matter which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from itertools import product
from typing import Any, NamedTuple

from flask_cors_env.answers.shapes import Shape
from flask_cors_env.core.fields import DEFAULT, FIELDS, SPELLED
from flask_cors_env.core.path import PathPattern
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.core.reason import Reason

#: The resources that the program itself declares, whatever a file says.
OF_PROGRAM = ("view:", "blueprint:")


class Doubt(StrEnum):
    """
    Why a shape cannot be decided.

    Attributes:
        meaning: One sentence, with what to do where there is something.
    """

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Doubt:
        """Make the member from its code and what is said of it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    PATH = (
        "path",
        "The policies differ in paths, and the log does not tell this one: CORS_AUDIT_PATH=on does.",
    )
    POLICY = (
        "policy",
        "The policy that decided is not in the log: begin with the file in which it was loaded.",
    )
    PROGRAM = (
        "program",
        "The program itself gives this resource some rules; which others it inherits is not in the log.",
    )
    FUNCTION = "function", "The application's own function decides about origins."
    ROUTES = "routes", '"auto" means the methods that the app routes, which the log does not tell.'
    CUT = "cut", "The log holds only the beginning of a value that was too long."
    ORIGIN = "origin", "The log does not tell the origin."


class UndecidableError(Exception):
    """A shape cannot be decided; *doubt* says why."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt.meaning)
        self.doubt = doubt


class Places(NamedTuple):
    """
    Which resource governs.

    Attributes:
        old: The one that did; None where none did, or it is not known.
        new: Those of which one would, None for none.
        doubt: Why it cannot be said which.
    """

    old: Resource | None
    new: tuple[Resource | None, ...]
    doubt: Doubt = Doubt.PATH


class Ground:
    """
    Which resource governs what, before and after.

    Args:
        old: The policy that decided; None where the log does not tell it.
        new: The policy to decide by.
    """

    def __init__(self, old: Policy | None, new: Policy) -> None:
        self._old = old
        self._new = new
        self._owners = {path.text: resource for resource in new.resources for path in resource.paths}
        known = {path.text for resource in old.resources for path in resource.paths} if old else set()
        self._added = [entry for entry in _entries(new) if entry[0].text not in known]
        self._found: dict[str | None, Places] = {}

    def places(self, shape: Shape) -> Places:
        """Which resource governed *shape*, and which would."""
        found = self._found.get(shape.resource)
        if found is None:
            found = self._found[shape.resource] = self._places(shape.resource)
        if shape.has_path and not _is_of_program(shape.resource):
            return found._replace(new=(self._new.resource_for(shape.request.path),))
        return found

    def guard(self, shape: Shape, new: Resource | None) -> Resource | None:
        """
        Return the resource that an ambiguous path must not lead round, as `Policy.guard_for` does.

        Where the log does not have the path of an allowed shape, the path is taken for a plain one.

        Raises:
            UndecidableError: The path was ambiguous, is not in the log, and *new* does not enforce.
        """
        if shape.has_path:
            return self._new.guard_for(shape.request.path, new)
        if Reason.PATH_AMBIGUOUS not in shape.reasons:
            return None
        if new is None or not (new.enforce and new.enabled):
            raise UndecidableError(Doubt.PATH)
        return new

    def _places(self, name: str | None) -> Places:
        """The same for what the resource *name* governed, None for what none did, on whatever path."""
        old = None if self._old is None or name is None else self._old.resource_named(name)
        only = self._new.resources[0] if len(self._new.resources) == 1 else None
        if _is_of_program(name):
            return Places(old, tuple(self._of_program(old)), Doubt.PROGRAM)
        if only is not None and any(path.is_everything for path in only.paths):
            return Places(old, (only,))
        if self._old is None or (old is None and name is not None):
            return Places(old, (*self._new.resources, None), Doubt.POLICY)
        if old is None:
            # a path with dot segments is nobody's where two resources meet: those may be put together, or go
            is_none = _groups(self._new) == _groups(self._old)
            return Places(None, (None,) if is_none else (*self._new.resources, None))
        owner = self._successor(old)
        return Places(old, (owner,) if owner is not None else (*self._meeting(old), None))

    def _successor(self, old: Resource) -> Resource | None:
        """The resource that has all paths of *old*, if no path that was added could be more specific."""
        owners = [self._owners.get(path.text) for path in old.paths]
        owner = owners[0] if owners else None
        if owner is None or any(other is not owner for other in owners):
            return None
        rivals = (path for path, resource in self._added if resource is not owner)
        return None if any(_could_win(path, mine) for path in rivals for mine in old.paths) else owner

    def _meeting(self, old: Resource) -> list[Resource]:
        """The resources that have a path in common with *old*."""
        return [
            resource
            for resource in self._new.resources
            if any(path.overlaps(mine) for path in resource.paths for mine in old.paths)
        ]

    def _of_program(self, old: Resource | None) -> Iterator[Resource]:
        """
        What a view's or a blueprint's resource can be: each of its rules is its own, or is inherited.

        One that differs from what could be inherited is its own. What there is to inherit is only known of
        policies without other resources: of those with some it is not in the log. None: nobody can say.
        """
        base, was = self._new.resource_named(DEFAULT), self._base
        if old is None or base is None or len(self._new.resources) > 1 or was is None:
            return
        choices = [
            [{name: getattr(rules, name) for name in names} for rules in _different(old, was, base, names)]
            for names in _RULES
        ]
        for choice in product(*choices):
            made: dict[str, Any] = {name: value for rules in choice for name, value in rules.items()}
            yield replace(old, **made)

    @property
    def _base(self) -> Resource | None:
        """What the program's resources inherited from; None where it is not known."""
        others = [] if self._old is None else [r for r in self._old.resources if not _is_of_program(r.name)]
        return others[0] if len(others) == 1 and others[0].name == DEFAULT else None


#: The fields that decide, those of one inherited setting together.
_RULES = tuple(
    tuple(field.name for field in FIELDS if field.setting == setting)
    for setting, spelled in SPELLED.items()
    if spelled.decides and spelled.spelling is not None and spelled.spelling.inherited
)


def _different(old: Resource, was: Resource, base: Resource, names: tuple[str, ...]) -> list[Resource]:
    """Whose rules hold for a resource: its own, or, if they could be inherited, perhaps those of *base*."""
    could_be = all(_told(old, name) == _told(was, name) for name in names)
    return [old, base] if could_be else [old]


def _told(resource: Resource, name: str) -> object:
    return resource.whole()[name]


def _is_of_program(name: str | None) -> bool:
    return name is not None and name.startswith(OF_PROGRAM)


def _entries(policy: Policy) -> Iterator[tuple[PathPattern, Resource]]:
    return ((path, resource) for resource in policy.resources for path in resource.paths)


def _groups(policy: Policy) -> set[frozenset[str]]:
    """Which paths go together."""
    return {frozenset(path.text for path in resource.paths) for resource in policy.resources}


def _could_win(path: PathPattern, mine: PathPattern) -> bool:
    """Whether *path* could govern what *mine* covers."""
    is_above = mine.above >= path.specificity or not (mine.deep and path.deep)
    return path.overlaps(mine) and not (mine.governs_over(path) and is_above)
