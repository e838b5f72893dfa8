"""How commands end: escaped at a terminal, in a sentence where the answer cannot be written, and tidily."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from answers.generated import Generated

from flask_cors_env.audit.fields import ENVELOPE, FIELDS

FLASK = [sys.executable, "-m", "flask", "cors"]
HOSTILE = "\x1b]0;PWNED\x07\x1b[2J\x9b2J\r\x7f\u202e\u2028\x85\b\x0e"
#: What of it a terminal, or an eye, obeys.
RAW = [
    part.encode()
    for part in ("\x1b]", "\x07", "\x1b[2J", "\x9b", "\x7f", "\u202e", "\u2028", "\x85", "\b", "\x0e")
]


def surroundings(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CORS_", "FLASK_"))}
    return {**kept, "TERM": "xterm", "COLUMNS": "200", **more}


def at_terminal(*arguments, cwd):
    """What a command writes to a terminal, and its exit status."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*FLASK, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=surroundings()
    )
    os.close(slave)
    output = b""
    end = time.monotonic() + 30
    while time.monotonic() < end and select.select([master], [], [], 30)[0]:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux ends a terminal so
            break
        output += piece
    process.wait(10)
    os.close(master)
    return output, process.returncode


def hostile(number, **fields):
    """A record with every text field of its event hostile, but for those that say what it is."""
    event = fields.get("event", "cors.decision")
    texts = {field.name: f"x{HOSTILE}" for field in (*ENVELOPE, *FIELDS[event]) if field.type is str}
    known = {"cors.schema": 1, "timestamp": f"2026-03-02T12:00:00.{number:06}Z", "event": event}
    return json.dumps(
        {**texts, **known, "log.record.uid": f"w{HOSTILE}-{number}", **fields}, ensure_ascii=number % 2 > 0
    )


@pytest.fixture
def log(tmp_path):
    """A log of several services, each field of which is hostile."""
    verdicts = [{"cors.decision": "allow"}, {"cors.decision": "deny"}] * 2
    lines = [hostile(number, **fields) for number, fields in enumerate(verdicts, 1)]
    lines += [hostile(10 + n, event=event) for n, event in enumerate(FIELDS) if event != "cors.decision"]
    lines += [hostile(20, event="cors.policy.loaded", **{"service.name": f"other{HOSTILE}"})]
    lines += [hostile(1, **{"cors.decision": "deny"})]
    (tmp_path / "audit.jsonl").write_text("\n".join(lines))
    (tmp_path / "new.env").write_text("CORS_ORIGINS=https://app.example.com\n")
    return "audit.jsonl"


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "LOG"),
        ("report", "LOG", "--json"),
        ("report", "LOG", "--engine", "plain", "--top", "50"),
        ("report", "LOG", "--reason", HOSTILE),
        ("report", "LOG", "--resource", HOSTILE),
        ("report", "LOG", "--origin", HOSTILE),
        ("report", "LOG", "--since", HOSTILE),
        ("report", "LOG", "--engine", HOSTILE),
        ("report", "LOG", "--prefix", f"({HOSTILE}"),
        ("report", "LOG", f"--{HOSTILE}"),
        ("report", "LOG", "--cache", f"audit.jsonl/{HOSTILE}"),
        ("report", f"no{HOSTILE}.log"),
        ("report", "LOG", "--html", f"no{HOSTILE}/x.html"),
        ("verify", "LOG"),
        ("verify", "LOG", "--json"),
        ("verify", f"no{HOSTILE}.log"),
        ("suggest", "LOG"),
        ("suggest", "LOG", "--service", f"x{HOSTILE}"),
        ("suggest", "LOG", "--service", f"x{HOSTILE}", "--env", "production"),
        ("suggest", "LOG", "--env", HOSTILE),
        ("replay", "LOG", "--policy", "new.env"),
        ("replay", "LOG", "--policy", f"no{HOSTILE}.env"),
        ("replay", "LOG", "--policy", "new.env", "--service", f"x{HOSTILE}", "--env", "production"),
        ("blame", f"x{HOSTILE}", "LOG"),
        ("blame", "https://app.example.com", f"no{HOSTILE}.log"),
        ("tail", "-n", "50", "-"),
        ("explain", "--no-app", "--origin", "https://app.example.com", f"/{HOSTILE}"),
        ("explain", "--no-app", "--origin", HOSTILE, "/"),
        (HOSTILE,),
        (f"--{HOSTILE}",),
    ],
    ids=lambda arguments: " ".join(arguments).encode("unicode_escape").decode()[:60],
)
def test_nothing_of_a_log_an_argument_or_a_file_reaches_a_terminal_raw(arguments, log, tmp_path):
    if arguments[0] == "tail":
        command = f"cat {log} | {' '.join(FLASK)} {' '.join(arguments)}"
        output = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=surroundings(), capture_output=True, check=False
        ).stdout
    else:
        output, _ = at_terminal(*(log if word == "LOG" else word for word in arguments), cwd=tmp_path)
    assert b"Traceback" not in output
    assert output
    assert [part for part in RAW if part in output] == []


def test_a_file_without_a_record_is_named_escaped(log, tmp_path):
    (tmp_path / f"other{HOSTILE}.log").write_text("x\n")
    output, status = at_terminal("report", log, f"other{HOSTILE}.log", cwd=tmp_path)
    assert (b"nothing in it is a record" in output, status) == (True, 0)
    assert [part for part in RAW if part in output] == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")  # noqa: PTH110 - a device
@pytest.mark.parametrize("arguments", [("report", "LOG"), ("verify", "LOG", "--json"), ("env",), ("schema",)])
def test_an_answer_that_cannot_be_written_is_said_in_a_line_and_is_no_answer(arguments, tmp_path):
    (tmp_path / "audit.jsonl").write_bytes(b"".join(made.line + b"\n" for made in Generated(50).lines()))
    words = [*FLASK, *("audit.jsonl" if word == "LOG" else word for word in arguments)]
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            words, cwd=tmp_path, env=surroundings(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (
        3,
        b"Error: the answer cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_read_that_is_ended_leaves_no_copy_of_the_log(number, is_kept, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    lines = [made.line for made in Generated(4000).lines()]
    (tmp_path / "audit.jsonl").write_bytes(b"\n".join([b"booting", *lines * 40]))
    kept = ["--cache", str(folder)] if is_kept else ["--no-cache"]
    words = [*FLASK, "report", "audit.jsonl", "--engine", "duckdb", *kept]
    process = subprocess.Popen(
        words,
        cwd=tmp_path,
        env=surroundings(TMPDIR=str(folder)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 30
    while not any(folder.glob("flask-cors-making-*/*")) and time.monotonic() < end:
        time.sleep(0.02)
    assert process.poll() is None
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert b"Traceback" not in said
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_cache_that_others_can_write_is_not_believed(mode, tmp_path):
    (tmp_path / "audit.jsonl").write_bytes(b"".join(made.line + b"\n" for made in Generated(50).lines()))
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(mode)
    words = [*FLASK, "report", "audit.jsonl", "--engine", "duckdb", "--cache", "cache"]
    done = subprocess.run(
        words, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        0,
        "cache can be written by others, so what is read is not kept\n",
    )
    assert list(folder.iterdir()) == []


def test_a_folder_is_told_from_a_log(tmp_path):
    done = subprocess.run(
        [*FLASK, "report", "."], cwd=tmp_path, env=surroundings(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "Error: . is a folder; name its files: *")


def test_standard_input_and_a_pipe_are_read_whole_where_records_contradict_each_other(tmp_path):
    lines = [made.line for made in Generated(50).lines()]
    other = lines[-1].replace(b'"allow"', b'"deny"').replace(b'"origin_exact"', b'"origin_any"')
    twins = other if other != lines[-1] else lines[-1].replace(b'"deny"', b'"allow"')
    text = b"\n".join([*lines, twins])
    for engine in ("duckdb", "plain"):
        words = [*FLASK, "report", "-", "--json", "--engine", engine, "--no-cache"]
        done = subprocess.run(
            words, cwd=tmp_path, env=surroundings(), input=text, capture_output=True, check=False
        )
        integrity = json.loads(done.stdout)["integrity"]
        assert (integrity["records"], len(integrity["contradicting"])) == (len(lines) - 1, 1)
        assert b"two different records of one number" not in done.stderr
