"""The model of the browser and the Fetch standard: its tables as data, and laws that hold for every input."""

import ast
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env.testing import browser as model
from flask_cors_env.testing.browser import (
    ENGINE_MAX_AGE,
    SAFELISTED_METHODS,
    SAFELISTED_RESPONSE_HEADERS,
    Browser,
    Cause,
    Failure,
    Grant,
    HttpCache,
    PageRequest,
    PreflightCache,
    Response,
    WireRequest,
    actual_request,
    cors_check,
    extract_header_list_values,
    is_safelisted_request_header,
    judge_preflight,
    needs_preflight,
    origin_of,
    preflight_request,
    read_grant,
    readable_headers,
    split_value,
    unsafe_request_header_names,
)

APP = "https://app.example.com"
API = "https://api.example.com/items"
STRANGER = "https://stranger.test"


def ask(*headers, origin=APP, url=API, **more):
    return PageRequest(origin=origin, url=url, headers=headers, **more)


def answer(*headers, status=200, body=b"secret", **fields):
    named = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return Response(status=status, headers=(*headers, *named), body=body)


def allow(origin=APP, **fields):
    fields = {f"access_control_allow_{name}": value for name, value in fields.items()}
    return answer(access_control_allow_origin=origin, **fields)


def max_age_of(value):
    return read_grant(answer(("Access-Control-Max-Age", value))).max_age


def grant(*methods, headers=(), max_age=60):
    return Grant(methods=frozenset(methods), headers=frozenset(headers), max_age=max_age)


def transport(respond):
    """A transport whose answers come from *respond*, given method, URL and headers as a dictionary."""

    def send(method, url, headers):
        response = respond(method, url, dict(headers))
        return response.status, list(response.headers), response.body

    return send


def always(response, **more):
    return Browser(transport(lambda *_: response), **more)


def site(pages, **more):
    """A browser in front of a few URLs, each with one answer to everything."""
    return Browser(transport(lambda _, url, __: pages[url]), **more)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


# --- a second opinion -----------------------------------------------------------------------------------


def imports(module):
    nodes = list(ast.walk(ast.parse(module.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {*names, *(node.module for node in nodes if isinstance(node, ast.ImportFrom))}


def test_the_model_imports_the_standard_library_and_itself_alone():
    modules = list(Path(model.__file__).parent.rglob("*.py"))
    others = {
        name
        for module in modules
        for name in imports(module)
        if name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert len(modules) > 1
    assert {name for name in others if not f"{name}.".startswith(f"{model.__name__}.")} == set()


# --- what a script can ask for --------------------------------------------------------------------------

METHODS = {
    "get": "GET",
    "dElEtE": "DELETE",
    "options": "OPTIONS",
    "put": "PUT",
    "patch": "patch",
    "eGg": "eGg",
}


@pytest.mark.parametrize(("written", "sent"), METHODS.items())
def test_only_six_methods_are_normalized(written, sent):
    assert ask(method=written).method == sent


@pytest.mark.parametrize("method", ["CONNECT", "trace", "TrAcK", "", "GET ", "G\nET", "po\u017ft"])
def test_a_forbidden_or_malformed_method_is_a_type_error(method):
    with pytest.raises(TypeError):
        ask(method=method)


@pytest.mark.parametrize(
    "header", [("X A", "1"), ("", "1"), ("X-A", "1\n2"), ("X-A", "\x00"), ("X-A", "\u0100")]
)
def test_a_malformed_header_is_a_type_error(header):
    with pytest.raises(TypeError):
        ask(header)


@pytest.mark.parametrize(
    "url", ["https://user@api.test/", "ftp://api.test/", "https://api.test:x/", "//api", "http://["]
)
def test_a_url_that_no_page_can_fetch_is_a_type_error(url):
    with pytest.raises(TypeError):
        ask(url=url)


FORBIDDEN = [
    "Accept-Charset", "Accept-Encoding", "Access-Control-Request-Headers", "Access-Control-Request-Method",
    "Connection", "Content-Length", "Cookie", "Cookie2", "Date", "DNT", "Expect", "Host", "Keep-Alive",
    "Origin", "Referer", "Set-Cookie", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Via",
    "Sec-Fetch-Site", "PROXY-X",
]  # fmt: skip


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_request_header_is_dropped_without_a_word(name):
    assert ask((name, "1"), ("X-Kept", " 1 ")).headers == (("X-Kept", "1"),)


OVERRIDES = [
    ("TRACE", False),
    ("get, track", False),
    ("GET", True),
    ('"TRACE"', True),
    ('"a, TRACE, b"', True),
]


@pytest.mark.parametrize(("value", "kept"), OVERRIDES)
def test_a_method_override_may_not_name_a_forbidden_method(value, kept):
    assert bool(ask(("X-HTTP-Method-Override", value)).headers) is kept


def test_a_no_cors_request_keeps_only_the_headers_a_form_could_send():
    dropped = [("X-A", "1"), ("Content-Type", "application/json"), ("Range", "bytes=0-")]
    assert ask(*dropped, ("Accept", "text/css"), mode="no-cors").headers == (("Accept", "text/css"),)


def test_a_no_cors_request_has_a_safelisted_method():
    with pytest.raises(TypeError):
        ask(method="PUT", mode="no-cors")


ORIGINS = {
    "https://Api.Example.com:443/x": "https://api.example.com",
    "http://api.test:80": "http://api.test",
    "http://api.test:443": "http://api.test:443",
    "http://[::1]:3000/": "http://[::1]:3000",
}


@pytest.mark.parametrize(("url", "origin"), ORIGINS.items())
def test_an_origin_is_lower_case_and_leaves_the_default_port_out(url, origin):
    assert origin_of(url) == origin


# --- lists in headers -----------------------------------------------------------------------------------

# the examples of https://fetch.spec.whatwg.org/#example-header-list-get-decode-split
SPLITS = {
    "nosniff,": ("nosniff", ""),
    "": ("",),
    'text/html;", x/x': ('text/html;", x/x',),
    'x/x;test="hi",y/y': ('x/x;test="hi"', "y/y"),
    "x / x,,,1": ("x / x", "", "", "1"),
    '"1,2", 3': ('"1,2"', "3"),
    r'"a\",b",c': (r'"a\",b"', "c"),
}


@pytest.mark.parametrize(("value", "members"), SPLITS.items())
def test_a_value_is_split_at_commas_outside_quotes(value, members):
    assert split_value(value) == members


LISTS = [
    ([], None),
    ([""], ()),
    ([" x-a ,\tx-b"], ("x-a", "x-b")),
    ([",,x-a,"], ("x-a",)),
    (["x-a", "X-B"], ("x-a", "X-B")),
    (["*"], ("*",)),
    (["x-a, no no"], Failure.FAILURE),
    (["x-a", "@"], Failure.FAILURE),
    (['"x-a"'], Failure.FAILURE),
    (["x-a; x-b"], Failure.FAILURE),
]


@pytest.mark.parametrize(("lines", "members"), LISTS)
def test_one_bad_member_fails_the_whole_list(lines, members):
    headers = [("Access-Control-Allow-Headers", line) for line in lines]
    assert extract_header_list_values("access-control-allow-headers", headers) == members


# --- the request-header safelist ------------------------------------------------------------------------

SAFELISTED = [
    ("Accept", "*/*"),
    ("Accept", "text/html\t;q=0.9"),
    ("Accept", "x" * 128),
    ("ACCEPT-LANGUAGE", "de-DE, *;q=0.5"),
    ("Content-Language", "en"),
    ("Content-Type", "text/plain"),
    ("Content-Type", "TEXT/Plain;charset=utf-8"),
    ("Content-Type", "text/plain;garbage"),
    ("Content-Type", " text/plain ;"),
    ("Content-Type", "multipart/form-data; boundary=x"),
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Range", "bytes=0-"),
    ("Range", "bytes=100-200"),
    ("Range", "bytes=7-7"),
]
UNSAFE = [
    ("Accept", "x" * 129),
    *[("Accept", f"a{byte}b") for byte in '"():<>?@[\\]{}\x00\x0b\x1f\x7f'],
    ("Accept-Language", "de_DE"),
    ("Content-Language", "en/us"),
    ("Content-Type", "application/json"),
    ("Content-Type", "application/www-form-urlencoded"),
    ("Content-Type", "text /plain"),
    ("Content-Type", "text/ plain"),
    ("Content-Type", "text/plain, text/plain"),
    ("Content-Type", ",text/plain"),
    ("Content-Type", "text"),
    ("Content-Type", ""),
    ("Content-Type", 'multipart/form-data;"'),
    ("Range", "bytes=-500"),
    ("Range", "bytes=200-100"),
    ("Range", "bytes = 1-2"),
    ("Range", "bytes=1-2,4-5"),
    ("Range", "MB=1-2"),
    ("Range", "bytes=1" + "0" * 60 + "-2" + "0" * 60),
    ("Authorization", "Bearer x"),
    ("X-Requested-With", "XMLHttpRequest"),
    ("DPR", "1"),
]


@pytest.mark.parametrize(("name", "value"), SAFELISTED)
def test_a_form_could_have_sent_a_safelisted_header(name, value):
    assert is_safelisted_request_header(name, value)


@pytest.mark.parametrize(("name", "value"), UNSAFE)
def test_every_other_header_is_unsafe(name, value):
    assert not is_safelisted_request_header(name, value)


def test_safelisted_headers_are_unsafe_together_above_1024_bytes():
    most = [("Accept", "x" * 128)] * 8
    assert unsafe_request_header_names(most) == ()
    assert unsafe_request_header_names([*most, ("Content-Language", "e")]) == ("accept", "content-language")


def test_the_accept_that_every_fetch_has_counts_towards_the_1024_bytes():
    assert needs_preflight(ask(*[("Accept-Language", "x" * 128)] * 8))
    assert not needs_preflight(ask(*[("Accept-Language", "x" * 127)] * 8))
    assert not needs_preflight(ask(*[("Accept-Language", "x" * 128)] * 8, mode="no-cors"))


# --- the CORS check -------------------------------------------------------------------------------------

# https://fetch.spec.whatwg.org/#cors-protocol-and-credentials, and what else an operator writes
CHECKS = [
    ("omit", "*", None, None),
    ("omit", "*", "true", None),
    ("omit", APP + "/", None, Cause.ALLOW_ORIGIN_MISMATCH),
    ("omit", APP, None, None),
    ("same-origin", "*", None, None),
    ("include", "*", "true", Cause.ALLOW_ORIGIN_WILDCARD_WITH_CREDENTIALS),
    ("include", APP, "true", None),
    ("include", APP, "True", Cause.ALLOW_CREDENTIALS_NOT_TRUE),
    ("include", APP, "true, true", Cause.ALLOW_CREDENTIALS_NOT_TRUE),
    ("include", APP, None, Cause.ALLOW_CREDENTIALS_NOT_TRUE),
    ("omit", APP.upper(), None, Cause.ALLOW_ORIGIN_MISMATCH),
    ("omit", f"{APP}, {STRANGER}", None, Cause.ALLOW_ORIGIN_MISMATCH),
    ("omit", "null", None, Cause.ALLOW_ORIGIN_MISMATCH),
    ("omit", "", None, Cause.ALLOW_ORIGIN_MISMATCH),
    ("omit", None, "true", Cause.ALLOW_ORIGIN_MISSING),
]


@pytest.mark.parametrize(("credentials", "origin", "allow_credentials", "cause"), CHECKS)
def test_the_cors_check_compares_byte_for_byte(credentials, origin, allow_credentials, cause):
    fields = {"access-control-allow-origin": origin, "access-control-allow-credentials": allow_credentials}
    headers = [(name, value) for name, value in fields.items() if value is not None]
    assert cors_check(ask(credentials=credentials), answer(*headers)) is cause


def test_two_allow_origin_lines_share_with_nobody_even_if_both_are_right():
    line = ("Access-Control-Allow-Origin", APP)
    assert cors_check(ask(), answer(line, line)) is Cause.ALLOW_ORIGIN_REPEATED


# --- preflights -----------------------------------------------------------------------------------------


def test_a_preflight_asks_for_the_method_and_the_sorted_unsafe_names():
    page = ask(("X-B", "1"), ("authorization", "x"), ("x-b", "2"), ("Accept", "*/*"), method="patch")
    assert preflight_request(page) == WireRequest(
        method="OPTIONS",
        url=API,
        headers=(
            ("Accept", "*/*"),
            ("Access-Control-Request-Method", "patch"),
            ("Access-Control-Request-Headers", "authorization,x-b"),
            ("Origin", APP),
            ("Sec-Fetch-Dest", "empty"),
            ("Sec-Fetch-Mode", "cors"),
            ("Sec-Fetch-Site", "cross-site"),
        ),
    )


def test_a_preflight_for_a_method_alone_has_no_list_of_headers():
    assert preflight_request(ask(method="PUT")).header("Access-Control-Request-Headers") is None


SITES = [
    ("https://api.test", "https://api.test/", "same-origin"),
    ("https://api.test", "https://api.test:8443/", "same-site"),
    ("https://api.test", "http://localhost/", "cross-site"),
    ("https://api.test", "http://127.0.0.1:5000/", "cross-site"),
    ("null", "https://api.test/", "cross-site"),
    ("https://api.test", "http://api.test/", None),
]


@pytest.mark.parametrize(("origin", "url", "expected"), SITES)
def test_fetch_metadata_is_sent_to_https_and_loopback_only(origin, url, expected):
    assert actual_request(ask(origin=origin, url=url)).header("Sec-Fetch-Site") == expected


JUDGEMENTS = [
    ("omit", "PUT", None, {"methods": "PUT"}, None),
    ("omit", "PUT", None, {}, Cause.METHOD_NOT_ALLOWED),
    ("omit", "PUT", None, {"methods": "put"}, Cause.METHOD_NOT_ALLOWED),
    ("omit", "patch", None, {"methods": "PATCH"}, Cause.METHOD_NOT_ALLOWED),
    ("omit", "SUPER", None, {"methods": "*"}, None),
    ("include", "PUT", None, {"methods": "*"}, Cause.METHOD_NOT_ALLOWED),
    ("include", "*", None, {"methods": "*"}, None),
    ("omit", "POST", "X-A", {"headers": "x-a"}, None),
    ("omit", "GET", "x-a", {"methods": "get", "headers": "X-A"}, None),
    ("omit", "GET", "x-a", {"headers": "*"}, None),
    ("include", "GET", "x-a", {"headers": "*"}, Cause.HEADER_NOT_ALLOWED),
    ("include", "GET", "*", {"headers": "*"}, None),
    ("omit", "GET", "x-a", {}, Cause.HEADER_NOT_ALLOWED),
    ("omit", "GET", "Authorization", {"headers": "*"}, Cause.AUTHORIZATION_NOT_ALLOWED),
    ("omit", "GET", "Authorization", {"headers": "*, authorization"}, None),
    ("omit", "PUT", "x-a", {"methods": "PUT, @", "headers": "x-a"}, Cause.ALLOW_METHODS_MALFORMED),
    ("omit", "PUT", "x-a", {"methods": "PUT", "headers": "x-a, b c"}, Cause.ALLOW_HEADERS_MALFORMED),
]


@pytest.mark.parametrize(("credentials", "method", "name", "listed", "cause"), JUDGEMENTS)
def test_a_preflight_answer_allows_what_it_lists(credentials, method, name, listed, cause):
    page = ask(*([(name, "1")] if name else []), method=method, credentials=credentials)
    judged = judge_preflight(page, allow(credentials="true", **listed))
    assert (judged if isinstance(judged, Cause) else None) is cause


@pytest.mark.parametrize(
    ("status", "ok"), [(200, True), (204, True), (299, True), (302, False), (401, False)]
)
def test_a_preflight_answer_has_an_ok_status(status, ok):
    judged = judge_preflight(ask(method="PUT"), replace(allow(methods="PUT"), status=status))
    assert (judged is not Cause.PREFLIGHT_STATUS_NOT_OK) is ok


def test_the_cors_check_of_a_preflight_uses_the_real_requests_credentials():
    page = ask(method="PUT", credentials="include")
    assert judge_preflight(page, allow(methods="PUT")) is Cause.ALLOW_CREDENTIALS_NOT_TRUE
    assert judge_preflight(page, allow("*")) is Cause.ALLOW_ORIGIN_WILDCARD_WITH_CREDENTIALS


AGES = {
    "0": 0,
    "600": 600,
    " 7 ": 7,
    "-1": 5,
    "": 5,
    "1.5": 5,
    "60s": 5,
    "60, 60": 5,
    "9" * 5000: 2**31,
    "0" * 20 + "8": 8,
}


@pytest.mark.parametrize(("value", "seconds"), AGES.items(), ids=lambda value: str(value)[:8])
def test_a_malformed_max_age_is_five_seconds(value, seconds):
    assert max_age_of(value) == seconds


def test_an_absent_or_repeated_max_age_is_five_seconds():
    line = ("Access-Control-Max-Age", "600")
    assert read_grant(answer()).max_age == read_grant(answer(line, line)).max_age == 5


def test_a_refused_preflight_is_the_last_thing_sent():
    outcome = always(allow(methods="DELETE")).fetch(ask(method="PUT"))
    assert (outcome.verdict, outcome.cause, outcome.stage) == (
        "refused",
        Cause.METHOD_NOT_ALLOWED,
        "preflight",
    )
    assert [request.method for request in outcome.sent] == ["OPTIONS"]


def test_the_answer_after_a_good_preflight_is_checked_again():
    browser = Browser(transport(lambda method, *_: allow(methods="PUT") if method == "OPTIONS" else answer()))
    outcome = browser.fetch(ask(method="PUT"))
    assert (outcome.cause, outcome.stage, outcome.body) == (Cause.ALLOW_ORIGIN_MISSING, "response", b"")


def test_a_same_origin_request_is_neither_preflighted_nor_checked():
    outcome = always(answer(x_total="7")).fetch(ask(("X-A", "1"), method="PUT", origin=origin_of(API)))
    assert (outcome.verdict, outcome.preflighted, outcome.header("X-Total")) == ("readable", False, "7")
    assert outcome.sent[0].header("Origin") == origin_of(API)


def test_an_opaque_response_is_not_readable():
    outcome = always(allow("*")).fetch(ask(mode="no-cors"))
    assert (outcome.cause, outcome.headers, outcome.body) == (Cause.OPAQUE_RESPONSE, (), b"")
    assert (outcome.sent[0].header("Origin"), outcome.sent[0].header("Sec-Fetch-Mode")) == (None, "no-cors")


@pytest.mark.parametrize(("mode", "sent"), [("cors", APP), ("no-cors", "null")])
def test_a_no_cors_write_hides_the_origin_from_a_less_secure_url(mode, sent):
    page = ask(method="POST", mode=mode, url="http://api.example.com/")
    assert actual_request(page).header("Origin") == sent
    assert actual_request(replace(page, url=API)).header("Origin") == APP


COOKIES = [("omit", APP, False), ("same-origin", APP, False), ("include", APP, True)]
COOKIES += [("omit", origin_of(API), False), ("same-origin", origin_of(API), True)]


@pytest.mark.parametrize(("credentials", "origin", "sent"), COOKIES)
def test_the_cookie_goes_where_the_credentials_mode_sends_it(credentials, origin, sent):
    outcome = always(allow("*"), cookie="session=1").fetch(ask(credentials=credentials, origin=origin))
    assert outcome.sent[0].header("Cookie") == ("session=1" if sent else None)


def test_a_preflight_can_be_sent_alone():
    browser = always(allow(methods="PUT"))
    assert browser.preflight(ask(method="PUT")) is None
    assert browser.preflight(ask()) is None
    refusal = browser.preflight(ask(method="DELETE"))
    assert (refusal.cause, refusal.stage, refusal.status) == (Cause.METHOD_NOT_ALLOWED, "preflight", 200)
    assert [request.method for request in browser.sent] == ["OPTIONS", "OPTIONS"]


def test_every_cause_names_its_section_of_the_standard_and_says_what_is_wrong():
    assert {cause.section.partition("#")[0] for cause in Cause} == {"https://fetch.spec.whatwg.org/"}
    assert len({cause.meaning for cause in Cause}) == len(Cause) == 15
    assert [cause.value for cause in Cause] == [cause.name.lower() for cause in Cause]


# --- what the page reads --------------------------------------------------------------------------------

EXPOSED = [
    ("omit", None, set()),
    ("omit", "X-A", {"x-a"}),
    ("omit", "x-a, X-B", {"x-a", "x-b"}),
    ("omit", "*", {"x-a", "x-b", "*", "access-control-expose-headers"}),
    ("include", "*", {"*"}),
    ("omit", "x-a, b c", set()),
    ("omit", "x-a,, set-cookie", {"x-a"}),
]


@pytest.mark.parametrize(("credentials", "expose", "names"), EXPOSED)
def test_a_page_reads_the_safelisted_and_the_exposed_headers(credentials, expose, names):
    own = [
        (name, "1") for name in ("X-A", "x-b", "*", "Set-Cookie", "Set-Cookie2", "Cache-Control", "Expires")
    ]
    listed = [] if expose is None else [("Access-Control-Expose-Headers", expose)]
    read = dict(readable_headers(ask(credentials=credentials), answer(*own, *listed)))
    assert set(read) == names | {"cache-control", "expires"}


SEVEN = {
    "Cache-Control",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "Expires",
    "Last-Modified",
    "Pragma",
}


def test_seven_headers_are_read_without_being_exposed():
    assert {name.lower() for name in SEVEN} == SAFELISTED_RESPONSE_HEADERS


def test_no_header_of_an_opaque_response_is_read():
    assert readable_headers(ask(mode="no-cors"), answer(cache_control="no-store")) == ()


def test_lines_of_one_name_are_read_as_one():
    response = answer(("Cache-Control", "no-store"), ("cache-control", "private"))
    assert readable_headers(ask(), response) == (("cache-control", "no-store, private"),)


# --- the preflight cache --------------------------------------------------------------------------------


def test_one_preflight_serves_every_method_and_header_that_it_listed():
    browser = always(allow(methods="PUT, DELETE", headers="x-a, x-b"))
    assert browser.fetch(ask(method="PUT")).preflighted
    assert not browser.fetch(ask(("X-B", "1"), method="DELETE")).preflighted
    assert browser.fetch(ask(method="PATCH")).cause is Cause.METHOD_NOT_ALLOWED


OTHER_KEYS = [
    {"origin": STRANGER},
    {"url": API + "?page=2"},
    {"partition": "https://embedder.test"},
    {"credentials": "include"},
    {"method": "DELETE"},
]


@pytest.mark.parametrize("other", OTHER_KEYS, ids=lambda other: next(iter(other)))
def test_an_entry_serves_only_its_own_key(other):
    cache, page = PreflightCache(clock=Clock()), ask(method="PUT")
    cache.store(page, grant("PUT"))
    assert cache.covers(page)
    assert not cache.covers(replace(page, **other))


def test_an_entry_with_credentials_also_serves_requests_without():
    cache, page = PreflightCache(clock=Clock()), ask(method="PUT", credentials="include")
    cache.store(page, grant("PUT"))
    assert cache.covers(replace(page, credentials="omit"))


@pytest.mark.parametrize(
    ("cap", "lifetime"), [*[(cap, cap) for cap in ENGINE_MAX_AGE.values()], (None, 10**6)]
)
def test_an_entry_lives_as_long_as_the_server_and_the_engine_let_it(cap, lifetime):
    clock, page = Clock(), ask(method="PUT")
    cache = PreflightCache(clock=clock, max_age_cap=cap)
    cache.store(page, grant("PUT", max_age=10**6))
    clock.now = lifetime - 1
    assert cache.covers(page)
    clock.now = lifetime
    assert not cache.covers(page)


def test_max_age_zero_means_a_preflight_each_time():
    browser = always(
        answer(access_control_allow_origin="*", access_control_allow_methods="*", access_control_max_age="0")
    )
    assert all(browser.fetch(ask(method="PUT")).preflighted for _ in range(3))


def test_a_wildcard_entry_serves_any_name_but_authorization_and_only_without_credentials():
    cache, page = PreflightCache(clock=Clock()), ask(("X-A", "1"), method="PUT")
    cache.store(page, grant("*", headers={"*"}))
    assert cache.covers(replace(page, method="DELETE", headers=[("X-B", "1")]))
    assert not cache.covers(replace(page, headers=[("Authorization", "x")]))
    assert not cache.covers(replace(page, credentials="include"))


def test_a_star_listed_to_a_request_with_credentials_is_only_a_name():
    cache, page = PreflightCache(clock=Clock()), ask(method="PUT", credentials="include")
    cache.store(page, grant("*"))
    assert [cache.covers(replace(page, method=method)) for method in ("PUT", "*")] == [False, True]


def test_a_refusal_clears_what_the_cache_knew_of_that_origin_and_url():
    cache, page = PreflightCache(clock=Clock()), ask(method="PUT", partition="q")
    others = [replace(page, origin=STRANGER), replace(page, url=API + "?x"), replace(page, partition="p")]
    for known in (page, *others):
        cache.store(known, grant("PUT"))
    cache.clear(page)
    assert [cache.covers(known) for known in (page, *others)] == [False, True, True, True]


def test_only_the_refusal_of_a_preflighted_request_clears_the_cache():
    answers = [allow(methods="PUT"), allow(), answer(), answer(), allow(methods="PUT"), allow()]
    browser = Browser(transport(lambda *_: answers.pop(0)), clock=Clock())
    outcomes = [browser.fetch(ask(method=method)) for method in ("PUT", "GET", "PUT", "PUT")]
    assert [outcome.preflighted for outcome in outcomes] == [True, False, False, True]
    assert [outcome.verdict for outcome in outcomes] == ["readable", "refused", "refused", "readable"]


# --- the HTTP cache -------------------------------------------------------------------------------------


def echo_if_listed(vary):
    def respond(_method, _url, headers):
        allowed = (
            {"access_control_allow_origin": headers["Origin"]}
            if headers.get("Origin") in (APP, STRANGER)
            else {}
        )
        return answer(cache_control="max-age=60", **allowed, **({"vary": vary} if vary else {}))

    return transport(respond)


@pytest.mark.parametrize(
    ("vary", "verdict"), [(None, "refused"), ("Accept", "refused"), ("accept, Origin", "readable")]
)
def test_a_missing_vary_lets_one_origin_spoil_the_next(vary, verdict):
    browser = Browser(echo_if_listed(vary), clock=Clock())
    assert browser.fetch(ask()).verdict == "readable"
    assert browser.fetch(ask(origin=STRANGER)).verdict == verdict


@pytest.mark.parametrize(("vary", "verdict"), [(None, "refused"), ("Origin", "readable")])
def test_a_missing_vary_lets_a_request_without_origin_spoil_the_next(vary, verdict):
    browser = Browser(echo_if_listed(vary), clock=Clock())
    browser.fetch(ask(mode="no-cors"))
    assert browser.fetch(ask()).verdict == verdict


def get_twice(*headers, clock=None, wait=0, heuristic=0, status=200):
    clock = clock or Clock()
    cache = HttpCache(clock=clock, heuristic=heuristic)
    browser = always(answer(*headers, status=status, access_control_allow_origin="*"), http_cache=cache)
    browser.fetch(ask())
    clock.now += wait
    return not browser.fetch(ask()).sent


REUSED = [
    ((("Cache-Control", "max-age=60"),), {}, True),
    ((("Cache-Control", 'public, MAX-AGE="60"'),), {}, True),
    ((("Cache-Control", "max-age=60"),), {"wait": 60}, False),
    ((("Cache-Control", "max-age=0"),), {"heuristic": 9}, False),
    ((("Cache-Control", "max-age=60, no-store"),), {}, False),
    ((("Cache-Control", "no-cache, max-age=60"),), {}, False),
    ((("Cache-Control", "max-age=60"), ("Vary", "*")), {}, False),
    ((("Cache-Control", "max-age=60"),), {"status": 503}, True),
    ((("Cache-Control", "max-age=60"),), {"status": 206}, False),
    ((), {}, False),
    ((), {"heuristic": 9}, True),
    ((), {"heuristic": 9, "status": 503}, False),
]


@pytest.mark.parametrize(("headers", "circumstances", "reused"), REUSED)
def test_the_cache_reuses_what_is_fresh(headers, circumstances, reused):
    assert get_twice(*headers, **circumstances) is reused


def test_the_cache_never_serves_a_preflight():
    eager = HttpCache(clock=Clock(), heuristic=999)
    browser = always(
        answer(access_control_allow_origin="*", access_control_allow_methods="*", access_control_max_age="0"),
        http_cache=eager,
    )
    assert [len(browser.fetch(ask(method="PUT")).sent) for _ in range(2)] == [2, 2]


def test_a_write_that_succeeds_forgets_the_stored_response():
    browser = always(allow("*"), http_cache=HttpCache(clock=Clock(), heuristic=999))
    assert [len(browser.fetch(ask(method=method)).sent) for method in ("GET", "GET", "POST", "GET")] == [
        1,
        0,
        1,
        1,
    ]


def test_a_write_that_fails_forgets_nothing():
    browser = Browser(
        transport(lambda method, *_: replace(allow("*"), status=200 if method == "GET" else 500)),
        http_cache=HttpCache(clock=Clock(), heuristic=999),
    )
    assert [len(browser.fetch(ask(method=method)).sent) for method in ("GET", "POST", "GET")] == [1, 1, 0]


def test_each_partition_has_its_own_responses():
    browser = always(allow("*"), http_cache=HttpCache(clock=Clock(), heuristic=999))
    assert [len(browser.fetch(ask(partition=name)).sent) for name in ("a", "b", "a")] == [1, 1, 0]


def test_a_request_for_a_range_is_not_answered_from_the_cache():
    browser = always(allow("*"), http_cache=HttpCache(clock=Clock(), heuristic=999))
    assert [len(browser.fetch(ask(*headers)).sent) for headers in ((), [("Range", "bytes=0-")])] == [1, 1]


def test_the_newest_response_that_fits_is_used():
    cache = HttpCache(clock=Clock(), heuristic=999)
    request = WireRequest(method="GET", url=API, headers=())
    cache.update(request, answer(vary="Origin", body=b"old"))
    cache.update(replace(request, headers=(("Origin", APP),)), answer(body=b"new"))
    assert cache.select(request).body == b"new"


def test_browsers_that_share_a_cache_share_its_mistakes():
    cdn = HttpCache(clock=Clock())
    first, second = (Browser(echo_if_listed(None), http_cache=cdn) for _ in range(2))
    first.fetch(ask(origin=STRANGER))
    assert second.fetch(ask()).cause is Cause.ALLOW_ORIGIN_MISMATCH


# --- redirects ------------------------------------------------------------------------------------------

ELSEWHERE = "https://elsewhere.test/"


def to(location, status=302, origin="*"):
    return answer(status=status, location=location, access_control_allow_origin=origin)


def test_a_redirect_from_one_foreign_origin_to_another_has_the_origin_null():
    outcome = site({API: to(ELSEWHERE), ELSEWHERE: allow("null")}).fetch(ask())
    assert [request.header("Origin") for request in outcome.sent] == [APP, "null"]
    assert outcome.verdict == "readable"


def test_a_redirect_within_one_foreign_origin_keeps_the_pages_origin():
    outcome = site({API: to("/v2"), "https://api.example.com/v2": allow()}).fetch(ask())
    assert [request.header("Origin") for request in outcome.sent] == [APP, APP]


def test_a_redirect_away_from_home_keeps_the_pages_origin():
    outcome = site({APP + "/a": to(API), API: allow()}).fetch(ask(url=APP + "/a"))
    assert [request.header("Origin") for request in outcome.sent] == [None, APP]
    assert outcome.verdict == "readable"


def test_a_redirect_that_is_not_shared_is_not_followed():
    outcome = site({API: answer(status=302, location=ELSEWHERE)}).fetch(ask())
    assert (outcome.cause, len(outcome.sent)) == (Cause.ALLOW_ORIGIN_MISSING, 1)


def test_a_redirect_back_home_is_still_checked():
    home = APP + "/"
    outcome = site({API: to(home), home: answer()}).fetch(ask())
    assert (outcome.sent[1].header("Origin"), outcome.cause) == ("null", Cause.ALLOW_ORIGIN_MISSING)


REWRITES = [
    (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"),
    (308, "POST", "POST"), (302, "PUT", "PUT"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "method", "onward"), REWRITES)
def test_a_redirect_rewrites_the_method_as_browsers_do(status, method, onward):
    home = "https://app.example.com/a"
    page = ask(("Content-Type", "text/plain"), ("X-A", "1"), url=home, method=method)
    last = site({home: to("/b", status), APP + "/b": answer()}).fetch(page).sent[-1]
    assert (last.method, last.header("X-A")) == (onward, "1")
    assert (last.header("Content-Type") is None) is (method != onward)


def test_authorization_stays_with_the_origin_it_was_meant_for():
    page = ask(("Authorization", "Bearer x"), url=APP + "/a")
    outcome = site({APP + "/a": to(API), API: allow()}).fetch(page)
    assert [request.header("Authorization") for request in outcome.sent] == ["Bearer x", None]
    assert outcome.verdict == "readable"


def test_a_redirect_to_another_origin_is_preflighted_anew():
    grants = {"access_control_allow_origin": "*", "access_control_allow_methods": "PUT"}
    outcome = site({API: answer(status=307, location=ELSEWHERE), ELSEWHERE: answer(**grants)}).fetch(
        ask(method="PUT")
    )
    assert outcome.cause is Cause.ALLOW_ORIGIN_MISSING
    moved = transport(
        lambda method, url, _: to(ELSEWHERE, 307) if (method, url) == ("PUT", API) else answer(**grants)
    )
    assert [request.method for request in Browser(moved).fetch(ask(method="PUT")).sent] == [
        "OPTIONS",
        "PUT",
    ] * 2


BAD_LOCATIONS = {
    "data:text/plain,x": Cause.REDIRECT_INVALID,
    "https://[": Cause.REDIRECT_INVALID,
    "https://api.example.com:x/": Cause.REDIRECT_INVALID,
    "https://user:secret@elsewhere.test/": Cause.REDIRECT_WITH_USERINFO,
    API: Cause.REDIRECT_LIMIT_REACHED,
}


@pytest.mark.parametrize(("location", "cause"), BAD_LOCATIONS.items())
def test_a_redirect_to_nowhere_is_refused(location, cause):
    outcome = always(to(location)).fetch(ask())
    assert (outcome.cause, outcome.stage) == (cause, "redirect")
    assert len(outcome.sent) == (21 if location == API else 1)


def test_a_redirect_to_two_places_is_refused():
    response = replace(allow(), status=302, headers=(*allow().headers, ("Location", API), ("Location", API)))
    assert always(response).fetch(ask()).cause is Cause.REDIRECT_INVALID


def test_a_redirect_status_without_location_is_an_ordinary_response():
    assert always(replace(allow(), status=302)).fetch(ask()).verdict == "readable"


# --- laws -----------------------------------------------------------------------------------------------

names = st.sampled_from(
    ["Accept", "content-type", "Range", "Authorization", "X-A", "x-a", "X-b", "*", "Cookie"]
)
values = st.sampled_from(["", "1", "text/plain", "application/json", "bytes=1-", "y" * 129, "z" * 128])
methods = st.sampled_from(["GET", "head", "POST", "put", "patch", "PATCH", "*", "OPTIONS"])
credentials_modes = st.sampled_from(["omit", "same-origin", "include"])
pages = st.builds(
    PageRequest,
    origin=st.sampled_from([APP, STRANGER, "null"]),
    url=st.sampled_from([API, API + "?x"]),
    method=methods,
    headers=st.lists(st.tuples(names, values), max_size=10),
    credentials=credentials_modes,
)
fields = st.sampled_from(
    [
        f"Access-Control-{name}"
        for name in ("Allow-Origin", "Allow-Methods", "Allow-Headers", "Expose-Headers")
    ]
    + ["Access-Control-Allow-Credentials", "Access-Control-Max-Age", "Set-Cookie", "Location", "Vary", "X-A"]
)
contents = st.sampled_from(
    [APP, "*", "null", "true", "X-A, authorization", "PUT, patch", "set-cookie", "a b", "60", ""]
)
close_pages = st.builds(
    ask,
    st.sampled_from([("X-A", "1"), ("Authorization", "1"), ("Accept", "*/*")]),
    origin=st.sampled_from([APP, STRANGER]),
    method=st.sampled_from(["GET", "PUT", "patch"]),
    credentials=st.sampled_from(["omit", "include"]),
)
responses = st.builds(
    Response,
    status=st.sampled_from([200, 204, 302, 403, 500]),
    headers=st.lists(
        st.tuples(fields, contents | st.text(st.characters(max_codepoint=255), max_size=5)), max_size=8
    ),
    body=st.just(b"secret"),
)
grants = st.builds(
    Grant,
    methods=st.frozensets(st.sampled_from(["PUT", "patch", "*"])),
    headers=st.frozensets(st.sampled_from(["x-a", "x-b", "content-type", "authorization", "*"])),
    max_age=st.integers(0, 20),
)


@given(pages)
def test_a_preflight_is_needed_exactly_for_an_unsafe_method_or_an_unsafe_header(page):
    bytes_in_all = sum(len(value) for _, value in page.header_list)
    unsafe = any(not is_safelisted_request_header(*header) for header in page.headers)
    assert needs_preflight(page) is (page.method not in SAFELISTED_METHODS or unsafe or bytes_in_all > 1024)


@given(pages)
def test_the_requested_headers_are_lower_case_sorted_unique_and_the_scripts_own(page):
    asked = (preflight_request(page).header("Access-Control-Request-Headers") or "").split(",")
    assert all(first < second for first, second in pairwise(asked))
    assert set(asked) <= {name.lower() for name, _ in page.header_list} | {""}


@given(pages)
def test_a_preflight_never_carries_credentials(page):
    preflights = [
        request
        for request in always(allow("*"), cookie="session=1").fetch(page).sent
        if request.method == "OPTIONS"
    ]
    asking = [request for request in preflights if request.header("Access-Control-Request-Method")]
    assert not any(request.header("Cookie") or request.header("Authorization") for request in asking)


@given(pages, responses)
def test_a_refused_response_is_never_readable(page, response):
    outcome = always(response, clock=Clock()).fetch(page)
    if cors_check(page, response):
        assert outcome.verdict == "refused"
    if outcome.verdict == "refused":
        assert (outcome.headers, outcome.body) == ((), b"")


@given(pages, responses)
def test_a_readable_response_named_the_origin_or_the_wildcard(page, response):
    if always(response, clock=Clock()).fetch(page).verdict == "readable":
        allowed = {
            value.strip(" \t") for name, value in response.headers if name == "Access-Control-Allow-Origin"
        }
        assert allowed in ({page.origin}, {"*"}, {"null"})


@given(pages, responses)
def test_the_wildcard_is_refused_with_credentials(page, response):
    starred = (
        *[header for header in response.headers if "Origin" not in header[0]],
        ("Access-Control-Allow-Origin", "*"),
    )
    outcome = always(replace(response, headers=starred)).fetch(replace(page, credentials="include"))
    assert outcome.cause is Cause.ALLOW_ORIGIN_WILDCARD_WITH_CREDENTIALS


@given(pages, grants)
def test_a_wildcard_never_covers_authorization(page, given_grant):
    page = replace(page, headers=(*page.headers, ("Authorization", "x")))
    listed = replace(
        given_grant,
        methods=given_grant.methods | {page.method},
        headers=given_grant.headers - {"authorization"},
    )
    cache = PreflightCache(clock=Clock())
    cache.store(page, listed)
    assert listed.refusal(page) is Cause.AUTHORIZATION_NOT_ALLOWED
    assert not cache.covers(page)


def lists(given_grant, page, *, method=None, header=None):
    """Whether a preflight of *page* that was answered with *given_grant* allowed this method or header."""
    wild = page.credentials != "include" and header != "authorization"
    listed = given_grant.methods if method else given_grant.headers
    return (method or header) in listed or (wild and "*" in listed)


@given(st.lists(st.tuples(close_pages, grants, st.integers(0, 5))), close_pages, st.integers(1, 15))
def test_a_cached_preflight_is_never_wider_than_what_was_listed(history, page, cap):
    clock = Clock()
    cache = PreflightCache(clock=clock, max_age_cap=cap)
    stored = []
    for asked, given_grant, wait in history:
        cache.store(asked, given_grant)
        stored.append((asked, given_grant, clock.now + min(given_grant.max_age, cap)))
        clock.now += wait
    live = [
        (asked, given_grant)
        for asked, given_grant, expiry in stored
        if clock.now < expiry and (asked.origin, asked.url) == (page.origin, page.url)
        and (asked.credentials == "include" or page.credentials != "include")
    ]  # fmt: skip
    if cache.covers(page):
        unsafe = unsafe_request_header_names(page.header_list)
        assert page.method in SAFELISTED_METHODS or any(
            lists(g, asked, method=page.method) for asked, g in live
        )
        assert all(any(lists(g, asked, header=name) for asked, g in live) for name in unsafe)


@given(pages, grants)
def test_what_a_preflight_allowed_is_covered_until_it_expires(page, given_grant):
    clock = Clock()
    cache = PreflightCache(clock=clock)
    cache.store(page, replace(given_grant, max_age=3))
    assert cache.covers(page) is (given_grant.refusal(page) is None)
    clock.now = 3
    assert cache.covers(page) is not needs_preflight(page)


@given(pages, responses)
def test_set_cookie_is_never_readable(page, response):
    cookie = replace(response, headers=(*response.headers, ("Set-Cookie", "a=b")))
    for origin in (page.origin, origin_of(API)):
        assert "set-cookie" not in dict(readable_headers(replace(page, origin=origin), cookie))


@given(pages, responses)
def test_a_page_reads_no_header_that_is_neither_safelisted_nor_exposed(page, response):
    bare = [header for header in response.headers if header[0] != "Access-Control-Expose-Headers"]
    assert set(dict(readable_headers(page, replace(response, headers=bare)))) <= SAFELISTED_RESPONSE_HEADERS


visits = st.lists(
    st.builds(
        ask,
        origin=st.sampled_from([APP, STRANGER, "https://unlisted.test"]),
        mode=st.sampled_from(["cors", "no-cors"]),
    )
)


@given(visits)
def test_with_vary_origin_a_cache_changes_no_verdict(history):
    cached = Browser(echo_if_listed("Origin"), clock=Clock())
    for page in history:
        fresh = Browser(echo_if_listed("Origin")).fetch(page)
        assert cached.fetch(page).cause is fresh.cause


@given(st.lists(st.text(max_size=12), min_size=1))
def test_a_list_is_read_as_tokens_or_not_at_all(lines):
    read = extract_header_list_values(
        "access-control-allow-headers", [("access-control-allow-headers", line) for line in lines]
    )
    assert read is Failure.FAILURE or all(member and not set(member) & set(' \t,;"@') for member in read)


# --- over a real application ----------------------------------------------------------------------------


def test_the_browser_works_over_flasks_test_client():
    import flask

    app = flask.Flask(__name__)
    client = app.test_client(use_cookies=False)

    @app.put("/items")
    def put():
        return {"cookie": flask.request.headers.get("Cookie")}, {
            "Access-Control-Allow-Origin": APP,
            "Access-Control-Allow-Credentials": "true",
        }

    @app.before_request
    def preflight():
        if flask.request.method == "OPTIONS":
            allowed = {"Origin": APP, "Methods": "PUT", "Credentials": "true"}
            return "", 204, {f"Access-Control-Allow-{name}": value for name, value in allowed.items()}
        return None

    def send(method, url, headers):
        response = client.open(url, method=method, headers=headers)
        return response.status_code, list(response.headers), response.data

    outcome = Browser(send, cookie="session=1").fetch(ask(method="put", credentials="include"))
    assert (outcome.verdict, outcome.preflighted, outcome.status) == ("readable", True, 200)
    assert outcome.body == b'{"cookie":"session=1"}\n'
    assert outcome.header("content-type") == "application/json"
