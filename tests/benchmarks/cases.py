"""
The cases and their bars, declared once.

A case has sides. Each round measures all of them, side by side, and gives one row: what a request cost on
each side. A figure is made from rows, and a bar says how far the figure may go.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any

from subjects import ORIGINS, PROFILES, get, preflight


class Shared(StrEnum):
    """With whom a response is shared: the value of Access-Control-Allow-Origin."""

    NOBODY = "nobody"
    ORIGIN = "its origin"
    EVERYONE = "everyone"
    OTHER = "other"


@dataclass(frozen=True)
class Load:
    """
    What one side of a case does.

    `maker` and `profile` name the app, `requests` are environs and are sent in turn, and `status` and
    `shared` are what every one of them has to be answered with.
    """

    maker: str
    profile: str
    requests: Sequence[dict[str, Any]]
    status: int
    shared: Shared


@dataclass(frozen=True)
class Bar:
    """
    How far a figure may go: at most `limit`, or at least, where `at_least`.

    `margin` is the part of the limit that the gate allows for what a noisy machine does to CPU times: the
    control wanders by 2 % of a bare request, which is 2 % of a ratio to bare, and up to a tenth of an
    overhead or of a quick answer. Counted instructions repeat twice as well and get half of it.
    """

    limit: float
    margin: float
    at_least: bool = False

    def reached(self, figure, margin=0.0):
        """Whether *figure* keeps to the bar, with *margin* allowed."""
        if self.at_least:
            return figure >= self.limit * (1 - margin)
        return figure <= self.limit * (1 + margin)

    def __str__(self):
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


OF_RATIO = 0.02
OF_DIFFERENCE = 0.10

Rows = list[Mapping[str, float]]
Figure = Callable[[Rows], float]


@dataclass(frozen=True)
class Case:
    """
    One line of the report.

    `sides` are loads, or statements for a new interpreter where `in_new_process`. `bar` is None where a
    figure is only told. `counted` cases are measured in instructions too.
    """

    name: str
    figure: Figure
    bar: Bar | None
    sides: Mapping[str, Any]
    counted: bool = False
    in_new_process: bool = False


def times(of: str, to: str) -> Figure:
    """How many times *to* the side *of* costs: the median of the rows' ratios."""
    return lambda rows: median(row[of] / row[to] for row in rows)


def apart(rows: Rows) -> float:
    """How far two equal sides are apart: 1 for not at all."""
    ratio = times("again", "bare")(rows)
    return max(ratio, 1 / ratio)


def overhead(rows: Rows) -> float:
    """What ours adds to bare Flask, as a part of what flask-cors adds."""
    return (times("ours", "bare")(rows) - 1) / (times("flask-cors", "bare")(rows) - 1)


class Fresh(Sequence):
    """Requests of which no two are alike, so that nothing remembered of earlier ones can help."""

    def __init__(self, make):
        self._make = make

    def __len__(self):
        return sys.maxsize

    def __getitem__(self, number):
        return self._make(number)


NO_ORIGIN = (get(),)
LISTED = tuple(map(get, ORIGINS))
LISTED_ONE = LISTED[:1]
#: A host with one letter lost, so that the event names the nearest entry.
UNLISTED = (get("https://app-0.exmple.com"),)
STRANGERS = Fresh(lambda n: get(f"https://shop-{n}.unrelated.net"))
PREFLIGHTS = tuple(map(preflight, ORIGINS))
PREFLIGHT_UNLISTED = (preflight("https://app-0.exmple.com"),)
PREFLIGHT_STRANGERS = Fresh(lambda n: preflight(f"https://shop-{n}.unrelated.net"))
PREFLIGHT_UNNAMED = Fresh(lambda n: preflight(ORIGINS[0], f"content-type,x-debug-{n}"))
#: One in a hundred, so that a look-up finds its entry as cold as it would in a real mixture.
LISTED_MANY = tuple(map(get, PROFILES["many"].origins[::97]))


def _against_peer(profile, requests, ours, peer=None):
    """Bare Flask, flask-cors and ours; *ours* and *peer* are status and sharing."""
    status, shared = ours
    peer_status, peer_shared = peer or ours
    return {
        "bare": Load("bare", profile, requests, 200, Shared.NOBODY),
        "flask-cors": Load("flask-cors", profile, requests, peer_status, peer_shared),
        "ours": Load("ours", profile, requests, status, shared),
    }


def _against_std(profile, requests, ordinary, status, shared=Shared.NOBODY):
    """Ours under *profile* with *requests*, beside ours under std with *ordinary* ones; answered alike."""
    return {
        "this": Load("ours", profile, requests, status, shared),
        "ordinary": Load("ours", "std", ordinary, status, shared),
    }


def _hostile(name, make, ordinary, status=403, profile="std"):
    """What *make* gives for every number, beside ordinary requests of the same kind that are as new."""
    sides = _against_std(profile, Fresh(make), ordinary, status)
    return Case(f"hostile: {name}", times("this", "ordinary"), Bar(2, OF_DIFFERENCE), sides)


def _hostile_origin(name, make, profile="std"):
    """The same for a preflight from the origin that *make* gives."""
    return _hostile(name, lambda n: preflight(make(n)), PREFLIGHT_STRANGERS, profile=profile)


def _hostile_names(name, make):
    """The same for a preflight for the header names that *make* gives."""
    return _hostile(name, lambda n: preflight(ORIGINS[0], make(n)), PREFLIGHT_UNNAMED)


ALLOWED = (200, Shared.ORIGIN)
DENIED = (200, Shared.NOBODY)
PREFLIGHT_ALLOWED = ((204, Shared.ORIGIN), (200, Shared.ORIGIN))
PREFLIGHT_DENIED = ((403, Shared.NOBODY), (200, Shared.NOBODY))

CASES = (
    Case(
        "control: bare again",
        apart,
        Bar(1.02, 0),
        {side: Load("bare", "std", NO_ORIGIN, 200, Shared.NOBODY) for side in ("bare", "again")},
    ),
    Case(
        "no Origin, Vary needed",
        times("ours", "bare"),
        Bar(1.05, OF_RATIO),
        _against_peer("std", NO_ORIGIN, DENIED, (200, Shared.OTHER)),
        counted=True,
    ),
    Case(
        "no Origin, *",
        times("ours", "bare"),
        Bar(1.02, OF_RATIO),
        _against_peer("everyone", NO_ORIGIN, (200, Shared.EVERYONE)),
        counted=True,
    ),
    Case(
        "GET allowed, std",
        overhead,
        Bar(0.35, OF_DIFFERENCE),
        _against_peer("std", LISTED, ALLOWED),
        counted=True,
    ),
    Case(
        "GET allowed, 1 origin",
        overhead,
        Bar(0.45, OF_DIFFERENCE),
        _against_peer("one", LISTED_ONE, ALLOWED),
        counted=True,
    ),
    Case(
        "GET denied, std",
        overhead,
        Bar(0.50, OF_DIFFERENCE),
        _against_peer("std", UNLISTED, DENIED),
        counted=True,
    ),
    Case(
        "GET denied, 1 origin",
        overhead,
        Bar(0.75, OF_DIFFERENCE),
        _against_peer("one", UNLISTED, DENIED),
        counted=True,
    ),
    Case(
        "GET denied, every origin new",
        overhead,
        None,
        _against_peer("std", STRANGERS, DENIED),
    ),
    Case(
        "preflight allowed",
        times("flask-cors", "ours"),
        Bar(20, OF_DIFFERENCE, at_least=True),
        _against_peer("std", PREFLIGHTS, *PREFLIGHT_ALLOWED),
        counted=True,
    ),
    Case(
        "preflight denied",
        times("flask-cors", "ours"),
        Bar(15, OF_DIFFERENCE, at_least=True),
        _against_peer("std", PREFLIGHT_UNLISTED, *PREFLIGHT_DENIED),
        counted=True,
    ),
    Case(
        "preflight denied, every origin new",
        times("flask-cors", "ours"),
        None,
        _against_peer("std", PREFLIGHT_STRANGERS, *PREFLIGHT_DENIED),
    ),
    Case(
        "10,000 origins, GET allowed",
        times("this", "ordinary"),
        Bar(1.05, OF_RATIO),
        _against_std("many", LISTED_MANY, LISTED, 200, Shared.ORIGIN),
    ),
    Case(
        "10,000 origins, GET denied",
        times("this", "ordinary"),
        Bar(1.05, OF_RATIO),
        _against_std("many", STRANGERS, STRANGERS, 200),
    ),
    _hostile_names("8 kB of requested names", lambda n: f"x-{n}" + ",ab" * 2700),
    _hostile_names("8,000 commas", lambda n: f"x-{n}" + "," * 8000),
    _hostile_names(
        "128 long names, within all bounds",
        lambda n: ",".join(f"x-{n:08}-{i:03}{'a' * 48}" for i in range(128)),
    ),
    _hostile("8 kB Origin, GET", lambda n: get(f"https://{'a' * 8000}{n}.example.com"), STRANGERS, 200),
    _hostile_origin("8 kB Origin", lambda n: f"https://{'a' * 8000}{n}.example.com"),
    _hostile_origin("8 kB Origin, not ASCII", lambda n: "\xff" * 8000 + str(n)),
    _hostile_origin("Origin of 240 labels", lambda n: f"https://{n}.{'a.' * 240}example.com"),
    _hostile_origin("backtracking bait", lambda n: f"https://{'a-' * 220}{n}!.example.com"),
    _hostile_origin("600 patterns", lambda n: f"https://shop-{n}.unrelated.net", "patterns"),
    _hostile_origin(
        "600 patterns, Origin of 240 labels", lambda n: f"https://{n}.{'a.' * 240}example.com", "patterns"
    ),
    Case(
        "import flask_cors_env",
        times("ours", "flask"),
        Bar(1.10, OF_RATIO),
        {"flask": "import flask", "ours": "import flask, flask_cors_env"},
        in_new_process=True,
    ),
    Case(
        "from flask_cors_env import CORS",
        times("ours", "flask"),
        None,
        {"flask": "import flask", "ours": "import flask; from flask_cors_env import CORS"},
        in_new_process=True,
    ),
)
