"""
Columns: a record as every engine sees it, in text alone.

A string is itself, anything else what JSON writes for it, so that no engine's idea of types can make a
difference. A number of which readers of JSON make different things is none: no field of ours has one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask_cors_env.answers.account import Account
from flask_cors_env.answers.lines import event_name
from flask_cors_env.answers.questions import COLUMNS, UNDATED, Row, Value
from flask_cors_env.answers.times import parse_time
from flask_cors_env.audit.fields import FIELDS

_NUMBER = "-?([Nn][Aa][Nn]|[Ii][Nn][Ff]([Ii][Nn][Ii][Tt][Yy])?|[0-9]{19,}|[0-9.]+[eE][-+]?[0-9]+)"
#: What JSON writes for such a number, and for what has one in it; for every engine's regular expressions.
ODD = rf"^({_NUMBER}|[{{\[](.*[:,\[])?{_NUMBER}[,\]}}].*)$"
_ODD = re.compile(ODD, re.DOTALL)

Columns = Mapping[str, str]


class Findings(NamedTuple):
    """
    What an engine finds in a log.

    Attributes:
        rows: The answers by the names of their questions, in any order.
        others: The records that are no decisions.
        account: What became of every record, before its gaps are told.
        undated: How many of the catalogue's records do not tell when they were written.
        unknown: How many records are of an event that the catalogue does not know.
    """

    rows: Mapping[str, Sequence[Row]]
    others: Sequence[Columns]
    account: Account
    undated: int
    unknown: int


def event_of(record: Mapping[str, Any]) -> str | None:
    """What the record is; None where it is none of the catalogue's events."""
    named = event_name(record)
    return named if isinstance(named, str) and named in FIELDS else None


def timestamp_of(record: Mapping[str, Any]) -> str:
    """When the record was written, in the form of `times`; "" where it does not tell."""
    return parse_time(record.get("timestamp"))


def text_of(value: Any) -> Value:
    """A value as a column has it: text that any engine can hold; None where it is absent, or odd."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if text is not value and _ODD.search(text):
        return None
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def columns_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The columns that *record* has."""
    found = {column: text_of(record.get(name)) for column, name in COLUMNS.items()}
    found["event"] = event_of(record)
    written, found["timestamp"] = found["timestamp"], timestamp_of(record) or None
    found[UNDATED] = written if found["timestamp"] is None else None
    return {column: text for column, text in found.items() if text is not None}
