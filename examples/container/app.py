"""The shop's API: nothing in it knows where its cross-origin policy comes from."""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_cors_env import CORS

cors = CORS()


def create_app() -> Flask:
    app = Flask("shop")
    cors.init_app(app)  # reads CORS_*, and the file that CORS_CONFIG_FILE names; refuses a bad policy

    @app.get("/health")
    @cors.exempt
    def health() -> dict[str, str]:
        """For the readiness probe, which is no page: its responses have no CORS."""
        return {"status": "ok"}

    @app.get("/api/items")
    def items() -> tuple[list[dict[str, Any]], dict[str, str]]:
        return [{"id": 1, "name": "lamp"}, {"id": 2, "name": "chair"}], {"X-Total-Count": "2"}

    @app.put("/api/items/<int:item>")
    def rename(item: int) -> dict[str, Any]:
        return {"id": item, "name": "renamed"}

    @app.get("/feed.json")
    def feed() -> list[str]:
        return ["lamp", "chair"]

    return app
