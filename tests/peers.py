"""An app with flask-cors, the same with what `translate` made of it, and what browsers see of both."""

import re

import flask_cors
from flask import Flask

from flask_cors_env import CORS
from flask_cors_env.answers.migrate import entries
from flask_cors_env.answers.migrate.translate import translate
from flask_cors_env.core.path import parse_path
from flask_cors_env.testing.browser import Browser, PageRequest, needs_preflight
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
        if before != after and not any(_explains(line, request, before, after) for line in translation.lines):
            found.append((request.origin, request.method, request.url, request.headers, before, after))
    return found


def _explains(line, request, before, after):
    if None not in (before, after):
        return line.difference.code in {"exposed-star", "exposed-malformed"}
    judge = EXPLAINED.get(line.difference.code)
    return judge is not None and judge(line, request, is_wider=before is None and after is not None)


def _origin(line, request, *, is_wider):
    """A wider line is for what its pattern does not match, a narrower one for what it does."""
    matches = re.match(line.value, request.origin, re.IGNORECASE) is not None
    effect = line.difference.effect
    return is_wider != matches and effect in ({"wider", "differs"} if is_wider else EFFECTS_OF_LESS)


EFFECTS_OF_LESS = {"narrower", "by hand", "differs"}


def _header(line, request, *, is_wider):
    names = [name.lower() for name, _ in request.headers]
    matching = [name for name in names if re.match(line.value, name, re.IGNORECASE)]
    return len(matching) < len(names) if is_wider else bool(matching)


def _covers(line, request):
    """Whether each of the two patterns that a line is about covers the path."""
    path = request.url.removeprefix(HOST)
    return [parse_path(text).covers(path) for text in (line.value, line.advice.removeprefix("Beside: "))]


def _covered(line, request, **_):
    return all(_covers(line, request))


def _both_closed(line, request, *, is_wider):
    return not is_wider and any(_covers(line, request))


def _below(line, request, *, is_wider):
    """What the blueprint does not route; a 405 is an error."""
    is_routed = not request.url.endswith(("/nowhere", "/fails"))
    return is_wider and not is_routed and parse_path(line.value).covers(request.url.removeprefix(HOST))


def _is_error(_line, request, **_):
    """The view's own, and a value that its rule does not take."""
    return request.url.endswith(("/fails", "/report/nowhere"))


def _is_unrouted(_line, request, *, is_wider):
    return is_wider and request.url.endswith("/nowhere")


def _elsewhere(line, request, **_):
    """The expression and the globs that stand for it do not agree on the path."""
    regex = re.compile(line.value, re.IGNORECASE if line.difference.code == "path-case" else 0)
    path = request.url.removeprefix(HOST)
    globs = entries.paths([regex], "").texts
    return bool(regex.match(path)) != any(parse_path(glob).covers(path) for glob in globs)


def _above(line, request, **more):
    """An expression, or a blueprint's glob, and the path above it."""
    return request.url.removeprefix(HOST) == line.value.removesuffix("/*") or _elsewhere(
        line, request, **more
    )


def _closed(line, request, *, is_wider):
    (glob,) = entries.paths([re.compile(line.value)], "").closed
    return not is_wider and parse_path(glob).covers(request.url.removeprefix(HOST))


def _unlisted(line, request, *, is_wider):
    return is_wider and request.method in line.value.split(", ")


def _preflighted(_line, request, *, is_wider):
    return is_wider and needs_preflight(request)


def _everything(_line, _request, *, is_wider):
    return not is_wider


def _literally(line, request, *, is_wider):
    return not is_wider and request.origin == line.value


#: Which requests a line speaks of. A code that is not here explains nothing that a page can see.
EXPLAINED = {
    **dict.fromkeys(
        "origin-prefix origin-dot origin-no-dot origin-scheme origin-label origin-port origin-glob "
        "origin-by-hand".split(),
        _origin,
    ),
    "origin-any-credentials": _everything,
    "origin-null-credentials": _literally,
    "method-unlisted": _unlisted,
    "method-malformed": _preflighted,
    **dict.fromkeys(["header-prefix", "header-wider", "header-by-hand"], _header),
    **dict.fromkeys("path-prefix path-depth path-dot path-case path-wider path-glob".split(), _elsewhere),
    "path-above": _above,
    "path-by-hand": _closed,
    **dict.fromkeys(["path-order", "policy-union"], _covered),
    "path-overlap": _both_closed,
    "blueprint-below": _below,
    "view-errors": _is_error,
    "preflight-unrouted": _is_unrouted,
}
