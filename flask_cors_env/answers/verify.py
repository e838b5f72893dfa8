"""
Verification: what a log lacks, and whether the log says so itself.

Every writer numbers its records from 1 without gaps, and tells what it lost in records of their own. So a
number that is missing is either told, or torn, or in a file that was not read, or somebody took it away.
Not seen: what a writer lost after its last record.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeGuard

from flask_cors_env.answers.lines import Torn, records, uid_of
from flask_cors_env.audit.fields import GAP

_WORD = 64
_FULL = (1 << _WORD) - 1
_COUNT = re.compile("[0-9]{1,18}")

Span = tuple[int, int]


@dataclass(frozen=True)
class Writer:
    """
    What one writer left: one app in one process.

    Attributes:
        name: The first part of its ``log.record.uid``.
        records: How many different records were found whole.
        last: Its highest number.
        told: How many lost records its own gap records account for.
        torn: How many missing records are there in part, and not told.
        before: How many are missing before the first one found: in an older file, or gone.
        holes: The numbers that nothing accounts for, as spans.
        duplicates: How many records were found more than once, the repeats counted.
        overtold: How many more records are told lost than are missing.
    """

    name: str
    records: int
    last: int
    told: int
    torn: int
    before: int
    holes: tuple[Span, ...]
    duplicates: int
    overtold: int

    @property
    def missing(self) -> int:
        """How many records nothing accounts for."""
        return sum(end - start + 1 for start, end in self.holes)

    @property
    def is_whole(self) -> bool:
        """Whether every record is there or accounted for."""
        return not (self.holes or self.before)


@dataclass(frozen=True)
class Verification:
    """
    What was found in a log.

    Attributes:
        writers: By name.
        torn: How many records are there in part, whoever's.
        foreign: How many lines hold no record.
    """

    writers: tuple[Writer, ...]
    torn: int
    foreign: int

    @property
    def records(self) -> int:
        """How many different records were found whole."""
        return sum(writer.records for writer in self.writers)

    @property
    def told(self) -> int:
        """How many lost records the log itself accounts for."""
        return sum(writer.told for writer in self.writers)

    @property
    def missing(self) -> int:
        """How many records nothing accounts for."""
        return sum(writer.missing for writer in self.writers)

    @property
    def is_whole(self) -> bool:
        """Whether every record of every writer is there or accounted for."""
        return all(writer.is_whole for writer in self.writers)


def verify(files: Iterable[Iterable[str | bytes]]) -> Verification:
    """
    Account for every record of every writer.

    Args:
        files: The lines of each file, in any order: rotated ones, and those of several processes.
    """
    account = Account()
    for lines in files:
        for record in records(lines):
            if account.note(record) and record.get("event") == GAP:
                account.note_gap(uid_of(record), record.get("cors.audit.lost"))
    return account.judged()


class Account:
    """What became of every record, while they are read."""

    def __init__(self) -> None:
        self.torn = 0
        self.foreign = 0
        self._traces: dict[str, Trace] = {}

    def note(self, record: dict[str, Any] | Torn | None) -> TypeGuard[dict[str, Any]]:
        """Take *record* into account, None for a line without one; whether it is whole, and new."""
        if record is None:
            self.foreign += 1
            return False
        if isinstance(record, Torn):
            self.torn += 1
            if record.uid is not None:
                self.trace(record.uid[0]).fragments.add(record.uid[1])
            return False
        uid = uid_of(record)
        return uid is None or self.trace(uid[0]).note(uid[1])

    def note_gap(self, uid: tuple[str, int] | None, lost: object) -> None:
        """Take into account that the record *uid* tells of *lost* others."""
        if uid is not None:
            told = str(lost)
            self.trace(uid[0]).gaps[uid[1]] = int(told) if _COUNT.fullmatch(told) else 0

    def take(self, other: Account) -> None:
        """Take over what is torn and what is foreign in *other*."""
        self.torn += other.torn
        self.foreign += other.foreign
        for name, trace in other._traces.items():
            self.trace(name).fragments |= trace.fragments

    def trace(self, name: str) -> Trace:
        """That of the writer of this name."""
        trace = self._traces.get(name)
        if trace is None:
            trace = self._traces[name] = Trace(name)
        return trace

    def value(self) -> dict[str, Any]:
        """What is torn and what is foreign, as plain values."""
        fragments = {name: sorted(trace.fragments) for name, trace in self._traces.items()}
        return {"torn": self.torn, "foreign": self.foreign, "fragments": fragments}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Account:
        """The account whose `value` this is."""
        account = cls()
        account.torn, account.foreign = value["torn"], value["foreign"]
        for name, fragments in value["fragments"].items():
            account.trace(name).fragments.update(fragments)
        return account

    def judged(self) -> Verification:
        """What the account comes to."""
        traces = sorted(self._traces.values(), key=attrgetter("name"))
        return Verification(tuple(trace.judged() for trace in traces), self.torn, self.foreign)


@dataclass
class Trace:
    """The numbers of one writer, gathered."""

    name: str
    spans: list[Span] = field(default_factory=list)
    gaps: dict[int, int] = field(default_factory=dict)
    fragments: set[int] = field(default_factory=set)
    duplicates: int = 0

    def note(self, number: int) -> bool:
        """Add the record of this number; False where it is there already."""
        is_new = self._add(number)
        self.duplicates += not is_new
        return is_new

    def add_word(self, start: int, bits: int, count: int) -> None:
        """Add *count* records with numbers from *start* on, those whose bits are set; words come in order."""
        self.duplicates += count - bits.bit_count()
        if bits == _FULL:
            self._add_span(start, start + _WORD - 1)
            return
        while bits:
            first = (bits & -bits).bit_length() - 1
            length = (~(bits >> first) & -(~(bits >> first))).bit_length() - 1
            self._add_span(start + first, start + first + length - 1)
            bits &= ~(((1 << length) - 1) << first)

    def _add_span(self, start: int, end: int) -> None:
        """Add a span that lies after all others."""
        if self.spans and self.spans[-1][1] == start - 1:
            start = self.spans.pop()[0]
        self.spans.append((start, end))

    def _add(self, number: int) -> bool:
        spans = self.spans
        if spans and spans[-1][1] == number - 1:  # in order, as a writer writes
            spans[-1] = (spans[-1][0], number)
            return True
        at = bisect_right(spans, (number, float("inf"))) - 1
        if at >= 0 and spans[at][1] >= number:
            return False
        joins_left = at >= 0 and spans[at][1] == number - 1
        joins_right = at + 1 < len(spans) and spans[at + 1][0] == number + 1
        start = spans[at][0] if joins_left else number
        end = spans[at + 1][1] if joins_right else number
        spans[at + (not joins_left) : at + 1 + joins_right] = [(start, end)]
        return True

    def judged(self) -> Writer:
        """The writer, with what is missing accounted for."""
        missing = list(self._missing())
        overtold = sum(_account(missing, number, lost) for number, lost in sorted(self.gaps.items()))
        torn = sum(_take(missing, number) for number in self.fragments)
        first = self.spans[0][0] if self.spans else 1
        before = sum(end - start + 1 for start, end in missing if end < first)
        return Writer(
            self.name,
            sum(end - start + 1 for start, end in self.spans),
            max([end for _, end in self.spans[-1:]] + [*self.fragments], default=0),
            sum(self.gaps.values()),
            torn,
            before,
            tuple(span for span in missing if span[1] > first),
            self.duplicates,
            overtold,
        )

    def _missing(self) -> Iterator[Span]:
        at = 1
        for start, end in self.spans:
            if start > at:
                yield at, start - 1
            at = end + 1
        beyond = [number for number in self.fragments if number >= at]
        if beyond:
            yield at, max(beyond)


def _account(missing: list[Span], number: int, lost: int) -> int:
    """Strike *lost* numbers below *number* out of *missing*, the nearest first; how many there were not."""
    at = len(missing) - 1
    while lost and at >= 0:
        start, end = missing[at]
        if end < number:
            struck = min(lost, end - start + 1)
            lost -= struck
            missing[at : at + 1] = [(start, end - struck)] if struck <= end - start else []
        at -= 1
    return lost


def _take(missing: list[Span], number: int) -> bool:
    """Strike *number* out of *missing*; False where it is not in there."""
    for at, (start, end) in enumerate(missing):
        if start <= number <= end:
            missing[at : at + 1] = [
                span for span in ((start, number - 1), (number + 1, end)) if span[0] <= span[1]
            ]
            return True
    return False
