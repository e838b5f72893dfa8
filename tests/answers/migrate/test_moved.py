"""Seven apps that wire flask-cors as public ones do, moved by `migrate` alone."""

import importlib.util
import sys
from itertools import product
from pathlib import Path
from types import ModuleType

import flask_cors
import pytest
from peers import is_foreseen, page, seen

from flask_cors_env import CORS
from flask_cors_env.answers.migrate.compare import UNLISTED, compare
from flask_cors_env.answers.migrate.explained import Asked
from flask_cors_env.answers.migrate.translate import translate
from flask_cors_env.web.peer import find

FOLDER = Path(__file__).parents[2] / "data" / "moved"
APPS = sorted(path.stem for path in FOLDER.glob("*.py"))
#: What of it is left to a hand.
BY_HAND = {"alarms": ["origin-by-hand"]}
ORIGINS = [
    *("https://app.example.com", "https://admin.example.com", "https://studio.example.com", UNLISTED),
    *("https://www.example.com", "http://localhost", "http://localhost:5000", "http://[::1]:8080", "null"),
    *("https://mlops.example.com", "https://www.example.com.unlisted.example"),
]


def made(name, peer=flask_cors):
    """A new app of the module, in which *peer* stands for flask-cors."""
    spec = importlib.util.spec_from_file_location(f"moved_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    known, sys.modules["flask_cors"] = sys.modules["flask_cors"], peer
    try:
        spec.loader.exec_module(module)
        return module.create_app()
    finally:
        sys.modules["flask_cors"] = known


class NoCORS:
    """A CORS and a cross_origin that do nothing: what is left when the calls are taken out."""

    def __init__(self, *_, **__):
        pass


def without_flask_cors(name):
    nothing = ModuleType("flask_cors")
    nothing.CORS = NoCORS
    nothing.cross_origin = lambda *_, **__: lambda view: view
    app = made(name, nothing)
    for key in [key for key in app.config if key.startswith("CORS_")]:
        del app.config[key]
    return app


@pytest.mark.parametrize("name", APPS)
def test_a_moved_app_is_concluded_about_as_before_or_a_comment_says_so(name):
    app = made(name)
    comparison = compare(app, find(app), translate(find(app)))
    assert [change for change in comparison.changes if not change.lines] == []
    assert (comparison.left_out, comparison.is_foreseen, comparison.asked > 20) == ((), True, True)


@pytest.mark.parametrize("name", APPS)
def test_the_app_itself_with_the_variables_alone_answers_as_before_or_a_comment_says_so(name):
    theirs, ours = made(name), without_flask_cors(name)
    translation = translate(find(theirs))
    CORS(ours, environ={"CORS_ENV": "development", "CORS_AUDIT": "off", **translation.variables})
    paths = [rule.rule for rule in theirs.url_map.iter_rules() if "<" not in rule.rule]
    found = []
    for origin, method, path, cookies in product(ORIGINS, ["GET", "POST", "PUT"], paths, ["omit", "include"]):
        request = page(origin, method, path, ["Authorization"] if method == "PUT" else [], cookies)
        before, after = seen(theirs, request), seen(ours, request)
        routed = [
            rule for rule in theirs.url_map.iter_rules() if rule.rule == path and method in rule.methods
        ]
        if (
            before != after
            and routed
            and not is_foreseen(translation.lines, Asked(request, path), before, after)
        ):
            found.append((origin, method, path, cookies, before, after))
    assert found == []


@pytest.mark.parametrize("name", APPS)
def test_what_is_left_to_a_hand_is_known(name):
    lines = translate(find(made(name))).lines
    codes = {line.difference.code for line in lines if line.difference.effect == "by hand"}
    assert sorted(codes) == BY_HAND.get(name, [])


def test_two_decorated_views_of_one_url_with_one_policy_are_one_resource():
    translation = translate(find(made("alarms")))
    assert [sorted(resource.paths) for resource in translation.resources] == [
        [
            "/alert",
            "/alert/<alert_id>",
            "/alert/<alert_id>/status",
            "/alerts",
            "/blackout",
            "/webhooks/grafana",
        ]
    ]


def test_a_route_without_strict_slashes_is_written_in_both_spellings():
    (users, _) = translate(find(made("model"))).resources
    assert users.paths == [
        "/api/Users/<string:user_id>",
        "/api/Users/<string:user_id>/",
        "/api/Users",
        "/api/Users/",
    ]
