"""
Logs of a week in the life of a shop, with the truth about them.

Each case is a request whose decision and event the real code makes, and an intent: what the case is there to
show. The truth is counted while the log is written, from the intents and not from what a reader finds.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

from flask_cors_env.audit.event import Surroundings, Told, add_path, decision_fields, own_fields
from flask_cors_env.audit.fields import POLICY_CHANGED, POLICY_LOADED, SCHEMA
from flask_cors_env.audit.loaded import write_policy
from flask_cors_env.audit.render import render
from flask_cors_env.core.change import difference
from flask_cors_env.core.decision import decide
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.core.remedy import Place, PlainAdvice
from flask_cors_env.core.request import Request

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 7 * 24
#: The hour in which refusals come ten times as often, and that in which the policy changes.
SPIKE, CHANGE = 100, 84
HOST = "api.shop.example"
APP, ADMIN, OLD = "https://app.shop.example", "https://admin.shop.example", "https://old.shop.example"
PARTNERS = "https://*.partners.example.net"
LATE = "https://new.shop.example"
PROBER = "198.51.100.7"
ROUTE = "/api/<path:rest>"


def policy(*more):
    """The shop's policy; *more* origins of its resource ``api``."""
    api = Resource.parse(
        name="api",
        paths=["/api/*"],
        origins=[APP, ADMIN, OLD, PARTNERS, *more],
        methods=["GET", "PUT", "DELETE"],
        allow_headers=["content-type", "authorization"],
        allow_credentials=True,
    )
    prices = Resource.parse(name="prices", paths=["/prices"], origins=["*"])
    return Policy(replace(resource, advice=Own(resource.name)) for resource in (api, prices))


class Own(PlainAdvice):
    """Each setting is changed at the resource itself."""

    def __init__(self, name):
        self._prefix = f"CORS_RESOURCES__{name.upper()}__"

    def place(self, setting):
        return Place(self._prefix + setting, self._prefix + setting)


class Case(NamedTuple):
    """
    A request that comes again and again.

    Attributes:
        weight: How often, against the others.
        request: What is decided about.
        client: The last two numbers of the addresses it comes from; 0 for many.
        browser: Whether a browser sends it, and so tells the site.
        only_spike: Whether it comes in the hour of the spike alone.
    """

    weight: int
    request: Request
    client: str = ""
    browser: bool = True
    only_spike: bool = False


def get(origin, path="/api/items", **rest):
    return Request(origin, "GET", path, **rest)


def asks(origin, method, headers=None, path="/api/items"):
    return Request(origin, "OPTIONS", path, method, headers)


def cases():
    found = [
        Case(300, get(APP, credentialed=True)),
        Case(60, asks(APP, "PUT", "content-type")),
        Case(20, get(ADMIN, credentialed=True)),
        Case(40, get("https://anyone.example", "/prices")),
        Case(20, get(LATE)),
        Case(6, asks(APP, "PATCH")),
        Case(5, asks(APP, "PUT", "content-type,x-debug")),
        Case(4, asks("https://app.shop.example:8443", "PUT", "x-trace")),
        Case(8, get("http://app.shop.example")),
        Case(3, get("https://app.shop.exmaple")),
        Case(2, get("null")),
        Case(2, get(APP, "/favicon.ico")),
        Case(2, get("https://app.shop.example/")),
        Case(9, get(APP), client="203.0.113.99", browser=False),
        Case(400, get("https://mirror.example"), only_spike=True),
    ]
    found += [Case(2, get(f"https://p{n}.partners.example.net")) for n in range(20)]
    found += [Case(3, asks(APP, "PUT", "content-type", path=f"/api/items/{n}")) for n in range(40)]
    found += [Case(1, get(f"https://probe-{n}.example"), client=PROBER, browser=False) for n in range(60)]
    return found


class Made(NamedTuple):
    """
    One record as it was written.

    Attributes:
        writer: Who wrote it.
        number: Its place in the writer's sequence.
        line: Without its end.
        told: What the truth is to know of it: its case, when it was, and from where; None for no decision.
    """

    writer: str
    number: int
    line: bytes
    told: tuple[tuple[int, int], str, str] | None = None


class Truth:
    """
    What was written, counted by the generator's own means.

    Attributes:
        counts: How often each event came, by the number of its case, its policy and the hour.
        times: The timestamps of the first and the last of them.
        records: How many records of each writer a reader is to find.
    """

    def __init__(self):
        self.events = {}
        self.counts = Counter()
        self.times = {}
        self.records = Counter()
        self.policies = []

    def note(self, made):
        """Count a record that a reader is to find."""
        self.records[made.writer] += 1
        if made.told is not None:
            case, stamp, client = made.told
            key = (case, stamp[:13], client)
            self.counts[key] += 1
            first, last = self.times.get(key, (stamp, stamp))
            self.times[key] = (min(first, stamp), max(last, stamp))

    def tally(self, *fields, where=lambda _event: True):
        """How often, first and last, by the values of *fields* (``hour`` and ``client`` are some)."""
        found = {}
        for (key, hour, client), count in self.counts.items():
            event = {**self.events[key], "hour": hour, "client.address": client}
            if where(event):
                group = tuple(event.get(field) for field in fields)
                first, last = self.times[key, hour, client]
                was = found.get(group, (0, first, last))
                found[group] = (was[0] + count, min(was[1], first), max(was[2], last))
        return found


class Generated:
    """
    A log of about *count* decisions, whose truth is known once it has been written.

    Args:
        count: How many decisions.
        seed: What chance hangs on.
        writers: How many processes share the work; each numbers its own records.
    """

    def __init__(self, count, seed=1, writers=3):
        self.count, self.truth = count, Truth()
        self._random = random.Random(seed)
        self._writers = [f"{self._random.getrandbits(48):012x}" for _ in range(writers)]
        self._written = Counter()
        self._policies = (policy(), policy(LATE))
        self._cases = cases()

    def lines(self) -> Iterator[Made]:
        """The records in the order of time."""
        for writer in self._writers:
            yield from self._loaded(writer, START, self._policies[0])
        changed = False
        for hour, share in enumerate(self._shares()):
            start = START + timedelta(hours=hour)
            if hour >= CHANGE and not changed:
                changed = True
                for writer in self._writers:
                    yield from self._change(writer, start)
            yield from self._decisions(hour, start, share)

    def _shares(self):
        """How many decisions fall into each hour: more by day, and a spike."""
        weights = [2 + (8 <= hour % 24 < 20) * 3 + (hour == SPIKE) * 3 for hour in range(HOURS)]
        whole = sum(weights)
        ends = [self.count * sum(weights[: n + 1]) // whole for n in range(HOURS)]
        return [end - start for start, end in zip([0, *ends], ends, strict=False)]

    def _decisions(self, hour, start, count):
        which = int(hour >= CHANGE)
        open_cases = [n for n, case in enumerate(self._cases) if hour == SPIKE or not case.only_spike]
        weights = [self._cases[n].weight for n in open_cases]
        step = timedelta(hours=1) / (count + 1)
        for at, n in enumerate(self._random.choices(open_cases, weights, k=count)):
            stamp = _stamp(start + step * at)
            client = self._cases[n].client or f"192.0.{self._random.randrange(200)}.0"
            head, middle, rest, tail = self._template(n, which)
            writer, number, uid = self._uid()
            line = b"".join((head, stamp.encode(), middle, uid, rest, client.encode(), tail))
            yield Made(writer, number, line, ((n, which), stamp, client))

    @cache  # noqa: B019 - one log's, and gone with it
    def _template(self, number, which):
        """The line of a case, in the four pieces between what changes."""
        case, decided_by = self._cases[number], self._policies[which]
        around = Surroundings("https", HOST, "cross-site" if case.browser else None)
        decision = decide(decided_by, case.request)
        own = own_fields(Told(), decision.status or 200, None, ROUTE)
        add_path(own, case.request.path, "Mozilla/5.0")
        fields = {**own, **decision_fields(case.request, decision, around, decided_by.id)}
        self.truth.events[number, which] = {name: _text(value) for name, value in fields.items()}
        level = "warning" if decision.verdict == "deny" else "info"
        line = _line("@", level, "cors.decision", "#", {"client.address": "!", **fields})
        head, line = line.split(b'"@"', 1)
        middle, line = line.split(b'"#"', 1)
        rest, tail = line.split(b'"!"', 1)
        return head + b'"', b'"' + middle + b'"', b'"' + rest + b'"', b'"' + tail

    def _uid(self, writer=None):
        writer = writer or self._random.choice(self._writers)
        self._written[writer] += 1
        number = self._written[writer]
        return writer, number, f"{writer}-{number}".encode()

    def _loaded(self, writer, now, loaded):
        told = []
        log = SimpleNamespace(
            facts={"cors.audit.level": "decision", "cors.audit.client": "full"},
            route=lambda: SimpleNamespace(name="own", takes=lambda _level: True),
            key_faults=tuple,
            write=lambda level, event, fields: told.append((level, event, fields)),
        )
        write_policy(log, loaded.id, loaded.canonical_json(), {"cors.policy.env": "CORS_RESOURCES"})
        for level, event, fields in told:
            yield self._record(writer, now, level, event, fields)
        self.truth.policies.append((_stamp(now), POLICY_LOADED, loaded.id, writer))

    def _change(self, writer, now):
        old, new = self._policies
        change = difference(old, new)
        fields = {
            "cors.policy.id": new.id,
            "cors.policy.previous_id": old.id,
            "cors.policy.added": ",".join(change.added),
            "cors.policy.removed": ",".join(change.removed),
            "cors.policy.widened": change.widened,
            "cors.policy.trigger": "reload",
        }
        yield self._record(writer, now, "warning", POLICY_CHANGED, fields)
        self.truth.policies.append((_stamp(now), POLICY_CHANGED, new.id, writer))
        yield from self._loaded(writer, now, new)

    def _record(self, writer, now, level, event, fields):
        writer, number, uid = self._uid(writer)
        return Made(writer, number, _line(_stamp(now), level, event, uid.decode(), fields))


def _line(stamp, level, event, uid, fields):
    envelope = {
        "cors.schema": SCHEMA,
        "timestamp": stamp,
        "level": level,
        "event": event,
        "log.record.uid": uid,
    }
    service = {"service.name": "shop", "deployment.environment.name": "production"}
    return render(None, "", {**envelope, **service, **fields}).rstrip(b"\n")


def _text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def _stamp(now):
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


if __name__ == "__main__":
    import sys

    with open(sys.argv[2], "wb") as out:  # noqa: PTH123
        out.writelines(made.line + b"\n" for made in Generated(int(sys.argv[1])).lines())
