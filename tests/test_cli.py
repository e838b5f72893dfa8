"""``flask cors``: answers from a shell, with exit statuses fit for a pipeline."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = Path(__file__).parents[1] / "examples" / "shop"
NOBODY = """
from flask import Flask
from flask_cors_env import CORS
def create_app():
    app = Flask("shop")
    CORS(app)
    return app
"""


def flask(*words, folder=SHOP, **environ):
    """What `flask` prints and how it ends; only *environ* is set."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_check_says_that_a_policy_is_valid_and_whose_rules_judged():
    status, out, err = flask("--app", "shop", "cors", "check")
    assert (status, err) == (0, "")
    assert out.endswith(" is valid (development, because CORS_ENV=development)\n")


def test_check_judges_by_another_environments_rules():
    status, out, err = flask("--app", "shop", "cors", "check", "--as", "production")
    assert (status, out) == (1, "")
    assert "[loopback]" in err


def test_check_works_when_the_factory_raises_its_problems(tmp_path):
    (tmp_path / "app.py").write_text(NOBODY)
    status, out, err = flask("cors", "check", folder=tmp_path, CORS_ORIGINS="https://a.example/")
    assert (status, out) == (1, "")
    assert "1 problem in the CORS configuration (production, because" in err
    assert "Write: https://a.example" in err


@pytest.mark.parametrize("words", [["--no-app"], []])
def test_check_works_without_an_app(words, tmp_path):
    status, out, _ = flask("cors", "check", *words, folder=tmp_path, CORS_ORIGINS="https://a.example")
    assert (status, out.split(" ", 1)[1]) == (0, "is valid (production, because nothing names another)\n")


def test_explain_says_what_is_refused_why_and_what_to_change():
    words = ["--origin", "https://localhost:5173", "--method", "PUT", "--header", "X-Api-Key", "/items/1"]
    status, out, _ = flask("--app", "shop", "cors", "explain", *words)
    assert (status, out) == (
        0,
        (
            "deny  OPTIONS /items/1 for PUT  (origin_not_listed)\n"
            "  No entry lets the origin in.\n"
            "  resource  default\n"
            "  nearest   http://localhost:5173 (differs: scheme)\n"
            "  answer    403, at once\n"
            "  Vary      Origin, Access-Control-Request-Method, Access-Control-Request-Headers\n"
            "  remedy    Add the origin to CORS_ORIGINS.\n"
        ),
    )


def test_explain_follows_an_allowed_preflight_with_the_request_itself():
    words = ["--origin", "http://localhost:5173", "--method", "PUT", "--json", "/items/1"]
    status, out, _ = flask("--app", "shop", "cors", "explain", *words)
    steps = json.loads(out)
    assert status == 0
    assert [step["cors.request.kind"] for step in steps] == ["preflight", "actual"]
    assert [step["cors.decision"] for step in steps] == ["allow", "allow"]
    assert ["Access-Control-Allow-Origin", "http://localhost:5173"] in steps[1]["fields"]
