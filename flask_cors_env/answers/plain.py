"""
The plain engine: one pass over the lines, in Python alone; more where a number comes twice.

Logs repeat themselves, so records are not put to each question one by one: those that are alike in every
column that is asked about are counted first, and the questions are asked of the counts. The memory that this
takes is bounded; that of an answer is in the measure of its own lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask_cors_env.answers.account import Account, Key, key_of
from flask_cors_env.answers.columns import Columns, Findings, columns_of, event_of, text_of, timestamp_of
from flask_cors_env.answers.contradictions import contradictions
from flask_cors_env.answers.lines import Found, Record
from flask_cors_env.answers.questions import COLUMNS, HOUR, HOUR_LENGTH, Question, Row, Value, Where
from flask_cors_env.audit.fields import DECISION

#: What our own records hold, where questions ask.
_TYPES = frozenset({str, bool, type(None)})
#: How many different combinations are counted before the questions are asked of them.
_ALIKE = 65_536


def find(
    files: Sequence[Iterable[Found]],
    questions: Sequence[Question],
    where: Sequence[Where],
    names: Sequence[str] = (),
) -> Findings:
    """
    Ask *questions* of the decisions that meet the conditions *where*.

    Args:
        files: What each file's lines hold. They are read once more where a number comes twice.
        questions: Under different names.
        where: What must hold of a decision for any question.
        names: The names of *files*; () where nobody asks for them.
    """
    found = _find(files, questions, where, names, {})
    contradicting = contradictions(files, found.account.doubled)
    if contradicting:
        found = _find(files, questions, where, names, contradicting)
        found.account.note_contradictions(contradicting)
    return found


def _find(
    files: Sequence[Iterable[Found]],
    questions: Sequence[Question],
    where: Sequence[Where],
    names: Sequence[str],
    contradicting: Mapping[Key, int],
) -> Findings:
    """The same in one pass; *contradicting* records are counted by no question."""
    counted, account, unknown = _Counted(questions, where), Account(), 0
    others: list[Columns] = []
    for number, records in enumerate(files):
        before = account.seen
        for record in records:
            if not account.note(record) or (contradicting and key_of(record) in contradicting):
                continue
            event = record.get("event")
            if event == DECISION or (event := event_of(record)) == DECISION:
                counted.note(record)
            elif event is not None:
                others.append(columns_of(record))
            else:
                unknown += 1
        account.note_file(names[number] if names else str(number), account.seen - before)
    undated = counted.undated + sum("timestamp" not in columns for columns in others)
    return Findings(counted.answers(), others, account, undated, unknown)


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
    """The decisions of one pass; *undated* are those that do not tell when they were written."""

    def __init__(self, questions: Sequence[Question], where: Sequence[Where]) -> None:
        self._times = [condition for condition in where if condition.column == "timestamp"]
        self._where = [condition for condition in where if condition.column != "timestamp"]
        self._questions = questions
        self._columns = _needed(questions, self._where)
        self._names = [COLUMNS[column] for column in self._columns]
        self._with_hour = any(HOUR in question.keys for question in questions)
        self.undated = 0
        self._alike: dict[tuple[Any, ...], _Alike] = {}
        self._answers: dict[str, dict[tuple[Value, ...], _Tally]] = {q.name: {} for q in questions}

    def note(self, record: Record) -> None:
        timestamp = timestamp_of(record)
        self.undated += not timestamp
        if self._times and not _all_hold(self._times, {"timestamp": timestamp or None}):
            return
        hour = timestamp[:HOUR_LENGTH] if self._with_hour else None
        key = (hour, *map(record.get, self._names))
        if not _TYPES.issuperset(
            map(type, key)
        ):  # 1 is True for a dictionary, and a list is not for one at all
            key = tuple(map(text_of, key))
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
