"""One app on several hosts, below a mount, and under the test runners: routing by host is obeyed."""

import pytest
from apps import APP, EVIL, events, preflight, protocol_fields
from flask import Blueprint, Flask, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from flask_cors_env import CORS, cross_origin
from flask_cors_env.cli import cors as commands
from flask_cors_env.web.wsgi import placed

BI = "https://bi.example.com"
ENVIRON = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}
SITE, API = "http://shop.test", "http://api.shop.test"


def where():
    return request.host


def by_subdomain(**options):
    app = Flask("shop", subdomain_matching=True)
    app.config["SERVER_NAME"] = "shop.test"
    return app, CORS(app, environ=ENVIRON, **options), {"subdomain": "api"}


def by_host(**options):
    app = Flask("shop", host_matching=True, static_host="shop.test")
    return app, CORS(app, environ=ENVIRON, **options), {"host": "api.shop.test"}


@pytest.fixture(params=[by_subdomain, by_host])
def matching(request):
    return request.param


def acao(app, path, base_url, origin):
    response = app.test_client().get(path, base_url=base_url, headers={"Origin": origin})
    return response.status_code, response.headers.get("Access-Control-Allow-Origin")


def asked(app, path, base_url, origin, method="PUT"):
    fields = {"Origin": origin, "Access-Control-Request-Method": method}
    return app.test_client().options(path, base_url=base_url, headers=fields).status_code


def elsewhere(rule_of_api):
    return {} if "subdomain" in rule_of_api else {"host": "shop.test"}


def test_an_apps_policy_holds_on_every_host(matching, capfd):
    app, _, on_api = matching(origins=APP)
    app.add_url_rule("/items", "items", where, **on_api)
    for base_url, status in ((API, 200), (SITE, 404)):
        assert acao(app, "/items", base_url, APP) == (status, APP)
        assert asked(app, "/items", base_url, APP) == 204
    found = [(e["server.address"], e.get("http.route")) for e in events(capfd.readouterr().err)]
    assert found == [
        ("api.shop.test", "/items"),
        ("api.shop.test", None),
        ("shop.test", None),
        ("shop.test", None),
    ]


def test_views_of_one_path_on_two_hosts_keep_their_own_policies(matching):
    app, _, on_api = matching(origins=APP)
    app.add_url_rule("/items", "api", cross_origin(BI)(lambda: ""), **on_api)
    app.add_url_rule("/items", "site", cross_origin(EVIL)(lambda: ""), **elsewhere(on_api))
    for base_url, origin in ((API, BI), (SITE, EVIL)):
        for other in (APP, BI, EVIL):
            shared = other if other == origin else None
            assert acao(app, "/items", base_url, other) == (200, shared)
            assert asked(app, "/items", base_url, other) == (204 if shared else 403)


def test_the_methods_of_auto_are_those_that_the_host_routes(matching):
    app, _, on_api = matching(origins=APP, methods="auto")
    app.add_url_rule("/items", "api", where, methods=["PUT"], **on_api)
    app.add_url_rule("/items", "site", where, methods=["DELETE"], **elsewhere(on_api))
    assert [asked(app, "/items", API, APP, method) for method in ("PUT", "DELETE")] == [204, 403]
    assert [asked(app, "/items", SITE, APP, method) for method in ("PUT", "DELETE")] == [403, 204]


def test_what_would_be_decided_is_told_for_a_url_of_each_host(matching):
    app, cors, on_api = matching(origins=APP)
    app.add_url_rule("/items", "api", cross_origin(BI)(lambda: ""), **on_api)
    app.add_url_rule("/items", "site", cross_origin(EVIL)(lambda: ""), **elsewhere(on_api))
    for base_url, name in ((API, "view:api"), (SITE, "view:site")):
        decision = cors.decide(origin=BI, path=f"{base_url}/items?page=1", method="PUT", app=app)
        assert (decision.resource.name, decision.verdict) == (name, "allow" if name == "view:api" else "deny")


@pytest.mark.parametrize("config", [{"SERVER_NAME": "shop.test"}, {"TRUSTED_HOSTS": [".shop.test"]}])
def test_what_would_be_decided_about_a_path_is_told_for_the_apps_own_host(config):
    app = Flask("shop", subdomain_matching="SERVER_NAME" in config)
    app.config.update(config)
    cors = CORS(app, environ=ENVIRON, origins=APP)
    app.add_url_rule("/items", "items", cross_origin(BI)(lambda: ""))
    assert cors.decide(origin=BI, path="/items", app=app).resource.name == "view:items"


@pytest.mark.parametrize(
    ("url", "base_url", "path"),
    [
        ("a/x", "http://localhost", "/a/x"),
        ("//a/x", "http://localhost", "/a/x"),
        ("/a/x?y=http://b.example#top", "http://localhost", "/a/x"),
        ("/a%20x/%2561", "http://localhost", "/a x/%61"),
        ("", "http://localhost", "/"),
        ("https://user@shop.test:8443//a/x?y", "https://shop.test:8443", "/a/x"),
        ("http://[::1]:5000", "http://[::1]:5000", "/"),
    ],
)
def test_a_url_is_read_as_browsers_and_routers_read_it(url, base_url, path):
    assert placed(url, {}) == (base_url, path)


def test_a_blueprint_of_a_subdomain_has_its_policy_there():
    app, cors, _ = by_subdomain(origins=APP)
    blueprint = Blueprint("api", __name__, subdomain="api")
    cors.init_app(blueprint, origins=BI)
    blueprint.add_url_rule("/items", "items", where)
    app.register_blueprint(blueprint)
    app.add_url_rule("/items", "site", where)
    assert (acao(app, "/items", API, BI), acao(app, "/items", API, APP)) == ((200, BI), (200, None))
    assert (acao(app, "/items", SITE, BI), acao(app, "/items", SITE, APP)) == ((200, None), (200, APP))


def test_a_page_on_one_host_of_the_app_is_not_of_the_origin_of_another(matching, capfd):
    app, _, on_api = matching(origins=APP)
    app.add_url_rule("/items", "items", where, methods=["POST"], **on_api)
    client = app.test_client()
    for origin in (API, SITE):
        client.post("/items", base_url=API, headers={"Origin": origin})
    assert [(e["cors.origin"], e["cors.decision"]) for e in events(capfd.readouterr().err)] == [
        (SITE, "deny")
    ]


def test_a_mounted_app_is_governed_by_the_paths_below_its_mount():
    app = Flask("shop")
    CORS(app, environ=ENVIRON, resources={"/items": {"origins": APP}})
    app.add_url_rule("/items", "items", lambda: request.script_root)
    site = Client(DispatcherMiddleware(Flask("outer"), {"/v1": app}))
    response = site.get("/v1/items", headers={"Origin": APP})
    assert (response.text, protocol_fields(response)) == (
        "/v1",
        {"Access-Control-Allow-Origin": APP, "Vary": "Origin"},
    )
    assert preflight(site, "/v1/items").status_code == 204
    assert protocol_fields(site.get("/items", headers={"Origin": APP})) == {}


def test_an_event_tells_the_path_that_was_decided_on_and_not_that_below_a_mount(capfd):
    outer = Flask("outer")
    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/inner": Flask("inner")})
    CORS(outer, environ={**ENVIRON, "CORS_AUDIT_PATH": "on"}, resources={"/inner/*": {"origins": APP}})
    Client(outer).get("/inner/items", headers={"Origin": APP})
    (event,) = events(capfd.readouterr().err)
    assert (event["cors.resource"], event["url.path"]) == ("inner", "/inner/items")


def test_a_root_that_the_apps_configuration_names_changes_nothing():
    app = Flask("shop")
    app.config.update(APPLICATION_ROOT="/v1", SERVER_NAME="shop.test")
    CORS(app, environ=ENVIRON, origins=APP)
    app.add_url_rule("/items", "items", where)
    assert acao(app, "/items", SITE, APP) == (200, APP)


def test_a_command_of_the_apps_own_is_served_no_policy_and_may_ask(capfd):
    app = Flask("shop")
    cors = CORS(app, environ=ENVIRON, origins=APP)
    app.add_url_rule("/items", "items", where)

    @app.cli.command("ask")
    def ask():
        print(cors.decide(origin=APP, path="/items").reason)

    runner = app.test_cli_runner()
    assert runner.invoke(args=["ask"]).output == "origin_exact\n"
    explained = runner.invoke(commands, ["explain", "--origin", EVIL, "/items"])  # no runner loads plugins
    assert "origin_not_listed" in explained.output
    assert events(capfd.readouterr().err, "cors.policy.loaded") == []
    assert acao(app, "/items", SITE, APP) == (200, APP)
    assert len(events(capfd.readouterr().err, "cors.policy.loaded")) == 1


def test_a_clients_context_and_an_environs_own_request_context_are_no_requests(capfd):
    app = Flask("shop")
    CORS(app, environ=ENVIRON, origins=APP)
    app.add_url_rule("/items", "items", where)
    with app.test_request_context("/items", headers={"Origin": APP}):
        assert app.dispatch_request() == "localhost"
    assert events(capfd.readouterr().err) == []
    with app.test_client() as client:
        client.get("/items", headers={"Origin": APP})
        assert request.path == "/items"
    assert [e["cors.decision"] for e in events(capfd.readouterr().err)] == ["allow"]
