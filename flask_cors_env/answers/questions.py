"""
Questions: what can be asked of a log, each declared once and in no engine's words.

A question counts the decisions that meet its conditions, by the columns it names. Columns are the catalogue's
fields with ``_`` for ``.``, and every value is text: a string as it is, anything else as JSON writes it. What
an engine must be able to do is all here: six conditions, a count, the first and the last time, and how many
different values a column takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from flask_cors_env.answers.lines import RENAMED
from flask_cors_env.audit.fields import ENVELOPE, FIELDS

#: Fields that no question, no time line and no account asks for, and that would cost a reader time and room.
_UNASKED = frozenset(
    {
        "cors.schema",
        "cors.audit.step",
        "cors.audit.mac",
        "level",
        "deployment.environment.name",
        "http.response.status_code",
        "service.version",
        "trace_id",
        "span_id",
        "cors.response.allow_origin",
        "cors.response.credentials",
        "user_agent.original",
    }
)

#: What a record that does not tell when it was written says of it: good for an order, if for anything.
UNDATED = "timestamp_undated"

#: The field behind each column, in the catalogue's order.
COLUMNS: dict[str, str] = {
    name.replace(".", "_"): name
    for fields in (ENVELOPE, *FIELDS.values())
    for name in (RENAMED.get(field.name, field.name) for field in fields)
    if name not in _UNASKED
} | {UNDATED: "timestamp.undated"}

#: The day and hour of the timestamp, ``2026-01-02T04``: a column that is derived; "" without a timestamp.
HOUR = "hour"
HOUR_LENGTH = len("2026-01-02T04")

Value = str | None


class Check(Enum):
    """What a column's value can be asked, beside the value that it is compared with."""

    IS = "is"
    HAS = "has"
    PRESENT = "present"
    ABSENT = "absent"
    FROM = "from"
    BEFORE = "before"

    def holds(self, value: Value, operand: str) -> bool:
        """Whether *value* passes, compared with *operand*; an absent one passes only as absent."""
        return _HOLDS[self](value, operand)


_HOLDS: dict[Check, Callable[[Value, str], bool]] = {
    Check.IS: lambda value, operand: value == operand,
    Check.HAS: lambda value, operand: value is not None and operand in value.split(","),
    Check.PRESENT: lambda value, _operand: value is not None,
    Check.ABSENT: lambda value, _operand: value is None,
    Check.FROM: lambda value, operand: value is not None and value >= operand,
    Check.BEFORE: lambda value, operand: value is not None and value < operand,
}


class Where(NamedTuple):
    """
    A condition.

    Attributes:
        column: What is looked at.
        check: What is asked of it.
        operand: What it is compared with; of a comma-separated list, one member.
    """

    column: str
    check: Check
    operand: str = ""


class Question(NamedTuple):
    """
    A count of decisions.

    Attributes:
        name: Its key among the answers.
        keys: The columns by which it counts.
        where: What must hold of a decision; all of it.
        distinct: Columns of which the different values are counted, absence not among them.
    """

    name: str
    keys: tuple[str, ...]
    where: tuple[Where, ...] = ()
    distinct: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """
    One line of an answer.

    Attributes:
        keys: The values of the question's keys, in its order; None where the field is absent.
        count: How many decisions have them.
        first: The earliest of their timestamps; "" where none has one.
        last: The latest.
        distinct: How many different values each of the question's ``distinct`` columns takes.
    """

    keys: tuple[Value, ...]
    count: int
    first: str
    last: str
    distinct: tuple[int, ...] = ()

    def named(self, question: Question) -> Mapping[str, Value]:
        """The keys' values by their names."""
        return dict(zip(question.keys, self.keys, strict=True))


class Window(NamedTuple):
    """
    The part of a log that is asked about; all of it by default.

    Attributes:
        since: The earliest timestamp (RFC 3339, UTC, microseconds), itself included.
        until: The timestamp that is the first too late.
        resource: Only what this resource decided.
        origin: Only requests of this origin.
        reason: Only decisions with this one among their reasons.
    """

    since: str | None = None
    until: str | None = None
    resource: str | None = None
    origin: str | None = None
    reason: str | None = None

    @property
    def where(self) -> tuple[Where, ...]:
        """The same as conditions."""
        operands = zip(_WINDOW, self, strict=True)
        return tuple(Where(*condition, value) for condition, value in operands if value is not None)


WHOLE = Window()

_WINDOW = (
    ("timestamp", Check.FROM),
    ("timestamp", Check.BEFORE),
    ("cors_resource", Check.IS),
    ("cors_origin", Check.IS),
    ("cors_reasons", Check.HAS),
)

#: The policy's id, and what the log tells of a request that bears on its decision: enough to decide it again.
SHAPES = Question(
    "shapes",
    (
        "cors_policy_id",
        "cors_resource",
        "cors_request_kind",
        "cors_origin",
        "http_request_method",
        "cors_request_method",
        "cors_request_headers",
        "cors_request_credentialed",
        "cors_decision",
        "cors_reasons",
        "url_path",
        "cors_audit_truncated",
    ),
)
