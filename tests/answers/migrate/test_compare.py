"""What a browser would conclude otherwise is found, with the comment that speaks of it or without one."""

import dataclasses

import flask_cors
import pytest
from flask import Flask
from peers import translated
from werkzeug.routing import BaseConverter

from flask_cors_env.answers.migrate.compare import compare
from flask_cors_env.web.peer import find

APP = "https://app.example.com"


def shop(**options):
    app = Flask("shop", static_folder=None)
    app.ran = []

    @app.route("/items", methods=["GET", "PUT"])
    def items():
        app.ran.append("items")
        return ""

    flask_cors.CORS(app, **options)
    return app


def compared(app, translation=None):
    return compare(app, find(app), translation or translated(app))


def summary(comparison):
    """Each kind of change: origin, method, whether it is wider, and the codes of its comments."""
    return {
        (
            change.asked.page.origin,
            change.asked.page.method,
            change.before is None,
            *(line.difference.code for line in change.lines),
        )
        for change in comparison.changes
    }


def test_a_policy_that_is_translated_exactly_changes_nothing():
    comparison = compared(shop(origins=[APP]))
    assert (comparison.changes, comparison.routes, comparison.is_foreseen) == ((), ("/items",), True)


def test_a_hole_that_is_closed_is_told_with_its_comment():
    comparison = compared(shop(origins=[r"https://app\.example\.com"]))
    evil = "https://app.example.com.unlisted.example"
    assert summary(comparison) == {(evil, method, False, "origin-prefix") for method in ("GET", "PUT")}
    assert comparison.is_foreseen


def test_a_change_that_no_comment_speaks_of_is_told_as_such():
    app = shop(origins=[APP])
    other = translated(shop(origins=["https://other.example.com"]))
    comparison = compared(app, other)
    assert summary(comparison) == {(APP, "GET", False), (APP, "PUT", False)}
    assert not comparison.is_foreseen


def test_a_policy_that_is_wider_than_it_was_is_told():
    app = shop(origins=[APP], methods=["GET"])
    everything = dataclasses.replace(translated(shop(origins="*")), lines=())
    assert {change.before is None for change in compared(app, everything).changes} == {True}


def test_no_view_of_the_app_runs():
    app = shop(origins="*")
    compared(app)
    assert app.ran == []


def test_a_decorator_is_asked_as_it_runs():
    app = Flask("shop", static_folder=None)
    app.add_url_rule("/items", "items", flask_cors.cross_origin(origins=APP)(lambda: ""))
    app.add_url_rule("/other", "other", lambda: "")
    comparison = compared(app)
    assert (comparison.changes, comparison.routes) == ((), ("/items", "/other"))


def test_routes_of_hosts_and_subdomains_are_asked_there():
    app = Flask("shop", static_folder=None, subdomain_matching=True)
    app.config["SERVER_NAME"] = "shop.example"
    app.add_url_rule("/items", "items", lambda: "", subdomain="api")
    flask_cors.CORS(app, origins=[APP])
    comparison = compared(app)
    assert (comparison.routes, comparison.left_out, comparison.changes) == (("/items",), (), ())


def test_of_many_origins_each_is_asked_somewhere_and_that_is_said():
    origins = [f"https://a{number}.example.com" for number in range(10)]
    app = shop(origins=origins)
    for number in range(4):
        app.add_url_rule(f"/{number}", str(number), lambda: "")
    comparison = compare(
        app, find(app), dataclasses.replace(translated(shop(origins=[])), lines=()), pairs=40
    )
    assert (comparison.is_whole, len(comparison.routes)) == (False, 5)
    assert {change.asked.page.origin for change in comparison.changes} == set(origins)
    assert compare(app, find(app), translated(app)).is_whole


class Odd(BaseConverter):
    regex = "x{9}"


def test_a_route_that_no_known_path_takes_is_left_out_and_fails_the_comparison():
    app = shop(origins=[APP])
    app.url_map.converters["odd"] = Odd
    app.add_url_rule("/<odd:name>", "odd", lambda name: name)
    comparison = compared(app)
    assert (comparison.left_out, comparison.is_foreseen) == (("/<odd:name>",), False)


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ({"origins": "*", "supports_credentials": True}, {"origin-any-credentials"}),
        ({"origins": [APP], "methods": ["PUT"], "allow_headers": ["X-A"]}, {"method-unlisted"}),
        ({"origins": ["https?://app.example.com"]}, {"origin-dot", "origin-prefix"}),
    ],
)
def test_every_change_has_a_comment_of_the_codes(options, codes):
    comparison = compared(shop(**options))
    assert comparison.is_foreseen
    assert {line.difference.code for change in comparison.changes for line in change.lines} <= codes
