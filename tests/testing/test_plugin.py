"""The fixture and the story of a failure, in a pytest of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """\
import pytest
from flask import Flask
from flask_cors_env import CORS

pytest_plugins = ["flask_cors_env.testing.plugin"]

@pytest.fixture
def app():
    app = Flask("shop")
    CORS(app, environ={"CORS_ENV": "production", "CORS_ORIGINS": "https://app.example.com"})
    app.add_url_rule("/items", view_func=lambda: ("[]", {"X-Total-Count": "0"}))
    return app
"""
PASSING = """\
def test_policy(cors_page):
    page = cors_page("https://app.example.com", base_url="https://api.example.com")
    assert page.can_read("/items")
    assert not page.sees_header("/items", "X-Total-Count")
    assert not cors_page("https://evil.example").can_read("/items")
"""
FAILING = """\
from flask_cors_env.testing import Page

def test_policy(cors_page):
    page = cors_page("https://app.example.com")
    assert page.can_read("/items") and page.sees_header("/items", "X-Total-Count")

def test_openness(app):
    verdict = Page(app, "https://app.example.com").can_send("PUT", "/items")
    assert not verdict

def test_no_verdict(cors_page):
    assert cors_page is None

def test_no_assertion(cors_page):
    verdict = cors_page("https://app.example.com").can_read("/items")
    raise ValueError(verdict)
"""


def run(folder, *arguments, **files):
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    env = {"PYTHONPATH": ":".join(sys.path), "PATH": "", "COLUMNS": "80"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_policy_is_asserted_in_one_line_each(tmp_path):
    done = run(tmp_path, "-q", conftest=CONFTEST, test_policy=PASSING)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 passed" in done.stdout


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    done = run(tmp_path_factory.mktemp("failing"), conftest=CONFTEST, test_policy=FAILING)
    assert (done.returncode, done.stderr) == (1, "")
    _, *stories = done.stdout.split("\n____")
    return dict(zip(("policy", "openness", "no_verdict", "no_assertion"), stories, strict=True))


def test_a_failed_assertion_shows_the_gist(failures):
    gist = (
        "<no: The answer has X-Total-Count, and does not list it in Access-Control-Expose-Headers. "
        "origin_exact. To let pages read the header, add it to CORS_EXPOSE_HEADERS.>"
    )
    assert gist in failures["policy"]


def test_a_failed_assertion_tells_the_whole_story(failures):
    assert failures["policy"].rpartition(" CORS -")[2].lstrip("-\n") == (
        "https://app.example.com can see X-Total-Count of GET http://localhost/items: no\n"
        "    > GET http://localhost/items\n"
        "    > Accept: */*\n"
        "    > Origin: https://app.example.com\n"
        "    > Sec-Fetch-Dest: empty\n"
        "    > Sec-Fetch-Mode: cors\n"
        "    > Sec-Fetch-Site: cross-site\n"
        "    < 200\n"
        "    < Vary: Origin\n"
        "    < Access-Control-Allow-Origin: https://app.example.com\n"
        "browser: The answer has X-Total-Count, and does not list it in Access-Control-Expose-Headers. "
        "https://fetch.spec.whatwg.org/#concept-response-cors-exposed-header-name-list\n"
        "policy: origin_exact: The origin is listed. "
        "To let pages read the header, add it to CORS_EXPOSE_HEADERS."
    )


def test_a_yes_that_should_be_a_no_is_told_once(failures):
    assert (
        failures["openness"].count("https://app.example.com can send PUT http://localhost/items: yes\n") == 1
    )


@pytest.mark.parametrize("name", ["no_verdict", "no_assertion"])
def test_a_failure_of_another_kind_has_no_story(name, failures):
    assert " CORS ---" not in failures[name]


def test_without_the_plugin_pytest_is_not_imported():
    code = "import sys, flask_cors_env.testing; sys.exit('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0
