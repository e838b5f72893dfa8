"""What an app's routes say to its policy."""

import pytest
from flask import Flask

from flask_cors_env.core.origin import Origins, parse_origin
from flask_cors_env.core.path import parse_path
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.web.routes import advice


def told(rule, paths, *others, **options):
    """Return the advice on an app that routes *rule* and *others*, of which resource ``api`` has *paths*."""
    app = Flask("shop", static_folder=None)
    for number, text in enumerate((rule, *others)):
        app.add_url_rule(text, str(number), lambda **_: "", **options)
    mine = Resource(
        name="api", paths=tuple(map(parse_path, paths)), origins=Origins([parse_origin("https://a.example")])
    )
    everything = Resource(name="rest", paths=(parse_path("/*"),))
    return [line for line in advice(app, Policy([mine, everything])) if "covers no route" not in line]


@pytest.mark.parametrize(
    ("rule", "paths", "line"),
    [
        ("/items/", ["/items/"], "/items/ falls under api, /items under rest; one route takes both"),
        ("/items/", ["/items"], "/items/ falls under rest, /items under api; one route takes both"),
        (
            "/u/<int:id>/",
            ["/u/<id>"],
            "/u/<int:id>/ falls under rest, /u/<int:id> under api; one route takes both",
        ),
    ],
)
def test_a_route_whose_other_spelling_another_resource_governs_is_named(rule, paths, line):
    assert told(rule, paths) == [line]


def test_a_route_without_strict_slashes_is_named_too():
    line = "/items falls under api, /items/ under rest; one route takes both"
    assert told("/items", ["/items"], strict_slashes=False) == [line]


@pytest.mark.parametrize(
    ("rules", "paths"),
    [
        (["/items/"], ["/items/*"]),
        (["/items"], ["/items"]),
        (["/items/", "/items"], ["/items"]),
        (["/"], ["/"]),
        (["/<path:rest>"], ["/items"]),
    ],
)
def test_a_route_whose_spellings_one_resource_governs_is_not_named(rules, paths):
    assert told(rules[0], paths, *rules[1:]) == []
