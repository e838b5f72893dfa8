"""What a developer is told in the first hour: that production is a fallback, and whose error it is."""

import json
import logging

import pytest
from flask import Flask

from flask_cors_env import CORS
from flask_cors_env.audit.opening import open_log
from flask_cors_env.config.environment import FALLBACK
from flask_cors_env.web import start

LINE = f"CORS: the rules of production hold. {FALLBACK}"
NARROWED = """CORS: CORS_ALLOW_HEADERS  in the defaults of %s                          [headers-default]
  lets pages set these headers alone: Authorization, Content-Type. flask-cors allows any.
  Name those that the app reads"""
WERKZEUG = {"SERVER_SOFTWARE": "Werkzeug/3.1.9"}
PAGE = {"HTTP_ORIGIN": "http://localhost:5173"}


@pytest.fixture(autouse=True)
def _unsaid(monkeypatch):
    monkeypatch.setattr(start, "_SAID", set())


def told(caplog, *requests, environ=None, views=1):
    """The lines about the fallback, after each request of an app that nothing names an environment for."""
    app = Flask("shop")
    app.add_url_rule("/", "index", lambda: "")
    CORS(app, environ={"SERVER_SOFTWARE": "x"} if environ is None else environ)
    found = []
    with caplog.at_level(logging.WARNING, "flask_cors_env"):
        for request in requests * views:
            assert app.test_client().get("/", environ_base=request).status_code == 200
            found.append([r.getMessage() for r in caplog.records].count(LINE))
    return found


@pytest.mark.parametrize(
    ("requests", "lines"),
    [
        ([WERKZEUG, WERKZEUG], [1, 1]),
        ([PAGE], [1]),
        ([{}, {"HTTP_ORIGIN": "https://a.example"}, PAGE, PAGE], [0, 0, 1, 1]),
        ([{"HTTP_ORIGIN": "http://[::1]:3000"}, {"HTTP_ORIGIN": "http://127.0.0.1"}], [1, 1]),
        ([{"HTTP_ORIGIN": "https://localhost.example"}, {"HTTP_ORIGIN": "http://127.0.0.1.example"}], [0, 0]),
    ],
)
def test_where_production_is_a_fallback_a_developer_is_told_once(caplog, requests, lines):
    assert told(caplog, *requests) == lines


@pytest.mark.parametrize(
    "named", [{"CORS_ENV": "production"}, {"APP_ENV": "staging"}, {"CORS_ENV": "development"}]
)
def test_where_the_environment_is_named_nothing_is_told(caplog, named):
    assert told(caplog, PAGE | WERKZEUG, environ=named) == [0]


def test_a_process_tells_it_once_for_all_its_apps(caplog):
    assert told(caplog, PAGE) == [1]
    assert told(caplog, PAGE) == [1]


def test_the_line_changes_no_decision_and_comes_first(caplog, tmp_path):
    log = tmp_path / "audit.jsonl"
    assert told(caplog, PAGE, environ={"SERVER_SOFTWARE": "x", "CORS_AUDIT_SINK": f"file:{log}"}) == [1]
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["event"] for event in events] == ["cors.policy.loaded", "cors.decision"]
    assert events[1]["cors.decision"] == "deny"
    assert caplog.records[0].getMessage() == LINE


def test_an_exception_that_no_handler_takes_is_named_in_the_event(tmp_path):
    log = tmp_path / "audit.jsonl"
    app = Flask("shop")
    app.add_url_rule("/", "index", lambda: 1 / 0)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    CORS(app, environ={"CORS_ENV": "development", "CORS_AUDIT_SINK": f"file:{log}"})
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/", headers={"Origin": "http://localhost:5173"})
    event = json.loads(log.read_text().splitlines()[-1])
    assert (event["error.type"], "debugger_response" in event["cors.notes"]) == ("ZeroDivisionError", True)
    assert event["cors.remedy.hint"].endswith(
        "The browser will call this a CORS error; it is your exception."
    )


@pytest.mark.parametrize("environment", ["development", "testing", "staging", "production"])
def test_at_a_terminal_events_are_sentences_in_every_environment(monkeypatch, environment):
    settings = {"AUDIT": True, "AUDIT_LEVEL": "decision", "AUDIT_FORMAT": "auto", "AUDIT_SINK": "stderr"}
    settings |= {"AUDIT_CLIENT": "off", "AUDIT_PATH": False, "AUDIT_KEY_FILE": None}
    for is_terminal, form in ((True, "console"), (False, "json")):
        monkeypatch.setattr("flask_cors_env.audit.opening.is_terminal", lambda _, found=is_terminal: found)
        log = open_log(None, settings, name="shop", environment=environment, environ={})
        assert log.facts["cors.audit.format"] == form


@pytest.mark.parametrize(
    ("environ", "options", "lines"),
    [
        ({"CORS_ENV": "production"}, {"origins": "https://a.example"}, 1),
        ({"CORS_ENV": "production"}, {"resources": {"/": {"origins": "https://a.example"}}}, 1),
        ({"CORS_ENV": "development"}, {"origins": "https://a.example"}, 0),
        ({"CORS_ENV": "production"}, {"origins": "https://a.example", "allow_headers": "X-A"}, 0),
        ({"CORS_ENV": "production", "CORS_ORIGINS": "https://a.example"}, {}, 0),
        ({"CORS_ENV": "production"}, {}, 0),
    ],
)
def test_the_code_of_flask_cors_is_told_once_that_fewer_headers_are_allowed(environ, options, lines, caplog):
    app = Flask("shop")
    app.add_url_rule("/", "index", lambda: "")
    with caplog.at_level(logging.INFO, "flask_cors_env"):
        CORS(app, environ=environ, **options)
        for _ in range(2):
            app.test_client().get("/")
    told = [record.getMessage() for record in caplog.records if record.name == "flask_cors_env"]
    assert told.count(NARROWED % "production") == lines
    assert sum("headers-default" in line for line in told) == lines
