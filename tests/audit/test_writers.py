"""Each process is a writer of its own, whoever forked it, and no event shows another request's context."""

import contextlib
import contextvars
import ctypes
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from apps import APP, EVIL, make, preflight
from click.testing import CliRunner

from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import DECISION
from flask_cors_env.audit.seal import make_key
from flask_cors_env.audit.sink import FileSink
from flask_cors_env.cli import cors

AUTO = {"CORS_AUDIT_SINK": "auto"}


def fork_in_c():
    """Fork as C code does: nothing that `os.register_at_fork` knows runs."""
    return ctypes.PyDLL(None).fork()


def uids_of(path):
    return [json.loads(line)["log.record.uid"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("fork", [os.fork, fork_in_c])
def test_a_child_is_a_writer_of_its_own_whoever_forked_it(fork, tmp_path):
    log = AuditLog(FileSink(str(tmp_path / "log")), service="shop", environment="production")
    log.write("info", DECISION, {})
    child = fork()
    if child == 0:
        log.write("info", DECISION, {})
        log.write("info", DECISION, {})
        os._exit(0)
    os.waitpid(child, 0)
    log.write("info", DECISION, {})
    (first, one), *_, (last, two) = written = [uid.split("-") for uid in uids_of(tmp_path / "log")]
    assert (first, one, last, two) == (first, "1", first, "2")
    assert [number for writer, number in written if writer != first] == ["1", "2"]
    assert len({writer for writer, _ in written}) == 2


def test_a_child_that_c_code_forked_counts_a_loss_as_its_own():
    class Failing:
        def write(self, _line):
            raise OSError("full")

    log = AuditLog(Failing(), service="shop", environment="production")
    log.write("info", DECISION, {})
    child = fork_in_c()
    if child == 0:
        log.write("info", DECISION, {})
        os._exit(log.lost)
    assert (os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), log.lost) == (1, 1)


UWSGI_APP = f"""
import time
from flask import Flask
from flask_cors_env import CORS

app = Flask("shop")
app.add_url_rule("/", view_func=lambda: time.sleep(0.2) or "ok", endpoint="root")
CORS(app)
app.test_client().get("/", headers={{"Origin": "{APP}"}})  # the app writes before its workers are forked
"""


@contextlib.contextmanager
def uwsgi(folder, **environ):
    (folder / "shop.py").write_text(UWSGI_APP)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [str(Path(sys.executable).with_name("pyuwsgi")), f"--http-socket=127.0.0.1:{port}", "--master"]
    command += ["--processes=2", "--die-on-term", "--wsgi-file=shop.py", "--callable=app"]
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    own |= {"CORS_ENV": "production", "CORS_ORIGINS": APP, **environ}
    server = subprocess.Popen(
        [*command, f"--virtualenv={sys.prefix}"], cwd=folder, env=own,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            assert server.poll() is None, "the server ended"
            time.sleep(0.05)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
        server.kill()
        server.wait()


def get(port):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/", headers={"Origin": APP})
        return connection.getresponse().status


def test_workers_of_uwsgi_are_writers_of_their_own(tmp_path):
    log = tmp_path / "audit.jsonl"
    with uwsgi(tmp_path, CORS_AUDIT_SINK=f"file:{log}") as port, ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: get(port), range(12))) == [200] * 12
    uids = uids_of(log)
    assert len(set(uids)) == len(uids) == 2 + 12
    assert len({uid.partition("-")[0] for uid in uids}) == 3


USER = contextvars.ContextVar("user", default="nobody")


def by_logging(lines):
    class Lines(logging.Handler):
        def emit(self, record):
            bound = structlog.contextvars.get_contextvars().get("user", "nobody")
            lines.append((json.loads(record.getMessage()), bound, USER.get()))

    logging.getLogger().addHandler(Lines())


def by_structlog(lines):
    def note(_logger, _level, event):
        lines.append((dict(event), structlog.contextvars.get_contextvars().get("user", "nobody"), USER.get()))
        return json.dumps(event)

    structlog.configure(processors=[note], logger_factory=structlog.ReturnLoggerFactory())


def by_processor(lines):
    def note(_logger, _level, event):
        lines.append((dict(event), structlog.contextvars.get_contextvars().get("user", "nobody"), USER.get()))
        return event

    return {"audit_processors": [note]}


@pytest.mark.parametrize("pipeline", [by_logging, by_structlog, by_processor])
@pytest.mark.parametrize("enforce", ["off", "on"])
def test_the_event_of_a_request_that_no_code_of_the_app_serves_is_made_in_an_empty_context(
    pipeline, enforce, capfd
):
    lines = []
    app, _ = make(AUTO, ORIGINS=APP, ENFORCE=enforce, options=pipeline(lines))

    @app.before_request
    def bind():
        structlog.contextvars.bind_contextvars(user="alice")
        USER.set("alice")

    client = app.test_client()
    client.get("/items", headers={"Origin": APP})
    preflight(client)
    preflight(client, origin=EVIL)
    if enforce == "on":
        client.get("/items", headers={"Origin": EVIL})
    served, *others = [line for line in lines if line[0]["event"] == DECISION]
    assert served[0].get("user") == "alice"
    assert served[2] == "alice"
    assert len(others) == 2 + (enforce == "on")
    assert [(event.get("user"), bound, user) for event, bound, user in others] == [
        (None, "nobody", "nobody")
    ] * len(others)
    capfd.readouterr()


def test_workers_of_uwsgi_seal_their_records_by_steps_of_their_own(tmp_path):
    log, key_file = tmp_path / "audit.jsonl", tmp_path / "cors.key"
    (tmp_path / "printed.key").write_text(make_key(str(key_file)).text)
    settings = {"CORS_AUDIT_SINK": f"file:{log}", "CORS_AUDIT_KEY_FILE": str(key_file)}
    with uwsgi(tmp_path, **settings) as port, ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: get(port), range(12))) == [200] * 12
    done = CliRunner().invoke(
        cors, ["verify", str(log), "--key-file", str(tmp_path / "printed.key"), "--json"]
    )
    found = json.loads(done.stdout)
    assert (done.exit_code, found["whole"], found["sealing"]["altered"]) == (0, True, 0)
    assert [writer["step"] for writer in found["sealing"]["writers"]] == [0, 1, 2]
