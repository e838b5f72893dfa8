"""An app with flask-cors, the same with what `translate` made of it, and what browsers see of both."""

import flask_cors
from flask import Flask

from flask_cors_env import CORS
from flask_cors_env.answers.migrate.explained import Asked, explaining
from flask_cors_env.answers.migrate.translate import translate
from flask_cors_env.core.path import parse_path
from flask_cors_env.testing.browser import Browser, PageRequest
from flask_cors_env.web.peer import find

HOST = "https://api.example.test"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "QUERY", "OPTIONS", "patch"]

ORIGINS = [
    *("https://app.example.com", "https://example.com", "https://b.example.com", "https://a.b.example.com"),
    *("https://appxexample.com", "https://vexample.com", "https://app.example.com.evil.net"),
    *(
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://a_b.example.com",
        "https://evil.net",
    ),
    *("http://localhost", "http://localhost:3000", "http://localhost:30001", "http://localhost.evil.net"),
    *(
        "http://127.0.0.1:5173",
        "http://[::1]:3000",
        "http://192.168.0.7:8080",
        "capacitor://localhost",
        "null",
    ),
]
HEADERS = [
    (),
    ("X-Trace-Id",),
    ("Content-Type",),
    ("Authorization",),
    ("x-trace-id-override",),
    ("x-y", "x-z"),
]


def plain(use=None):
    """An app that answers every path, and counts what it says in headers of its own."""
    app = Flask("shop")

    @app.route("/", defaults={"path": ""}, methods=METHODS)
    @app.route("/<path:path>", methods=METHODS)
    def view(path):
        return "ok", {"X-Total-Count": "0", "X-Other": path.encode("ascii", "replace").decode()[:9]}

    if use is not None:
        use(app)
    return app


def with_flask_cors(make=plain, **options):
    return make(lambda app: flask_cors.CORS(app, **options))


def with_ours(translation, make=plain, **arguments):
    """The same app, with the variables that were written."""
    fixed = {"CORS_ENV": "development", "CORS_AUDIT": "off"}
    return make(lambda app: CORS(app, environ={**fixed, **translation.variables}, **arguments))


def translated(app):
    return translate(find(app))


def browser(app):
    client = app.test_client(use_cookies=False)

    def send(method, url, headers):
        answer = client.open(url, method=method, headers=headers)
        return answer.status_code, list(answer.headers), answer.data

    return Browser(send)


def page(origin, method, path, headers, credentials="omit"):
    fields = [(name, "application/json" if name == "Content-Type" else "1") for name in headers]
    return PageRequest(origin=origin, url=HOST + path, method=method, headers=fields, credentials=credentials)


def seen(app, request):
    """What the page gets: nothing, or the header names that it may read."""
    outcome = browser(app).fetch(request)
    return None if outcome.cause else tuple(name for name, _ in outcome.headers if name.startswith("x-"))


def unexplained(theirs, ours, translation, requests):
    """The requests that the two apps answer differently, and of which no line says so."""
    found = []
    for request in requests:
        before, after = seen(theirs, request), seen(ours, request)
        asked = Asked(request, request.url.removeprefix(HOST))
        if before != after and not is_foreseen(translation.lines, asked, before, after):
            found.append((request.origin, request.method, request.url, request.headers, before, after))
    return found


def is_foreseen(lines, asked, before, after):
    judges = ((BY_URL.get(line.difference.code), line) for line in lines)
    is_wider = before is None and after is not None
    return any(explaining(lines, asked, before, after)) or any(
        judge(line, asked.page, is_wider=is_wider) for judge, line in judges if judge is not None
    )


def _below(line, request, *, is_wider):
    """What the blueprint does not route; a 405 is an error."""
    is_routed = not request.url.endswith(("/nowhere", "/fails"))
    return is_wider and not is_routed and parse_path(line.value).covers(request.url.removeprefix(HOST))


def _is_error(_line, request, **_):
    """The view's own, and a value that its rule does not take."""
    return request.url.endswith(("/fails", "/report/nowhere"))


def _is_unrouted(_line, request, *, is_wider):
    return is_wider and request.url.endswith("/nowhere")


#: Lines about errors and paths without a route, which `compare` does not ask about.
BY_URL = {
    "blueprint-below": _below,
    "view-errors": _is_error,
    "preflight-unrouted": _is_unrouted,
}
