"""A small shop: an app factory whose cross-origin policy comes from the environment."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import Flask, abort, request

from flask_cors_env import CORS

cors = CORS()


def create_app() -> Flask:
    app = Flask(__name__)
    cors.init_app(app)  # reads CORS_*; refuses to start on a bad policy

    @app.before_request
    def authenticate() -> None:
        """A preflight carries no key, and needs none: it is answered before this runs."""
        if request.method == "PUT" and request.headers.get("X-Api-Key") != "secret":
            abort(401)

    @app.get("/items")
    def items() -> tuple[list[dict[str, Any]], dict[str, str]]:
        return [{"id": 1, "name": "lamp"}, {"id": 2, "name": "chair"}], {"X-Total-Count": "2"}

    @app.put("/items/<int:item>")
    def rename(item: int) -> dict[str, Any]:
        return {"id": item, "name": "renamed"}

    @app.get("/crash")
    def crash() -> NoReturn:
        raise RuntimeError("on purpose: its 500 can be read by the page all the same")

    return app
