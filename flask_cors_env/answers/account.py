"""
The account: what a log lacks, and whether the log says so itself.

Every writer numbers its records from 1 without gaps, and tells what it lost in records of their own. So a
number that is missing is either told, or torn, or in a file that was not read, or somebody took it away. A
number with two different records is *contradicting*: one of the two was made by somebody else, and none can
be relied upon. Not seen: what a writer lost after its last record, and a record that was altered and has no
twin.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, TypeGuard

from flask_cors_env.answers.lines import Found, Other, Record, Torn, uid_of
from flask_cors_env.answers.omitted import Omission
from flask_cors_env.answers.seals import Sealing

#: How many numbers are looked at together.
WORD = 64
_FULL = (1 << WORD) - 1
_COUNT = re.compile("[0-9]{1,18}")

Span = tuple[int, int]


class Key(NamedTuple):
    """The name of a record: its number within a writer, and the writer within a service ("" for none)."""

    service: str
    writer: str
    number: int


@dataclass(frozen=True)
class Writer:
    """
    The records of one writer: one app in one process.

    Attributes:
        name: The first part of its ``log.record.uid``.
        service: The app's name; "" where no record has one.
        records: How many different records were found whole, without the contradicting ones.
        last: Its highest number.
        told: How many lost records its own gap records account for.
        torn: How many missing records are there in part, and not told.
        before: How many are missing before the first one found: in an older file, or gone.
        holes: The numbers that nothing accounts for, as spans.
        duplicates: How many records were found more than once, the repeats counted.
        overtold: How many more records are told lost than are missing.
        contradicting: The numbers of which there are two different records.
    """

    name: str
    service: str
    records: int
    last: int
    told: int
    torn: int
    before: int
    holes: tuple[Span, ...]
    duplicates: int
    overtold: int
    contradicting: tuple[int, ...]

    @property
    def missing(self) -> int:
        """Return the number of records that nothing accounts for."""
        return sum(end - start + 1 for start, end in self.holes)

    @property
    def is_whole(self) -> bool:
        """Return True where every record is there or accounted for, and none contradicts another."""
        return not (self.holes or self.before or self.contradicting)


@dataclass(frozen=True)
class Verification:
    """
    The account of a log: its records, by writer, and its other lines.

    Attributes:
        writers: By name.
        torn: The number of records that are there in part, of all writers.
        foreign: How many lines hold no record, and nothing that looks like one.
        inside: How many lines of other programs hold what looks like a record, and is none.
        unknown: How many records are of an event that the catalogue does not know.
        empty: The files in which nothing was a record.
        is_empty: Whether nothing in any file was a record.
        sealing: What the key proves, and what does not count; None where no key was given.
        omitted: What the log leaves out on purpose.
    """

    writers: tuple[Writer, ...]
    torn: int
    foreign: int
    inside: int = 0
    unknown: int = 0
    empty: tuple[str, ...] = ()
    is_empty: bool = False
    sealing: Sealing | None = None
    omitted: tuple[Omission, ...] = ()

    @property
    def records(self) -> int:
        """Return the number of different records that were read whole."""
        return sum(writer.records for writer in self.writers)

    @property
    def told(self) -> int:
        """Return the number of lost records that the log itself accounts for."""
        return sum(writer.told for writer in self.writers)

    @property
    def missing(self) -> int:
        """Return the number of records that nothing accounts for."""
        return sum(writer.missing for writer in self.writers)

    @property
    def contradicting(self) -> tuple[str, ...]:
        """The ``log.record.uid`` of each number of which there are two different records."""
        return tuple(f"{writer.name}-{number}" for writer in self.writers for number in writer.contradicting)

    @property
    def is_whole(self) -> bool:
        """Return True where every record of every writer is there or accounted for."""
        return all(writer.is_whole for writer in self.writers)


class Account:
    """
    The running account of a log, while its records are read.

    Attributes:
        torn: The number of records that are there in part.
        foreign: How many lines hold no record.
        inside: How many lines of other programs hold what looks like one.
        seen: How many records were read, whole or torn, repeats counted.
    """

    def __init__(self) -> None:
        self.torn = self.foreign = self.inside = self.seen = 0
        self._traces: dict[tuple[str, str], Trace] = {}
        self._fragments: dict[str, set[int]] = defaultdict(set)
        self._files: dict[str, int] = {}

    def note(self, found: Found) -> TypeGuard[Record]:
        """Take what was found in a line into account; return whether it is a record, whole and new."""
        if isinstance(found, Other):
            self.foreign += found is Other.FOREIGN
            self.inside += found is Other.INSIDE
            return False
        self.seen += 1
        if isinstance(found, Torn):
            self.torn += 1
            if found.uid is not None:
                self._fragments[found.uid[0]].add(found.uid[1])
            return False
        key = key_of(found)
        return key is None or self.trace(key.writer, key.service).note(key.number)

    def note_file(self, name: str, seen: int) -> None:
        """Take into account that *seen* records were read of the file *name*."""
        self._files[name] = self._files.get(name, 0) + seen

    def note_gap(self, key: Key | None, lost: object) -> None:
        """Take into account that the record *key* tells of *lost* others."""
        if key is not None:
            told = str(lost)
            gaps = self.trace(key.writer, key.service).gaps
            gaps[key.number] = int(told) if _COUNT.fullmatch(told) else 0

    def note_contradictions(self, copies: Mapping[Key, int]) -> None:
        """Take into account that these records contradict each other, and how often each of them is there."""
        for key, count in copies.items():
            trace = self.trace(key.writer, key.service)
            trace.contradicting.add(key.number)
            trace.duplicates -= count - 1
            trace.gaps.pop(key.number, None)

    @property
    def doubled(self) -> set[Key]:
        """The 64 numbers around each number that was found twice, as the first of them divided by 64."""
        return {
            Key(service, name, word)
            for (service, name), trace in self._traces.items()
            for word in trace.doubled
        }

    def take(self, other: Account) -> None:
        """Take over what is no whole record in *other*."""
        self.torn += other.torn
        self.foreign += other.foreign
        self.inside += other.inside
        self.seen += other.seen
        for name, numbers in other._fragments.items():
            self._fragments[name] |= numbers

    def trace(self, name: str, service: str = "") -> Trace:
        """That of the writer of this name."""
        trace = self._traces.get((service, name))
        if trace is None:
            trace = self._traces[service, name] = Trace(name, service)
        return trace

    def value(self) -> dict[str, Any]:
        """Return the counts of everything but whole records, as plain values."""
        fragments = {name: sorted(numbers) for name, numbers in self._fragments.items()}
        counts = {name: getattr(self, name) for name in _COUNTS}
        return {**counts, "fragments": fragments}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Account:
        """The account whose `value` this is."""
        account = cls()
        for name in _COUNTS:
            setattr(account, name, value[name])
        for name, numbers in value["fragments"].items():
            account._fragments[name].update(numbers)
        return account

    def judged(self, unknown: int = 0) -> Verification:
        """Return the account; *unknown* is the number of records of no known event."""
        for name, numbers in self._fragments.items():
            of_name = [trace for trace in self._traces.values() if trace.name == name]
            for trace in of_name or [self.trace(name)]:
                trace.fragments |= numbers
        traces = sorted(self._traces.values(), key=attrgetter("name", "service"))
        return Verification(
            tuple(trace.judged() for trace in traces),
            self.torn,
            self.foreign,
            self.inside,
            unknown,
            tuple(name for name, seen in self._files.items() if not seen),
            not any(self._files.values()) if self._files else not self.seen,
        )


_COUNTS = ("torn", "foreign", "inside", "seen")


def key_of(record: Mapping[str, Any]) -> Key | None:
    """Return which record this is; None where it has no number."""
    uid = uid_of(record)
    service = record.get("service.name")
    return None if uid is None else Key(service if isinstance(service, str) else "", *uid)


@dataclass
class Trace:
    """The numbers of one writer, gathered."""

    name: str
    service: str = ""
    spans: list[Span] = field(default_factory=list)
    gaps: dict[int, int] = field(default_factory=dict)
    fragments: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)
    contradicting: set[int] = field(default_factory=set)
    duplicates: int = 0

    def note(self, number: int) -> bool:
        """Add the record of this number; False where it is there already."""
        is_new = self._add(number)
        if not is_new:
            self.duplicates += 1
            self.doubled.add(number // WORD)
        return is_new

    def add_word(self, start: int, bits: int, count: int) -> None:
        """Add *count* records with numbers from *start* on, those whose bits are set; words come in order."""
        repeats = count - bits.bit_count()
        if repeats:
            self.duplicates += repeats
            self.doubled.add(start // WORD)
        if bits == _FULL:
            self._add_span(start, start + WORD - 1)
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
            self.service,
            sum(end - start + 1 for start, end in self.spans) - len(self.contradicting),
            max([end for _, end in self.spans[-1:]] + [*self.fragments], default=0),
            sum(self.gaps.values()),
            torn,
            before,
            tuple(span for span in missing if span[1] > first),
            self.duplicates,
            overtold,
            tuple(sorted(self.contradicting)),
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
