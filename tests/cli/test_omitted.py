"""A log that does not hold what was allowed proves nothing of it, and says why."""

import json
import logging

import pytest
from apps import APP, EVIL, make, preflight
from click.testing import CliRunner

from flask_cors_env.answers.omitted import omissions
from flask_cors_env.cli import cors

DENY = "leaves out allowed requests (CORS_AUDIT_LEVEL=deny)"


def invoke(*words):
    done = CliRunner().invoke(cors, words)
    return done.exit_code, done.stdout, done.stderr


def logged(path, **settings):
    app, _ = make(ORIGINS=APP, AUDIT_SINK=f"file:{path}", **settings)
    client = app.test_client()
    for origin in (APP, EVIL):
        preflight(client, origin=origin, method="GET")
        client.get("/items", headers={"Origin": origin})
    return str(path)


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "new.env"
    path.write_text(f"CORS_ORIGINS={APP}\n")
    return str(path)


@pytest.mark.parametrize("command", ["suggest", "replay"])
def test_a_log_of_denials_alone_is_refused_with_what_to_set(command, policy, tmp_path):
    log = logged(tmp_path / "audit.jsonl", AUDIT_LEVEL="deny")
    more = ["--policy", policy] if command == "replay" else []
    status, out, err = invoke(command, log, *more)
    assert (status, out) == (2, "")
    assert f"the log {DENY}, so it proves nothing of them. Set CORS_AUDIT_LEVEL=decision" in err


@pytest.mark.parametrize("command", ["suggest", "replay"])
def test_a_log_of_decisions_is_judged(command, policy, tmp_path):
    log = logged(tmp_path / "audit.jsonl")
    more = ["--policy", policy] if command == "replay" else []
    assert invoke(command, log, *more)[0] == 0


def test_a_handler_that_drops_info_leaves_a_log_that_is_refused(policy, tmp_path):
    path = tmp_path / "audit.jsonl"
    logger, handler = logging.getLogger("flask_cors_env.audit"), logging.FileHandler(path)
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        app, _ = make(ORIGINS=APP, AUDIT_SINK="auto")
        client = app.test_client()
        for origin in (APP, EVIL):
            client.get("/items", headers={"Origin": origin})
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        handler.close()
    status, out, err = invoke("replay", str(path), "--policy", policy)
    assert (status, out) == (2, "")
    assert "the app's logging drops level info" in err


def test_verify_says_what_is_left_out_on_purpose(tmp_path):
    log = logged(tmp_path / "audit.jsonl", AUDIT_LEVEL="deny")
    status, out, _ = invoke("verify", log)
    assert (status, out.splitlines()[-1]) == (
        0,
        f"on purpose, the log {DENY}. Set CORS_AUDIT_LEVEL=decision",
    )
    assert json.loads(invoke("verify", log, "--json")[1])["omitted"] == [DENY]
    whole = logged(tmp_path / "whole.jsonl")
    assert json.loads(invoke("verify", whole, "--json")[1])["omitted"] == []


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"cors.audit.level": "decision", "cors.audit.enabled": True}, []),
        ({"cors.audit.level": "all"}, []),
        ({"cors_audit_level": "deny"}, ["allowed requests (CORS_AUDIT_LEVEL=deny)"]),
        ({"cors.audit.enabled": False, "cors.audit.level": "deny"}, ["every request (CORS_AUDIT=off)"]),
        (
            {"cors.audit.suppressed": "debug,info,warning"},
            [
                "allowed requests (the app's logging drops level info)",
                "denied requests (the app's logging drops level warning)",
            ],
        ),
    ],
)
def test_every_way_of_leaving_out_is_told(record, what):
    assert [omission.what.removeprefix("leaves out ") for omission in omissions([record])] == what
