"""
A browser's console line: what it says, and the URL, origin, method and header that it tells.

The sentences were recorded from real engines (``tests/consoles.py``) and are data; their meaning stands here.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from typing import NamedTuple

#: Longer text is not read.
LIMIT = 4096
_DATA = "sentences.json"
_PLACES = {
    "url": r"https?://\S+?",
    "origin": r"(?:null|[a-z][a-z0-9+.-]*://[^\s'\"]*?)",
    "method": r"[^\s'\"]+?",
    "header": r"[^\s'\"]+?",
    "initiator": r"[A-Za-z ]+?",
    "status": r"(?:\d+|\(null\))",
    "other": r"[^'\"]*?",
}
_QUOTES = str.maketrans(dict.fromkeys('\u2018\u2019\u201c\u201d"`', "'"))
_SPACE = re.compile(r"\s+")


class Cause(StrEnum):
    """
    What a browser says of a response that it refuses.

    Attributes:
        meaning: One sentence.
        cure: Where the policy does not say it: what to do, in one sentence; "" where the policy says it all.
    """

    meaning: str
    cure: str

    def __new__(cls, code: str, meaning: str, cure: str = "") -> Cause:
        """Make the member from its code and what is said of it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning, member.cure = meaning, cure
        return member

    ORIGIN_MISSING = "origin_missing", "The response does not allow the page's origin."
    ORIGIN_OTHER = "origin_other", "The response allows another origin than the page's."
    ORIGIN_SEVERAL = (
        "origin_several", "The response names several origins, and browsers take one.",
        "Two layers set the fields: take the headers out of the proxy, the gateway or the other extension.",
    )  # fmt: skip
    ORIGIN_STAR_CREDENTIALS = (
        "origin_star_credentials",
        "The page asks with cookies, and the response allows anyone without cookies.",
    )  # fmt: skip
    CREDENTIALS_MISSING = (
        "credentials_missing", "The page asks with cookies, and the response does not allow these.",
    )  # fmt: skip
    PREFLIGHT_STATUS = (
        "preflight_status", "The preflight was answered with a status that is not 2xx.",
        "A status of 403 is a denial; with any other, something ahead of the app answers OPTIONS.",
    )  # fmt: skip
    PREFLIGHT_ORIGIN_MISSING = (
        "preflight_origin_missing", "The response to the preflight does not allow the page's origin.",
    )  # fmt: skip
    PREFLIGHT_ORIGIN_OTHER = (
        "preflight_origin_other", "The response to the preflight allows another origin than the page's.",
    )  # fmt: skip
    PREFLIGHT_STAR_CREDENTIALS = (
        "preflight_star_credentials",
        "The page asks with cookies, and the preflight allows anyone without cookies.",
    )  # fmt: skip
    PREFLIGHT_CREDENTIALS_MISSING = (
        "preflight_credentials_missing",
        "The page asks with cookies, and the preflight does not allow these.",
    )  # fmt: skip
    PREFLIGHT_REDIRECT = (
        "preflight_redirect", "The preflight was redirected, which no browser follows.",
        "Ask the URL that it leads to, or redirect no OPTIONS (http to https, a trailing slash, a login).",
    )  # fmt: skip
    PREFLIGHT_METHOD = "preflight_method", "The preflight does not allow the method."
    PREFLIGHT_HEADER = "preflight_header", "The preflight does not allow a request header."
    PREFLIGHT_AUTHORIZATION_STAR = (
        "preflight_authorization_star", "A star allows any request header but Authorization.",
    )  # fmt: skip
    UNREACHABLE = (
        "unreachable", "There was no response at all.",
        "Look whether the server listens at that URL, for its certificate, and for a blocker in the browser.",
    )  # fmt: skip
    BLOCKED = "blocked", "WebKit refuses the response; why stands in the line above this one."

    @property
    def is_of_preflight(self) -> bool:
        """Whether the response to a preflight is meant."""
        return self.value.startswith("preflight")

    @property
    def has_credentials(self) -> bool:
        """Whether the page asked with credentials."""
        return "credentials" in self.value


class Told(NamedTuple):
    """
    What a console line tells; a fact is None where the line does not tell it.

    Attributes:
        engine: ``chromium``, ``firefox`` or ``webkit``.
        cause: What the browser says.
        url: What the page asked for.
        origin: The page's.
        method: The refused one.
        header: The name of the refused request header.
    """

    engine: str
    cause: Cause
    url: str | None = None
    origin: str | None = None
    method: str | None = None
    header: str | None = None


class Sentence(NamedTuple):
    """A recorded sentence: who says it, of what, and with its facts as ``{placeholders}``."""

    engine: str
    cause: Cause
    text: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what finds the sentence within a console's text."""
        parts = re.split(r"\{(\w+)\}", _plain(self.text))
        groups = [f"(?P<{part}>{_PLACES[part]})" if n % 2 else _literal(part) for n, part in enumerate(parts)]
        ends = r"(?=[\s'\"\])]|$)" if parts[-1] == "" else ""
        return re.compile("".join(groups) + ends)


def _literal(text: str) -> str:
    """Return what finds *text* also without its quotes: a shell eats those of a sentence between the same."""
    return re.escape(text).replace(r"\ ''", r"(?:\ '')?").replace("'", "'?")


@functools.cache
def sentences() -> tuple[Sentence, ...]:
    """Return every recorded sentence, engine by engine."""
    rows = json.loads(files(__package__).joinpath(_DATA).read_text(encoding="utf-8"))
    causes = {cause.value: cause for cause in Cause}
    return tuple(Sentence(row["engine"], causes[row["cause"]], row["sentence"]) for row in rows)


def read(text: str) -> Told | None:
    """Return what *text* tells, as pasted from a console; None where no sentence is known."""
    found = list(_found(_plain(text)))
    if not found:
        return None
    told = next((one for one in found if one.cause is not Cause.BLOCKED), found[0])
    for other in found:
        facts = {name: value for name, value in other._asdict().items() if getattr(told, name) is None}
        told = told._replace(**facts)
    return told


def _found(text: str) -> Iterator[Told]:
    for sentence in sentences():
        match = sentence.pattern.search(text)
        if match is not None:
            facts = {name: value for name, value in match.groupdict().items() if name in Told._fields}
            yield Told(sentence.engine, sentence.cause, **facts)


def _plain(text: str) -> str:
    """Return *text* with straight single quotes and single spaces, whatever a console made of these."""
    return _SPACE.sub(" ", text.translate(_QUOTES))
