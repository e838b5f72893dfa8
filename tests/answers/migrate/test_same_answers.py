"""What `flask cors migrate` writes is fed back: browsers see the same, except where a line says so."""

import re
from itertools import product

import pytest
from peers import HEADERS, METHODS, ORIGINS, page, translated, unexplained, with_flask_cors, with_ours

SORTS = ["omit", "include"]
APP = "https://app.example.com"
CASES = {
    "nothing": {},
    "one origin": {"origins": APP},
    "several": {"origins": [APP, "http://localhost:3000", "null"]},
    "credentials": {"origins": [APP, "null"], "supports_credentials": True},
    "everyone with credentials": {"supports_credentials": True},
    "public": {"methods": ["GET", "HEAD"], "expose_headers": "X-Total-Count, X-Other"},
    "wildcard": {"send_wildcard": True, "expose_headers": "*"},
    "exposed wildcard": {"origins": APP, "supports_credentials": True, "expose_headers": ["*", "X-Other"]},
    "subdomains": {"origins": r"https://.*\.example\.com"},
    "anchored": {"origins": r"^https://.*\.example\.com$"},
    "label": {"origins": r"https://[a-z]+\.example\.com$"},
    "optional label": {"origins": r"^https?://([a-z0-9-]+\.)?example\.com$"},
    "labels": {"origins": r"https://(?:[a-z0-9-]+\.)*example\.com$"},
    "no dot": {"origins": r"https://.*example\.com"},
    "dots": {"origins": "https?://app.example.com"},
    "no scheme": {"origins": r".*\.example\.com"},
    "glob": {"origins": "https://*.example.com"},
    "any port": {"origins": "http://localhost:*"},
    "ports": {"origins": r"http://localhost:\d+"},
    "optional port": {"origins": [r"http://(localhost|127\.0\.0\.1)(:\d+)?$", "http://[::1]:3000"]},
    "lan": {"origins": [APP, r"http://192\.168\.\d+\.\d+(:\d+)?$"]},
    "compiled": {"origins": re.compile(r"https://(app|b)\.example\.com\Z")},
    "capitals": {"origins": ["HTTPS://APP.example.com", re.compile("https://B[.]example[.]com")]},
    "useless": {"origins": [f"{APP}/", "b.example.com", f"{APP}:443", "https://b.example.com "]},
    "methods": {"origins": APP, "methods": ["get", "put", "patch"]},
    "one method": {"origins": APP, "methods": "DELETE"},
    "star method": {"origins": APP, "methods": "*"},
    "forbidden methods": {"origins": APP, "methods": ["GET", "POST", "HEAD", "TRACE", "not a method"]},
    "headers": {"origins": APP, "allow_headers": ["Content-Type", "x-trace-id"]},
    "one string": {"origins": APP, "allow_headers": "Content-Type, Authorization"},
    "header regexes": {"origins": APP, "allow_headers": [r"X-(Trace|Span)-Id", "x-y.*", "Origin"]},
    "header prefix": {"origins": APP, "allow_headers": [r"X-Trace-.*", r"x-[yz]$"]},
    "header by hand": {"origins": APP, "allow_headers": ["Content-Type", r".*-id$"]},
    "no headers": {"origins": APP, "allow_headers": []},
    "ages": {"origins": APP, "max_age": 0},
}  # fmt: skip


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_browsers_see_the_same_or_a_line_says_so(options):
    theirs = with_flask_cors(**options)
    translation = translated(theirs)
    ours = with_ours(translation)
    requests = [page(o, m, "/items", h) for o, m, h in product(ORIGINS[:2], METHODS, HEADERS)]
    requests += [page(o, m, "/items", (), c) for o, m, c in product(ORIGINS, ["GET", "PUT"], SORTS)]
    assert unexplained(theirs, ours, translation, requests) == []


OTHER = "https://b.example.com"
MINE, ITS = {"origins": APP}, {"origins": [APP, OTHER], "max_age": 60}
RESOURCES = {
    "all": {"/*": MINE},
    "star": {"*": MINE},
    "glob": {"/api/*": MINE},
    "regex": {r"/api/.*": MINE, r"^/public/": ITS},
    "list": [r"/api/.*", r"/v[12]/.*", "/", "/users/7"],
    "open end": {r"^/api": MINE},
    "closed end": {r"/api$": MINE, "^/users/[^/]+$": ITS},
    "classes": {r"/v\d+/.*": MINE, r"/users/\d+": ITS},
    "depth": {r"/static/.*\.js(on)?$": MINE, r"/api/.*/items$": ITS},
    "dot": {"/static/app.js$": MINE},
    "prefix of a segment": {r"/api/admin.*": MINE},
    "optional rest": {r"/api(/.*)?$": MINE},
    "specific after loose": {r"/.*": ITS, r"/api/admin/.*": MINE},
    "specific inside": {r"/api/.*": ITS, "/api/admin": MINE, "/": {"origins": OTHER}},
    "loose and longer": {r"/(pub|api|docs|other)/.*": ITS, r"/api/admin/.*": MINE},
    "compiled first": {re.compile(r"/.*"): ITS, r"/api/.*": MINE},
    "compiled without case": {re.compile(r"/api/.*", re.IGNORECASE): MINE},
    "by hand": {r"/(?!api).*": MINE},
    "by hand beside a looser one": {r"/api/(?!admin).*": MINE, r"/.*": ITS},
    "same paths twice": {"/api/*": MINE, "/api/.*": ITS},
    "as specific": {r"/api/[^/]+/x$": MINE, r"/[^/]+/api/x$": ITS},
    "never": {"api/*": MINE, "/users/<int:id>": ITS, "/a%20b": MINE},
    "all by hand": {re.compile(r"/x\b"): MINE},
    "public beside": {"/public/*": {"methods": ["GET", "HEAD"]}, "/api/*": ITS},
}
PATHS = (
    "/ /api /api/ /api/items /apifoo /api/admin /api/admin/x /api/adminfoo /v1/x /v9/x /vx/x /users/7 "
    "/users/7/x /users/me /static/app.js /static/appxjs /static/a/b.json /public/x /API/x /api/a/items "
    "/api/a/b/items /x/api/x /api/api/x /api/q/x /other/x /x /x-y"
).split()


@pytest.mark.parametrize("resources", RESOURCES.values(), ids=RESOURCES)
def test_paths_are_governed_as_before_or_a_line_says_so(resources):
    theirs = with_flask_cors(resources=resources)
    translation = translated(theirs)
    requests = [
        page(origin, method, path, ())
        for origin, method, path in product([APP, OTHER, "https://evil.net"], ["GET", "PUT"], PATHS)
    ]
    assert unexplained(theirs, with_ours(translation), translation, requests) == []
