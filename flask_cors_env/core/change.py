"""What a change of policy lets in and shuts out, told entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask_cors_env.core.policy import Policy
from flask_cors_env.core.widening import widens


class Change(NamedTuple):
    """
    The difference between two policies.

    Attributes:
        added: ``resource.field=value`` for what the new one says and the old one did not.
        removed: The same for what it no longer says.
        widened: Whether a page can do or read something that it could not, or that cannot be computed.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    widened: bool


def difference(old: Policy, new: Policy) -> Change:
    """What changes from *old* to *new*."""
    before, after = set(_entries(old)), set(_entries(new))
    added, removed = sorted(after - before), sorted(before - after)
    return Change(tuple(map(_text, added)), tuple(map(_text, removed)), widens(old, new))


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
