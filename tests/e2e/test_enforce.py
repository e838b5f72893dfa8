"""In a real Chromium: what `enforce` guards is reached by no foreign page, in no mode and by no path."""

from urllib.request import urlopen

import pytest

SOURCE = """
import pathlib
from flask import Flask
from flask_cors_env import CORS

RAN = pathlib.Path(__file__).with_name("ran.txt")

def create_app():
    app = Flask("shop")
    CORS(app)

    @app.route("/priv/<path:rest>", methods=["GET", "POST"])
    def private(rest):
        with RAN.open("a") as out:
            out.write(rest + "\\n")
        return "done"

    @app.get("/pub/x")
    def public():
        return "public"

    @app.get("/ran")
    def ran():
        return RAN.read_text() if RAN.exists() else ""

    return app
"""
#: As a page writes them; the browser leaves an encoded slash as it is.
PATHS = ["/priv/x", "/priv/..%2fpub/x", "/priv/%2e%2e%2fpub/x", "/priv/..%5cpub/x", "/priv/.%2e%2Fpub/x"]


@pytest.fixture(scope="module")
def server(serve):
    variables = {
        "CORS_ENV": "production",
        "CORS_RESOURCES__PRIV__PATH": "/priv/*",
        "CORS_RESOURCES__PRIV__ORIGINS": "https://app.example.com",
        "CORS_RESOURCES__PRIV__ENFORCE": "true",
        "CORS_RESOURCES__PUB__PATH": "/pub/*",
        "CORS_RESOURCES__PUB__PUBLIC": "true",
    }
    return serve(SOURCE, variables)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST"])
def test_a_foreign_page_that_asks_no_permission_runs_no_view(path, method, server, serve_page, browser):
    browser.open(serve_page())
    answer = browser.run(
        "return ask(...arguments)", server.url + path, {"mode": "no-cors", "method": method, "body": "x"}
    )
    assert answer["status"] == 0  # an opaque response
    last = [event for event in server.events() if event["event"] == "cors.decision"][-1]
    assert (last["cors.decision"], last["http.response.status_code"]) == ("deny", 403)
    assert last["cors.reason"] == ("origin_not_listed" if path == "/priv/x" else "path_ambiguous")
    assert last["cors.resource"] == "priv"
    with urlopen(server.url + "/ran") as ran:
        assert ran.read() == b""
