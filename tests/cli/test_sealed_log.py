"""With a key a log is proved: what was changed, put in or taken out is named, and counts in no command."""

import contextlib
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from flask_cors_env import Policy, Request, Resource, decide
from flask_cors_env.answers.engine import ENGINES
from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import DECISION, Surroundings, Told, decision_fields, own_fields
from flask_cors_env.audit.fields import CLOSED, MAC, STEP
from flask_cors_env.audit.loaded import write_policy
from flask_cors_env.audit.seal import make_key
from flask_cors_env.cli import cors

APP, EVIL = "https://app.example.com", "https://evil.example"


class Lines(list):
    """A sink that fails while it is told to."""

    failing = False

    def write(self, line):
        if self.failing:
            raise OSError("no space left")
        self.append(json.loads(line))


@pytest.fixture
def key_file(tmp_path):
    """The app's key file, and beside it the key that was printed."""
    path = tmp_path / "cors.key"
    (tmp_path / "printed.key").write_text(make_key(str(path)).text)
    return path


@pytest.fixture
def sealed(key_file):
    """The records of three writers: a policy, four decisions and an end each."""
    return [record for _ in range(3) for record in write(key_file)]


POLICY = Policy([Resource.parse(origins=[APP])])


def write(key_file, origins=(APP, APP, EVIL, APP), *, policy=POLICY, fail=()):
    sink = Lines()
    log = AuditLog(sink, service="shop", environment="production", key_file=key_file and str(key_file))
    write_policy(log, policy.id, policy.canonical_json(), {})
    for number, origin in enumerate(origins):
        sink.failing = number in fail
        request = Request(origin)
        decision = decide(policy, request)
        fields = decision_fields(request, decision, Surroundings(), policy.id)
        log.write("info", DECISION, fields | own_fields(Told(), 200, "203.0.113.7", "/items"))
    sink.failing = False
    log.close()
    return sink


def invoke(*words, input=None):  # noqa: A002 - click's name
    return CliRunner().invoke(cors, list(map(str, words)), input=input)


def verify(tmp_path, records, *words, json_too=True):
    """What verify says of *records*, and its exit status."""
    log = tmp_path / "audit.jsonl"
    log.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    done = invoke("verify", log, "--key-file", tmp_path / "printed.key", *words)
    if not json_too:
        return done
    found = json.loads(invoke("verify", log, "--key-file", tmp_path / "printed.key", "--json").stdout)
    return done, found


def unproved(found):
    return [(one["uid"], one["why"]) for one in found["sealing"]["unproved"]]


def uid(record):
    return record["log.record.uid"]


def test_a_log_that_nobody_touched_is_proved(tmp_path, sealed):
    done, found = verify(tmp_path, sealed)
    assert (done.exit_code, found["whole"], found["sealing"]["proved"]) == (0, True, 18)
    assert done.stdout.splitlines()[-1] == (
        "whole: every record is there, and each catalogue field of each is proved by its MAC, "
        "up to step 2 of the key file (not: later writers, fields of the app's own)"
    )
    assert "unclosed" not in done.stdout


def fields_of(records):
    return [(at, name) for at, record in enumerate(records) for name in record if at in {0, 2, 5}]


def test_every_changed_value_of_every_catalogue_field_is_named(tmp_path, sealed):
    for at, name in fields_of(sealed[:6]):
        if name == "log.record.uid":
            continue  # a record under another number: see below
        value = sealed[at][name]
        other = value + 1 if type(value) is int else not value if type(value) is bool else f"{value}x"
        changed = [{**record, name: other} if record is sealed[at] else record for record in sealed]
        done, found = verify(tmp_path, changed)
        assert (done.exit_code, found["whole"]) == (1, False), name
        assert (
            uid(sealed[at]) in [one for one, _ in unproved(found)] or found["foreign"] or found["unknown"]
        ), name
        assert uid(sealed[at]) in done.stdout or found["foreign"], name


def moved(records):
    return [{**records[1], "log.record.uid": uid(records[7])}]


ATTACKS = {
    "a record that another program made": lambda log: [
        *log,
        {**log[1], "log.record.uid": f"{'a' * 12}-1", STEP: 1},
    ],
    "a record of a step to come": lambda log: [*log, {**log[1], "log.record.uid": f"{'a' * 12}-1", STEP: 3}],
    "a record without a seal": lambda log: [*log, {n: v for n, v in log[1].items() if n not in {STEP, MAC}}],
    "a record put in the place of another": lambda log: [
        log[0],
        {**log[1], "log.record.uid": uid(log[2])},
        *log[3:],
    ],
    "a record moved to another writer": lambda log: [
        log[0],
        *log[2:],
        {**log[1], "log.record.uid": f"{uid(log[7])[:12]}-7"},
    ],
    "two contents swapped": lambda log: [
        log[0],
        {**log[2], "log.record.uid": uid(log[1]), MAC: log[1][MAC]},
        {**log[1], "log.record.uid": uid(log[2]), MAC: log[2][MAC]},
        *log[3:],
    ],
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_was_put_in_is_named(attack, tmp_path, sealed):
    forged = attack(sealed)
    done, found = verify(tmp_path, forged)
    named = [one for one, _ in unproved(found)]
    assert (done.exit_code, found["whole"]) == (1, False)
    assert named
    assert set(named) <= {uid(record) for record in forged if record not in sealed}
    assert all(one in done.stdout for one in named)
    assert "not whole: " in done.stdout


@pytest.mark.parametrize("at", [0, 1, 3, 7, 13])
def test_what_was_taken_out_is_named(at, tmp_path, sealed):
    done, found = verify(tmp_path, [record for record in sealed if record is not sealed[at]])
    writer, _, number = uid(sealed[at]).partition("-")
    (lacking,) = [one for one in found["writers"] if one["holes"] or one["before"]]
    assert (done.exit_code, lacking["writer"]) == (1, writer)
    assert lacking["holes"] == ([[int(number)] * 2] if number != "1" else [])
    assert lacking["before"] == (number == "1")


def test_a_piece_of_a_record_accounts_for_nothing(tmp_path, sealed):
    log = tmp_path / "audit.jsonl"
    torn = json.dumps(sealed[1])[:200]
    log.write_text("\n".join([json.dumps(sealed[0]), torn, *map(json.dumps, sealed[2:])]))
    assert invoke("verify", log).exit_code == 0
    done = invoke("verify", log, "--key-file", tmp_path / "printed.key")
    assert (done.exit_code, done.stdout.splitlines()[-1][:30]) == (1, "not whole: 1 record is missing")


def test_a_removed_writer_that_a_later_one_follows_is_named(tmp_path, sealed):
    done, found = verify(tmp_path, [record for record in sealed if record[STEP] != 1])
    assert (done.exit_code, found["sealing"]["missing_steps"]) == (1, [[1, 1]])
    assert "steps of the key file without a record: 1; " in done.stdout
    assert "not whole: 1 writer is missing; " in done.stdout


def test_a_cut_tail_is_told_as_unclosed_as_a_killed_worker_is(tmp_path, sealed):
    killed = verify(tmp_path, sealed[:-1])
    cut = verify(tmp_path, sealed[:-2])
    for done, found in (killed, cut):
        assert (done.exit_code, found["whole"]) == (0, True)
        assert found["sealing"]["unclosed"] == [uid(sealed[-1])[:12]]
        assert (
            f"unclosed: 1 writer, killed, still running or cut off at the end: {uid(sealed[-1])[:12]}"
            in done.stdout
        )


def test_a_repeated_record_is_counted_as_such(tmp_path, sealed):
    _, found = verify(tmp_path, [*sealed, sealed[1]])
    assert [writer["duplicates"] for writer in found["writers"]].count(1) == 1


def test_a_log_of_another_key_is_proved_by_none_of_its_records(tmp_path, sealed):
    make_key(str(tmp_path / "other.key"))
    log = tmp_path / "audit.jsonl"
    log.write_text("".join(f"{json.dumps(record)}\n" for record in sealed))
    done = invoke("verify", log, "--key-file", tmp_path / "other.key")
    assert done.exit_code == 1
    assert "altered: 18 records have a MAC that does not hold" in done.stdout
    assert invoke("report", log, "--key-file", tmp_path / "other.key").exit_code == 2


def test_the_apps_own_key_file_proves_no_earlier_step_and_says_what_to_give(tmp_path, sealed, key_file):
    log = tmp_path / "audit.jsonl"
    log.write_text("".join(f"{json.dumps(record)}\n" for record in sealed))
    done = invoke("verify", log, "--key-file", key_file)
    assert done.exit_code == 1
    assert (
        "older: 18 records are of a step before the key's: give the key that flask cors key printed"
        in done.stdout
    )


@pytest.mark.parametrize("text", ["", "none of ours", "cors-audit-key:0:00"])
def test_a_key_file_that_holds_no_key_is_refused(text, tmp_path, sealed):
    (tmp_path / "printed.key").write_text(text)
    done = verify(tmp_path, sealed, json_too=False)
    assert (done.exit_code, "holds no key that flask cors key made" in done.stderr) == (2, True)


# --- carriers


CARRIERS = {
    "as it is": lambda line: line,
    "docker": lambda line: json.dumps(
        {"log": f"{line}\n", "stream": "stderr", "time": "2026-01-01T00:00:00Z"}
    ),
    "cri": lambda line: f"2026-01-01T00:00:00.000000000Z stderr F {line}",
    "compose": lambda line: f"shop-1  | {line}",
    "printed again": lambda line: json.dumps(json.loads(line), sort_keys=True),
    "with fields of others": lambda line: json.dumps({**json.loads(line), "host": "a", "tags": [1]}),
}


@pytest.mark.parametrize("carry", CARRIERS.values(), ids=CARRIERS)
def test_what_others_wrapped_packed_and_rotated_is_proved(carry, tmp_path, sealed):
    lines = [carry(json.dumps(record, separators=(",", ":"))) for record in sealed]
    (tmp_path / "audit.jsonl.1.gz").write_bytes(gzip.compress("\n".join(lines[:8]).encode()))
    (tmp_path / "audit.jsonl").write_text("\n".join(lines[8:]))
    done = invoke(
        "verify",
        tmp_path / "audit.jsonl",
        tmp_path / "audit.jsonl.1.gz",
        "--key-file",
        tmp_path / "printed.key",
    )
    assert (done.exit_code, done.stdout.splitlines()[-1][:5]) == (0, "whole")


# --- a client's line feed in an app's own log


@pytest.fixture
def injected(tmp_path, sealed):
    """The log, into which a client wrote three whole lines by a line feed in what the app logs."""
    forged = write(None, (EVIL, EVIL), policy=Policy([Resource.parse(origins=[APP, EVIL])]))
    log = tmp_path / "app.log"
    lines = [json.dumps(record, separators=(",", ":")) for record in sealed]
    lines[4:4] = [
        "WARNING:app:not found: q",
        *(json.dumps(record, separators=(",", ":")) for record in forged),
    ]
    log.write_text("".join(f"{line}\n" for line in lines))
    return log


def allowed(done):
    return json.loads(done.stdout)["decisions"]["allow"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_line_feed_adds_no_record_to_a_report_with_a_key_and_does_without(engine, injected, tmp_path):
    words = ("report", injected, "--engine", engine, "--no-cache")
    plain = invoke(*words)
    assert allowed(invoke(*words, "--json")) == 9 + 2
    assert EVIL in plain.stdout
    assert "unsealed: " in plain.stdout
    proved = invoke(*words, "--key-file", tmp_path / "printed.key")
    assert allowed(invoke(*words, "--key-file", tmp_path / "printed.key", "--json")) == 9
    assert "unsealed: 3 records have no MAC: " in proved.stdout
    assert "sealed: 18 records are proved" in proved.stdout
    value = json.loads(invoke(*words, "--key-file", tmp_path / "printed.key", "--json").stdout)["integrity"]
    assert (value["sealed"], value["sealing"]["unsealed"], value["foreign"]) == (True, 3, 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("command", ["suggest", "replay", "blame"])
def test_a_line_feed_adds_no_record_to_what_judges_with_a_key(command, engine, injected, tmp_path):
    (tmp_path / "new.toml").write_text(f'origins = ["{APP}"]\n')
    words = {
        "suggest": ("suggest", injected),
        "replay": ("replay", injected, "--policy", tmp_path / "new.toml"),
        "blame": ("blame", EVIL, injected),
    }[command]
    words = (*words, "--engine", engine, "--no-cache")
    without, proved = invoke(*words), invoke(*words, "--key-file", tmp_path / "printed.key")
    if command == "suggest":
        assert (EVIL in without.stdout, EVIL in proved.stdout) == (True, False)
    if command == "blame":
        said = f"let in     {EVIL}"
        assert (said in without.stdout, said in proved.stdout) == (True, False)
    if command == "replay":
        assert (without.exit_code, proved.exit_code) == (1, 0)
    assert "unsealed: 3 records" in proved.stderr + proved.stdout


def test_a_line_feed_adds_no_record_to_what_is_followed_with_a_key(injected, tmp_path):
    words = ("tail", "-", "--json")
    text = injected.read_text()
    without = [json.loads(line) for line in invoke(*words, input=text).stdout.splitlines()]
    proved = invoke(*words, "--key-file", tmp_path / "printed.key", input=text)
    followed = [json.loads(line) for line in proved.stdout.splitlines()]
    assert (len(without), len(followed)) == (21, 18)
    assert all(MAC in record for record in followed)
    assert "unsealed: 3 records have no MAC" in proved.stderr


def test_a_line_feed_adds_no_event_to_a_console_line_with_a_key(tmp_path, key_file):
    refused = write(key_file, (EVIL,), policy=POLICY)
    forged = [
        record | {"log.record.uid": "0123456789ab-1", "trace_id": "f"} for record in write(None, (EVIL,))
    ]
    log = tmp_path / "app.log"
    log.write_text("".join(f"{json.dumps(record)}\n" for record in [*refused, *forged]))
    line = (
        f"Access to fetch at 'https://api.example.com/items' from origin '{EVIL}' has been blocked by CORS "
        "policy: No 'Access-Control-Allow-Origin' header is present on the requested resource."
    )
    words = ("why", line, "--log", log, "--json")
    done = invoke(*words, "--key-file", tmp_path / "printed.key")
    assert [uid(one) for one in json.loads(done.stdout)["events"]] == [uid(refused[1])]
    assert "unsealed: 2 records" in done.stderr


def test_a_file_is_followed_with_a_key_from_its_last_records_on(injected, tmp_path, key_file):
    command = [
        sys.executable,
        "-B",
        "-c",
        "from flask_cors_env.cli import cors; cors()",
        "tail",
        str(injected),
    ]
    command += ["-n", "2", "--json", "--key-file", str(tmp_path / "printed.key")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    )
    try:
        first = [json.loads(process.stdout.readline())["log.record.uid"].partition("-")[2] for _ in range(2)]
        with injected.open("a") as file:
            file.write(
                json.dumps({"cors.schema": 1, "event": DECISION, "timestamp": "x", "log.record.uid": "c-1"})
                + "\n"
            )
            file.writelines(f"{json.dumps(record)}\n" for record in write(key_file)[:1])
        then = json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
    assert (first, then["event"], then[STEP]) == (["5", "6"], "cors.policy.loaded", 3)


# --- a record that engines would read otherwise


@pytest.mark.parametrize("engine", ENGINES)
def test_a_name_that_stands_twice_in_a_line_is_counted_as_it_was_proved(engine, tmp_path, sealed):
    log = tmp_path / "audit.jsonl"
    lines = [json.dumps(record, separators=(",", ":")) for record in sealed]
    lines[1] = lines[1].replace('"cors.decision":', f'"cors.origin":"{EVIL}","cors.decision":', 1)
    log.write_text("\n".join(lines))
    done = invoke(
        "report", log, "--engine", engine, "--no-cache", "--json", "--key-file", tmp_path / "printed.key"
    )
    assert [(one["origin"], one["requests"]) for one in json.loads(done.stdout)["let_in"]] == [(APP, 9)]


# --- losses, forks and servers


def test_a_full_disk_breaks_nothing(tmp_path, key_file):
    records = write(key_file, (APP,) * 8, fail={2, 3, 6})
    done, found = verify(tmp_path, records)
    assert (done.exit_code, found["whole"], [w["told"] for w in found["writers"]]) == (0, True, [3])


def test_a_key_file_that_is_not_replaced_is_told(tmp_path, key_file):
    key_file.with_name("cors.key.next").mkdir()
    done, found = verify(tmp_path, [*write(key_file), *write(key_file)])
    assert (done.exit_code, found["whole"], found["sealing"]["shared_steps"]) == (0, True, [0])
    assert "steps of the key file that several writers took: 0; the file was not replaced" in done.stdout


SOURCE = f"""
import os
from flask import Flask
from flask_cors_env import CORS

def create_app():
    app = Flask("shop")
    app.add_url_rule("/", view_func=lambda: str(os.getpid()), endpoint="root")
    CORS(app)
    app.test_client().get("/", headers={{"Origin": "{APP}"}})  # the parent writes before it forks
    return app
"""


def test_workers_that_are_forked_killed_respawned_and_ended_leave_a_log_that_is_proved(tmp_path, key_file):
    (tmp_path / "shop.py").write_text(SOURCE)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    log = tmp_path / "audit.jsonl"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "CORS_ENV": "production"}
    environ |= {"CORS_ORIGINS": APP, "CORS_AUDIT_SINK": f"file:{log}", "CORS_AUDIT_KEY_FILE": str(key_file)}
    command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", "--workers=2", "--preload"]
    command += ["--threads=4", "--graceful-timeout=3", "--log-level=critical", "shop:create_app()"]
    server = subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        pids = _asked(server, port, 60)
        log.rename(tmp_path / "audit.jsonl.1")
        killed = next(iter(pids))
        os.kill(killed, signal.SIGKILL)
        time.sleep(1.5)
        pids |= _asked(server, port, 60)
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
        server.kill()
        server.wait()
    done = invoke("verify", log, tmp_path / "audit.jsonl.1", "--key-file", tmp_path / "printed.key", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["whole"], found["sealing"]["altered"]) == (0, True, 0)
    assert [writer["step"] for writer in found["sealing"]["writers"]] == list(range(1 + len(pids)))
    records = [
        json.loads(line)
        for path in (log, tmp_path / "audit.jsonl.1")
        for line in path.read_text().splitlines()
    ]
    assert sum(record["event"] == DECISION for record in records) == 121
    assert sum(record["event"] == CLOSED for record in records) == len(
        pids
    )  # but the killed one, with the parent
    assert len(found["sealing"]["unclosed"]) == 1


def _asked(server, port, number):
    """The processes that answered *number* requests."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            break
        assert server.poll() is None, "the server ended"
        time.sleep(0.05)

    def ask(_):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request("GET", "/", headers={"Origin": APP})
            return int(connection.getresponse().read())

    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(ask, range(number)))
