"""``flask cors tail``: a real process follows what another writes and rotates, and ends when told to."""

import json
import os
import signal
import subprocess
import sys

import pytest
from apps import APP, EVIL, make
from click.testing import CliRunner

from flask_cors_env.cli import cors
from flask_cors_env.cli.tailing import sentence

TAIL = [sys.executable, "-c", "from flask_cors_env.cli import cors; cors()", "tail"]
WRITER = """
import os, sys, time
from flask_cors_env.audit.sink import FileSink
sink, (path, how) = FileSink(sys.argv[1]), sys.argv[1:]
line = '{"cors.schema":1,"event":"cors.decision","log.record.uid":"0123456789ab-%d"}\\n'
for number in range(1, 301):
    sink.write((line % number).encode())
    if number % 75 == 0:
        time.sleep(0.5)  # a copy and its truncation lose what comes in between, so there is nothing
        if how == "rename":
            os.rename(path, f"{path}.{number}")
        else:
            os.truncate(path, 0)
            time.sleep(0.5)
    time.sleep(0.002)
"""


def _hear_interrupts():
    """A shell lets its background processes ignore them, and theirs inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def tail():
    """Starts `tail` with some words; what it prints is read from its output."""
    running = []

    def start(*words, **options):
        process = subprocess.Popen(
            [*TAIL, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(sys.path),
                "PYTHONUNBUFFERED": "1",
            },
            preexec_fn=_hear_interrupts,  # noqa: PLW1509 - nothing here has a second thread
            **options,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def decided(name, *origins):
    """A log of an app that was asked by pages of *origins*."""
    app, _ = make(ORIGINS=APP, AUDIT_SINK=f"file:{name}")
    for origin in origins:
        app.test_client().get("/items", headers={"Origin": origin})


@pytest.mark.parametrize("how", ["rename", "truncate"])
def test_every_line_of_a_log_that_is_rotated_is_told_once_and_in_order(how, tail, tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text('{"cors.schema":1,"event":"cors.decision","log.record.uid":"0123456789ab-0"}\n')
    following = tail(log, "--json")
    assert b"0123456789ab-0" in following.stdout.readline()
    subprocess.run(
        [sys.executable, "-c", WRITER, str(log), how],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    numbers = [int(json.loads(following.stdout.readline())["log.record.uid"][13:]) for _ in range(300)]
    assert numbers == list(range(1, 301))


def test_an_interrupt_ends_it_cleanly(tail, tmp_path):
    decided(tmp_path / "audit.jsonl", APP)
    following = tail(tmp_path / "audit.jsonl")
    first = following.stdout.readline()
    assert b"CORS info    policy p-" in first
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=10)
    assert (following.returncode, err) == (0, b"")


def test_a_pipe_that_is_closed_ends_it_cleanly_also_where_nothing_more_is_written(tail, tmp_path):
    decided(tmp_path / "audit.jsonl", APP)
    following = tail(tmp_path / "audit.jsonl")
    following.stdout.readline()
    following.stdout.close()
    assert (following.wait(timeout=10), following.stderr.read()) == (0, b"")


def test_a_pipe_that_is_closed_while_much_is_written_ends_it_cleanly(tail, tmp_path):
    decided(tmp_path / "audit.jsonl", *[APP] * 500)
    following = tail(tmp_path / "audit.jsonl", "-n", 500)
    following.stdout.readline()
    following.stdout.close()
    assert (following.wait(timeout=10), following.stderr.read()) == (0, b"")


def of_stdin(name, *words):
    done = CliRunner().invoke(cors, ["tail", *words, "-"], input=name.read_bytes())
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture
def log(tmp_path):
    decided(tmp_path / "audit.jsonl", APP, EVIL, f"{APP}:8443", "null", APP)
    return tmp_path / "audit.jsonl"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [None, "allow", "deny", "deny", "deny", "allow"]),
        (["--deny"], ["deny"] * 3),
        (["--origin", APP], ["allow"] * 2),
        (["--origin", EVIL], ["deny"]),
        (["--reason", "null_not_allowed"], ["deny"]),
        (["--deny", "--origin", APP], []),
        (["--resource", "default"], ["allow", "deny", "deny", "deny", "allow"]),
        (["--resource", "api"], []),
    ],
)
def test_what_is_asked_for_is_told_and_nothing_else(words, expected, log):
    lines = of_stdin(log, *words, "--json")
    assert [json.loads(line).get("cors.decision") for line in lines] == expected


def test_a_record_is_a_sentence(log):
    line = of_stdin(log, "--origin", f"{APP}:8443")[0]
    assert line[8:].rpartition(" [")[0] == (
        f" CORS warning deny actual GET from {APP}:8443: origin_not_listed, 200; nearest: {APP} (port). "
        "Add the origin to CORS_ORIGINS."
    )


def test_the_last_lines_are_the_last_that_are_asked_for(tail, log):
    following = tail(log, "-n", 2, "--deny", "--json")
    origins = [json.loads(following.stdout.readline())["cors.origin"] for _ in range(2)]
    assert origins == [f"{APP}:8443", "null"]


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"event": "cors.decision", "level": None, "cors.origin": "\x1b[2J\u202e\ud800"},
        {"event": ["cors.decision"], "level": {"a": 1}, "timestamp": 5},
        {"msg": "cors.decision", "event": None, "cors.reasons": ["a"]},
        {"event": "cors.policy.loaded", "cors.policy.parts": "x"},
        {"event": "cors.audit.gap", "a\nb": "\r"},
    ],
)
def test_a_foreign_record_is_one_printable_line(record):
    line = sentence(record)
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize(
    ("written", "shown"),
    [("2026-03-02T13:00:00+01:00", "12:00:00"), (1772452800.5, "12:00:00"), ("2026-03-02 13:00", "13:00")],
)
def test_a_time_is_shown_as_utc_where_it_is_known_and_else_as_it_is_written(written, shown):
    record = {"cors.schema": 1, "event": "cors.decision", "timestamp": written}
    assert sentence(record).partition(" CORS ")[0] == shown


def disagreeing():
    """The log of two processes, of which one went over to another policy and the other rejects the file."""
    common = {"cors.schema": 1, "service.name": "shop", "level": "info"}
    decided = {
        "cors.decision": "deny",
        "cors.reason": "origin_not_listed",
        "cors.reasons": "origin_not_listed",
    }

    def line(writer, number, event, policy, **fields):
        time, uid = f"2026-03-02T12:00:{number:02}Z", f"{writer * 12}-{number}"
        return json.dumps(
            {
                **common,
                "timestamp": time,
                "event": event,
                "log.record.uid": uid,
                "cors.policy.id": policy,
                **fields,
            }
        )

    rejected = {"error.type": "wildcard", "error.message": "is for development only."}
    return [
        line("a", 1, "cors.policy.loaded", "p-1"),
        line("b", 2, "cors.policy.loaded", "p-1"),
        line("a", 3, "cors.policy.changed", "p-2"),
        line("b", 4, "cors.policy.rejected", "p-1", **rejected),
        line("a", 5, "cors.decision", "p-2", **decided),
        line("b", 6, "cors.decision", "p-1", **decided),
        line("b", 7, "cors.decision", "p-1", **decided),
    ]


DISAGREE = "Processes of shop disagree: p-1 and p-2 decide, and a changed file is rejected. "


def test_processes_that_disagree_are_told_once(tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text("\n".join(disagreeing()) + "\n")
    out = of_stdin(log)
    assert [line for line in out if line.startswith("Processes")] == [
        f"{DISAGREE}Mend the file, then restart every process."
    ]


def test_processes_that_agree_again_are_not(tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text("\n".join(line for line in disagreeing() if "rejected" not in line) + "\n")
    assert not [line for line in of_stdin(log) if line.startswith("Processes")]


def test_the_report_tells_of_processes_that_disagree(tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text("\n".join(disagreeing()) + "\n")
    for engine in ("plain", "duckdb"):
        words = ["report", str(log), "--no-cache", "--engine", engine]
        out = CliRunner().invoke(cors, words).stdout
        assert "Processes of shop disagree since 2026-03-02T12:00:04: p-1 and p-2 decide, and a" in out
        found = json.loads(CliRunner().invoke(cors, [*words, "--json"]).stdout)["disagreeing"]
        assert [(one["service"], one["policies"]) for one in found] == [("shop", ["p-1", "p-2"])]


def test_an_origin_that_is_none_is_an_error_with_what_was_meant(tmp_path):
    (tmp_path / "audit.jsonl").touch()
    found = CliRunner().invoke(cors, ["tail", str(tmp_path / "audit.jsonl"), "--origin", "shop.example.com"])
    assert (found.exit_code, found.stdout) == (2, "")
    assert "Did you mean: https://shop.example.com?" in found.stderr
