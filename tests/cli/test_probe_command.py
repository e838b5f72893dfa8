"""``flask cors probe``: real servers, and what is said of those that answer otherwise than the policy."""

import json
import re
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from itertools import cycle

import pytest
from apps import APP, make
from click.testing import CliRunner
from flask import Flask, redirect
from flask.cli import ScriptInfo
from werkzeug.exceptions import ServiceUnavailable, Unauthorized
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from flask_cors_env import cross_origin
from flask_cors_env.answers.probe.compared import Likely
from flask_cors_env.answers.probe.wire import Wire
from flask_cors_env.cli import cors
from flask_cors_env.testing.browser import WireRequest

SIBLING = "https://stranger.example.com"
BI = "https://bi.example.com"
SETTINGS = {
    "ORIGINS": f"{APP} https://*.example.org",
    "METHODS": "PUT DELETE",
    "ALLOW_HEADERS": "X-Api-Key Content-Type X-Team-*",
    "ALLOW_CREDENTIALS": "true",
    "MAX_AGE": "10m",
}


class Quiet(WSGIRequestHandler):
    """Without a log, and without a name: a proxy's is set by the app that plays it."""

    def log_request(self, *_):
        pass

    def version_string(self):
        return ""


@pytest.fixture
def serve():
    """A function that serves an app on a port of its own and gives its URL."""
    with ExitStack() as undo:

        def start(app, **options):
            server = make_server("127.0.0.1", 0, app, request_handler=Quiet, **options)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            undo.callback(server.server_close)
            undo.callback(thread.join)
            undo.callback(server.shutdown)
            return f"http{'s' if options else ''}://localhost:{server.server_port}"

        yield start


@pytest.fixture
def shop(tmp_path):
    """A function that makes the app of some settings; its log is nobody's here."""

    def shop(before=None, **settings):
        settings = {**SETTINGS, **settings, "AUDIT_SINK": f"file:{tmp_path / 'audit.jsonl'}"}
        return make(before=before, **settings)[0]

    return shop


@pytest.fixture
def probe(shop):
    """A function that compares the server at a URL with the shop's policy, or another's."""

    def run(url, *words, app=None):
        known = ScriptInfo(create_app=lambda: app or shop())
        done = CliRunner().invoke(cors, ["probe", url, *words], obj=known)
        return done.exit_code, done.stdout, done.stderr

    return run


def tally(out):
    """The counts at the end of what is printed."""
    return re.search(r"\((.*)\)\n$", out)[1]


def findings(out):
    return json.loads(out)["findings"]


def causes(out):
    return {finding["likely"] for finding in findings(out)}


def test_a_server_with_the_same_policy_agrees(serve, shop, probe):
    app = shop()
    status, out, err = probe(serve(app))
    assert (status, err) == (0, "")
    assert re.fullmatch(
        r"p-[0-9a-f]{12} by the rules of production: agrees \(10 same, 0 differ, 0 noted\)\n", out
    )
    assert app.ran == []


@pytest.mark.parametrize(
    "settings",
    [
        {"METHODS": "*", "ALLOW_HEADERS": "*", "UNSAFE_ALLOW": "headers"},
        {
            "METHODS": "*",
            "ALLOW_HEADERS": "* Authorization",
            "ALLOW_CREDENTIALS": "false",
            "UNSAFE_ALLOW": "headers",
        },
        {"METHODS": "auto"},
        {"METHODS": "PATCH"},
        {"ENFORCE": "true", "MAX_AGE": "0"},
        {"ENV": "development", "ORIGINS": "http://localhost:*"},
        {"ENV": "development", "ORIGINS": "*", "ALLOW_CREDENTIALS": "false"},
        {"ENV": "development", "ORIGINS": "null", "ALLOW_CREDENTIALS": "false"},
        {"ALLOW_HEADERS": "Accept Range Accept-Language"},
        {"ORIGINS": "https://10.0.0.5:8443 https://app.internal.example.com:8443 capacitor://localhost"},
    ],
)
def test_a_server_agrees_with_its_own_policy_whatever_that_is(settings, serve, shop, probe):
    status, out, _ = probe(serve(shop(**settings)), "--get", "--json", app=shop(**settings))
    assert (status, findings(out)) == (0, [])


def test_where_a_policy_allows_nobody_there_is_nothing_to_compare(serve, shop, probe):
    app = shop(ORIGINS="none")
    status, out, err = probe(serve(app), app=app)
    assert (status, err) == (
        2,
        "default allows nobody, so there was nothing to compare: a server without CORS answers the same\n",
    )
    assert ": nothing to compare (" in out
    stranger = shop(ORIGINS="https://stranger.example")
    status, out, _ = probe(serve(stranger), "--json", app=app)
    assert (status, json.loads(out)["agrees"]) == (1, False)


def test_processes_that_disagree_are_told_from_another_policy(serve, shop, probe):
    turns = cycle([shop(), shop(ORIGINS="https://other.example")])

    def server(environ, start):
        return next(turns)(environ, start)

    status, out, _ = probe(serve(server), "--json")
    assert status == 1
    assert "disagree" in causes(out)


def test_what_is_asked_is_every_kind_of_origin_method_and_header(serve, shop, probe):
    heard = []
    app = shop()

    def overhear(environ, start):
        names = "HTTP_ORIGIN", "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "HTTP_ACCESS_CONTROL_REQUEST_HEADERS"
        heard.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], *map(environ.get, names)))
        return app(environ, start)

    assert probe(serve(overhear))[0] == 0
    assert list(dict.fromkeys(heard)) == [
        ("OPTIONS", "/items", APP, "GET", None),
        ("OPTIONS", "/items", "https://probe.example.org", "GET", None),
        ("OPTIONS", "/items", SIBLING, "GET", None),
        ("OPTIONS", "/items", "https://stranger.example", "GET", None),
        ("OPTIONS", "/items", "null", "GET", None),
        ("OPTIONS", "/items", APP, "DELETE", None),
        ("OPTIONS", "/items", APP, "PUT", None),
        ("OPTIONS", "/items", APP, "PATCH", None),
        ("OPTIONS", "/items", APP, "GET", "content-type,x-api-key,x-team-probe"),
        ("OPTIONS", "/items", APP, "GET", "x-cors-probe"),
    ]


def test_views_run_only_if_that_is_asked_for(serve, shop, probe):
    app = shop()
    status, out, _ = probe(serve(app), "--get")
    assert (status, tally(out), app.ran) == (0, "15 same, 0 differ, 0 noted", ["view"] * 5)


def test_an_older_policy_is_named_with_what_it_lacks(serve, shop, probe):
    status, out, _ = probe(serve(shop(METHODS="PUT")))
    assert status == 1
    assert out.startswith(f"{Likely.OTHER_POLICY.meaning}: 5 requests\n  {Likely.OTHER_POLICY.remedy}\n")
    rows = [re.split(r" {2,}", line) for line in out.splitlines()[2:]]
    lists = "headers content-type, x-api-key"
    assert rows[:2] == [
        ["REQUEST", "ORIGIN", "EXPECTED", "GOT"],
        ["preflight GET /items", APP, f"methods DELETE, PUT; {lists}", f"204: methods PUT; {lists}"],
    ]
    refused = "403: has no Access-Control-Allow-Origin"
    assert ["preflight DELETE /items", APP, "allow (origin_exact)", refused] in rows
    assert tally(out) == "5 same, 5 differ, 0 noted"


def test_a_wider_policy_is_told_by_its_lists_and_by_what_it_lets_in(serve, shop, probe):
    status, out, _ = probe(
        serve(shop(METHODS="PUT DELETE PATCH", ORIGINS="https://stranger.example")), "--json"
    )
    assert (status, causes(out)) == (1, {"other_policy"})
    told = {(f["origin"], f["expected"], f["got"]) for f in findings(out)}
    assert ("https://stranger.example", "deny (origin_not_listed)", "204: allow") in told


def test_lists_that_differ_are_a_difference_and_a_maximum_age_is_a_note(serve, shop, probe):
    status, out, _ = probe(serve(shop(ALLOW_HEADERS="X-Api-Key Content-Type X-Team-* X-More")), "--json")
    (got,) = {f["got"] for f in findings(out) if f["method"] == "PUT"}
    assert (status, got) == (1, "204: methods DELETE, PUT; headers content-type, x-api-key, x-more")
    status, out, _ = probe(serve(shop(MAX_AGE="5m")), "--json")
    assert (status, json.loads(out)["requests"]) == (0, {"same": 5, "differ": 0, "noted": 5, "not_sent": 0})
    assert {(f["expected"], f["got"]) for f in findings(out)} == {("max-age 600", "204: max-age 300")}


def test_credentials_that_are_no_longer_shared_are_a_difference(serve, shop, probe):
    status, out, _ = probe(serve(shop(ALLOW_CREDENTIALS="false")), "--json")
    assert (status, causes(out), json.loads(out)["requests"]["differ"]) == (1, {"other_policy"}, 5)
    lacks = "204: has no Access-Control-Allow-Credentials of true, and the request has credentials"
    assert {f["got"] for f in findings(out)} == {lacks}


def test_a_server_without_cors_is_named(serve, probe):
    app = Flask("plain")
    app.add_url_rule("/items", view_func=lambda: "[]")
    status, out, _ = probe(serve(app), "--json")
    assert (status, causes(out), json.loads(out)["requests"]["differ"]) == (1, {"swallowed"}, 5)


def test_a_proxy_that_answers_options_itself_is_named_with_its_product(serve, shop, probe):
    app = shop()

    def proxy(environ, start):
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return Response(headers={"Server": "nginx/1.25 (x)", "Allow": "GET"})(environ, start)
        return app(environ, start)

    status, out, _ = probe(serve(proxy), "--json")
    assert (status, causes(out)) == (1, {"swallowed"})
    assert {f["got"] for f in findings(out)} == {"200 by nginx: has no Access-Control-Allow-Origin"}


def adding(app, *fields):
    """The app behind a proxy that adds *fields* to its answers."""

    def proxy(environ, start):
        return app(environ, lambda status, headers, *rest: start(status, [*headers, *fields], *rest))

    return proxy


@pytest.mark.parametrize("second", ["*", APP])
def test_a_second_allow_origin_is_named(second, serve, shop, probe):
    proxy = adding(shop(), ("Access-Control-Allow-Origin", second))
    status, out, _ = probe(serve(proxy), "--json")
    assert (status, "two_layers" in causes(out)) == (1, True)
    told = f"204: has more than one Access-Control-Allow-Origin ({APP}, {second})"
    assert told in {f["got"] for f in findings(out)}


@pytest.mark.parametrize("second", ["*", APP])
def test_a_second_layer_is_no_other_policy_where_views_are_asked_too(second, serve, shop, probe):
    proxy = adding(shop(), ("Access-Control-Allow-Origin", second))
    status, out, _ = probe(serve(proxy), "--get", "--json")
    assert (status, causes(out)) == (1, {"two_layers"})


def test_a_layer_that_answers_preflights_and_covers_views_is_the_one_cause(serve, shop, probe):
    app = shop()

    def proxy(environ, start):
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return Response(headers={"Access-Control-Allow-Origin": "*"})(environ, start)

        def sent(status, headers, exc_info=None):
            kept = [field for field in headers if not field[0].startswith("Access-Control-Allow-Origin")]
            return start(status, [*kept, ("Access-Control-Allow-Origin", "*")], exc_info)

        return app(environ, sent)

    status, out, _ = probe(serve(proxy), "--get", "--json")
    assert (status, causes(out)) == (1, {"other_layer"})


def test_a_layer_that_lets_everybody_in_is_named(serve, probe):
    fields = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "*"}
    status, out, _ = probe(serve(Response(headers=fields)), "--json")
    assert (status, causes(out)) == (1, {"other_layer"})


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (redirect("https://elsewhere.example/"), "redirect"),
        (Unauthorized(), "login"),
        (Flask("elsewhere"), "wrong_url"),
        (ServiceUnavailable(), "failure"),
    ],
)
def test_a_status_that_no_preflight_passes_is_named(answer, cause, serve, probe):
    status, out, _ = probe(serve(answer), "--json")
    assert (status, causes(out)) == (1, {cause})


def test_a_lost_vary_is_a_note_on_preflights_and_a_difference_where_pages_read(serve, shop, probe):
    app = shop()

    def cdn(environ, start):
        def without(status, headers, *rest):
            return start(status, [field for field in headers if field[0] != "Vary"], *rest)

        return app(environ, without)

    url = serve(cdn)
    assert probe(url)[0] == 0
    status, out, _ = probe(url, "--get", "--json")
    assert (status, causes(out)) == (1, {"cache"})
    assert {(f["kind"], f["differs"]) for f in findings(out)} == {("preflight", False), ("actual", True)}


def test_a_closed_port_cannot_be_asked(probe):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    status, out, err = probe(f"http://127.0.0.1:{port}")
    assert status == 2
    assert err == f"http://127.0.0.1:{port} cannot be asked: nothing listens there (preflight GET /items)\n"
    assert out.endswith("not asked (0 same, 0 differ, 0 noted)\n")


@pytest.fixture
def raw():
    """A function that listens and sends each of *parts* with a pause, whatever it is asked."""
    done = threading.Event()
    with ExitStack() as undo:

        def start(*parts, pause=0.05):
            listener = undo.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(5)
            thread = threading.Thread(target=answer, args=(listener, parts, pause))
            thread.start()
            undo.callback(thread.join)
            undo.callback(done.set)
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        def answer(listener, parts, pause):
            connection, _ = listener.accept()
            with connection:
                try:
                    for part in parts:
                        connection.sendall(part)
                        if done.wait(pause):
                            return
                except OSError:
                    return

        yield start


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", b"HTTP/1.1 102 x\r\n\r\n"]
)
@pytest.mark.parametrize("count", [1, 3])
def test_an_interim_answer_is_read_past(interim, count, raw):
    final = b"HTTP/1.1 204 No Content\r\nVary: Origin\r\n\r\n"
    for parts in ([interim * count + final], [*[interim] * count, final]):
        answer = Wire(timeout=5).ask(WireRequest(method="OPTIONS", url=raw(*parts) + "/items", headers=()))
        assert (answer.status, answer.headers) == (204, (("Vary", "Origin"),))


@pytest.mark.parametrize("parts", [[b""] * 200, [b"HTTP/1.1 204 No Content\r\n", *[b"X: y\r\n"] * 90]])
def test_a_server_that_never_answers_in_full_is_given_up(parts, raw, probe):
    url, begun = raw(*parts), time.monotonic()
    status, _, err = probe(url, "--timeout", "0.3")
    assert (status, "it does not answer within 0.3 seconds" in err) == (2, True)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "it ends the connection without an answer; a proxy may drop OPTIONS"),
        (b"\x1b[31m no http\r\n\r\n", r"(BadStatusLine: \x1b[31m no http"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", "(LineTooLong: "),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n", "(HTTPException: "),
    ],
)
def test_what_is_no_answer_is_said_in_printable_words(sent, told, raw, probe):
    status, _, err = probe(raw(sent, pause=0.3))
    assert (status, told in err, err[:-1].isprintable()) == (2, True, True)


def test_hostile_fields_are_escaped_and_cut(serve, probe):
    hostile = "\x1b]0;owned\x07\x9b2J" + "a" * 60_000

    def answer(_environ, start):
        start("200 OK", [("Server", "\x1b[2J"), ("Access-Control-Allow-Origin", hostile)])
        return [b""]

    for words in ([], ["--json"]):
        status, out, err = probe(serve(answer), *words)
        assert (status, err) == (1, "")
        assert all(line.isprintable() and len(line) < 1000 for line in out.splitlines())
        assert r"\x1b]0;owned\x07\x9b2J" in out.replace(r"\\", "\\")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of localhost that only itself vouches for, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert"]
    subprocess.run([*command, *names], cwd=folder, capture_output=True, check=True)
    return str(folder / "cert"), str(folder / "key")


def test_a_certificate_is_verified_unless_that_is_waived(certificate, serve, shop, probe, monkeypatch):
    url = serve(shop(), ssl_context=certificate)
    status, _, err = probe(url)
    assert (status, "its certificate is refused (self-signed certificate)" in err) == (2, True)
    assert probe(url, "--insecure")[0] == 0
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    assert probe(url)[0] == 0


def test_https_where_http_is_spoken_is_said(serve, shop, probe):
    status, _, err = probe(serve(shop()).replace("http:", "https:"))
    assert (status, "TLS fails" in err) == (2, True)


def test_no_more_is_sent_than_the_limit_says(serve, shop, probe):
    status, out, err = probe(serve(shop()), "--limit", "3")
    assert (status, tally(out), err) == (0, "3 same, 0 differ, 0 noted", "7 requests not sent; see --limit\n")


def routed(app):
    @app.get("/report/<int:number>")
    @cross_origin(origins=[BI])
    def report(number):
        return f"{number}"

    app.add_url_rule("/api/things/<name>", view_func=lambda name: name, endpoint="thing")


RESOURCES = {
    "RESOURCES__API__PATH": "/api/*",
    "RESOURCES__API__ORIGINS": APP,
    "RESOURCES__FEED__PATH": "/feed",
    "RESOURCES__FEED__PUBLIC": "true",
    "RESOURCES__OFF__PATH": "/off",
    "RESOURCES__OFF__ENABLED": "false",
    "ORIGINS": BI,
}


def test_each_resource_is_asked_where_it_governs(serve, shop, probe):
    heard, app = [], shop(routed, **RESOURCES, ALLOW_CREDENTIALS="false")

    def overhear(environ, start):
        heard.append(environ["PATH_INFO"])
        return app(environ, start)

    status, _, err = probe(serve(overhear), app=app)
    assert (status, err) == (0, "")
    assert list(dict.fromkeys(heard)) == ["/api/things/1", "/feed", "/report/1"]


def test_files_that_a_proxy_may_serve_are_not_what_is_asked_for(serve, shop, probe):
    heard = set()
    settings = {"RESOURCES__S__PATH": "/s*/*", "RESOURCES__S__ORIGINS": APP, "ORIGINS": "none"}
    app = shop(lambda app: app.add_url_rule("/sales/<name>", view_func=str), **settings)

    def overhear(environ, start):
        heard.add(environ["PATH_INFO"])
        return app(environ, start)

    assert probe(serve(overhear), app=app)[0] == 0
    assert heard == {"/sales/1"}


def test_a_view_with_another_policy_is_a_difference(serve, shop, probe):
    def unmarked(app):
        app.add_url_rule("/report/<int:number>", view_func=str)

    status, out, _ = probe(serve(shop(unmarked)), "--json", app=shop(routed))
    assert (status, {(f["resource"], f["path"]) for f in findings(out)}) == (
        1,
        {("view:report", "/report/1")},
    )


def test_a_named_path_is_asked_below_the_prefix_of_the_url(serve, shop, probe):
    heard, app = [], shop()

    def mounted(environ, start):
        heard.append(environ["PATH_INFO"])
        return app({**environ, "PATH_INFO": environ["PATH_INFO"].removeprefix("/shop")}, start)

    assert probe(f"{serve(mounted)}/shop/", "--path", "/items", "--path", "/ä b?")[0] == 0
    assert set(heard) == {"/shop/items", "/shop/ä b?".encode().decode("latin-1")}


def test_the_environment_alone_is_what_a_server_is_compared_with(serve, shop, monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"CORS_{name}", value)
    done = CliRunner().invoke(cors, ["probe", serve(shop()), "--no-app"])
    assert (done.exit_code, done.stderr) == (0, "")


def test_a_policy_of_nothing_is_nothing_to_ask(serve, shop, probe):
    status, _, err = probe(serve(shop()), app=shop(ENABLED="false"))
    assert (status, err) == (2, "There is nothing to ask: no resource is enabled, or none has a path\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ftp://a.example"], "URL is no http or https URL"),
        (["http://me:pw@a.example"], "has a user name in it"),
        (["http://a.example/\n"], "URL is no http or https URL"),
        (["http://a.example", "--path", "items"], "a --path begins with a slash"),
    ],
)
def test_what_cannot_be_asked_is_a_mistake_of_the_command_line(words, told, probe):
    status, _, err = probe(*words)
    assert (status, told in err) == (2, True)


def test_the_pages_of_the_servers_own_origin_are_not_asked_for(serve, shop, probe):
    heard, app = [], shop()

    def overhear(environ, start):
        heard.append(environ["HTTP_ORIGIN"])
        return app(environ, start)

    url = serve(overhear)
    assert probe(url, app=shop(ENV="development", ORIGINS=f"{url} {APP}"))[0] == 0
    assert set(heard) == {APP, SIBLING, "https://stranger.example", "null"}
