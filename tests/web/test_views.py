"""Views and blueprints with policies of their own: whose policy governs, wherever the decorator stands."""

import datetime as dt
import functools

import pytest
from apps import APP, EVIL, events, preflight, protocol_fields
from flask import Blueprint, Flask, abort
from flask.views import MethodView, View
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import BaseConverter
from werkzeug.test import Client

from flask_cors_env import CORS, CORSConfigError, cross_origin
from flask_cors_env.web import views

BI = "https://bi.example.com"
ENVIRON = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}


def acao(app, path="/report", *, origin=BI, method="GET"):
    response = app.test_client().open(path, method=method, headers={"Origin": origin})
    return response.headers.get("Access-Control-Allow-Origin")


def allows(app, path="/report", *, origin=BI, method="PUT"):
    return preflight(app.test_client(), path, origin=origin, method=method).status_code == 204


def governed(**options):
    app = Flask("shop")
    app.ran = []
    return app, CORS(app, environ=ENVIRON, **options)


def empty():
    return ""


def login_required(view):
    @functools.wraps(view)
    def guarded():
        abort(401)

    return guarded


def test_a_view_inherits_the_apps_policy_and_overrides_what_it_names(capfd):
    app, _ = governed(origins=[APP], expose_headers="X-Total", allow_credentials=True)

    @app.get("/report")
    @cross_origin(origins=BI, max_age=5)
    def report():
        return ""

    response = app.test_client().get("/report", headers={"Origin": BI})
    assert protocol_fields(response) == {
        "Access-Control-Allow-Origin": BI,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Total",
        "Vary": "Origin",
    }
    assert preflight(app.test_client(), "/report", origin=BI).headers["Access-Control-Max-Age"] == "5"
    assert acao(app, origin=APP) is None
    assert [e["cors.resource"] for e in events(capfd.readouterr().err)] == ["view:report"] * 3


def test_where_an_argument_decides_the_remedy_names_the_argument(capfd):
    app, _ = governed(origins=APP)
    app.add_url_rule("/report", endpoint="report", view_func=cross_origin(BI)(empty))
    for path in ("/report", "/other"):
        acao(app, path, origin=EVIL)
    found = events(capfd.readouterr().err)
    assert [event.get("cors.remedy.env") for event in found] == [None, None]
    assert [event["cors.remedy.hint"] for event in found] == [
        "Add the origin to origins of @cross_origin on report.",
        "Add the origin to origins of the arguments of CORS().",
    ]


def test_what_would_be_decided_is_told_before_any_request():
    app, cors = governed(origins=APP)
    app.add_url_rule("/report", endpoint="report", view_func=cross_origin(BI)(empty))
    decisions = [cors.decide(origin=origin, path="/report", app=app) for origin in (BI, APP)]
    assert [(d.verdict, d.resource.name) for d in decisions] == [
        ("allow", "view:report"),
        ("deny", "view:report"),
    ]


def test_bare_it_inherits_everything():
    app, _ = governed(origins=BI)

    @app.get("/report")
    @cross_origin
    def report():
        return ""

    assert (acao(app), acao(app, origin=EVIL)) == (BI, None)


def test_its_positional_argument_is_the_origins():
    app, _ = governed()

    @app.get("/report")
    @cross_origin(BI)
    def report():
        return ""

    assert (acao(app), acao(app, origin=EVIL), acao(app, "/other")) == (BI, None, None)
    with pytest.raises(TypeError, match="origins twice"):
        cross_origin(BI, origins=APP)


@pytest.mark.parametrize("outermost", ["cross_origin", "login_required"])
def test_a_guard_does_not_see_the_preflight_and_its_refusal_is_shared(outermost):
    app, _ = governed()
    ours = cross_origin(origins=BI)
    view = ours(login_required(empty)) if outermost == "cross_origin" else login_required(ours(empty))
    app.add_url_rule("/report", endpoint="report", view_func=view)
    assert allows(app)
    assert acao(app) == BI


def test_above_the_route_it_holds_and_is_warned_of(caplog):
    app, _ = governed()

    @cross_origin(origins=BI)
    @app.get("/report")
    def report():
        return ""

    assert acao(app) == BI
    assert "stands above the route of report" in caplog.text


def test_the_bare_function_is_not_marked_and_may_be_another_routes_or_apps():
    def bare():
        return ""

    app, _ = governed(origins=APP)
    app.add_url_rule("/public", endpoint="public", view_func=cross_origin(BI)(bare))
    app.add_url_rule("/private", endpoint="private", view_func=bare)
    assert [acao(app, path, origin=BI) for path in ("/public", "/private")] == [BI, None]


def test_below_the_route_it_is_not_warned_of(caplog):
    app, _ = governed()
    app.add_url_rule("/report", endpoint="report", view_func=login_required(cross_origin(BI)(empty)))
    assert acao(app) == BI
    assert caplog.text == ""


def test_hidden_by_a_decorator_it_is_warned_of_at_the_first_call(caplog):
    app, _ = governed()

    @cross_origin(origins=BI)
    def report():
        return ""

    app.add_url_rule("/report", endpoint="report", view_func=lambda: report())  # noqa: PLW0108 - it hides the mark
    assert (acao(app), acao(app)) == (BI, BI)
    assert caplog.text.count("it lacks functools.wraps") == 1


def test_an_async_view_is_awaited():
    app, _ = governed()

    @app.get("/report")
    @cross_origin(origins=BI)
    async def report():
        return "done"

    response = app.test_client().get("/report", headers={"Origin": BI})
    assert (response.text, response.headers["Access-Control-Allow-Origin"]) == ("done", BI)


def test_a_method_views_class_and_its_methods_may_differ():
    app, _ = governed()

    @cross_origin(origins=APP)
    class Items(MethodView):
        def get(self):
            return ""

        @cross_origin(origins=BI)
        def put(self):
            return ""

    app.add_url_rule("/items", view_func=Items.as_view("items"))
    assert (acao(app, "/items", origin=APP), acao(app, "/items", origin=BI)) == (APP, None)
    assert (allows(app, "/items"), allows(app, "/items", origin=APP)) == (True, False)
    assert acao(app, "/items", method="PUT") == BI


def test_a_method_views_decorators_work_too():
    class Items(MethodView):
        decorators = (cross_origin(origins=BI),)

        def get(self):
            return ""

    app, _ = governed()
    app.add_url_rule("/items", view_func=Items.as_view("items"))
    assert (acao(app, "/items"), acao(app, "/items", method="HEAD")) == (BI, BI)


def test_the_one_method_of_a_view_class_may_be_decorated(caplog):
    class Report(View):
        methods = ("GET", "PUT")

        @cross_origin(origins=BI)
        def dispatch_request(self):
            return ""

    app, _ = governed()
    app.add_url_rule("/report", view_func=Report.as_view("report"))
    assert (acao(app), acao(app, origin=APP), allows(app)) == (BI, None, True)
    assert caplog.text == ""


def test_two_views_of_one_url_keep_their_own_policies():
    app, _ = governed(origins=APP)
    app.add_url_rule("/report", endpoint="read", view_func=str, methods=["GET"])
    app.add_url_rule("/report", endpoint="write", view_func=cross_origin(BI)(lambda: ""), methods=["PUT"])
    assert (acao(app), acao(app, origin=APP)) == (None, APP)
    assert (allows(app), allows(app, origin=APP)) == (True, False)


def test_a_views_policy_holds_for_its_errors_and_never_for_others():
    app, _ = governed(origins=[APP, EVIL])
    app.add_url_rule("/report", endpoint="report", view_func=cross_origin(APP)(lambda: abort(403)))
    app.add_url_rule("/crash", endpoint="crash", view_func=cross_origin(APP)(lambda: 1 / 0))
    for path in ("/report", "/crash"):
        assert (acao(app, path, origin=APP), acao(app, path, origin=EVIL)) == (APP, None)
    assert acao(app, "/nowhere", origin=EVIL) == EVIL


def test_a_request_without_origin_varies_as_its_view_does():
    app, _ = governed(resources={"/public/*": {"public": True}})
    app.add_url_rule("/public/a", endpoint="a", view_func=cross_origin(BI)(empty))
    app.add_url_rule("/public/b", endpoint="b", view_func=lambda: "")
    client = app.test_client()
    assert protocol_fields(client.get("/public/a")) == {"Vary": "Origin"}
    assert protocol_fields(client.get("/public/b")) == {"Access-Control-Allow-Origin": "*"}
    assert protocol_fields(client.get("/public/c")) == {"Access-Control-Allow-Origin": "*"}


def test_the_preflight_of_a_strict_slash_redirect_is_its_targets():
    app, _ = governed()
    app.add_url_rule("/report/", endpoint="report", view_func=cross_origin(BI)(empty), methods=["PUT"])
    assert allows(app, "/report")
    assert acao(app, "/report", method="PUT") == BI


def test_a_preflight_for_a_method_that_is_not_routed_gets_the_views_policy():
    app, _ = governed()
    app.add_url_rule("/report", endpoint="report", view_func=cross_origin(BI)(empty), methods=["GET"])
    assert allows(app, method="DELETE")
    assert acao(app, method="DELETE") == BI


def test_an_exempt_view_is_left_alone(capfd):
    app, cors = governed(origins=APP)

    @app.get("/report")
    @cors.exempt
    def report():
        return "", {"Access-Control-Allow-Origin": "https://own.example"}

    response = app.test_client().get("/report", headers={"Origin": APP})
    assert protocol_fields(response) == {"Access-Control-Allow-Origin": "https://own.example"}
    assert preflight(app.test_client(), "/report", origin=APP).status_code == 200
    assert protocol_fields(app.test_client().get("/report")) == {
        "Access-Control-Allow-Origin": "https://own.example"
    }
    assert acao(app, "/other", origin=APP) == APP
    assert [e["http.response.status_code"] for e in events(capfd.readouterr().err)] == [404]


@pytest.mark.parametrize("by", ["decorator", "statement", "class"])
def test_a_view_that_one_app_exempts_is_governed_in_another(by):
    class Report(MethodView):
        def get(self):
            return ""

    def report():
        return ""

    one, cors = governed(origins=APP)
    other, _ = governed(origins=APP)
    view = Report.as_view("report") if by == "class" else report
    for app in (one, other):
        app.add_url_rule("/report", endpoint="report", view_func=view)
    cors.exempt(Report if by == "class" else view)
    assert [acao(app, origin=APP) for app in (one, other)] == [None, APP]


def test_a_view_may_be_exempted_in_each_of_two_apps():
    def report():
        return ""

    apps = [governed(origins=APP) for _ in range(3)]
    for app, cors in apps:
        app.add_url_rule("/report", endpoint="report", view_func=report)
        if app is not apps[1][0]:
            cors.exempt(report)
    assert [acao(app, origin=APP) for app, _ in apps] == [None, APP, None]


def test_an_exemption_holds_where_its_object_governs_a_blueprint_only():
    app, blueprint = Flask("shop"), Blueprint("api", __name__, url_prefix="/v1")
    cors = CORS(blueprint, environ=ENVIRON, origins=BI)
    blueprint.add_url_rule("/items", endpoint="items", view_func=cors.exempt(lambda: ""))
    app.register_blueprint(blueprint)
    assert (acao(app, "/v1/items"), acao(app, "/v1/none")) == (None, BI)


@pytest.mark.parametrize(
    "options",
    [
        {"origin": BI},
        {"origins": "app.example.com"},
        {"max_age": "soon"},
        {"methods": ["TRACE"]},
        {"origins": "*", "supports_credentials": True},
        {"expose_headers": "*", "allow_credentials": True},
    ],
)
def test_a_bad_option_is_refused_where_the_decorator_stands(options):
    with pytest.raises(CORSConfigError):
        cross_origin(**options)


def test_the_environments_rules_judge_decorators_at_the_first_request():
    app, _ = governed()
    app.add_url_rule("/report", endpoint="report", view_func=cross_origin("*")(empty))
    with pytest.raises(CORSConfigError, match=r"in @cross_origin on report +\[wildcard\]"):
        app.test_client().get("/")


def test_without_any_extension_the_environment_governs_the_marked_views_only(monkeypatch):
    monkeypatch.setenv("CORS_ENV", "production")
    monkeypatch.setenv("CORS_ORIGINS", APP)
    for first in ("actual", "preflight", "context"):
        app = Flask("shop")
        app.before_request(lambda: abort(401))
        app.add_url_rule("/report", endpoint="report", view_func=cross_origin(allow_credentials=True)(empty))
        app.add_url_rule("/other", endpoint="other", view_func=lambda: "")
        if first == "context":
            with app.app_context():
                pass
        if first == "preflight":
            assert allows(app, origin=APP)
        assert (acao(app, origin=APP), acao(app, origin=EVIL)) == (APP, None)
        assert allows(app, origin=APP)
        assert acao(app, "/other", origin=APP) is None


def test_what_is_wrong_with_the_environment_is_raised_by_every_request_of_an_adopted_app(monkeypatch):
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example/")
    app = Flask("shop")
    app.testing = True
    app.add_url_rule("/report", endpoint="report", view_func=cross_origin(BI, enforce=True)(empty))
    for _ in range(3):
        with pytest.raises(CORSConfigError, match="origin-has-path"):
            app.test_client().get("/report", headers={"Origin": EVIL})


def test_adoption_keeps_what_is_installed_after_it_and_what_goes_around_it(monkeypatch):
    monkeypatch.setenv("CORS_ENV", "production")
    app, ran = Flask("shop"), []
    app.add_url_rule("/report", endpoint="report", view_func=cross_origin(BI, enforce=True)(empty))
    around = app.wsgi_app
    with app.app_context():
        governed_app = app.wsgi_app
    app.wsgi_app = lambda *call: ran.append(True) or governed_app(*call)
    assert [acao(app) for _ in range(3)] == [BI] * 3
    assert ran == [True] * 3
    for origin, shared in ((BI, (200, BI)), (EVIL, (403, None))):
        response = Client(around).get("/report", headers={"Origin": origin})
        assert (response.status_code, response.headers.get("Access-Control-Allow-Origin")) == shared


def test_a_preflight_of_one_view_never_lets_a_page_through_to_another_of_its_url():
    app, _ = governed()
    app.add_url_rule("/two", endpoint="read", view_func=cross_origin(BI)(lambda: ""), methods=["GET", "POST"])
    app.add_url_rule("/two", endpoint="erase", view_func=cross_origin(APP)(lambda: ""), methods=["DELETE"])
    read = preflight(app.test_client(), "/two", origin=BI, method="POST", headers="content-type")
    assert read.headers["Access-Control-Allow-Methods"] == "GET, HEAD, PATCH, POST, PUT"
    assert read.headers["Access-Control-Max-Age"] == "0"
    assert preflight(app.test_client(), "/two", origin=BI, method="DELETE").status_code == 403
    erase = preflight(app.test_client(), "/two", origin=APP, method="DELETE")
    assert erase.headers["Access-Control-Allow-Methods"] == "DELETE, PATCH, PUT"


@pytest.mark.parametrize("options", [{"max_age": 60}, {}])
def test_two_views_of_one_url_with_equal_policies_are_one_policy(options):
    app, _ = governed()
    for endpoint, methods in (("read", ["GET", "POST"]), ("erase", ["DELETE"])):
        view = cross_origin(BI, **options)(empty_view())
        app.add_url_rule("/two", endpoint=endpoint, view_func=view, methods=methods)
    for method in ("POST", "DELETE", "PUT"):
        answer = preflight(app.test_client(), "/two", origin=BI, method=method, headers="content-type")
        assert answer.headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, PATCH, POST, PUT"
        assert answer.headers["Access-Control-Max-Age"] == str(options.get("max_age", 7200))


@pytest.mark.parametrize("other", [{"origins": [BI, APP]}, {"max_age": 5}, {"allow_credentials": True}])
def test_two_views_of_one_url_that_differ_in_anything_are_two_policies(other):
    app, _ = governed()
    for endpoint, method, options in (("read", "GET", {}), ("erase", "DELETE", other)):
        view = cross_origin(**({"origins": BI} | options))(empty_view())
        app.add_url_rule("/two", endpoint=endpoint, view_func=view, methods=[method])
    answer = preflight(app.test_client(), "/two", origin=BI, method="DELETE")
    assert answer.headers["Access-Control-Allow-Methods"] == "DELETE, PATCH, POST, PUT"
    assert answer.headers["Access-Control-Max-Age"] == "0"


def empty_view():
    """A view that no other test has decorated."""
    return lambda: ""


RULES = st.lists(
    st.tuples(
        st.sampled_from(["/two", "/two/", "/<x>", "/<int:x>", "/<x>/", "/t<x>", "/a/<path:x>", "/a/b", "/"]),
        st.sets(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), min_size=1),
        st.sampled_from([None, BI, APP]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(RULES, st.sampled_from(["GET,PUT,DELETE", "auto", "*"]))
def test_a_rule_that_alone_routes_its_urls_is_told_without_asking_for_each_method(rules, methods):
    def answers(*, shortcut):
        app, _ = governed(origins=APP, methods=methods)
        for number, (path, taken, origin, strict) in enumerate(rules):
            view = empty if origin is None else cross_origin(origin)(lambda **_: "")
            app.add_url_rule(path, str(number), view, methods=taken, strict_slashes=strict)
        with pytest.MonkeyPatch.context() as patch:
            if not shortcut:
                patch.setattr(views, "_is_sole", lambda *_: False)
            return [
                (found.status_code, protocol_fields(found))
                for path in ("/two", "/two/", "/7", "/a/b", "/a/b/", "/a/c/d", "/t//", "/")
                for method in ("GET", "PUT", "DELETE", "PATCH")
                for found in [preflight(app.test_client(), path, origin=BI, method=method)]
            ]

    assert answers(shortcut=True) == answers(shortcut=False)


def test_a_converter_that_is_not_what_its_name_says_is_no_ground_for_a_shortcut():
    class Anything(BaseConverter):
        regex = ".*?"
        part_isolating = False

    app, _ = governed(methods="*")
    app.url_map.converters["string"] = Anything
    app.add_url_rule("/<string:x>", "all", cross_origin(BI)(empty), methods=["GET", "DELETE"])
    app.add_url_rule("/a/b", "one", cross_origin(APP)(empty), methods=["DELETE"])
    found = preflight(app.test_client(), "/a/b", origin=BI, method="GET")
    assert found.headers["Access-Control-Allow-Methods"] == "GET, HEAD"


def test_a_view_whose_base_was_not_foreseen_lets_nobody_in():
    class Deep(BaseConverter):
        regex = ".*?"
        part_isolating = False

    app = Flask("shop")
    app.url_map.converters["deep"] = Deep
    CORS(app, environ={"CORS_ENV": "development"}, resources={"/api/*": {"origins": "*"}})
    view = cross_origin(BI, enforce=True)(lambda x: x)
    app.add_url_rule("/<deep:x>", endpoint="all", view_func=view)
    assert [acao(app, path, origin=EVIL) for path in ("/foo", "/api/b")] == [None, None]
    app.view_functions["all"] = cross_origin(APP)(lambda x: x)
    assert acao(app, "/foo", origin=EVIL) is None


def test_a_host_that_is_none_is_the_apps_to_refuse():
    app, _ = governed(origins=APP)
    app.add_url_rule("/report", endpoint="report", view_func=cross_origin(BI)(empty))
    for headers in ({"Host": "a..b"}, {"Host": "a..b", "Origin": BI}):
        assert app.test_client().get("/report", headers=headers).status_code == 400


@pytest.mark.parametrize("methods", ["PUT", "auto"])
def test_where_a_converter_of_the_apps_own_raises_its_error_has_the_fields_of_the_path(methods):
    class Day(BaseConverter):
        def to_python(self, value):
            return dt.date.fromisoformat(value)

    app, _ = governed(origins=APP, methods=methods)
    app.url_map.converters["day"] = Day
    app.add_url_rule("/on/<day:day>", "on", cross_origin(BI)(lambda day: day.isoformat()))
    assert [acao(app, "/on/2026-11-22", origin=origin) for origin in (APP, BI)] == [None, BI]
    for origin, shared in ((APP, {"Access-Control-Allow-Origin": APP}), (BI, {}), (None, {})):
        headers = {} if origin is None else {"Origin": origin}
        response = app.test_client().get("/on/nonsense", headers=headers)
        assert (response.status_code, protocol_fields(response)) == (500, {"Vary": "Origin"} | shared)
    assert allows(app, "/on/nonsense", origin=APP, method="GET")


def test_auto_follows_the_redirect_to_the_final_slash():
    app = Flask("shop")
    CORS(app, environ={**ENVIRON, "CORS_ORIGINS": BI, "CORS_METHODS": "auto"})
    app.add_url_rule("/items/", endpoint="items", view_func=empty, methods=["PUT"])
    assert (allows(app, "/items/"), allows(app, "/items")) == (True, True)


def test_a_function_wrapped_for_one_app_stays_bare_in_another():
    def bare():
        return ""

    one, _ = governed()
    other, _ = governed()
    one.add_url_rule("/report", endpoint="report", view_func=cross_origin(BI)(bare))
    other.add_url_rule("/report", endpoint="report", view_func=bare)
    acao(one)
    assert acao(other) is None


def test_views_that_take_no_hash_no_reference_and_no_attribute_are_views_all_the_same():
    class Slotted:
        __slots__ = ()
        __hash__ = None

        def __call__(self):
            return ""

        def method(self):
            return ""

    app, cors = governed(origins=BI)
    app.add_url_rule("/slotted", endpoint="slotted", view_func=Slotted())
    app.add_url_rule("/exempt", endpoint="exempt", view_func=cors.exempt(Slotted().method))
    app.add_url_rule("/marked", endpoint="marked", view_func=cross_origin(APP)(Slotted().method))
    assert [acao(app, path, origin=BI) for path in ("/slotted", "/exempt", "/marked")] == [BI, None, None]


def test_one_app_has_one_environment():
    app = Flask("shop")
    for name, environment in (("a", "development"), ("b", "production")):
        blueprint = Blueprint(name, __name__)
        CORS(blueprint, environ=ENVIRON, environment=environment)
        if name == "a":
            app.register_blueprint(blueprint)
        else:
            with pytest.raises(RuntimeError, match="environment= differs"):
                app.register_blueprint(blueprint)


def test_a_blueprints_prefix_may_be_a_rule_and_dot_segments_do_not_leave_it():
    app, blueprint = Flask("shop"), Blueprint("user", __name__, url_prefix="/users/<int:uid>")
    cors = CORS(app, environ=ENVIRON, origins=APP)
    cors.init_app(blueprint, origins=BI)
    app.register_blueprint(blueprint)
    assert (acao(app, "/users/1/none"), acao(app, "/users/1/none", origin=APP)) == (BI, None)
    assert acao(app, "/users/1/../../other") is None


def test_a_blueprints_policy_covers_its_endpoints_and_what_is_not_routed_below_it(capfd):
    app, blueprint = Flask("shop"), Blueprint("api", __name__, url_prefix="/v1")
    CORS(blueprint, environ=ENVIRON, origins=BI)
    blueprint.add_url_rule("/items", endpoint="items", view_func=lambda: "")
    app.register_blueprint(blueprint)
    app.add_url_rule("/v1/own", endpoint="own", view_func=lambda: "")
    assert acao(app, "/v1/items") == BI
    assert acao(app, "/v1/nowhere") == BI
    assert acao(app, "/v1/items", method="DELETE") == BI
    assert allows(app, "/v1/items")
    for path in ("/v1/own", "/v1x", "/other", "/"):
        assert acao(app, path) is None
    resources = [e.get("cors.resource") for e in events(capfd.readouterr().err)]
    assert resources == ["blueprint:api"] * 4 + [None] * 4


def test_a_blueprint_narrows_the_apps_policy_in_whatever_order_they_are_given():
    for early in (True, False):
        app, blueprint = Flask("shop"), Blueprint("api", __name__, url_prefix="/v1")
        cors = CORS(environ={**ENVIRON, "CORS_ORIGINS": APP, "CORS_EXPOSE_HEADERS": "X-Total"})
        cors.init_app(blueprint, origins=BI)
        blueprint.add_url_rule("/items", endpoint="items", view_func=lambda: "")
        if early:
            cors.init_app(app)
        app.register_blueprint(blueprint)
        if not early:
            cors.init_app(app)
        assert (acao(app, "/v1/items"), acao(app, "/v1/items", origin=APP)) == (BI, None)
        assert (acao(app, "/other"), acao(app, "/other", origin=APP)) == (None, APP)
        response = app.test_client().get("/v1/items", headers={"Origin": BI})
        assert response.headers["Access-Control-Expose-Headers"] == "X-Total"


def test_the_innermost_blueprint_with_a_policy_governs():
    app = Flask("shop")
    outer, inner = (
        Blueprint("outer", __name__, url_prefix="/o"),
        Blueprint("inner", __name__, url_prefix="/i"),
    )
    CORS(outer, environ=ENVIRON, origins=APP)
    CORS(inner, environ=ENVIRON, origins=BI)
    for blueprint in (outer, inner):
        blueprint.add_url_rule("/items", endpoint="items", view_func=lambda: "")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    assert (acao(app, "/o/items", origin=APP), acao(app, "/o/items", origin=BI)) == (APP, None)
    assert (acao(app, "/o/i/items", origin=APP), acao(app, "/o/i/items", origin=BI)) == (None, BI)
    assert (acao(app, "/o/i/no", origin=BI), acao(app, "/o/no", origin=BI)) == (BI, None)


def test_a_decorated_view_inherits_from_its_blueprint():
    app, blueprint = Flask("shop"), Blueprint("api", __name__)
    CORS(blueprint, environ=ENVIRON, origins=BI, expose_headers="X-Total")
    blueprint.add_url_rule(
        "/report", endpoint="report", view_func=cross_origin(allow_credentials=True)(empty)
    )
    app.register_blueprint(blueprint)
    response = app.test_client().get("/report", headers={"Origin": BI})
    assert protocol_fields(response) == {
        "Access-Control-Allow-Origin": BI,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Total",
        "Vary": "Origin",
    }


def test_a_blueprints_policy_after_its_registration_is_refused():
    app, blueprint = Flask("shop"), Blueprint("api", __name__)
    app.register_blueprint(blueprint)
    with pytest.raises(RuntimeError, match="'api' was registered already"):
        CORS(environ=ENVIRON).init_app(blueprint)


def test_a_blueprint_has_one_policy():
    app, blueprint, cors = Flask("shop"), Blueprint("api", __name__), CORS(environ=ENVIRON)
    cors.init_app(blueprint, origins=[APP])
    cors.init_app(blueprint, origins=[BI])
    with pytest.raises(RuntimeError, match="'api' has a CORS policy already; make one call"):
        app.register_blueprint(blueprint)


def test_the_resources_of_a_blueprint_are_full_paths_below_its_prefix():
    app, blueprint = Flask("shop"), Blueprint("api", __name__, url_prefix="/v1")
    CORS(blueprint, environ=ENVIRON, origins=APP, resources={"/v1/items/*": {"origins": BI}, "/v1/all": {}})
    app.register_blueprint(blueprint)
    assert (acao(app, "/v1/items/1"), acao(app, "/v1/all", origin=APP)) == (BI, APP)
    assert acao(app, "/v1/other", origin=APP) is None


def test_a_decorated_view_inherits_from_its_blueprints_resource():
    for whole in (False, True):
        app, blueprint = Flask("shop"), Blueprint("api", __name__, url_prefix="/v1")
        cors = CORS(environ={**ENVIRON, "CORS_ORIGINS": APP})
        cors.init_app(blueprint, max_age=5, resources={"/v1/items/*": {"origins": BI, "methods": "PUT"}})
        for path in ("/items/<int:n>", "/other/<int:n>"):
            view = cross_origin(allow_credentials=True)(lambda n: "")  # noqa: ARG005 - the route's
            blueprint.add_url_rule(path, endpoint=path[1:6], view_func=view)
        app.register_blueprint(blueprint)
        if whole:
            cors.init_app(app)
        assert (acao(app, "/v1/items/1"), acao(app, "/v1/items/1", origin=APP)) == (BI, None)
        assert (acao(app, "/v1/other/1"), acao(app, "/v1/other/1", origin=APP)) == (None, APP)
        answer = preflight(app.test_client(), "/v1/items/1", origin=BI)
        assert protocol_fields(answer) == {
            "Access-Control-Allow-Origin": BI,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": "PUT",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "5",
            "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        }


def test_a_resource_outside_its_blueprint_is_refused_with_the_path_to_write():
    app, blueprint = Flask("shop"), Blueprint("api", __name__, url_prefix="/v1")
    CORS(blueprint, environ=ENVIRON, resources={"/items": {"origins": BI}})
    with pytest.raises(CORSConfigError, match="Write: /v1/items"):
        app.register_blueprint(blueprint)


def test_auto_methods_are_those_the_url_map_routes():
    app = Flask("shop")
    CORS(app, environ={**ENVIRON, "CORS_ORIGINS": BI, "CORS_METHODS": "auto"})
    app.add_url_rule("/report", endpoint="report", view_func=lambda: "", methods=["GET", "PUT"])
    app.add_url_rule("/report", endpoint="erase", view_func=lambda: "", methods=["DELETE"])
    assert [allows(app, method=method) for method in ("PUT", "DELETE", "PATCH")] == [True, True, False]
    response = preflight(app.test_client(), "/report", origin=BI)
    assert response.headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, PUT"


NAMED_DEFAULT = {
    "CORS_ENV": "production",
    "CORS_RESOURCES__DEFAULT__PATH": "/x/*",
    "CORS_RESOURCES__DEFAULT__ALLOW_CREDENTIALS": "true",
    "CORS_RESOURCES__DEFAULT__ORIGINS": BI,
}


@pytest.mark.parametrize(
    ("options", "fields"),
    [({}, {}), ({"origins": BI}, {"Access-Control-Allow-Origin": BI})],
    ids=["bare", "with origins of its own"],
)
def test_a_view_outside_a_resource_that_is_named_default_inherits_nothing_of_it(options, fields):
    app = Flask(__name__)
    CORS(app, environ=NAMED_DEFAULT)

    @app.get("/y")
    @cross_origin(**options)
    def y():
        return ""

    assert protocol_fields(app.test_client().get("/y", headers={"Origin": BI})) == {"Vary": "Origin"} | fields


def test_a_blueprint_outside_a_resource_that_is_named_default_inherits_nothing_of_it():
    app = Flask(__name__)
    CORS(app, environ=NAMED_DEFAULT)
    reports = Blueprint("reports", __name__, url_prefix="/y")
    reports.get("/")(lambda: "")
    CORS(reports, methods=["GET"])
    app.register_blueprint(reports)
    assert protocol_fields(app.test_client().get("/y/", headers={"Origin": BI})) == {"Vary": "Origin"}


@pytest.mark.parametrize("path", ["/a%3Fb", "/a%23b", "/a/%5Bb", "/%E2%82%AC%25"])
def test_a_path_that_is_asked_about_is_decoded_once_as_a_requests_is(path):
    app, cors = governed()
    app.add_url_rule("/<path:rest>", "all", cross_origin(BI)(lambda rest: rest))
    decided = cors.decide(origin=BI, path=path, app=app)
    assert (decided.verdict, decided.resource.name) == ("allow", "view:all")
    assert acao(app, path) == BI
