"""Words: what a report says in sentences, alike in a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from flask_cors_env.answers.account import Verification
from flask_cors_env.answers.report import Report
from flask_cors_env.answers.seals import MEANINGS, Sealing


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


def without_records(found: Verification) -> Iterator[str]:
    """What else is in a log in which nothing is a record."""
    yield counted(found.foreign, "line of others", "lines of others")
    yield from doubts(replace(found, empty=()))


def doubts(found: Verification) -> Iterator[str]:
    """What of a log counts for nothing, without full stops."""
    if found.sealing is not None:
        yield from unproved(found.sealing)
    if found.inside:
        yield f"records inside other programs' lines: {found.inside:,}; a client can write there: none counts"
    if found.contradicting:
        several = f"{_some(found.contradicting)}; none counts"
        yield f"two different records of one number: {several}"
    if found.unknown:
        one, several = "record is of an event that is not known", "records are of an event that is not known"
        yield counted(found.unknown, one, several)
    for name in found.empty:
        yield f"{name}: nothing in it is a record"


def unproved(sealing: Sealing) -> Iterator[str]:
    """What the key does not prove."""
    for fault, count in sealing.counts.items():
        if count:
            named = [uid for uid, why in sealing.named if why is fault and uid]
            yield f"{fault}: {counted(count, 'record')} {MEANINGS[fault]}; none counts: {_some(named) or '-'}"
    if sealing.missing:
        steps = [f"{start}" if start == end else f"{start}-{end}" for start, end in sealing.missing]
        yield (
            f"steps of the key file without a record: {_some(steps)}; their writers were removed, "
            "wrote nothing, or are in files that were not read"
        )
    if sealing.shared:
        steps = [str(step) for step in sealing.shared]
        yield (
            f"steps of the key file that several writers took: {_some(steps)}; the file was not replaced, "
            "so a writer that was removed would leave no gap"
        )


def proof(sealing: Sealing) -> str:
    """What a key proves where nothing is missing; a last writer that was removed whole leaves no trace."""
    last = max((writer.step for writer in sealing.writers), default=0)
    return (
        f"each catalogue field of each is proved by its MAC, up to step {last} of the key file "
        "(not: later writers, fields of the app's own)"
    )


def ends(found: Verification) -> Iterator[str]:
    """Which writers may have written more than is there, without full stops."""
    if found.sealing is not None and found.sealing.unclosed:
        writers = found.sealing.unclosed
        several = counted(len(writers), "writer")
        yield f"unclosed: {several}, killed, still running or cut off at the end: {_some(writers)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


#: How many of a list are named in a sentence.
_SHOWN = 10
UNSEALED = "unsealed: without a key nobody can tell a record that was altered or added"


def remarks(made: Report) -> Iterator[str]:
    """What to know of a report's numbers, without full stops."""
    yield from doubts(made.verification)
    sealing = made.verification.sealing
    proved = None if sealing is None else counted(sealing.records, "record is", "records are")
    yield UNSEALED if proved is None else f"sealed: {proved} proved"
    yield from ends(made.verification)
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
