"""
Remedies: what to change for another outcome, and where; or why the configuration would not take the change.

What stands where, and what is refused, is told by whoever made the policy: an `Advice` for each resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from flask_cors_env.core.reason import About, Note, Reason

PREFIX = "CORS_"
#: What is added to a list, as a sentence calls it.
_WORDS = {"ORIGINS": "origin", "METHODS": "method", "ALLOW_HEADERS": "names"}


class Remedy(NamedTuple):
    """What changes an outcome: the full name of a variable, if one does, and what to do, in sentences."""

    variable: str | None
    hint: str


#: For a page of the app's own whose host a proxy hides: a setting would change nothing for its browser.
PROXIED = Remedy(None, Note.HOST_DIFFERS.remedy or "")


class Place(NamedTuple):
    """
    Where a setting is changed.

    Attributes:
        variable: The environment variable that holds the value; None where a file or an argument does.
        text: The place as a sentence calls it: ``CORS_ORIGINS``, ``origins in cors.toml:1``.
        replaced: The whole list that a new value replaces, as it is written, ``""`` for an empty one; None
            where the list stands in the place and can be added to.
        true: How that place writes true.
    """

    variable: str | None
    text: str
    replaced: str | None = None
    true: str = "true"


class Advice(Protocol):
    """
    What the maker of a policy knows of one resource, or of the paths without any.

    Attributes:
        first: Said ahead of the remedy of every denial; "" for nothing.
    """

    first: str

    def place(self, setting: str) -> Place:
        """Return where *setting*, without prefix, is changed."""

    def closed(self, setting: str, /) -> str | None:
        """Return why nothing can be added to *setting*, in sentences; None where something can."""

    def refusal(self, setting: str, values: Sequence[str], /) -> str | None:
        """Return why the configuration would refuse *values*, in sentences; None if it would not."""


class PlainAdvice:
    """What holds for a policy that was made by hand: the names of the variables, and nothing refused."""

    first = ""

    def place(self, setting: str) -> Place:
        """Return the variable of the whole app."""
        return Place(PREFIX + setting, PREFIX + setting)

    def closed(self, _setting: str, /) -> str | None:
        """Return None."""
        return None

    def refusal(self, _setting: str, _values: Sequence[str], /) -> str | None:
        """Return None."""
        return None


PLAIN: Advice = PlainAdvice()


class Refused(NamedTuple):
    """What was refused of one request, as the client sent it: its origin, method and header names."""

    origin: str | None
    method: str | None = None
    names: tuple[str, ...] = ()

    def of(self, reason: Reason) -> tuple[str, ...]:
        """Return the values that *reason* is about and that a setting could list."""
        if About.HEADER in reason.about:
            return self.names
        value = self.method if About.METHOD in reason.about else self.origin
        return () if value is None else (value,)


def remedy_of_denial(advice: Advice, reasons: Iterable[Reason], refused: Refused) -> Remedy:
    """Return what to change so that a request is allowed which was denied for all *reasons*."""
    found = [_of_reason(advice, reason, refused.of(reason)) for reason in reasons]
    variable = next((remedy.variable for remedy in found if remedy.variable is not None), None)
    return Remedy(variable, " ".join(dict.fromkeys(filter(None, (advice.first, *(r.hint for r in found))))))


def _of_reason(advice: Advice, reason: Reason, values: Sequence[str]) -> Remedy:
    setting = reason.setting
    if setting is None:
        return Remedy(None, reason.remedy)
    why_not = advice.closed(setting) or (advice.refusal(setting, values) if values else None)
    if why_not is not None:
        return Remedy(None, why_not)
    place, word = advice.place(setting), _WORDS.get(setting, "")
    if place.replaced is None or not reason.is_listed:
        return Remedy(place.variable, _filled(reason.remedy, place))
    if not place.replaced:
        return Remedy(place.variable, f"Set {place.text} to the {word}.")
    whole = f"{place.text}={place.replaced}"
    return Remedy(place.variable, f"Write the whole list, {whole}, and add the {word}.")


def remedy_of_reason(advice: Advice, reason: Reason) -> Remedy:
    """Return what changes an outcome that is no denial."""
    return _of_setting(advice, reason.setting, reason.remedy)


def remedy_of_notes(advice: Advice, notes: Iterable[Note], defaulted: frozenset[str]) -> Remedy | None:
    """
    Return what to do about *notes*; None where there is nothing to do.

    Args:
        advice: Of the resource.
        notes: Of one decision.
        defaulted: The settings of the resource that are defaults of development.
    """
    found = [_of_note(advice, note, defaulted) for note in notes if note.remedy is not None]
    variable = next((remedy.variable for remedy in found if remedy.variable is not None), None)
    return Remedy(variable, " ".join(remedy.hint for remedy in found)) if found else None


def _of_note(advice: Advice, note: Note, defaulted: frozenset[str]) -> Remedy:
    setting = note.setting
    if note is Note.DEVELOPMENT_DEFAULT and setting not in defaulted:
        setting = "ALLOW_HEADERS"
    return _of_setting(advice, setting, note.remedy or "", is_open=note is Note.DEVELOPMENT_DEFAULT)


def _of_setting(advice: Advice, setting: str | None, remedy: str, *, is_open: bool = False) -> Remedy:
    """Return *remedy* with the place of *setting*, or why that is closed; *is_open*: it cannot be."""
    if setting is None:
        return Remedy(None, remedy)
    why_not = None if is_open else advice.closed(setting)
    if why_not is not None:
        return Remedy(None, why_not)
    place = advice.place(setting)
    return Remedy(place.variable, _filled(remedy, place))


def _filled(remedy: str, place: Place) -> str:
    return remedy.format(variable=place.text, true=place.true)
