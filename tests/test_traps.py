"""
The traps of flask-cors, and the right answer to each.

84 pairs of a configuration and a request, T01 to T99, that flask-cors 6.0.2 answers insecurely, against a
standard, or as nobody expects; and below them what its published vulnerabilities were about. Each trap is
set up as it is there, as permissive as this package can be, and is refused with the line to write instead,
or answered with the protocol's fields and no others.
"""

import functools
import importlib.metadata
import itertools
import json
import re
import string
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import flask_cors
import pytest
from apps import APP, EVIL, events, protocol_fields
from flask import Blueprint, Flask, Response, abort, request
from flask.views import MethodView
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client, create_environ, run_wsgi_app

from flask_cors_env import CORS, CORSConfigError, cross_origin

TRAPS = frozenset(
    "T01 T02 T03 T04 T05 T06 T07 T08 T09 T10 T11 T12 T13 T14 T15 T16 T17 T18 T19 T20 T21 T22 T23 T24 T25 T26 "
    "T27 T28 T29 T30 T31 T32 T33 T34 T35 T40 T41 T42 T43 T44 T45 T46 T47 T48 T49 T50 T51 T52 T53 T54 T55 T56 "
    "T60 T61 T62 T63 T64 T65 T70 T71 T72 T73 T74 T75 T76 T77 T80 T81 T82 T83 T84 T85 T86 T87 T88 T89 T90 T91 "
    "T92 T93 T94 T95 T98 T99".split()
)
LEFT_OUT = {"T77": "a resource cannot be bound to a host"}

B = "https://b.example.com"
ACAO = "Access-Control-Allow-Origin"
ACAC = "Access-Control-Allow-Credentials"
ACAM = "Access-Control-Allow-Methods"
ACAH = "Access-Control-Allow-Headers"
ACEH = "Access-Control-Expose-Headers"
ACMA = "Access-Control-Max-Age"
PRIVATE = "Access-Control-Request-Private-Network"
ALL_THREE = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
SIX = "DELETE, GET, HEAD, PATCH, POST, PUT"

PEER = importlib.metadata.version("flask-cors")
needs_peer = pytest.mark.skipif(not PEER.startswith("6.0."), reason=f"flask-cors {PEER} may know better")


class Ask(NamedTuple):
    """What a client sends."""

    method: str
    path: str
    headers: dict[str, str]

    def of(self, app):
        return app.test_client().open(self.path, method=self.method, headers=self.headers)


def get(origin=APP, path="/items", **more):
    return Ask("GET", path, ({} if origin is None else {"Origin": origin}) | more)


def preflight(headers=None, *, origin=APP, method="PUT", path="/items", **more):
    fields = {"Origin": origin, "Access-Control-Request-Method": method, **more}
    if headers is not None:
        fields["Access-Control-Request-Headers"] = headers
    return Ask("OPTIONS", path, fields)


class Trap(NamedTuple):
    """
    A configuration that holds, and what is answered to one request.

    Attributes:
        options: Given to the extension.
        ask: The request.
        answer: Its status, and all fields of the protocol.
        theirs: What tells flask-cors's answer from it, None for a field that is absent; empty where
            flask-cors has no such configuration, or has mended it.
        environment: By whose rules it holds.
    """

    options: dict[str, Any]
    ask: Ask
    answer: tuple[int, dict[str, str]]
    theirs: dict[str, Any]
    environment: str = "development"


def shared(origin=APP, **more):
    """The answer to an actual request from an origin that is let in."""
    return 200, {ACAO: origin, "Vary": "Origin"} | more


def allowed(*, origin=APP, methods=SIX, headers="Authorization, Content-Type", age="7200"):
    """The answer to an allowed preflight; what is not said is production's default."""
    return 204, {ACAO: origin, ACAM: methods, ACAH: headers, ACMA: age, "Vary": ALL_THREE}


#: The view's answer to an origin that is not let in; to one on a path without a policy; to a preflight.
KEPT = 200, {"Vary": "Origin"}
UNTOUCHED = 200, {}
DENIED = 403, {"Vary": ALL_THREE}


def bare():
    app = Flask("shop")
    app.add_url_rule("/<path:rest>", "page", lambda rest: request.path, methods=["GET", "PUT"])  # noqa: ARG005
    return app


def shop(environment="development", *, config=None, environ=None, **options):
    app = bare()
    app.config.update(config or {})
    CORS(app, environ={"CORS_ENV": environment, "CORS_AUDIT_SINK": "stderr", **(environ or {})}, **options)
    return app


def answer(app, ask):
    response = ask.of(app)
    return response.status_code, protocol_fields(response)


def problems(**options):
    """What is wrong with *options* in the most permissive environment."""
    with pytest.raises(CORSConfigError) as caught:
        shop(**options)
    return [(problem.code, problem.remedy) for problem in caught.value.problems]


REFUSED = {
    "T01 a string is no regular expression, and the glob is shown": (
        {"origins": r"https://.*\.example\.com"},
        [("origin-is-regex", "Write: https://*.example.com")],
    ),
    "T04 a question mark is no quiet half of a regular expression": (
        {"origins": "https?://api.example.com"},
        [("origin-is-regex", "Write: https://api.example.com")],
    ),
    "T07 subdomains without a scheme": (
        {"origins": "*.example.com"},
        [("origin-has-no-scheme", "Write: https://*.example.com")],
    ),
    "T08 a trailing slash": ({"origins": [APP + "/"]}, [("origin-has-path", f"Write: {APP}")]),
    "T09 no scheme": ({"origins": ["app.example.com"]}, [("origin-has-no-scheme", f"Write: {APP}")]),
    "T10 a default port": ({"origins": [APP + ":443"]}, [("origin-has-default-port", f"Write: {APP}")]),
    "T11 a space left in a list": ({"origins": [APP + " "]}, [("origin-has-space", f"Write: {APP}")]),
    "T13 everyone and credentials": (
        {"origins": "*", "supports_credentials": True},
        [("credentials-with-wildcard", "Name the origins, or set supports_credentials=False")],
    ),
    "T14 everyone as a regular expression, and credentials": (
        {"origins": r"^.*$", "supports_credentials": True},
        [("origin-is-regex", "Write: *")],
    ),
    "T17 a list that also says everyone": (
        {"origins": [APP, "*"]},
        [("wildcard-among-origins", 'Write "*" alone, or the origins alone')],
    ),
    "T18 a regular expression that backtracks": (
        {"origins": r"https://([a-z0-9-]+\.?)+\.example\.com"},
        [
            (
                "origin-is-regex",
                r'Write: re.compile(r"https://([a-z0-9-]+\.?)+\.example\.com") as an argument',
            )
        ],
    ),
    "T20 a misspelt option": ({"origin": APP}, [("option-unknown", "Did you mean: origins?")]),
    "T35 a line break in a field name": (
        {"expose_headers": "X-A\r\nX-B: 1"},
        [("header-not-token", None)],
    ),
    "T35 a line break in a list's field name": (
        {"expose_headers": ["X-A\r\nX-B: 1"]},
        [("header-not-token", None)],
    ),
    "T45 methods that no browser sends": (
        {"methods": ["GET", "TRACE", "CONNECT"]},
        [("method-forbidden", "Remove it")] * 2,
    ),
    "T47 a header name is no regular expression": (
        {"allow_headers": [r"X-Trace-(Id|Span)"]},
        [("header-is-regex", r'Write: re.compile(r"X-Trace-(Id|Span)") as an argument')],
    ),
    "T52 words for seconds": (
        {"max_age": "10 minutes"},
        [("not-a-duration", "Write: 600, 10m, or 2h")],
    ),
    "T53 every response header, and credentials": (
        {"expose_headers": "*", "supports_credentials": True, "origins": APP},
        [("credentials-with-exposed-wildcard", "Name the headers, or set supports_credentials=False")],
    ),
    "T71 a path is no regular expression, and the glob is shown": (
        {"resources": {"/public/.*": {"origins": [APP]}}},
        [("path-is-regex", "Write: /public/*")],
    ),
    "T73 paths in regular expressions that overlap": (
        {
            "resources": {
                r"/(pub|api|docs|other)/.*": {"origins": [APP, EVIL]},
                r"/api/admin.*": {"origins": APP},
            }
        },
        [("path-is-regex", None), ("path-is-regex", "Write: /api/admin*")],
    ),
    "T74 a compiled path": (
        {"resources": {re.compile(r"/.*"): {"origins": [APP, EVIL]}, "/api/admin/*": {"origins": APP}}},
        [("path-is-regex", "Write: /*")],
    ),
}


@pytest.mark.parametrize("trap", REFUSED)
def test_the_configuration_is_refused_with_what_to_write(trap):
    options, expected = REFUSED[trap]
    assert problems(**options) == expected


@needs_peer
@pytest.mark.parametrize("trap", [trap for trap in REFUSED if not trap.startswith("T07")])
def test_flask_cors_takes_the_configuration_that_is_refused(trap):
    assert flask_cors.CORS(bare(), **REFUSED[trap][0]) is not None


ANSWERED = {
    "T01 subdomains end where the origin ends": Trap(
        {"origins": "https://*.example.com"},
        get("https://a.example.com.evil.net"),
        KEPT,
        {},
    ),
    "T02 the dot before a domain stays": Trap(
        {"origins": "https://*.example.com"},
        get("https://vexample.com"),
        KEPT,
        {ACAO: "https://vexample.com"},
    ),
    "T03 a star stands for subdomains": Trap(
        {"origins": "https://*.example.com"}, get(), shared(), {ACAO: None}
    ),
    "T05 any port is a number": Trap(
        {"origins": "http://localhost:*"},
        get("http://localhost.evil.net"),
        KEPT,
        {ACAO: "http://localhost.evil.net"},
    ),
    "T05 any port lets in each port": Trap(
        {"origins": "http://localhost:*"}, get("http://localhost:8080"), shared("http://localhost:8080"), {}
    ),
    "T06 brackets belong to an address": Trap(
        {"origins": "http://[::1]:3000"}, get("http://[::1]:3000"), shared("http://[::1]:3000"), {ACAO: None}
    ),
    "T11 a space around a string is the carrier's": Trap(
        {"origins": APP + " "}, get(), shared(), {ACAO: None}
    ),
    "T12 credentials do not let the opaque origin in": Trap(
        {"supports_credentials": True}, get("null"), KEPT, {ACAO: "null", ACAC: "true"}
    ),
    "T12 credentials do not let the opaque origin in, in production": Trap(
        {"supports_credentials": True}, get("null"), KEPT, {ACAO: "null", ACAC: "true"}, "production"
    ),
    "T13 credentials do not let everyone in": Trap(
        {"supports_credentials": True}, get(EVIL), KEPT, {ACAO: EVIL, ACAC: "true"}
    ),
    "T13 credentials do not let everyone in, in production": Trap(
        {"supports_credentials": True}, get(EVIL), KEPT, {ACAO: EVIL, ACAC: "true"}, "production"
    ),
    "T15 everyone is a star and never an echo": Trap(
        {}, get("a b, <c>"), (200, {ACAO: "*"}), {ACAO: "a b, <c>"}
    ),
    "T15 by default nobody is let in, in production": Trap(
        {}, get("a b, <c>"), KEPT, {ACAO: "a b, <c>"}, "production"
    ),
    "T16 origins compare byte for byte": Trap(
        {"origins": "https://access.example.com"},
        get("https://acce\xdf.example.com"),
        KEPT,
        {ACAO: "https://acce\xdf.example.com"},
    ),
    "T18 a glob does not backtrack": Trap(
        {"origins": "https://*.example.com"}, get("https://" + "a-" * 200), KEPT, {}
    ),
    "T18 an origin has a limit": Trap({"origins": APP}, get("https://" + "a" * 8000), KEPT, {}),
    "T19 a compiled pattern is matched whole": Trap(
        {"origins": re.compile(r"https://app\.example\.com")},
        get(f"{APP}.evil.net"),
        KEPT,
        {ACAO: f"{APP}.evil.net"},
    ),
    "T24 no origins are not everyone's": Trap({"origins": None}, get(), KEPT, {}, "production"),
    "T40 methods are a list and no string to search in": Trap(
        {"origins": APP, "methods": ["POST"]}, preflight(method="OS"), DENIED, {ACAM: "POST"}, "production"
    ),
    "T41 methods compare with their case": Trap(
        {"origins": APP, "methods": ["PATCH"]},
        preflight(method="patch"),
        DENIED,
        {ACAM: "PATCH"},
        "production",
    ),
    "T42 a star is every method": Trap(
        {"origins": APP, "methods": "*"}, preflight(), allowed(methods="*"), {ACAM: None}, "production"
    ),
    "T43 a refused method is a refused preflight": Trap(
        {"origins": APP, "methods": ["GET"], "supports_credentials": True},
        preflight(method="DELETE"),
        DENIED,
        {"status": 200, ACAO: APP, ACAC: "true", ACAM: None},
        "production",
    ),
    "T43 a refused method is named by the console, in development": Trap(
        {"origins": APP, "methods": ["GET"], "allow_headers": "X-A", "supports_credentials": True},
        preflight(method="DELETE"),
        (200, {ACAO: APP, ACAC: "true", ACAM: "GET", ACAH: "X-A", ACMA: "0", "Vary": ALL_THREE}),
        {ACAM: None},
    ),
    "T44 auto is what the route takes": Trap(
        {"origins": APP, "methods": "auto"}, preflight(method="DELETE"), DENIED, {}, "production"
    ),
    "T46 header names take one comma list too": Trap(
        {"origins": APP, "allow_headers": "Content-Type, Authorization"},
        preflight("authorization"),
        allowed(headers="Authorization, Content-Type"),
        {ACAH: None},
        "production",
    ),
    "T47 a compiled header name is matched whole": Trap(
        {"origins": APP, "allow_headers": [re.compile(r"x-trace-(id|span)")], "methods": "PUT"},
        preflight("x-trace-id-override"),
        (200, {ACAO: APP, ACAM: "PUT", ACMA: "0", "Vary": ALL_THREE}),
        {ACAH: "x-trace-id-override"},
    ),
    "T48 what is no field name is no header list": Trap(
        {"origins": APP}, preflight(",, x y, <b>,"), DENIED, {ACAH: ", , , <b>, x y"}
    ),
    "T49 requested headers have a limit": Trap(
        {"origins": APP}, preflight(",".join(f"x-{n:08}" for n in range(4000))), DENIED, {"status": 200}
    ),
    "T50 no header names are the default ones": Trap(
        {"origins": APP, "allow_headers": None}, preflight("x-a"), DENIED, {}, "production"
    ),
    "T51 zero is an age": Trap(
        {"origins": APP, "max_age": 0}, preflight(), allowed(age="0"), {ACMA: None}, "production"
    ),
    "T54 a preflight exposes nothing": Trap(
        {"origins": APP, "expose_headers": ["X-Total"]},
        preflight(),
        allowed(),
        {ACEH: "X-Total"},
        "production",
    ),
    "T55 private networks are no matter of an actual request": Trap(
        {"origins": APP},
        get(**{PRIVATE: "true"}),
        shared(),
        {"Access-Control-Allow-Private-Network": "false"},
    ),
    "T60 a refusal varies": Trap({"origins": APP}, get(EVIL), KEPT, {ACAO: None, "Vary": None}),
    "T60 the one allowed answer varies": Trap({"origins": APP}, get(), shared(), {ACAO: APP, "Vary": None}),
    "T61 a refusal by several varies": Trap({"origins": [APP, B]}, get(EVIL), KEPT, {"Vary": None}),
    "T62 no origin varies": Trap(
        {"origins": re.compile(r"https://[a-z]+\.example\.com")}, get(None), KEPT, {"Vary": None}
    ),
    "T63 without an origin nobody is named": Trap({"origins": [B, APP]}, get(None), KEPT, {ACAO: APP}),
    "T64 a preflight varies on all that shapes it": Trap(
        {"origins": [APP, B]}, preflight(), allowed(), {"Vary": "Origin"}, "production"
    ),
    "T70 a prefix ends at a slash": Trap(
        {"resources": {"/api/*": {"origins": APP}}}, get(path="/apifoo"), UNTOUCHED, {ACAO: APP}
    ),
    "T71 a path is decoded once": Trap(
        {"resources": {"/public/*": {"origins": APP}}}, get(path="/%2570ublic/x"), UNTOUCHED, {ACAO: APP}
    ),
    "T72 dot segments do not reach below a prefix": Trap(
        {"resources": {"/api/*": {"origins": APP}}}, get(path="/api/..%2fprivate/x"), UNTOUCHED, {ACAO: APP}
    ),
    "T73 the most specific path wins": Trap(
        {"resources": {"/*": {"origins": [APP, EVIL]}, "/api/admin*": {"origins": APP}}},
        get(EVIL, "/api/admin"),
        KEPT,
        {},
    ),
    "T74 a catch-all outranks nothing": Trap(
        {"resources": {"/*": {"origins": [APP, EVIL]}, "/api/admin/*": {"origins": APP}}},
        get(EVIL, "/api/admin/x"),
        KEPT,
        {},
    ),
    "T76 a rule of Flask is a path": Trap(
        {"resources": {"/users/<int:uid>": {"origins": APP}}}, get(path="/users/7"), shared(), {ACAO: None}
    ),
    "T82 a preflight needs no route": Trap(
        {"origins": APP}, preflight(path="/"), allowed(), {"status": 404}, "production"
    ),
}


@pytest.mark.parametrize("trap", ANSWERED)
def test_the_answer_is_right(trap):
    options, ask, expected, _, environment = ANSWERED[trap]
    assert answer(shop(environment, **options), ask) == expected


@needs_peer
@pytest.mark.parametrize("trap", [trap for trap in ANSWERED if ANSWERED[trap].theirs])
def test_flask_cors_answers_otherwise(trap):
    options, ask, expected, theirs, _ = ANSWERED[trap]
    app = bare()
    flask_cors.CORS(app, **options)
    response = ask.of(app)
    found = {"status": response.status_code, **dict(response.headers)}
    assert {name: found.get(name) for name in theirs} == theirs
    ours = {"status": expected[0], **expected[1]}
    assert {name: ours.get(name) for name in theirs} != theirs


# --- names and values: where a policy is read from


@pytest.mark.parametrize("environment", ["development", "production"])
def test_t21_a_misspelt_option_of_a_resource_is_refused_and_both_are_named(environment):
    with pytest.raises(CORSConfigError) as caught:
        shop(environment, resources={"/x": {"origin": [APP]}})
    [problem] = caught.value.problems
    assert problem.variable == 'resources["/x"].origin'
    assert problem.remedy.lower().endswith("origins?")


def test_t22_the_config_key_that_others_use_is_known_and_another_is_refused():
    assert answer(shop(config={"CORS_ORIGIN": APP}), get(EVIL)) == KEPT
    with pytest.raises(CORSConfigError) as caught:
        shop("production", config={"CORS_ORIGNS": APP})
    [problem] = caught.value.problems
    assert (problem.code, problem.remedy) == ("variable-unknown", "Did you mean: CORS_ORIGINS?")


@pytest.mark.parametrize("unset", [None, "", " "])
def test_t23_a_setting_without_a_value_is_not_everyone(unset):
    assert answer(shop("production", config={"CORS_ORIGINS": unset}), get(EVIL)) == KEPT


def test_t25_the_environment_is_the_policy():
    app = shop("production", environ={"CORS_ORIGINS": APP})
    assert (answer(app, get(EVIL)), answer(app, get())) == (KEPT, shared())


def test_t25_nothing_is_nobody():
    assert answer(shop("production"), get(EVIL)) == KEPT


def prefixed(monkeypatch, **variables):
    """What Flask reads from prefixed variables."""
    for name, value in variables.items():
        monkeypatch.setenv(f"FLASK_CORS_{name}", value)
    app = bare()
    app.config.from_prefixed_env()
    CORS(app, environ={"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"})
    return app


def test_t26_the_word_false_is_not_true(monkeypatch):
    app = prefixed(monkeypatch, ORIGINS=APP, SUPPORTS_CREDENTIALS="False")
    assert answer(app, get()) == shared()


def test_t26_a_word_that_is_neither_is_refused(monkeypatch):
    with pytest.raises(CORSConfigError) as caught:
        prefixed(monkeypatch, ORIGINS=APP, SUPPORTS_CREDENTIALS="nope")
    [problem] = caught.value.problems
    assert (problem.code, problem.remedy) == ("not-a-boolean", "Write: true, or false")


def test_t27_a_comma_list_is_two_origins_and_never_one_field(monkeypatch):
    app = prefixed(monkeypatch, ORIGINS=f"{APP},{B}")
    assert [answer(app, get(origin)) for origin in (APP, B, None)] == [shared(), shared(B), KEPT]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_t28_config_after_the_extension_counts(environment):
    app = shop(environment)
    app.config["CORS_ORIGINS"] = [APP]
    assert (answer(app, get(EVIL)), answer(app, get())) == (KEPT, shared())


def test_t33_a_second_policy_is_refused_and_the_first_stands():
    app = shop(origins=APP)
    with pytest.raises(RuntimeError, match="has a CORS policy already"):
        CORS(app, environ={"CORS_ENV": "development"}, origins="*")
    assert answer(app, get(EVIL)) == KEPT


# --- blueprints and views


def blueprint_shop(config=None, **options):
    app, blueprint = Flask("shop"), Blueprint("api", __name__, url_prefix="/v1")
    app.config.update(config or {})
    CORS(blueprint, environ={"CORS_ENV": "development"}, **options)
    blueprint.add_url_rule("/items", "items", view(), methods=["GET", "PUT"])
    app.register_blueprint(blueprint)
    return app


def test_t29_the_apps_policy_binds_the_blueprint():
    app = blueprint_shop(config={"CORS_ORIGINS": [APP]})
    assert answer(app, get(EVIL, "/v1/items")) == KEPT
    assert answer(app, get(path="/v1/items")) == shared()


def test_t75_a_blueprints_path_that_cannot_match_is_refused_with_the_one_to_write():
    with pytest.raises(CORSConfigError) as caught:
        blueprint_shop(resources={"/items": {"origins": APP}})
    [problem] = caught.value.problems
    assert (problem.code, problem.remedy) == ("resource-outside-blueprint", "Write: /v1/items")
    app = blueprint_shop(resources={"/v1/items": {"origins": APP}})
    assert answer(app, get(path="/v1/items")) == shared()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/nowhere", 404), ("DELETE", "/v1/items", 405)]
)
def test_t83_what_a_blueprint_does_not_route_below_its_prefix_is_shared(method, path, status):
    app = blueprint_shop(origins=[APP])
    assert answer(app, Ask(method, path, {"Origin": APP})) == (status, shared()[1])


def viewed(report, path="/report", *, methods=("GET", "PUT"), **options):
    """An app in production with the view *report*."""
    app = shop("production", **options)
    app.add_url_rule(path, "report", report, methods=methods)
    return app


def view(status=200):
    """A view that answers with *status*, and that no other test has decorated."""
    return lambda: "" if status == 200 else abort(status)


@pytest.mark.parametrize("decorate", [cross_origin, cross_origin()], ids=["T32 bare", "T30 with parentheses"])
def test_t30_t32_a_decorated_view_inherits_the_apps_policy(decorate):
    app = viewed(decorate(view()), origins=[APP])
    assert answer(app, get(EVIL, "/report")) == KEPT
    assert answer(app, get(path="/report")) == shared()


def test_t31_the_decorators_positional_argument_is_the_origins():
    app = viewed(cross_origin(APP)(view()))
    assert answer(app, get(EVIL, "/report")) == KEPT
    assert answer(app, get(path="/report")) == shared()


def test_t34_everyone_and_credentials_are_refused_where_the_decorator_stands():
    with pytest.raises(CORSConfigError, match=r"\[credentials-with-wildcard\]"):
        cross_origin(origins="*", supports_credentials=True, send_wildcard=True)
    app = viewed(cross_origin(supports_credentials=True, send_wildcard=True)(view()))
    assert answer(app, get(EVIL, "/report")) == KEPT


def test_t84_a_decorated_views_error_is_shared():
    assert answer(viewed(cross_origin(origins=[APP])(view(404))), get(path="/report")) == (404, shared()[1])


def test_t85_a_decorated_views_error_is_shared_with_its_origins_only():
    app = viewed(cross_origin(origins=[APP])(view(403)), origins=[APP, EVIL])
    assert answer(app, get(EVIL, "/report")) == (403, {"Vary": "Origin"})
    assert answer(app, get(path="/report")) == (403, shared()[1])


def test_t90_a_preflight_is_answered_by_the_view_of_its_method():
    app = viewed(view(), methods=["GET"])
    app.add_url_rule("/report", "write", cross_origin(origins=[APP])(view()), methods=["POST"])
    own = allowed(methods="DELETE, PATCH, POST", age="0")  # never the other views', and not cached
    assert answer(app, preflight(method="POST", path="/report")) == own
    assert answer(app, preflight(method="GET", path="/report")) == DENIED


def test_t91_a_decorated_method_of_a_class_has_its_preflight():
    class Report(MethodView):
        @cross_origin(origins=[APP])
        def put(self):
            return ""

    own = allowed(methods="DELETE, PATCH, POST, PUT", age="0")  # GET is not decorated
    assert answer(viewed(Report.as_view("report")), preflight(path="/report")) == own


def test_t92_a_guard_above_the_decorator_does_not_see_the_preflight():
    def login_required(guarded):
        return functools.wraps(guarded)(view(401))

    app = viewed(login_required(cross_origin(origins=[APP])(view())))
    assert answer(app, preflight(path="/report")) == allowed()
    assert answer(app, get(path="/report")) == (401, shared()[1])


def test_t93_a_decorator_above_the_route_holds_and_is_warned_of(caplog):
    app = shop("production")

    @cross_origin(origins=[APP])
    @app.get("/report")
    def report():
        return ""

    assert answer(app, get(path="/report")) == shared()
    assert "@cross_origin stands above the route of report; put it below" in caplog.text


def test_t94_an_async_view_is_awaited():
    async def report():
        return "done"

    app = viewed(cross_origin(origins=[APP])(report))
    assert get(path="/report").of(app).text == "done"
    assert answer(app, get(path="/report")) == shared()


def test_t95_a_view_does_not_run_for_a_preflight():
    ran = []
    app = shop(config={"CORS_AUTOMATIC_OPTIONS": False}, origins=APP)
    app.add_url_rule("/report", "report", cross_origin()(lambda: ran.append(1) or "done"), methods=["PUT"])
    assert preflight(path="/report").of(app).status_code == 204
    assert Ask("OPTIONS", "/report", {"Origin": APP}).of(app).status_code == 200
    assert ran == []


# --- who else answers


def test_t65_what_the_view_varies_on_is_said_once():
    app = viewed(lambda: ("", {"Vary": "Origin"}), origins=[APP, B])
    response = get(path="/report").of(app)
    assert response.headers.getlist("Vary") == ["Origin"]
    assert answer(app, get(path="/report")) == shared()


def test_t80_a_preflight_is_answered_before_authentication():
    app = shop("production", origins=APP)
    app.before_request(lambda: abort(401))
    assert answer(app, preflight()) == allowed()
    assert answer(app, get()) == (401, shared()[1])


def test_t81_a_preflight_is_not_redirected():
    app = Flask("shop")
    CORS(app, environ={"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}, origins=APP)
    app.add_url_rule("/dir/", "dir", view(), methods=["GET", "PUT"])
    assert answer(app, preflight(path="/dir")) == allowed()
    assert answer(app, get(path="/dir")) == (308, shared()[1])


def test_t86_an_exception_is_shared_and_the_debuggers_page_is_told_apart(capfd):
    app = viewed(lambda: 1 / 0, origins=APP)
    assert answer(app, get(path="/report")) == (500, shared()[1])
    assert "cors.notes" not in events(capfd.readouterr().err)[-1]
    app.debug = True
    response = Client(DebuggedApplication(app)).get("/report", headers={"Origin": APP})
    assert (response.status_code, protocol_fields(response)) == (500, {})
    [event] = events(capfd.readouterr().err)
    assert (event["cors.decision"], event["cors.notes"]) == ("allow", "debugger_response")
    assert (event["http.response.status_code"], event.get("cors.response.allow_origin")) == (500, None)


def test_t87_errors_have_the_fields_and_the_switch_is_noted(caplog):
    caplog.set_level("INFO", "flask_cors_env")
    app = viewed(lambda: 1 / 0, origins=APP, intercept_exceptions=False)
    assert answer(app, get(path="/report")) == (500, shared()[1])
    assert "has no effect: errors always have the fields" in caplog.text


def test_t88_the_fields_are_set_after_every_hook():
    app = bare()
    app.after_request(lambda response: Response("new"))  # noqa: ARG005
    CORS(app, environ={"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}, origins=APP)
    app.after_request(lambda response: Response("newer"))  # noqa: ARG005
    assert answer(app, get()) == shared()


def test_t89_a_stray_field_does_not_switch_the_policy_off(capfd):
    app = viewed(lambda: ("", {ACAO: "*"}), origins=APP)
    assert answer(app, get(EVIL, "/report")) == KEPT
    assert answer(app, get(path="/report")) == shared()
    assert [event["cors.notes"] for event in events(capfd.readouterr().err)] == ["response_conflict"] * 2


# --- the log


def test_t98_a_denial_is_one_structured_record(capfd):
    get(EVIL).of(shop("production", origins=APP))
    [event] = events(capfd.readouterr().err)
    assert (event["level"], event["cors.decision"]) == ("warning", "deny")
    assert (event["cors.reason"], event["cors.origin"]) == ("origin_not_listed", EVIL)
    assert "cors.remedy.env" not in event  # an argument decides, so the hint names it
    assert event["cors.remedy.hint"] == "Add the origin to origins of the arguments of CORS()."


def test_t99_what_controls_a_terminal_is_escaped(capfd):
    get("http://x \x1b[2J fake line").of(shop("production", origins=APP))
    text = capfd.readouterr().err
    [event] = events(text)
    assert "\x1b" not in text
    assert event["cors.origin"] == r"http://x \x1b[2J fake line"


def test_every_trap_is_tested_or_left_out_with_its_reason():
    tested = set(re.findall(r"\bT\d\d\b", " ".join([*REFUSED, *ANSWERED])))
    names = " ".join(name for name in globals() if name.startswith("test_t"))
    tested |= {f"T{number}" for number in re.findall(r"_t(\d\d)(?=_)", names)}
    assert len(TRAPS) == 84
    assert tested | LEFT_OUT.keys() == TRAPS
    assert not tested & LEFT_OUT.keys()


# --- CVE-2020-25032, CVE-2024-6844, CVE-2024-6866: the policy and the router see one path


def raw(app, path, origin=APP):
    """The response to *path* as it stands in a request line, decoded once as servers do."""
    seen = unquote_to_bytes(path).decode("latin-1")
    return app.test_client().get("/", headers={"Origin": origin}, environ_overrides={"PATH_INFO": seen})


ENCODED = {
    "/api/x": True,
    "/api/x/y": True,
    "/api/": True,
    "/api": False,
    "/apifoo": False,
    "/apifoo/x": False,
    "/api/../x": False,
    "/api/%2e%2e/x": False,
    "/api/%2E%2E/x": False,
    "/api/.%2e/x": False,
    "/api/..%2fx": False,
    "/api/%2e%2e%2fx": False,
    "/api/x/../../y": False,
    "/api/..": False,
    "/x/../api/y": False,
    "/./api/x": False,
    "/api/x/../y": True,
    "/api/./x": True,
    "/api/...": True,
    "/api/%252e%252e/x": True,
    "/%61pi/x": True,
    "/%2561pi/x": False,
    "/api%2fx": True,
    "/api%2Fx": True,
    "/api%252fx": False,
    "//api/x": True,
    "/%2fapi/x": True,
    "/x//api/y": False,
    "/api\\x": False,
    "/api%5cx": False,
    "\\api/x": False,
    "/api\\..\\x": False,
    "/api;x": False,
    "/api;/x": False,
    "/api%3b/x": False,
    "/api%00": False,
    "/api%00/x": False,
    "/api/%00": True,
    "/api%20/x": False,
    "/api+/x": False,
    "/api%0a/x": False,
    "/api%c3%a9/x": False,
    "/api%ff/x": False,
    "/%ff/api/x": False,
}


@pytest.mark.parametrize("path", ENCODED)
def test_an_encoded_path_is_governed_as_the_router_sees_it(path):
    response = raw(shop(resources={"/api/*": {"origins": APP}}), path)
    assert protocol_fields(response) == (shared()[1] if ENCODED[path] else {})
    assert response.text.startswith("/api/") or not ENCODED[path]


def test_a_path_that_leaves_its_resource_falls_under_no_other():
    app = shop(resources={"/*": {"origins": [APP, EVIL]}, "/api/*": {"origins": APP}})
    for path in ("/api/../x", "/x/../api/y", "/api/%2e%2e"):
        assert protocol_fields(raw(app, path)) == {}
    assert protocol_fields(raw(app, "/api/../api/x")) == shared()[1]


@pytest.mark.parametrize(
    ("path", "governs"),
    [("/a+b", APP), ("/a%2Bb", APP), ("/a%2bb", APP), ("/a%20b", B), ("/a b", B), ("/a%252Bb", None)],
)
def test_a_plus_is_no_space(path, governs):
    app = shop(resources={"/a+b": {"origins": APP}, "/a b": {"origins": B}})
    found = [origin for origin in (APP, B) if ACAO in raw(app, path, origin).headers]
    assert found == ([] if governs is None else [governs])


@pytest.mark.parametrize(
    ("path", "governed"),
    [
        ("/admin/x", True),
        ("/%61dmin/x", True),
        ("/Admin/x", False),
        ("/ADMIN/x", False),
        ("/%41dmin/x", False),
        ("/adm%c4%b1n/x", False),
    ],
)
def test_paths_compare_with_their_case(path, governed):
    app = shop(resources={"/admin/*": {"origins": APP}})
    assert protocol_fields(raw(app, path)) == (shared()[1] if governed else {})


@pytest.mark.parametrize(
    ("written", "others"),
    [("/stra\u00dfe", ["/strasse", "/STRASSE"]), ("/kelvin", ["/\u212aelvin"]), ("/size", ["/\u017fize"])],
)
def test_letters_that_fold_into_one_are_not_one(written, others):
    app = shop(resources={written: {"origins": APP}})
    assert protocol_fields(get(path=written).of(app)) == shared()[1]
    for path in others:
        assert protocol_fields(get(path=path).of(app)) == {}


def on_the_wire(text):
    """*text* as a server hands over a field's bytes."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize("letter", ["\u212a", "K"])
def test_letters_of_an_origin_or_header_name_do_not_fold(letter):
    app = shop("production", origins="https://kelvin.example.com", allow_headers="x-kind")
    origin = on_the_wire(f"https://{letter}elvin.example.com")
    assert answer(app, get(origin)) == KEPT
    assert answer(app, preflight(origin=origin)) == DENIED
    names = on_the_wire(f"x-{letter}ind")
    fits = letter == "K"
    asked = answer(app, preflight(names, origin="https://kelvin.example.com"))
    assert asked == (allowed(origin="https://kelvin.example.com", headers="x-kind") if fits else DENIED)


# --- CVE-2024-6839: the strictest of overlapping rules wins

NESTED = {
    "/*": "https://everywhere.example.com",
    "/api/*": "https://api.example.com",
    "/api/admin/*": "https://admin.example.com",
    "/api/v*/items": "https://items.example.com",
}
WINNERS = {
    "/x": "/*",
    "/api": "/*",
    "/apis/admin/x": "/*",
    "/api/x": "/api/*",
    "/api/admin": "/api/*",
    "/api/adminx/y": "/api/*",
    "/api/admin/x": "/api/admin/*",
    "/api/v1/items": "/api/v*/items",
    "/api/v1/items/7": "/api/*",
}


@pytest.mark.parametrize("order", list(itertools.permutations(NESTED)), ids=" ".join)
def test_the_most_specific_resource_governs_in_whatever_order_they_are_written(order):
    app = shop(resources={path: {"origins": NESTED[path]} for path in order})
    for path, winner in WINNERS.items():
        found = [rule for rule in NESTED if answer(app, get(NESTED[rule], path)) != KEPT]
        assert found == [winner], path


def test_resources_between_which_nothing_chooses_are_refused():
    rules = {"/v*/items": {"origins": APP}, "/*1/items": {"origins": B}}
    assert problems(resources=rules) == [("path-overlap", "Make one of them more specific")]


# --- CVE-2026-37737: what is matched is matched whole

OPEN_ENDED = {"origins": re.compile(r"https://[a-z]+\.example\.com$", re.MULTILINE)}


@pytest.mark.parametrize(
    "origin",
    [
        f"{APP}.evil.net",
        f"{APP}:8443",
        f"{APP}/",
        f"{APP}@evil.net",
        f"{APP}\n",
        f"{APP}\nhttps://evil.net",
        f"https://evil.net\n{APP}",
        "https://evilexample.com",
        "https://app.example.com.",
        "https://appxexample.com",
        "https://user:pass@app.example.com",
        "https://.example.com",
        "https://a..example.com",
        "https://APP.example.com",
        "http://app.example.com",
        "https:app.example.com",
        " https://app.example.com",
        f"{APP}, {APP}",
        f"{APP} {APP}",
        "",
    ],
)
@pytest.mark.parametrize("options", [OPEN_ENDED, {"origins": "https://*.example.com"}, {"origins": APP}])
def test_nothing_around_an_allowed_origin_is_let_in(options, origin):
    client = shop(**options).test_client()
    response = client.get("/items", environ_overrides={"HTTP_ORIGIN": origin})
    assert (response.status_code, protocol_fields(response)) == KEPT


def edits(text, alphabet):
    """Every text that differs from *text* in one character added, dropped or changed."""
    for at in range(len(text) + 1):
        yield from (text[:at] + letter + text[at:] for letter in alphabet)
        yield from (text[:at] + letter + text[at + 1 :] for letter in alphabet)
        yield text[:at] + text[at + 1 :]


def test_no_origin_one_character_off_is_let_in():
    app = shop(origins=APP)
    for origin in {*edits(APP, "aA0.-:/@*%\xdf")} - {APP}:
        assert answer(app, get(origin)) == KEPT, origin


@pytest.mark.parametrize("entry", ["file://", "data:", "null,https://app.example.com"])
def test_the_opaque_origin_comes_in_under_no_other_name(entry):
    with pytest.raises(CORSConfigError):
        shop("production", origins=entry)
    assert answer(shop("production", origins=APP), get("null")) == KEPT


# --- CVE-2024-6221: private networks


def test_t56_everyone_is_let_in_and_nobody_reaches_the_private_network():
    app = shop(allow_private_network=True)
    _, fields = answer(app, preflight(origin=EVIL, **{PRIVATE: "true"}))
    assert fields[ACAO] == "*"
    assert "Access-Control-Allow-Private-Network" not in fields


@pytest.mark.parametrize("environment", ["development", "production"])
def test_access_to_a_private_network_is_never_granted(environment):
    app = shop(environment, origins=APP)
    for ask in (preflight(**{PRIVATE: "true"}), get(**{PRIVATE: "true"})):
        status, fields = answer(app, ask)
        assert (status < 300, fields[ACAO]) == (True, APP)
        assert "Access-Control-Allow-Private-Network" not in fields


# --- CVE-2024-1681: what a client sends cannot forge the log

FORGED = '{"cors.schema":1,"event":"cors.decision","cors.decision":"allow","cors.origin":"https://forged"}'
HOSTILE = {
    "CR LF": f"x\r\n{FORGED}",
    "LF": f"x\n{FORGED}\n",
    "CR": f"x\r{FORGED}",
    "a quote": f'x","cors.decision":"allow","z":"{FORGED}',
    "a backslash": "x\\",
    "ESC": "x\x1b[2J\x1b[1;1H",
    "NUL": "x\x00y",
    "NEL": "x\x85" + FORGED,
    "NEL in UTF-8": on_the_wire("x\x85" + FORGED),
    "U+2028": on_the_wire("x\u2028" + FORGED),
    "U+202E": on_the_wire("x\u202e" + FORGED),
    "10 kB": "x" * 10_000,
    "10 kB of control characters": "\x01" * 10_000,
    "no UTF-8": "x\xff\xfe",
}
CARRIERS = {
    "HTTP_ORIGIN": {},
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": {"REQUEST_METHOD": "OPTIONS"},
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": {
        "REQUEST_METHOD": "OPTIONS",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
    },
    "HTTP_HOST": {},
    "HTTP_USER_AGENT": {},
    "HTTP_SEC_FETCH_SITE": {},
    "HTTP_TRACEPARENT": {},
    "HTTP_COOKIE": {},
    "HTTP_AUTHORIZATION": {},
    "PATH_INFO": {},
    "QUERY_STRING": {},
    "REMOTE_ADDR": {},
    "REQUEST_METHOD": {},
    "wsgi.url_scheme": {},
}


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_request_is_one_line_of_printable_text(carrier, hostile, capfd):
    app = shop("production", origins=APP)
    app.logger.disabled = True
    sent = {"HTTP_ORIGIN": EVIL, **CARRIERS[carrier], carrier: HOSTILE[hostile]}
    run_wsgi_app(app, create_environ("/items") | sent)
    text = capfd.readouterr().err
    lines = text.splitlines()
    assert text.replace("\n", "").isascii()
    assert text.replace("\n", "").isprintable()
    assert [json.loads(line)["event"] for line in lines] == ["cors.policy.loaded", "cors.decision"]
    assert max(map(len, lines)) <= 4096
    assert events(text)[0]["cors.decision"] == "deny"


def test_what_is_cut_or_escaped_in_the_log_is_still_told_apart(capfd):
    app = shop("production", origins=APP)
    for value in ("x\n", r"x\n", "x" + "\xff" * 600):
        app.test_client().get("/items", environ_overrides={"HTTP_ORIGIN": value})
    written = [event["cors.origin"] for event in events(capfd.readouterr().err)]
    assert written[:2] == [r"x\n", r"x\\n"]
    assert len(written[2]) <= 512
    assert set(written[2]) <= set(string.printable)
