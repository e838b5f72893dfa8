"""
What the end-to-end tests stand on: a browser, application servers in processes of their own,
and servers of the page that asks them. All on loopback, all ended with the session.
"""

import json
import os
import sys
import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from webdriver import CHROMIUM, Browser, BrowserMissingError, ProcessGroup, StartError

# The requests stand in the page, not in the scripts that the driver injects.
# `answer` is all that a page can see of a response.
PAGE = b"""<!doctype html>
<meta charset="utf-8">
<title>A page that asks</title>
<link rel="icon" href="data:,">
<script>
async function answer(url, options) {
    const response = await fetch(url, options);
    return {
        status: response.status,
        body: await response.text(),
        headers: Object.fromEntries(response.headers),
    };
}
function ask(url, options) {
    return answer(url, options).catch(error => ({error: error.name}));
}
</script>
"""


@pytest.fixture(scope="session")
def browser():
    try:
        started = Browser(CHROMIUM)
    except BrowserMissingError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    with started:
        yield started


@pytest.fixture(scope="session")
def serve_page():
    """A factory: serves the page on a port of its own, gives its origin."""
    with ExitStack() as undo:
        yield lambda: _start_page_server(undo)


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """A factory: ``serve(app, variables)`` runs `create_app` of a source text or of a file under gunicorn."""
    with ExitStack() as undo:

        def start(app, variables):
            return _start_server(app, variables, tmp_path_factory.mktemp("server"), undo)

        yield start


@dataclass(frozen=True)
class Server:
    """A running application; *url* has no trailing slash."""

    url: str
    audit: Path

    def events(self):
        """Every audit event so far, the oldest first."""
        return [json.loads(line) for line in self.audit.read_text().splitlines()]


class _PageHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        """Nothing: the tests' output is theirs."""


def _start_page_server(undo):
    server = undo.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _PageHandler))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    undo.callback(thread.join)
    undo.callback(server.shutdown)
    return f"http://localhost:{server.server_port}"


def _start_server(app, variables, folder, undo):
    file = app if isinstance(app, Path) else _written(folder / "app.py", app)
    audit = folder / "audit.jsonl"
    group = ProcessGroup(_gunicorn(file), folder, _environment(file, audit, folder) | variables)
    undo.callback(group.end)
    port = int(group.wait_for_output(r"Listening at: http://127\.0\.0\.1:(\d+)"))
    _wait_for_an_answer(port, group)
    return Server(f"http://localhost:{port}", audit)


def _written(file, source):
    file.write_text(source)
    return file


def _gunicorn(file):
    # A synchronous worker waits for the first byte on each connection, and browsers open some to keep in
    # hand: with threads an idle one holds nothing up.
    options = ["--workers=1", "--threads=4", "--bind=127.0.0.1:0", "--graceful-timeout=1"]
    return [sys.executable, "-m", "gunicorn", *options, f"{file.stem}:create_app()"]


def _environment(file, audit, folder):
    """A server's variables are these and the test's own; nothing of the tests' process reaches it."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(file.parent), *sys.path]),
        "CORS_AUDIT_SINK": f"file:{audit}",
    }


def _wait_for_an_answer(port, group):
    """The socket listens before the application is loaded: only an answer shows that it could be."""
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", "/")
            connection.getresponse().read()
    except OSError as error:
        raise StartError(f"the application did not load; the server printed:\n{group.output}") from error
