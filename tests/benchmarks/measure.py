"""
Measuring by CPU time: paired and interleaved, in one process.

A round is one short batch of each side of a case, in random order, so that whatever the machine does
meanwhile falls on all sides alike. Passes over all cases are far apart in time; each gives a figure of its
own. What every single request was answered with is checked when the clock has stopped.
"""

import gc
import itertools
import json
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from cases import CASES, Shared

from flask_cors_env.core.protocol import ACAO


@dataclass(frozen=True)
class Size:
    """How often: `passes` over all cases, each of `rounds`, each of `batch` requests a side."""

    passes: int
    rounds: int
    batch: int
    imports: int


FULL = Size(passes=6, rounds=60, batch=12, imports=2)
QUICK = Size(passes=2, rounds=3, batch=4, imports=1)


class WrongAnswerError(Exception):
    """A response was not what the case says, so its time would mean nothing."""


class LostEventError(Exception):
    """The audit log does not hold one event for each decision."""


@dataclass
class Measured:
    """What one case cost: rows by passes, and how many requests each side answered in which way."""

    case: object
    passes: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)

    @property
    def rows(self):
        """The rows of all passes."""
        return [row for rows in self.passes for row in rows]

    @property
    def figure(self):
        """The case's figure over all rows."""
        return self.case.figure(self.rows)

    @property
    def figures(self):
        """The figure of each pass by itself."""
        return [self.case.figure(rows) for rows in self.passes]


#: Each side begins at a number of its own: a request that is to be new was not sent by another side either.
_BEGINNINGS = itertools.count(step=1_000_000)


class Side:
    """One side of a case, with its app at hand."""

    def __init__(self, name, load, fleet):
        self.name = name
        self.answers = Counter()
        self._load = load
        self._app = fleet.app(load.maker, load.profile)
        self._next = next(_BEGINNINGS)

    def run(self, count, clock=time.process_time_ns):
        """Send *count* requests; returns what one took by *clock*, which is read before and after all."""
        environs = self._turn(count)
        responses = []

        def start_response(status, headers, _exc_info=None):
            responses.append((status, headers))

        app = self._app
        begun = clock()
        for environ in environs:
            body = app(environ.copy(), start_response)
            for _ in body:
                pass
            if hasattr(body, "close"):
                body.close()
        spent = clock() - begun
        self._check(environs, responses)
        return spent / count

    def _turn(self, count):
        requests = self._load.requests
        chosen = [requests[(self._next + n) % len(requests)] for n in range(count)]
        self._next += count
        return chosen

    def _check(self, environs, responses):
        wanted = (self._load.status, self._load.shared)
        for environ, (status, headers) in zip(environs, responses, strict=True):
            got = (int(status[:3]), shared_with(headers, environ.get("HTTP_ORIGIN")))
            if got != wanted:
                raise WrongAnswerError(f"{self.name}: answered {got}, not {wanted}: {headers}")
            self.answers[got] += 1


def shared_with(headers, origin):
    """With whom a response of these *headers* to a request from *origin* is shared."""
    values = [value for name, value in headers if name == ACAO]
    if not values:
        return Shared.NOBODY
    return {(origin,): Shared.ORIGIN, ("*",): Shared.EVERYONE}.get(tuple(values), Shared.OTHER)


def sides_of(case, fleet):
    """The sides of *case*, warm: policy settled, bytecode specialised, indexes touched."""
    sides = [Side(name, load, fleet) for name, load in case.sides.items()]
    for side in sides:
        side.run(20)
    return sides


def measure(fleet, size, tell=lambda _: None):
    """Every case of `CASES`, measured."""
    found = {case.name: Measured(case) for case in CASES}
    sides = {case.name: sides_of(case, fleet) for case in CASES if not case.in_new_process}
    gc.collect()
    gc.freeze()
    for number in range(size.passes):
        tell(f"pass {number + 1} of {size.passes}")
        for case in CASES:
            rows = _imports(case, size) if case.in_new_process else _rounds(sides[case.name], size)
            found[case.name].passes.append(rows)
    gc.unfreeze()
    for name, ran in sides.items():
        found[name].answers = {side.name: side.answers for side in ran}
    return list(found.values())


def _rounds(sides, size):
    gc.collect()
    gc.disable()
    try:
        return [_round(sides, size.batch) for _ in range(size.rounds)]
    finally:
        gc.enable()


def _round(sides, batch):
    return {side.name: side.run(batch) for side in random.sample(sides, len(sides))}


_IMPORT = """
import time
begun = time.process_time_ns()
{}
print(time.process_time_ns() - begun)
"""


def _imports(case, size):
    names = list(case.sides)
    return [
        {name: _import(case.sides[name]) for name in random.sample(names, len(names))}
        for _ in range(size.imports)
    ]


def _import(statement):
    """The CPU time of *statement* in a new interpreter, in nanoseconds, without the interpreter's start."""
    code = _IMPORT.format(statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def check_events(fleet, measured):
    """
    How many events the audit logs hold: one for every answer of ours to a request with an origin.

    Raises:
        LostEventError: There are fewer, or more, so the time of writing them was not measured.
        ValueError: A line is torn.
    """
    due = sum(
        found.answers[name].total()
        for found in measured
        for name, load in found.case.sides.items()
        if name in found.answers and load.maker == "ours" and "HTTP_ORIGIN" in load.requests[0]
    )
    written = 0
    for log in fleet.logs():
        with log.open() as lines:
            written += sum(json.loads(line)["event"] == "cors.decision" for line in lines)
    if written != due:
        raise LostEventError(f"{written} audit events were written for {due} decisions")
    return written
