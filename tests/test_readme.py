"""The README is true: its code runs, its output is what one sees, its tables are current."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from answers.generated import Generated
from apps import APP, make, preflight
from benchmarks import told
from click.testing import CliRunner
from regenerate import SOURCES, docstrings, readme
from regenerate import reference as settings_reference
from webdriver import ProcessGroup

from flask_cors_env import cors_decided
from flask_cors_env.cli import cors

ROOT = Path(__file__).parents[1]
OLDEST = ROOT / "tests" / "oldest.txt"
TEXT = (ROOT / "README.md").read_text()
VOLATILE = {"timestamp", "log.record.uid"}
OF_THE_SERVER = {"Server", "Date", "Connection"}
BI = "https://bi.example.com"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
DECISION_ID = r"(?<=CORS-Decision-Id: )[0-9a-f]{12}-[0-9]+"  # new each time


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_tables_are_current():
    assert readme(TEXT) == TEXT


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_docstrings_that_list_fields_are_current(source):
    text = source.read_text()
    assert docstrings(text) == text


def test_the_oldest_versions_that_are_tested_are_the_bounds_that_are_declared():
    pinned = dict(line.split("==") for line in OLDEST.read_text().splitlines() if "==" in line)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    bounds = dict(re.split(">=|;", requirement)[:2] for requirement in declared)
    kept = {"orjson", "publicsuffixlist"}  # no wheels for every Python; one release a week, of data
    assert {name: version.removesuffix(".0") for name, version in pinned.items() if name in bounds} == {
        name: bound for name, bound in bounds.items() if name not in kept
    }


def test_the_plot_is_current():
    assert told.PLOT.read_text() == told.drawing()


def test_the_example_of_an_env_file_is_current():
    assert (ROOT / ".env.example").read_text() == settings_reference.env_example()


def test_the_env_file_of_the_first_screen_is_the_shops():
    assert blocks("sh")[0] == "# .env\n" + (ROOT / "examples/shop/.env").read_text()


def variables():
    return dict(line.split("=", 1) for line in blocks("sh")[0].splitlines()[1:])


@pytest.mark.parametrize("number", [0, 1])
def test_a_shown_preflight_and_its_event_are_what_one_sees(number, monkeypatch, capfd):
    for name, value in {**variables(), "CORS_AUDIT_SINK": "stderr"}.items():
        monkeypatch.setenv(name, value)
    scope = {}
    exec(blocks("python")[0], scope)
    command, _, shown = blocks("console")[number].partition("\n")
    head, _, body = shown.partition("\n\n")
    status, *headers = head.splitlines()
    words = shlex.split(command)
    fields = [words[i + 1].split(": ") for i, word in enumerate(words) if word == "-H"]
    url = next(word for word in words if word.startswith("http://"))
    response = scope["create_app"]().test_client().options(url, headers=fields)
    assert f"HTTP/1.1 {response.status.title()}" == status
    sent = [f"{n}: {v}" for n, v in response.headers if n not in OF_THE_SERVER]
    assert [re.sub(DECISION_ID, "", line) for line in sent] == [re.sub(DECISION_ID, "", h) for h in headers]
    assert response.text == body
    written = json.loads(capfd.readouterr().err.splitlines()[-1])
    expected = json.loads(blocks("json")[number])
    assert list(written) == list(expected)
    assert {k: v for k, v in written.items() if k not in VOLATILE} == {
        k: v for k, v in expected.items() if k not in VOLATILE
    }


def test_the_pure_example_runs():
    (source,) = [block for block in blocks("python") if "import Policy" in block]
    exec(source, {})


def test_the_example_of_signals_runs(capsys):
    (source,) = [block for block in blocks("python") if "cors_decided.connect" in block]
    scope, shop = {}, {}
    exec(source, scope)
    exec(blocks("python")[0], shop)
    shop["create_app"]().test_client().get("/", headers={"Origin": "https://a.example"})
    cors_decided.disconnect(scope["count"])
    assert capsys.readouterr().out == "deny origin_not_listed https://a.example\n"


def test_the_example_of_counters_runs():
    (source,) = [block for block in blocks("python") if "prometheus.connect" in block]
    receivers = set(cors_decided.receivers)
    exec(source, {"app": object()})
    for receiver in [r for key, r in cors_decided.receivers.items() if key not in receivers]:
        cors_decided.disconnect(receiver)


def test_the_shown_error_is_what_one_sees():
    line = re.search(r"^`(APP_ENV=production .*)`:$", TEXT, re.MULTILINE)[1]
    environ = dict(word.split("=", 1) for word in shlex.split(line))
    code = "from flask import Flask; from flask_cors_env import CORS; CORS(Flask('shop'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.rstrip("\n").endswith(blocks("text")[0].rstrip("\n"))


def test_the_shown_migration_is_what_one_sees(tmp_path):
    (source,) = [block for block in blocks("python") if "from flask_cors import" in block]
    (shown,) = [block for block in blocks("console") if "cors migrate" in block]
    command, _, output = shown.partition("\n")
    (tmp_path / "old.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)[1:]],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", output)


def test_the_example_of_views_and_blueprints_runs():
    scope = {"__name__": __name__}
    exec(blocks("python")[1], scope)
    client = scope["app"].test_client()
    origins = {
        "/report": "https://bi.example.com",
        "/api/x": "http://localhost:3000",
        "/v1/x": "https://partner.example.com",
    }
    for path, origin in origins.items():
        assert client.get(path, headers={"Origin": origin}).headers["Access-Control-Allow-Origin"] == origin
    assert (
        "Access-Control-Allow-Origin"
        not in client.get("/health", headers={"Origin": origins["/report"]}).headers
    )


SHOP = """
import pytest
from flask import Flask
from flask_cors_env import CORS

@pytest.fixture
def app():
    app = Flask("shop")
    CORS(app)
    app.add_url_rule("/items", view_func=lambda: ("[]", {"X-Total-Count": "0"}))
    return app
"""
POLICY = {
    "CORS_ENV": "production",
    "CORS_ORIGINS": "https://app.example.com",
    "CORS_ALLOW_CREDENTIALS": "true",
    "CORS_EXPOSE_HEADERS": "X-Total-Count",
}


@pytest.fixture
def run_the_test_of_a_policy(tmp_path):
    def run(**policy):
        (plugin,) = (block for block in blocks("python") if "pytest_plugins" in block)
        (test,) = (block for block in blocks("python") if "def test_policy" in block)
        (tmp_path / "conftest.py").write_text(plugin + SHOP)
        (tmp_path / "test_policy.py").write_text(test)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        env = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": "", **POLICY, **policy}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return run


def test_the_test_of_a_policy_passes(run_the_test_of_a_policy):
    assert run_the_test_of_a_policy(CORS_ALLOW_HEADERS="X-Api-Key").returncode == 0


def test_the_shown_story_is_what_the_test_of_a_policy_tells(run_the_test_of_a_policy):
    (story,) = (block for block in blocks("text") if " can send " in block)
    done = run_the_test_of_a_policy()
    assert done.returncode == 1
    assert f" CORS -------------------------------------\n{story}" in done.stdout


@pytest.fixture
def history(tmp_path, monkeypatch):
    """The log of an app over a reload, and the policy to try, where the commands run."""
    monkeypatch.chdir(tmp_path)
    (env,) = [block for block in blocks("sh") if block.startswith("# next.env\n")]
    (tmp_path / "next.env").write_text(env)
    extension = None
    for origins in ([APP], [APP, "https://*.example.com"]):
        text = f'origins = {json.dumps(origins)}\nallow_headers = ["X-Api-Key"]\n'
        (tmp_path / "cors.toml").write_text(text)
        if extension is None:
            app, extension = make(CONFIG_FILE="cors.toml", AUDIT_SINK="file:audit.jsonl")
            for method in ("PUT", "PUT", "DELETE"):
                preflight(app.test_client(), method=method, headers="x-api-key")
            app.test_client().get("/items", headers={"Origin": BI})
        else:
            extension.reload(app)
    for _ in range(2):
        app.test_client().get("/items", headers={"Origin": BI})


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("command", ["replay", "suggest", "blame"])
def test_what_is_told_before_a_change_is_what_one_sees(command):
    (block,) = [block for block in blocks("console") if block.startswith(f"$ flask cors {command} ")]
    line, _, shown = block.partition("\n")
    done = CliRunner().invoke(cors, shlex.split(line)[3:])
    assert (done.exit_code, done.stderr) == (int(command == "replay"), "")
    assert re.sub(TIME, "", done.stdout) == re.sub(TIME, "", shown)


OLD = """
from flask import Flask
from flask_cors_env import CORS

def create_app():
    app = Flask("shop")
    CORS(app, config_file="cors.toml")
    return app
"""


@pytest.mark.usefixtures("history")
def test_what_is_told_of_a_server_that_nobody_has_restarted_is_what_one_sees(tmp_path, monkeypatch):
    (block,) = [block for block in blocks("console") if " flask cors probe " in block]
    line, _, shown = block.partition("\n")
    setting, *words = shlex.split(line)[1:]
    (tmp_path / "old.py").write_text(OLD)
    command = [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "old:create_app()"]
    path = os.pathsep.join([str(tmp_path), *sys.path])
    group = ProcessGroup(command, tmp_path, {"PATH": os.environ["PATH"], "PYTHONPATH": path})
    try:
        port = group.wait_for_output(r"Listening at: http://127\.0\.0\.1:(\d+)")
        monkeypatch.setenv("CORS_ENV", "production")  # as a shell is; this is a test
        monkeypatch.setenv(*setting.split("="))
        url = words.index("https://api.example.com")
        words[url] = f"http://localhost:{port}"
        done = CliRunner().invoke(cors, words[2:])
    finally:
        group.end()
    assert (done.exit_code, done.stderr, done.stdout) == (1, "", shown)


def test_the_shown_report_is_what_one_sees(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("audit.jsonl").write_bytes(b"".join(made.line + b"\n" for made in Generated(20_000).lines()))
    (shown,) = [block for block in blocks("console") if block.startswith("$ flask cors report ")]
    command, _, expected = shown.partition("\n")
    done = CliRunner().invoke(cors, [*shlex.split(command)[3:], "--no-cache"])
    assert (done.exit_code, done.output) == (0, expected)
