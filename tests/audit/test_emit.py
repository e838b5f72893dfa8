"""The log can be believed: one line an event, nothing unescaped or unbounded, every loss counted."""

import contextlib
import json
import os
import threading
import time

import pytest
import structlog
from apps import APP, EVIL, events, make, valid
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from flask_cors_env import CORS, CORSConfigError, Policy, Request, Resource, decide
from flask_cors_env.answers.verify import verify
from flask_cors_env.audit.emit import LINE_LIMIT, AuditLog
from flask_cors_env.audit.event import (
    DECISION,
    ENVELOPE,
    FIELDS,
    GAP,
    Surroundings,
    clean,
    decision_fields,
    json_schema,
    network_of,
    unescape,
)
from flask_cors_env.audit.opening import _format
from flask_cors_env.audit.signals import cors_decided
from flask_cors_env.audit.sink import FileSink, StreamSink


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
    def events(self):
        return [json.loads(line) for line in self.lines]


def log_to(sink, **options):
    return AuditLog(sink, service="shop", environment="production", **options)


def sequence(event):
    return int(event["log.record.uid"].partition("-")[2])


def test_the_envelope_comes_first_and_in_order():
    sink = Lines()
    uid = log_to(sink, version="1.4.2").write("info", DECISION, {"cors.decision": "allow"})
    (event,) = sink.events
    rest = {"trace_id", "span_id", "cors.audit.step", "cors.audit.mac"}
    always = [f.name for f in ENVELOPE if f.name not in rest]
    assert list(event) == [*always, "cors.decision"]
    assert event["log.record.uid"] == uid
    assert (event["cors.schema"], event["level"], event["event"]) == (1, "info", DECISION)


@given(st.text(max_size=2000), st.integers(16, 512))
def test_a_clean_value_is_printable_ascii_bounded_and_can_be_read_back(value, limit):
    cleaned = clean(value, limit)
    assert cleaned.isascii()
    assert cleaned == "" or cleaned.isprintable()
    assert len(cleaned) <= limit
    back = unescape(cleaned)
    assert value.startswith(back)
    assert len(cleaned) > limit - 10 or back == value


@pytest.mark.parametrize("evil", ["\r\n", "\x1b[2J", "\0", "\x85", "\u2028", "\ud800", "\\", '"', "\xff"])
def test_nothing_from_a_client_breaks_a_line(evil):
    sink = Lines()
    log_to(sink).write("info", DECISION, {"cors.origin": clean(f"https://a{evil}fake")})
    (line,) = sink.lines
    assert line.isascii()
    assert line.endswith(b"}\n")
    assert line[:-1].decode().isprintable()
    assert json.loads(line)["cors.origin"].encode().decode("unicode_escape") == f"https://a{evil}fake"


@given(st.text())
def test_what_is_no_escape_of_ours_stays_as_it_is(value):
    assert unescape(clean(unescape(value), 10**9)) == unescape(value)


@given(
    st.text(max_size=600).filter(bool),
    st.text(max_size=80),
    st.text(alphabet=st.sampled_from("a-\\\x80\u20ac"), max_size=600),
)
def test_an_event_names_the_fields_that_do_not_hold_the_whole(origin, method, names):
    request = Request(origin, "OPTIONS", "/", method, names)
    decision = decide(Policy([Resource.parse()]), request)
    event = decision_fields(request, decision, Surroundings(), "p-0")
    sent = {"cors.origin": origin, "cors.request.method": method, "cors.request.headers": names}
    cut = [name for name, value in sent.items() if value and unescape(event[name]) != value]
    told = event.get("cors.audit.truncated", "").split(",")
    assert [name for name in told if name in sent] == cut


SCALARS = st.text(max_size=40).map(clean) | st.integers() | st.booleans() | st.none() | st.floats()


@given(st.dictionaries(st.text("abc.", min_size=1), SCALARS), st.dictionaries(st.text("ABC"), SCALARS))
def test_a_line_that_is_put_together_is_the_line_of_the_whole_event(shared, own):
    put_together, whole = Lines(), Lines()
    for sink, processors in (put_together, []), (whole, [lambda _logger, _level, event: event]):
        log = log_to(sink, processors=processors)
        log.emit(log.record("info", DECISION, shared), log.part(own))
    written, rendered = ([*sink.events[0].items()] for sink in (put_together, whole))
    assert repr(written[5:]) == repr(rendered[5:])
    assert [name for name, _ in written] == [name for name, _ in rendered]


def test_a_line_is_never_longer_than_one_atomic_write():
    sink = Lines()
    long = {f"field.{i}": "\\" * 500 for i in range(20)}
    log_to(sink).write("info", DECISION, {**long, "short": "kept"})
    (line,) = sink.lines
    assert len(line) <= LINE_LIMIT
    assert json.loads(line)["short"] == "kept"
    assert json.loads(line)["cors.audit.truncated"].startswith("field.0,field.1")


def test_lost_records_are_counted_told_once_and_are_the_holes_in_the_sequence():
    sink = Lines()
    log = log_to(sink)
    log.write("info", DECISION, {})
    sink.failing = True
    for _ in range(7):
        log.write("info", DECISION, {})
    sink.failing = False
    log.write("info", DECISION, {})
    log.write("info", DECISION, {})
    numbers = [sequence(event) for event in sink.events]
    gap = sink.events[2]
    assert numbers == [1, 9, 10, 11]
    assert (gap["event"], gap["level"], gap["cors.audit.lost"], gap["error.type"]) == (
        GAP,
        "error",
        7,
        "OSError",
    )
    assert {f.name for f in FIELDS[GAP]} <= set(gap)


def test_a_processor_sees_every_event_and_its_failure_is_a_loss_not_an_error():
    def mask(_, __, event):
        if event.get("explode"):
            raise KeyError("explode")
        event["client.address"] = "masked"
        return event

    sink = Lines()
    log = log_to(sink, processors=[mask])
    log.write("info", DECISION, {"client.address": "203.0.113.0"})
    log.write("info", DECISION, {"explode": True})
    log.write("info", DECISION, {})
    assert [event.get("client.address") for event in sink.events] == ["masked"] * 3
    assert sink.events[-1]["error.type"] == "KeyError"


def drop_denials(_logger, _level, event):
    if event.get("cors.decision") == "deny":
        raise structlog.DropEvent
    return event


def test_an_event_that_a_processor_drops_is_a_loss_and_the_request_is_answered(capfd):
    app, _ = make(ORIGINS=APP, options={"audit_processors": [drop_denials]})
    client = app.test_client()
    statuses = [client.get("/items", headers={"Origin": origin}).status_code for origin in (EVIL, APP)]
    assert statuses == [200, 200]
    lines = capfd.readouterr().err.splitlines()
    found = verify([lines])
    assert (found.is_whole, found.told, json.loads(lines[-1])["error.type"]) == (True, 1, "DropEvent")


def test_threads_leave_no_hole_and_no_repeat():
    sink = Lines()
    log = log_to(sink)
    threads = [
        threading.Thread(target=lambda: [log.write("info", DECISION, {}) for _ in range(200)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(sequence, sink.events)) == list(range(1, 1601))


def test_a_forked_child_is_a_writer_of_its_own(tmp_path):
    log = log_to(FileSink(str(tmp_path / "log")))
    log.write("info", DECISION, {})
    child = os.fork()
    if child == 0:
        log.write("info", DECISION, {})
        os._exit(0)
    os.waitpid(child, 0)
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [sequence(event) for event in events] == [1, 1]
    assert len({event["log.record.uid"] for event in events}) == 2


def test_a_file_is_found_again_after_a_rotation_by_rename(tmp_path, monkeypatch):
    monkeypatch.setattr("flask_cors_env.audit.sink._LOOK_AGAIN", 0.0)
    path = tmp_path / "log"
    sink = FileSink(str(path))
    sink.write(b"one\n")
    path.rename(tmp_path / "log.1")
    sink.write(b"two\n")
    assert ((tmp_path / "log.1").read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")


def test_a_full_disk_is_a_loss():
    sink = FileSink("/dev/full")
    log = log_to(sink)
    log.write("info", DECISION, {})
    log.write("info", DECISION, {})
    assert log.lost == 2


def test_a_closed_stream_is_a_loss(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    log = log_to(StreamSink("stderr"))
    log.write("info", DECISION, {})
    assert log.lost == 1


@pytest.mark.parametrize("name", ["syslog", "file:", "stderr:"])
def test_an_unknown_sink_is_refused(name):
    with pytest.raises(CORSConfigError, match="is no sink"):
        CORS(Flask("shop"), environ={"CORS_AUDIT_SINK": name, "CORS_ENV": "production"})


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2::3", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("unix", None),
        ("", None),
    ],
)
def test_a_clients_address_is_cut_to_its_network(address, network):
    assert network_of(address) == network


def test_two_apps_that_share_a_file_are_two_writers_without_holes(tmp_path):
    log = tmp_path / "log"
    apps = [make({"CORS_AUDIT_SINK": f"file:{log}"}, ORIGINS=APP)[0] for _ in range(2)]
    for app in apps * 3:
        app.test_client().get("/items", headers={"Origin": APP})
    found = verify([log.read_text().splitlines()])
    assert (found.is_whole, [writer.records for writer in found.writers]) == (True, [4, 4])


def test_one_app_writes_to_its_own_sink_only(tmp_path, capfd):
    first, second = tmp_path / "first", tmp_path / "second"
    for log in (first, second):
        app, _ = make({"CORS_AUDIT_SINK": f"file:{log}"}, ORIGINS=APP)
        app.test_client().get("/items", headers={"Origin": APP})
    assert [len(log.read_text().splitlines()) for log in (first, second)] == [2, 2]
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def full_pipe(monkeypatch):
    theirs, ours = os.pipe()
    stream = os.fdopen(ours, "w")
    monkeypatch.setattr("sys.pipe", stream, raising=False)  # sys.stderr is the runner's between the phases
    os.set_blocking(ours, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(ours, b"x" * 4096)
    os.set_blocking(ours, True)
    yield theirs
    stream.close()
    os.close(theirs)


@pytest.mark.parametrize("nowait", [True, False])
def test_a_full_pipe_is_waited_for_once_and_then_left_alone_for_a_while(full_pipe, nowait, monkeypatch):
    monkeypatch.setattr("flask_cors_env.audit.sink._MUTE", 0.2)
    if not nowait:  # as on a kernel that cannot
        monkeypatch.setattr("flask_cors_env.audit.sink._NOWAIT", 0)
    log = log_to(StreamSink("pipe"))
    start = time.monotonic()
    for _ in range(50):
        log.write("info", DECISION, {})
    assert 0.1 <= time.monotonic() - start < 0.2
    assert log.lost == 50
    os.read(full_pipe, 1 << 20)
    time.sleep(0.25)
    log.write("info", DECISION, {})
    decision, gap = [json.loads(line) for line in os.read(full_pipe, 1 << 20).splitlines()]
    assert (sequence(decision), gap["cors.audit.lost"]) == (51, 50)
    assert gap["error.type"] == "StuckReaderError"


def test_a_file_that_ends_within_a_line_goes_on_with_a_line_of_its_own(tmp_path):
    (tmp_path / "log").write_text('{"cors.schema":1,"timest')
    FileSink(str(tmp_path / "log")).write(b"whole\n")
    assert (tmp_path / "log").read_text().splitlines()[-1] == "whole"


def test_a_fifo_that_nobody_reads_from_is_a_loss(tmp_path):
    os.mkfifo(tmp_path / "log")
    log = log_to(FileSink(str(tmp_path / "log")))
    log.write("info", DECISION, {})
    assert log.lost == 1


@pytest.mark.parametrize(
    ("terminal", "chosen", "expected"),
    [
        (True, "auto", "console"),
        (False, "auto", "json"),
        (True, "json", "json"),
        (False, "console", "console"),
    ],
)
def test_lines_are_for_people_at_a_terminal(terminal, chosen, expected, monkeypatch):
    monkeypatch.setattr("flask_cors_env.audit.opening.is_terminal", lambda _: terminal)
    assert _format({"AUDIT_FORMAT": chosen, "AUDIT_SINK": "auto"}) == expected


def test_every_field_says_what_it_is_and_is_in_the_schema_once():
    for fields in (ENVELOPE, *FIELDS.values()):
        names = [field.name for field in fields]
        assert len(names) == len(set(names))
        assert all(field.meaning and field.example for field in fields)
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert [one["title"] for one in schema["oneOf"]] == list(FIELDS)


def test_no_fields_name_is_the_namespace_of_another():
    names = {field.name for fields in (ENVELOPE, *FIELDS.values()) for field in fields}
    assert [name for name in names if any(other.startswith(f"{name}.") for other in names)] == []


@pytest.mark.parametrize(
    "foreign", [{"cors.invented": 1}, {"cors.decision": "perhaps"}, {"cors.origin": "\x1b"}]
)
def test_the_schema_refuses_what_is_not_in_the_catalogue(foreign):
    sink = Lines()
    request = Request(APP)
    policy = Policy([Resource.parse(origins=[APP])])
    fields = decision_fields(request, decide(policy, request), Surroundings(), policy.id)
    log = log_to(sink)
    log.emit(log.record("info", DECISION, fields), log.own(200, "203.0.113.7", "/items"))
    (event,) = sink.events
    assert valid({**event, "request_id": "the app's own"})
    with pytest.raises(ValidationError):
        valid({**event, **foreign})


@pytest.mark.parametrize(
    "maker", ["flask_cors_env.web.prepared.decision_fields", "flask_cors_env.audit.emit.own_fields"]
)
def test_an_event_that_cannot_be_made_is_a_loss_and_the_request_is_answered(maker, monkeypatch, capfd):
    app, _ = make(ORIGINS=APP)
    client = app.test_client()
    client.get("/items", headers={"Origin": APP})
    with monkeypatch.context() as broken:
        broken.setattr(maker, lambda *_: 1 / 0)
        new = {"Origin": APP, "Authorization": "x"}  # of what is remembered the event is made already
        response = client.get("/items", headers=new, environ_base={"REMOTE_ADDR": "203.0.113.9"})
        assert response.headers["Access-Control-Allow-Origin"] == APP
    client.get("/items", headers={"Origin": APP})
    lines = capfd.readouterr().err.splitlines()
    found = verify([lines])
    assert (found.is_whole, found.told, json.loads(lines[-1])["error.type"]) == (True, 1, "ZeroDivisionError")


def test_an_event_that_cannot_be_made_and_is_not_due_is_no_loss_and_receivers_are_told(monkeypatch, capfd):
    app, _ = make(ORIGINS=APP, AUDIT_LEVEL="deny")
    monkeypatch.setattr("flask_cors_env.audit.emit.own_fields", lambda *_: 1 / 0)
    told = []
    with cors_decided.connected_to(lambda _sender, **found: told.append(found["decision"].verdict), app):
        assert app.test_client().get("/items", headers={"Origin": APP}).status_code == 200
    assert told == ["allow"]
    assert events(capfd.readouterr().err) == []


def test_a_line_that_an_app_filled_keeps_all_of_ours():
    def fill(_logger, _level, event):
        return {**{f"{number:03}" + "b" * 61: "\\" * 64 for number in range(100)}, **event}

    sink = Lines()
    request = Request(APP, "OPTIONS", "/", "PUT", "x-" + '"' * 60)
    fields = decision_fields(
        request, decide(Policy([Resource.parse(origins=[APP])]), request), Surroundings(), "p-0"
    )
    log_to(sink, processors=[fill]).write("warning", DECISION, fields)
    (line,), (event,) = sink.lines, sink.events
    assert len(line) <= LINE_LIMIT
    assert {name: event[name] for name in fields} == fields
    assert not {name for name in event["cors.audit.truncated"].split(",")[:-1] if name in event}


@pytest.mark.parametrize("without_orjson", [False, True])
@pytest.mark.parametrize(
    ("value", "written"),
    [(float("nan"), [None]), (float("-inf"), [None]), (2**70, [2**70]), (10**5000, [])],
    ids=["nan", "infinite", "great", "endless"],
)
def test_a_number_that_json_has_not_makes_no_line_that_is_none(value, written, without_orjson, monkeypatch):
    if without_orjson:
        monkeypatch.setattr("flask_cors_env.audit.render.orjson", None)
    sink = Lines()
    log = log_to(sink, processors=[lambda _logger, _level, event: {**event, "odd": value, "more": 2**65}])
    log.write("info", DECISION, {})

    def refuse(word):
        raise ValueError(word)

    assert [json.loads(line, parse_constant=refuse)["odd"] for line in sink.lines] == written
    assert log.lost == 1 - len(written)


def test_a_field_that_was_cut_before_the_line_is_shortened_is_still_named():
    sink = Lines()
    long = {f"field.{i}": "a" * 500 for i in range(20)}
    log_to(sink).write("info", DECISION, {**long, "cors.audit.truncated": "cors.request.method,field.3"})
    (event,) = sink.events
    names = event["cors.audit.truncated"].split(",")
    assert names == ["cors.request.method", *long]


def test_a_value_that_is_shortened_for_the_line_keeps_its_escapes_whole():
    sink = Lines()
    values = {f"field.{i}": clean("a" * i + "\x80" * 200) for i in range(20)}
    log_to(sink).write("info", DECISION, values)
    (event,) = sink.events
    assert event["cors.audit.truncated"]
    for name, value in values.items():
        assert set(event[name].encode().decode("unicode_escape")) <= {"a", "\x80"}
        assert value.startswith(event[name])
