"""What a change of policy lets in and shuts out, told entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask_cors_env.core.fields import FIELDS, Grants
from flask_cors_env.core.policy import Policy, Resource


class Change(NamedTuple):
    """
    The difference between two policies.

    Attributes:
        added: ``resource.field=value`` for what the new one says and the old one did not.
        removed: The same for what it no longer says.
        widened: Whether anything may be allowed now that was not.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    widened: bool


#: Where each entry allows more, and which value of a switch does.
_LISTS = {field.name for field in FIELDS if field.grants is Grants.ENTRIES}
_SWITCHES = {
    field.name: str(field.grants is Grants.TRUE)
    for field in FIELDS
    if field.grants in {Grants.TRUE, Grants.FALSE}
}


def difference(old: Policy, new: Policy) -> Change:
    """What changes from *old* to *new*."""
    before, after = set(_entries(old)), set(_entries(new))
    added, removed = sorted(after - before), sorted(before - after)
    return Change(tuple(map(_text, added)), tuple(map(_text, removed)), _widens(old, new, added, removed))


_Entry = tuple[str, str, str]


def _entries(policy: Policy) -> Iterator[_Entry]:
    for resource in policy.resources:
        for name, value in resource.whole().items():
            if isinstance(value, list):
                yield from ((resource.name, name, str(member)) for member in value)
            elif name != "name":
                yield resource.name, name, str(value)


def _text(entry: _Entry) -> str:
    resource, name, value = entry
    return f"{resource}.{name}={value}"


def _widens(old: Policy, new: Policy, added: list[_Entry], removed: list[_Entry]) -> bool:
    """Any new grant widens; so does a resource gone, or narrowed, whose paths another now governs."""
    if any(field in _LISTS or _SWITCHES.get(field) == value for _, field, value in added):
        return True
    return any(field == "paths" and _is_covered(old, new, name) for name, field, _ in removed)


def _is_covered(old: Policy, new: Policy, name: str) -> bool:
    lost: Resource | None = old.resource_named(name)
    patterns = () if lost is None else lost.paths
    return any(pattern.overlaps(other) for pattern in patterns for r in new.resources for other in r.paths)
