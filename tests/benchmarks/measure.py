"""
Measuring by CPU time: paired and interleaved, in one process.

A round is one short batch of each side of a case, in random order, so that whatever the machine does
meanwhile falls on all sides alike. Passes over all cases are far apart in time; each gives a figure of its
own. What every single request was answered with is checked when the clock has stopped.
"""

import contextlib
import contextvars
import gc
import itertools
import json
import multiprocessing
import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cases import CASES, Shared, Way
from subjects import WRITING, Fleet

from flask_cors_env.core.protocol import ACAO


@dataclass(frozen=True)
class Size:
    """How often: `passes` over all cases, each of `rounds`, each of `batch` requests a side."""

    passes: int
    rounds: int
    batch: int
    programs: int


FULL = Size(passes=6, rounds=30, batch=12, programs=2)
QUICK = Size(passes=2, rounds=3, batch=4, programs=1)


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

        def send():
            begun = clock()
            for environ in environs:
                body = app(environ.copy(), start_response)
                for _ in body:
                    pass
                if hasattr(body, "close"):
                    body.close()
            return clock() - begun

        with getattr(app, "asked_within", contextlib.nullcontext)():
            spent = contextvars.copy_context().run(send)  # what an app binds is not for others
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


def measure(fleet, size, tell=lambda _: None, cases=CASES):
    """Every one of *cases*, measured."""
    found = {case.name: Measured(case) for case in cases}
    sides = {case.name: sides_of(case, fleet) for case in cases if case.way is Way.TOGETHER}
    gc.collect()
    gc.freeze()
    for number in range(size.passes):
        tell(f"pass {number + 1} of {size.passes}")
        for case in cases:
            _measure_once(found[case.name], number, size, fleet, sides)
    gc.unfreeze()
    for name, ran in sides.items():
        found[name].answers = {side.name: side.answers for side in ran}
    return list(found.values())


def _measure_once(measured, number, size, fleet, sides):
    case = measured.case
    if case.way is Way.TOGETHER:
        measured.passes.append(_rounds(sides[case.name], size, case.thin))
    elif case.way is Way.APART:
        rows, answers = _in_a_fork(_rounds_apart, case.name, fleet.folder, size)
        measured.passes.append(rows)
        for side, counts in answers.items():
            measured.answers.setdefault(side, Counter()).update(counts)
    elif number % case.thin == 0:
        measured.passes.append([_programs(case) for _ in range(size.programs if case.thin == 1 else 1)])


def _rounds(sides, size, thin=1):
    gc.collect()
    gc.disable()
    try:
        return [_round(sides, size.batch) for _ in range(max(2, size.rounds // thin))]
    finally:
        gc.enable()


def _round(sides, batch):
    return {side.name: side.run(batch) for side in random.sample(sides, len(sides))}


def _in_a_fork(function, *arguments):
    """What *function* returns, in a fork that ends with it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as fork:
        return fork.submit(function, *arguments).result()


def _rounds_apart(name, folder, size):
    """The rows of the case of that name, and how its sides were answered."""
    case = next(case for case in CASES if case.name == name)
    sides = sides_of(case, Fleet(folder))
    return _rounds(sides, size, case.thin), {side.name: side.answers for side in sides}


def _programs(case):
    names = list(case.sides)
    return {name: _run(case.sides[name]) for name in random.sample(names, len(names))}


def _run(code):
    """The number that *code* prints, in a new interpreter."""
    command = [sys.executable, "-c", in_this_folder(code)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def in_this_folder(code):
    """*code*, which then finds the modules beside this one."""
    return f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{code}"


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
        if name in found.answers and load.maker in WRITING and "HTTP_ORIGIN" in load.requests[0]
    )
    patience = time.monotonic() + 5  # the reader of a pipe may be behind
    while (written := sum(map(_events, fleet.logs()))) < due and time.monotonic() < patience:
        time.sleep(0.1)
    if written != due:
        raise LostEventError(f"{written} audit events were written for {due} decisions")
    return written


def _events(log):
    with log.open() as lines:
        return sum(json.loads(line)["event"] == "cors.decision" for line in lines if line.endswith("\n"))
