"""The same questions to the same log have the same answers, whoever counts."""

import json
from functools import partial

import pytest
from apps import APP, EVIL, make, preflight

from flask_cors_env.answers.engine import ENGINES
from flask_cors_env.answers.engine import answers as answers_of
from flask_cors_env.answers.files import LogError
from flask_cors_env.answers.questions import SHAPES, Check, Question, Row, Where, Window
from flask_cors_env.answers.verify import verify

REFUSED = Question(
    "refused", ("cors_origin",), (Where("cors_decision", Check.IS, "deny"),), ("cors_reasons",)
)
STAMP = "2026-03-02T00:00:00.000000Z"


@pytest.fixture(params=ENGINES)
def answers(request):
    return partial(answers_of, engine=request.param)


@pytest.fixture
def log(tmp_path):
    """The log of a real app: two origins let in, one refused for two reasons."""
    path = tmp_path / "audit.jsonl"
    origins = f"{APP} https://*.partners.example.org"
    app, _ = make(ORIGINS=origins, METHODS="GET", AUDIT_SINK=f"file:{path}")
    client = app.test_client()
    for origin in (APP, APP, "https://a.partners.example.org"):
        client.get("/items", headers={"Origin": origin})
    for method in ("GET", "PUT", "PUT"):
        preflight(client, origin=EVIL, method=method)
    return path


def stamps(log):
    return [json.loads(line)["timestamp"] for line in log.read_text().splitlines()]


def test_a_question_counts_by_its_keys_and_tells_when_and_how_many_different(answers, log):
    _, *times = stamps(log)
    found = answers([str(log)], [REFUSED])
    assert found.rows == {"refused": (Row((EVIL,), 3, times[3], times[5], (2,)),)}


def test_rows_stand_by_count_and_then_by_keys(answers, log):
    shapes = answers([str(log)], [SHAPES]).rows["shapes"]
    named = [row.named(SHAPES) for row in shapes]
    assert [
        (row.count, n["cors_decision"], n["cors_origin"]) for row, n in zip(shapes, named, strict=True)
    ] == [
        (2, "allow", APP),
        (2, "deny", EVIL),
        (1, "allow", "https://a.partners.example.org"),
        (1, "deny", EVIL),
    ]


@pytest.mark.parametrize(
    ("window", "count"),
    [
        ({}, 3),
        ({"origin": APP}, 0),
        ({"origin": EVIL, "resource": "default"}, 3),
        ({"resource": "api"}, 0),
        ({"reason": "method_not_allowed"}, 2),
        ({"reason": "method"}, 0),
    ],
)
def test_a_window_narrows_what_is_counted(answers, log, window, count):
    rows = answers([str(log)], [REFUSED], window=Window(**window)).rows["refused"]
    assert sum(row.count for row in rows) == count


def test_a_window_of_time_has_its_beginning_and_not_its_end(answers, log):
    times = stamps(log)
    rows = answers([str(log)], [REFUSED], window=Window(since=times[4], until=times[6])).rows["refused"]
    assert [row.count for row in rows] == [2]


def test_the_log_alone_tells_the_policy(answers, log):
    (policy,) = answers([str(log)], []).policies
    assert (policy.event, policy.service, policy.timestamp) == ("cors.policy.loaded", "shop", stamps(log)[0])
    assert json.loads(policy.document)["resources"][0]["origins"] == ["https://*.partners.example.org", APP]


def test_a_policy_that_is_told_in_parts_is_joined(answers, tmp_path):
    path = tmp_path / "audit.jsonl"
    origins = [f"https://shop-{n}.example.com" for n in range(200)]
    make(ORIGINS=" ".join(origins), AUDIT_SINK=f"file:{path}")[0].test_client().get("/")
    parts = path.read_text().splitlines()
    assert len(parts) > 2
    (policy,) = answers([str(path)], []).policies
    assert json.loads(policy.document)["resources"][0]["origins"] == sorted(origins)
    path.write_text("\n".join(parts[1:]))
    (policy,) = answers([str(path)], []).policies
    assert policy.document is None


def test_a_name_that_stands_for_nothing_is_said(answers, tmp_path):
    with pytest.raises(LogError, match="is no file, and no pattern that names one"):
        answers([str(tmp_path / "*.jsonl")], [])


def test_losses_are_accounted_for_alike_by_every_engine_and_by_verify(answers, tmp_path):
    def line(number, **fields):
        event = {
            "cors.schema": 1,
            "event": "cors.decision",
            "log.record.uid": f"0123456789ab-{number}",
            **fields,
        }
        return json.dumps(event, separators=(",", ":"))

    gap = line(90, **{"event": "cors.audit.gap", "cors.audit.lost": 2, "timestamp": STAMP})
    lines = [*(line(n) for n in range(5, 80) if n != 64), line(80)[:-1], line(87), gap, line(87), line(200)]
    path = tmp_path / "audit.jsonl"
    path.write_text("\n".join(lines))
    found = answers([str(path)], [])
    (writer,) = found.verification.writers
    assert (writer.records, writer.last, writer.told, writer.torn, writer.before) == (77, 200, 2, 1, 4)
    assert (writer.holes, writer.duplicates) == (((64, 64), (81, 86), (91, 199)), 1)
    assert found.verification == verify([lines])
    (told,) = found.gaps
    assert (told["timestamp"], told["cors_audit_lost"]) == (STAMP, "2")
