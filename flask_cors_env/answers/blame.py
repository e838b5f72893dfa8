"""
Blame: since which change of policy an origin is let in, and by which entry.

What a policy says of an origin is told by the policy, where the log holds the whole of it, else by what was
decided under it. Of what came before the log begins nothing is known, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from operator import attrgetter
from typing import NamedTuple

from flask_cors_env.answers.policies import policies
from flask_cors_env.answers.questions import Check, Question, Row, Where
from flask_cors_env.answers.timeline import PolicyRecord
from flask_cors_env.audit.event import clean
from flask_cors_env.audit.fields import POLICY_CHANGED, POLICY_REJECTED
from flask_cors_env.core.policy import Policy
from flask_cors_env.core.protocol import MAX_ORIGIN
from flask_cors_env.core.reason import About, Verdict, reason_about

_KEYS = ("service_name", "cors_policy_id", "cors_resource", "cors_decision", "cors_reasons", "cors_rule")


def question(origin: str) -> Question:
    """What was decided about *origin*, by policy and resource."""
    return Question("blame", _KEYS, (Where("cors_origin", Check.IS, clean(origin)),))


class Standing(StrEnum):
    """What an origin is to a policy's resource."""

    LET_IN = "let in"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """How a policy came to hold, beside the triggers of a reload."""

    START = "start"
    RELOAD = "reload"
    SEEN = "seen"


class Turn(NamedTuple):
    """
    A change of what an origin is to a resource.

    Attributes:
        at: When.
        service: The app's name.
        resource: Whose rules.
        policy: The id of the policy that holds from then on.
        previous: That of the policy before; "" where it is not known.
        cause: ``start``, a trigger such as ``reload`` or ``file``, or ``seen``: the first decision under a
            policy whose beginning is not in the log.
        standing: What it is from then on.
        entry: The entry that lets it in; "" where none does, or it is not known.
        is_first: Whether it was so before, for all that is known.
    """

    at: str
    service: str
    resource: str
    policy: str
    previous: str
    cause: str
    standing: Standing
    entry: str
    is_first: bool


class Since(NamedTuple):
    """
    That an origin is let in.

    Attributes:
        turn: Where that began.
        entry: The entry that lets it in now.
        requests: How many requests were allowed since the log begins.
        last: When the last of them was; "" where there was none.
    """

    turn: Turn
    entry: str
    requests: int
    last: str


@dataclass(frozen=True)
class Blame:
    """
    What a log tells of an origin.

    Attributes:
        origin: Whose.
        turns: In the order of time.
        since: One for each resource that lets it in now.
    """

    origin: str
    turns: tuple[Turn, ...]
    since: tuple[Since, ...]


def blame(origin: str, history: Sequence[PolicyRecord], rows: Sequence[Row]) -> Blame:
    """
    Since when, and by what, *origin* is let in.

    Args:
        origin: As a browser sends it.
        history: What the log tells of policies, in the order of time.
        rows: The answer to `question`.
    """
    told = [_Told(**row.named(question(origin)), row=row) for row in rows]
    known = policies(history)
    held = sorted([*_announced(history), *_seen(history, told)], key=attrgetter("order"))
    lines = {key: list(_turns(key, origin, held, known, told)) for key in _keys(held, known, told)}
    found = tuple(since for turns in lines.values() for since in _since([turn for _, turn in turns], told))
    turns = sorted(
        (placed for turns in lines.values() for placed in turns),
        key=lambda placed: (placed[0], placed[1].service, placed[1].resource),
    )
    return Blame(origin, tuple(turn for _, turn in turns), found)


class _Told(NamedTuple):
    """A line of the answer."""

    service_name: str | None
    cors_policy_id: str | None
    cors_resource: str | None
    cors_decision: str | None
    cors_reasons: str | None
    cors_rule: str | None
    row: Row

    @property
    def is_allowed(self) -> bool:
        return self.cors_decision == Verdict.ALLOW

    @property
    def key(self) -> tuple[str, str]:
        return self.service_name or "", self.cors_resource or ""


class _Held(NamedTuple):
    """From when a policy held; `order` is the place among others."""

    order: tuple[str, str]
    at: str
    service: str
    policy: str
    previous: str
    cause: str
    added: str


def _announced(history: Iterable[PolicyRecord]) -> Iterator[_Held]:
    """Where a policy takes another's place; the other processes of an app only repeat it."""
    holds: dict[str, str] = {}
    writers: set[str] = set()
    for record in history:
        if record.event == POLICY_REJECTED or not record.id:
            continue
        previous = record.columns.get("cors_policy_previous_id", holds.get(record.service, ""))
        if holds.get(record.service) != record.id:
            usual = Cause.RELOAD if record.writer in writers else Cause.START
            cause = record.columns.get("cors_policy_trigger", usual)
            added = record.columns.get("cors_policy_added", "") if record.event == POLICY_CHANGED else ""
            yield _Held(record.order, record.timestamp, record.service, record.id, previous, cause, added)
        holds[record.service] = record.id
        writers.add(record.writer)


def _seen(history: Sequence[PolicyRecord], told: Sequence[_Told]) -> Iterator[_Held]:
    """Where a policy decided before the log tells of it, if it ever does."""
    announced = {(record.service, record.id): record.timestamp for record in reversed(history)}
    first: dict[tuple[str, str], str] = {}
    for line in told:
        key = line.service_name or "", line.cors_policy_id or ""
        first[key] = min(filter(None, (first.get(key), line.row.first)), default="")
    for (service, policy), at in first.items():
        begun = announced.get((service, policy))
        if begun is None or (at and at < begun):
            yield _Held((at, ""), at, service, policy, "", Cause.SEEN, "")


def _keys(held: Iterable[_Held], known: Mapping[str, Policy], told: Iterable[_Told]) -> list[tuple[str, str]]:
    """Every service with every resource that some policy of it has, or that decided."""
    found = {line.key for line in told if line.cors_resource is not None}
    for turn in held:
        policy = known.get(turn.policy)
        found |= {(turn.service, r.name) for r in policy.resources} if policy is not None else set()
    return sorted(found)


def _turns(
    key: tuple[str, str],
    origin: str,
    held: Sequence[_Held],
    known: Mapping[str, Policy],
    told: Sequence[_Told],
) -> Iterator[tuple[int, Turn]]:
    """Where the standing of *origin* changes, in one resource of one service, with the place in *held*."""
    service, resource = key
    before: tuple[Standing, str] | None = None
    for place, turn in enumerate(held):
        if turn.service != service:
            continue
        lines = [line for line in told if line.key == key and line.cors_policy_id == turn.policy]
        standing, entry = _standing(origin, known.get(turn.policy), resource, lines)
        if (standing, entry) != before:
            is_first = before is None or before[0] is Standing.UNKNOWN
            was_added = bool(entry) and f"{resource}.origins={entry}" in turn.added.split(",")
            first = is_first and not was_added
            yield (
                place,
                Turn(
                    turn.at,
                    service,
                    resource,
                    turn.policy,
                    turn.previous,
                    turn.cause,
                    standing,
                    entry,
                    first,
                ),
            )
        before = standing, entry


def _standing(
    origin: str, policy: Policy | None, resource: str, lines: Sequence[_Told]
) -> tuple[Standing, str]:
    """What *origin* is to a resource of *policy*: by what that says, else by what was decided."""
    if policy is None:
        return _decided(lines)
    found = policy.resource_named(resource)
    if found is None or not found.enabled or len(origin) > MAX_ORIGIN:
        return Standing.REFUSED, ""
    match = found.origins.match(origin)
    if match is not None:
        return Standing.LET_IN, match.rule
    return (Standing.REFUSED, "") if found.origin_function is None else _decided(lines)


def _decided(lines: Sequence[_Told]) -> tuple[Standing, str]:
    """
    Return the same by decisions.

    A refusal for method or headers alone says neither, nor does a reason of a later version.
    """
    allowed = [line.cors_rule or "" for line in lines if line.is_allowed]
    if allowed:
        return Standing.LET_IN, max(allowed)
    about = [reason_about(code) for line in lines for code in (line.cors_reasons or "").split(",")]
    return Standing.REFUSED if any(About.ORIGIN in subjects for subjects in about) else Standing.UNKNOWN, ""


def _since(turns: Sequence[Turn], told: Iterable[_Told]) -> Iterator[Since]:
    """Where the last run of turns that let it in began, if it lasts."""
    run = list(takewhile(lambda turn: turn.standing is Standing.LET_IN, reversed(turns)))
    if run:
        mine = [line for line in told if line.key == (run[0].service, run[0].resource) and line.is_allowed]
        requests, last = (
            sum(line.row.count for line in mine),
            max((line.row.last for line in mine), default=""),
        )
        yield Since(run[-1], run[0].entry, requests, last)
