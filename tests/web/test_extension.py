"""What an application calls: one object for many apps, judged at once, settled by the first request."""

import pytest
from apps import APP, EVIL, events, make, preflight, protocol_fields
from flask import Flask, current_app
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from flask_cors_env import CORS, CORSConfigError, Policy, Reason, cross_origin

PRODUCTION = {"CORS_ENV": "production"}


def test_one_object_serves_many_apps_and_nothing_leaks_between_them():
    cors = CORS(environ=PRODUCTION)
    one, other = Flask("one"), Flask("other")
    cors.init_app(one, origins=APP)
    cors.init_app(other, origins=EVIL)
    for app, allowed in ((one, APP), (other, EVIL)):
        app.add_url_rule("/", view_func=str, endpoint="root")
        for origin in (APP, EVIL):
            response = app.test_client().get("/", headers={"Origin": origin})
            assert response.headers.get("Access-Control-Allow-Origin") == (
                origin if origin == allowed else None
            )


def test_the_constructor_keeps_its_arguments_and_init_app_is_stronger():
    cors = CORS(environ=PRODUCTION, origins=EVIL, max_age=5)
    app = Flask("shop")
    cors.init_app(app, origins=APP)
    response = preflight(app.test_client())
    assert protocol_fields(response)["Access-Control-Allow-Origin"] == APP
    assert response.headers["Access-Control-Max-Age"] == "5"


def test_the_current_app_is_governed_as_the_app_itself_is():
    app = Flask("shop")
    with app.app_context():
        CORS(current_app, environ=PRODUCTION, origins=APP)
    assert protocol_fields(preflight(app.test_client()))["Access-Control-Allow-Origin"] == APP


def test_a_second_policy_for_one_app_is_refused():
    app, cors = make(ORIGINS=APP)
    with pytest.raises(RuntimeError, match=r"has a CORS policy already, from \S+apps\.py:\d+;.*resources="):
        cors.init_app(app)


def test_a_policy_after_the_first_request_is_refused():
    app = Flask("shop")
    app.test_client().get("/")
    with pytest.raises(RuntimeError, match="has served a request already"):
        CORS(environ=PRODUCTION).init_app(app)


def test_something_that_is_no_app_is_refused():
    with pytest.raises(TypeError, match="takes a Flask app, not str"):
        CORS(environ=PRODUCTION).init_app("shop")


def test_a_bad_policy_leaves_the_app_as_it_was():
    app = Flask("shop")
    before = app.wsgi_app
    with pytest.raises(CORSConfigError):
        CORS(app, environ=PRODUCTION, origins="*")
    assert (app.wsgi_app, app.extensions) == (before, {})


def test_flask_cors_on_the_same_app_is_warned_of(caplog):
    import flask_cors

    app = Flask("shop")
    flask_cors.CORS(app)
    CORS(app, environ=PRODUCTION, origins=APP)
    assert "flask-cors is active on this app too" in caplog.text


def test_config_set_after_init_app_counts_at_the_first_request():
    app, cors = make()
    app.config["CORS_ORIGINS"] = APP
    response = app.test_client().get("/items", headers={"Origin": APP})
    assert protocol_fields(response)["Access-Control-Allow-Origin"] == APP
    assert cors.policy(app).resources[0].origins.match(APP).reason is Reason.ORIGIN_EXACT


def test_a_problem_found_by_the_first_request_stays_an_error():
    app, cors = make()
    app.config["CORS_ORIGINS"] = "*"
    for _ in range(2):
        with pytest.raises(CORSConfigError, match=r"\[wildcard\]"):
            app.test_client().get("/items")
    app.config["CORS_ORIGINS"] = APP
    with pytest.raises(CORSConfigError):
        app.test_client().get("/items")
    with pytest.raises(CORSConfigError):
        cors.policy(app)
    assert app.ran == []


def test_config_changed_after_the_first_request_changes_nothing():
    app, _ = make(ORIGINS=APP)
    app.test_client().get("/items")
    app.config["CORS_ORIGINS"] = EVIL
    assert (
        "Access-Control-Allow-Origin" not in app.test_client().get("/items", headers={"Origin": EVIL}).headers
    )


def test_a_route_added_after_init_app_is_governed():
    app, _ = make(ORIGINS=APP)
    app.add_url_rule("/late", view_func=str, endpoint="late")
    assert protocol_fields(app.test_client().get("/late", headers={"Origin": APP}))


def test_the_policy_is_told_once_and_whole(capfd):
    app, cors = make(
        RESOURCES__API__PATH="/api/*",
        RESOURCES__API__ORIGINS=",".join(f"https://a{i}.example" for i in range(300)),
    )
    for _ in range(3):
        app.test_client().get("/items")
    parts = events(capfd.readouterr().err, "cors.policy.loaded")
    assert [part["cors.policy.part"] for part in parts] == list(range(1, parts[0]["cors.policy.parts"] + 1))
    assert "".join(part["cors.policy.document"] for part in parts) == cors.policy(app).canonical_json()
    assert {part["cors.policy.id"] for part in parts} == {cors.policy(app).id}


def test_policy_and_decide_answer_without_a_request():
    app, cors = make(ORIGINS=APP, METHODS="PUT")
    assert isinstance(cors.policy(app), Policy)
    assert cors.decide(origin=APP, app=app).reason is Reason.ORIGIN_EXACT
    assert cors.decide(origin=APP, method="PATCH", app=app).reason is Reason.METHOD_NOT_ALLOWED
    assert cors.decide(origin=APP, headers=["X-A"], app=app).offending == ("x-a",)
    assert cors.decide(origin=APP, headers="x-a, X-B", app=app).offending == ("x-a", "x-b")
    assert cors.decide(origin=APP, headers="", app=app).reason is Reason.ORIGIN_EXACT
    with app.app_context():
        assert cors.decide(origin=EVIL).reason is Reason.ORIGIN_NOT_LISTED
    assert cors.decide(origin=None, app=app).reason is Reason.NO_ORIGIN


def test_an_app_without_a_policy_says_so():
    with pytest.raises(RuntimeError, match="call init_app first"):
        CORS(environ={}).policy(Flask("shop"))


@pytest.mark.parametrize(
    ("debug", "server", "environment"),
    [
        (True, "Werkzeug/3.1", "development"),
        (False, "Werkzeug/3.1", "production"),
        (True, "waitress", "production"),
        (True, None, "production"),
    ],
)
def test_unnamed_the_first_request_settles_the_environment(debug, server, environment):
    app = Flask("shop")
    cors = CORS(app, environ={})
    app.debug = debug
    overrides = {} if server is None else {"SERVER_SOFTWARE": server}
    app.test_client().get("/", environ_overrides=overrides)
    assert cors.policy(app).environment == environment


def test_what_development_bears_with_is_held_until_the_first_request_shows_production():
    app = Flask("shop")
    CORS(app, environ={"CORS_ORIGINS": "*"})
    for _ in range(2):
        with pytest.raises(CORSConfigError, match="On your own machine: CORS_ENV=development"):
            app.test_client().get("/", environ_overrides={"SERVER_SOFTWARE": "waitress"})


def test_what_no_environment_bears_with_is_refused_at_once():
    with pytest.raises(CORSConfigError, match="credentials-with-wildcard"):
        CORS(Flask("shop"), environ={}, origins="*", supports_credentials=True)


@pytest.mark.parametrize("order", ["below", "above"])
def test_beside_proxy_fix_a_same_origin_request_is_recognised_in_either_order(order, capfd, caplog):
    def fix(app):
        app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1, x_host=1)

    app, _ = make(ORIGINS=APP, ENFORCE="true", before=fix if order == "below" else lambda _: None)
    if order == "above":
        fix(app)
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.example",
        "Origin": "https://shop.example",
    }
    assert app.test_client().get("/items", headers=headers).status_code == 200
    assert events(capfd.readouterr().err) == []
    assert caplog.text == ""


def test_mounted_apps_keep_their_policies_and_the_outer_one_governs_its_own():
    outer, _ = make(ORIGINS=APP)
    inner, _ = make(RESOURCES__X__PATH="/items", RESOURCES__X__ORIGINS=EVIL)
    site = Client(DispatcherMiddleware(outer, {"/inner": inner}))
    for path, origin in (("/items", APP), ("/inner/items", EVIL)):
        for asked in (APP, EVIL):
            response = site.get(path, headers={"Origin": asked})
            assert response.headers.get("Access-Control-Allow-Origin") == (
                origin if asked == origin else None
            )


def test_an_app_mounted_below_has_the_last_word_and_one_event(capfd, caplog):
    inner, _ = make(RESOURCES__X__PATH="/items", RESOURCES__X__ORIGINS=EVIL)
    mount = {"/inner": inner}
    outer, _ = make(
        ORIGINS=APP, before=lambda a: setattr(a, "wsgi_app", DispatcherMiddleware(a.wsgi_app, mount))
    )
    assert caplog.text == ""
    for origin, shared in ((APP, None), (EVIL, EVIL)):
        response = outer.test_client().get("/inner/items", headers={"Origin": origin})
        assert response.headers.get("Access-Control-Allow-Origin") == shared
    assert [e["cors.decision"] for e in events(capfd.readouterr().err)] == ["deny", "allow"]


def mounted_below(inner, *decorated):
    """An app whose path /inner is another's, and that has *decorated* views."""

    def mount(app):
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/inner": inner})
        for path in decorated:
            app.add_url_rule(path, path.strip("/"), cross_origin(APP)(lambda: ""))

    inner_paths = {"RESOURCES__INNER__PATH": "/inner/*", "RESOURCES__INNER__ORIGINS": EVIL}
    outer, _ = make(RESOURCES__OWN__PATH="/open/*", RESOURCES__OWN__ORIGINS=APP, before=mount, **inner_paths)
    return outer


@pytest.mark.parametrize("decorated", [[], ["/secret"]])
def test_what_an_app_mounted_below_answers_is_allowed_only_where_every_resource_allows_it(decorated):
    inner = Flask("inner")
    inner.add_url_rule("/<path:rest>", "page", lambda rest: rest)
    client = mounted_below(inner, *decorated).test_client()
    for path in ("/inner/open/x", "/inner/secret"):
        for origin in (APP, EVIL, None):
            headers = {} if origin is None else {"Origin": origin}
            assert protocol_fields(client.get(path, headers=headers)) == {"Vary": "Origin"}


@pytest.mark.parametrize("decorated", [[], ["/secret"]])
def test_an_exception_of_an_app_mounted_below_has_one_event(decorated, capfd):
    inner, _ = make(ORIGINS=EVIL)
    inner.testing = True
    inner.add_url_rule("/crash", "crash", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        mounted_below(inner, *decorated).test_client().get("/inner/crash", headers={"Origin": EVIL})
    [event] = events(capfd.readouterr().err)
    assert (event["cors.decision"], event["cors.notes"]) == ("allow", "debugger_response")


@pytest.mark.parametrize("option", ["origin", "orgins", "max_ages"])
def test_an_unknown_option_is_refused_with_a_suggestion(option):
    with pytest.raises(CORSConfigError, match=r"\[option-unknown\]"):
        CORS(Flask("shop"), environ=PRODUCTION, **{option: APP})


def test_the_one_app_that_an_object_governs_needs_no_context(tmp_path):
    policy = tmp_path / "cors.toml"
    policy.write_text('origins = ["https://a.example"]\n')
    app = Flask("shop")
    cors = CORS(app, environ={"CORS_ENV": "production", "CORS_CONFIG_FILE": str(policy)})
    policy.write_text('origins = ["https://b.example"]\n')
    assert cors.reload() is cors.policy()
    assert cors.decide(origin="https://b.example", path="/").verdict == "allow"
    CORS.init_app(cors, Flask("other"), environ={"CORS_ENV": "production"})
    with pytest.raises(RuntimeError, match="context"):
        cors.policy()
