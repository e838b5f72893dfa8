"""Bridges of clouds and frameworks to Flask, the real ones: each decides as a server does."""

import sys
import types

import apig_wsgi
import functions_framework
import pytest
import serverless_wsgi
from apps import APP, EVIL, events, protocol_fields
from flask import Blueprint, Flask, Response
from flask.views import MethodView
from flask_restx import Api, Namespace, Resource
from werkzeug.datastructures import Headers

from flask_cors_env import CORS, cross_origin

PARTNER = "https://partner.example.com"
ENVIRON = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}
SHARED, VARY = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}, {"Vary": "Origin"}


def shop():
    """An app whose view has a narrower policy than the app."""
    app = Flask("shop")
    CORS(app, environ=ENVIRON, origins=[APP, PARTNER])
    app.add_url_rule("/x", "x", cross_origin(origins=[APP])(lambda: "x"), methods=["GET", "PUT"])
    return app


def lambda_event(method, headers):
    """An event of AWS API Gateway, payload version 1.0."""
    return {
        "version": "1.0",
        "httpMethod": method,
        "path": "/x",
        "resource": "/{proxy+}",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {
            "httpMethod": method,
            "path": "/x",
            "stage": "",
            "identity": {"sourceIp": "203.0.113.9"},
        },
        "body": None,
        "isBase64Encoded": False,
    }


def by_serverless_wsgi(app, method, headers):
    return serverless_wsgi.handle_request(app, lambda_event(method, headers), None)


def by_apig_wsgi(app, method, headers):
    return apig_wsgi.make_lambda_handler(app)(lambda_event(method, headers), None)


def asked(found):
    """What an adapter gives back, as a status and the fields of ours."""
    many = found.get("multiValueHeaders") or {name: [value] for name, value in found["headers"].items()}
    headers = Headers([(name.title(), value) for name, values in many.items() for value in values])
    return found["statusCode"], protocol_fields(Response(headers=headers))


@pytest.mark.parametrize("ask", [by_serverless_wsgi, by_apig_wsgi])
def test_an_adapter_of_aws_lambda(ask, capfd):
    app = shop()
    asking = {"Access-Control-Request-Method": "PUT"}
    assert asked(ask(app, "GET", {"Host": "a.example", "Origin": APP})) == (200, SHARED)
    assert asked(ask(app, "GET", {"Host": "a.example", "Origin": PARTNER})) == (200, VARY)
    assert asked(ask(app, "OPTIONS", {"Host": "a.example", "Origin": PARTNER, **asking}))[0] == 403
    status, fields = asked(ask(app, "OPTIONS", {"Host": "a.example", "Origin": APP, **asking}))
    assert (status, fields["Access-Control-Allow-Origin"]) == (204, APP)
    seen = [(e["cors.resource"], e["cors.decision"]) for e in events(capfd.readouterr().err)]
    assert seen == [("view:x", verdict) for verdict in ("allow", "deny", "deny", "allow")]


FUNCTION = """
from flask import current_app
from flask_cors_env import CORS, cross_origin

cors = CORS(current_app, environ={"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"},
            origins=["https://app.example.com", "https://partner.example.com"], methods="auto")

@cross_origin(origins=["https://app.example.com"])
def own(request):
    return "own"

def wide(request):
    return "wide"

@cors.exempt
def left(request):
    return "left"
"""


def function(target, tmp_path, monkeypatch):
    """A function behind functions-framework; its rules name no methods."""
    (tmp_path / "main.py").write_text(FUNCTION)
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    sys.modules.pop("main", None)
    return functions_framework.create_app(target, str(tmp_path / "main.py"), "http").test_client()


def test_a_cloud_function_with_a_policy_of_its_own(tmp_path, monkeypatch, capfd):
    client = function("own", tmp_path, monkeypatch)
    for method in ("GET", "DELETE"):
        assert protocol_fields(client.open("/", method=method, headers={"Origin": APP})) == SHARED
        assert protocol_fields(client.open("/a/b", method=method, headers={"Origin": PARTNER})) == VARY
    asking = {"Access-Control-Request-Method": "DELETE"}
    preflights = [client.options("/", headers={"Origin": origin, **asking}) for origin in (APP, PARTNER)]
    assert [answer.status_code for answer in preflights] == [204, 403]
    every = "DELETE, GET, HEAD, PATCH, POST, PUT"
    assert preflights[0].headers["Access-Control-Allow-Methods"] == every
    assert len(events(capfd.readouterr().err)) == 6


def test_a_cloud_function_under_the_apps_policy_and_one_that_is_exempt(tmp_path, monkeypatch):
    client = function("wide", tmp_path, monkeypatch)
    found = [client.get("/", headers={"Origin": origin}) for origin in (PARTNER, EVIL)]
    assert [one.headers.get("Access-Control-Allow-Origin") for one in found] == [PARTNER, None]
    client = function("left", tmp_path, monkeypatch)
    assert protocol_fields(client.get("/", headers={"Origin": APP})) == {}


def acao(app, path, origin):
    return app.test_client().get(path, headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")


def of_a_class(app):
    class One(MethodView):
        decorators = (cross_origin(origins=[APP]),)

        def get(self):
            return "x"

    app.add_url_rule("/x", view_func=One.as_view("x"))


def of_nested_blueprints(app):
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.add_url_rule("/x", "x", cross_origin(origins=[APP])(lambda: "x"))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)


def of_a_namespace(app):
    space = Namespace("space", path="/")

    @space.route("/x")
    class One(Resource):
        @cross_origin(origins=[APP])
        def get(self):
            return {"x": 1}

    Api(app, doc=False).add_namespace(space)


def of_an_imported_module(app):
    module = types.ModuleType("views")
    module.x = cross_origin(origins=[APP])(lambda: "x")
    app.add_url_rule("/x", "x", module.x)


@pytest.mark.parametrize("put", [of_a_class, of_nested_blueprints, of_a_namespace, of_an_imported_module])
def test_a_view_that_comes_after_cors_keeps_its_narrower_policy(put):
    app = Flask("shop")
    CORS(app, environ=ENVIRON, origins=[APP, PARTNER])
    put(app)
    assert [acao(app, "/x", origin) for origin in (APP, PARTNER, APP)] == [APP, None, APP]
    asking = {"Origin": PARTNER, "Access-Control-Request-Method": "GET"}
    assert app.test_client().options("/x", headers=asking).status_code == 403
