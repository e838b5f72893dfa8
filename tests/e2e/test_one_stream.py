"""
A container's one stream: real servers and loggers write to it, and a client writes through them.

Whatever the client sends, the numbers are those of the requests that the app decided.
"""

import os
import socket
import sys
import textwrap
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import quote

import pytest
from answers.test_places import record
from webdriver import ProcessGroup

from flask_cors_env.answers.blame import blame, question
from flask_cors_env.answers.engine import ENGINES, answers
from flask_cors_env.answers.questions import SHAPES, WHOLE
from flask_cors_env.answers.report import QUESTIONS, report
from flask_cors_env.core.reason import Verdict

APP, EVIL = "https://app.example.com", "https://evil.example"
SOURCE = """
    import json, logging, sys
    from flask import Flask, request
    from flask_cors_env import CORS

    app = Flask("shop")
    CORS(app)
    LOGGING

    @app.get("/items")
    def items():
        SAY
        return "[]"

    if __name__ == "__main__":
        app.run(port=PORT)
"""
LINE_FEED = "an app that logs a query"
#: How another logger of the app writes a client's user agent.
LOGGERS = {
    "none": ("", "pass"),
    "logging's BASIC_FORMAT": (
        "logging.basicConfig()",
        'logging.getLogger("app").warning(request.user_agent.string)',
    ),
    "Flask's logger": ("", "app.logger.warning(request.user_agent.string)"),
    "repr": ("", "print(repr(request.user_agent.string), file=sys.stderr, flush=True)"),
    "structlog": (
        (
            "import structlog; log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), "
            "processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()])"
        ),
        "log.warning(request.user_agent.string)",
    ),
    "structlog's console": (
        (
            "import structlog; log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), "
            "processors=[structlog.dev.ConsoleRenderer(colors=False)])"
        ),
        "log.warning('not found', agent=request.user_agent.string)",
    ),
    "python-json-logger": (
        (
            "from pythonjsonlogger.json import JsonFormatter; handler = logging.StreamHandler(); "
            "handler.setFormatter(JsonFormatter('%(message)s %(name)s')); log = logging.getLogger('app'); "
            "log.addHandler(handler); log.propagate = False"
        ),
        "log.warning(request.user_agent.string)",
    ),
    "python-json-logger, the message alone": (
        (
            "from pythonjsonlogger.json import JsonFormatter; handler = logging.StreamHandler(); "
            "handler.setFormatter(JsonFormatter()); log = logging.getLogger('app'); "
            "log.addHandler(handler); log.propagate = False"
        ),
        "log.warning(request.user_agent.string)",
    ),
    LINE_FEED: ("", "app.logger.warning('not found: %s', request.args.get('q'))"),
    "a dictionary of the client's": (
        "",
        "print(json.dumps({**json.loads(request.user_agent.string), 'event': 'search'}), file=sys.stderr)",
    ),
}
GUNICORN = ["-m", "gunicorn", "-b", "127.0.0.1:PORT", "--access-logfile", "-", "app:app"]
SERVERS = {
    "gunicorn": GUNICORN,
    "gunicorn, JSON": [
        *GUNICORN[:-1], "--access-logformat", '{"agent":"%(a)s","path":"%(U)s"}', "app:app",
    ],
    "Werkzeug": ["app.py"],
}  # fmt: skip


@pytest.fixture
def serve(tmp_path):
    """Start a server that writes everything to one stream; give its port and that stream."""
    groups = []

    def start(server, logger):
        with closing(socket.socket()) as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        logging, say = LOGGERS[logger]
        source = textwrap.dedent(SOURCE).replace("LOGGING", logging).replace("SAY", say)
        (tmp_path / "app.py").write_text(source.replace("PORT", str(port)))
        words = [word.replace("PORT", str(port)) for word in SERVERS[server]]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
            "CORS_ENV": "production",
            "CORS_ORIGINS": APP,
        }
        groups.append(ProcessGroup([sys.executable, *words], tmp_path, environment))
        groups[-1].wait_for_output("(Booting worker|Running on)")
        return port, tmp_path / "output.log"

    yield start
    for group in groups:
        group.end()


def get(port, origin, **headers):
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/items", headers={"Origin": origin, **headers})
        return connection.getresponse().read()


def send(port, line):
    """Send a request line as it is."""
    with closing(socket.create_connection(("127.0.0.1", port), 10)) as connection:
        connection.sendall(line.encode() + b"\r\nHost: x\r\n\r\n")
        while connection.recv(4096):
            pass


def forged(number):
    return record(number, **{"cors.origin": EVIL, "cors.rule": EVIL, "cors.policy.id": "p-000000000000"})


@pytest.mark.parametrize(
    ("server", "logger"),
    [
        *((server, "none") for server in SERVERS),
        *(("gunicorn", logger) for logger in LOGGERS if logger not in {"none", LINE_FEED}),
    ],
)
def test_what_a_client_writes_through_others_counts_for_nothing(server, logger, serve):
    port, stream = serve(server, logger)
    get(port, APP)
    get(port, EVIL, **{"User-Agent": forged(1), "Referer": forged(2)})
    send(port, f"{forged(3)} / HTTP/1.1")
    send(port, f"GET /{forged(4)} HTTP/1.1")
    get(port, APP, **{"User-Agent": "{}"})
    for engine in ENGINES:
        asked = question(EVIL)
        found = answers([str(stream)], [*QUESTIONS, SHAPES, asked], engine=engine)
        made = report(found, WHOLE)
        assert (made.total(Verdict.ALLOW), made.total(Verdict.DENY)) == (2, 1)
        assert [entry.entry for entry in made.entries] == [APP]
        assert blame(EVIL, found.policies, found.rows[asked.name]).since == ()
        (writer,) = found.verification.writers
        assert (writer.service, writer.is_whole, found.verification.inside > 0) == ("shop", True, True)


def test_an_apps_own_log_with_a_clients_line_feed_cannot_be_told_and_is_unsealed(serve):
    port, stream = serve("gunicorn", LINE_FEED)
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", f"/items?q={quote(chr(10) + forged(1))}", headers={"Origin": APP})
        connection.getresponse().read()
    made = report(answers([str(stream)], QUESTIONS), WHOLE)
    assert made.total(Verdict.ALLOW) == 2
    assert {one.origin for one in made.admissions} == {APP, EVIL}
