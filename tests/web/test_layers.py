"""Layers that the policy does not decide about: found, reported once, and left alone where they share."""

import logging

import pytest
from apps import APP, EVIL, events, protocol_fields
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client
from whitenoise import WhiteNoise

from flask_cors_env import CORS

ENVIRON = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}
VARY = {"Vary": "Origin"}


def socketio(app):
    SocketIO(app, async_mode="threading", cors_allowed_origins="*")


def whitenoise(app, **options):
    app.wsgi_app = WhiteNoise(app.wsgi_app, **options)


def closure(app):
    inner = app.wsgi_app

    def layer(environ, start_response):
        return inner(environ, start_response)

    app.wsgi_app = layer


def open_layers(app):
    """Two that a walk can pass, and that share nothing."""
    app.wsgi_app = ProxyFix(DispatcherMiddleware(app.wsgi_app, {"/other": Flask("other")}))


def governed(layer, order, **options):
    app = Flask("shop")
    if order == "below":
        layer(app)
    CORS(app, environ=ENVIRON, **{"origins": [APP], **options})
    if order == "above":
        layer(app)
    return app


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if r.name == "flask_cors_env"]


REPORTED = [
    (socketio, "flask_socketio._SocketIOMiddleware", "sets CORS fields itself"),
    (whitenoise, "whitenoise.base.WhiteNoise", "sets CORS fields itself"),
    (closure, "tests.web.test_layers.closure.<locals>.layer", "a layer we do not know"),
]


@pytest.mark.parametrize("order", ["above", "below"])
@pytest.mark.parametrize("reported", REPORTED)
def test_it_is_reported_once_with_its_place(reported, order, caplog, capfd):
    layer, name, sentence = reported
    app = governed(layer, order)
    for _ in range(3):
        app.test_client().get("/", headers={"Origin": APP})
    (warning,) = warnings_of(caplog)
    assert name in warning
    assert sentence in warning
    (loaded,) = events(capfd.readouterr().err, "cors.policy.loaded")
    assert loaded["cors.policy.layers"] == f"{name} {order}"


@pytest.mark.parametrize("order", ["above", "below"])
@pytest.mark.parametrize(
    "layer", [open_layers, lambda app: whitenoise(app, allow_all_origins=False), lambda _: None]
)
def test_what_shares_nothing_and_hides_nothing_is_not_reported(layer, order, caplog, capfd):
    governed(layer, order).test_client().get("/", headers={"Origin": APP})
    assert warnings_of(caplog) == []
    (loaded,) = events(capfd.readouterr().err, "cors.policy.loaded")
    assert "cors.policy.layers" not in loaded


def test_a_ring_of_layers_ends():
    app = Flask("shop")
    CORS(app, environ=ENVIRON, origins=[APP])

    class Ring:
        inner = app.wsgi_app

        def __init__(self):
            self.app = self

        def __call__(self, *arguments):
            return Ring.inner(*arguments)

    app.wsgi_app = Ring()
    assert app.test_client().get("/", headers={"Origin": APP}).status_code == 404


def test_files_of_a_layer_below_stay_everyones(tmp_path, capfd):
    (tmp_path / "a.woff2").write_text("font")
    app = governed(lambda app: whitenoise(app, root=tmp_path, prefix="assets/"), "below")
    for origin in (APP, EVIL):
        answer = app.test_client().get("/assets/a.woff2", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        answer.close()
    assert events(capfd.readouterr().err) == []


def nested(inner_options, outer_options):
    """A governed app that is mounted below the wrapper of another one."""
    inner = Flask("inner")
    inner.add_url_rule("/x", "x", lambda: "inner")
    CORS(inner, environ=ENVIRON, **inner_options)

    def mount(app):
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/inner": inner})

    return governed(mount, "below", **outer_options)


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("origin", [None, APP, EVIL])
def test_of_nested_apps_only_the_one_that_serves_sets_fields(copies, origin, capfd):
    everyone = {"resources": {"/*": {"public": True}}}
    outer = nested({"origins": [EVIL]}, everyone)
    if copies:
        layer = outer.wsgi_app
        outer.wsgi_app = lambda environ, start: layer({**environ}, start)
    headers = {} if origin is None else {"Origin": origin}
    answer = Client(outer).get("/inner/x", headers=headers)
    assert answer.text == "inner"
    shared = {"Access-Control-Allow-Origin": EVIL} if origin == EVIL else {}
    assert protocol_fields(answer) == {**shared, **VARY}
    assert [e["service.name"] for e in events(capfd.readouterr().err)] == ["inner"] * (origin is not None)


def test_an_app_that_is_asked_by_a_view_with_the_same_environ_does_not_take_the_view_over(capfd):
    inner = Flask("inner")
    inner.add_url_rule("/x", "x", lambda: "inner")
    CORS(inner, environ=ENVIRON, origins=[EVIL])
    outer = governed(open_layers, "below")

    @outer.get("/x")
    def view():
        from flask import request

        return Client(inner).open("/x", headers={"Origin": request.headers["Origin"]}).text

    assert (
        outer.test_client().get("/x", headers={"Origin": APP}).headers["Access-Control-Allow-Origin"] == APP
    )
    assert [e["cors.decision"] for e in events(capfd.readouterr().err)] == ["deny", "allow"]


def test_a_warning_is_one_for_the_process_and_not_of_the_commands(caplog):
    app = governed(socketio, "below")
    with app.app_context():
        assert warnings_of(caplog) == []
    app.test_client().get("/")
    assert [r.levelno for r in caplog.records if r.name == "flask_cors_env"] == [logging.WARNING]
