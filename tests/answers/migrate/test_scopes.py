"""Views, blueprints and several calls: what is routed decides, and what has no setting is told."""

from itertools import product

import flask_cors
import pytest
from flask import Blueprint, Flask, abort
from flask.views import MethodView
from peers import page, translated, unexplained, with_ours

APP, OTHER, EVIL = "https://app.example.com", "https://b.example.com", "https://evil.net"
PATHS = (
    "/report /report/7 /report/fails /report/nowhere /about /items /items/7/parts /nowhere "
    "/v1/items /v1/items/7 /v1/nowhere /v1/fails /v1 /v2/items /v2/other /page"
).split()


def nothing(view=None, **_):
    return view if callable(view) else lambda view: view


def shop(use=None, **decorators):  # noqa: C901 - one view beside the other
    """An app with views and two blueprints; *decorators* are for the views and blueprints of those names."""
    app, v1, v2 = Flask("shop"), Blueprint("v1", "v1", url_prefix="/v1"), Blueprint("v2", "v2")
    marked = {name: decorators.get(name, nothing()) for name in ("report", "items", "about", "page")}

    @app.route("/report", methods=["GET", "PUT"])
    @app.route("/report/<int:number>", methods=["GET", "PUT"])
    @marked["report"]
    def report(number=0):
        return f"figures {number}"

    @app.get("/report/fails")
    @marked["report"]
    def fails():
        abort(404)

    @app.get("/items")
    @marked["items"]
    def items():
        return "[]"

    @app.put("/items")
    def put_items():
        return "put"

    @app.get("/items/<item>/parts")
    def parts(item):
        return item

    @app.get("/<name>")
    @marked["page"]
    def page(name):
        return name

    @app.route("/about", methods=["GET", "PUT"])
    @marked["about"]
    def about():
        return "us"

    @v1.route("/items", methods=["GET", "PUT"])
    @v1.route("/items/<int:number>", methods=["GET", "PUT"])
    def v1_items(number=0):
        return f"v1 {number}"

    @v1.get("/fails")
    def v1_fails():
        abort(404)

    @v2.route("/v2/items", methods=["GET", "PUT"])
    def v2_items():
        return "v2"

    @app.get("/v2/other")
    def v2_other():
        return "app's"

    decorators.get("v1", nothing())(v1)
    decorators.get("v2", nothing())(v2)
    app.register_blueprint(v1)
    app.register_blueprint(v2)
    if use is not None:
        use(app)
    return app


def calls(*several):
    def use(app):
        for options in several:
            flask_cors.CORS(app, **options)

    return use


def on(blueprint_options):
    return lambda blueprint: flask_cors.CORS(blueprint, **blueprint_options)


MINE, ITS = {"origins": APP}, {"origins": [APP, OTHER], "max_age": 60}
CASES = {
    "a view": ({"report": flask_cors.cross_origin(**MINE)}, None),
    "a view and the app": ({"report": flask_cors.cross_origin(**MINE)}, calls(ITS)),
    "a wider view": ({"report": flask_cors.cross_origin(**ITS)}, calls(MINE)),
    "a closed view": ({"about": flask_cors.cross_origin(origins=[])}, calls(ITS)),
    "a view that others share": ({"items": flask_cors.cross_origin(**MINE)}, None),
    "a view whose rule covers others": ({"page": flask_cors.cross_origin(**MINE)}, None),
    "a blueprint": ({"v1": on(MINE)}, None),
    "a blueprint and the app": ({"v1": on(ITS)}, calls(MINE)),
    "a stricter blueprint": ({"v1": on(MINE)}, calls(ITS)),
    "a blueprint without a prefix": ({"v2": on(MINE)}, None),
    "a blueprint's resource": ({"v1": on({"resources": {"/v1/items": MINE}})}, None),
    "a blueprint's resource without a prefix": ({"v1": on({"resources": {"/items": MINE}})}, None),
    "a blueprint's share": ({"v2": on({"resources": {"/v2/.*": MINE}})}, None),
    "a blueprint's share of the app": ({"v2": on({"resources": {"/v2/.*": MINE}})}, calls(ITS)),
    "two calls": ({}, calls(MINE, {"origins": OTHER})),
    "two calls that differ": ({}, calls(MINE, ITS)),
    "two calls for two parts": ({}, calls({"resources": {"/v1/*": MINE}}, {"resources": {"/report.*": ITS}})),
    "two calls, one of a part": ({}, calls({"resources": {"/v1/*": MINE}}, {"origins": OTHER})),
    "the same twice": ({}, calls(ITS, ITS)),
}


@pytest.mark.parametrize(("decorators", "use"), CASES.values(), ids=CASES)
def test_scopes_are_governed_as_before_or_a_line_says_so(decorators, use):
    theirs = shop(use, **decorators)
    translation = translated(theirs)
    by_hand = {line.place for line in translation.lines if line.difference.code.endswith("-by-hand")}
    requests = [
        page(origin, method, path, ())
        for origin, method, path in product([APP, OTHER, EVIL], ["GET", "PUT"], PATHS)
    ]
    found = unexplained(theirs, with_ours(translation, shop), translation, requests)
    assert [f for f in found if not (by_hand and f[-1] is None)] == []


def lines(app):
    return [(line.difference.code, line.place, line.value) for line in translated(app).lines]


def told(app, *codes):
    return [line for line in lines(app) if line[0] in codes]


@pytest.mark.parametrize("name", ["items", "page"])
def test_a_view_whose_paths_are_not_its_own_keeps_its_decorator(name):
    app = shop(**{name: flask_cors.cross_origin(**MINE)})
    translation = translated(app)
    assert told(app, "view-by-hand") == [("view-by-hand", f"@cross_origin {name}", None)]
    assert (translation.is_complete, translation.variables) == (False, {"CORS_ORIGINS": "none"})


def test_a_method_of_a_class_keeps_its_decorator():
    app = Flask("shop")

    class Items(MethodView):
        @flask_cors.cross_origin(**MINE)
        def put(self):
            return ""

    app.add_url_rule("/items", view_func=Items.as_view("items"))
    assert told(app, "view-by-hand") == [("view-by-hand", "@cross_origin items", None)]


def test_a_class_is_read_as_a_view():
    app = Flask("shop")

    class Items(MethodView):
        decorators = (flask_cors.cross_origin(**MINE),)

        def get(self):
            return ""

    app.add_url_rule("/items", view_func=Items.as_view("items"))
    assert translated(app).variables["CORS_RESOURCES__ITEMS__ORIGINS"] == APP


def test_a_decorator_that_fails_is_left_to_a_hand():
    bad = flask_cors.cross_origin(supports_credentials=True, send_wildcard=True)
    assert told(shop(about=bad), "view-by-hand") == [("view-by-hand", "@cross_origin about", None)]


def test_a_view_obeys_the_config_and_that_has_to_go():
    app = shop(about=flask_cors.cross_origin())
    app.config["CORS_ORIGINS"] = [APP]
    assert translated(app).variables["CORS_RESOURCES__ABOUT__ORIGINS"] == APP
    assert told(app, "app-config") == [("app-config", "app.config", "CORS_ORIGINS")]


def test_what_the_config_still_says_is_overruled():
    app = Flask("shop")
    app.config["CORS_SUPPORTS_CREDENTIALS"] = True
    flask_cors.CORS(app, origins=APP, supports_credentials=False)
    assert translated(app).variables["CORS_ALLOW_CREDENTIALS"] == "false"


def test_a_key_of_the_config_that_only_this_package_reads_is_told_of_and_overruled():
    app = Flask("shop")
    app.config.update(CORS_HEADERS="Content-Type", CORS_CREDENTIALS=True, CORS_ENV="production")
    flask_cors.CORS(app, origins=APP)
    assert translated(app).variables["CORS_ALLOW_CREDENTIALS"] == "false"
    keys = [value for _, _, value in told(app, "app-config")]
    assert sorted(keys) == ["CORS_CREDENTIALS"]


def test_hooks_are_told_of():
    app = Flask("shop")
    flask_cors.CORS(app, **MINE)
    assert told(app, "preflight-first") == []
    app.before_request(lambda: None)
    assert told(app, "preflight-first") == [("preflight-first", "", None)]


def test_every_switch_that_changes_nothing_has_its_line():
    switches = {
        "send_wildcard": True,
        "always_send": False,
        "vary_header": False,
        "allow_private_network": True,
    }
    app = shop(about=flask_cors.cross_origin(origins=APP, automatic_options=False))
    flask_cors.CORS(app, origins=APP, intercept_exceptions=False, automatic_options=False, **switches)
    assert {code for code, place, _ in lines(app) if place == "CORS(app)"} == {
        *("send-wildcard", "always-send", "intercept-exceptions", "vary-header", "private-network")
    }
    assert told(app, "automatic-options") == [("automatic-options", "@cross_origin about", None)]


def test_resources_whose_names_would_be_alike_are_numbered():
    app = Flask("shop")
    paths = {"/a": 1, "/a/3": 2, "/a-": 3, "/-a": 4}
    flask_cors.CORS(app, resources={path: {"origins": APP, "max_age": age} for path, age in paths.items()})
    assert set(translated(app).tree["resources"]) == {"a_3", "a", "a_2", "a_4"}
