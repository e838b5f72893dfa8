"""What flask-cors was told is read off the app, of whatever version it is."""

import re

import flask_cors
import pytest
from flask import Blueprint, Flask

from flask_cors_env.web.peer import OPTIONS, Found, Governed, Options, Route, find

APP = "https://app.example.com"
STATIC = Route("/static/<path:filename>", "static")


def shop(**options):
    app = Flask("shop")
    if options:
        flask_cors.CORS(app, **options)
    return app


def only(app):
    (governed,) = find(app).governed
    return governed


def test_an_app_without_flask_cors_has_nothing_to_read():
    assert not find(shop())
    assert find(shop()) == Found(routes=(STATIC,))


def test_options_are_read_as_flask_cors_has_resolved_them():
    app = shop(origins=[APP, r".*\.b$"], max_age=5, expose_headers=["X-B", "X-A"], supports_credentials=1)
    assert only(app) == Governed(
        "CORS(app)",
        (re.compile("/*"),),
        Options(
            origins=(re.compile(r".*\.b$", re.IGNORECASE), APP)[::-1],
            allow_headers=(re.compile(".*", re.IGNORECASE),),
            expose_headers="X-A, X-B",
            credentials=True,
            max_age=5,
        ),
        call=1,
    )


def test_the_defaults_are_those_of_flask_cors():
    told = only(shop(automatic_options=True)).options
    assert told == Options(
        (re.compile(".*", re.IGNORECASE),), any_origin=True, allow_headers=told.allow_headers
    )
    assert {f"CORS_{name}" for name in OPTIONS} == set(flask_cors.core.CONFIG_OPTIONS)


def test_an_older_versions_mapping_is_read_alike():
    older = {
        "origins": [".*"],
        "methods": "GET",
        "allow_headers": [".*"],
        "expose_headers": None,
        "supports_credentials": False,
        "max_age": None,
        "always_send": False,
    }
    told = Options.of(older)
    assert told == Options((".*",), any_origin=True, methods="GET", allow_headers=(".*",), always_send=False)


def test_the_call_that_flask_cors_asks_first_comes_first():
    app, blueprint = shop(origins=APP), Blueprint("v1", "v1", url_prefix="/v1")
    flask_cors.CORS(app, origins="https://b.example.com")
    flask_cors.CORS(blueprint, origins="https://c.example.com")

    @blueprint.get("/items")
    @flask_cors.cross_origin(origins="https://d.example.com")
    def items():
        return ""

    app.register_blueprint(blueprint)
    assert [(g.place, g.options.origins) for g in find(app).governed] == [
        ("@cross_origin v1.items", ("https://d.example.com",)),
        ("CORS(v1)", ("https://c.example.com",)),
        ("CORS(app)", ("https://b.example.com",)),
        ("CORS(app)", (APP,)),
    ]


def test_a_view_that_answers_options_itself_is_noticed():
    app = shop(origins=APP)
    assert not find(app).hooks
    app.add_url_rule("/items", "items", lambda: "", methods=["GET", "OPTIONS"])
    assert find(app).hooks


@pytest.mark.parametrize("rule", [{"subdomain": "api"}, {"host": "api.example.test"}])
def test_a_rule_for_one_host_is_noticed(rule):
    app = Flask("shop", host_matching="host" in rule, static_host="a.test" if "host" in rule else None)
    app.add_url_rule("/items", "items", lambda: "", **rule)
    assert Route("/items", "items", is_for_every_host=False) in find(app).routes


def bare(view):
    """A decorator without functools.wraps."""

    def guarded():
        return view()

    return guarded


def test_a_decorator_that_hides_the_wrapper_is_looked_through():
    app = shop()
    app.add_url_rule("/a", "a", bare(flask_cors.cross_origin(origins=APP)(lambda: "")))
    assert (only(app).endpoint, only(app).options.origins) == ("a", (APP,))


def test_a_view_that_calls_another_view_has_no_part_in_its_policy():
    app = shop()
    view = flask_cors.cross_origin(origins=APP)(lambda: "")
    app.add_url_rule("/a", "a", view)
    app.add_url_rule("/b", "b", bare(view))
    assert only(app).endpoint == "a"


def test_a_view_that_is_decorated_twice_is_left_to_a_hand():
    app = shop()
    twice = flask_cors.cross_origin(origins=APP)(flask_cors.cross_origin()(lambda: ""))
    app.add_url_rule("/a", "a", twice)
    assert (find(app).governed, find(app).unread) == ((), ("a",))
