"""``flask cors verify``: whether every record of every writer is in the log, or accounted for by it."""

from __future__ import annotations

from typing import Any

import click

from flask_cors_env.answers.verify import Verification, Writer
from flask_cors_env.answers.words import counted
from flask_cors_env.cli import asking
from flask_cors_env.cli.render import as_json, table


def echo(found: Verification, *, as_plain_json: bool) -> None:
    """Print what was found, a line a writer, and what it comes to."""
    if as_plain_json:
        click.echo(as_json(_as_value(found)))
        return
    head = ("WRITER", "RECORDS", "LAST", "TOLD", "TORN", "BEFORE", "MISSING", "DUPLICATES", "HOLES")
    click.echo("\n".join(table(head, map(_row, found.writers))))
    click.echo(
        "\nwhole: every record is there or told lost" if proves(found) else f"\nnot whole: {_lack(found)}"
    )


def proves(found: Verification) -> bool:
    """Whether every record is there or told lost, and there is one: an emptied log lacks nothing either."""
    return bool(found.writers) and found.is_whole


def _row(writer: Writer) -> tuple[str, ...]:
    counts = (writer.records, writer.last, writer.told, writer.torn, writer.before, writer.missing)
    return (asking.safe(writer.name), *map(str, (*counts, writer.duplicates)), _spans(writer) or "-")


def _spans(writer: Writer) -> str:
    return " ".join(f"{start}" if start == end else f"{start}-{end}" for start, end in writer.holes)


def _lack(found: Verification) -> str:
    if not found.writers:
        return "no record was found"
    before = sum(writer.before for writer in found.writers)
    missing = counted(found.missing, "record is missing", "records are missing")
    return f"{missing}, and {before:,} before the first that was read"


def _as_value(found: Verification) -> dict[str, Any]:
    writers = [
        {
            "writer": w.name,
            "records": w.records,
            "last": w.last,
            "told": w.told,
            "torn": w.torn,
            "before": w.before,
            "missing": w.missing,
            "holes": [list(span) for span in w.holes],
            "duplicates": w.duplicates,
            "overtold": w.overtold,
        }
        for w in found.writers
    ]
    return {"whole": proves(found), "torn": found.torn, "foreign": found.foreign, "writers": writers}
