"""Verification: whether every record of every writer is in a log, or accounted for by the log itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from flask_cors_env.answers import plain
from flask_cors_env.answers.account import Key, Verification
from flask_cors_env.answers.columns import Columns, Findings
from flask_cors_env.answers.lines import DEFAULT, Found, Grammar, parse_uid
from flask_cors_env.answers.seals import Seals
from flask_cors_env.audit.fields import GAP


def verify(files: Iterable[Iterable[str | bytes]], grammar: Grammar = DEFAULT) -> Verification:
    """
    Account for every record of every writer.

    Args:
        files: The lines of each file, in any order: rotated ones, and those of several processes. They are
        read
            once more where a number comes twice.
        grammar: What counts as a record.
    """
    return verification(plain.find([_Records(lines, grammar) for lines in files], (), ()))


def verification(found: Findings, seals: Seals | None = None) -> Verification:
    """
    Return what the account of *found* comes to, with the lost records that its gap records tell of.

    Args:
        found: What an engine found.
        seals: What judged the records beforehand; None where no key was given.
    """
    for gap in found.others:
        if gap["event"] == GAP:
            found.account.note_gap(_key(gap), gap.get("cors_audit_lost"))
    judged = found.account.judged(found.unknown)
    return judged if seals is None else replace(judged, sealing=seals.judged())


def _key(columns: Columns) -> Key | None:
    uid = parse_uid(columns.get("log_record_uid", ""))
    return None if uid is None else Key(columns.get("service_name", ""), *uid)


class _Records:
    """What the lines of a file hold, each time that it is asked for."""

    def __init__(self, lines: Iterable[str | bytes], grammar: Grammar) -> None:
        self._lines = lines
        self._grammar = grammar

    def __iter__(self) -> Iterator[Found]:
        return self._grammar.records(self._lines)
