"""Whatever fails, and whatever it raises: nothing is shared, the event is written, and the rest goes on."""

import gc
import weakref
from pathlib import Path

import gevent
import pytest
import structlog
from apps import APP, EVIL, events, make, preflight, protocol_fields
from flask import Flask, Response, request
from werkzeug.routing import Rule
from werkzeug.test import create_environ

from flask_cors_env import CORS, cors_decided, cross_origin
from flask_cors_env.web import prepared

VARY = {"Vary": "Origin"}
OPEN = Path("/proc/self/fd")
#: No Exceptions, and failures all the same.
FAILURES = [gevent.Timeout, structlog.DropEvent, ValueError]
#: What ends whoever runs, and goes on.
ENDS = [SystemExit, KeyboardInterrupt, GeneratorExit, gevent.GreenletExit]


def raising(error):
    def failing(*_args, **_named):
        raise error

    return failing


def get(app, origin=APP, path="/items", **overrides):
    return app.test_client().get(path, headers={"Origin": origin}, environ_overrides=overrides)


@pytest.mark.parametrize("error", [*FAILURES, *ENDS])
def test_a_view_that_raises_has_its_event_and_its_error_goes_on(error, capfd):
    app, _ = make(ORIGINS=APP, before=lambda app: app.add_url_rule("/fail", "fail", raising(error)))
    app.testing = True
    with pytest.raises(error):
        get(app, path="/fail")
    (event,) = events(capfd.readouterr().err)
    assert (event["cors.notes"], event["http.response.status_code"]) == ("debugger_response", 500)


@pytest.mark.parametrize("error", [*FAILURES, *ENDS])
def test_a_body_that_raises_before_the_response_starts_has_its_event(error, capfd):
    def lazy(_environ, _start_response):
        yield from raising(error)()

    app, _ = make(ORIGINS=APP, before=lambda app: setattr(app, "wsgi_app", lazy))
    environ = create_environ("/items", headers={"Origin": APP})
    with pytest.raises(error):
        list(app(environ, lambda *_: None))
    (event,) = events(capfd.readouterr().err)
    assert event["http.response.status_code"] == 500


@pytest.mark.parametrize("error", FAILURES)
def test_a_function_given_as_origins_that_raises_lets_nobody_in(error, capfd):
    app, _ = make(options={"origins": raising(error)})
    assert protocol_fields(get(app)) == VARY
    assert preflight(app.test_client()).status_code == 403
    told = [event["cors.reason"] for event in events(capfd.readouterr().err)]
    assert told == ["internal_error", "internal_error"]


@pytest.mark.parametrize("error", FAILURES)
def test_a_receiver_that_raises_changes_nothing(error):
    app, _ = make(ORIGINS=APP)
    failing = raising(error)
    with cors_decided.connected_to(failing, app):
        assert protocol_fields(get(app)) == {"Access-Control-Allow-Origin": APP, **VARY}


@pytest.mark.parametrize("error", [*FAILURES, *ENDS])
def test_a_line_that_a_processor_stops_is_counted_whatever_it_raises(error, capfd):
    def stop(_logger, _level, event):
        if event.get("cors.decision") == "deny":
            raise error
        return event

    app, _ = make(ORIGINS=APP, options={"audit_processors": [stop]})
    if error in ENDS:
        with pytest.raises(error):
            get(app, EVIL)
    else:
        assert get(app, EVIL).status_code == 200
    get(app)
    gap = capfd.readouterr().err.splitlines()[-1]
    assert '"cors.audit.lost":1,' in gap
    assert f'"error.type":"{error.__name__}"' in gap


def test_what_is_told_of_a_lost_event_names_no_line():
    def stop(_logger, _level, event):
        if event["event"] == "cors.decision":
            raise OSError
        return event

    told = []
    app, _ = make(environ={"CORS_ENV": "development"}, ORIGINS=APP, options={"audit_processors": [stop]})
    with cors_decided.connected_to(lambda _sender, uid, **_: told.append(uid), app):
        assert "CORS-Decision-Id" not in get(app).headers
    assert told == [""]


def test_a_failure_of_our_own_does_not_let_a_view_run_where_denials_are_enforced(monkeypatch, capfd):
    app, _ = make(ORIGINS=APP, ENFORCE="true")
    monkeypatch.setattr(prepared, "decide_within", raising(ZeroDivisionError))
    assert get(app).status_code == 403
    assert app.ran == []
    (event,) = events(capfd.readouterr().err)
    assert event["cors.reason"] == "internal_error"


def test_a_hook_that_takes_the_origin_away_takes_no_decision_away(capfd):
    app, _ = make(ORIGINS=APP)
    app.add_url_rule("/marked", "marked", cross_origin(APP)(lambda: ""))
    app.before_request(lambda: request.environ.pop("HTTP_ORIGIN") and None)
    assert protocol_fields(get(app, path="/marked")) == {"Access-Control-Allow-Origin": APP, **VARY}
    (event,) = events(capfd.readouterr().err)
    assert (event["cors.decision"], event["cors.resource"]) == ("allow", "view:marked")


def adopted(monkeypatch):
    """An app with a governed view and no CORS, and what a server has that took hold of it at once."""
    monkeypatch.setenv("CORS_ENV", "production")
    monkeypatch.setenv("CORS_AUDIT_SINK", "stderr")
    app = Flask("shop")
    app.add_url_rule("/items", "items", cross_origin(APP)(lambda: ""))
    app.add_url_rule("/fail", "fail", cross_origin(APP)(raising(ZeroDivisionError)))
    return app, app.wsgi_app


def test_a_hook_of_an_adopted_app_shares_nothing_that_the_policy_does_not(monkeypatch, capfd):
    app, taken = adopted(monkeypatch)

    @app.after_request
    def share(response):
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    for origin, shared in ((EVIL, VARY), (APP, {"Access-Control-Allow-Origin": APP, **VARY})):
        environ = create_environ("/items", headers={"Origin": origin})
        assert protocol_fields(Response.from_app(taken, environ)) == shared
    assert {event["cors.notes"] for event in events(capfd.readouterr().err)} == {"response_conflict"}


def test_an_error_of_an_adopted_app_has_its_event_and_goes_on(monkeypatch, capfd):
    app, taken = adopted(monkeypatch)
    app.testing = True
    with pytest.raises(ZeroDivisionError):
        Response.from_app(taken, create_environ("/fail", headers={"Origin": APP}))
    (event,) = events(capfd.readouterr().err)
    assert (event["cors.notes"], event["http.response.status_code"]) == ("debugger_response", 500)


def test_a_path_of_any_length_is_not_kept():
    app, _ = make(ORIGINS=APP)
    get(app, path="/" + "a" * 10_000)
    (kept,) = app.extensions["cors_env"]._active.known.values()
    assert kept.request.path == ""


def test_a_method_of_any_length_is_not_kept():
    app, cors = make(ORIGINS=APP)
    app.add_url_rule("/marked", "marked", cors.exempt(lambda: ""))
    assert preflight(app.test_client(), "/marked", method="PUT").status_code == 200
    before = app.extensions["cors_env"]._active.selector._mark.cache_info().currsize
    for number in range(5):
        preflight(app.test_client(), "/marked", method=f"{number}" * 100)
    after = app.extensions["cors_env"]._active.selector._mark.cache_info().currsize
    assert after - before <= 2  # the methods that the path takes


def test_an_app_that_is_gone_leaves_nothing_behind(tmp_path):
    def serve(number):
        app, _ = make(AUDIT_SINK=f"file:{tmp_path / 'audit.jsonl'}", options={"origins": lambda **_: False})
        get(app, f"https://shop-{number}.test")
        return weakref.ref(app)

    serve(0)
    before = len(list(OPEN.iterdir()))
    apps = [serve(number) for number in range(1, 6)]
    gc.collect()
    assert len(list(OPEN.iterdir())) <= before
    assert [app() for app in apps] == [None] * 5


def test_a_host_that_is_none_is_told_of_no_method():
    app = Flask("shop")
    app.add_url_rule("/items", "items", cross_origin(APP, methods="auto")(lambda: ""), methods=["PUT"])
    CORS(app, environ={"CORS_ENV": "production", "CORS_ORIGINS": APP, "CORS_METHODS": "auto"})
    for host, method, answer in (
        ("shop.test", "PUT", (204, "PUT")),
        ("a..b", "PUT", (403, None)),
        ("a..b", "auto", (403, None)),
        ("a..b", "GET", (204, None)),
    ):
        asked = {"Origin": APP, "Access-Control-Request-Method": method, "Host": host}
        found = app.test_client().options("/items", headers=asked)
        assert (found.status_code, found.headers.get("Access-Control-Allow-Methods")) == answer


def test_a_rule_that_is_added_to_the_map_later_counts():
    app, _ = make(ORIGINS=APP, METHODS="auto")
    app.add_url_rule("/two", "read", cross_origin(APP)(lambda: ""))
    assert preflight(app.test_client(), "/two", method="GET").headers["Access-Control-Max-Age"] == "7200"
    app.view_functions["write"] = cross_origin(APP, max_age=60)(lambda: "")
    app.url_map.add(Rule("/two", endpoint="write", methods=["PUT"]))
    found = preflight(app.test_client(), "/two", method="GET").headers
    assert (found["Access-Control-Allow-Methods"], found["Access-Control-Max-Age"]) == ("GET, HEAD", "0")


def test_views_of_one_url_with_equal_policies_are_one():
    app, _ = make(ORIGINS=APP, METHODS="auto")
    app.add_url_rule("/two", "read", cross_origin(APP)(lambda: ""))
    app.add_url_rule("/two", "write", lambda: "", methods=["PUT"])
    app.add_url_rule("/two", "remove", cross_origin(max_age=7200)(lambda: ""), methods=["DELETE"])
    for method in ("GET", "PUT", "DELETE"):
        found = preflight(app.test_client(), "/two", method=method).headers
        assert found["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, PUT"
        assert found["Access-Control-Max-Age"] == "7200"
