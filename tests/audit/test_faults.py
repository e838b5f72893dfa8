"""
The log under faults, in a real server with two workers: every request is answered, what is missing is told.

The server runs in development, so that each response names the line it must have left.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from apps import APP, valid

from flask_cors_env.answers.lines import read, uid_of
from flask_cors_env.answers.verify import verify

SOURCE = """
import os
from flask import Flask
from flask_cors_env import CORS
from flask_cors_env.audit import sink

sink._MUTE = 0.3

def create_app():
    app = Flask("shop")
    CORS(app)
    app.add_url_rule("/", view_func=lambda: str(os.getpid()), endpoint="root")
    if "ASK_EARLY" in os.environ:
        app.test_client().get("/", headers={"Origin": "https://app.example.com"})
    return app
"""


class Server:
    """gunicorn with two workers of four threads each; the app is loaded once, before they fork."""

    def __init__(self, folder, *, stderr=subprocess.DEVNULL, prefix=(), **environ):
        (folder / "shop.py").write_text(SOURCE)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{self.port}", "--workers=2"]
        command += ["--preload", "--threads=4", "--graceful-timeout=2", "--log-level=critical"]
        own = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
        own |= {"CORS_ENV": "development", "CORS_ORIGINS": APP, "PYTHONUNBUFFERED": "1", **environ}
        self._process = subprocess.Popen(
            [*prefix, *command, "shop:create_app()"],
            cwd=folder,
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            start_new_session=True,
        )
        self._wait()

    def _wait(self):
        for _ in range(300):
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", self.port)).close()
            assert self._process.poll() is None, "the server ended"
            time.sleep(0.05)
        raise AssertionError("the server did not start")

    def ask(self, number, *, at_once=8, meanwhile=None):
        """Ask *number* times; the status and the ``CORS-Decision-Id`` of each answer, None for no answer."""
        with ThreadPoolExecutor(at_once) as pool:
            answers = [pool.submit(self._ask) for _ in range(number)]
            if meanwhile is not None:
                meanwhile(answers)
            return [answer.result() for answer in answers]

    def _ask(self):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as asked:
            try:
                asked.request("GET", "/", headers={"Origin": APP})
                answer = asked.getresponse()
                return answer.status, answer.headers["CORS-Decision-Id"], int(answer.read())
            except (OSError, http.client.HTTPException):
                return None

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(**given):
        servers.append(Server(tmp_path, **given))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


class Reader:
    """Reads a pipe to its end, in a thread, once it is started."""

    def __init__(self):
        self.theirs, self.ours = os.pipe()
        self._data = bytearray()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while piece := os.read(self.theirs, 1 << 16):
            self._data += piece

    def start(self):
        self._thread.start()

    def close(self):
        """Let go of our end of the pipe, so that it ends with the server."""
        os.close(self.ours)

    def lines(self):
        self._thread.join()
        os.close(self.theirs)
        return bytes(self._data).splitlines()


def uids(lines):
    found = [record for line in lines for record in read(line)]
    return {"{}-{}".format(*uid_of(record)) for record in found if isinstance(record, dict)}


def assert_accounted(found, number):
    """As many decisions as requests are there or told, and nothing is missing that is not told."""
    assert found.missing == 0
    assert all(writer.is_whole and not writer.overtold and not writer.duplicates for writer in found.writers)
    others = found.records - number + found.told
    assert others >= len(found.writers)


def test_on_a_pipe_no_line_is_lost_torn_or_interleaved(serve):
    reader = Reader()
    server = serve(stderr=reader.ours, CORS_AUDIT_SINK="stderr")
    reader.close()
    reader.start()
    answers = server.ask(500)
    server.end()
    lines = reader.lines()
    found = verify([lines])
    assert {status for status, _, _ in answers} == {200}
    assert all(valid(json.loads(line)) for line in lines)
    assert (found.is_whole, found.told, found.torn, found.foreign) == (True, 0, 0, 0)
    assert {uid for _, uid, _ in answers} <= uids(lines)
    assert found.records == 500 + len(found.writers)
    assert len(found.writers) == 2


def test_with_closed_standard_streams_every_request_is_answered(serve):
    server = serve(prefix=["sh", "-c", 'exec "$@" >&- 2>&-', "sh"], CORS_AUDIT_SINK="stdout")
    assert {status for status, _, _ in server.ask(40)} == {200}


def test_on_a_full_device_every_request_is_answered(serve):
    with Path("/dev/full").open("wb") as full:
        server = serve(stderr=full)
        assert {status for status, _, _ in server.ask(40)} == {200}


def test_a_full_disk_that_is_freed_leaves_a_gap_that_tells_every_hole(serve, tmp_path):
    """A limit on the file's size stands for the disk: it too cuts the line that does not fit."""
    log = tmp_path / "audit.jsonl"
    server = serve(prefix=["bash", "-c", 'ulimit -f 64; exec "$@"', "bash"], CORS_AUDIT_SINK=f"file:{log}")
    full = server.ask(200)
    assert log.stat().st_size == 64 * 1024
    log.rename(tmp_path / "audit.jsonl.1")
    time.sleep(0.3)
    freed = server.ask(40)
    assert {status for status, _, _ in full + freed} == {200}
    found = verify([path.read_bytes().splitlines() for path in (tmp_path / "audit.jsonl.1", log)])
    assert found.told > 50
    assert_accounted(found, 240)


def test_rotation_by_rename_loses_nothing(serve, tmp_path):
    log = tmp_path / "audit.jsonl"
    server = serve(CORS_AUDIT_SINK=f"file:{log}")

    def rotate(answers):
        for number in range(3):
            answers[150 * number + 149].result()
            if log.exists():  # else nobody has written since the last time
                log.rename(f"{log}.{number}")

    answers = server.ask(500, meanwhile=rotate)
    assert {status for status, _, _ in answers} == {200}
    files = [path.read_bytes().splitlines() for path in tmp_path.glob("audit.jsonl*")]
    assert len(files) >= 2
    found = verify(files)
    assert (found.is_whole, found.told, found.torn) == (True, 0, 0)
    assert {uid for _, uid, _ in answers} <= uids([line for file in files for line in file])


def test_copytruncate_loses_lines_only_where_the_sequence_shows_it(serve, tmp_path):
    log = tmp_path / "audit.jsonl"
    server = serve(CORS_AUDIT_SINK=f"file:{log}")

    def rotate(answers):
        for number in range(3):
            answers[100 * number + 99].result()
            shutil.copyfile(log, f"{log}.{number}")
            os.truncate(log, 0)

    answers = server.ask(400, meanwhile=rotate)
    assert {status for status, _, _ in answers} == {200}
    lines = [line for path in tmp_path.glob("audit.jsonl*") for line in path.read_bytes().splitlines()]
    found = verify([lines])
    assert b"\0" not in b"".join(lines)
    gone = {uid for _, uid, _ in answers} - uids(lines)
    assert len(gone) <= found.missing + found.torn + sum(writer.before for writer in found.writers)


def test_a_reader_that_stops_holds_nobody_up_and_learns_what_it_missed(serve):
    reader = Reader()
    server = serve(stderr=reader.ours, CORS_AUDIT_SINK="stderr")
    reader.close()
    start = time.monotonic()
    answers = server.ask(400)
    assert time.monotonic() - start < 15
    reader.start()
    time.sleep(0.5)
    answers += server.ask(40)
    server.end()
    lines = reader.lines()
    found = verify([lines])
    assert {status for status, _, _ in answers} == {200}
    assert found.told > 100
    assert (found.torn, found.foreign) == (0, 0)
    assert_accounted(found, 440)


def test_a_reader_that_dies_holds_nobody_up(serve):
    reader = Reader()
    server = serve(stderr=reader.ours, CORS_AUDIT_SINK="stderr")
    reader.close()
    os.close(reader.theirs)
    assert {status for status, _, _ in server.ask(40)} == {200}


def test_a_killed_worker_loses_no_answered_requests_event(serve, tmp_path):
    log = tmp_path / "audit.jsonl"
    server = serve(CORS_AUDIT_SINK=f"file:{log}")

    def kill(answers):
        for number in range(4):
            answer = answers[110 * number + 109].result()
            if answer is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(answer[2], signal.SIGKILL)

    asked = server.ask(500, meanwhile=kill)
    answers = [answer for answer in asked if answer is not None]
    assert len(answers) > 440
    lines = log.read_bytes().splitlines()
    assert {uid for _, uid, _ in answers} <= uids(lines)
    found = verify([lines])
    assert len(found.writers) > 2
    assert found.missing + found.torn <= len(asked) - len(answers)


def test_after_a_fork_each_worker_is_a_writer_of_its_own(serve, tmp_path):
    log = tmp_path / "audit.jsonl"
    server = serve(CORS_AUDIT_SINK=f"file:{log}", ASK_EARLY="1")
    answers = server.ask(200)
    assert {status for status, _, _ in answers} == {200}
    found = verify([log.read_bytes().splitlines()])
    assert (found.is_whole, found.told, sum(w.duplicates for w in found.writers)) == (True, 0, 0)
    assert len(found.writers) == 1 + len({pid for _, _, pid in answers})
