"""
Advice: where each setting of a resource is changed, and what the rules would refuse there.

A remedy that cannot be followed is worse than none. So the rules and parsers of the start are asked, when a
denial is told, whether they would take the change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from flask_cors_env.config.environment import FALLBACK
from flask_cors_env.config.errors import FaultyValueError
from flask_cors_env.config.layers import PROCESS, Entry, Kind, Path, full_name
from flask_cors_env.config.rules import Level, Rule, broken
from flask_cors_env.config.settings import VARIABLES
from flask_cors_env.config.shown import spelled
from flask_cors_env.config.values import AUTO
from flask_cors_env.core.origin import OriginKind, Origins
from flask_cors_env.core.policy import Resource
from flask_cors_env.core.reason import Reason
from flask_cors_env.core.remedy import Place

#: Values that no rule of the environments and no parser can refuse.
_PLAIN = {
    "ORIGINS": re.compile(r"https://[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?!localhost)[a-z]{2,}(?::[0-9]+)?"),
    "METHODS": re.compile(r"PUT|PATCH|DELETE"),
    "ALLOW_HEADERS": re.compile(r"x-[a-z0-9-]+"),
}
#: All characters of web origins; what a stranger sends beside is parsed no further.
_WEB = re.compile(r"https?://[a-z0-9._:\[\]-]{1,262}")
#: A value that stands beside another: some words are lists of their own, and only alone.
_BESIDE = {"ORIGINS": "https://a.example", "METHODS": "PUT", "ALLOW_HEADERS": "X-A"}
_UNNAMEABLE = "No setting can name {}: look at the client, or at the proxy in between."
_NULL = "null and credentials do not go together: serve the page from an origin of its own, and list that."
_PUBLIC = "A public resource takes {what}: for more, declare another resource with origins of its own."


class Standing(NamedTuple):
    """
    How a setting of a resource stands.

    Attributes:
        entry: What sets it; None for a default.
        owner: Where a new value belongs: the resource itself, or the app, at the empty path.
        value: Of the right type.
        source: The place of a decorator's or a blueprint's arguments, where the resource is of one; else "".
    """

    entry: Entry | None
    owner: Path
    value: object
    source: str = ""


class ResourceAdvice:
    """
    What there is to know of one resource of a configuration.

    Args:
        environment: Whose rules judge.
        fallback: Whether production holds only since nothing names another environment.
        look: Finds how a setting stands.
        level: Finds how bad it is to break a rule by a new origin.
        why_no_credentials: Says why credentials cannot be allowed; None where they can.
        public: Whether it is public.
        has_credentials: Says whether a new origin would be allowed with credentials.
        why_no_resource: Says why no resource for another path helps; None where one does.
    """

    def __init__(  # noqa: PLR0913 - all that a remedy depends on
        self,
        *,
        environment: str,
        fallback: bool,
        look: Callable[[str], Standing],
        level: Callable[[Rule], Level],
        why_no_credentials: Callable[[], str | None],
        public: bool = False,
        has_credentials: Callable[[], bool],
        why_no_resource: Callable[[], str | None],
    ) -> None:
        self.first = FALLBACK if fallback else ""
        self._environment = environment
        self._look = look
        self._level = level
        self._why_no_credentials = why_no_credentials
        self._public = public
        self._has_credentials = has_credentials
        self._why_no_resource = why_no_resource
        self._places: dict[str, Place] = {}

    def place(self, setting: str) -> Place:
        """Return where *setting*, without prefix, is changed. Lists are spelled once, not by each denial."""
        if setting not in self._places:
            self._places[setting] = self._place(setting)
        return self._places[setting]

    def _place(self, setting: str) -> Place:
        if setting not in VARIABLES:
            return Place(f"CORS_{setting}", f"CORS_{setting}")
        entry, owner, value, source = self._look(setting)
        replaced = None if _is_filled(entry, value) else _written(value)
        if entry is not None:
            return _place_of(entry)._replace(replaced=replaced)
        if source:
            return Place(None, f"{VARIABLES[setting].key} of {source}", replaced, "True")
        name = full_name((*owner, setting))
        return Place(name, name, replaced)

    def closed(self, setting: str) -> str | None:
        """Return why nothing can be added to *setting*, in sentences; None where something can."""
        if setting == Reason.NO_RESOURCE.setting:
            return self._why_no_resource()
        if self._public and setting in _OF_PUBLIC:
            return _PUBLIC.format(what=_OF_PUBLIC[setting])
        if setting == "METHODS" and _is_auto(self._look(setting).value):
            where = self.place(setting).text
            return f"{where} is auto: let a view of this URL take the method, or name every method there."
        return self._why_no_credentials() if setting == "ALLOW_CREDENTIALS" else None

    def refusal(self, setting: str, values: Sequence[str]) -> str | None:
        """Return why the configuration would refuse *values*, in sentences; None if it would not."""
        plain = _PLAIN.get(setting)
        if plain is None or all(map(plain.fullmatch, values)):
            return None
        if setting == "ORIGINS" and values[0].startswith("http") and not _WEB.fullmatch(values[0]):
            return _UNNAMEABLE.format(_WORDS[setting])
        try:
            VARIABLES[setting].parse(",".join([_BESIDE[setting], *values]))
            return self._forbidden(values[0]) if setting == "ORIGINS" else None
        except FaultyValueError:
            return _UNNAMEABLE.format(_WORDS[setting])

    def _forbidden(self, origin: str) -> str | None:
        """Return why *origin* cannot be listed; None where it can."""
        (pattern,) = VARIABLES["ORIGINS"].parse(origin).patterns
        if pattern.text != origin or pattern.kind not in {OriginKind.EXACT, OriginKind.NULL}:
            return _UNNAMEABLE.format(_WORDS["ORIGINS"])
        if pattern.kind is OriginKind.NULL and self._has_credentials():
            return _NULL
        for rule, _ in broken("ORIGINS", Resource(origins=Origins([pattern]))):
            if self._level(rule) is Level.ERROR:
                where = self._environment.capitalize()
                return f"{where} forbids such an origin (rule {rule.id}): it {rule.message} {rule.remedy}."
        return None


#: What PUBLIC means, by the settings that it decides.
_OF_PUBLIC: Mapping[str, str] = {
    "ORIGINS": "every origin",
    "METHODS": "GET and HEAD",
    "ALLOW_CREDENTIALS": "no credentials",
}
_WORDS = {"ORIGINS": "such an origin", "METHODS": "such a method", "ALLOW_HEADERS": "such a header"}


def _place_of(entry: Entry) -> Place:
    """Return the place of a value that somebody wrote, and its variable where that is what is changed."""
    by_program = entry.kind is not Kind.OPERATOR
    if entry.kind is Kind.ARGUMENTS:
        return Place(None, f"{entry.variable} of {entry.source}", true="True")
    text = entry.variable if entry.source == PROCESS else f"{entry.variable} in {entry.source}"
    name = re.match(r"CORS_\w+", entry.variable)
    return Place(None if by_program or name is None else name[0], text, true="True" if by_program else "true")


def _is_filled(entry: Entry | None, value: object) -> bool:
    """Whether a list stands in its place and has members, so that one can be added."""
    return entry is not None and (isinstance(value, bool) or bool(_written(value)))


def _written(value: object) -> str:
    """Return a list as one environment variable has it; "" for an empty one."""
    text = spelled(getattr(value, "patterns", value))
    return "" if text == "none" else text.replace(", ", ",")


def _is_auto(value: object) -> bool:
    return isinstance(value, frozenset) and AUTO in value
