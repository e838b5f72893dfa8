"""
Seals, judged: which records of a log a key proves, and what speaks of records that are missing.

Records may come in any order: of several files, of several writers, of threads that wrote at once. Each is
judged by itself, since its step, its writer and its number name its key. Nothing here is trusted before its
MAC holds: a number is a claim, and following one costs a bounded number of steps.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from flask_cors_env.answers.files import Log
from flask_cors_env.answers.lines import DEFAULT, START, Found, Other, Torn, uid_of
from flask_cors_env.audit.fields import CLOSED, MAC, STEP
from flask_cors_env.audit.seal import Key, holds, next_key, next_rung

#: How many steps past the last proved one a claim is followed.
REACH = 1_000_000
#: How many steps are taken for claims that come to nothing before only near ones are followed: a second.
_PATIENCE = 2 * REACH
_NEAR = 64
#: A key is kept of every so many, and of the last few.
_MARK = 1024
_RECENT = 64
#: How many records that do not count are named; the others are only counted.
_NAMED = 1000

Span = tuple[int, int]


class Fault(StrEnum):
    """Why a record does not count."""

    UNSEALED = "unsealed"
    ALTERED = "altered"
    OLDER = "older"
    FAR = "far"


MEANINGS: Mapping[Fault, str] = {
    Fault.UNSEALED: "have no MAC: written before the key was set, or by another program",
    Fault.ALTERED: "have a MAC that does not hold: changed, moved or inserted",
    Fault.OLDER: "are of a step before the key's: give the key that flask cors key printed",
    Fault.FAR: f"are more than {REACH:,} past the last proved record of their writer: give the whole log",
}


class _Keys:
    """The keys that follow from a first one, each found again in few steps."""

    def __init__(self, number: int, key: bytes, step: Callable[[bytes], bytes]) -> None:
        self._first = number
        self._step = step
        self._marks = [key]
        self._recent = {number: key}
        self._order = deque([number])
        self.proved = number - 1
        self._at = number

    def cost(self, number: int) -> int:
        """Return how many steps `find` takes to *number*."""
        if number in self._recent:
            return 0
        return number - self._at if number > self._at else (number - self._first) % _MARK

    def find(self, number: int) -> bytes:
        """Return the key of *number*, which is not before the first."""
        if number in self._recent:
            return self._recent[number]
        at = self._at
        if number < at:
            at = self._first + (number - self._first) // _MARK * _MARK
        key = self._recent[at] if at == self._at else self._marks[(at - self._first) // _MARK]
        step = self._step
        while number - at > _RECENT:
            till = min(number - _RECENT, at - (at - self._first) % _MARK + _MARK)
            for _ in range(till - at):
                key = step(key)
            at = till
            if at - self._first == len(self._marks) * _MARK:
                self._marks.append(key)
        while at < number:  # the last ones are kept: a log that is read backwards asks for them next
            key, at = step(key), at + 1
            if at - self._first == len(self._marks) * _MARK:
                self._marks.append(key)
            self._note(at, key)
        return key

    def _note(self, number: int, key: bytes) -> None:
        """Keep *key* for a while; the farthest one stays, since the next ones are stepped from it."""
        self._at = max(self._at, number)
        if number in self._recent:
            return
        self._recent[number] = key
        self._order.append(number)
        while len(self._order) > _RECENT:
            oldest = self._order.popleft()
            if oldest == self._at:
                self._order.append(oldest)
            else:
                del self._recent[oldest]


@dataclass(frozen=True)
class SealedWriter:
    """
    What is proved of one writer.

    Attributes:
        name: The first part of its ``log.record.uid``.
        step: The step of the ladder that it took.
        records: How many records are proved, repeated ones counted again.
        is_closed: Whether the proved record with the highest number says that the process ended in order.
    """

    name: str
    step: int
    records: int
    is_closed: bool


@dataclass(frozen=True)
class Sealing:
    """
    What a key proves of a log.

    Attributes:
        writers: Those with proved records, in the order of their steps.
        counts: How many records do not count, by why.
        named: The first of those records: ``log.record.uid``, as far as there is one, and why.
        missing: The steps before the last one of which nothing is proved, as spans. Their writers were
            removed, or wrote nothing, or their files were not read.
        shared: The steps that several writers took, as the key file was not replaced.
    """

    writers: tuple[SealedWriter, ...]
    counts: Mapping[Fault, int]
    named: tuple[tuple[str, Fault], ...]
    missing: tuple[Span, ...]
    shared: tuple[int, ...]

    @property
    def records(self) -> int:
        """How many records are proved."""
        return sum(writer.records for writer in self.writers)

    @property
    def unclosed(self) -> tuple[str, ...]:
        """The writers whose last record is not an end: killed, still running, or cut off."""
        return tuple(writer.name for writer in self.writers if not writer.is_closed)

    def value(self) -> dict[str, Any]:
        """Return the same as plain values, for another program."""
        return {
            "proved": self.records,
            **{str(fault): count for fault, count in self.counts.items()},
            "unproved": [{"uid": uid, "why": str(fault)} for uid, fault in self.named],
            "missing_steps": [list(span) for span in self.missing],
            "shared_steps": list(self.shared),
            "unclosed": list(self.unclosed),
            "writers": [
                {"writer": w.name, "step": w.step, "records": w.records, "closed": w.is_closed}
                for w in self.writers
            ],
        }

    @property
    def proves(self) -> bool:
        """Whether all records are proved, and no writer before the last one is missing."""
        return bool(self.writers) and not any(self.counts.values()) and not self.missing


@contextmanager
def proved_logs(logs: Sequence[Log], seals: Seals | None) -> Iterator[list[Log]]:
    """
    Give *logs*, or where there is a key copies of them in which only proved records are records.

    The copies hold each record as it was judged, so that no engine can read another value out of its line.
    """
    if seals is None:
        yield [*logs]
        return
    with tempfile.TemporaryDirectory(prefix="flask-cors-making-") as folder:
        copies = []
        for number, log in enumerate(logs):
            path = Path(folder) / str(number)
            with path.open("wb") as file:
                file.writelines(_line(one) for one in seals.proved(log))
            copies.append(Log(log.name, path, DEFAULT, int))
        yield copies


def _line(found: Found) -> bytes:
    """Return a line in which a reader finds *found* again."""
    if isinstance(found, dict):
        return json.dumps({"cors.schema": None, **found}, separators=(",", ":")).encode() + b"\n"
    return _LINES[found]


#: Lines without a whole record.
_LINES = {
    Torn(None): START + b"\n",
    Other.FOREIGN: b"-\n",
    Other.INSIDE: b"- " + START + b":1}\n",
}


@dataclass
class _Proved:
    """What is proved of one writer, so far."""

    keys: _Keys
    records: int = 0
    closed: int = 0


@dataclass
class Seals:
    """
    Judges records by their MACs.

    Attributes:
        key: The key to prove by, of the earliest step that matters.
    """

    key: Key
    _writers: dict[tuple[int, str], _Proved] = field(default_factory=dict)
    _counts: dict[Fault, int] = field(default_factory=lambda: dict.fromkeys(Fault, 0))
    _named: list[tuple[str, Fault]] = field(default_factory=list)
    _patience: int = _PATIENCE

    def __post_init__(self) -> None:
        self._ladder = _Keys(self.key.step, self.key.secret, next_rung)

    def proved(self, found: Iterable[Found]) -> Iterator[Found]:
        """
        Yield those of the records *found* that count, and all that is no whole record.

        A torn record loses its number: whoever took a record away could leave a piece of it.
        """
        for one in found:
            if isinstance(one, Torn):
                yield Torn(None)
            elif not isinstance(one, dict) or self.counts(one):
                yield one

    def counts(self, record: Mapping[str, Any]) -> bool:
        """Return whether the MAC of *record* holds; otherwise the record is noted."""
        fault = self._fault(record)
        if fault is None:
            return True
        self._counts[fault] += 1
        if len(self._named) < _NAMED:
            uid = record.get("log.record.uid")
            self._named.append((uid if isinstance(uid, str) else "", fault))
        return False

    def _fault(self, record: Mapping[str, Any]) -> Fault | None:
        uid, step = uid_of(record), record.get(STEP)
        if MAC not in record and STEP not in record:
            return Fault.UNSEALED
        if uid is None or type(step) is not int or uid[1] < 1:
            return Fault.ALTERED
        if step < self.key.step:
            return Fault.OLDER
        return self._fault_of(record, uid[0], step, uid[1])

    def _fault_of(self, record: Mapping[str, Any], name: str, step: int, number: int) -> Fault | None:
        """Return what is wrong with the claim that *record* is the *number*-th of the writer *name*."""
        writer = self._writers.get((step, name))
        past = step - self._ladder.proved if writer is None else 0
        if past > REACH or number - (0 if writer is None else writer.keys.proved) > REACH:
            return Fault.FAR
        cost = self._ladder.cost(step) + number if writer is None else writer.keys.cost(number)
        if cost > _NEAR:
            if cost > self._patience:
                return Fault.FAR
            self._patience -= cost
        if writer is None:
            root = Key(step, self._ladder.find(step)).of_writer(name)
            writer = _Proved(_Keys(1, root, next_key))
        if not holds(record, writer.keys.find(number)):
            return Fault.ALTERED
        if cost > _NEAR:
            self._patience += cost
        self._writers[step, name] = writer
        self._ladder.proved = max(self._ladder.proved, step)
        writer.keys.proved = max(writer.keys.proved, number)
        writer.records += 1
        if record.get("event") == CLOSED:
            writer.closed = max(writer.closed, number)
        return None

    def judged(self) -> Sealing:
        """Return what all records together come to."""
        writers = tuple(
            SealedWriter(name, step, proved.records, proved.closed == proved.keys.proved)
            for (step, name), proved in sorted(self._writers.items())
        )
        steps = Counter(writer.step for writer in writers)
        gaps = pairwise([self.key.step - 1, *steps])
        return Sealing(
            writers,
            dict(self._counts),
            tuple(self._named),
            tuple((before + 1, after - 1) for before, after in gaps if after - before > 1),
            tuple(step for step, writers_of_it in steps.items() if writers_of_it > 1),
        )
