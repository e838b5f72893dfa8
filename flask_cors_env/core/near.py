"""
Near misses: the entry of a policy that is closest to an origin that none lets in, and what differs.

Every look-up costs the same however many entries there are: a few in dictionaries, and a bounded number of
comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from flask_cors_env.core.reason import Difference

if TYPE_CHECKING:
    from flask_cors_env.core.origin import OriginPattern

#: A bucket keeps its first few entries only, so that a look-up's cost stays constant.
_KEEP = 8

_Index = dict[str, list["OriginPattern"]]


class Near(NamedTuple):
    """The nearest entry to an origin that no entry lets in, and what differs."""

    rule: str
    difference: Difference


class Neighbours:
    """
    Indexes that find an entry's neighbours.

    Args:
        patterns: The entries.
    """

    def __init__(self, patterns: Iterable[OriginPattern]) -> None:
        self._hosts: _Index = {}
        self._heads: _Index = {}
        self._tails: _Index = {}
        named = [pattern for pattern in patterns if pattern.host]
        for pattern in named:
            head, tail = _halves(pattern.host)
            _keep(self._hosts, pattern.host, pattern)
            _keep(self._heads, head, pattern)
            _keep(self._tails, tail, pattern)
        self._depths = sorted({p.host.count(".") + 1 for p in named if p.is_below_host}, reverse=True)
        texts = [pattern.text for pattern in named if pattern.regex is None]
        self._folded = {text.lower(): text for text in texts if text != text.lower()}

    def folded(self, origin: str) -> str | None:
        """Find the entry that is *origin*, lower case, but for its own case; None if there is none."""
        return self._folded.get(origin)

    def find(self, scheme: str, rest: str) -> Near | None:
        """The entry whose host is *rest*'s, above it, or one typing error away."""
        host, colon, port = rest.rpartition(":")
        if not colon or rest.endswith("]"):
            host, port = rest, ""
        return (
            self._same_host(scheme, host, port)
            or self._same_pattern(scheme, host, port)
            or self._typo(host)
            or self._parent(host)
        )

    def _same_host(self, scheme: str, host: str, port: str) -> Near | None:
        found = self._hosts.get(host)
        return None if found is None else _compared(found, scheme, port)

    def _same_pattern(self, scheme: str, host: str, port: str) -> Near | None:
        """A subdomain pattern above *host*, at any depth."""
        for depth in self._depths:
            above = ".".join(host.rsplit(".", depth)[1:])
            found = [entry for entry in self._hosts.get(above, ()) if entry.is_below_host]
            if found:
                return _compared(found, scheme, port, below=True)
        return None

    def _parent(self, host: str) -> Near | None:
        found = self._hosts.get(host.partition(".")[2])
        return None if found is None else Near(found[0].text, Difference.SUBDOMAIN)

    def _typo(self, host: str) -> Near | None:
        """One character added, lost, changed, or swapped with the next."""
        length = len(host)
        half = length // 2
        buckets = (
            self._heads.get(host[: (length - 1) // 2], ()),
            self._heads.get(host[: (length + 1) // 2], ()),
            self._tails.get(host[length - half :], ()),
            self._tails.get(host[length - half + 1 :], ()),
        )
        for bucket in buckets:
            for entry in bucket:
                if _is_one_edit(entry.host, host):
                    return Near(entry.text, Difference.HOST_TYPO)
        return None


def _keep(index: _Index, key: str, pattern: OriginPattern) -> None:
    bucket = index.setdefault(key, [])
    if len(bucket) < _KEEP:
        bucket.append(pattern)


def _halves(host: str) -> tuple[str, str]:
    """
    The first half of *host*, and the last, without the character between them.

    Whatever one typing error does, one of them stays: it changes one character, or two that are neighbours.
    """
    middle = len(host) // 2
    return host[:middle], host[middle + 1 :]


def _compared(entries: list[OriginPattern], scheme: str, port: str, *, below: bool = False) -> Near:
    """What differs from the entry that is most like it; *below*: the entries are patterns above the host."""
    entry = next((entry for entry in entries if entry.scheme == scheme), entries[0])
    if entry.scheme != scheme:
        return Near(entry.text, Difference.SCHEME)
    same_port = port == ("" if entry.port is None else str(entry.port))
    if entry.is_below_host and (same_port or not below):
        return Near(entry.text, Difference.SUBDOMAIN)
    return Near(entry.text, Difference.PORT)


def _is_one_edit(one: str, other: str) -> bool:
    if len(one) > len(other):
        one, other = other, one
    start = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        start += 1
    if len(one) < len(other):
        return one[start:] == other[start + 1 :]
    here, there = one[start : start + 2], other[start : start + 2]
    return one[start + 2 :] == other[start + 2 :] and (here[1:] == there[1:] or here == there[::-1])
