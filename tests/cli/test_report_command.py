"""The report and the account, as an operator gets them."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from answers.generated import Generated
from click.testing import CliRunner

from flask_cors_env.answers.engine import ENGINES
from flask_cors_env.cli import cors
from flask_cors_env.core.reason import Reason

#: Open to be read, and every read of it fails.
UNREADABLE = "/proc/self/mem"
REPORT = [sys.executable, "-B", "-c", "from flask_cors_env.cli import cors; cors()", "report"]


def invoke(*words):
    return CliRunner().invoke(cors, list(words))


def test_a_writers_name_reaches_the_terminal_in_one_line_and_escaped(tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text(json.dumps({"cors.schema": 1, "log.record.uid": "\x1b[2J\nroot-1"}))
    assert CliRunner().invoke(cors, ["verify", str(log)], color=True).output.splitlines()[1].split() == [
        "\\x1b[2J\\nroot", "-", "1", "1", "0", "0", "0", "0", "0", "-"
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_a_log_that_cannot_be_read_is_said_in_a_sentence(engine):
    found = invoke("report", UNREADABLE, "--engine", engine)
    assert (found.exit_code, found.stderr.splitlines()[-1]) == (2, "Error: [Errno 5] Input/output error")
    assert invoke("verify", UNREADABLE).exit_code == found.exit_code


def test_a_page_that_cannot_be_written_is_said_in_a_sentence(tmp_path):
    (tmp_path / "audit.jsonl").write_text('{"cors.schema":1,"event":"cors.audit.gap"}')
    page = tmp_path / "nowhere" / "report.html"
    found = invoke("report", str(tmp_path / "audit.jsonl"), "--html", str(page))
    assert (found.exit_code, found.stderr) == (
        1,
        f"Error: Could not open file '{page}': No such file or directory\n",
    )


@pytest.mark.parametrize(("text", "lines"), [("", "0 lines of others"), ("GET / 200\n", "1 line of others")])
def test_a_log_without_a_record_is_no_answer(text, lines, tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text(text)
    found, told = invoke("verify", str(log)), invoke("verify", "--json", str(log))
    assert (found.exit_code, found.output.splitlines()[-1]) == (
        2,
        f"not whole: no record was found; 0 records of 0 writers; 0 torn, 0 repeated, {lines}",
    )
    assert (told.exit_code, json.loads(told.output)["whole"]) == (2, False)
    for command in ("report", "suggest"):
        said = invoke(command, str(log))
        assert (said.exit_code, f"nothing in the log is a record: {lines}" in said.stderr) == (2, True)


def test_a_report_says_how_many_records_do_not_tell_when_they_were_written(tmp_path):
    log = tmp_path / "audit.jsonl"
    record = {"cors.schema": 1, "event": "cors.decision", "cors.decision": "allow"}
    times = ["2026-03-02T12:00:00", "2026-03-02T12:00:00+01:00", 1772452800, "noon"]
    log.write_text("\n".join(json.dumps(record | {"timestamp": time}) for time in times))
    found = invoke("report", str(log)).output.splitlines()
    said = "2 records do not tell when they were written (no time, or no UTC offset), so no time is theirs"
    assert found[0] == "4 decisions, 2026-03-02T11:00:00 to 2026-03-02T12:00:00 UTC: 4 allowed"
    assert said in found
    assert json.loads(invoke("report", str(log), "--json").output)["integrity"]["undated"] == 2
    invoke("report", str(log), "--html", str(tmp_path / "report.html"))
    assert f"<p>{said}.</p>" in (tmp_path / "report.html").read_text()


def without_room():
    """No file can grow beyond 8 KiB, as if the disk were full then."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


@pytest.mark.parametrize("first", [b"", b"booting\n"])
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_folder_without_room_is_named_and_what_to_do(first, is_kept, tmp_path):
    log, folder = tmp_path / "audit.jsonl", tmp_path / "folder"
    log.write_bytes(first + b"".join(made.line + b"\n" for made in Generated(3000).lines()))
    folder.mkdir()
    kept = ["--cache", str(folder)] if is_kept else ["--no-cache"]
    found = subprocess.run(
        [*REPORT, str(log), "--engine", "duckdb", *kept],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder)},
        preexec_fn=without_room,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.splitlines()[-1] == (
        f"Error: {folder} cannot take what is read of the log: File too large. Name a folder that can with "
        "--cache DIR, or count with --engine plain, which writes nothing"
    )
    assert not list(folder.iterdir())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_folder_that_cannot_be_written_is_said_beside_the_report(engine, tmp_path):
    log, cache = tmp_path / "audit.jsonl", tmp_path / "cache"
    log.write_text('{"cors.schema":1,"event":"cors.audit.gap"}')
    cache.write_text("a file")
    found = invoke("report", str(log), "--engine", engine, "--cache", str(cache / "below"))
    said = f"{cache / 'below'} cannot be written, so what is read is not kept\n"
    assert (found.exit_code, found.stderr) == (0, said if engine == "duckdb" else "")


def test_a_page_and_json_are_not_asked_for_at_once(tmp_path):
    log, page = tmp_path / "audit.jsonl", tmp_path / "report.html"
    log.touch()
    found = invoke("report", str(log), "--json", "--html", str(page))
    assert (found.exit_code, found.stdout, page.exists()) == (2, "", False)
    assert found.stderr.endswith("Error: --html writes a page and --json prints JSON: name one of them\n")


def test_one_is_not_told_as_several(tmp_path):
    log = tmp_path / "audit.jsonl"
    record = {
        "cors.schema": 1,
        "event": "cors.decision",
        "cors.decision": "allow",
        "cors.origin": "https://x",
    }
    policy = {"cors.schema": 1, "event": "cors.policy.loaded", "cors.audit.level": "deny"}
    gap = {
        "cors.schema": 1,
        "event": "cors.audit.gap",
        "cors.audit.lost": 1,
        "log.record.uid": "0123456789ab-4",
    }
    others = (
        {**one, "timestamp": "2026-03-02T12:00:00Z", "log.record.uid": f"0123456789ab-{number}"}
        for number, one in ((2, policy), (4, gap))
    )
    log.write_text("\n".join(map(json.dumps, (record, *others))) + "\nbooting\n")
    assert invoke("report", str(log), "--top", "1").output.splitlines()[0] == "1 decision: 1 allowed"
    assert invoke("report", str(log)).output.splitlines()[-7:] == [
        "2 records of 1 writer; 0 torn, 0 repeated, 1 line of others",
        "1 record was lost, as the log itself tells",
        "1 record is missing: flask cors verify says which",
        "unsealed: without a key nobody can tell a record that was altered or added",
        "1 record does not tell when it was written (no time, or no UTC offset), so no time is its own",
        "not every allowed request is in the log or was asked for, so no entry is called unused",
        "1 request came over plain HTTP, where browsers do not say what they are",
    ]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(made.line + b"\n" for made in Generated(300).lines()))
    return str(path)


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        (
            "--reason",
            "header_not_alowed",
            "the log knows no header_not_alowed. Did you mean: header_not_allowed?",
        ),
        ("--reason", "moon", "the log knows no moon"),
        ("--resource", "apis", "the log knows no apis. Did you mean: api?"),
        (
            "--origin",
            "app.shop.example",
            "the log knows no app.shop.example. Did you mean: https://app.shop.example?",
        ),
        ("--origin", "https://X.test/", "the log knows no https://X.test/. Did you mean: https://x.test?"),
    ],
)
def test_a_name_that_the_log_does_not_know_is_an_error(option, name, said, log):
    found = invoke("report", log, option, name)
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.splitlines()[-1] == f"Error: Invalid value for {option}: {said}"


def test_a_reason_that_is_known_and_an_origin_that_never_came_are_no_errors(log):
    found = invoke(
        "report", log, "--reason", "path_ambiguous" if "path_ambiguous" in set(Reason) else "no_origin"
    )
    assert (found.exit_code, found.stdout.splitlines()[0]) == (0, "0 decisions: none")
    found = invoke("report", log, "--origin", "https://never.example")
    assert (found.exit_code, found.stderr) == (
        0,
        "no request of https://never.example is in this part of the log\n",
    )


def test_a_report_says_who_was_let_in_by_which_entry_and_since_when(log, tmp_path):
    told = json.loads(invoke("report", log, "--json").stdout)
    events = [json.loads(line) for line in Path(log).read_text().splitlines()]
    allowed = [event for event in events if event.get("cors.decision") == "allow"]
    assert sum(one["requests"] for one in told["let_in"]) == len(allowed)
    first = told["let_in"][0]
    mine = [
        event["timestamp"]
        for event in allowed
        if (event["cors.origin"], event["cors.rule"], event["cors.resource"])
        == (first["origin"], first["entry"], first["resource"])
    ]
    assert (first["requests"], first["first"], first["last"]) == (len(mine), min(mine), max(mine))
    assert "Let in" in invoke("report", log).stdout
    invoke("report", log, "--html", str(tmp_path / "report.html"))
    assert "<h2>Let in</h2>" in (tmp_path / "report.html").read_text()


def test_a_report_says_that_nobody_can_tell_what_was_altered(log):
    assert json.loads(invoke("report", log, "--json").stdout)["integrity"]["sealed"] is False
    assert invoke("report", log).stdout.splitlines()[-1].startswith("unsealed: ")


def test_a_prefix_that_is_no_regular_expression_is_a_mistake_of_the_command(log):
    found = invoke("report", log, "--prefix", "(")
    assert (found.exit_code, "Invalid value for '--prefix': is no regular expression" in found.stderr) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    "command", [["report"], ["verify"], ["suggest"], ["blame", "https://app.shop.example"]]
)
def test_what_counts_for_nothing_is_said_by_every_command(command, log):
    line = json.loads(Path(log).read_text().splitlines()[-1])
    twin = json.dumps(line | {"cors.origin": "https://evil.example"})
    with Path(log).open("a") as file:
        file.write(f"{twin}\nuser agent: {twin}\n")
    found = invoke(*command, log)
    uid = line["log.record.uid"]
    assert f"two different records of one number: {uid}; none counts" in found.output
    assert "records inside other programs' lines: 1; a client can write there: none counts" in found.output


def handshake(number, **fields):
    return {
        "cors.schema": 1, "timestamp": f"2026-03-02T12:00:0{number}Z", "level": "warning",
        "event": "cors.decision", "log.record.uid": f"0123456789ab-{number}", "cors.decision": "deny",
        "cors.reason": "origin_not_listed", "cors.reasons": "origin_not_listed",
        "cors.request.kind": "websocket", "cors.origin": "https://evil.example", "cors.resource": "api",
        "http.request.method": "GET", "cors.remedy.hint": "Add the origin.", **fields,
    }  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_a_handshake_that_went_on_is_told_apart_from_one_that_was_refused(engine, tmp_path):
    log, page = tmp_path / "audit.jsonl", tmp_path / "report.html"
    records = [handshake(1, **{"cors.notes": "not_enforced"}), handshake(2), handshake(3)]
    log.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    words = ("report", str(log), "--engine", engine, "--no-cache")
    rows = [line.split() for line in invoke(*words).stdout.splitlines()]
    assert [row[3:7] for row in rows if row[2:3] == ["https://evil.example"] and row[3] == "websocket"] == [
        ["websocket", "api", "origin_not_listed", "Add"],
        ["websocket", "api", "origin_not_listed;", "not_enforced"],
    ]
    assert ["3", "(handshakes)", "api", "origin_not_listed"] in [row[:4] for row in rows]
    told = json.loads(invoke(*words, "--json").stdout)["denied"]
    assert [(row["requests"], row["notes"]) for row in told] == [(2, None), (1, "not_enforced")]
    assert invoke(*words, "--html", str(page)).exit_code == 0
    assert ("origin_not_listed; not_enforced" in page.read_text(), "(handshakes)" in page.read_text()) == (
        True,
        True,
    )
