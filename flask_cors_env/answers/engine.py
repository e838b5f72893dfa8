"""
Answers: the same questions to the same log have the same answers, whichever engine counts.

DuckDB counts where it is installed (extra ``report``), Python alone elsewhere. An engine finds rows in any
order; what is said of them is made here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from flask_cors_env.answers import plain, store
from flask_cors_env.answers.account import Verification
from flask_cors_env.answers.columns import Findings
from flask_cors_env.answers.files import Log, LogError, opened
from flask_cors_env.answers.lines import DEFAULT, Grammar
from flask_cors_env.answers.questions import WHOLE, Question, Row, Where, Window
from flask_cors_env.answers.seals import Seals, proved_logs
from flask_cors_env.answers.timeline import PolicyRecord, timeline
from flask_cors_env.answers.verify import verification
from flask_cors_env.audit.fields import GAP
from flask_cors_env.audit.seal import Key

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
        undated: How many records do not tell when they were written, so that no window of time has them.
    """

    rows: Mapping[str, tuple[Row, ...]]
    policies: tuple[PolicyRecord, ...]
    gaps: tuple[Mapping[str, str], ...]
    verification: Verification
    undated: int


def answers(  # noqa: PLR0913 - what is asked, and how
    logs: Sequence[str],
    questions: Sequence[Question],
    *,
    window: Window = WHOLE,
    engine: str | None = None,
    cache: Path | None = None,
    told: Told = int,
    grammar: Grammar = DEFAULT,
    key: Key | None = None,
) -> Answers:
    """
    Ask *questions* of *logs*.

    Args:
        logs: Files in any order: rotated, packed, of several writers; globs; ``-`` for standard input.
        questions: Under different names.
        window: The part of the log that they are asked about.
        engine: A key of `ENGINES`; None for the first that is installed.
        cache: The folder where DuckDB keeps what it read of a file; None where it is to keep nothing.
        told: Is called with the number of bytes that were read, as they are.
        grammar: What counts as a record.
        key: Proves records, of which no others count then; None where all do.

    Raises:
        LogError: A log cannot be read at all, or not by this engine.
    """
    find = ENGINES[engine or installed()]
    seals = None if key is None else Seals(key)
    with opened(logs, grammar, told) as files, proved_logs(files, seals) as proved:
        found = find(proved, questions, window.where, cache)
    gaps = sorted((columns for columns in found.others if columns["event"] == GAP), key=_time)
    rows = {name: tuple(sorted(rows, key=_order)) for name, rows in found.rows.items()}
    return Answers(rows, timeline(found.others), tuple(gaps), verification(found, seals), found.undated)


def _plain(
    logs: Sequence[Log], questions: Sequence[Question], where: Sequence[Where], _cache: Path | None
) -> Findings:
    return plain.find(logs, questions, where, [log.name for log in logs])


def _duckdb(
    logs: Sequence[Log], questions: Sequence[Question], where: Sequence[Where], cache: Path | None
) -> Findings:
    try:
        from flask_cors_env.answers import duck  # noqa: PLC0415 - an extra
    except ImportError:
        raise LogError("DuckDB takes pip install 'flask-cors-env[report]'") from None
    with store.opened(cache) as kept:
        return duck.find(logs, questions, where, kept)


#: By the words of ``--engine``, the preferred one first.
ENGINES: dict[str, Callable[..., Findings]] = {"duckdb": _duckdb, "plain": _plain}


def installed() -> str:
    """The engine that counts where none is named."""
    return "duckdb" if find_spec("duckdb") else "plain"


def _order(row: Row) -> tuple[int, tuple[tuple[bool, str], ...]]:
    return -row.count, tuple((key is not None, key or "") for key in row.keys)


def _time(columns: Mapping[str, str]) -> tuple[str, str]:
    return columns.get("timestamp", ""), columns.get("log_record_uid", "")
