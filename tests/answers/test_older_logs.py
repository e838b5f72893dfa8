"""What an older version wrote is read by every later one; log-0.1.0.jsonl is as version 0.1.0 wrote it."""

import json
from pathlib import Path

import pytest

from flask_cors_env.answers.blame import blame, question
from flask_cors_env.answers.engine import ENGINES, answers
from flask_cors_env.answers.evidence import evidence
from flask_cors_env.answers.questions import SHAPES, WHOLE
from flask_cors_env.answers.replay import Outcome, replay
from flask_cors_env.answers.report import QUESTIONS, report
from flask_cors_env.answers.suggest import suggest
from flask_cors_env.core.reason import Verdict

LOG = Path(__file__).with_name("log-0.1.0.jsonl")
APP, BI, PARTNER = "https://app.example.com", "https://bi.example.com", "https://partner-7.example.net"
ONE = "https://one.preview.example.com"


def renamed(text):
    """The log as later versions write the policy's document, in its numbered parts."""
    assert text.count('"cors.policy":') == 4
    return text.replace('"cors.policy":', '"cors.policy.document":')


@pytest.fixture(params=["as 0.1.0 wrote it", "as later versions write it"])
def log(request, tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_text(LOG.read_text() if "0.1.0" in request.param else renamed(LOG.read_text()))
    return str(path)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_reported_whole(engine, log):
    made = report(answers([log], QUESTIONS, engine=engine), WHOLE)
    assert (made.total(Verdict.ALLOW), made.total(Verdict.DENY)) == (8, 6)
    assert [(one.origin, one.requests) for one in made.admissions][:2] == [(BI, 3), (APP, 2)]
    assert [turn.event.rpartition(".")[2] for turn in made.turns] == [
        "loaded",
        "changed",  # what a reload loads is told with it
        "rejected",
    ]
    stands = {entry.entry: entry.stands for entry in made.entries}
    assert (stands[PARTNER], stands["https://partner-8.example.net"], len(stands)) == (True, True, 64)
    assert (made.verification.records, made.verification.is_whole) == (20, True)


@pytest.mark.parametrize("engine", ENGINES)
def test_its_policies_judge_its_requests_anew(engine, log):
    told = evidence(answers([log], [SHAPES], engine=engine))
    latest = told.policies[told.history[-1].id]
    outcomes = {
        one.shape.request.origin: one.outcome for one in replay(told.shapes, told.policies, latest).judged
    }
    assert outcomes.pop(BI) in {Outcome.SAME, Outcome.ALLOWED}
    assert set(outcomes.values()) == {Outcome.SAME}
    made = suggest(told, "production")
    assert made.variables["CORS_RESOURCES__API__ORIGINS"] == f"{APP},{BI},{ONE},{PARTNER}"
    assert made.is_proved


@pytest.mark.parametrize("engine", ENGINES)
def test_it_tells_since_when_an_origin_is_let_in(engine, log):
    asked = question(BI)
    found = answers([log], [asked], engine=engine)
    turns = [
        turn for turn in blame(BI, found.policies, found.rows[asked.name]).turns if turn.resource == "api"
    ]
    assert [(turn.cause, turn.standing) for turn in turns] == [("start", "refused"), ("reload", "let in")]


def test_both_engines_read_it_alike(log):
    one, two = (answers([log], [*QUESTIONS, SHAPES], engine=engine) for engine in ENGINES)
    assert one == two


def test_a_reason_of_a_later_version_lets_nobody_in(tmp_path):
    path = tmp_path / "audit.jsonl"
    later = {"cors.reason": "moon_not_full", "cors.reasons": "moon_not_full"}
    lines = [json.loads(line) for line in LOG.read_text().splitlines()]
    denied = [
        line | later for line in lines if line.get("cors.decision") == "deny" and "cors.resource" in line
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in denied))
    asked = question(APP)
    found = answers([str(path)], [asked])
    made = blame(APP, found.policies, found.rows[asked.name])
    assert [turn.standing for turn in made.turns] == ["unknown"]
    assert made.since == ()
