"""WebSockets on the servers that carry them: one event each, written while the socket is open."""

import json
import os
import socket
import sys
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
from simple_websocket import Client, ConnectionClosed, ConnectionError  # noqa: A004 - it is theirs
from webdriver import ProcessGroup

#: Of the client, which leaves its sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
APP, EVIL = "https://app.example.com", "https://evil.example.net"
SOCK = """
from flask import Flask
from flask_cors_env import CORS
from flask_sock import Sock

app = Flask("sockets")
CORS(app)
sock = Sock(app)
app.get("/items")(lambda: "ok")

@sock.route("/echo")
def echo(ws):
    while True:
        ws.send(ws.receive())
"""
SOCKETIO = """
from flask import Flask
from flask_cors_env import CORS
from flask_socketio import SocketIO

app = Flask("sockets")
def share():
    SocketIO(app, async_mode="MODE", cors_allowed_origins=["https://app.example.com"])
ORDER
app.get("/items")(lambda: "ok")
"""
ORDERS = {"below": "share()\nCORS(app)", "above": "CORS(app)\nshare()"}
GUNICORN = ["-m", "gunicorn", "--bind=127.0.0.1:PORT", "--graceful-timeout=1"]
COMMANDS = {
    "gthread": [*GUNICORN, "--threads=8", "app:app"],
    "gevent": [*GUNICORN, "--worker-class=gevent", "app:app"],
    "werkzeug": ["-m", "flask", "--app", "app", "run", "--port=PORT"],
}


class Server:
    """A server of one app, and the log that it writes."""

    def __init__(self, folder, name, source, **settings):
        with closing(socket.socket()) as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        (folder / "app.py").write_text(source)
        self.audit = folder / "audit.jsonl"
        variables = {f"CORS_{setting}": value for setting, value in settings.items()}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
            "CORS_ENV": "production",
            "CORS_ORIGINS": APP,
            "CORS_ALLOW_CREDENTIALS": "true",
            "CORS_AUDIT_SINK": f"file:{self.audit}",
            **variables,
        }
        words = [word.replace("PORT", str(self.port)) for word in COMMANDS[name]]
        self.group = ProcessGroup([sys.executable, *words], folder, environment)
        self._wait()

    def _wait(self):
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"it did not start; it printed:\n{self.group.output}", pytrace=False)

    def get(self, path, origin):
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path, headers={"Origin": origin})
            answer = connection.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}

    def connect(self, path, origin):
        return Client(f"ws://127.0.0.1:{self.port}{path}", headers={"Origin": origin})

    def events(self, kind="websocket"):
        """What the log says of handshakes, the oldest first; each event is whole as soon as it is there."""
        lines = self.audit.read_text().splitlines() if self.audit.exists() else []
        found = [event for event in map(json.loads, lines) if event["event"] == "cors.decision"]
        names = ("cors.decision", "cors.origin", "cors.notes", "http.response.status_code")
        return [tuple(e.get(name) for name in names) for e in found if e["cors.request.kind"] == kind]


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*arguments, **settings):
        started.append(Server(tmp_path, *arguments, **settings))
        return started[-1]

    yield start
    for server in started:
        server.group.end()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_socket_of_flask_sock_has_one_event_while_it_is_open(name, serve):
    server = serve(name, SOCK)
    opened = server.connect("/echo", EVIL)
    denied = ("deny", EVIL, "not_enforced", None)
    assert server.events() == [denied]
    opened.send("hi")
    assert opened.receive(30) == "hi"
    opened.close()
    allowed = server.connect("/echo", APP)
    own = server.connect("/echo", "https://127.0.0.1")  # a TLS proxy in front; the client's Host has no port
    for one in (allowed, own):
        one.send("hi")
        assert one.receive(30) == "hi"
    allowed.sock.close()  # a client that is gone without a word
    own.close()
    assert server.get("/items", APP)[1]["access-control-allow-origin"] == APP
    assert server.events() == [denied, ("allow", APP, None, None)]
    assert server.events("actual") == [("allow", APP, None, 200)]


@pytest.mark.parametrize("name", COMMANDS)
def test_with_enforce_a_foreign_page_opens_no_socket(name, serve):
    server = serve(name, SOCK, ENFORCE="true")
    with pytest.raises(ConnectionError):
        server.connect("/echo", EVIL)
    opened = server.connect("/echo", APP)
    opened.send("hi")
    assert opened.receive(30) == "hi"
    opened.close()
    assert server.events() == [("deny", EVIL, None, 403), ("allow", APP, None, None)]


POLL = "/socket.io/?EIO=4&transport=polling"
SOCKET = "/socket.io/?EIO=4&transport=websocket"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", COMMANDS)
def test_socketio_keeps_its_fields_and_its_sockets_in_either_order(name, order, serve):
    mode = "gevent" if name == "gevent" else "threading"
    source = SOCKETIO.replace("MODE", mode).replace("ORDER", ORDERS[order])
    server = serve(name, source, ENFORCE="true")
    status, fields = server.get(POLL, APP)
    assert (status, fields["access-control-allow-origin"]) == (200, APP)
    assert fields["access-control-allow-credentials"] == "true"
    status, fields = server.get(POLL, EVIL)
    assert (status in {400, 403}, fields.get("access-control-allow-origin")) == (True, None)
    with pytest.raises((ConnectionError, ConnectionClosed)):
        server.connect(SOCKET, EVIL).receive(30)
    opened = server.connect(SOCKET, APP)
    assert opened.receive(30).startswith("0{")
    opened.close()
    server.get("/items", APP)
    seen = [("deny", EVIL, None, 403), ("allow", APP, None, None)] if order == "below" else []
    assert server.events() == seen
    loaded = json.loads(server.audit.read_text().splitlines()[0])
    assert loaded["cors.policy.layers"] == f"flask_socketio._SocketIOMiddleware {order}"
    assert server.group.output.count("sets CORS fields itself") == 1
