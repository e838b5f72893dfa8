"""On the servers that run Flask apps: real processes, a browser's requests on one connection, and the log."""

import contextlib
import json
import os
import socket
import sys
import textwrap
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest
from webdriver import ProcessGroup

from flask_cors_env.answers.verify import verify

APP = "https://app.example.com"
EVIL = "https://evil.example.net"
SOURCE = """
    import sys
    from flask import Flask
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from flask_cors_env import CORS, cross_origin

    def create_app(name="shop"):
        app = Flask(name)
        CORS(app)

        @app.route("/items/<int:n>", methods=["GET", "PUT"])
        def items(n):
            return {"n": n, "by": name}

        @app.get("/stream")
        @cross_origin(expose_headers="X-Parts")
        def stream():
            return (str(n) for n in range(3)), {"X-Parts": "3"}

        return app

    def create_site():
        site = create_app()
        site.wsgi_app = DispatcherMiddleware(site.wsgi_app, {"/mounted": create_app("inner")})
        return site

    app = create_site()

    if __name__ == "__main__":
        SERVE
"""
#: Whose logging takes its time, and lets others run meanwhile.
SLOW = """
    import logging
    import time
    from flask import Flask
    from flask_cors_env import CORS

    class Slow(logging.Handler):
        def emit(self, record):
            time.sleep(0.3)

    logging.getLogger("flask_cors_env").addHandler(Slow())
    logging.getLogger("flask_cors_env").setLevel("INFO")
    app = Flask("shop")
    CORS(app, send_wildcard=True)
"""
PYTHON = "app.py"
SERVE = {
    "app.run": "app.run(port=PORT)",
    "app.run, debug": "app.run(debug=True, reloader_type='stat', port=PORT)",
    "waitress in code": "import waitress; waitress.serve(app, port=PORT, threads=2, _quiet=True)",
    "gevent in code": (
        "from gevent.pywsgi import WSGIServer; WSGIServer(('127.0.0.1', PORT), app).serve_forever()"
    ),
}
GUNICORN = ["-m", "gunicorn", "--bind=127.0.0.1:PORT", "--graceful-timeout=1"]
COMMANDS = {
    **{name: [PYTHON] for name in SERVE},
    "flask run": ["-m", "flask", "run", "--port=PORT"],
    "flask run, debug": ["-m", "flask", "run", "--debug", "--port=PORT"],
    "gunicorn, sync": [*GUNICORN, "--workers=2", "app:app"],
    "gunicorn, gthread": [*GUNICORN, "--threads=4", "app:app"],
    "gunicorn, gevent": [*GUNICORN, "--worker-class=gevent", "--workers=2", "app:app"],
    "gunicorn, gevent, preloaded": [*GUNICORN, "--worker-class=gevent", "--preload", "app:app"],
    "gunicorn, preloaded": [*GUNICORN, "--preload", "--workers=2", "app:create_site()"],
    "waitress": ["-m", "waitress", "--listen=127.0.0.1:PORT", "app:app"],
}


def free_port():
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """A server's process group, and what it logs."""

    def __init__(self, folder, name, source):
        self.port = free_port()
        self.source = folder / "app.py"
        self._audit = folder / "audit.jsonl"
        source = textwrap.dedent(source).replace("SERVE", SERVE.get(name, "sys.exit('not this way')"))
        self.source.write_text(source.replace("PORT", str(self.port)))
        words = [word.replace("PORT", str(self.port)) for word in COMMANDS[name]]
        self._group = ProcessGroup([sys.executable, *words], folder, self._environment(folder))
        self.end = self._group.end

    def _environment(self, folder):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
            "CORS_ENV": "production",
            "CORS_ORIGINS": APP,
            "CORS_AUDIT_SINK": f"file:{self._audit}",
        }

    def wait(self, seconds=30):
        """Until it takes a connection."""
        for _ in range(seconds * 20):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise pytest.fail.Exception(f"it did not start; it printed:\n{self._group.output}", pytrace=False)

    def edit(self, old, new, seconds=30):
        """Change the source, until what it says is served."""
        self.source.write_text(self.source.read_text().replace(old, new))
        for _ in range(seconds * 10):
            with contextlib.suppress(OSError), closing(HTTPConnection("127.0.0.1", self.port)) as connection:
                if ask(connection, "GET", f"{new}1")[0] == 200:
                    return
            time.sleep(0.1)
        raise pytest.fail.Exception(
            f"it did not start again; it printed:\n{self._group.output}", pytrace=False
        )

    def lines(self):
        return self._audit.read_text().splitlines()

    def events(self, event="cors.decision"):
        return [found for found in map(json.loads, self.lines()) if found["event"] == event]


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(name, source=SOURCE):
        servers.append(Server(tmp_path, name, source))
        return servers[-1].wait()

    yield start
    for server in servers:
        server.end()


def ask(connection, method, path, origin=APP, **headers):
    """Status, the protocol's fields with Vary, and the body."""
    fields = {"Origin": origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, headers=fields)
    response = connection.getresponse()
    body = response.read().decode()
    ours = {n: v for n, v in response.getheaders() if n.startswith("Access-Control-") or n == "Vary"}
    return response.status, ours, body


def preflight(connection, path, origin=APP, method="PUT"):
    return ask(connection, "OPTIONS", path, origin, Access_Control_Request_Method=method)


ALL_THREE = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
PREFLIGHT = {
    "Access-Control-Allow-Origin": APP,
    "Access-Control-Allow-Methods": "DELETE, GET, HEAD, PATCH, POST, PUT",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "7200",
    "Vary": ALL_THREE,
}
SHARED = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
STREAM = {**SHARED, "Access-Control-Expose-Headers": "X-Parts"}


def conversation(connection):
    """What a browser asks, one after the other on a connection that is kept where the server keeps it."""
    return [
        preflight(connection, "/items/1"),
        ask(connection, "PUT", "/items/1"),
        preflight(connection, "/items/1", EVIL),
        ask(connection, "GET", "/items/2", EVIL),
        ask(connection, "HEAD", "/items/2"),
        ask(connection, "GET", "/stream"),
        ask(connection, "GET", "/none/at/all")[:2],
        preflight(connection, "/mounted/items/1"),
        ask(connection, "GET", "/mounted/items/1", EVIL)[:2],
    ]


def told(server, service):
    return [
        (e["cors.request.kind"], e["cors.decision"], e["http.response.status_code"], e.get("http.route"))
        for e in server.events()
        if e["service.name"] == service
    ]


def writers(events):
    return Counter(event["log.record.uid"].partition("-")[0] for event in events)


@pytest.mark.parametrize("name", COMMANDS)
def test_on_every_server_the_answers_and_the_log_are_the_same(name, serve):
    server = serve(name)
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        answers = conversation(connection)
    body = answers[1][2]
    assert answers == [
        (204, PREFLIGHT, ""),
        (200, SHARED, body),
        (403, {"Vary": ALL_THREE}, ""),
        (200, {"Vary": "Origin"}, body.replace("1", "2")),
        (200, SHARED, ""),
        (200, STREAM, "012"),
        (404, SHARED),
        (204, PREFLIGHT, ""),
        (200, {"Vary": "Origin"}),
    ]
    assert json.loads(body) == {"n": 1, "by": "shop"}
    assert told(server, "shop") == [
        ("preflight", "allow", 204, None),
        ("actual", "allow", 200, "/items/<int:n>"),
        ("preflight", "deny", 403, None),
        ("actual", "deny", 200, "/items/<int:n>"),
        ("actual", "allow", 200, "/items/<int:n>"),
        ("actual", "allow", 200, "/stream"),
        ("actual", "allow", 404, None),
    ]
    assert told(server, "inner") == [
        ("preflight", "allow", 204, None),
        ("actual", "deny", 200, "/items/<int:n>"),
    ]
    assert_every_writer_told_its_policy_and_nothing_is_missing(server)


def assert_every_writer_told_its_policy_and_nothing_is_missing(server):
    loaded = writers(server.events("cors.policy.loaded"))
    assert loaded.keys() == writers(server.events()).keys()
    assert set(loaded.values()) == {1}
    found = verify([server.lines()])
    assert (found.torn, found.foreign, [w for w in found.writers if not w.is_whole]) == (0, 0, [])


@pytest.mark.parametrize("name", ["gunicorn, gthread", "gunicorn, gevent, preloaded", "waitress"])
def test_the_first_requests_wait_for_the_one_that_settles_the_policy(name, serve):
    server = serve(name, SLOW)

    def status(_):
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
            return ask(connection, "GET", "/")[:2]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(status, range(8))) == [(404, SHARED)] * 8
    assert_every_writer_told_its_policy_and_nothing_is_missing(server)


def test_a_reloaded_process_tells_its_policy_anew(serve):
    server = serve("app.run, debug")
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        assert ask(connection, "GET", "/items/1")[0] == 200
    server.edit("/items/", "/articles/")
    assert server.events()[-1]["http.route"] == "/articles/<int:n>"
    loaded = server.events("cors.policy.loaded")
    assert (len(loaded), len(writers(loaded)), len({e["cors.policy.id"] for e in loaded})) == (2, 2, 1)
