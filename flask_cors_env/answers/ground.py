"""
The ground: which resource would govern a request whose path is, as a rule, not in the log.

It is told by the resource that did govern it, and by what the two policies' paths have in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from flask_cors_env.answers.shapes import Shape
from flask_cors_env.core.path import PathPattern
from flask_cors_env.core.policy import Policy, Resource

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
    PROGRAM = "program", "The program itself gives this resource its rules, and a policy file cannot."
    FUNCTION = "function", "The application's own function decides about origins."
    ROUTES = "routes", '"auto" means the methods that the app routes, which the log does not tell.'
    CUT = "cut", "The log holds only the beginning of a value that was too long."
    ORIGIN = "origin", "The log does not tell the origin."


class UndecidableError(Exception):
    """A shape cannot be decided; *doubt* says why."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt.meaning)
        self.doubt = doubt


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

    def resources(self, shape: Shape) -> tuple[Resource | None, Resource | None]:
        """
        The resource that governed *shape*, None also where it is not known, and the one that would.

        Raises:
            UndecidableError: Nobody can say which one would.
        """
        name = shape.resource
        if name is not None and name.startswith(OF_PROGRAM):
            raise UndecidableError(Doubt.PROGRAM)
        old = None if self._old is None or name is None else self._old.resource_named(name)
        return old, self._governing(shape, old)

    def _governing(self, shape: Shape, old: Resource | None) -> Resource | None:
        if shape.has_path:
            return self._new.resource_for(shape.request.path)
        only = self._new.resources[0] if len(self._new.resources) == 1 else None
        if only is not None and any(path.is_everything for path in only.paths):
            return only
        if self._old is None or (old is None and shape.resource is not None):
            raise UndecidableError(Doubt.POLICY)
        if old is not None:
            return self._successor(old)
        if _groups(self._new) <= _groups(self._old):
            return None
        raise UndecidableError(Doubt.PATH)  # paths were added, or put together

    def _successor(self, old: Resource) -> Resource:
        """The resource that has all paths of *old*, if no path that was added could be more specific."""
        owners = [self._owners.get(path.text) for path in old.paths]
        owner = owners[0] if owners else None
        if owner is None or any(other is not owner for other in owners):
            raise UndecidableError(Doubt.PATH)
        for path, resource in self._added:
            if resource is not owner and any(_could_win(path, mine) for mine in old.paths):
                raise UndecidableError(Doubt.PATH)
        return owner


def _entries(policy: Policy) -> Iterator[tuple[PathPattern, Resource]]:
    return ((path, resource) for resource in policy.resources for path in resource.paths)


def _groups(policy: Policy) -> set[frozenset[str]]:
    """Which paths go together."""
    return {frozenset(path.text for path in resource.paths) for resource in policy.resources}


def _could_win(path: PathPattern, mine: PathPattern) -> bool:
    """Whether *path* could govern what *mine* covers."""
    return path.overlaps(mine) and path.specificity >= mine.specificity
