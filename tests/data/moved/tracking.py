"""Expressions for the developer's machine, credentials, and hooks that look at origins, as mlflow has it."""

from flask import Flask, Response, request
from flask_cors import CORS

LOCALHOST = [
    r"^http://localhost(:[0-9]+)?$",
    r"^http://127\.0\.0\.1(:[0-9]+)?$",
    r"^http://\[::1\](:[0-9]+)?$",
]


def protect(app, allowed_origins):
    CORS(
        app,
        resources={r"/*": {"origins": allowed_origins + LOCALHOST}},
        supports_credentials=True,
        methods=["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"],
    )

    @app.before_request
    def validate_host():
        if request.host.startswith("evil."):
            return Response("Invalid Host header", status=403)
        return None

    @app.after_request
    def add_security_headers(response):
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def create_app():
    app = Flask("tracking", static_folder=None)
    protect(app, ["https://mlops.example.com"])
    app.add_url_rule("/health", "health", lambda: "OK")
    app.add_url_rule("/version", "version", lambda: "1")
    app.add_url_rule("/api/2.0/runs/create", "create", lambda: "{}", methods=["POST"])
    app.add_url_rule("/api/2.0/runs/get", "get", lambda: "{}")
    app.add_url_rule(
        "/ajax-api/2.0/artifacts/<path:name>", "artifact", lambda name: name, methods=["GET", "PUT"]
    )
    return app
