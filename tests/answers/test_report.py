"""Every number of a report is the truth, whoever counts, and of a soiled log too."""

import json
import random
from collections import Counter
from datetime import datetime, timedelta, timezone
from functools import cache

import pytest
from answers.generated import (
    ADMIN,
    APP,
    CHANGE,
    HOST,
    LATE,
    OLD,
    PARTNERS,
    PROBER,
    SPIKE,
    START,
    Generated,
    Truth,
)
from answers.soiled import soiled

from flask_cors_env.answers.engine import ENGINES, answers
from flask_cors_env.answers.questions import Window
from flask_cors_env.answers.report import QUESTIONS, Spike, Turn, report, turns_of
from flask_cors_env.answers.timeline import PolicyRecord
from flask_cors_env.core.reason import Verdict

REFUSAL = (
    "cors.origin",
    "cors.reasons",
    "cors.resource",
    "cors.request.kind",
    "cors.offending",
    "cors.near.rule",
    "cors.near.difference",
    "cors.remedy.env",
)


def denied(event):
    return event["cors.decision"] == "deny"


def allowed(event):
    return event["cors.decision"] == "allow"


def at(hour):
    return (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H")


def first_of(options):
    return options[0]


@pytest.fixture(scope="module", params=[False, True], ids=["clean", "soiled"])
def log(request, tmp_path_factory):
    """A log, and the truth about it."""
    chance = random.Random(5)
    made = Generated(20_000)
    mire = soiled(made.lines(), chance.choice if request.param else first_of, chance.randint)
    path = tmp_path_factory.mktemp("log") / "audit.jsonl"
    path.write_bytes(mire.data)
    truth = Truth()
    truth.events = made.truth.events
    for record in mire.found:
        truth.note(record)
    return path, truth, made, mire.found


@pytest.fixture(scope="module", params=ENGINES)
def ask(request, log):
    @cache
    def asked(**window):
        narrowed = Window(**window)
        return report(answers([str(log[0])], QUESTIONS, window=narrowed, engine=request.param), narrowed)

    return asked


def test_refusals_are_told_with_all_that_is_known_of_them(ask, log):
    found = {r[:8]: (r.requests, r.first, r.last) for r in ask().refusals}
    assert found == log[1].tally(*REFUSAL, where=denied)


def test_the_most_frequent_refusal_comes_first_and_says_from_how_many_clients(ask, log):
    clients = Counter(key[:-1] for key in log[1].tally(*REFUSAL, "client.address", where=denied))
    found = ask().refusals
    assert {r[:8]: r.clients for r in found} == clients
    counts = [refusal.requests for refusal in found]
    assert counts == sorted(counts, reverse=True)


def test_near_misses_are_the_refusals_of_origins_that_an_entry_almost_lets_in(ask):
    found = {(r.origin, r.near, r.difference) for r in ask().near_misses}
    assert found == {
        ("http://app.shop.example", APP, "scheme"),
        ("https://app.shop.example:8443", APP, "port"),
        ("https://app.shop.exmaple", APP, "host_typo"),
        ("https://app.shop.example/", APP, "trailing_slash"),
    }


def test_a_near_miss_is_told_once_whatever_was_asked_for(tmp_path):
    path = tmp_path / "audit.jsonl"
    record = {"cors.schema": 1, "event": "cors.decision", "cors.decision": "deny", "cors.near.rule": APP}
    record |= {"cors.origin": "http://app", "cors.near.difference": "scheme", "cors.resource": "api"}
    record |= {"cors.remedy.env": "CORS_RESOURCES__API__ORIGINS"}
    asked = [("preflight", "x-one", 10), ("preflight", "x-two", 12), ("actual", None, 11)]
    told = (
        record | {"cors.request.kind": kind, "cors.offending": names, "timestamp": at}
        for kind, names, at in asked
    )
    path.write_text("\n".join(map(json.dumps, told)))
    last = "1970-01-01T00:00:12.000000Z"
    (miss,) = report(answers([str(path)], QUESTIONS, engine="plain"), Window()).near_misses
    assert miss == ("http://app", "api", APP, "scheme", "CORS_RESOURCES__API__ORIGINS", 3, last)


def test_denials_are_told_by_route(ask, log):
    found = {r[:3]: (r.requests, r.last) for r in ask().routes}
    truth = log[1].tally("http.route", "cors.resource", "cors.reasons", where=denied)
    assert found == {key: (count, last) for key, (count, _, last) in truth.items()}


def test_every_entry_is_told_with_its_use_and_one_without_any_too(ask, log):
    found = {(e.resource, e.entry): (e.requests, e.last, e.stands) for e in ask().entries}
    truth = log[1].tally("cors.resource", "cors.rule", where=allowed)
    used = {key: (count, last, True) for key, (count, _, last) in truth.items()}
    assert found == {**used, ("api", OLD): (0, "", True)}
    assert {entry for _, entry in found} == {APP, ADMIN, OLD, LATE, PARTNERS, "*"}


def test_what_each_policy_decided_is_told(ask, log):
    truth = log[1].tally("cors.policy.id", "cors.decision")
    found = {
        (use.policy, verdict.value): getattr(use, verdict.value) for use in ask().uses for verdict in Verdict
    }
    assert {key: count for key, count in found.items() if count} == {k: v[0] for k, v in truth.items()}


def test_denials_are_told_by_hour_and_the_spike_is_found(ask, log):
    found, truth = ask(), log[1].tally("hour", "cors.reason", where=denied)
    told = {(hour, reason): n for hour, reasons in found.hours.items() for reason, n in reasons.items()}
    assert told == {key: count for key, (count, _, _) in truth.items()}
    (spike,) = found.spikes
    mirror = log[1].tally("hour", "cors.origin")[at(SPIKE), "https://mirror.example"][0]
    counts = sorted(sum(reasons.values()) for reasons in found.hours.values())
    usual = (counts[len(counts) // 2 - 1] + counts[len(counts) // 2]) / 2
    whole = sum(found.hours[at(SPIKE)].values())
    assert spike == Spike(at(SPIKE), whole, usual, "https://mirror.example", mirror)


def test_a_probing_client_is_found_by_the_origins_it_tries(ask, log):
    (probe,) = ask().probes
    count, first, last = log[1].tally("client.address", where=denied)[PROBER,]
    assert probe == (PROBER, 60, count, first, last)


def test_what_no_browser_sent_is_told_by_client(ask, log):
    silent = {key: found for key, found in log[1].tally("client.address", "cors.decision").items()
              if key[0] in {PROBER, "203.0.113.99"}}  # fmt: skip
    (prober, script), unclear = ask().scripts, ask().unclear
    count, _, last = silent[PROBER, "deny"]
    assert prober == ("https", HOST, PROBER, count, count, 60, last)
    count, _, last = silent["203.0.113.99", "allow"]
    assert script == ("https", HOST, "203.0.113.99", count, 0, 1, last)
    assert unclear == 0


def test_the_time_line_tells_a_turn_once_and_by_how_many_processes(ask, log):
    old, new = (policy.id for policy in log[2]._policies)
    start, change = (f"{at(hour)}:00:00.000000Z" for hour in (0, CHANGE))
    told = [json.loads(record.line) for record in log[3] if record.told is None]
    tellers = Counter((event["timestamp"], event["event"]) for event in told)
    loaded, changed = "cors.policy.loaded", "cors.policy.changed"
    nothing = {"service": "shop", "added": "", "removed": "", "widened": False, "error": ""}
    wider = {**nothing, "added": f"api.origins={LATE}", "widened": True}
    turns = [(start, loaded, old, nothing), (change, changed, new, wider)]
    assert sorted(ask().turns) == sorted(
        Turn(timestamp=stamp, event=event, policy=policy, processes=tellers[stamp, event], **fields)
        for stamp, event, policy, fields in turns
    )


def test_a_window_holds_for_every_number(ask, log):
    since, until = f"{at(50)}:00:00.000000Z", f"{at(90)}:00:00.000000Z"
    found = ask(since=since, until=until, resource="api", origin=APP)

    def is_within(event):
        return at(50) <= event["hour"] < at(90) and (event.get("cors.resource"), event["cors.origin"]) == (
            "api",
            APP,
        )

    truth = log[1].tally("cors.decision", where=is_within)
    assert (found.total(Verdict.ALLOW), found.total(Verdict.DENY)) == (truth["allow",][0], truth["deny",][0])
    assert sum(r.requests for r in found.refusals) == truth["deny",][0]
    assert all(turn.timestamp.startswith(at(CHANGE)) for turn in found.turns)
    assert not found.allows_are_told


@pytest.mark.parametrize(
    ("stamps", "hours"),
    [
        (["2026-01-01T22:59", "2026-01-02T00:00"], ["2026-01-01T22", "2026-01-01T23", "2026-01-02T00"]),
        (["2026-01-01T22:00", "1970-01-01T00:00"], ["1970-01-01T00", "2026-01-01T22"]),
        (["9999-12-31T23:00", "0001-01-01T00:00"], ["0001-01-01T00", "9999-12-31T23"]),
        (["9999-12-31T22:00", "9999-12-31T23:00"], ["9999-12-31T22", "9999-12-31T23"]),
        (["0001-01-01T00:00"], ["0001-01-01T00"]),
        (["2026-01-01T22:00", "yesterday"], ["2026-01-01T22"]),
        (["2026-W01-4T23:00", "2026-01-01T22:00"], ["2026-01-01T22", "2026-01-01T23"]),
    ],
)
def test_hours_are_filled_in_as_far_as_clocks_can_be_right(stamps, hours, tmp_path):
    path = tmp_path / "audit.jsonl"
    records = ({"cors.schema": 1, "event": "cors.decision", "timestamp": f"{stamp}Z"} for stamp in stamps)
    path.write_text("\n".join(map(json.dumps, records)))
    found = report(answers([str(path)], QUESTIONS, engine="plain"), Window())
    assert list(found.hours) == hours


def in_berlin(stamp):
    return stamp.astimezone(timezone(timedelta(hours=1))).isoformat(sep=" ")


def without_offset(stamp):
    return stamp.isoformat().removesuffix("+00:00")


def restamped(lines, write):
    """*lines* as an app would have written them whose times *write* writes."""
    for line in lines:
        record = json.loads(line)
        record["timestamp"] = write(datetime.fromisoformat(record["timestamp"]))
        yield json.dumps(record).encode()


@pytest.fixture(scope="module")
def lines():
    return [made.line for made in Generated(2000).lines()]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("write", [in_berlin, datetime.isoformat, datetime.timestamp])
@pytest.mark.parametrize("every", [1, 7])
def test_times_are_told_alike_however_an_app_writes_them(engine, write, every, lines, tmp_path):
    ours, theirs = tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl"
    ours.write_bytes(b"\n".join(lines))
    odd = set(lines[::every])
    theirs.write_bytes(b"\n".join(next(restamped([line], write)) if line in odd else line for line in lines))
    asked = Window(since=f"{at(50)}:00:00.000000Z", until=f"{at(90)}:00:00.000000Z")
    for window in (Window(), asked):
        one = answers([str(ours)], QUESTIONS, window=window, engine="plain")
        two = answers([str(theirs)], QUESTIONS, window=window, engine=engine)
        assert report(two, window) == report(one, window)
        assert one.rows["hours"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_record_that_does_not_tell_when_it_was_counts_and_has_no_time(engine, lines, tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"\n".join([*restamped(lines[:300], without_offset), *lines[300:]]))
    found, whole = (
        report(answers([str(path)], QUESTIONS, engine=engine, window=window), window)
        for window in (Window(since="0001"), Window())
    )
    assert (found.undated, whole.undated) == (300, 300)
    assert sum(map(whole.total, Verdict)) == len(lines) - 9
    assert sum(map(found.total, Verdict)) == len(lines) - 300 - 6
    assert whole.first == found.first == json.loads(lines[300])["timestamp"]
    assert "" not in whole.hours
    assert [turn.timestamp for turn in found.turns] == [f"{at(CHANGE)}:00:00.000000Z"]


@pytest.mark.parametrize("engine", ENGINES)
def test_policies_whose_times_are_unknown_stand_as_their_clock_wrote_them(engine, lines, tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"\n".join(restamped(lines, without_offset)))
    found = report(answers([str(path)], QUESTIONS, engine=engine), Window())
    assert [turn.event for turn in found.turns] == ["cors.policy.loaded", "cors.policy.changed"]
    assert {entry.entry: entry.stands for entry in found.entries}[LATE] is True


def test_the_policy_that_a_change_writes_is_no_turn_and_that_of_a_start_is_one():
    def record(second, writer, event, policy):
        return PolicyRecord(f"2026-03-02T12:00:0{second}Z", event, policy, "shop", writer, None, {})

    loaded, changed = "cors.policy.loaded", "cors.policy.changed"
    records = [
        record(0, "a", loaded, "p-1"),
        record(1, "a", changed, "p-2"),
        record(1, "a", loaded, "p-2"),
        record(2, "b", loaded, "p-2"),
        record(3, "a", loaded, "p-2"),
    ]
    told = [(turn.timestamp[-2:-1], turn.event, turn.policy, turn.processes) for turn in turns_of(records)]
    assert told == [("0", loaded, "p-1", 1), ("1", changed, "p-2", 1), ("2", loaded, "p-2", 2)]
