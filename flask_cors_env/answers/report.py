"""
The report: who was refused and why, what is let in and by which entry, and what stands out.

The engines count; what the counts come to is said here, in plain values. Nothing is guessed where a log does
not tell: an entry is called unused only if the log would show its use, and a request is called no browser's
only if a browser would have said so.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from flask_cors_env.answers.account import Verification
from flask_cors_env.answers.engine import Answers
from flask_cors_env.answers.omitted import omissions
from flask_cors_env.answers.policies import policies
from flask_cors_env.answers.questions import HOUR, Check, Question, Row, Value, Where, Window
from flask_cors_env.answers.timeline import PolicyRecord
from flask_cors_env.audit.event import clean
from flask_cors_env.audit.fields import POLICY_CHANGED, POLICY_LOADED, POLICY_REJECTED
from flask_cors_env.core.host import is_loopback
from flask_cors_env.core.policy import Resource
from flask_cors_env.core.reason import Verdict
from flask_cors_env.core.request import Kind

#: An hour stands out with this many denials, and this many times what is usual.
_SPIKE, _TIMES_USUAL = 10, 3
#: A client is probing that was refused under this many origins.
_PROBE = 10
_HOUR = timedelta(hours=1)
#: No log is as long; a machine that starts without a clock writes 1970.
_LONGEST = timedelta(days=3653)

_DENIED = (Where("cors_decision", Check.IS, Verdict.DENY.value),)
_ALLOWED = (Where("cors_decision", Check.IS, Verdict.ALLOW.value),)

USES = Question("uses", ("cors_policy_id", "service_name", "cors_decision"))
REFUSALS = Question(
    "refusals",
    (
        "cors_origin",
        "cors_reasons",
        "cors_resource",
        "cors_request_kind",
        "cors_offending",
        "cors_near_rule",
        "cors_near_difference",
        "cors_remedy_env",
        "cors_remedy_hint",
        "cors_notes",
    ),
    _DENIED,
    ("client_address",),
)
ROUTES = Question("routes", ("http_route", "cors_resource", "cors_reasons", "cors_request_kind"), _DENIED)
ENTRIES = Question("entries", ("service_name", "cors_resource", "cors_rule"), _ALLOWED, ("cors_origin",))
ADMISSIONS = Question("admissions", ("cors_origin", "cors_rule", "cors_resource", "service_name"), _ALLOWED)
HOURS = Question("hours", (HOUR, "cors_decision", "cors_reason"))
SPIKES = Question("spikes", (HOUR, "cors_origin"), _DENIED)
CLIENTS = Question("clients", ("client_address",), _DENIED, ("cors_origin",))
PLACES = Question("places", ("url_scheme", "server_address", "cors_request_fetch_site"))
_SILENT = (Where("cors_origin", Check.PRESENT), Where("cors_request_fetch_site", Check.ABSENT))
_CALLER = ("url_scheme", "server_address", "client_address")
SILENT = Question("silent", _CALLER, _SILENT, ("cors_origin",))
SILENT_DENIED = Question("silent_denied", _CALLER, (*_SILENT, *_DENIED))

#: All that is asked for a report.
QUESTIONS = (
    USES,
    REFUSALS,
    ROUTES,
    ENTRIES,
    ADMISSIONS,
    HOURS,
    SPIKES,
    CLIENTS,
    PLACES,
    SILENT,
    SILENT_DENIED,
)


class Use(NamedTuple):
    """What a policy decided; ``policy`` is its id, and times are "" where records have none."""

    policy: str
    service: str
    allow: int
    deny: int
    skip: int
    first: str
    last: str


class Refusal(NamedTuple):
    """
    Requests that were refused alike.

    Attributes:
        origin: The request's origin.
        reasons: All of them, comma-separated, the one that counts first.
        resource: The resource that governs the path; None where none does.
        kind: ``preflight``, ``actual`` or ``websocket``.
        offending: The refused method and header names, comma-separated; None where none was.
        near: The nearest entry; None where none is near.
        difference: In what that entry differs.
        variable: What to change for another outcome; None where no variable does.
        hint: What to do, in sentences; None where the log does not tell it.
        notes: What else is to be known, comma-separated: ``not_enforced`` where the handshake went on.
        requests: How many.
        clients: How many client addresses they came from, as the log tells them.
        first: The earliest of their times.
        last: The latest.
    """

    origin: str | None
    reasons: str | None
    resource: str | None
    kind: str | None
    offending: str | None
    near: str | None
    difference: str | None
    variable: str | None
    hint: str | None
    notes: str | None
    requests: int
    clients: int
    first: str
    last: str

    @property
    def why(self) -> str | None:
        """The reasons with what was refused, and the notes: what is not enforced shuts nobody out."""
        why = f"{self.reasons or '-'} ({self.offending})" if self.offending else self.reasons
        return f"{why or '-'}; {self.notes}" if self.notes else why


class NearMiss(NamedTuple):
    """Refusals of one origin that an entry almost lets in; what is told is told as of a `Refusal`."""

    origin: str | None
    resource: str | None
    near: str | None
    difference: str | None
    variable: str | None
    requests: int
    last: str


#: What is decided ahead of routing, by its kind.
_AHEAD: Mapping[str, str] = {Kind.PREFLIGHT: "(preflights)", Kind.WEBSOCKET: "(handshakes)"}


class Route(NamedTuple):
    """Denials on one route; None where no rule routed the request, as none routes what is answered ahead."""

    route: str | None
    resource: str | None
    reasons: str | None
    kind: str | None
    requests: int
    last: str

    @property
    def text(self) -> str | None:
        """The route, or what stands for that of requests which are decided ahead of routing."""
        return self.route or _AHEAD.get(self.kind or "")


class Admission(NamedTuple):
    """
    Requests of an origin that were allowed.

    Attributes:
        origin: The request's origin.
        entry: The entry that let it in, as the log writes it.
        resource: The resource that governs the path.
        service: The app's name.
        requests: How many.
        first: Since when: the earliest of their times.
        last: The latest.
    """

    origin: str | None
    entry: str | None
    resource: str | None
    service: str | None
    requests: int
    first: str
    last: str


class Entry(NamedTuple):
    """
    An entry that lets origins in.

    Attributes:
        service: The app's name.
        resource: The resource that it stands in.
        entry: As the log writes it.
        requests: How many it let in.
        origins: How many different origins.
        last: When it last did; "" for never.
        stands: Whether it is in the app's latest policy; None where the log does not tell that policy.
    """

    service: str
    resource: str
    entry: str
    requests: int
    origins: int
    last: str
    stands: bool | None


class Spike(NamedTuple):
    """An hour with many more denials than ``usual``, the median hour's; ``origin`` is the most frequent."""

    hour: str
    requests: int
    usual: float
    origin: str | None
    origin_requests: int


class Probe(NamedTuple):
    """A client that was refused under many origins, as a page never is."""

    client: str
    origins: int
    requests: int
    first: str
    last: str


class Script(NamedTuple):
    """Requests with an origin that no browser sent: one says where its page is from (Sec-Fetch-Site)."""

    scheme: str | None
    host: str | None
    client: str | None
    requests: int
    denied: int
    origins: int
    last: str


class Turn(NamedTuple):
    """
    A turn of the time line.

    Attributes:
        timestamp: Of the first process that tells it.
        event: ``cors.policy.loaded``, ``cors.policy.changed`` or ``cors.policy.rejected``.
        policy: The id of the policy that holds from then on.
        service: The app's name.
        processes: How many tell it.
        added: Entries that were added, comma-separated.
        removed: Entries that were removed.
        widened: Whether something is allowed that was not.
        error: What was wrong with a policy that was rejected.
    """

    timestamp: str
    event: str
    policy: str
    service: str
    processes: int
    added: str
    removed: str
    widened: bool
    error: str


class Disagreement(NamedTuple):
    """
    That processes of one app decide by different policies while a file that was changed cannot be used.

    Attributes:
        service: The app's name.
        since: When the file was rejected, at the latest.
        policies: The ids of the policies that decided after that.
        error: What is wrong with the file.
    """

    service: str
    since: str
    policies: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class Report:
    """
    What a log comes to.

    Attributes:
        first: The earliest decision's time; "" where there is none.
        last: The latest's.
        uses: By policy, the latest first.
        refusals: The most frequent first, as all lists of counts.
        routes: Likewise.
        admissions: Who was let in; the most frequent first.
        entries: Those with the fewest uses first.
        allows_are_told: Whether the log shows what was allowed, so that an entry without use is unused.
        hours: Denials by hour and reason.
        spikes: In the order of time.
        probes: Those with the most origins first.
        scripts: The most frequent first.
        unclear: How many requests may or may not be a browser's: over plain HTTP browsers do not say.
        turns: In the order of time.
        disagreements: The apps whose processes disagree as the log ends.
        verification: What the log lacks, of the whole log.
        undated: How many records do not tell when they were written, of the whole log.
    """

    first: str
    last: str
    uses: tuple[Use, ...]
    refusals: tuple[Refusal, ...]
    routes: tuple[Route, ...]
    admissions: tuple[Admission, ...]
    entries: tuple[Entry, ...]
    allows_are_told: bool
    hours: Mapping[str, Mapping[str, int]]
    spikes: tuple[Spike, ...]
    probes: tuple[Probe, ...]
    scripts: tuple[Script, ...]
    unclear: int
    turns: tuple[Turn, ...]
    disagreements: tuple[Disagreement, ...]
    verification: Verification
    undated: int

    def total(self, verdict: Verdict) -> int:
        """How many decisions came to *verdict*."""
        return sum(getattr(use, verdict.value) for use in self.uses)

    @property
    def near_misses(self) -> tuple[NearMiss, ...]:
        """The origins that an entry almost lets in, whatever they asked for; the most frequent first."""
        found: dict[tuple[Value, ...], NearMiss] = {}
        for miss in map(_near_miss, (one for one in self.refusals if one.near is not None)):
            before = found.get(miss[:5])
            found[miss[:5]] = miss if before is None else _added(before, miss)
        return tuple(sorted(found.values(), key=lambda miss: -miss.requests))


def report(found: Answers, window: Window) -> Report:
    """
    What the answers to `QUESTIONS` come to.

    Args:
        found: They are.
        window: The part of the log that was asked about.
    """
    rows, uses = found.rows, _uses(found.rows[USES.name])
    hours = _hours(rows[HOURS.name])
    is_speaking = _speaking(rows[PLACES.name])
    silent = rows[SILENT.name]
    return Report(
        first=min((use.first for use in uses if use.first), default=""),
        last=max((use.last for use in uses), default=""),
        uses=uses,
        refusals=tuple(_refusal(row) for row in rows[REFUSALS.name]),
        routes=tuple(Route._make((*row.keys, row.count, row.last)) for row in rows[ROUTES.name]),
        admissions=tuple(
            Admission._make((*row.keys, row.count, row.first, row.last)) for row in rows[ADMISSIONS.name]
        ),
        entries=_entries(rows[ENTRIES.name], found.policies, window),
        allows_are_told=window.origin is None and window.reason is None and _are_allows_told(found.policies),
        hours=hours,
        spikes=tuple(_spikes(hours, rows[SPIKES.name])),
        probes=tuple(_probes(rows[CLIENTS.name])),
        scripts=tuple(_scripts(silent, rows[SILENT_DENIED.name], is_speaking)),
        unclear=sum(row.count for row in silent if not is_speaking(row.keys[:2])),
        turns=tuple(turn for turn in turns_of(found.policies) if _is_within(turn.timestamp, window)),
        disagreements=tuple(_disagreements(found.policies, uses)),
        verification=found.verification,
        undated=found.undated,
    )


def _uses(rows: Iterable[Row]) -> tuple[Use, ...]:
    """One for each policy and service, whatever it decided."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.keys[0] or "", row.keys[1] or ""].append(row)
    uses = [_use(policy, service, alike) for (policy, service), alike in found.items()]
    return tuple(sorted(uses, key=lambda use: (use.last, use), reverse=True))


def _use(policy: str, service: str, rows: Sequence[Row]) -> Use:
    counts = {row.keys[2]: row.count for row in rows}
    first = min((row.first for row in rows if row.first), default="")
    last = max(row.last for row in rows)
    return Use(
        policy, service, counts.get("allow", 0), counts.get("deny", 0), counts.get("skip", 0), first, last
    )


def _refusal(row: Row) -> Refusal:
    return Refusal._make((*row.keys, row.count, row.distinct[0], row.first, row.last))


def _near_miss(one: Refusal) -> NearMiss:
    return NearMiss(one.origin, one.resource, one.near, one.difference, one.variable, one.requests, one.last)


def _added(one: NearMiss, other: NearMiss) -> NearMiss:
    return one._replace(requests=one.requests + other.requests, last=max(one.last, other.last))


# --- entries


def _entries(rows: Iterable[Row], records: Sequence[PolicyRecord], window: Window) -> tuple[Entry, ...]:
    """Every entry that let an origin in, and those of the latest policies, which may not have."""
    known, latest = policies(records), _latest(records)
    standing = {
        (service, resource.name, entry): None
        for service, policy in latest.items()
        for resource in (known[policy].resources if policy in known else ())
        if window.resource in {None, resource.name}
        for entry in entries_of(resource)
    }
    found = dict.fromkeys(standing, (0, 0, ""))
    for row in rows:
        service, resource, entry = (key or "" for key in row.keys)
        found[service, resource, entry] = (row.count, row.distinct[0], row.last)
    told = {service for service, policy in latest.items() if policy in known}
    entries = (Entry(*key, *use, (key in standing) if key[0] in told else None) for key, use in found.items())
    return tuple(sorted(entries, key=lambda entry: (entry.requests, entry[:3])))


def entries_of(resource: Resource) -> Iterator[str]:
    """What a resource's origins are called in the log when they let somebody in."""
    if resource.enabled:
        yield from (clean(pattern.text) for pattern in resource.origins)
        if resource.origin_function is not None:
            yield "callable"


def _latest(records: Iterable[PolicyRecord]) -> dict[str, str]:
    """The id of the policy that each service holds to, as far as the log goes."""
    return {record.service: record.id for record in records if record.event != POLICY_REJECTED and record.id}


def _are_allows_told(records: Iterable[PolicyRecord]) -> bool:
    """Return whether no process of the log leaves allowed requests out."""
    return not any(omission.allows for omission in omissions(record.columns for record in records))


# --- what stands out


def _hours(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Denials by hour and reason, for every hour from the first decision to the last."""
    denied: dict[str, Counter[str]] = defaultdict(Counter)
    told = sorted((row.keys[0], row.keys[1], row.keys[2] or "", row.count) for row in rows if row.keys[0])
    for hour, verdict, reason, count in told:
        denied[hour][reason] += count if verdict == Verdict.DENY else 0
    return {hour: dict(+denied.get(hour, Counter())) for hour in _every_hour(sorted(denied))}


def _every_hour(told: Sequence[str]) -> Iterator[str]:
    """The hours from the first to the last; only those told where one is no hour, or a clock was off."""
    try:
        first, last = (datetime.fromisoformat(hour) for hour in (told[0], told[-1]))
        between = (last - first) // _HOUR if last - first < _LONGEST else 0
        every = [(first + number * _HOUR).isoformat(timespec="hours") for number in range(between + 1)]
    except (LookupError, ValueError, TypeError):
        every = []
    yield from every if set(told) <= set(every) else told


def _spikes(hours: Mapping[str, Mapping[str, int]], rows: Iterable[Row]) -> Iterator[Spike]:
    counts = {hour: sum(reasons.values()) for hour, reasons in hours.items()}
    usual = statistics.median(counts.values()) if counts else 0
    top: dict[str | None, Row] = {}
    for row in rows:
        top.setdefault(row.keys[0], row)
    for hour, count in counts.items():
        if count >= max(_SPIKE, _TIMES_USUAL * usual):
            yield Spike(hour, count, usual, top[hour].keys[1], top[hour].count)


def _probes(rows: Iterable[Row]) -> list[Probe]:
    told = (
        Probe(row.keys[0], row.distinct[0], row.count, row.first, row.last)
        for row in rows
        if row.keys[0] is not None and row.distinct[0] >= _PROBE
    )
    return sorted(told, key=lambda probe: (-probe.origins, -probe.requests, probe.client))


def _speaking(rows: Iterable[Row]) -> Callable[[tuple[Value, ...]], bool]:
    """
    Whether browsers say at a place (scheme and host) where their page is from.

    They do wherever the connection is secure, which the server cannot see behind a proxy; a place where one
    ever said it is such a place.
    See https://w3c.github.io/webappsec-fetch-metadata/#fetch-integration.
    """
    said = {row.keys[:2] for row in rows if row.keys[2] is not None}
    return lambda place: place[0] == "https" or is_loopback(place[1] or "") or place in said


def _scripts(
    rows: Iterable[Row], denied: Iterable[Row], is_speaking: Callable[[tuple[Value, ...]], bool]
) -> list[Script]:
    denials = {row.keys: row.count for row in denied}
    told = (
        Script._make((*row.keys, row.count, denials.get(row.keys, 0), row.distinct[0], row.last))
        for row in rows
        if is_speaking(row.keys[:2])
    )
    return list(told)


# --- the time line


def turns_of(records: Iterable[PolicyRecord]) -> list[Turn]:
    """
    What several processes tell of the same turn is told once.

    After a change a process writes the whole new policy, as at its start: that is no turn of its own.
    """
    found: list[Turn] = []
    changed: dict[tuple[str, str], str] = {}
    latest: dict[tuple[str, str], int] = {}
    for record in records:
        turn, key = _turn(record), (record.service, record.writer)
        if turn.event == POLICY_LOADED and changed.pop(key, None) == turn.policy:
            continue
        if turn.event == POLICY_CHANGED:
            changed[key] = turn.policy
        at = latest.get((turn.service, turn.event))
        if at is not None and found[at]._replace(timestamp=turn.timestamp, processes=1) == turn:
            found[at] = found[at]._replace(processes=found[at].processes + 1)
            continue
        latest[turn.service, turn.event] = len(found)
        found.append(turn)
    return found


def _disagreements(records: Sequence[PolicyRecord], uses: Iterable[Use]) -> Iterator[Disagreement]:
    """Find the apps of which a process still rejects a file, and two policies decided after that."""
    rejected: dict[tuple[str, str], PolicyRecord] = {}
    for record in records:
        key = record.service, record.writer
        if record.event == POLICY_REJECTED:
            rejected[key] = record
        else:
            rejected.pop(key, None)
    latest = {service: record for (service, _), record in rejected.items()}
    for service, record in latest.items():
        after = [use.policy for use in uses if use.service == service and use.last > record.timestamp]
        if len(after) > 1:
            error = record.columns.get("error_message", "")
            yield Disagreement(service, record.timestamp, tuple(sorted(after)), error)


def _turn(record: PolicyRecord) -> Turn:
    told = record.columns.get
    return Turn(
        record.timestamp,
        record.event,
        record.id,
        record.service,
        1,
        told("cors_policy_added", ""),
        told("cors_policy_removed", ""),
        told("cors_policy_widened") == "true",
        told("error_message", ""),
    )


def _is_within(timestamp: str, window: Window) -> bool:
    times = (condition for condition in window.where if condition.column == "timestamp")
    return all(check.holds(timestamp or None, operand) for _, check, operand in times)
