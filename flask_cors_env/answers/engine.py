"""
Answers: the same questions to the same log have the same answers, whichever engine counts.

DuckDB counts where it is installed (extra ``report``), Python alone elsewhere. An engine finds rows in any
order; what is said of them is made here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask_cors_env.answers import plain
from flask_cors_env.answers.files import expanded, lines
from flask_cors_env.answers.lines import Record, Torn, records
from flask_cors_env.answers.questions import WHOLE, Question, Row, Window
from flask_cors_env.answers.timeline import PolicyRecord, timeline
from flask_cors_env.answers.verify import Verification
from flask_cors_env.audit.fields import GAP

Told = Callable[[int], object]


@dataclass(frozen=True)
class Answers:
    """
    What a log says.

    Attributes:
        rows: The lines of each answer by the question's name: the most frequent first, then by their keys.
        policies: The policies that it tells of, in the order of time; of the whole log, whatever the window.
        gaps: The records of lost ones, as columns; likewise.
        verification: What it lacks; likewise.
    """

    rows: Mapping[str, tuple[Row, ...]]
    policies: tuple[PolicyRecord, ...]
    gaps: tuple[Mapping[str, str], ...]
    verification: Verification


def answers(
    logs: Sequence[str],
    questions: Sequence[Question],
    *,
    window: Window = WHOLE,
    told: Told = int,
) -> Answers:
    """
    Ask *questions* of *logs*.

    Args:
        logs: Files in any order: rotated, packed, of several writers; globs; ``-`` for standard input.
        questions: Under different names.
        window: The part of the log that they are asked about.
        told: Is called with the number of bytes that were read, as they are.

    Raises:
        LogError: A log cannot be read at all.
    """
    files = (_records(name, told) for name in expanded(logs))
    found = plain.find(files, questions, window.where)
    return Answers(
        {name: tuple(sorted(rows, key=_order)) for name, rows in found.rows.items()},
        timeline(found.others),
        tuple(sorted((o for o in found.others if o["event"] == GAP), key=_time)),
        found.account.judged(),
    )


def _records(name: str, told: Told) -> Iterator[Record | Torn | None]:
    return records(lines(name, told))


def _order(row: Row) -> tuple[int, tuple[tuple[bool, str], ...]]:
    return -row.count, tuple((key is not None, key or "") for key in row.keys)


def _time(columns: Mapping[str, str]) -> tuple[str, str]:
    return columns.get("timestamp", ""), columns.get("log_record_uid", "")
