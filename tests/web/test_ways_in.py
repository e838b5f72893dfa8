"""
Every way into Flask, one conversation each: what is decided is what is served.

A way is an app with its layers, and a function that asks it as that way does.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread

import pytest
from apps import APP, EVIL, events, protocol_fields
from asgiref.testing import ApplicationCommunicator
from asgiref.wsgi import WsgiToAsgi
from flask import Flask, Response, copy_current_request_context, request
from werkzeug.datastructures import Headers
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client, EnvironBuilder

from flask_cors_env import CORS, cross_origin
from flask_cors_env.web import hooks

PARTNER = "https://partner.example.com"
#: The app's policy is wider than that of /report, and than what /priv enforces.
RESOURCES = {
    "/*": {"origins": [APP, PARTNER], "methods": ["PUT"]},
    "/priv/*": {"origins": [APP], "methods": ["PUT"], "enforce": True},
}
VARY = {"Vary": "Origin"}


@dataclass
class Answer:
    """What a client gets of any of the ways."""

    status: int
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, response):
        return cls(response.status_code, response.headers, response.get_data())


@dataclass
class Way:
    """An app before and after it has a policy, and how it is asked."""

    before: Callable = lambda _app: None
    after: Callable = lambda _app: None
    ask: Callable = lambda app, environ: Answer.of(Client(app).open(EnvironBuilder.from_environ(environ)))
    prefix: str = ""
    known: dict = field(default_factory=dict)


class Prefix:
    """The app lives below /foo, of which it is told nothing."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/foo")
        environ["SCRIPT_NAME"] = "/foo"
        return self.app(environ, start_response)


class Copying(Prefix):
    """The same, with a copy of the environ."""

    def __call__(self, environ, start_response):
        return super().__call__({**environ}, start_response)


class Override:
    """The method is another than the server's."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        environ["REQUEST_METHOD"] = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", environ["REQUEST_METHOD"])
        return self.app(environ, start_response)


class Guard:
    """It asks for a password, and hides nothing."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        if "HTTP_AUTHORIZATION" not in environ:
            start_response("401 Unauthorized", [("WWW-Authenticate", "Basic")])
            return [b"who are you?"]
        return self.app(environ, start_response)


def mount(app):
    return DispatcherMiddleware(app, {"/other": Flask("other")})


def mounted(app):
    return DispatcherMiddleware(Flask("site"), {"/foo": app})


def layered(layer, order, prefix=""):
    def put(app):
        app.wsgi_app = layer(app.wsgi_app)

    return Way(**{order: put}, prefix=prefix)


def taking():
    taken = []

    def ask(_app, environ):
        return Answer.of(Client(taken[-1]).open(EnvironBuilder.from_environ(environ)))

    return Way(before=lambda app: taken.append(app.wsgi_app), ask=ask)


def by_full_dispatch(app, environ):
    with app.request_context(environ):
        return Answer.of(app.full_dispatch_request())


def by_hand(app, environ):
    """As bridges of cloud functions do, which know neither errors nor exceptions."""
    with app.request_context(environ):
        result = app.preprocess_request()
        try:
            result = app.dispatch_request() if result is None else result
        except Exception as error:  # noqa: BLE001 - as Flask does
            result = app.handle_user_exception(error)
        return Answer.of(app.process_response(app.make_response(result)))


def by_asgi(app, environ):
    return asyncio.run(talk(WsgiToAsgi(app), environ))


async def talk(application, environ):
    builder = EnvironBuilder.from_environ(environ)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "root_path": "",
        "raw_path": builder.path.encode(),
        "query_string": b"",
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in builder.headers],
        "server": ("localhost", 80),
    }
    one = ApplicationCommunicator(application, scope)
    await one.send_input({"type": "http.request", "body": b""})
    found = await one.receive_output(timeout=10)
    body, more = b"", True
    while more:
        piece = await one.receive_output(timeout=10)
        body, more = body + piece.get("body", b""), piece.get("more_body", False)
    names = [(name.decode().title(), value.decode()) for name, value in found["headers"]]
    return Answer(found["status"], Headers(names), body)


class OwnRequest(Flask.request_class):
    """A request class that serves another path than its environ names."""

    def __init__(self, environ, *rest, **named):
        super().__init__(environ, *rest, **named)
        self.path = self.path.removeprefix("/foo")


class OwnApp(Flask):
    """An app that changes the environ in a ``wsgi_app`` of its own."""

    def wsgi_app(self, environ, start_response):
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/foo")
        return super().wsgi_app(environ, start_response)


class OwnContext(Flask):
    """An app that changes the environ where it makes the request's context."""

    def request_context(self, environ):
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/foo")
        return super().request_context(environ)


def hidden(app):
    inner = app.wsgi_app
    app.wsgi_app = lambda *arguments: inner(*arguments)  # noqa: PLW0108 - it hides what it wraps


WAYS = {
    "plain": Way,
    "taken": taking,
    "full dispatch": lambda: Way(ask=by_full_dispatch),
    "by hand": lambda: Way(ask=by_hand),
    "asgi": lambda: Way(ask=by_asgi),
    "own wsgi_app": lambda: Way(prefix="/foo", known={"app": OwnApp}),
    "own request_context": lambda: Way(prefix="/foo", known={"app": OwnContext}),
    "hidden layer below": lambda: Way(before=hidden),
    "hidden layer above": lambda: Way(after=hidden),
    "mounted": lambda: Way(
        ask=lambda app, environ: Answer.of(Client(mounted(app)).open(EnvironBuilder.from_environ(environ))),
        prefix="/foo",
    ),
}
for _name, _layer, _prefix in (
    ("prefix", Prefix, "/foo"),
    ("copying prefix", Copying, "/foo"),
    ("override", Override, ""),
    ("proxy fix", ProxyFix, ""),
    ("dispatcher", mount, ""),
):
    for _order in ("before", "after"):
        WAYS[f"{_name} {_order}"] = lambda layer=_layer, order=_order, prefix=_prefix: layered(
            layer, order, prefix
        )


class Conversation:
    """One app, asked in one way."""

    def __init__(self, way, **options):
        self.way = way
        self.app = app = way.known.get("app", Flask)("shop")
        self.ran = []
        way.before(app)
        variables = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}
        CORS(app, environ=variables, **{"resources": RESOURCES, **options})
        way.after(app)
        self._route(app)

    def _route(self, app):
        def page():
            self.ran.append(request.path)
            return "page"

        def report():
            self.ran.append(request.path)
            return "report"

        app.add_url_rule("/items", "items", page, methods=["GET", "PUT"])
        app.add_url_rule("/priv/x", "private", page, methods=["GET", "PUT"])
        app.add_url_rule("/report", "report", cross_origin(origins=[APP])(report), methods=["GET", "PUT"])
        app.add_url_rule("/stream", "stream", lambda: Response(iter([b"a", b"b"])))
        app.add_url_rule("/crash", "crash", lambda: 1 / 0)
        app.before_request(lambda: ("who are you?", 401) if app.config.get("LOCKED") else None)
        app.after_request(self._after)

    def _after(self, response):
        if self.app.config.get("BROKEN"):
            raise ValueError("an after_request function")
        return response

    def ask(self, path, origin=APP, method="GET", **fields):
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if origin is not None:
            headers["Origin"] = origin
        environ = EnvironBuilder(self.way.prefix + path, method=method, headers=headers).get_environ()
        return self.way.ask(self.app, environ)

    def preflight(self, path, origin=APP, method="PUT"):
        return self.ask(path, origin, "OPTIONS", Access_Control_Request_Method=method)


@pytest.fixture(params=WAYS, ids=WAYS)
def way(request):
    return WAYS[request.param]()


def shared(origin):
    return {"Access-Control-Allow-Origin": origin, **VARY}


def of_log(capfd):
    names = ("cors.request.kind", "cors.decision", "cors.resource", "http.response.status_code")
    return [tuple(event.get(name) for name in names) for event in events(capfd.readouterr().err)]


def test_an_actual_request_is_decided_by_the_policy_of_what_is_served(way, capfd):
    one = Conversation(way)
    assert protocol_fields(one.ask("/items", PARTNER)) == shared(PARTNER)
    assert protocol_fields(one.ask("/report", PARTNER)) == VARY
    assert protocol_fields(one.ask("/report", APP)) == shared(APP)
    assert one.ran == ["/items", "/report", "/report"]
    assert of_log(capfd) == [
        ("actual", "allow", "all", 200),
        ("actual", "deny", "view:report", 200),
        ("actual", "allow", "view:report", 200),
    ]


def test_without_an_origin_caches_are_told_and_nothing_is_logged(way, capfd):
    one = Conversation(way)
    assert [protocol_fields(one.ask(path, None)) for path in ("/items", "/report", "/nowhere")] == [VARY] * 3
    assert of_log(capfd) == []


def test_a_preflight_is_answered_ahead_of_the_apps_functions(way, capfd):
    one = Conversation(way)
    one.app.config["LOCKED"] = True
    answers = [
        one.preflight(path, origin)
        for path, origin in (("/items", PARTNER), ("/report", PARTNER), ("/report", APP), ("/nowhere", APP))
    ]
    assert [answer.status for answer in answers] == [204, 403, 204, 204]
    assert [answer.body for answer in answers] == [b""] * 4
    assert protocol_fields(answers[2]) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Max-Age": "7200",
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    assert one.ran == []
    assert [(kind, decision, status) for kind, decision, _, status in of_log(capfd)] == [
        ("preflight", "allow", 204),
        ("preflight", "deny", 403),
        ("preflight", "allow", 204),
        ("preflight", "allow", 204),
    ]


def test_errors_have_their_fields_and_one_event_each(way, capfd):
    one = Conversation(way)
    if way.ask not in {by_full_dispatch, by_hand}:  # which leave exceptions to others
        assert (one.ask("/crash").status, protocol_fields(one.ask("/crash"))) == (500, shared(APP))
        one.app.config["BROKEN"] = True
        assert (one.ask("/items").status, protocol_fields(one.ask("/items"))) == (500, shared(APP))
        one.app.config["BROKEN"] = False
        assert [event[3] for event in of_log(capfd)] == [500] * 4
    missing = one.ask("/nowhere")
    assert (missing.status, protocol_fields(missing)) == (404, shared(APP))
    wrong = one.ask("/items", method="DELETE")
    assert (wrong.status, protocol_fields(wrong)) == (405, shared(APP))
    assert [event[3] for event in of_log(capfd)] == [404, 405]


def test_a_streamed_body_has_its_fields(way, capfd):
    answer = Conversation(way).ask("/stream")
    assert (answer.body, protocol_fields(answer)) == (b"ab", shared(APP))
    assert [event[3] for event in of_log(capfd)] == [200]


def test_where_it_is_enforced_no_view_runs_for_a_refused_origin(way, capfd):
    one = Conversation(way)
    answer = one.ask("/priv/x", PARTNER)
    assert (answer.status, answer.body, protocol_fields(answer)) == (403, b"", VARY)
    assert answer.headers["Cache-Control"] == "no-store"
    assert one.ran == []
    assert one.ask("/priv/x", APP).body == b"page"
    assert [event[1:] for event in of_log(capfd)] == [("deny", "priv", 403), ("allow", "priv", 200)]


@pytest.mark.parametrize("name", ["full dispatch", "by hand"])
def test_an_exception_that_a_bridge_does_not_handle_has_its_event(name, capfd):
    one = Conversation(WAYS[name]())
    with pytest.raises(ZeroDivisionError):
        one.ask("/crash")
    (event,) = events(capfd.readouterr().err)
    assert (event["cors.notes"], event["http.response.status_code"]) == ("debugger_response", 500)


def test_a_bridge_counts_as_the_first_request():
    app = Flask("shop")
    cors = CORS(environ={})
    one = Conversation(WAYS["by hand"]())
    one.ask("/items")
    with pytest.raises(RuntimeError, match="already"):
        cors.init_app(one.app)
    assert app.extensions == {}


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("resources", [None, RESOURCES])
def test_a_layer_that_asks_for_a_password_stops_no_preflight(order, resources, capfd):
    options = {"origins": [APP]} if resources is None else {}
    one = Conversation(layered(Guard, order), resources=resources, **options)
    answers = [one.preflight("/items", origin) for origin in (APP, EVIL)]
    expected = [204, 403] if order == "before" else [401, 401]
    assert [answer.status for answer in answers] == expected
    assert one.ask("/items").status == 401
    if order == "before":
        assert [event[:2] for event in of_log(capfd)] == [
            ("preflight", "allow"),
            ("preflight", "deny"),
            ("actual", "allow"),
        ]


def test_what_a_layer_below_answers_is_shared_only_where_every_resource_allows_it(capfd):
    one = Conversation(layered(Guard, "before"))
    assert protocol_fields(one.ask("/items", PARTNER)) == VARY
    assert protocol_fields(one.ask("/items", APP)) == shared(APP)
    assert protocol_fields(one.ask("/items", None)) == VARY
    assert [(event[1], event[3]) for event in of_log(capfd)] == [("deny", 403), ("allow", 401)]


def test_what_a_layer_below_answers_with_fields_of_its_own_is_left_alone(capfd):
    def sharing(app):
        inner = app.wsgi_app

        def share(environ, start_response):
            if environ["PATH_INFO"] == "/own":
                start_response("200 OK", [("Access-Control-Allow-Origin", "*")])
                return [b"own"]
            return inner(environ, start_response)

        app.wsgi_app = share

    one = Conversation(Way(before=sharing), environment=None)
    for origin in (APP, EVIL, None):
        assert protocol_fields(one.ask("/own", origin)) == {"Access-Control-Allow-Origin": "*"}
    assert protocol_fields(one.preflight("/own", EVIL)) == {"Access-Control-Allow-Origin": "*"}
    assert of_log(capfd) == []
    assert protocol_fields(one.ask("/items")) == shared(APP)


@pytest.mark.filterwarnings("ignore")  # of what it imports
def test_connexions_flask_app_is_governed(capfd):
    import connexion

    outer = connexion.FlaskApp("connected")
    outer.app.add_url_rule("/items", "items", lambda: "[]", methods=["GET", "PUT"])
    CORS(outer.app, environ={"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}, origins=[APP])
    get = EnvironBuilder("/items", headers={"Origin": APP}).get_environ()
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "PUT"}
    put = EnvironBuilder("/items", method="OPTIONS", headers=asked).get_environ()
    assert protocol_fields(asyncio.run(talk(outer, get))) == shared(APP)
    assert asyncio.run(talk(outer, put)).status == 403
    assert [event[:2] for event in of_log(capfd)] == [("actual", "allow"), ("preflight", "deny")]


def test_a_preflight_without_a_route_is_answered_beside_a_failing_preprocessor():
    one = Conversation(WAYS["taken"]())
    one.app.url_value_preprocessor(lambda _endpoint, values: values.pop("lang", None))
    assert one.preflight("/nowhere").status == 204


def test_a_session_that_cannot_be_opened_keeps_no_preflight_from_its_answer():
    one = Conversation(WAYS["taken"]())

    class Broken(type(one.app.session_interface)):
        def open_session(self, *_):
            raise ValueError("no session")

    one.app.session_interface = Broken()
    assert one.preflight("/items").status == 204
    assert (one.ask("/items").status, protocol_fields(one.ask("/items"))) == (500, shared(APP))


def test_the_log_says_path_host_and_scheme_that_flask_serves(capfd):
    class Behind(Prefix):
        def __call__(self, environ, start_response):
            environ["wsgi.url_scheme"] = environ.get("HTTP_X_FORWARDED_PROTO", "http")
            environ["HTTP_HOST"] = "api.example.com"
            environ["REMOTE_ADDR"] = "203.0.113.9"
            return super().__call__(environ, start_response)

    app = Flask("shop")
    app.wsgi_app = Behind(app.wsgi_app)
    CORS(
        app,
        environ={"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr", "CORS_AUDIT_PATH": "on"},
        origins=[APP],
    )
    Client(app).get("/foo/items", headers={"Origin": APP, "X-Forwarded-Proto": "https"})
    (event,) = events(capfd.readouterr().err)
    found = {name: event[name] for name in ("url.path", "url.scheme", "server.address", "client.address")}
    assert found == {
        "url.path": "/items",
        "url.scheme": "https",
        "server.address": "api.example.com",
        "client.address": "203.0.113.0",
    }


def test_a_layer_that_asks_flask_again_gets_the_decision_of_what_it_sends(capfd):
    class Retry(Prefix):
        """What is refused below /priv is looked for elsewhere."""

        def __call__(self, environ, start_response):
            heads = []
            body = self.app({**environ}, lambda *head: heads.append(head))
            if heads[0][0].startswith("403"):
                return self.app({**environ, "PATH_INFO": "/items"}, start_response)
            start_response(*heads[0])
            return body

    one = Conversation(layered(Retry, "before"))
    assert protocol_fields(one.ask("/priv/x", PARTNER)) == shared(PARTNER)
    assert of_log(capfd) == [("actual", "deny", "priv", 403), ("actual", "allow", "all", 200)]


def test_an_empty_host_and_a_missing_one_are_two_requests(capfd):
    app = Flask("shop")
    CORS(app, environ={"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}, origins=[APP])
    environ = EnvironBuilder("/", headers={"Origin": APP}).get_environ()
    for host in ("", None, ""):
        one = {**environ, "HTTP_HOST": host}
        if host is None:
            del one["HTTP_HOST"]
        list(app(one, lambda *_: None))
    assert [event.get("server.address") for event in events(capfd.readouterr().err)] == ["", None, ""]


def test_events_are_json_of_one_line_in_every_way(way, capfd):
    Conversation(way).ask("/items")
    for line in capfd.readouterr().err.splitlines():
        assert json.loads(line)["cors.schema"] == 1


class Cascade:
    """A layer that asks its apps in turn, each with a copy of the environ, until one has the page."""

    def __init__(self, apps, missing=("404",)):
        self.apps, self.missing = apps, missing

    def __call__(self, environ, start_response):
        for app in self.apps:
            start, body = [], []
            body += app({**environ}, lambda *arguments, start=start: start.append(arguments))
            if start[-1][0][:3] not in self.missing:
                break
        start_response(*start[-1])
        return body


def governed_below(layer, **options):
    """A wide app whose wrapper stands around *layer*, which is given a narrow app and Flask's callable."""
    narrow, wide = Flask("narrow"), Flask("wide")
    variables = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}
    wide.wsgi_app = layer(narrow, wide.wsgi_app)
    CORS(narrow, environ=variables, origins=[APP])
    CORS(wide, environ=variables, origins=[APP, PARTNER], **options)
    narrow.add_url_rule("/narrow", "narrow", lambda: "narrow")
    wide.add_url_rule("/wide", "wide", lambda: "wide")
    return wide


def get(app, path, origin):
    return protocol_fields(Client(app).get(path, headers={} if origin is None else {"Origin": origin}))


def of_services(capfd):
    written = events(capfd.readouterr().err)
    return [(event["service.name"], event["cors.decision"]) for event in written]


BELOW = {
    "mounted": (lambda narrow, wide: DispatcherMiddleware(wide, {"/in": narrow}), "/in/narrow"),
    "mounted, taken": (
        lambda narrow, wide: DispatcherMiddleware(wide, {"/in": narrow.wsgi_app}),
        "/in/narrow",
    ),
    "asked first": (lambda narrow, wide: Cascade([narrow, wide]), "/narrow"),
    "asked first, taken": (lambda narrow, wide: Cascade([narrow.wsgi_app, wide]), "/narrow"),
    "asked second": (lambda narrow, wide: Cascade([wide, narrow]), "/narrow"),
    "asked second, taken": (lambda narrow, wide: Cascade([wide, narrow.wsgi_app]), "/narrow"),
}


@pytest.mark.parametrize("name", BELOW)
def test_the_app_that_answers_governs_and_no_app_around_it(name, capfd):
    layer, path = BELOW[name]
    wide = governed_below(layer)
    assert [get(wide, path, origin) for origin in (PARTNER, APP, None)] == [VARY, shared(APP), VARY]
    assert of_services(capfd) == [("narrow", "deny"), ("narrow", "allow")]
    assert [get(wide, "/wide", origin) for origin in (PARTNER, EVIL, None)] == [shared(PARTNER), VARY, VARY]
    assert [event for event in of_services(capfd) if event[0] == "wide"] == [
        ("wide", "allow"),
        ("wide", "deny"),
    ]


def test_a_constant_field_of_the_app_around_it_reaches_no_app_below():
    layer, path = BELOW["mounted, taken"]
    narrow, wide = Flask("narrow"), Flask("wide")
    wide.wsgi_app = layer(narrow, wide.wsgi_app)
    CORS(narrow, environ={"CORS_ENV": "production"}, origins=[APP])
    CORS(wide, environ={"CORS_ENV": "development"}, origins="*")
    narrow.add_url_rule("/narrow", "narrow", lambda: "narrow")
    assert [get(wide, path, origin) for origin in (None, PARTNER, APP)] == [VARY, VARY, shared(APP)]


def test_marked_views_that_no_cors_governs_keep_their_policy_below_a_wider_app(monkeypatch):
    monkeypatch.setenv("CORS_ENV", "production")
    narrow, wide = Flask("narrow"), Flask("wide")
    narrow.add_url_rule("/narrow", "narrow", cross_origin(origins=[APP])(lambda: "narrow"))
    wide.wsgi_app = DispatcherMiddleware(wide.wsgi_app, {"/in": narrow})
    CORS(wide, environ={"CORS_ENV": "production"}, origins=[APP, PARTNER])
    assert [get(wide, "/in/narrow", PARTNER) for _ in range(2)] == [VARY] * 2


def test_an_app_that_is_mounted_below_its_own_wrapper_writes_one_event(capfd):
    app = Flask("shop")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/v2": app})
    CORS(app, environ={"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}, origins=[APP])
    app.add_url_rule("/x", "x", lambda: "x")
    assert [get(app, "/v2/x", origin) for origin in (EVIL, APP)] == [VARY, shared(APP)]
    assert [event[1] for event in of_log(capfd)] == ["deny", "allow"]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_refusal_that_a_layer_drops_is_not_what_is_served_next(hidden, capfd):
    def retry(app):
        app.wsgi_app = Cascade([app.wsgi_app, Prefixed(app.wsgi_app)], missing=("403",))

    one = Conversation(Way(before=retry))
    own = cross_origin(origins=[APP])(lambda: "own")
    one.app.add_url_rule("/own", "own", lambda: f"<{own()}>")
    answer = one.ask("/own" if hidden else "/priv/x", PARTNER)
    assert (answer.status, answer.body, protocol_fields(answer)) == (200, b"page", shared(PARTNER))
    assert [event[1::2] for event in of_log(capfd)] == [("deny", 403), ("allow", 200)]


class Prefixed(Prefix):
    """It asks for another page."""

    def __call__(self, environ, start_response):
        return self.app({**environ, "PATH_INFO": "/items"}, start_response)


@pytest.mark.parametrize("way_in", ["plain", "taken", "hidden layer below"])
def test_what_a_view_has_flask_serve_from_a_copy_of_the_environ_is_decided_too(way_in, capfd):
    one = Conversation(WAYS[way_in](), resources={**RESOURCES, "/*": {"origins": [APP, PARTNER]}})

    def forward():
        with one.app.request_context({**request.environ, "PATH_INFO": "/priv/x"}):
            return one.app.full_dispatch_request()

    one.app.add_url_rule("/forward", "forward", forward)
    answer = one.ask("/forward", PARTNER)
    assert (answer.status, protocol_fields(answer), one.ran) == (403, VARY, [])
    assert one.ask("/forward", APP).body == b"page"
    assert [event[1:] for event in of_log(capfd)] == [("deny", "priv", 403), ("allow", "priv", 200)]


@pytest.mark.parametrize("name", ["taken", "by hand", "hidden layer below"])
def test_no_function_after_the_view_shares_an_answer_that_is_no_views(name):
    one = Conversation(WAYS[name]())
    own = cross_origin(origins=[APP])(lambda: "own")
    one.app.add_url_rule("/own", "own", lambda: f"<{own()}>")
    one.app.after_request(
        lambda response: response.headers.add("Access-Control-Allow-Origin", "*") or response
    )
    assert protocol_fields(one.ask("/own", PARTNER)) == VARY
    assert "Access-Control-Allow-Origin" not in one.preflight("/items", EVIL).headers
    assert one.preflight("/items", APP).headers.getlist("Access-Control-Allow-Origin") == [APP]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_copied_context_that_ends_by_an_exception_leaves_the_event_to_the_response(capfd):
    one = Conversation(WAYS["taken"]())

    def threaded():
        thread = Thread(target=copy_current_request_context(lambda: 1 / 0))
        thread.start()
        thread.join()
        return "threaded"

    one.app.add_url_rule("/threaded", "threaded", threaded)
    one.ask("/threaded")
    assert of_log(capfd) == [("actual", "allow", "all", 200)]


def test_no_request_passes_while_half_of_the_methods_are_wrapped(monkeypatch):
    one = Conversation(Way())
    state = one.app.extensions["cors_env"]
    known, seen = dict(hooks._HOOKS), []

    def noting(hook):
        def wrap(source, method):
            seen.append(state.is_hooked)
            return hook(source, method)

        return wrap

    one.ask("/items")
    state.is_hooked = False
    monkeypatch.setattr(hooks, "_HOOKS", {name: noting(hook) for name, hook in known.items()})
    hooks.install(one.app, state)
    assert (seen, state.is_hooked) == ([False] * len(known), True)
