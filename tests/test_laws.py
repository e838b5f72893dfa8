"""
The laws of the whole: what a policy says is what a page gets, judged by a model of the browser.

A policy is `Written` as its operator writes it and goes through the variables into a real app. What it means
stands once more in `may_read`, naively and without the package's help: the two have to agree.
"""

import io
import json
import logging
import re
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from itertools import combinations
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from apps import events
from flask import Flask
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from werkzeug.test import create_environ, run_wsgi_app

from flask_cors_env import CORS
from flask_cors_env.answers.plain import find
from flask_cors_env.answers.questions import SHAPES
from flask_cors_env.answers.shapes import shapes
from flask_cors_env.core.decision import decide_within
from flask_cors_env.testing.browser import (
    ENGINE_MAX_AGE,
    SAFELISTED_METHODS,
    Browser,
    Cause,
    Grant,
    HttpCache,
    PageRequest,
    Response,
    WireRequest,
    actual_request,
    cors_check,
    get_header,
    header_lines,
    judge_preflight,
    needs_preflight,
    normalize_method,
    preflight_request,
    split_value,
    unsafe_request_header_names,
)

OURS = "https://api.example.com"
#: Whom the app's own view lets in, whatever the policy says: no page of these tests.
CARELESS = "https://careless.test"
SECRET = b"secret"
ACAO = "access-control-allow-origin"
DECISION_ID = "CORS-Decision-Id"

DEVELOPMENT = "development"
ENVIRONMENTS = (DEVELOPMENT, "testing", "staging", "production")
RULE_IDS = "wildcard http loopback null regex public-suffix headers"
DEFAULT_MAX_AGE = {DEVELOPMENT: 0, "testing": 0, "staging": 600, "production": 7200}
LOOPBACKS = tuple(f"{s}://{h}:*" for s in ("http", "https") for h in ("localhost", "127.0.0.1", "[::1]"))
PORTS = frozenset(map(str, range(1, 65536)))


# --- a policy as its operator writes it, and pages near to what it lets in ------------------------------


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is written for the paths of one resource; None where nothing is."""

    path: str = "/*"
    origins: tuple | None = None
    methods: tuple | None = None
    allow_headers: tuple | None = None
    expose_headers: tuple | None = None
    allow_credentials: bool | None = None
    max_age: int | None = None
    enforce: bool | None = None
    public: bool | None = None

    def completed(self, environment):
        """With the defaults of *environment* where nothing is written."""
        develops = environment == DEVELOPMENT
        anyone = LOOPBACKS if self.allow_credentials else ("*",)
        defaults = {
            "origins": anyone if develops else (),
            "methods": ("PUT", "PATCH", "DELETE"),
            "allow_headers": ("*" if develops else "Content-Type", "Authorization"),
            "expose_headers": (),
            "max_age": DEFAULT_MAX_AGE[environment],
        }
        closed = {"origins": ("*",), "methods": ()} if self.public else {}
        missing = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        found = replace(self, **missing | closed)
        if develops and "*" in found.allow_headers:  # there it covers Authorization too
            found = replace(found, allow_headers=(*found.allow_headers, "Authorization"))
        return found


@dataclass(frozen=True, kw_only=True)
class Written:
    """A whole policy."""

    environment: str
    resources: tuple[Rules, ...]


EXACT = (
    "https://app.example.com", "https://app.example.com:8443", "http://app.example.com", "https://example.com",
    "HTTPS://Shop.Example.net", "https://xn--bcher-kva.example", "https://203.0.113.7", "capacitor://localhost",
    "http://localhost:3000",
)  # fmt: skip
PATTERNS = (
    "https://*.example.com", "https://*.example.com:8443", "http://*.preview.example.net",
    "http://localhost:*", "https://127.0.0.1:*", "http://[::1]:*", re.compile(r"https://pr-[0-9]+\.app\.test|null"),
)  # fmt: skip
SAMPLES = {
    "*": ("https://any.test", "null"),
    PATTERNS[-1]: ("https://pr-17.app.test", "https://pr-1.app.test", "https://pr-1.app.test.net", "null"),
}
PATHS = ("/*", "/api/*", "/api/admin/*", "/api/*/edit", "/v*/items", "/items")
BELOW = (
    "x", "x", "x", "admin/x", "x/edit", "x/../y", "../items", "%2e%2e/items", "..%2fitems", "./x", "%C3%A9",
)  # fmt: skip
OUTSIDE = ("/", "/api", "/apifoo", "/API/x", "/items", "/items/", "//api/x", "/v1/items", "/api//x")
METHODS = ("GET", "get", "POST", "HEAD", "put", "PUT", "PATCH", "patch", "Delete", "OPTIONS", "QUERY", "*")
NAMES = ("X-Api-Key", "x-team-*", "*", "Authorization", "Content-Type", re.compile("x-[a-z]+-id"))
HEADERS = (
    ("X-Api-Key", "1"), ("x-team-id", "1"), ("X-Teamster", "1"), ("x-trace-id", "1"), ("*", "1"),
    ("Authorization", "t"), ("Content-Type", "application/json"), ("Content-Type", "text/plain"),
)  # fmt: skip


def several(*values):
    """A list that is seldom empty, and seldom not written."""
    some = [st.lists(st.sampled_from(values), min_size=1, unique=True).map(tuple) for _ in range(5)]
    return st.one_of(*some, st.just(()), st.none())


EITHER = {
    "methods": several(*METHODS),
    "allow_headers": several(*NAMES),
    "max_age": st.none() | st.sampled_from([0, 5, 600, 86400]),
    "enforce": st.none() | st.booleans(),
}
EXPOSED = ("X-Total-Count", "ETag")
OPEN = st.builds(
    Rules,
    origins=several(*EXACT, *PATTERNS, "null") | st.just(("*",)),
    expose_headers=several(*EXPOSED, "*"),
    allow_credentials=st.sampled_from([None, False]),
    **EITHER,
)
TRUSTING = st.builds(
    Rules,
    origins=several(*EXACT, *PATTERNS),
    expose_headers=several(*EXPOSED),
    allow_credentials=st.sampled_from([True]),
    **EITHER,
)
PUBLIC = st.builds(
    Rules,
    public=st.sampled_from([True]),
    expose_headers=several(*EXPOSED, "*"),
    **EITHER | {"methods": st.none()},
)


@st.composite
def policies(draw):
    paths = draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True))
    kinds = [draw(st.sampled_from([OPEN, OPEN, TRUSTING, TRUSTING, PUBLIC])) for _ in paths]
    resources = [replace(draw(kind), path=path) for kind, path in zip(kinds, paths, strict=True)]
    return Written(environment=draw(st.sampled_from(ENVIRONMENTS)), resources=tuple(resources))


@st.composite
def origins_let_in(draw, entry):
    """One of the origins that *entry* means, and some that look so."""
    if entry in SAMPLES:
        return draw(st.sampled_from(SAMPLES[entry]))
    label = draw(st.sampled_from(["app.", "app.", "app.", "a.b.", "x_1-.", "evil.test/.", "", ".", "A."]))
    port = draw(st.sampled_from(["", ":1", ":5173", ":5173", ":65535", ":65536", ":080", ":80", ":443", ":"]))
    return re.sub(r":\*$", port, entry.replace("*.", label)) if "*" in entry else entry.lower()


@st.composite
def origins_near(draw, entries):
    """One that an entry means, or next to it; what no URL parser takes apart is left out."""
    origin = draw(origins_let_in(draw(st.sampled_from(entries or EXACT[:1]))))
    at, char = draw(st.integers(0, len(origin))), draw(st.sampled_from("a0.-:/*@ x"))
    changed = [
        origin[:at] + char + origin[at:],
        origin[:at] + origin[at + 1 :],
        origin[:at] + char + origin[at + 1 :],
        origin[:at] + origin[at:].swapcase(),
        origin.replace("https:", "http:") if "https:" in origin else origin.replace("http:", "https:"),
        origin.replace("://", "://www."),
        *(origin + end for end in (":8443", "/", ".", ".evil.test", "@evil.test", "\n", ",null")),
        *("null", OURS, "https://evil.test", "http://localhost:3000"),
    ]
    near = draw(st.sampled_from([origin] * 80 + changed))
    assume(_is_splittable(near))
    return near


def _is_splittable(origin):
    try:
        return bool(urlsplit(origin).path or urlsplit(origin).netloc)
    except ValueError:
        return False


@st.composite
def paths_near(draw, pattern):
    below = pattern[:-1] + draw(st.sampled_from(BELOW)) if pattern.endswith("/*") else pattern
    return draw(st.sampled_from([below] * 5 + [draw(st.sampled_from(OUTSIDE))])).replace("*", "1")


@st.composite
def pages(draw, policy):
    """A request of a page, near to what some resource of *policy* lets in."""
    rules = draw(st.sampled_from(policy.resources)).completed(policy.environment)
    usual = ["include"] * 3 if rules.allow_credentials else ["omit"]
    fitting = [field for field in HEADERS if lets_send(rules.allow_headers, field[0].lower())]
    methods = [*rules.methods * 3, *map(str.swapcase, rules.methods), *METHODS]
    header = st.sampled_from(fitting * 3 + [*HEADERS])
    return PageRequest(
        origin=draw(origins_near(rules.origins)),
        url=OURS + draw(paths_near(rules.path)),
        method=draw(st.sampled_from(methods)),
        headers=draw(st.lists(header, unique_by=lambda field: field[0], max_size=2)),
        credentials=draw(st.sampled_from([*usual, "omit", "same-origin", "include"])),
    )


@st.composite
def gates(draw):
    """A policy for everything with some pattern in it, and many an origin."""
    rules, environment = draw(OPEN | TRUSTING), draw(st.sampled_from(ENVIRONMENTS))
    if rules.origins not in {None, ("*",)}:
        rules = replace(rules, origins=(*rules.origins, draw(st.sampled_from(PATTERNS))))
    origins = st.lists(origins_near(rules.completed(environment).origins), min_size=20, max_size=40)
    return Written(environment=environment, resources=(rules,)), draw(origins)


@st.composite
def asks(draw):
    """A policy for everything, and pages of an origin that it lets in, with many a method and header."""
    rules = replace(draw(OPEN | TRUSTING), origins=EXACT[:2])
    policy = Written(environment=draw(st.sampled_from(ENVIRONMENTS)), resources=(rules,))
    some = draw(st.lists(pages(policy), min_size=8, max_size=16))
    return policy, [replace(page, origin=EXACT[0], url=f"{OURS}/api/x") for page in some]


@st.composite
def visits(draw):
    """A policy, and pages that try it."""
    policy = draw(policies())
    return policy, draw(st.lists(pages(policy), min_size=1, max_size=8))


@st.composite
def crowds(draw):
    """A policy, and pages of several origins, the app's own too, that ask for one URL again and again."""
    policy, visitors = draw(visits())
    modes = draw(st.lists(st.sampled_from(["cors", "cors", "no-cors"]), min_size=8, max_size=8))
    at = {"url": visitors[0].url, "method": "GET"}
    some = [replace(page, mode=mode, **at) for page, mode in zip(visitors, modes, strict=False)]
    own = PageRequest(origin=OURS, **at)
    return policy, draw(st.lists(st.sampled_from([*some, own]), min_size=2, max_size=12))


@st.composite
def histories(draw):
    """A policy, and what pages of one origin ask of one URL in turn, each with the seconds it waits first."""
    policy, visitors = draw(visits())
    luckiest = max(visitors, key=lambda page: may_read(policy, page))
    some = st.sampled_from([replace(page, origin=luckiest.origin, url=luckiest.url) for page in visitors])
    wait = st.sampled_from([0, 0, 1, 4, 6, 599, 7201])
    return policy, draw(st.lists(st.tuples(some, wait), min_size=2, max_size=15))


LATIN = st.text(st.characters(max_codepoint=255), max_size=40)
LONG = ("a" * 9000, "," * 200, ",".join(map(str, range(150))), f"https://{'a.' * 300}example.com")


PIECES = ("x-api-key", "x-team-", "X-Trace-Id", "PUT", "patch", "*", ",", " ", "(", "\t", "\x7f", "\xe9")


def odd(*usual):
    pieces = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
    return st.sampled_from(usual) | pieces | LATIN | st.sampled_from(LONG)


ODD = {
    "REQUEST_METHOD": odd("GET", "OPTIONS"),
    "PATH_INFO": LATIN,
    "REMOTE_ADDR": odd("203.0.113.7", "::1"),
    "HTTP_ORIGIN": st.none() | odd(OURS, "null"),
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": st.none() | odd(*METHODS),
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": odd("x-api-key, ,X-Team-Id", "x-team-(", "x-team-\x7f"),
    "HTTP_HOST": odd("evil.test", "api.example.com:443", "[::1]:5000"),
    "HTTP_SEC_FETCH_SITE": st.none() | odd("same-origin", "cross-site"),
    "HTTP_COOKIE": LATIN,
    "HTTP_AUTHORIZATION": LATIN,
}


@st.composite
def hostile_requests(draw, policy):
    """What a WSGI server could pass on of a client that stops at nothing; field values are latin-1."""
    page = draw(pages(policy))
    environ = environ_of(draw(st.sampled_from([preflight_request(page), actual_request(page)])))
    changed = draw(st.lists(st.sampled_from(list(ODD)), max_size=4, unique=True))
    environ |= {name: draw(ODD[name]) for name in changed}
    return {name: value for name, value in environ.items() if value is not None}


def environ_of(request):
    """What a WSGI server makes of a request."""
    fields = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in request.headers}
    path = unquote(urlsplit(request.url).path, "latin-1")
    return {"REQUEST_METHOD": request.method, "PATH_INFO": path, **fields}


def strangers(visitors):
    """Those of another origin: same-origin requests are not decided."""
    return [page for page in visitors if page.origin != OURS]


# --- what the policy means, from the operator's side ----------------------------------------------------


def may_read(policy, page):
    """Whether *page* was meant to read what it asks for."""
    rules = governing(policy, path_of(page))
    if page.origin == OURS:
        return True
    if guarded(policy, path_of(page)):
        return False
    if rules is None or page.mode == "no-cors":
        return False
    known = any(lets_in(entry, page.origin) for entry in rules.origins)
    trusted = page.credentials != "include" or bool(rules.allow_credentials)
    return known and trusted and may_ask(rules, page)


def path_of(page):
    """The path as a router sees it."""
    return unquote(urlsplit(page.url).path)


def may_ask(rules, page):
    """Whether its method and headers are allowed."""
    methods = {normalize_method(method) for method in rules.methods} | SAFELISTED_METHODS
    names = unsafe_request_header_names(page.header_list)
    return bool({page.method, "*"} & methods) and all(lets_send(rules.allow_headers, name) for name in names)


def governing(policy, path):
    """The most specific rules for *path*, with their defaults; None where dot segments lead out of them."""
    path = "/" + path.lstrip("/")
    found = most_specific(policy.resources, path)
    resolved = most_specific(policy.resources, urlsplit(urljoin(OURS, path)).path)
    return found.completed(policy.environment) if found is not None and found is resolved else None


def guarded(policy, path):
    """Whether some reading of an ambiguous path falls under rules that enforce."""
    path = "/" + path.lstrip("/")
    readings = []
    for text in (path, unquote(path)):
        slashed = text.replace("\\", "/")
        if slashed != text or {".", ".."} & set(slashed.split("/")):
            readings += [path, text, slashed, urlsplit(urljoin(OURS, quote(slashed))).path]
    return any(
        rules.enforce for rules in (most_specific(policy.resources, unquote(r)) for r in readings) if rules
    )


def most_specific(resources, path):
    """More literal segments, then longer."""
    return max(
        (rules for rules in resources if covers(rules.path, path)),
        key=lambda rules: (sum("*" not in part for part in rules.path.split("/")), len(rules.path)),
        default=None,
    )


def covers(pattern, path):
    """``*`` stands for characters of a segment; ``/*`` at the end for a path and everything below it."""
    *parts, last = [re.escape(part).replace(r"\*", "[^/]*") for part in pattern.split("/")]
    parts = ["[^/]+" if part == "[^/]*" else part for part in parts]
    if last != "[^/]*":
        return re.fullmatch("/".join([*parts, last]), path, re.DOTALL) is not None
    return re.fullmatch("/".join(parts) + "(/.*)?", path, re.DOTALL) is not None


def lets_in(entry, origin):
    """Whether *origin* is what an entry means."""
    if isinstance(entry, re.Pattern):
        return origin != "null" and entry.fullmatch(origin) is not None
    if "://*." in entry:
        scheme, _, rest = entry.partition("*")
        return re.fullmatch(rf"{scheme}([a-z0-9_-]+\.)*[a-z0-9_-]+{re.escape(rest)}", origin) is not None
    if entry.endswith(":*"):
        host, _, port = origin.rpartition(":")
        default = "443" if entry.startswith("https:") else "80"
        return origin == entry[:-2] or (host == entry[:-2] and port in PORTS - {default})
    return entry == "*" or entry.lower() == origin


def lets_send(entries, name):
    """Whether a list of request headers means *name*, which is in lower case."""
    texts = {entry.lower() for entry in entries if isinstance(entry, str)}
    wild = "*" in texts and name != "authorization"
    begun = any(text.endswith("-*") and name.startswith(text[:-1]) for text in texts)
    matched = any(entry.fullmatch(name) for entry in entries if isinstance(entry, re.Pattern))
    return name in texts or wild or begun or matched


# --- the app under a policy, and the log it writes ------------------------------------------------------


class Lines(io.StringIO):
    """A stream that keeps its writes apart."""

    def __init__(self):
        super().__init__()
        self.written = []

    def write(self, text):
        self.written.append(text)
        return len(text)


class Shop:
    """An app under a policy: below /api/ a view with careless fields of its own tells a secret."""

    def __init__(self, policy):
        self.stream = Lines()
        self.app = Flask("shop")
        self.app.url_map.merge_slashes = False
        self.cors = CORS(self.app, environ=variables(policy), resources=arguments(policy))

        @self.app.route("/api/<path:_>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        def tell(_):
            fields = {ACAO: CARELESS, "Access-Control-Allow-Credentials": "true", "Vary": "Accept-Encoding"}
            return SECRET, fields | {"X-Total-Count": "7", "ETag": "8", "X-Other": "9"}

    @property
    def policy(self):
        return self.cors.policy(self.app)

    @property
    def lines(self):
        """Of the log: each is one write."""
        return [text for text in self.stream.written if text.startswith('{"cors.schema"')]

    @property
    def events(self):
        """The decisions that the log tells of, oldest first."""
        return [told for told in map(json.loads, self.lines) if told["event"] == "cors.decision"]

    def serve(self, environ):
        """The answer, and the one event about it; an empty one if there is none."""
        before = len(self.events)
        with redirect_stderr(self.stream):
            body, status, headers = run_wsgi_app(self.app, {**create_environ("/", OURS), **environ})
            response = Response(status=int(status[:3]), headers=tuple(headers), body=b"".join(body))
        told = self.events[before:]
        assert len(told) <= 1
        return response, told[0] if told else {}

    def answer(self, request):
        """The same for a request of the model's."""
        return self.serve(environ_of(request))

    def send(self, method, url, headers):
        """The transport of a `Browser`."""
        response, _ = self.answer(WireRequest(method=method, url=url, headers=headers))
        return response.status, list(response.headers), response.body


def variables(policy):
    """What the operator puts into the environment: all but compiled patterns, which cannot stand there."""
    found = {"CORS_ENV": policy.environment, "CORS_AUDIT_SINK": "stderr", "CORS_UNSAFE_ALLOW": RULE_IDS}
    for number, rules in enumerate(policy.resources):
        for name, value in vars(rules).items():
            if value is not None and not has_pattern(value):
                text = (" ".join(value) or "none") if isinstance(value, tuple) else str(value)
                found[f"CORS_RESOURCES__R{number}__{name.upper()}"] = text
    return found


def arguments(policy):
    """What stands in the code: the lists that have a compiled pattern in them."""
    return {
        f"r{number}": {name: list(value) for name, value in vars(rules).items() if has_pattern(value)}
        for number, rules in enumerate(policy.resources)
    }


def has_pattern(value):
    return isinstance(value, tuple) and any(isinstance(entry, re.Pattern) for entry in value)


@pytest.fixture(autouse=True, scope="module")
def _nobody_reads_the_warnings():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger("flask_cors_env"), "disabled", True)
        yield


# --- what is compared -----------------------------------------------------------------------------------

OWN_HEADERS = {"x-total-count", "etag", "x-other"}
OUTCOME = ("decision", "reasons", "offending", "near.rule", "near.difference", "rule")
APPS_WORDS = frozenset(
    {"text/html; charset=utf-8", "text/plain; charset=utf-8", "Accept-Encoding", "true", "*", CARELESS}
    | {"no-store"}
    | {"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}
    | {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def exchange(page):
    """What a page's browser may send, each with what judges the answer."""
    preflight = [(preflight_request(page), judge_preflight)] if page.is_cors else []
    return [*preflight, (actual_request(page), cors_check)]


def varies_on(response):
    return split_value(get_header(response.headers, "vary") or "")


def is_decided(environ, response):
    """Whether an event is due: a CORS request, not same-origin, and not what the app shares by itself."""
    origin, site = environ.get("HTTP_ORIGIN"), environ.get("HTTP_SEC_FETCH_SITE")
    host = (environ.get("HTTP_HOST") or "api.example.com").lower().removesuffix(":443")
    if origin is None or get_header(response.headers, ACAO) == CARELESS:
        return False
    if environ["REQUEST_METHOD"].upper() == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        return True
    own = {f"https://{host}"} if site in {None, "same-origin"} else set()
    own |= {f"http://{host.removesuffix(':80')}"} if site == "same-origin" else set()
    return origin not in own


def is_answered_early(policy, told, *, explained):
    """Whether a denial is a 403 ahead of the app: a preflight not explained, or where enforced."""
    if "cors.resource" not in told:
        return False
    rules = policy.resources[int(told["cors.resource"].removeprefix("r"))]
    if "host_differs" in told.get("cors.notes", "") and told["cors.request.kind"] != "preflight":
        return False
    return not explained if told["cors.request.kind"] == "preflight" else bool(rules.enforce)


def is_too_long(environ, told):
    """Whether the decision was on a value beyond the limits."""
    names = split_value(environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", ""))
    preflight = told.get("cors.request.kind") == "preflight"
    too_many = len(",".join(names)) > 8192 or len(set(names) - {""}) > 128
    return len(environ.get("HTTP_ORIGIN", "")) > 512 or (preflight and too_many)


def foreign_words(policy, environ, response):
    """What stands in a response's fields without the policy's leave, or the app's."""
    everyone = [rules.completed(policy.environment) for rules in policy.resources]
    listed = [(*map(normalize_method, r.methods), *r.allow_headers, *r.expose_headers) for r in everyone]
    method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "")
    names = split_value(environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower())
    asked = {name for name in names for rules in everyone if lets_send(rules.allow_headers, name)}
    asked |= {method for rules in everyone if "*" in rules.methods}
    echoed = {word for word in asked if re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", word)}
    origin = environ.get("HTTP_ORIGIN", "")
    echoed |= {origin for rules in everyone for entry in rules.origins if lets_in(entry, origin)}
    known = APPS_WORDS.union(*listed, echoed)
    words = {word for _, value in response.headers for word in split_value(value)}
    return {word for word in words if word not in known and not re.fullmatch("[0-9]+", word)}


def is_whole(told):
    """Whether nothing was cut."""
    return "cors.audit.truncated" not in told


def plain(text):
    """What an escaped value of the log stands for."""
    return text.encode().decode("unicode_escape")


def request_of(told):
    """The request that an event tells of, as far as it matters."""
    (shape,) = shapes(find([[told]], [SHAPES], ()).rows["shapes"])
    return shape.request


def outcome_of(decision):
    """What has to come out again, as the log would tell it."""
    near = decision.near or ("", "")
    lists = ",".join(decision.reasons), ",".join(decision.offending)
    return [str(part) for part in (decision.verdict, *lists, *near, decision.rule or "")]


def without_envelope(answer):
    """An answer and its event, without what tells them from a repetition."""
    response, told = answer
    fields = [(name, value) for name, value in response.headers if name != DECISION_ID]
    kept = {name: value for name, value in told.items() if name not in {"timestamp", "log.record.uid"}}
    return response.status, fields, response.body, kept


def repeated_backwards(rules):
    """The same rules with every list reversed, and each entry twice."""
    lists = {name: value for name, value in vars(rules).items() if isinstance(value, tuple)}
    return replace(rules, **{name: value[::-1] * 2 for name, value in lists.items()})


# --- the laws -------------------------------------------------------------------------------------------

FEWER = settings(max_examples=50)


@given(visits() | asks())
def test_a_page_reads_a_response_exactly_where_the_policy_means_it(visit):
    policy, visitors = visit
    shop = Shop(policy)
    for page in visitors:
        outcome = Browser(shop.send).fetch(page)
        event(f"{outcome.verdict} {outcome.stage}")
        assert (outcome.verdict == "readable") == may_read(policy, page), (page, outcome.cause)


@FEWER
@given(gates())
def test_an_origin_is_let_in_exactly_where_an_entry_means_it(gate):
    policy, origins = gate
    shop = Shop(policy)
    for origin in origins:
        page = PageRequest(origin=origin, url=f"{OURS}/api/x", credentials="omit")
        assert (Browser(shop.send).fetch(page).cause is None) == may_read(policy, page), origin


@FEWER
@given(visits())
def test_a_page_sees_the_exposed_headers_and_no_others(visit):
    policy, visitors = visit
    shop = Shop(policy)
    for page in strangers(visitors):
        outcome = Browser(shop.send).fetch(page)
        rules = governing(policy, path_of(page)) or Rules(expose_headers=())
        exposed = {name.lower() for name in rules.expose_headers}
        told = outcome.cause is None and outcome.status == 200 and page.method != "OPTIONS"
        seen = {name for name, _ in outcome.headers} & OWN_HEADERS
        shown = OWN_HEADERS if "*" in exposed else OWN_HEADERS & exposed
        assert seen == (shown if told else set())


@FEWER
@given(visits())
def test_what_a_preflight_allows_can_then_be_read(visit):
    policy, visitors = visit
    shop = Shop(policy)
    for page in strangers(visitors):
        granted = judge_preflight(page, shop.answer(preflight_request(page))[0])
        refused = cors_check(page, shop.answer(actual_request(page))[0])
        assert not (isinstance(granted, Grant) and refused), (page, granted, refused)


@given(visits() | asks())
def test_the_log_says_allow_exactly_where_the_browser_is_content(visit):
    """A browser that sends credentials also wants them allowed; the log says whether they were."""
    policy, visitors = visit
    shop = Shop(policy)
    for page in strangers(visitors):
        for request, judge in exchange(page):
            response, told = shop.answer(request)
            content = not isinstance(judge(page, response), Cause)
            trusted = page.credentials != "include" or told.get("cors.response.credentials", False)
            assert content == (told.get("cors.decision") == "allow" and trusted)
            if told:
                assert told["http.response.status_code"] == response.status
                assert told.get("cors.response.allow_origin") == get_header(response.headers, ACAO)
            shown = told.get("log.record.uid") if policy.environment == DEVELOPMENT else None
            assert get_header(response.headers, DECISION_ID) == shown


@FEWER
@given(crowds())
def test_caches_can_tell_answers_with_another_allowed_origin_apart(crowd):
    policy, visitors = crowd
    shop = Shop(policy)
    requests = [request for page in visitors for request, _ in exchange(page)]
    answers = [(request, shop.answer(request)[0]) for request in requests]
    for (one, its), (other, their) in combinations(answers, 2):
        assert its.body != SECRET or "Accept-Encoding" in varies_on(its)
        if one.method == other.method and get_header(its.headers, ACAO) != get_header(their.headers, ACAO):
            for names in (varies_on(its), varies_on(their)):
                assert any(one.header(name) != other.header(name) for name in names), (one, other)


@given(crowds())
def test_a_shared_cache_takes_no_answer_away_and_gives_none_that_is_not_meant(crowd):
    policy, visitors = crowd
    shop, cache_of_all = Shop(policy), HttpCache(heuristic=3600)
    for page in visitors:
        outcome = Browser(shop.send, http_cache=cache_of_all).fetch(page)
        event("from the cache" if not outcome.sent else "from the network")
        assert (outcome.verdict == "readable") == may_read(policy, page), (page, outcome.cause)


@given(histories(), st.sampled_from([None, *ENGINE_MAX_AGE.values()]))
def test_a_preflight_cache_never_carries_what_the_policy_refuses(history, cap):
    policy, steps = history
    clock = Clock()
    browser = Browser(Shop(policy).send, clock=clock, max_age_cap=cap)
    for page, wait in steps:
        clock.now += wait
        outcome = browser.fetch(page)
        event("remembered" if needs_preflight(page) and not outcome.preflighted else "asked")
        assert (outcome.verdict == "readable") == may_read(policy, page), (page, outcome.cause)
        reached = any(request.header("access-control-request-method") is None for request in outcome.sent)
        assert not (reached and needs_preflight(page)) or may_read(policy, page)


@FEWER
@given(visits(), st.sampled_from([0, 1, 4, 5, 599, 600, 7199, 7200, 86399, 86400]))
def test_a_preflight_is_asked_again_when_its_max_age_has_passed(visit, wait):
    policy, visitors = visit
    shop = Shop(policy)
    for page in (page for page in visitors if may_read(policy, page) and needs_preflight(page)):
        clock = Clock()
        browser = Browser(shop.send, clock=clock)
        assert browser.fetch(page).preflighted
        clock.now += wait
        assert browser.fetch(page).preflighted == (wait >= governing(policy, path_of(page)).max_age)


@given(visits() | asks(), st.data())
def test_whatever_the_headers_hold_there_is_an_answer_and_one_event(visit, data):
    policy, _ = visit
    shop = Shop(policy)
    for environ in data.draw(st.lists(hostile_requests(policy), min_size=1, max_size=8)):
        response, told = shop.serve(environ)
        assert bool(told) == is_decided(environ, response)
        assert len(header_lines(response.headers, ACAO)) <= 1
        assert foreign_words(policy, environ, response) <= {told.get("log.record.uid")}
        assert told.get("cors.reason") != "internal_error"
        assert not (told.get("cors.decision") == "allow" and is_too_long(environ, told))
    assert all(re.fullmatch(r"[ -~]{1,4095}\n", line) for line in shop.lines)
    assert events("".join(shop.lines)) == shop.events


@FEWER
@given(visits(), st.data())
def test_what_the_log_tells_of_a_request_gives_the_same_decision_again(visit, data):
    policy, visitors = visit
    shop = Shop(policy)
    for page in visitors:
        Browser(shop.send).fetch(page)
    for environ in data.draw(st.lists(hostile_requests(policy), max_size=8)):
        shop.serve(environ)
    for told in filter(is_whole, shop.events):
        resource = shop.policy.resource_named(told.get("cors.resource"))
        guard = resource if told["cors.reason"] == "path_ambiguous" else None
        again = decide_within(resource, request_of(told), explained=shop.policy.is_development, guard=guard)
        assert outcome_of(again) == [plain(told.get(f"cors.{name}", "")) for name in OUTCOME]


@FEWER
@given(visits(), st.data())
def test_a_denied_answer_has_no_fields_but_to_explain_a_refused_method_or_header(visit, data):
    policy, visitors = visit
    shop = Shop(policy)
    requests = [request for page in visitors for request, _ in exchange(page)]
    environs = data.draw(st.lists(hostile_requests(policy), max_size=4))
    for response, told in [*map(shop.answer, requests), *map(shop.serve, environs)]:
        if told.get("cors.decision") == "deny":
            reasons = set(told["cors.reasons"].split(","))
            explained = reasons <= {"method_not_allowed", "header_not_allowed"}
            fields = [name for name, _ in response.headers if name.lower().startswith("access-control-")]
            assert bool(fields) == (explained and policy.environment == DEVELOPMENT)
            assert (response.status == 403) == is_answered_early(policy, told, explained=bool(fields))


@FEWER
@given(visits(), st.randoms(use_true_random=False))
def test_the_order_of_requests_changes_nothing(visit, random):
    policy, visitors = visit
    shop = Shop(policy)
    requests = [request for page in visitors for request, _ in exchange(page)]
    first = {request: without_envelope(shop.answer(request)) for request in requests}
    policy_id = shop.policy.id
    random.shuffle(requests)
    assert {request: without_envelope(shop.answer(request)) for request in requests} == first
    assert shop.policy.id == policy_id == Shop(policy).policy.id


@FEWER
@given(policies())
def test_the_policy_has_one_id_however_it_is_written(policy):
    first, *rest = policy.resources
    backwards = replace(policy, resources=tuple(map(repeated_backwards, policy.resources)))
    other = replace(policy, resources=(replace(first, max_age=7), *rest))
    ids = [Shop(written).policy.id for written in (policy, backwards, other)]
    assert ids[0] == ids[1] != ids[2]
