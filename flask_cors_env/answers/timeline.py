"""
The time line: which policies a log tells of, when they began to hold, and what became of others.

A policy that is too long for one record goes on in the next; the parts are joined here. Its id is the digest
of the whole, so a policy that is joined wrongly, or lacks a part, is never taken for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from flask_cors_env.answers.lines import parse_uid
from flask_cors_env.answers.questions import UNDATED
from flask_cors_env.audit.fields import POLICY_CHANGED, POLICY_LOADED, POLICY_REJECTED

_EVENTS = frozenset({POLICY_LOADED, POLICY_REJECTED, POLICY_CHANGED})
#: Values that go on in the next part.
_JOINED = (
    "cors_policy_document",
    "cors_policy_because",
    "cors_policy_env",
    "cors_policy_warnings",
    "cors_policy_exempt",
    "cors_policy_unsafe_allow",
)

Columns = Mapping[str, str]


class PolicyRecord(NamedTuple):
    """
    One turn of the time line.

    Attributes:
        timestamp: When it was written; "" where the record does not tell.
        event: ``cors.policy.loaded``, ``cors.policy.changed`` or ``cors.policy.rejected``.
        id: The digest of the policy that holds from then on; "" where none does.
        service: The app's name; "" where the record has none.
        writer: The first part of its ``log.record.uid``; "" where it has none.
        document: That policy as canonical JSON; None where the log does not tell the whole of it.
        columns: All columns that the record has, of several parts joined.
        order: The record's place among others: its time, or the latest that its writer wrote before, since a
            writer's numbers order its records and its clock may be set back. Of undated records likewise.
    """

    timestamp: str
    event: str
    id: str
    service: str
    writer: str
    document: str | None
    columns: Columns
    order: tuple[str, str] = ("", "")


def timeline(records: Iterable[Columns]) -> tuple[PolicyRecord, ...]:
    """
    The policy records among *records*, in the order of time and within a writer in that of numbers, parts
    joined.

    Those that do not tell when they were written come first, as what they say of it stands in order.
    """
    told = sorted((record for record in records if record.get("event") in _EVENTS), key=_place)
    turns = list(_joined(told))
    documents = {turn["cors_policy_id"]: turn["cors_policy_document"] for turn in turns if _is_whole(turn)}
    made = [_record(turn, documents.get(turn.get("cors_policy_id", ""))) for turn in turns]
    return tuple(sorted(_ordered(made), key=lambda record: (record.order, record.writer)))


def _ordered(records: Iterable[PolicyRecord]) -> Iterator[PolicyRecord]:
    """The records, which stand in the order of writers and numbers, each with its place in time."""
    latest: dict[str, tuple[str, str]] = {}
    for record in records:
        timestamp, undated = latest.get(record.writer, ("", ""))
        order = max(timestamp, record.timestamp), max(undated, record.columns.get(UNDATED, ""))
        latest[record.writer] = order
        yield record._replace(order=order)


def _place(record: Columns) -> tuple[str, int]:
    uid = record.get("log_record_uid", "")
    return parse_uid(uid) or (uid.partition("-")[0], 0)


def _joined(records: Iterable[Columns]) -> Iterator[Columns]:
    """Each record with the parts that follow it; a writer numbers them, so they stand in order."""
    whole: dict[str, str] = {}
    for record in records:
        if record.get("cors_policy_part", "1") != "1" and _goes_on(whole, record):
            _join(whole, record)
            continue
        if whole:
            yield whole
        whole = dict(record)
    if whole:
        yield whole


def _goes_on(whole: Columns, record: Columns) -> bool:
    return whole.get("event") == record.get("event") and all(
        whole.get(name) == record.get(name) for name in ("cors_policy_id", "cors_policy_parts")
    )


def _join(whole: dict[str, str], part: Columns) -> None:
    for name in _JOINED:
        if name in part:
            whole[name] = whole.get(name, "") + part[name]


def _is_whole(turn: Columns) -> bool:
    document = turn.get("cors_policy_document")
    return document is not None and policy_id(document) == turn.get("cors_policy_id")


def policy_id(document: str) -> str:
    """The id of the policy whose canonical JSON is *document*."""
    return "p-" + hashlib.sha256(document.encode()).hexdigest()[:12]


def _record(turn: Columns, document: str | None) -> PolicyRecord:
    return PolicyRecord(
        timestamp=turn.get("timestamp", ""),
        event=turn["event"],
        id=turn.get("cors_policy_id", ""),
        service=turn.get("service_name", ""),
        writer=_place(turn)[0],
        document=document,
        columns=turn,
    )
