"""
The plain engine: one pass over the lines, in Python alone.

Logs repeat themselves, so records are not put to each question one by one: those that are alike in every
column that is asked about are counted first, and the questions are asked of the counts. The memory that this
takes is bounded; that of an answer is in the measure of its own lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from flask_cors_env.answers.lines import Record, Torn
from flask_cors_env.answers.questions import COLUMNS, HOUR, HOUR_LENGTH, Question, Row, Value, Where
from flask_cors_env.answers.verify import Account
from flask_cors_env.audit.fields import DECISION, FIELDS

#: How many different combinations are counted before the questions are asked of them.
_ALIKE = 65_536
#: Where an app's pipeline may have put the event's name.
_EVENT_KEYS = ("event", "msg", "message")


class Findings(NamedTuple):
    """
    What an engine finds in a log.

    Attributes:
        rows: The answers by the names of their questions, in any order.
        others: The records that are no decisions, as columns.
        account: What became of every record.
    """

    rows: Mapping[str, Sequence[Row]]
    others: Sequence[Mapping[str, str]]
    account: Account


def find(
    files: Iterable[Iterable[Record | Torn | None]], questions: Sequence[Question], where: Sequence[Where]
) -> Findings:
    """
    Ask *questions* of the decisions that meet the conditions *where*.

    Args:
        files: What each file's lines hold; None is a line that holds no record.
        questions: Under different names.
        where: What must hold of a decision for any question.
    """
    counted, account, others = _Counted(questions, where), Account(), []
    for records in files:
        for record in records:
            if not account.note(record):
                continue
            event = record.get("event")
            if event == DECISION or (event := event_of(record)) == DECISION:
                counted.note(record)
            elif event is not None:
                others.append(columns_of(record))
    return Findings(counted.answers(), others, account)


def event_of(record: Record) -> str | None:
    """What the record is; None where it is none of the catalogue's events."""
    named = (record.get(key) for key in _EVENT_KEYS)
    return next((event for event in named if isinstance(event, str) and event in FIELDS), None)


def timestamp_of(record: Record) -> str:
    """The time of the record; "" where it has none."""
    timestamp = record.get("timestamp")
    if timestamp.__class__ is str and timestamp.isascii():
        return timestamp
    return text_of(timestamp) or ""


def text_of(value: Any) -> Value:
    """A value as a column has it: text that any engine can hold; None where it is absent."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def columns_of(record: Record) -> dict[str, str]:
    """The columns that *record* has."""
    found = {column: text_of(record.get(name)) for column, name in COLUMNS.items()}
    found["event"] = event_of(record)
    return {column: text for column, text in found.items() if text is not None}


class _Tally:
    """One line of an answer, being counted."""

    __slots__ = ("count", "distinct", "first", "last")

    def __init__(self, columns: int) -> None:
        self.count = 0
        self.first = self.last = ""
        self.distinct: tuple[set[str], ...] = tuple(set() for _ in range(columns))

    def add(self, other: _Alike, distinct: Iterable[Value]) -> None:
        self.count += other.count
        self.first = min(self.first or other.first, other.first or self.first)
        self.last = max(self.last, other.last)
        for values, value in zip(self.distinct, distinct, strict=True):
            if value is not None:
                values.add(value)


class _Alike:
    """How many records are alike, and when."""

    __slots__ = ("count", "first", "last")

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = ""

    def add(self, timestamp: str) -> None:
        self.count += 1
        if timestamp > self.last:  # noqa: PLR1730 - once a record, and a call takes longer
            self.last = timestamp
        if timestamp and (timestamp < self.first or not self.first):
            self.first = timestamp


class _Counted:
    """The decisions of one pass."""

    def __init__(self, questions: Sequence[Question], where: Sequence[Where]) -> None:
        self._times = [condition for condition in where if condition.column == "timestamp"]
        self._where = [condition for condition in where if condition.column != "timestamp"]
        self._questions = questions
        self._columns = _needed(questions, self._where)
        self._names = [COLUMNS[column] for column in self._columns]
        self._with_hour = any(HOUR in question.keys for question in questions)
        self._alike: dict[tuple[Any, ...], _Alike] = {}
        self._answers: dict[str, dict[tuple[Value, ...], _Tally]] = {q.name: {} for q in questions}

    def note(self, record: Record) -> None:
        timestamp = timestamp_of(record)
        if self._times and not _all_hold(self._times, {"timestamp": timestamp}):
            return
        hour = timestamp[:HOUR_LENGTH] if self._with_hour else None
        key = (hour, *map(record.get, self._names))
        try:
            alike = self._alike.get(key)
        except TypeError:  # a list or an object, which none of our fields is
            key = (hour, *(text_of(record.get(name)) for name in self._names))
            alike = self._alike.get(key)
        if alike is None:
            alike = self._room(key)
        alike.add(timestamp)

    def _room(self, key: tuple[Any, ...]) -> _Alike:
        if len(self._alike) >= _ALIKE:
            self._ask()
        made = self._alike[key] = _Alike()
        return made

    def _ask(self) -> None:
        """Ask the questions of what was counted, and count anew."""
        columns = (HOUR, *self._columns)
        for key, alike in self._alike.items():
            record = dict(zip(columns, map(text_of, key), strict=True))
            if _all_hold(self._where, record):
                for question in self._questions:
                    self._add(question, record, alike)
        self._alike.clear()

    def _add(self, question: Question, record: Mapping[str, Value], alike: _Alike) -> None:
        if not _all_hold(question.where, record):
            return
        answer = self._answers[question.name]
        keys = tuple(record[key] for key in question.keys)
        tally = answer.get(keys)
        if tally is None:
            tally = answer[keys] = _Tally(len(question.distinct))
        tally.add(alike, (record[column] for column in question.distinct))

    def answers(self) -> dict[str, list[Row]]:
        """The lines of each answer."""
        self._ask()
        return {
            name: [
                Row(keys, t.count, t.first, t.last, tuple(map(len, t.distinct))) for keys, t in answer.items()
            ]
            for name, answer in self._answers.items()
        }


def _needed(questions: Sequence[Question], where: Sequence[Where]) -> list[str]:
    """Every column that is asked about, each once; the hour stands apart."""
    conditions = [*where, *(condition for question in questions for condition in question.where)]
    asked = [column for question in questions for column in (*question.keys, *question.distinct)]
    return [c for c in dict.fromkeys([*asked, *(condition.column for condition in conditions)]) if c != HOUR]


def _all_hold(where: Iterable[Where], record: Mapping[str, Value]) -> bool:
    return all(check.holds(record[column], operand) for column, check, operand in where)
