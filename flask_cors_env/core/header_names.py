"""The request-header names of a policy, prepared so that a preflight's names are looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import filterfalse

from flask_cors_env.core import protocol
from flask_cors_env.core.origin import canonical_regex

_NAME_OR_PREFIX = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+(?:-\*)?")


class HeaderNames:
    """
    The request-header names a preflight may ask for.

    Args:
        entries: Names in any case, ``x-team-*`` prefixes, ``*``, or compiled patterns (matched whole,
            against the lower-case name). ``*`` covers ``Authorization`` only if that is named beside it.

    Raises:
        ValueError: An entry that is none of these.
    """

    def __init__(self, entries: Iterable[str | re.Pattern[str]] = ()) -> None:
        entries = tuple(entries)
        texts = sorted(entry for entry in entries if isinstance(entry, str))
        regexes = {entry for entry in entries if isinstance(entry, re.Pattern)}
        for regex in regexes:
            if not isinstance(regex.pattern, str):
                raise TypeError(f"{regex.pattern!r} is a pattern for bytes")
        for text in texts:
            if text != "*" and not _NAME_OR_PREFIX.fullmatch(text):
                raise ValueError(f"{text!r} is no field name, and no prefix like x-team-*")
        named = {text.lower(): text for text in texts if "*" not in text}
        self.any = "*" in texts
        self.names = tuple(named[key] for key in sorted(named))
        self.prefixes = tuple(sorted({text.lower()[:-1] for text in texts if "*" in text and text != "*"}))
        self.regexes = tuple(sorted(regexes, key=canonical_regex))
        self._lower = frozenset(named)

    @property
    def texts(self) -> list[str]:
        """The entries as they are written, sorted."""
        stars = ["*"] if self.any else []
        return [
            *stars,
            *self.names,
            *(p + "*" for p in self.prefixes),
            *map(canonical_regex, self.regexes),
        ]

    @property
    def is_listable(self) -> bool:
        """Whether the names can be listed without looking at the request."""
        return not self.prefixes and not self.regexes

    def refused(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of *names*, lower case, that are not allowed."""
        if self._lower.issuperset(names):
            return ()
        unlisted = self.unlisted(names)
        if self.any or not self.is_listable:
            unlisted = [name for name in unlisted if not self._covers(name)]
        return tuple(unlisted)

    def unlisted(self, names: Iterable[str]) -> list[str]:
        """Those of *names*, lower case, that are not named here."""
        return list(filterfalse(self._lower.__contains__, names))

    def _covers(self, name: str) -> bool:
        if self.any and name != protocol.NON_WILDCARD_REQUEST_HEADER:
            return True
        return name.startswith(self.prefixes) or any(regex.fullmatch(name) for regex in self.regexes)
