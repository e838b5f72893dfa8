"""``flask cors verify``: whether every record of every writer is in the log, or accounted for by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from flask_cors_env.answers.account import Verification, Writer
from flask_cors_env.answers.files import LogError, opened
from flask_cors_env.answers.lines import Grammar
from flask_cors_env.answers.plain import find
from flask_cors_env.answers.seals import Seals, proved_logs
from flask_cors_env.answers.verify import verification
from flask_cors_env.answers.words import account_of, counted, doubts, ends, proof
from flask_cors_env.audit.seal import Key
from flask_cors_env.cli import asking
from flask_cors_env.cli.reading import KEY, PREFIX
from flask_cors_env.cli.render import as_json, echo, table

_HEAD = ("WRITER", "SERVICE", "RECORDS", "LAST", "TOLD", "TORN", "BEFORE", "MISSING", "DUPLICATES", "HOLES")


@click.command()
@asking.LOGS
@PREFIX
@KEY
@asking.JSON
@click.pass_context
def command(
    ctx: click.Context, *, logs: tuple[str, ...], grammar: Grammar, key: Key | None, as_plain_json: bool
) -> None:
    """
    Account for every record of every writer. - is standard input.

    Exit 1 if a record is missing or contradicts another one, 2 if nothing in the log is a record. With
    --key-file also 1 if the MAC of a record does not hold, or a writer is missing before the last one.
    """
    try:
        seals = None if key is None else Seals(key)
        with opened(logs, grammar) as files, proved_logs(files, seals) as proved:
            found = verification(find(proved, (), (), [file.name for file in files]), seals)
    except (LogError, OSError) as error:
        raise click.UsageError(str(error)) from None
    echo(as_json(_as_value(found)) if as_plain_json else _lines(found))
    is_empty = found.is_empty and not (found.sealing and any(found.sealing.counts.values()))
    ctx.exit(2 if is_empty else 0 if proves(found) else 1)


def _lines(found: Verification) -> Iterator[str]:
    """What was found, a line a writer, and what it comes to."""
    yield from table(_HEAD, map(_row, found.writers))
    yield ""
    yield from doubts(found)
    yield from ends(found)
    whole = "every record is there, or told lost" if found.told else "every record is there"
    altered = " (not: unaltered)" if found.sealing is None else f", and {proof(found.sealing)}"
    yield f"whole: {whole}{altered}" if proves(found) else f"not whole: {_lack(found)}"


def proves(found: Verification) -> bool:
    """Whether every record is there or told lost, and there is one: an emptied log lacks nothing either."""
    is_sealed = found.sealing is None or found.sealing.proves
    return bool(found.writers) and found.is_whole and is_sealed


def _row(writer: Writer) -> tuple[str, ...]:
    counts = (writer.records, writer.last, writer.told, writer.torn, writer.before, writer.missing)
    return (
        asking.safe(writer.name),
        asking.safe(writer.service) or "-",
        *map(str, (*counts, writer.duplicates)),
        _spans(writer) or "-",
    )


def _spans(writer: Writer) -> str:
    return " ".join(f"{start}" if start == end else f"{start}-{end}" for start, end in writer.holes)


def _lack(found: Verification) -> str:
    if not found.writers:
        return f"no record was found; {account_of(found)}"
    before = sum(writer.before for writer in found.writers)
    missing = counted(found.missing, "record is missing", "records are missing")
    several = counted(len(found.contradicting), "record contradicts", "records contradict")
    contradicting = f"{several} another one of the same number; " if found.contradicting else ""
    return f"{contradicting}{_unproved(found)}{missing}, and {before:,} before the first that was read"


def _unproved(found: Verification) -> str:
    if found.sealing is None:
        return ""
    unproved = sum(found.sealing.counts.values())
    records = f"{counted(unproved, 'record is', 'records are')} not proved; " if unproved else ""
    steps = sum(end - start + 1 for start, end in found.sealing.missing)
    return records + (f"{counted(steps, 'writer is', 'writers are')} missing; " if steps else "")


def _as_value(found: Verification) -> dict[str, Any]:
    writers = [
        {
            "writer": w.name,
            "service": w.service,
            "records": w.records,
            "last": w.last,
            "told": w.told,
            "torn": w.torn,
            "before": w.before,
            "missing": w.missing,
            "holes": [list(span) for span in w.holes],
            "duplicates": w.duplicates,
            "overtold": w.overtold,
            "contradicting": list(w.contradicting),
        }
        for w in found.writers
    ]
    return {
        "whole": proves(found),
        "torn": found.torn,
        "foreign": found.foreign,
        "inside": found.inside,
        "unknown": found.unknown,
        "contradicting": list(found.contradicting),
        **({} if found.sealing is None else {"sealing": found.sealing.value()}),
        "files_without_a_record": list(found.empty),
        "writers": writers,
    }
