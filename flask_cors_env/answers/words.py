"""Words: what a report says in sentences, alike in a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator

from flask_cors_env.answers.report import Report
from flask_cors_env.answers.verify import Verification


def counted(number: int, one: str, several: str | None = None) -> str:
    """
    A number and what it counts: ``1 record``, ``2,000 records``.

    Args:
        number: How many.
        one: What follows 1.
        several: What follows any other; None for *one* with an ``s``.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def account_of(found: Verification) -> str:
    """What is in the log."""
    duplicates = sum(writer.duplicates for writer in found.writers)
    whole = f"{counted(found.records, 'record')} of {counted(len(found.writers), 'writer')}"
    foreign = counted(found.foreign, "line of others", "lines of others")
    return f"{whole}; {found.torn:,} torn, {duplicates:,} repeated, {foreign}"


def remarks(made: Report) -> Iterator[str]:
    """What to know of a report's numbers, without full stops."""
    if made.undated:
        why = "(no time, or no UTC offset), so no time is"
        one, several = (
            "record does not tell when it was written",
            "records do not tell when they were written",
        )
        yield counted(made.undated, f"{one} {why} its own", f"{several} {why} theirs")
    if not made.allows_are_told:
        yield "not every allowed request is in the log or was asked for, so no entry is called unused"
    if made.unclear:
        came = "came over plain HTTP, where browsers do not say what they are"
        yield counted(made.unclear, f"request {came}", f"requests {came}")
