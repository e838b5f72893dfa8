"""Apps for the tests of this room, and what a client sees of them."""

import json

from flask import Flask
from jsonschema import Draft202012Validator

from flask_cors_env import CORS
from flask_cors_env.audit.event import json_schema

_SCHEMA = Draft202012Validator(json_schema())

APP = "https://app.example.com"
EVIL = "https://evil.example.net"


def make(environ=None, *, options=None, before=None, **settings):
    """An app governed by *settings* (upper case, without prefix), and its extension."""
    app = Flask("shop")
    app.ran = []
    if before is not None:
        before(app)
    variables = {f"CORS_{name}": value for name, value in settings.items()}
    fixed = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}  # the runner's handler is no app's
    cors = CORS(environ={**fixed, **variables, **(environ or {})})
    cors.init_app(app, **(options or {}))

    @app.route("/items", methods=["GET", "PUT", "OPTIONS"])
    def items():
        app.ran.append("view")
        return "[]", {"X-Total-Count": "0"}

    return app, cors


def preflight(client, path="/items", *, origin=APP, method="PUT", headers=None):
    fields = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers is not None:
        fields["Access-Control-Request-Headers"] = headers
    return client.options(path, headers=fields)


def protocol_fields(response):
    """The fields that are ours: those of the protocol, and Vary."""
    ours = [(n, v) for n, v in response.headers if n.startswith("Access-Control-") or n == "Vary"]
    assert len({n for n, _ in ours}) == len(ours)
    return dict(ours)


def events(text, event="cors.decision"):
    """The events in what was written to standard error."""
    found = [json.loads(line) for line in text.splitlines() if line.startswith('{"cors.schema"')]
    return [valid(e) for e in found if e["event"] == event]


def valid(event):
    """*event*, which is what the catalogue says."""
    _SCHEMA.validate(event)
    return event
