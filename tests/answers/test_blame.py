"""Blame tells when an origin was let in, and by what, as far as the log goes back, and no further."""

import json

import pytest
from apps import APP, EVIL, make
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_cors_env.answers.blame import Standing, blame, question
from flask_cors_env.answers.engine import answers

BI = "https://bi.example.com"
PATTERN = "https://*.example.com"
LET_IN, REFUSED, UNKNOWN = Standing.LET_IN, Standing.REFUSED, Standing.UNKNOWN


class Site:
    """An app over several reloads, and its log."""

    def __init__(self, folder, origins):
        self.log, self.file = folder / "audit.jsonl", folder / "cors.toml"
        self.write(origins)
        self.start()

    def write(self, origins):
        self.file.write_text(f"origins = {json.dumps(origins)}\n")

    def start(self):
        self.app, self.cors = make(CONFIG_FILE=str(self.file), AUDIT_SINK=f"file:{self.log}")
        self.ask(EVIL)

    def reload(self, origins):
        self.write(origins)
        return self.cors.reload(self.app).id

    def ask(self, *origins):
        for origin in origins:
            self.app.test_client().get("/items", headers={"Origin": origin})

    @property
    def events(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def keep(self, wanted):
        """Leave only those records in the log that *wanted* says."""
        kept = [json.dumps(event) for event in self.events if wanted(event)]
        self.log.write_text("".join(f"{line}\n" for line in kept))

    def blame(self, origin):
        asked = question(origin)
        found = answers([str(self.log)], [asked])
        return blame(origin, found.policies, found.rows[asked.name])


def told(found):
    return [(turn.cause, turn.standing, turn.entry, turn.is_first) for turn in found.turns]


def is_about_policies(event):
    return event["event"] != "cors.decision"


def test_a_reload_that_lets_an_origin_in_is_named_with_its_entry(tmp_path):
    site = Site(tmp_path, [APP])
    old = site.cors.policy(site.app).id
    site.ask(BI)
    new = site.reload([APP, BI])
    site.ask(BI, BI)
    found = site.blame(BI)
    assert told(found) == [("start", REFUSED, "", True), ("reload", LET_IN, BI, False)]
    (since,) = found.since
    assert (since.entry, since.requests, since.turn) == (BI, 2, found.turns[1])
    assert (since.turn.policy, since.turn.previous, since.turn.resource) == (new, old, "default")
    assert since.last == site.events[-1]["timestamp"]


def test_who_lets_it_in_may_change_and_since_when_does_not(tmp_path):
    site = Site(tmp_path, [APP])
    site.reload([APP, BI])
    site.reload([PATTERN])
    site.reload([PATTERN, EVIL])
    found = site.blame(BI)
    assert told(found)[1:] == [("reload", LET_IN, BI, False), ("reload", LET_IN, PATTERN, False)]
    assert [(since.entry, since.turn) for since in found.since] == [(PATTERN, found.turns[1])]


def test_an_origin_that_was_shut_out_again_is_not_let_in(tmp_path):
    site = Site(tmp_path, [BI])
    site.reload([APP])
    assert told(site.blame(BI)) == [("start", LET_IN, BI, True), ("reload", REFUSED, "", False)]
    assert site.blame(BI).since == ()


def test_an_origin_that_was_shut_out_and_let_in_again_is_so_since_then(tmp_path):
    site = Site(tmp_path, [BI])
    site.reload([APP])
    site.reload([BI])
    (since,) = site.blame(BI).since
    assert since.turn == site.blame(BI).turns[-1]


def test_what_holds_since_the_log_begins_may_have_held_before(tmp_path):
    (since,) = Site(tmp_path, [APP]).blame(APP).since
    assert (since.turn.cause, since.turn.is_first, since.requests, since.last) == ("start", True, 0, "")


def test_a_restart_with_another_policy_is_a_change_too(tmp_path):
    site = Site(tmp_path, [APP])
    site.write([BI])
    site.start()
    assert told(site.blame(BI)) == [("start", REFUSED, "", True), ("start", LET_IN, BI, False)]


def test_other_processes_that_say_the_same_change_nothing(tmp_path):
    site = Site(tmp_path, [APP])
    site.start()
    site.start()
    assert len(site.blame(APP).turns) == 1


def test_a_reload_that_was_rejected_changes_nothing(tmp_path):
    site = Site(tmp_path, [APP])
    with pytest.raises(ValueError, match="origin-has-path"):
        site.reload([f"{BI}/"])
    assert told(site.blame(BI)) == [("start", REFUSED, "", True)]


# --- where only part of the log is there ---------------------------------------------------------------


def visited(folder):
    site = Site(folder, [APP])
    site.ask(BI)
    site.reload([PATTERN])
    site.ask(BI)
    return site


def test_decisions_alone_tell_when_it_was_first_let_in_and_by_what(tmp_path):
    site = visited(tmp_path)
    site.keep(lambda event: not is_about_policies(event))
    found = site.blame(BI)
    assert told(found) == [("seen", REFUSED, "", True), ("seen", LET_IN, PATTERN, False)]
    assert found.turns[1].at == site.events[-1]["timestamp"]


def test_policies_alone_tell_who_would_be_let_in(tmp_path):
    site = visited(tmp_path)
    site.keep(is_about_policies)
    assert told(site.blame("https://new.example.com")) == [
        ("start", REFUSED, "", True),
        ("reload", LET_IN, PATTERN, False),
    ]


def test_a_log_that_begins_with_the_change_tells_that_the_entry_was_added_then(tmp_path):
    site = visited(tmp_path)
    changed = next(e for e in site.events if e["event"] == "cors.policy.changed")
    site.keep(lambda event: event["timestamp"] >= changed["timestamp"])
    assert told(site.blame(BI)) == [("reload", LET_IN, PATTERN, False)]


def test_a_log_that_begins_with_a_change_of_something_else_tells_that_it_was_so_before(tmp_path):
    site = Site(tmp_path, [APP])
    site.reload([APP, EVIL])
    changed = next(e for e in site.events if e["event"] == "cors.policy.changed")
    site.keep(lambda event: event["timestamp"] >= changed["timestamp"])
    assert told(site.blame(APP)) == [("reload", LET_IN, APP, True)]


def test_a_policy_of_which_nothing_is_told_is_not_known(tmp_path):
    site = visited(tmp_path)
    site.keep(lambda event: event["event"] == "cors.policy.changed" or event.get("cors.origin") == EVIL)
    assert [turn.standing for turn in site.blame(BI).turns] == []
    assert [turn.standing for turn in site.blame(EVIL).turns] == [REFUSED, UNKNOWN]


def test_policies_that_decide_before_the_log_tells_of_them_are_seen(tmp_path):
    site = Site(tmp_path, [APP])
    site.ask(APP)
    late = site.events
    site.start()
    begun = [json.dumps(event) for event in (*late[1:], *site.events[len(late) :])]
    site.log.write_text("".join(f"{line}\n" for line in begun))
    found = site.blame(APP)
    assert told(found) == [("seen", LET_IN, APP, True)]
    assert found.turns[0].at == late[2]["timestamp"]


def test_a_refusal_for_its_method_says_nothing_of_the_origin(tmp_path):
    site = Site(tmp_path, [APP])
    site.app.test_client().options("/items", headers={"Origin": APP, "Access-Control-Request-Method": "LOCK"})
    site.keep(lambda event: event.get("cors.origin") == APP)
    assert told(site.blame(APP)) == [("seen", UNKNOWN, "", True)]


def test_a_function_is_known_by_what_it_decided(tmp_path):
    log = tmp_path / "audit.jsonl"
    app, _ = make(AUDIT_SINK=f"file:{log}", options={"origins": lambda **asked: asked["origin"] == APP})
    for origin in (APP, EVIL):
        app.test_client().get("/items", headers={"Origin": origin})
    for origin, expected in ((APP, (LET_IN, "callable")), (EVIL, (REFUSED, "")), (BI, (UNKNOWN, ""))):
        asked = question(origin)
        found = answers([str(log)], [asked])
        (turn,) = blame(origin, found.policies, found.rows[asked.name]).turns
        assert (turn.standing, turn.entry) == expected


def test_apps_of_one_log_are_told_apart(tmp_path):
    log = tmp_path / "audit.jsonl"
    for name, origins in (("shop", APP), ("blog", BI)):
        app, _ = make({"OTEL_SERVICE_NAME": name}, ORIGINS=origins, AUDIT_SINK=f"file:{log}")
        app.test_client().get("/items", headers={"Origin": APP})
    asked = question(APP)
    found = answers([str(log)], [asked])
    turns = blame(APP, found.policies, found.rows[asked.name]).turns
    assert [(turn.service, turn.standing) for turn in turns] == [("shop", LET_IN), ("blog", REFUSED)]


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.sampled_from([APP, BI, PATTERN]), unique=True), min_size=1, max_size=6),
    st.booleans(),
)
def test_the_time_line_is_the_truth_however_often_the_policy_changes(tmp_path_factory, policies, asked):
    site = Site(tmp_path_factory.mktemp("site"), policies[0])
    truth = []
    for number, origins in enumerate(policies):
        if number:
            site.reload(origins)
        if asked:
            site.ask(BI)
        entry = BI if BI in origins else PATTERN if PATTERN in origins else ""
        if not truth or truth[-1] != entry:
            truth.append(entry)
    found = site.blame(BI)
    assert [turn.entry for turn in found.turns] == truth
    assert [since.entry for since in found.since] == [entry for entry in truth[-1:] if entry]
    if found.since:
        start = max((i for i, entry in enumerate(truth) if not entry), default=-1) + 1
        assert found.since[0].turn == found.turns[start]


def test_a_time_line_without_times_stands_in_order(tmp_path):
    site = Site(tmp_path, [APP])
    site.reload([APP, PATTERN])
    site.reload([APP])
    site.reload([APP, BI])
    known = told(site.blame(BI))
    site.log.write_text(
        "".join(f"{json.dumps(e | {'timestamp': e['timestamp'].rstrip('Z')})}\n" for e in site.events)
    )
    found = site.blame(BI)
    assert told(found) == known
    assert {turn.at for turn in found.turns} == {""}
