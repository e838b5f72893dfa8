"""An env file that is a pipe, among gunicorn workers: one reads it, and none serves without its text."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

APP = "https://app.example.com"
SOURCE = """
from flask import Flask
from flask_cors_env import CORS
app = Flask("shop")
app.get("/")(lambda: "ok")
CORS(app)
"""
PATIENCE = 30


@pytest.fixture
def gunicorn(tmp_path):
    """A factory: two workers whose env file comes through standard input; the process and its log."""
    (tmp_path / "shop.py").write_text(SOURCE)
    started = []

    def start(*options):
        log = tmp_path / "log"
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--workers=2",
            "--bind=127.0.0.1:0",
            *options,
            "shop:app",
        ]
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
            "CORS_ENV": "production",
            "CORS_ENV_FILE": "/dev/stdin",
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, env=environ, cwd=tmp_path, stdin=subprocess.PIPE, stdout=out, stderr=out
            )
        started.append(process)
        with process.stdin as pipe:
            pipe.write(f"CORS_ORIGINS={APP}\nCORS_ENFORCE=true\n".encode())
        return process, log

    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE)


def status(port, origin):
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Origin": origin})
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_worker_that_reads_nothing_from_the_pipe_does_not_start(gunicorn):
    process, log = gunicorn()
    assert process.wait(PATIENCE) != 0
    assert "[source-empty]" in log.read_text()


def test_workers_of_one_load_share_the_text(gunicorn):
    _, log = gunicorn("--preload")
    end = time.monotonic() + PATIENCE
    while (found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())) is None:
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)
    statuses = [(status(found[1], APP), status(found[1], "https://evil.example")) for _ in range(10)]
    assert statuses == [(200, 403)] * 10
