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

CPU = "µs of CPU time"
INSTRUCTIONS = "thousand instructions"
SIZE = "thousand bytes"


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


class Way(StrEnum):
    """Where the sides of a case are measured."""

    TOGETHER = "in one process, with all others"
    APART = "in a fork, as their apps change what a whole process shares"
    PROGRAM = "each in a new interpreter"


@dataclass(frozen=True)
class Case:
    """
    One line of the report.

    `sides` are loads; for `Way.PROGRAM` they are programs, each of which prints what it cost. `bar` is None
    where a figure is only told. `counted` cases are measured in instructions too. One of `thin` rounds (of
    passes, for programs) is enough, where one takes long. `unit` is of what is measured, in thousands.
    """

    name: str
    figure: Figure
    bar: Bar | None
    sides: Mapping[str, Any]
    counted: bool = False
    way: Way = Way.TOGETHER
    thin: int = 1
    unit: str = CPU


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


def added(its_bare: str = "bare") -> Figure:
    """What a side adds to its own bare app, as a part of what ours adds with its log in a file."""
    return lambda rows: (times("this", its_bare)(rows) - 1) / (times("ordinary", "bare")(rows) - 1)


def seconds(rows: Rows) -> float:
    """The CPU seconds of the one side."""
    return median(row["ours"] for row in rows) / 1e9


def size(rows: Rows) -> float:
    """The bytes of the one side."""
    return median(row["ours"] for row in rows)


class Fresh(Sequence):
    """Requests of which no two are alike, so that nothing remembered of earlier ones can help."""

    def __init__(self, make):
        self._make = make

    def __len__(self):
        return sys.maxsize

    def __getitem__(self, number):
        return self._make(number)


def anew(requests):
    """*requests* in turn, each for a host of its own: the same to the app, and no decision is remembered."""
    return Fresh(lambda n: {**requests[n % len(requests)], "HTTP_HOST": f"api-{n}.example.com"})


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
SUBDOMAINS = tuple(get(f"https://shop-{n}.team-{n}.example.com") for n in range(20))
SUBDOMAINS_NEW = Fresh(lambda n: get(f"https://shop-{n}.team-{n % 20}.example.com"))
PREFLIGHT_SUBDOMAINS = tuple(preflight(f"https://shop-{n}.team-{n}.example.com") for n in range(20))
PREFLIGHT_SUBDOMAINS_NEW = Fresh(lambda n: preflight(f"https://shop-{n}.team-{n % 20}.example.com"))


def _listed(profile):
    """At most a hundred of the profile's origins, far apart: as cold as they would be in a real mixture."""
    listed = PROFILES[profile].origins
    return tuple(map(get, listed[:: max(1, len(listed) // 100)]))


#: Status and sharing of ours and of flask-cors.
ALLOWED = ((200, Shared.ORIGIN),) * 2
DENIED = ((200, Shared.NOBODY),) * 2
VARIED = ((200, Shared.NOBODY), (200, Shared.OTHER))
TO_EVERYONE = ((200, Shared.EVERYONE),) * 2
PREFLIGHT_ALLOWED = ((204, Shared.ORIGIN), (200, Shared.ORIGIN))
PREFLIGHT_DENIED = ((403, Shared.NOBODY), (200, Shared.NOBODY))

OURS_TO_BARE = times("ours", "bare")
PEER_TO_OURS = times("flask-cors", "ours")


def _against_peer(profile, requests, answers):
    """Bare Flask, flask-cors and ours."""
    ours, peers = answers
    return {
        "bare": Load("bare", profile, requests, 200, Shared.NOBODY),
        "flask-cors": Load("flask-cors", profile, requests, *peers),
        "ours": Load("ours", profile, requests, *ours),
    }


def _against_other(this, ordinary, status, shared=Shared.NOBODY):
    """Ours twice, each with the profile and the requests that are given; answered alike."""
    return {
        "this": Load("ours", *this, status, shared),
        "ordinary": Load("ours", *ordinary, status, shared),
    }


def _basic(name, figure, bar, sides):
    """A case of the contract: counted, with a bar of its own."""
    return Case(name, figure, bar, sides, counted=True)


def _told(name, figure, sides, *, thin=2, counted=False):
    """A case without a bar."""
    return Case(name, figure, None, sides, thin=thin, counted=counted)


BASIC = (
    Case(
        "control: bare again",
        apart,
        Bar(1.02, 0),
        {side: Load("bare", "std", NO_ORIGIN, 200, Shared.NOBODY) for side in ("bare", "again")},
    ),
    _basic(
        "no Origin, Vary needed", OURS_TO_BARE, Bar(1.03, OF_RATIO), _against_peer("std", NO_ORIGIN, VARIED)
    ),
    _basic(
        "no Origin, *", OURS_TO_BARE, Bar(1.035, OF_RATIO), _against_peer("everyone", NO_ORIGIN, TO_EVERYONE)
    ),
    _basic("GET allowed, std", overhead, Bar(0.20, OF_DIFFERENCE), _against_peer("std", LISTED, ALLOWED)),
    _basic(
        "GET allowed, 1 origin", overhead, Bar(0.30, OF_DIFFERENCE), _against_peer("one", LISTED_ONE, ALLOWED)
    ),
    _basic("GET denied, std", overhead, Bar(0.35, OF_DIFFERENCE), _against_peer("std", UNLISTED, DENIED)),
    _basic(
        "GET denied, 1 origin", overhead, Bar(0.45, OF_DIFFERENCE), _against_peer("one", UNLISTED, DENIED)
    ),
    _basic(
        "preflight allowed",
        PEER_TO_OURS,
        Bar(22, OF_DIFFERENCE, at_least=True),
        _against_peer("std", PREFLIGHTS, PREFLIGHT_ALLOWED),
    ),
    _basic(
        "preflight denied",
        PEER_TO_OURS,
        Bar(16, OF_DIFFERENCE, at_least=True),
        _against_peer("std", PREFLIGHT_UNLISTED, PREFLIGHT_DENIED),
    ),
)

#: The same where nothing is remembered: of a denial the origin is new, of an allow the host that is asked.
NEW = (
    _told(
        "GET allowed, std, every decision new",
        overhead,
        _against_peer("std", anew(LISTED), ALLOWED),
        counted=True,
    ),
    _told(
        "GET allowed, 1 origin, every decision new", overhead, _against_peer("one", anew(LISTED_ONE), ALLOWED)
    ),
    _told("GET denied, every origin new", overhead, _against_peer("std", STRANGERS, DENIED), counted=True),
    _told("GET denied, 1 origin, every origin new", overhead, _against_peer("one", STRANGERS, DENIED)),
    _told(
        "preflight allowed, every decision new",
        PEER_TO_OURS,
        _against_peer("std", anew(PREFLIGHTS), PREFLIGHT_ALLOWED),
        counted=True,
    ),
    _told(
        "preflight denied, every origin new",
        PEER_TO_OURS,
        _against_peer("std", PREFLIGHT_STRANGERS, PREFLIGHT_DENIED),
        counted=True,
    ),
)


def _of_kind(kind):
    """What is asked of policies of another kind than std, remembered and new."""
    return (
        _told(f"{kind}: GET allowed", overhead, _against_peer(kind, LISTED, ALLOWED), counted=True),
        _told(
            f"{kind}: GET allowed, every decision new",
            overhead,
            _against_peer(kind, anew(LISTED), ALLOWED),
            counted=True,
        ),
        _told(f"{kind}: GET denied, every origin new", overhead, _against_peer(kind, STRANGERS, DENIED)),
        _told(
            f"{kind}: preflight allowed",
            PEER_TO_OURS,
            _against_peer(kind, PREFLIGHTS, PREFLIGHT_ALLOWED),
            counted=True,
        ),
        _told(
            f"{kind}: preflight allowed, every decision new",
            PEER_TO_OURS,
            _against_peer(kind, anew(PREFLIGHTS), PREFLIGHT_ALLOWED),
            counted=True,
        ),
    )


#: How many origins, and in one of how many rounds: flask-cors takes its time.
COUNTS = {1: 2, 10: 2, 100: 2, 1_000: 4, 10_000: 20}


def _of_count(count, thin):
    """Policies of *count* origins; without flask-cors where it would be the same again."""
    profile = "std" if count == 10 else f"{count} origins"
    name, requests = f"{count:,} origins", _listed(profile)
    new = _against_peer(profile, anew(requests), ALLOWED)
    del new["flask-cors"]
    return (
        _told(f"{name}: GET allowed", overhead, _against_peer(profile, requests, ALLOWED), thin=thin),
        Case(f"{name}: GET allowed, every decision new", OURS_TO_BARE, None, new),
    )


KINDS = (
    *(case for count, thin in COUNTS.items() for case in _of_count(count, thin)),
    _told("20 patterns: GET allowed", overhead, _against_peer("20 patterns", SUBDOMAINS, ALLOWED)),
    _told(
        "20 patterns: GET allowed, every origin new",
        overhead,
        _against_peer("20 patterns", SUBDOMAINS_NEW, ALLOWED),
    ),
    _told(
        "20 patterns: GET denied, every origin new", overhead, _against_peer("20 patterns", STRANGERS, DENIED)
    ),
    _told(
        "20 patterns: preflight allowed",
        PEER_TO_OURS,
        _against_peer("20 patterns", PREFLIGHT_SUBDOMAINS, PREFLIGHT_ALLOWED),
    ),
    _told(
        "20 patterns: preflight allowed, every origin new",
        PEER_TO_OURS,
        _against_peer("20 patterns", PREFLIGHT_SUBDOMAINS_NEW, PREFLIGHT_ALLOWED),
    ),
    *_of_kind("50 resources"),
    *_of_kind("per view"),
)


def _flat(name, this, ordinary, shared=Shared.ORIGIN):
    """A case of growth: many of something, beside few; what is new is as new on either side."""
    sides = _against_other(this, ordinary, 200, shared)
    return Case(name, times("this", "ordinary"), Bar(1.05, OF_RATIO), sides)


def _all_flat(name, many, few, listed):
    """Requests that are remembered, and new ones."""
    return (
        _flat(f"{name}, GET allowed", (many, listed), (few, LISTED)),
        _flat(f"{name}, GET allowed, every decision new", (many, anew(listed)), (few, anew(LISTED))),
        _flat(f"{name}, GET denied", (many, STRANGERS), (few, STRANGERS), Shared.NOBODY),
    )


FLAT = (
    *_all_flat("10,000 origins", "10000 origins", "std", _listed("10000 origins")),
    *_all_flat("50 resources", "50 resources", "1 resource", LISTED),
)


def _hostile(name, make, ordinary, status=403, profile="std"):
    """What *make* gives for every number, beside ordinary requests of the same kind that are as new."""
    sides = _against_other((profile, Fresh(make)), ("std", ordinary), status)
    return Case(f"hostile: {name}", times("this", "ordinary"), Bar(2, OF_DIFFERENCE), sides)


def _hostile_origin(name, make, profile="std"):
    """The same for a preflight from the origin that *make* gives."""
    return _hostile(name, lambda n: preflight(make(n)), PREFLIGHT_STRANGERS, profile=profile)


def _hostile_names(name, make):
    """The same for a preflight for the header names that *make* gives."""
    return _hostile(name, lambda n: preflight(ORIGINS[0], make(n)), PREFLIGHT_UNNAMED)


def _linear(name, make):
    """A preflight that *make* gives for a number and for 32 kB, beside one for 8 kB."""
    longer, shorter = (Fresh(lambda n, size=size: make(n, size)) for size in (32_000, 8_000))
    sides = _against_other(("std", longer), ("std", shorter), 403)
    return Case(f"hostile: {name}", times("this", "ordinary"), Bar(4, OF_DIFFERENCE), sides)


HOSTILE = (
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
    _hostile_origin("600 patterns", lambda n: f"https://shop-{n}.unrelated.net", "600 patterns"),
    _hostile_origin(
        "600 patterns, Origin of 240 labels",
        lambda n: f"https://{n}.{'a.' * 240}example.com",
        "600 patterns",
    ),
    _linear("names, four times 8 kB", lambda n, size: preflight(ORIGINS[0], f"x-{n}" + ",ab" * (size // 3))),
    _linear("commas, four times 8 kB", lambda n, size: preflight(ORIGINS[0], f"x-{n}" + "," * size)),
    _linear("Origin, four times 8 kB", lambda n, size: preflight(f"https://{'a' * size}{n}.example.com")),
)


def _more(name, maker, its_bare="bare", *, shared=Shared.ORIGIN, way=Way.TOGETHER):
    """What a GET that is allowed costs with the log another way, or with listeners."""
    sides = {
        "bare": Load("bare", "std", LISTED, 200, Shared.NOBODY),
        its_bare: Load(its_bare, "std", LISTED, 200, Shared.NOBODY),
        "ordinary": Load("ours", "std", LISTED, 200, Shared.ORIGIN),
        "this": Load(maker, "std", LISTED, 200, shared),
    }
    return Case(f"log: {name}", added(its_bare), None, sides, counted=True, way=way)


MORE = (
    _more("none", "ours, no log"),
    _more("none, but its line written to a file", "bare, a line", shared=Shared.NOBODY),
    _more("to a pipe", "ours, a pipe"),
    _more("and a receiver of cors_decided", "ours, a receiver"),
    _more("and an entry of audit_processors", "ours, a processor"),
    _more("and two values bound by the app", "ours, values bound", "bare, values bound", way=Way.APART),
    _more("through the app's structlog", "ours, structlog", way=Way.APART),
    _more("through the app's logging", "ours, logging"),
    _more("into capture_logs", "ours, captured", way=Way.APART),
)


def _way(maker, its_bare, load):
    """What a request costs that comes another way than through the wrapper directly around Flask."""
    name, requests, status, shared = load
    sides = {
        "flask": Load(its_bare, "std", requests, 200, Shared.NOBODY),
        "plain": Load("ours", "std", requests, status, shared),
        "ours": Load(maker, "std", requests, status, shared),
    }
    return Case(f"way: {name}", times("ours", "flask"), None, sides, counted=True)


WAYS = tuple(
    _way(maker, its_bare, (f"{name}, {what}", requests, status, shared))
    for name, maker, its_bare in (
        ("a layer between", "ours, a layer", "bare, a layer"),
        ("wsgi_app taken before", "ours, taken", "bare"),
    )
    for what, requests, status, shared in (
        ("no Origin", NO_ORIGIN, 200, Shared.NOBODY),
        ("GET allowed", LISTED, 200, Shared.ORIGIN),
        ("preflight allowed", PREFLIGHTS, 204, Shared.ORIGIN),
    )
)


def timed(statement, setup=""):
    """A program that prints the nanoseconds of CPU time that *statement* takes."""
    clock = "import time; begun = time.process_time_ns()"
    return f"{setup}\n{clock}\n{statement}\nprint(time.process_time_ns() - begun)"


def _import(name, statement, bar):
    """The statement, which imports ours beside flask, against flask alone."""
    sides = {"flask": timed("import flask"), "ours": timed(statement)}
    return Case(name, times("ours", "flask"), bar, sides, counted=bar is not None, way=Way.PROGRAM)


def _start(name, origins, resources):
    """What `init_app` and the first request take, of a policy with that many origins in each resource."""
    program = f"import grown; print(grown.start({origins}, {resources}))"
    return Case(name, seconds, Bar(1, 0.5), {"ours": program}, way=Way.PROGRAM, thin=6)


def _weight(name, expression):
    """How many bytes *expression*, of `grown`, finds in use."""
    program = f"import grown; print(grown.{expression})"
    return Case(name, size, None, {"ours": program}, way=Way.PROGRAM, thin=6, unit=SIZE)


#: ``flask --help`` with the one entry point that is named, and with none.
_HELP = """
import contextlib, importlib.metadata, io
found = {}
importlib.metadata.entry_points = lambda group: found
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    from flask.cli import main
    import sys
    sys.argv = ["flask", "--help"]
    main()
"""
_ENTRY = 'importlib.metadata.EntryPoint("cors", "flask_cors_env.cli:cors", "flask.commands")'

PROGRAMS = (
    _import("import flask_cors_env", "import flask, flask_cors_env", Bar(1.10, OF_RATIO)),
    _import("from flask_cors_env import CORS", "import flask; from flask_cors_env import CORS", None),
    Case(
        "flask --help",
        times("ours", "flask"),
        Bar(1.05, OF_RATIO),
        {"flask": timed(_HELP.format("()")), "ours": timed(_HELP.format(f"[{_ENTRY}]"))},
        counted=True,
        way=Way.PROGRAM,
    ),
    _start("start: 10,000 origins", 10_000, 0),
    _start("start: 200 resources", 10, 200),
    _start("start: 10,000 origins, inherited by 200 resources", 10_000, 200),
    _weight("memory: of one origin", "of_one_origin()"),
    _weight("memory: of one resource", "of_one_resource()"),
    _weight("memory: of 10,000 origins, inherited by 200 resources", "of(10_000, 200)"),
    _weight("memory: of all that clients can make it remember", "of_remembered()"),
)

CASES = (*BASIC, *NEW, *KINDS, *WAYS, *FLAT, *HOSTILE, *MORE, *PROGRAMS)
