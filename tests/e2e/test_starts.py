"""What flask-cors users write, started as they start it: the environment is found, and production refuses."""

import json
import os
import socket
import sys
import textwrap
import time
import urllib.error
import urllib.request

import pytest
from webdriver import ProcessGroup

HEAD = """
    from flask import Blueprint, Flask, jsonify
    from flask_cors_env import CORS, cross_origin

    app = Flask(__name__)
"""
TAIL = """
    @app.get("/api/items")
    @app.get("/public/items")
    def items():
        return jsonify([]), {"X-Total-Count": "0"}

    if __name__ == "__main__":
        app.run(debug=True, port=PORT)
"""
EXAMPLES = {
    "resources": """
    CORS(app, resources={r"/api/*": {"origins": ["http://localhost:3000", "https://your-frontend.com"]}})
    """,
    "bare": """
    CORS(app)
    """,
    "public": """
    CORS(app, resources={r"/public/*": {"origins": "*", "expose_headers": "X-Total-Count"}})
    """,
    "views": """
    cors = CORS()

    @app.get("/report")
    @cross_origin(origins="https://bi.example.com", allow_credentials=True)
    def report():
        return "figures"

    blueprint = Blueprint("v1", __name__, url_prefix="/v1")
    cors.init_app(blueprint)
    app.register_blueprint(blueprint)
    """,
}
ASKED = {
    "resources": ("/api/items", "https://your-frontend.com", "https://your-frontend.com"),
    "bare": ("/api/items", "https://anyone.example", "*"),
    "public": ("/public/items", "https://anyone.example", "*"),
    "views": ("/report", "https://bi.example.com", "https://bi.example.com"),
}
STARTS = {
    "python": [sys.executable, "app.py"],
    "flask": [sys.executable, "-m", "flask", "run", "--debug", "--port", "PORT"],
}


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def start(tmp_path):
    groups = []

    def run(example, command, **environ):
        port = str(free_port())
        source = textwrap.dedent(HEAD) + textwrap.dedent(EXAMPLES[example]) + textwrap.dedent(TAIL)
        (tmp_path / "app.py").write_text(source.replace("PORT", port))
        words = [word.replace("PORT", port) for word in command]
        path = os.pathsep.join([str(tmp_path), *sys.path])
        own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": path}
        groups.append(ProcessGroup(words, tmp_path, own | environ))
        return groups[-1], f"http://127.0.0.1:{port}"

    yield run
    for group in groups:
        group.end()


def ask(url, origin, seconds=20):
    """The answer, once the server is up."""
    request = urllib.request.Request(url, headers={"Origin": origin})
    for _ in range(seconds * 10):
        try:
            return urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            return error
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"no answer from {url}")


def events(group):
    return [json.loads(line) for line in group.output.splitlines() if line.startswith('{"cors.schema"')]


@pytest.mark.parametrize("start_by", STARTS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_in_development_the_examples_of_flask_cors_work_as_they_stand(example, start_by, start):
    path, origin, shared = ASKED[example]
    group, url = start(example, STARTS[start_by])
    with ask(url + path, origin) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, shared)
    loaded, decision = events(group)[:2]
    assert loaded["deployment.environment.name"] == "development"
    assert (
        loaded["cors.policy.because"]
        == {
            "python": "Werkzeug's server runs it in debug mode",
            "flask": "flask runs it in debug mode",
        }[start_by]
    )
    assert (decision["cors.decision"], decision["http.route"]) == ("allow", path)


@pytest.mark.parametrize(
    ("example", "remedies"),
    [
        (
            "resources",
            [
                "[loopback]",
                "List the page's real origin, https://...; loopback is for development: CORS_ENV=development",
            ],
        ),
        ("public", ["[wildcard]", 'make one resource public: resources={"/feed/*": {"public": True}}']),
    ],
)
def test_under_production_rules_the_server_does_not_start_and_says_what_to_do(example, remedies, start):
    command = [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:PORT", "app:app"]
    group, _ = start(example, command)
    group.wait_for_output(r"(On your own machine: CORS_ENV=development)")
    assert all(remedy in group.output for remedy in remedies)


def test_under_production_rules_a_bare_policy_lets_nobody_in(start):
    group, url = start("bare", [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:PORT", "app:app"])
    with ask(f"{url}/api/items", "https://anyone.example") as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert events(group)[-1]["cors.reason"] == "origin_not_listed"


def test_unnamed_a_server_that_is_not_werkzeugs_is_production_and_every_request_says_so(start):
    server = "from wsgiref.simple_server import make_server; import app; app.app.debug = True; "
    command = [sys.executable, "-c", server + "make_server('127.0.0.1', PORT, app.app).serve_forever()"]
    group, url = start("resources", command)
    for _ in range(2):
        with ask(f"{url}/api/items", "http://localhost:3000") as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (500, None)
    assert group.output.count("[loopback]") == 2
