"""A record's seal covers its catalogue fields, and no key gives an earlier one away."""

import ctypes
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
from fcntl import LOCK_EX, flock

import pytest
from apps import APP, events, make, valid
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env import CORSConfigError
from flask_cors_env.audit import seal
from flask_cors_env.audit.emit import LINE_LIMIT, AuditLog
from flask_cors_env.audit.event import DECISION
from flask_cors_env.audit.fields import CLOSED, GAP, MAC, STEP
from flask_cors_env.audit.seal import (
    Key,
    KeyFileError,
    covered,
    holds,
    make_key,
    next_key,
    read_key,
    take_step,
)

AUTO = {"CORS_AUDIT_SINK": "auto"}


class Lines:
    """A sink that keeps its lines, and fails while it is told to."""

    def __init__(self):
        self.lines = []
        self.failing = False

    def write(self, line):
        if self.failing:
            raise OSError("no space left")
        self.lines.append(line)

    @property
    def records(self):
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "cors.key"
    make_key(str(path))
    return path


def log_to(sink, key_file, **options):
    return AuditLog(sink, service="shop", environment="production", key_file=str(key_file), **options)


def key_of(key, record):
    """The record's key, by the definition of the ladder and of the chain."""
    writer, _, number = record["log.record.uid"].partition("-")
    while key.step < record[STEP]:
        key = key.following()
    secret = key.of_writer(writer)
    for _ in range(int(number) - 1):
        secret = next_key(secret)
    return secret


def proved(key, records):
    return [holds(record, key_of(key, record)) for record in records]


def test_each_record_is_sealed_by_a_key_of_its_own(key_file):
    first, sink = read_key(str(key_file)), Lines()
    log = log_to(sink, key_file)
    for number in range(5):
        log.write("info", DECISION, {"cors.decision": "allow", "cors.origin": f"https://{number}.example"})
    assert [record[STEP] for record in sink.records] == [0] * 5
    assert proved(first, sink.records) == [True] * 5
    assert len({key_of(first, record) for record in sink.records}) == 5
    assert all(line.endswith(b'"}\n') and list(json.loads(line))[-1] == MAC for line in sink.lines)


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
FIELDS = st.dictionaries(
    st.sampled_from(sorted(seal.PLACES.keys() - {STEP})), TEXTS | st.integers(0, 999) | st.booleans()
)
BOUND = st.dictionaries(st.sampled_from(["request_id", "user", "trace.x"]), TEXTS | st.floats() | st.none())


@given(FIELDS, FIELDS, BOUND)
def test_a_seal_holds_whatever_the_fields_are_and_however_the_line_was_put_together(shared, own, bound):
    key, sink = Key(0, b"k" * 32), Lines()
    envelope = {"cors.schema", "timestamp", "level", "event", "log.record.uid"}
    log = AuditLog(sink, service="shop", environment="production")
    log._routes = type(log._routes)("own", sink, (), seal_render(), is_sealed=True)
    shared = {name: value for name, value in shared.items() if name not in envelope}
    own = {name: value for name, value in own.items() if name not in envelope}
    chain = seal.Seal(0, key.of_writer("w"))
    record = log.record("info", DECISION, shared)
    log._routes.own.emit("now", "w-1", record, log.part({**own, **bound}), chain)
    (line,) = sink.lines
    assert len(line) <= LINE_LIMIT
    read = json.loads(line)
    assert holds(read, chain.key)
    assert holds(json.loads(json.dumps(dict(reversed(read.items())), indent=2)), chain.key)


def seal_render():
    from flask_cors_env.audit.render import render

    return render


def test_what_is_covered_is_the_catalogues_fields_in_its_order_as_compact_json():
    record = {
        "url.path": "/a",
        "cors.schema": 1,
        MAC: "x",
        "request_id": "r",
        "cors.origin": 'https://"',
        "level": "info",
    }
    assert covered(record) == b'{"cors.schema":1,"level":"info","cors.origin":"https://\\"","url.path":"/a"}'


def test_every_change_of_a_field_breaks_the_seal_and_of_a_field_of_the_apps_own_does_not(key_file):
    first, sink = read_key(str(key_file)), Lines()
    log = log_to(sink, key_file)
    log.emit(log.record("info", DECISION, {"cors.origin": APP}), log.part({"request_id": "r"}))
    (record,) = sink.records
    for name in record.keys() - {"request_id"}:
        assert not holds({**record, name: "x"}, key_of(first, record)), name
        assert not holds({n: v for n, v in record.items() if n != name}, key_of(first, record)), name
    assert not holds({**record, "url.path": "/added"}, key_of(first, record))
    assert holds({**record, "request_id": "other"}, key_of(first, record))


def test_the_seal_covers_what_the_apps_processors_made_of_the_event(key_file):
    first, sink = read_key(str(key_file)), Lines()

    def mask(_logger, _level, event):
        return {**event, "cors.origin": "\u00fc", "cors.audit.lost": 0.5, "http.route": object, "team": "x"}

    log = log_to(sink, key_file, processors=[mask])
    log.write("info", DECISION, {"cors.origin": APP})
    assert (sink.records[0]["cors.origin"], proved(first, sink.records)) == ("\u00fc", [True])


def test_a_long_event_is_sealed_within_one_atomic_write(key_file):
    first, sink = read_key(str(key_file)), Lines()
    log = log_to(sink, key_file)
    for size in (3600, 3700, 3750, 3780, 3800, 3900, 9000):
        log.write("info", DECISION, {"cors.remedy.hint": "h" * size})
    assert proved(first, sink.records) == [True] * 7
    assert max(map(len, sink.lines)) <= LINE_LIMIT


def test_a_lost_record_leaves_the_others_provable(key_file):
    first, sink = read_key(str(key_file)), Lines()
    log = log_to(sink, key_file)
    sink.failing = True
    log.write("info", DECISION, {})
    log.write("info", DECISION, {})
    sink.failing = False
    log.write("info", DECISION, {})
    assert [(r["event"], r["log.record.uid"].partition("-")[2]) for r in sink.records] == [
        (DECISION, "3"),
        (GAP, "4"),
    ]
    assert proved(first, sink.records) == [True, True]


# --- the ladder


def test_the_file_is_replaced_by_the_next_step_which_gives_no_earlier_key_away(key_file):
    first = read_key(str(key_file))
    assert take_step(str(key_file)) == (first, None)
    second = read_key(str(key_file))
    assert (second, second.step) == (first.following(), 1)
    assert first.secret not in key_file.read_bytes()
    assert list(key_file.parent.iterdir()) == [key_file]


def test_a_key_file_keeps_its_mode_and_a_link_stays_a_link(key_file, tmp_path):
    key_file.chmod(0o640)
    link = tmp_path / "link.key"
    link.symlink_to(key_file)
    take_step(str(link))
    assert (link.is_symlink(), key_file.stat().st_mode & 0o777, read_key(str(key_file)).step) == (
        True,
        0o640,
        1,
    )


def test_what_a_killed_writer_left_beside_the_file_is_replaced(key_file):
    left = key_file.with_name("cors.key.next")
    left.write_text("half")
    assert take_step(str(key_file))[1] is None
    assert (left.exists(), read_key(str(key_file)).step) == (False, 1)


def _take(path, queue):
    queue.put(take_step(path)[0].step)


def test_processes_that_start_at_once_take_a_step_each(key_file):
    queue = multiprocessing.get_context("fork").SimpleQueue()
    children = [
        multiprocessing.get_context("fork").Process(target=_take, args=(str(key_file), queue))
        for _ in range(8)
    ]
    for child in children:
        child.start()
    steps = [queue.get() for _ in children]
    for child in children:
        child.join()
    assert sorted(steps) == list(range(8))
    assert read_key(str(key_file)).step == 8


def test_a_file_that_another_process_holds_is_waited_for_only_so_long(key_file, monkeypatch):
    monkeypatch.setattr(seal, "_WAIT", 0.05)
    with key_file.open() as held:
        flock(held, LOCK_EX)
        key, error = take_step(str(key_file))
    assert (key.step, type(error), read_key(str(key_file)).step) == (0, BlockingIOError, 0)


@pytest.mark.parametrize("fork", [os.fork, lambda: ctypes.PyDLL(None).fork()])
def test_a_forked_writer_takes_its_own_step_at_its_first_record(fork, key_file, tmp_path):
    first = read_key(str(key_file))
    path = tmp_path / "log"

    class File:
        def write(self, line):
            with path.open("ab") as file:
                file.write(line)

    log = log_to(File(), key_file)
    log.write("info", DECISION, {})
    child = fork()
    if child == 0:
        log.write("info", DECISION, {})
        os._exit(0)
    os.waitpid(child, 0)
    log.write("info", DECISION, {})
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert sorted(record[STEP] for record in records) == [0, 0, 1]
    assert proved(first, records) == [True] * 3


def test_threads_and_a_signal_handler_leave_every_record_provable(key_file):
    first, sink = read_key(str(key_file)), Lines()
    log = log_to(sink, key_file)
    left = iter(range(200))

    def interrupt(*_):
        log.write("info", DECISION, {})
        if next(left, None) is not None:
            signal.setitimer(signal.ITIMER_REAL, 0.001)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        threads = [
            threading.Thread(target=lambda: [log.write("info", DECISION, {}) for _ in range(500)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for _ in range(500):
            log.write("info", DECISION, {})
        for thread in threads:
            thread.join()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    numbers = sorted(int(record["log.record.uid"].partition("-")[2]) for record in sink.records)
    assert numbers == list(range(1, len(numbers) + 1))
    keys, secret = {}, first.of_writer(sink.records[0]["log.record.uid"].partition("-")[0])
    for number in numbers:
        keys[number], secret = secret, next_key(secret)
    assert all(holds(r, keys[int(r["log.record.uid"].partition("-")[2])]) for r in sink.records)


# --- the file, and settings


def test_a_key_is_written_once_for_its_owner_alone_and_never_over_a_file(tmp_path):
    path = tmp_path / "cors.key"
    key = make_key(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (read_key(str(path)), Key.parse(key.text)) == (key, key)
    with pytest.raises(FileExistsError):
        make_key(str(path))
    assert read_key(str(path)) == key


@pytest.mark.parametrize(
    "text", ["", "secret", "cors-audit-key:0:" + "0" * 63, "cors-audit-key:-1:" + "0" * 64]
)
def test_a_file_without_a_key_is_refused(text, tmp_path):
    path = tmp_path / "cors.key"
    path.write_text(text)
    with pytest.raises(KeyFileError, match="holds no key"):
        read_key(str(path))


def problems(path, **settings):
    with pytest.raises(CORSConfigError) as caught:
        make(ORIGINS=APP, AUDIT_KEY_FILE=str(path), **settings)
    return [(problem.code, problem.variable, problem.message) for problem in caught.value.problems]


def test_a_key_file_that_cannot_be_read_stops_the_start(tmp_path):
    name, code = "CORS_AUDIT_KEY_FILE", "key-unreadable"
    assert problems(tmp_path / "none") == [(code, name, "cannot be read: No such file or directory.")]
    (tmp_path / "text").write_text("secret")
    assert problems(tmp_path / "text") == [(code, name, "holds no key that flask cors key made.")]
    os.mkfifo(tmp_path / "fifo")
    assert problems(tmp_path / "fifo") == [(code, name, "is no plain file.")]
    assert problems(tmp_path) == [(code, name, "is no plain file.")]


def test_an_app_seals_what_it_writes_from_its_first_record_on(key_file, capfd):
    first = read_key(str(key_file))
    app, _ = make(ORIGINS=APP, AUDIT_KEY_FILE=str(key_file))
    client = app.test_client()
    client.get("/items", headers={"Origin": APP})
    client.get("/items", headers={"Origin": APP, "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    records = [valid(json.loads(line)) for line in capfd.readouterr().err.splitlines()]
    assert [record["event"].rpartition(".")[2] for record in records] == ["loaded", "decision", "decision"]
    assert proved(first, records) == [True] * 3
    assert "cors.policy.warnings" not in records[0]


def test_a_key_file_that_cannot_be_replaced_is_a_warning_in_the_log_too(key_file, capfd):
    first = read_key(str(key_file))
    key_file.with_name("cors.key.next").mkdir()
    app, _ = make(ORIGINS=APP, AUDIT_KEY_FILE=str(key_file))
    app.test_client().get("/items", headers={"Origin": APP})
    warning, *lines = capfd.readouterr().err.splitlines()
    records = [json.loads(line) for line in lines]
    assert records[0]["cors.policy.warnings"] == "key-not-advanced"
    assert (proved(first, records), read_key(str(key_file))) == ([True, True], first)
    assert warning == (
        "CORS: CORS_AUDIT_KEY_FILE could not be replaced by its next step: "
        "whoever reads it can forge every record [key-not-advanced]"
    )


def test_a_key_that_seals_nothing_is_a_warning(key_file, capfd):
    app, _ = make(ORIGINS=APP, AUDIT_KEY_FILE=str(key_file), AUDIT_FORMAT="console")
    app.test_client().get("/items", headers={"Origin": APP})
    warning, loaded, _ = capfd.readouterr().err.splitlines()
    assert warning.endswith(" [key-unused]")
    assert "warnings: key-unused" in loaded


def test_a_key_file_that_is_gone_when_a_worker_starts_leaves_its_records_unsealed_and_said(key_file, capfd):
    app, _ = make(ORIGINS=APP, AUDIT_KEY_FILE=str(key_file))
    key_file.unlink()
    assert app.test_client().get("/items", headers={"Origin": APP}).status_code == 200
    warning, *lines = capfd.readouterr().err.splitlines()
    records = [json.loads(line) for line in lines]
    assert warning.endswith(" [key-unreadable]")
    assert (records[0]["cors.policy.warnings"], any(MAC in record for record in records)) == (
        "key-unreadable",
        False,
    )


def test_a_process_that_ends_in_order_says_so_in_its_last_record_and_a_killed_one_does_not(
    key_file, tmp_path
):
    first = read_key(str(key_file))
    code = (
        "import os, sys\nfrom flask import Flask\nfrom flask_cors_env import CORS\n"
        "app = Flask('shop')\nCORS(app)\n"
        f"app.test_client().get('/', headers={{'Origin': '{APP}'}})\n"
        "if sys.argv[1:]: os._exit(0)\n"
    )
    log = tmp_path / "audit.jsonl"
    own = {"CORS_ENV": "production", "CORS_ORIGINS": APP, "CORS_AUDIT_KEY_FILE": str(key_file)}
    own |= {"PYTHONPATH": os.pathsep.join(sys.path), "CORS_AUDIT_SINK": f"file:{log}"}
    for arguments in ([], ["killed"]):
        subprocess.run([sys.executable, "-c", code, *arguments], env=own, check=True, timeout=60)
    records = [valid(json.loads(line)) for line in log.read_text().splitlines()]
    assert [(r[STEP], r["event"]) for r in records] == [
        (0, "cors.policy.loaded"),
        (0, DECISION),
        (0, CLOSED),
        (1, "cors.policy.loaded"),
        (1, DECISION),
    ]
    assert proved(first, records) == [True] * 5


def test_without_a_key_nothing_is_sealed_and_no_end_is_written(capfd):
    app, _ = make(ORIGINS=APP)
    app.test_client().get("/items", headers={"Origin": APP})
    (record,) = events(capfd.readouterr().err)
    assert not {STEP, MAC} & record.keys()
