"""What is remembered of earlier requests changes nothing but the time it takes."""

import gc
import json
import tracemalloc
from io import BytesIO

import pytest
from apps import APP, make
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ

from flask_cors_env import CORS
from flask_cors_env.audit import emit
from flask_cors_env.web import prepared

OTHER = "https://other.example.com"
POLICY = {
    "CORS_ORIGINS": f"{APP} https://*.example.net",
    "CORS_ALLOW_HEADERS": "X-Api-Key",
    "CORS_ALLOW_CREDENTIALS": "true",
    "CORS_AUDIT_LEVEL": "all",
}
ENVIRONS = st.fixed_dictionaries(
    {
        "REQUEST_METHOD": st.sampled_from(["GET", "OPTIONS", "PUT", "HEAD"]),
        "PATH_INFO": st.sampled_from(["/items", "/items/7", "/nowhere"]),
        "wsgi.url_scheme": st.sampled_from(["http", "https"]),
        "SERVER_NAME": st.sampled_from(["shop.test", "api.example.com"]),
        "REMOTE_ADDR": st.sampled_from(["203.0.113.7", "198.51.100.1", ""]),
    },
    optional={
        "HTTP_ORIGIN": st.sampled_from(
            [APP, OTHER, "https://a.example.net", "https://shop.test", "null", ""]
        ),
        "HTTP_HOST": st.sampled_from(["shop.test:80", "app.example.com", "shop.test:8443"]),
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": st.sampled_from(["PUT", "PURGE", ""]),
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": st.sampled_from(["x-api-key", "x-debug", "x-" + "a" * 600]),
        "HTTP_SEC_FETCH_SITE": st.sampled_from(["same-origin", "cross-site", "nonsense"]),
        "HTTP_COOKIE": st.just("a=b"),
        "HTTP_AUTHORIZATION": st.just("Bearer x"),
        "HTTP_USER_AGENT": st.sampled_from(["one", "two"]),
        "HTTP_TRACEPARENT": st.sampled_from([f"00-{'a' * 32}-{'b' * 16}-01", "nonsense"]),
    },
)


@pytest.fixture(params=["true", "false"])
def served(request, tmp_path):
    """A function that serves an environ by an app of POLICY, and gives all that came of it."""
    log = tmp_path / "audit.jsonl"
    environ = {**POLICY, "CORS_AUDIT_PATH": request.param, "CORS_AUDIT_SINK": f"file:{log}"}
    app, _ = make(environ={**environ, "CORS_ENV": "production"})

    def serve(environ, *, forgetting=False):
        if forgetting:
            active(app).known.clear()
            active(app).log.known.clear()
        answered = []
        environ = {"SERVER_PORT": "80", "wsgi.input": BytesIO(), **environ}
        body = app(environ, lambda status, headers, _=None: answered.append((status, sorted(headers))))
        answered.append(b"".join(body))
        event = json.loads(log.read_text().splitlines()[-1])
        return answered, {name: event[name] for name in event if name not in {"timestamp", "log.record.uid"}}

    return serve


def test_a_request_is_served_alike_whatever_was_remembered_before(served):
    @given(st.lists(ENVIRONS, min_size=1, max_size=20))
    def law(environs):
        remembering = [served(environ) for environ in environs * 2]
        assert [served(environ, forgetting=True) for environ in environs * 2] == remembering

    law()


def active(app):
    return app.extensions["cors_env"]._active


def ask(app, origin=APP, **headers):
    return app.test_client().get("/items", headers={"Origin": origin, **headers})


def test_what_is_asked_again_is_remembered_whatever_its_path_and_client():
    app, _ = make(ORIGINS=APP)
    for path in ("/items", "/items/7", "/nowhere"):
        app.test_client().get(path, headers={"Origin": APP}, environ_base={"REMOTE_ADDR": "198.51.100.9"})
    assert len(active(app).known) == 1


def test_no_more_is_remembered_than_the_bounds(monkeypatch):
    monkeypatch.setattr(prepared, "_REMEMBERED", 3)
    app, _ = make(ORIGINS=APP)
    for number in range(20):
        assert ask(app, f"https://shop-{number}.test").status_code == 200
        assert len(active(app).known) <= 3


def test_no_more_is_remembered_of_clients_than_the_bounds(monkeypatch):
    monkeypatch.setattr(emit, "_REMEMBERED", 3)
    app, _ = make(ORIGINS=APP)
    for number in range(20):
        client = {"REMOTE_ADDR": f"203.0.113.{number}"}
        assert (
            app.test_client().get("/items", headers={"Origin": APP}, environ_base=client).status_code == 200
        )
        assert len(active(app).log.known) <= 3


def test_long_values_are_not_remembered(capfd):
    app, _ = make(ORIGINS=APP)
    app.test_client().get("/items", headers={"Origin": f"https://{'a.' * 400}test"})
    client = {"REMOTE_ADDR": "a" * 8000}  # as a proxy's field may say that the app trusts
    app.test_client().get("/items", headers={"Origin": APP, "Host": "a" * 600}, environ_base=client)
    assert active(app).known == {}
    assert all(len(address) < 100 for _, address, _ in active(app).log.known)
    assert "client.address" not in json.loads(capfd.readouterr().err.splitlines()[-1])


def test_hosts_that_are_long_are_not_kept():
    app, _ = make(ORIGINS=APP)
    ask(app)
    tracemalloc.start()
    for number in range(40):
        host = f"{number:05}" + "a" * 100_000
        b"".join(
            app(create_environ("/items", headers={"Origin": APP}) | {"HTTP_HOST": host}, lambda *_: None)
        )
    gc.collect()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used < 1_000_000


def test_nothing_is_remembered_of_what_a_function_says():
    answers = iter([True, False, True])
    app, _ = make(origins=lambda *, origin, request: next(answers))  # noqa: ARG005 - the contract's names
    assert ["Access-Control-Allow-Origin" in ask(app).headers for _ in range(3)] == [True, False, True]


def test_a_reload_forgets():
    environ = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr", "CORS_ORIGINS": APP}
    app = Flask("shop")
    cors = CORS(app, environ=environ)
    assert "Access-Control-Allow-Origin" in ask(app).headers
    environ["CORS_ORIGINS"] = OTHER
    cors.reload(app)
    assert "Access-Control-Allow-Origin" not in ask(app).headers
    assert ask(app, OTHER).headers["Access-Control-Allow-Origin"] == OTHER


def test_what_is_remembered_is_not_handed_out_to_be_changed():
    app, _ = make(environ={"CORS_ENV": "development", "CORS_ORIGINS": APP})
    ask_first = {"Origin": APP, "Access-Control-Request-Method": "PUT"}
    ids = [
        app.test_client().options("/items", headers=ask_first).headers.getlist("CORS-Decision-Id")
        for _ in "12"
    ]
    assert [len(found) for found in ids] == [1, 1]
    assert ids[0] != ids[1]


def test_what_was_cut_is_told_once_of_what_is_remembered_and_of_what_is_not(capfd):
    app, _ = make(ORIGINS=APP, AUDIT_PATH="true")
    agent, names = "a" * 300, ",".join(["x-\xe9"] * 20)
    for _ in range(2):
        preflight = {"Origin": APP, "Access-Control-Request-Method": "P" * 65, "User-Agent": agent}
        app.test_client().options("/items", headers={**preflight, "Access-Control-Request-Headers": names})
    lines = capfd.readouterr().err.splitlines()[-2:]
    assert [line.count("cors.audit.truncated") for line in lines] == [1, 1]
    told = [json.loads(line)["cors.audit.truncated"] for line in lines]
    assert told == ["cors.request.method,user_agent.original"] * 2
