"""
The first hour: from nothing to a page that reads the API, by the README's blocks alone, in an empty folder.

And what goes wrong in it, each with the one command and the message that names the cause.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.test_demo import free_ports
from webdriver import ProcessGroup

from flask_cors_env.config.environment import FALLBACK

README = (Path(__file__).parents[1] / "README.md").read_text()
PYTHON = f"{sys.executable} -m "
PAGE, APP = "http://localhost:5173", "https://app.example.com"
ENVIRON = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}


def block(start, after=""):
    """The block of the README that begins with *start*, the first one below *after*."""
    text = README[README.index(after) :]
    return next(
        found for found in re.findall(r"```\w+\n(.*?)```", text, re.DOTALL) if found.startswith(start)
    )


@pytest.fixture
def begin(tmp_path):
    """A function that runs a command of the README's, as a shell does, until it listens; gives its group."""
    groups = []

    def run(command, **environ):
        group = ProcessGroup(["sh", "-c", command], tmp_path, ENVIRON | {"HOME": str(tmp_path)} | environ)
        groups.append(group)
        return group

    (tmp_path / "app.py").write_text(block("# app.py"))
    yield run
    for group in groups:
        group.end()


def on_port(command, port):
    """A command with this interpreter's programs, and its server at *port*."""
    command = command.replace("flask run", f"{PYTHON}flask run --port {port}")
    command = command.replace("flask cors", f"{PYTHON}flask cors")
    return command.replace("gunicorn '", f"{PYTHON}gunicorn --bind 127.0.0.1:{port} '")


def asked(port, origin, path="/items", method="GET", **headers):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    fields = {"Origin": origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, headers=fields)
    response = connection.getresponse()
    response.read()
    connection.close()
    found = {name: value for name, value in response.getheaders() if name.startswith("Access-Control")}
    return response.status, found


def test_in_development_a_page_reads_the_api_by_the_readme_alone(begin, tmp_path):
    (port,) = free_ports(1)
    (tmp_path / ".env").write_text(block("# .env"))
    group = begin(on_port(block("flask run", "first hour: development"), port))
    group.wait_for_output(r"(Running on)")
    assert asked(port, PAGE) == (
        200,
        {"Access-Control-Allow-Origin": PAGE, "Access-Control-Expose-Headers": "X-Total-Count"},
    )
    preflight = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "x-api-key"}
    status, fields = asked(port, PAGE, method="OPTIONS", **preflight)
    assert (status, fields["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert '"cors.reason":"origin_exact"' in group.output


def test_in_production_a_page_reads_the_api_by_the_readme_alone(begin):
    (port,) = free_ports(1)
    group = begin(on_port(block("export CORS_ENV", "first hour: production"), port))
    group.wait_for_output(r"(Listening at)")
    assert "is valid (production, because CORS_ENV=production)" in group.output
    assert asked(port, APP) == (
        200,
        {"Access-Control-Allow-Origin": APP, "Access-Control-Expose-Headers": "X-Total-Count"},
    )
    assert asked(port, "https://evil.example") == (200, {})


def test_plain_flask_run_says_first_that_production_is_a_fallback(begin):
    (port,) = free_ports(1)
    group = begin(on_port("flask run", port))
    group.wait_for_output(r"(Running on)")
    for _ in range(2):
        assert asked(port, PAGE) == (200, {})
    lines = group.output.splitlines()
    (at,) = (number for number, line in enumerate(lines) if FALLBACK in line and line.startswith("CORS: "))
    assert not [line for line in lines[:at] if "cors.decision" in line]


def test_a_bad_policy_is_printed_once_under_gunicorn(begin):
    (port,) = free_ports(1)
    command = f"{PYTHON}gunicorn --bind 127.0.0.1:{port} --workers 3 'app:create_app()'; echo ended: $?"
    group = begin(command, CORS_ORIGINS=f"{APP}/")
    assert group.wait_for_output(r"ended: (\d+)") != "0"
    assert group.output.count("[origin-has-path]") == 1
    assert "has something after the host" in group.output


FACTORY = """
def create_app():
    app = Flask("shop")
    {}
    app.get("/api/items")(lambda: "ok")
    return app
"""
HEAD = "from flask import Flask\nfrom flask_cors_env import CORS\n"
PLAIN = "CORS(app)"
CHECK = ["check"]
STRICT = ["check", "--strict"]


def explain(*words, origin=APP, path="/api/items"):
    return ["explain", "--origin", origin, *words, path]


CONSOLE = (
    f"Access to fetch at 'https://api.example.com/api/items' from origin '{PAGE}' has been blocked by CORS "
    "policy: No 'Access-Control-Allow-Origin' header is present on the requested resource."
)

#: What somebody did; the environment, the code, files; the command; its status; and what names the cause.
WRONG = {
    "a slash after the origin": ({"CORS_ORIGINS": f"{APP}/"}, PLAIN, {}, CHECK, 1, f"Write: {APP}"),
    "an origin without a scheme": (
        {"CORS_ORIGINS": "app.example.com"}, PLAIN, {}, CHECK, 1,
        "origin-has-no-scheme",
    ),
    "a path in the origin": ({"CORS_ORIGINS": f"{APP}/app"}, PLAIN, {}, CHECK, 1, "origin-has-path"),
    "a default port": ({"CORS_ORIGINS": f"{APP}:443"}, PLAIN, {}, CHECK, 1, "origin-has-default-port"),
    "semicolons": ({"CORS_ORIGINS": f"{APP};https://b.example"}, PLAIN, {}, CHECK, 1, f"Write: {APP},https://b.example"),
    "pipes": ({"CORS_ORIGINS": APP, "CORS_METHODS": "GET|POST"}, PLAIN, {}, CHECK, 1, "Write: GET,POST"),
    "everyone in production": ({"CORS_ORIGINS": "*"}, PLAIN, {}, CHECK, 1, "__PUBLIC=true"),
    "localhost in production": (
        {"CORS_ORIGINS": PAGE}, PLAIN, {}, CHECK, 1,
        "the page's real origin, https://",
    ),
    "http in production": (
        {"CORS_ORIGINS": "http://app.example.com"}, PLAIN, {}, CHECK, 1,
        "Serve it over https",
    ),
    "a regular expression": (
        {"CORS_ORIGINS": r"https://.*\.example\.com"}, PLAIN, {}, CHECK, 1,
        "https://*.example.com",
    ),
    "a misspelled variable": ({"CORS_ORIGNS": APP}, PLAIN, {}, CHECK, 1, "Did you mean: CORS_ORIGINS?"),
    "a comment behind the value": (
        {"CORS_ORIGINS": f"{APP} # the page"}, PLAIN, {}, CHECK, 1,
        "inline-comment",
    ),
    "True for everything": (
        {"CORS_ORIGINS": "*", "CORS_ALLOW_CREDENTIALS": "true", "CORS_ENV": "development"}, PLAIN, {}, CHECK,
        1, "credentials-with-wildcard",
    ),
    "credentials that are no boolean": (
        {"CORS_ORIGINS": APP, "CORS_ALLOW_CREDENTIALS": "maybe"}, PLAIN, {}, CHECK, 1, "not-a-boolean",
    ),
    "an unknown environment": (
        {"CORS_ENV": "producton"}, PLAIN, {}, CHECK, 1,
        "development, testing, staging",
    ),
    "a file that is missing": ({"CORS_CONFIG_FILE": "cors.toml"}, PLAIN, {}, CHECK, 1, "file-missing"),
    "a file that is no TOML": (
        {"CORS_CONFIG_FILE": "c.toml"}, PLAIN, {"c.toml": "origins = ["}, CHECK, 1,
        "file-malformed",
    ),
    "an argument over the operator's": (
        {"CORS_ORIGINS": APP}, f"CORS(app, origins='{PAGE}')", {}, CHECK, 1, "shadowed",
    ),
    "an option that there is not": ({}, "CORS(app, origin=['x'])", {}, CHECK, 1, "option-unknown"),
    "two resources for one path": (
        {"CORS_ORIGINS": APP, "CORS_RESOURCES__A__PATH": "/a*", "CORS_RESOURCES__B__PATH": "/*a"}, PLAIN, {},
        CHECK, 1, "path-overlap",
    ),
    "nothing set": ({}, PLAIN, {}, STRICT, 1, "no resource allows any origin"),
    "another prefix": ({"FLASK_CORS_ORIGINS": APP}, PLAIN, {}, STRICT, 1, "no resource allows any origin"),
    "a .env for gunicorn": ({}, PLAIN, {".env": f"CORS_ORIGINS={APP}\n"}, STRICT, 1, "flask-only"),
    "no app": ({"CORS_ORIGINS": APP}, None, {}, CHECK, 2, "There is no app to judge"),
    "CORS is never called": ({"CORS_ORIGINS": APP}, "pass", {}, CHECK, 2, "nothing calls CORS(app)"),
    "another port": (
        {"CORS_ENV": "development", "CORS_ORIGINS": PAGE}, PLAIN, {}, explain(origin="http://localhost:3000"),
        0, "Add the origin to CORS_ORIGINS.",
    ),
    "127.0.0.1 for localhost": (
        {"CORS_ENV": "development", "CORS_ORIGINS": PAGE}, PLAIN, {}, explain(origin="http://127.0.0.1:5173"),
        0, "No entry lets the origin in.",
    ),
    "production without a name": ({}, PLAIN, {}, explain(origin=PAGE), 0, "CORS_ENV=development"),
    "a method that is not listed": (
        {"CORS_ORIGINS": APP, "CORS_METHODS": "PUT"}, PLAIN, {}, explain("--method", "DELETE"), 0,
        "Add the method to CORS_METHODS.",
    ),
    "a header that is not listed": (
        {"CORS_ORIGINS": APP}, PLAIN, {}, explain("--header", "x-api-key"), 0,
        "CORS_ALLOW_HEADERS=Authorization,Content-Type, and add the names.",
    ),
    "cookies that are not allowed": (
        {"CORS_ORIGINS": APP}, PLAIN, {}, explain("--credentials"), 0, "set CORS_ALLOW_CREDENTIALS to true.",
    ),
    "a path that no resource covers": (
        {"CORS_ORIGINS": APP, "CORS_RESOURCES__FEED__PATH": "/feed"}, PLAIN, {}, explain(), 0,
        "Add a resource for the path: CORS_RESOURCES__<NAME>__PATH.",
    ),
    "an origin that is mistyped": (
        {"CORS_ORIGINS": APP}, PLAIN, {}, explain(origin="app.example.com"), 2, f"Did you mean: {APP}?",
    ),
    "what the console says": (
        {"CORS_ORIGINS": APP}, PLAIN, {},
        ["why", CONSOLE], 0, "Production forbids such an origin (rule loopback)",
    ),
}  # fmt: skip


def test_there_are_thirty_of_them():
    assert len(WRONG) >= 30


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_named_by_one_command(wrong, tmp_path):
    environ, code, files, command, status, cause = WRONG[wrong]
    if code is not None:
        (tmp_path / "app.py").write_text(HEAD + FACTORY.format(code))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "flask", "cors", *command],
        cwd=tmp_path, env=ENVIRON | environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (status, False)
    assert cause in done.stdout + done.stderr
