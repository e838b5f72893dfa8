"""
DuckDB: the engine for long logs (extra ``report``).

Each file is read once, into Parquet files that a later question finds again; what is asked is asked of those,
and nothing need fit into memory. What counts as a record is for our own grammar alone to say. DuckDB takes
the columns out of a file itself where each line is a record as we write it, and out of such lines in other
files. Everything else is handed to it in columns. All SQL there is stands in this module.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from flask_cors_env.answers.account import WORD, Account, Key
from flask_cors_env.answers.columns import ODD, Columns, Findings, columns_of
from flask_cors_env.answers.contradictions import contradictions
from flask_cors_env.answers.files import Log
from flask_cors_env.answers.lines import LONGEST, RENAMED, Found, Record, record_of
from flask_cors_env.answers.questions import COLUMNS, HOUR, HOUR_LENGTH, Check, Question, Row, Where
from flask_cors_env.answers.store import Store
from flask_cors_env.answers.times import FORM, GLOB
from flask_cors_env.audit.fields import DECISION, DECISION_FIELDS, ENVELOPE, FIELDS

#: What is in DuckDB's messages where it cannot write any more, and what that is to the system.
_FULL = {os.strerror(code): code for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)}
_FULL["max_temp_directory_size"] = errno.ENOSPC
#: Bytes of lines that are handed over at once; a record that is no line of ours counts as so many.
_SEGMENT, _RECORD = 1 << 25, 1 << 11
#: DuckDB overlooks a file of one byte.
_SHORTEST = b'{"cors.schema":1}'
#: A time that DuckDB is not to refuse.
_DATED = re.compile(rb'"timestamp": ?"' + FORM.encode() + b'"')
#: Values of which DuckDB may make something else than our own reader, and some others.
_ODD = re.compile(rb'":\s*(?:[-[{nNiI]|[0-9]{16}|[0-9.]+[eE])')
_CONFIG: dict[str, Any] = {
    "memory_limit": "512MB",
    "autoinstall_known_extensions": "false",
    "preserve_insertion_order": "false",
}


def find(
    logs: Sequence[Log], questions: Sequence[Question], where: Sequence[Where], store: Store
) -> Findings:
    """
    Ask *questions* of the decisions that meet the conditions *where*.

    Args:
        logs: The files.
        questions: Under different names.
        where: What must hold of a decision for any question.
        store: Where the Parquet files are kept.

    Raises:
        OSError: There is no room for the Parquet files, or a log cannot be read.
    """
    config = _CONFIG | {"temp_directory": str(store.scratch)}
    with contextlib.closing(duckdb.connect(config=config)) as connection, _as_the_system_says():
        account = Account()
        folders = [_stored(connection, log, store, account) for log in logs]
        _number(connection, folders, account)
        contradicting = contradictions(logs, account.doubled)
        _dedupe(connection, contradicting, is_doubled=bool(account.doubled))
        account.note_contradictions(contradicting)
        rows = {question.name: _ask(connection, question, where) for question in questions}
        return Findings(rows, _others(connection), account, *_unclear(connection))


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


def _stored(connection: duckdb.DuckDBPyConnection, log: Log, store: Store, account: Account) -> Path:
    """The folder of what was read of a log file; what is no whole record in it goes to *account*."""
    folder, apart = store.kept(log, lambda folder: _make(connection, log, folder))
    account.take(apart)
    account.note_file(log.name, apart.seen)
    return folder


def _make(connection: duckdb.DuckDBPyConnection, log: Log, folder: Path) -> Account:
    """Write what is in a log file to Parquet; what of it is no whole record."""
    account = Account()
    if not _is_copied_whole(connection, log, folder / "part-0.parquet", account):
        account = Account()
        for number, segment in enumerate(_segments(log.grammar.places(log.lines()))):
            _copy_segment(connection, segment, folder / f"part-{number}.parquet", account)
    written = _PARTS.format(_listed([folder], "part-*.parquet"))
    words = _quoted(str(folder / "words.parquet"))
    connection.execute(f"COPY ({_WORDS.format(_NUMBERED.format(written))}) TO {words} (FORMAT parquet)")
    return account


def _is_copied_whole(connection: duckdb.DuckDBPyConnection, log: Log, part: Path, account: Account) -> bool:
    """
    Copy a file of which each line is a record as we write it; False for any other file.

    DuckDB reads some numbers its own way, and takes a comma too many: so each line is looked at before.
    """
    if log.is_packed or log.path.stat().st_size < len(_SHORTEST):
        return False
    for line in log.lines():
        if line and record_of(line) is None:
            return False
        account.seen += bool(line)
    return _is_copied(connection, str(log.path), part) and not connection.execute(_odd_in(part)).fetchall()


def _odd_in(part: Path) -> str:
    """Whether *part* has what may be such a number, or a string that looks like one, as SQL."""
    return _ODD_PART.replace("{part}", _quoted(str(part)))


_Handed = Found | bytes


def _segments(places: Iterable[tuple[Found, bytes | None]]) -> Iterator[list[_Handed]]:
    """Lines as we write them, and what else was found, in lists of about `_SEGMENT` bytes, at least one."""
    segment: list[_Handed] = []
    size = 0
    for found, line in places:
        segment.append(found if line is None else line)
        size += _RECORD if line is None else len(line)
        if size > _SEGMENT:
            yield segment
            segment, size = [], 0
    yield segment


def _copy_segment(
    connection: duckdb.DuckDBPyConnection, segment: list[_Handed], part: Path, account: Account
) -> None:
    """Copy *segment*: lines as we write them as they are, and if that will not do, each in columns."""
    for takes_lines in (True, False):
        tried = Account()
        side = part.with_suffix(".jsonl")
        with side.open("wb") as file:
            file.writelines(_handed(segment, tried, takes_lines=takes_lines))
        is_copied = _is_copied(connection, str(side), part)
        side.unlink()
        if is_copied:
            account.take(tried)
            return
    raise RuntimeError("DuckDB refuses what was read")


def _handed(segment: Iterable[_Handed], account: Account, *, takes_lines: bool) -> Iterator[bytes]:
    """Lines that DuckDB takes; what is no whole record goes to *account*."""
    for one in segment:
        is_taken = takes_lines and isinstance(one, bytes) and _DATED.search(one) and not _ODD.search(one)
        found = record_of(one) if isinstance(one, bytes) and not is_taken else one
        if isinstance(found, bytes):
            yield found + b"\n"
        elif isinstance(found, dict):
            yield _line(found)
        elif found is not None:
            account.note(found)
            continue
        account.seen += 1


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


def _field(name: str) -> str:
    """A field by its name, or by one that it had before, as SQL."""
    names = [name, *(old for old, new in RENAMED.items() if new == name)]
    quoted = ", ".join(f'"{one}"' for one in names)
    return f"coalesce({quoted})"


_EVENTS = ", ".join(map(_quoted, FIELDS))
_NAMES = dict.fromkeys(
    ["cors.schema", *COLUMNS.values(), *(old for old in RENAMED if RENAMED[old] in COLUMNS.values())]
)
_TYPES = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in _NAMES)
_FIELDS = {field.name for field in (*ENVELOPE, *DECISION_FIELDS)}
_ASKED = ", ".join(
    f"{_field(name)} AS {c}" for c, name in COLUMNS.items() if name in _FIELDS and c != "event"
)
_ALL = ", ".join(f"'{c}': {_field(name)}" for c, name in COLUMNS.items() if c != "event")
#: Decisions in columns; the few other records in one, for dozens of empty ones take longer than all the rest.
_READ = f"""
WITH read AS (
    FROM read_json(?, format = 'newline_delimited', compression = 'uncompressed', columns = {{{_TYPES}}},
                   maximum_object_size = {LONGEST + 1})
), known AS (
    SELECT * EXCLUDE (event),
           CASE WHEN "cors.schema" IS NULL THEN error('no record')
                WHEN NOT "timestamp" GLOB {_quoted(GLOB)} THEN error('a time to be read')
                WHEN "event" IN ({_EVENTS}) THEN "event" END AS event
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
SELECT *, coalesce(service_name, '') AS service, split_part(log_record_uid, '-', 1) AS writer,
       CASE WHEN regexp_full_match(log_record_uid, '[^-]+-[0-9]{{1,18}}')
            THEN split_part(log_record_uid, '-', 2)::BIGINT END AS number
FROM {}
"""
#: The numbers that are there, 64 to a word: of 10 million records there are as few words as fit into memory.
_WORDS = f"""
SELECT service, writer, number // {WORD} AS word, count(*) AS count,
       bit_or(1::UBIGINT << (number % {WORD})::UBIGINT) AS bits
FROM ({{}}) WHERE number IS NOT NULL GROUP BY service, writer, word
"""
_ALL_WORDS = """
CREATE TEMP TABLE words AS
SELECT service, writer, word, sum(count)::BIGINT AS count, bit_or(bits) AS bits
FROM {} GROUP BY service, writer, word
"""
_CONTRADICTING = """
CREATE TEMP TABLE contradicting AS
SELECT unnest(?::VARCHAR[]) AS service, unnest(?::VARCHAR[]) AS writer, unnest(?::BIGINT[]) AS number
"""
#: Only words in which some number comes twice are looked at record by record.
_ONCE = f"""
CREATE TEMP TABLE once AS
SELECT DISTINCT ON (numbered.service, numbered.writer, numbered.number) numbered.*
FROM numbered JOIN words
    ON words.service = numbered.service AND words.writer = numbered.writer
    AND words.word = numbered.number // {WORD}
WHERE words.count > bit_count(words.bits)
"""
_RECORDS = f"""
CREATE VIEW records AS
SELECT numbered.* FROM numbered ANTI JOIN (FROM words WHERE count > bit_count(bits)) AS doubled
    ON doubled.service = numbered.service AND doubled.writer = numbered.writer
    AND doubled.word = numbered.number // {WORD}
UNION ALL
SELECT once.* FROM once ANTI JOIN contradicting
    ON contradicting.service = once.service AND contradicting.writer = once.writer
    AND contradicting.number = once.number
"""


def _number(connection: duckdb.DuckDBPyConnection, folders: Sequence[Path], account: Account) -> None:
    """Make the view ``numbered`` of all records, and account for the numbers that are there."""
    written = _PARTS.format(_listed(folders, "part-*.parquet"))
    connection.execute(f"CREATE VIEW numbered AS {_NUMBERED.format(written)}")
    connection.execute(_ALL_WORDS.format(_PARTS.format(_listed(folders, "words.parquet"))))
    words = connection.execute("FROM words ORDER BY service, writer, word").fetchall()
    for service, writer, word, count, bits in words:
        account.trace(writer, service).add_word(word * WORD, bits, count)


def _dedupe(
    connection: duckdb.DuckDBPyConnection, contradicting: Mapping[Key, int], *, is_doubled: bool
) -> None:
    """Make the view ``records``, in which each record is once, and none that contradicts another."""
    if not is_doubled:
        connection.execute("CREATE VIEW records AS FROM numbered")
        return
    columns = list(zip(*contradicting, strict=True)) or [(), (), ()]
    connection.execute(_CONTRADICTING, [list(column) for column in columns])
    connection.execute(_ONCE)
    connection.execute(_RECORDS)


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


def _unclear(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How many records do not tell when they were written, and how many are of no known event."""
    counts = "count(*) FILTER (event IS NOT NULL AND timestamp IS NULL), count(*) FILTER (event IS NULL)"
    undated, unknown = connection.execute(f"SELECT {counts} FROM records").fetchall()[0]
    return int(undated), int(unknown)


def _others(connection: duckdb.DuckDBPyConnection) -> list[Columns]:
    found = connection.execute("SELECT event, other FROM records WHERE other IS NOT NULL").fetchall()
    told = ({"event": event, **json.loads(other)} for event, other in found)
    return [{column: text for column, text in columns.items() if text is not None} for columns in told]
