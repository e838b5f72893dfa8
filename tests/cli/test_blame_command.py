"""``flask cors blame``: the time line of one origin."""

import json
import re

import pytest
from apps import APP, make
from click.testing import CliRunner

from flask_cors_env.cli import cors

BI = "https://bi.example.com"


def invoke(*words):
    done = CliRunner().invoke(cors, ["blame", *words])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "cors.toml"
    file.write_text(f'origins = ["{APP}"]\n')
    app, extension = make(CONFIG_FILE=str(file), AUDIT_SINK=f"file:{tmp_path / 'audit.jsonl'}")
    for origins in ([APP], [APP, "https://*.example.com"]):
        file.write_text(f"origins = {json.dumps(origins)}\n")
        extension.reload(app)
        app.test_client().get("/items", headers={"Origin": BI})
    return str(tmp_path / "audit.jsonl")


def steady(text):
    """*text* with every time and policy alike."""
    return re.sub(r"p-[0-9a-f]{12}", "p-...", re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "(time)", text))


def test_the_time_line_and_its_end_are_told(log):
    status, out, err = invoke(BI, log)
    assert (status, err) == (0, "")
    assert [line.split() for line in steady(out).splitlines()] == [
        ["SINCE", "RESOURCE", "POLICY", "BY", "ORIGIN", "IS", "ENTRY"],
        ["(time)", "or", "before", "default", "p-...", "start", "refused", "-"],
        ["(time)", "default", "p-...", "reload", "let", "in", "https://*.example.com"],
        [],
        ["let", "in", "to", "default", "by", "https://*.example.com"],
        ["since", "(time)", "(reload:", "p-...", "to", "p-...)"],
        ["1", "request", "allowed,", "the", "last", "at", "(time)"],
    ]  # fmt: skip


def test_who_is_not_let_in_is_told_so(log):
    status, out, _ = invoke("https://evil.test", log)
    assert (status, out.splitlines()[-1]) == (0, "https://evil.test is not let in")


def test_the_same_for_another_program(log):
    told = json.loads(invoke(BI, log, "--json")[1])
    assert (told["origin"], told["let_in"]) == (BI, True)
    assert [turn["standing"] for turn in told["turns"]] == ["refused", "let in"]
    assert told["since"][0]["turn"] == told["turns"][1]


def test_a_log_that_tells_nothing_is_said_to(tmp_path):
    (tmp_path / "empty.jsonl").write_text("starting\n")
    status, _, err = invoke(BI, str(tmp_path / "empty.jsonl"))
    assert (status, "nothing in the log is a record: 1 line of others" in err) == (2, True)


@pytest.mark.parametrize(
    "written",
    ["https://BI.example.com", f"{BI}/", f"{BI}:443", "HTTPS://bi.example.com:443/x", "bi.example.com"],
)
def test_an_origin_that_no_browser_writes_so_is_told_how_they_do(written, log, tmp_path):
    (tmp_path / "empty.jsonl").write_text('{"cors.schema":1,"event":"cors.audit.gap"}')
    _, out, err = invoke(written, log)
    assert out.splitlines()[-1] == f"{written} is not let in"
    assert err == f"{written} is taken as it is written; browsers write {BI}\n"
    status, _, err = invoke(written, str(tmp_path / "empty.jsonl"))
    assert (status, err.endswith(f"of this origin; browsers write {BI}\n")) == (2, True)


@pytest.mark.parametrize("written", [BI, "null", "https://"])
def test_an_origin_that_is_written_so_gets_no_such_hint(written, log):
    assert "browsers write" not in invoke(written, log)[2]
