"""
DuckDB: the engine for long logs (extra ``report``).

Each file is read once, into Parquet files that a later question finds again; what is asked is asked of those,
and nothing need fit into memory. DuckDB reads a file itself as long as every line of it is a record: it is
told to refuse anything else, and what it refuses is read by our own reader, line by line, and handed to it
again. All SQL there is stands in this module.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeGuard

import duckdb

from flask_cors_env.answers.columns import EVENT_KEYS, ODD, Columns, Findings, columns_of
from flask_cors_env.answers.files import is_packed, lines
from flask_cors_env.answers.lines import START, Record, Torn, records, unwrapped
from flask_cors_env.answers.questions import COLUMNS, HOUR, HOUR_LENGTH, Check, Question, Row, Where
from flask_cors_env.answers.store import Store
from flask_cors_env.answers.times import FORM, GLOB
from flask_cors_env.answers.verify import Account
from flask_cors_env.audit.fields import DECISION, DECISION_FIELDS, ENVELOPE, FIELDS

#: What is in DuckDB's messages where it cannot write any more, and what that is to the system.
_FULL = {os.strerror(code): code for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)}
_FULL["max_temp_directory_size"] = errno.ENOSPC
#: Bytes of lines that are handed over at once.
_SEGMENT = 1 << 27
#: The longest line, in bytes, that is handed over without a look.
_LONGEST = 1 << 16
#: A time that DuckDB is not to refuse.
_DATED = re.compile(rb'"timestamp": ?"' + FORM.encode() + b'"')
#: Values of which DuckDB may make something else than our own reader, and some others.
_ODD = re.compile(rb'":\s*(?:[-[{nNiI]|[0-9]{16}|[0-9.]+[eE])')
_CONFIG: dict[str, Any] = {
    "memory_limit": "512MB",
    "autoinstall_known_extensions": "false",
    "preserve_insertion_order": "false",
}
#: Makes the progress known, and DuckDB silent.
_PROGRESS = "SET enable_progress_bar = true; SET enable_progress_bar_print = false"
#: Seconds between two looks at how far a file is read.
_LOOK = 0.2
_WORD = 64

Told = Callable[[int], object]


def find(
    names: Sequence[str], questions: Sequence[Question], where: Sequence[Where], store: Store, told: Told
) -> Findings:
    """
    Ask *questions* of the decisions that meet the conditions *where*.

    Args:
        names: Files, or ``-``.
        questions: Under different names.
        where: What must hold of a decision for any question.
        store: Where the Parquet files are kept.
        told: Is called with the number of bytes that were read, as they are.

    Raises:
        OSError: There is no room for the Parquet files, or a log cannot be read.
    """
    config = _CONFIG | {"temp_directory": str(store.scratch)}
    with contextlib.closing(duckdb.connect(config=config)) as connection, _as_the_system_says():
        connection.execute(_PROGRESS)
        account = Account()
        folders = [_stored(connection, name, store, account, told) for name in names]
        _dedupe(connection, folders, account)
        rows = {question.name: _ask(connection, question, where) for question in questions}
        return Findings(rows, _others(connection), account, _undated(connection))


@contextlib.contextmanager
def _as_the_system_says() -> Iterator[None]:
    """Where DuckDB finds no room to write, an OSError."""
    try:
        yield
    except duckdb.Error as error:
        full = _full(error)
        if full is None:
            raise
        raise OSError(full, os.strerror(full)) from None


def _full(error: duckdb.Error) -> int | None:
    """Why DuckDB found no room to write, which it tells in words alone; None where it did."""
    return next((code for words, code in _FULL.items() if words in str(error)), None)


# --- from a file to Parquet


def _stored(
    connection: duckdb.DuckDBPyConnection, name: str, store: Store, account: Account, told: Told
) -> Path:
    """The folder of what was read of a log file; what is no record in it goes to *account*."""
    folder, apart = store.kept(name, lambda folder: _make(connection, name, folder, told))
    account.take(apart)
    return folder


def _make(connection: duckdb.DuckDBPyConnection, name: str, folder: Path, told: Told) -> Account:
    """Write what is in a log file to Parquet; what is torn in it and what is foreign."""
    account = Account()
    is_direct = not is_packed(name) and Path(name).stat().st_size > 1  # it overlooks a line of one byte
    if not (is_direct and _is_copied_whole(connection, name, folder / "part-0.parquet", told)):
        for number, segment in enumerate(_segments(unwrapped(lines(name, told)))):
            _copy_segment(connection, segment, folder / f"part-{number}.parquet", account)
    written = _PARTS.format(_listed([folder], "part-*.parquet"))
    words = _quoted(str(folder / "words.parquet"))
    connection.execute(f"COPY ({_WORDS.format(_NUMBERED.format(written))}) TO {words} (FORMAT parquet)")
    return account


def _is_copied_whole(connection: duckdb.DuckDBPyConnection, name: str, part: Path, told: Told) -> bool:
    """As `_is_read`, telling how far it is; what is told is taken back where it comes to nothing."""
    size, seen = Path(name).stat().st_size, 0
    with ThreadPoolExecutor(1) as pool:
        copied = pool.submit(_is_read, connection, name, part)
        try:
            while wait([copied], _LOOK).not_done:
                reached = int(size * max(connection.query_progress(), 0) / 100)
                told(reached - seen)
                seen = reached
        except BaseException:
            connection.interrupt()
            raise
    told((size if copied.result() else 0) - seen)
    return copied.result()


def _is_read(connection: duckdb.DuckDBPyConnection, name: str, part: Path) -> bool:
    """The same of lines that nobody has looked at: DuckDB reads some numbers its own way."""
    return _is_copied(connection, name, part) and not connection.execute(_odd_in(part)).fetchall()


def _odd_in(part: Path) -> str:
    """Whether *part* has what may be such a number, or a string that looks like one, as SQL."""
    return _ODD_PART.replace("{part}", _quoted(str(part)))


def _segments(whole: Iterable[str | bytes]) -> Iterator[list[str | bytes]]:
    """The lines in lists of about `_SEGMENT` bytes; of no lines, one that is empty."""
    segment: list[str | bytes] = []
    size = 0
    for line in whole:
        segment.append(line)
        size += len(line)
        if size > _SEGMENT:
            yield segment
            segment, size = [], 0
    yield segment


def _copy_segment(
    connection: duckdb.DuckDBPyConnection, segment: list[str | bytes], part: Path, account: Account
) -> None:
    """Copy *segment*: lines that look like ours as they are, and if that will not do, each of them read."""
    for is_ours in (_looks_ours, _is_none):
        tried = Account()
        side = part.with_suffix(".jsonl")
        with side.open("wb") as file:
            file.writelines(_cleaned(segment, is_ours, tried))
        is_copied = _is_copied(connection, str(side), part)
        side.unlink()
        if is_copied:
            account.take(tried)
            return
    raise RuntimeError("DuckDB refuses what was read")


def _looks_ours(line: str | bytes) -> TypeGuard[bytes]:
    if not isinstance(line, bytes) or len(line) >= _LONGEST:
        return False
    is_whole = line.startswith(START) and line.endswith(b"}")
    return is_whole and _DATED.search(line) is not None and not _ODD.search(line)


def _is_none(_line: str | bytes) -> TypeGuard[bytes]:
    return False


def _cleaned(
    segment: Iterable[str | bytes], is_ours: Callable[[str | bytes], TypeGuard[bytes]], account: Account
) -> Iterator[bytes]:
    """Lines that DuckDB takes; what is torn or foreign goes to *account*."""
    for line in segment:
        if is_ours(line):
            yield line + b"\n"
            continue
        for record in records([line]):
            if record is None or isinstance(record, Torn):
                account.note(record)
            else:
                yield _line(record)


def _line(record: Record) -> bytes:
    found = columns_of(record)
    values = {COLUMNS[column]: text for column, text in found.items()}
    return json.dumps({"cors.schema": 1, **values}).encode() + b"\n"


def _is_copied(connection: duckdb.DuckDBPyConnection, name: str, part: Path) -> bool:
    """Copy the lines of the file *name* to *part*; False where one of them is not a whole record."""
    try:
        connection.execute(
            f"COPY ({_READ}) TO {_quoted(str(part))} (FORMAT parquet, COMPRESSION zstd)", [glob.escape(name)]
        )
    except duckdb.Error as error:
        part.unlink(missing_ok=True)
        if _full(error) is not None:
            raise
        return False
    return True


def _listed(folders: Iterable[Path], pattern: str) -> str:
    """The files of these names in *folders*, as SQL."""
    names = (glob.escape(str(path)) for folder in folders for path in sorted(folder.glob(pattern)))
    return f"[{', '.join(map(_quoted, names))}]"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_EVENTS = ", ".join(map(_quoted, FIELDS))
_EVENT = " ".join(f"""WHEN "{key}" IN ({_EVENTS}) THEN "{key}" """ for key in EVENT_KEYS)
_NAMES = dict.fromkeys(["cors.schema", *EVENT_KEYS, *COLUMNS.values()])
_TYPES = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in _NAMES)
_FIELDS = {field.name for field in (*ENVELOPE, *DECISION_FIELDS)}
_ASKED = ", ".join(f'"{name}" AS {c}' for c, name in COLUMNS.items() if name in _FIELDS and c != "event")
_ALL = ", ".join(f"""'{c}': "{name}\"""" for c, name in COLUMNS.items() if c != "event")
#: Decisions in columns; the few other records in one, for dozens of empty ones take longer than all the rest.
_READ = f"""
WITH read AS (
    FROM read_json(?, format = 'newline_delimited', compression = 'uncompressed', columns = {{{_TYPES}}})
), known AS (
    SELECT * EXCLUDE (event),
           CASE WHEN "cors.schema" IS NULL THEN error('no record')
                WHEN NOT "timestamp" GLOB {_quoted(GLOB)} THEN error('a time to be read')
                {_EVENT} END AS event
    FROM read
)
SELECT {_ASKED}, event,
       CASE WHEN event <> {_quoted(DECISION)} THEN to_json({{{_ALL}}})::VARCHAR END AS other
FROM known
"""
#: Asked of what is written, where each of the few values of a column is looked at once.
_ODD_TEXTS = " OR ".join(
    f"({c} GLOB '[-0-9NnIi[{{]*' AND regexp_matches({c}, {_quoted(ODD)}, 's'))"
    for c, name in COLUMNS.items()
    if name in _FIELDS and c not in {"timestamp", "event"}
)
_ODD_PART = f"""
SELECT 1 FROM {{part}} WHERE {_ODD_TEXTS}
UNION ALL
SELECT 1 FROM (SELECT unnest(json_extract_string(other, '$.*')) AS text FROM {{part}} WHERE other IS NOT NULL)
WHERE regexp_matches(text, {_quoted(ODD)}, 's')
LIMIT 1
"""

# --- each record once

_PARTS = "read_parquet({})"
_NUMBERED = """
SELECT *, split_part(log_record_uid, '-', 1) AS writer,
       CASE WHEN regexp_full_match(log_record_uid, '[^-]+-[0-9]{{1,18}}')
            THEN split_part(log_record_uid, '-', 2)::BIGINT END AS number
FROM {}
"""
#: The numbers that are there, 64 to a word: of 10 million records there are as few words as fit into memory.
_WORDS = f"""
SELECT writer, number // {_WORD} AS word, count(*) AS count,
       bit_or(1::UBIGINT << (number % {_WORD})::UBIGINT) AS bits
FROM ({{}}) WHERE number IS NOT NULL GROUP BY writer, word
"""
_ALL_WORDS = """
CREATE TEMP TABLE words AS
SELECT writer, word, sum(count)::BIGINT AS count, bit_or(bits) AS bits FROM {} GROUP BY writer, word
"""
#: Only words in which some number comes twice are looked at record by record.
_ONCE = f"""
CREATE TEMP TABLE once AS
SELECT DISTINCT ON (numbered.writer, numbered.number) numbered.*
FROM numbered JOIN words ON words.writer = numbered.writer AND words.word = numbered.number // {_WORD}
WHERE words.count > bit_count(words.bits)
"""
_RECORDS = f"""
CREATE VIEW records AS
SELECT numbered.* FROM numbered ANTI JOIN (FROM words WHERE count > bit_count(bits)) AS doubled
    ON doubled.writer = numbered.writer AND doubled.word = numbered.number // {_WORD}
UNION ALL FROM once
"""


def _dedupe(connection: duckdb.DuckDBPyConnection, folders: Sequence[Path], account: Account) -> None:
    """Make the view ``records``, in which each record is once, and account for the numbers that are there."""
    written = _PARTS.format(_listed(folders, "part-*.parquet"))
    connection.execute(f"CREATE VIEW numbered AS {_NUMBERED.format(written)}")
    connection.execute(_ALL_WORDS.format(_PARTS.format(_listed(folders, "words.parquet"))))
    words = connection.execute("SELECT writer, word, bits, count FROM words ORDER BY writer, word").fetchall()
    for writer, word, bits, count in words:
        account.trace(writer).add_word(word * _WORD, bits, count)
    if any(count > bits.bit_count() for _, _, bits, count in words):
        connection.execute(_ONCE)
        connection.execute(_RECORDS)
    else:
        connection.execute("CREATE VIEW records AS FROM numbered")


# --- questions

_CHECKS = {
    Check.IS: "{} = ?",
    Check.HAS: "list_contains(string_split({}, ','), ?)",
    Check.PRESENT: "{} IS NOT NULL AND ? = ''",
    Check.ABSENT: "{} IS NULL AND ? = ''",
    Check.FROM: "{} >= ?",
    Check.BEFORE: "{} < ?",
}
_DERIVED = {HOUR: f"coalesce(substr(timestamp, 1, {HOUR_LENGTH}), '')"}


def _ask(connection: duckdb.DuckDBPyConnection, question: Question, where: Sequence[Where]) -> list[Row]:
    conditions = (Where("event", Check.IS, DECISION), *where, *question.where)
    keys, width = [_DERIVED.get(key, key) for key in question.keys], len(question.keys)
    measures = ["count(*)", "coalesce(min(timestamp), '')", "coalesce(max(timestamp), '')"]
    selected = ", ".join([*keys, *measures, *(f"count(DISTINCT {column})" for column in question.distinct)])
    held = " AND ".join(_CHECKS[check].format(column) for column, check, _ in conditions)
    grouped = f"GROUP BY {', '.join(map(str, range(1, width + 1)))}" if keys else "HAVING count(*) > 0"
    found = connection.execute(
        f"SELECT {selected} FROM records WHERE {held} {grouped}",
        [operand for _, _, operand in conditions],
    ).fetchall()
    return [Row(row[:width], row[width], row[width + 1], row[width + 2], row[width + 3 :]) for row in found]


def _undated(connection: duckdb.DuckDBPyConnection) -> int:
    asked = "SELECT count(*) FROM records WHERE event IS NOT NULL AND timestamp IS NULL"
    (count,) = connection.execute(asked).fetchall()[0]
    return int(count)


def _others(connection: duckdb.DuckDBPyConnection) -> list[Columns]:
    found = connection.execute("SELECT event, other FROM records WHERE other IS NOT NULL").fetchall()
    told = ({"event": event, **json.loads(other)} for event, other in found)
    return [{column: text for column, text in columns.items() if text is not None} for columns in told]
