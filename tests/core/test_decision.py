"""Decisions: each one whole, these fields and no others; and the laws that hold for all of them."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env.core.decision import Decision, advice, decide
from flask_cors_env.core.decision import decide_within as decide_with_advice
from flask_cors_env.core.header_names import HeaderNames
from flask_cors_env.core.near import Near
from flask_cors_env.core.origin import Origins, parse_origin
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.core.protocol import (
    FORBIDDEN_METHODS,
    MAX_METHOD,
    MAX_NAMES,
    MAX_NAMES_BYTES,
    MAX_ORIGIN,
    RESPONSE_FIELDS,
    is_token,
)
from flask_cors_env.core.reason import Difference, Note, Reason, Verdict
from flask_cors_env.core.request import Kind, Request

APP, EVIL = "https://app.example.com", "https://evil.test"
ALLOW, DENY, SKIP = Verdict.ALLOW, Verdict.DENY, Verdict.SKIP
ACTUAL, PREFLIGHT, NONE, WEBSOCKET = Kind.ACTUAL, Kind.PREFLIGHT, Kind.NONE, Kind.WEBSOCKET
METHOD, HEADER, MALFORMED = Reason.METHOD_NOT_ALLOWED, Reason.HEADER_NOT_ALLOWED, Reason.REQUEST_MALFORMED
ORIGIN = ("Origin",)
ASKED = ("Access-Control-Request-Method", "Access-Control-Request-Headers")
LONGEST = "https://" + "a" * (MAX_ORIGIN - 8)


def decide_within(*arguments, **rest):
    """The decision apart from its remedy, which has tests of its own."""
    return decide_with_advice(*arguments, **rest)._replace(advised=None)


def resource(**rules):
    return Resource.parse(**{"origins": [APP], **rules})


def listed(*origins, **rest):
    return Resource(origins=Origins(map(parse_origin, origins)), **rest)


def get(origin=APP, **rest):
    return Request(origin, **rest)


def preflight(method="GET", headers=None, origin=APP, **rest):
    return Request(origin, "OPTIONS", requested_method=method, requested_headers=headers, **rest)


def acao(value=APP):
    return ("Access-Control-Allow-Origin", value)


ACAC = ("Access-Control-Allow-Credentials", "true")


def acma(seconds=0):
    return ("Access-Control-Max-Age", str(seconds))


def acam(value):
    return ("Access-Control-Allow-Methods", value)


def acah(value):
    return ("Access-Control-Allow-Headers", value)


def aceh(value):
    return ("Access-Control-Expose-Headers", value)


# --- nothing to decide


def test_a_request_without_an_origin_is_no_cors_request_but_varies():
    made = resource(allow_credentials=True, expose_headers=["X-A"])
    assert decide_within(made, get(None)) == Decision(NONE, SKIP, (Reason.NO_ORIGIN,), made, vary=ORIGIN)


def test_a_response_that_anyone_may_read_has_its_fields_without_an_origin_too():
    made = resource(origins=["*"], expose_headers=["X-A"])
    expected = Decision(NONE, SKIP, (Reason.NO_ORIGIN,), made, fields=(acao("*"), aceh("X-A")))
    assert decide_within(made, get(None)) == expected


def test_a_same_origin_request_is_no_decision_and_has_the_fields_of_its_origin():
    made = resource()
    skipped = Decision(ACTUAL, SKIP, (Reason.SAME_ORIGIN,), made, vary=ORIGIN)
    assert decide_within(made, get(same_origin=True)) == skipped._replace(fields=(acao(),))
    assert decide_within(made, get(EVIL, same_origin=True)) == skipped


def test_a_same_origin_request_passes_enforce():
    made = resource(enforce=True)
    assert decide_within(made, get(EVIL, same_origin=True)).status is None


def test_a_preflight_is_judged_by_its_origin_whatever_its_host_is():
    made = resource()
    assert decide_within(made, preflight(same_origin=True)) == decide_within(made, preflight())


@pytest.mark.parametrize("enforce", [False, True])
def test_where_a_proxy_hides_the_host_the_origin_decides_and_enforce_lets_pass(enforce):
    made, notes = resource(enforce=enforce), (Note.HOST_DIFFERS,)
    hidden = get(host_differs=True)
    assert decide_within(made, hidden) == decide_within(made, get())._replace(notes=notes)
    plain = decide_within(resource(), get(EVIL))._replace(resource=made)
    assert decide_within(made, get(EVIL, host_differs=True)) == plain._replace(notes=notes)


HIDDEN = "A proxy hides the host: add werkzeug's ProxyFix, or let the proxy pass on the Host field."


@pytest.mark.parametrize(
    ("made", "rest"),
    [
        (resource(), {}),
        (resource(enforce=True), {}),
        (Resource.parse(origins=lambda *, origin, request: False), {}),  # noqa: ARG005 - the contract's names
        (None, {}),
        (resource(), {"websocket": True}),
    ],
)
def test_the_remedy_of_a_denial_behind_a_proxy_that_hides_the_host_is_the_proxy(made, rest):
    decision = decide_with_advice(made, get(EVIL, host_differs=True, **rest))
    assert (decision.verdict, decision.remedy) == (DENY, (None, HIDDEN))


def test_the_remedy_of_an_ambiguous_path_behind_such_a_proxy_is_the_proxy():
    made = resource(enforce=True)
    decision = decide_with_advice(made, get(EVIL, host_differs=True), guard=made)
    assert decision.remedy == (None, HIDDEN)


@pytest.mark.parametrize("made", [resource(), None])
@pytest.mark.parametrize("origin", ["null", "https://a.example/"])
def test_behind_such_a_proxy_an_origin_that_names_no_host_keeps_its_own_remedy_first(origin, made):
    plain = decide_with_advice(made, get(origin)).remedy
    found = decide_with_advice(made, get(origin, host_differs=True)).remedy
    assert found == (plain.variable, f"{plain.hint} {HIDDEN}")


# --- handshakes


def handshake(origin=APP, **rest):
    return get(origin, websocket=True, **rest)


def test_a_handshake_is_judged_by_its_origin():
    made = resource()
    assert decide_within(made, handshake()) == decide_within(made, get())._replace(kind=WEBSOCKET)


def test_a_denied_handshake_says_that_no_browser_stops_it():
    made = resource()
    refused = decide_within(made, get(EVIL))._replace(kind=WEBSOCKET)
    assert decide_within(made, handshake(EVIL)) == refused._replace(notes=(Note.NOT_ENFORCED,))


def test_a_denied_handshake_is_refused_where_the_resource_enforces():
    made = resource(enforce=True)
    refused = decide_within(made, get(EVIL))._replace(kind=WEBSOCKET)
    assert refused.status == 403
    assert decide_within(made, handshake(EVIL)) == refused


def test_a_handshake_that_no_resource_covers_says_that_no_browser_stops_it():
    assert decide_within(None, handshake()) == Decision(
        WEBSOCKET, DENY, (Reason.NO_RESOURCE,), notes=(Note.NOT_ENFORCED,)
    )


# --- paths that may mean another one


GUARDED = ["/priv/../pub/x", "/priv/./x", "/priv\\x", "/priv/%2e%2e/pub/x", "/pub/..%2fpriv/x", "/priv/.."]


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("origin", [APP, EVIL])
def test_an_ambiguous_path_leads_no_foreign_origin_round_enforce(path, origin):
    private, public = resource(name="a", paths=["/priv/*"], enforce=True), resource(paths=["/pub/*"])
    policy = Policy([private, public])
    refused = Decision(ACTUAL, DENY, (Reason.PATH_AMBIGUOUS,), private, vary=ORIGIN, status=403)
    assert decide(policy, get(origin, path=path))._replace(advised=None) == refused
    assert decide(policy, handshake(origin, path=path))._replace(advised=None) == refused._replace(
        kind=WEBSOCKET
    )
    assert decide(policy, preflight(origin=origin, path=path))._replace(advised=None) == refused._replace(
        kind=PREFLIGHT
    )
    hidden = refused._replace(status=None, notes=(Note.HOST_DIFFERS,))
    assert decide(policy, get(origin, path=path, host_differs=True))._replace(advised=None) == hidden


@pytest.mark.parametrize("path", GUARDED)
def test_nobody_gets_fields_on_an_ambiguous_path_that_a_cache_could_pass_on(path):
    private, public = (
        resource(name="a", paths=["/priv/*"], enforce=True),
        resource(origins=["*"], paths=["/pub/*"]),
    )
    policy = Policy([private, public])
    skipped = Decision(ACTUAL, SKIP, (Reason.SAME_ORIGIN,), private, vary=ORIGIN)
    assert decide(policy, get(path=path, same_origin=True)) == skipped
    assert decide(policy, get(None, path=path)) == Decision(
        NONE, SKIP, (Reason.NO_ORIGIN,), private, vary=ORIGIN
    )


@pytest.mark.parametrize("path", ["/pub/../x", "/priv/x", "/priv/a.b", "/priv/a%20b", "/priv/.well-known/x"])
def test_a_path_that_means_one_thing_or_that_nobody_guards_is_no_such(path):
    private, public = resource(name="a", paths=["/priv/*"], enforce=True), resource(paths=["/pub/*"])
    assert Reason.PATH_AMBIGUOUS not in decide(Policy([private, public]), get(path=path)).reasons


@pytest.mark.parametrize("path", GUARDED)
def test_an_ambiguous_path_is_decided_like_others_where_no_resource_enforces(path):
    private, public = resource(name="a", paths=["/priv/*"]), resource(paths=["/pub/*"])
    assert decide(Policy([private, public]), get(path=path)).reasons != (Reason.PATH_AMBIGUOUS,)


def test_the_function_is_given_nothing_that_a_cache_cannot_know():
    seen = []
    made = resource(origins=lambda *, origin, request: seen.append((origin, request)) or True)
    for flags in ({"same_origin": True}, {"credentialed": True}, {"host_differs": True}):
        decide_within(made, get(EVIL, **flags))
    assert seen == [(EVIL, get(EVIL))] * 3


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get(), Decision(ACTUAL, DENY, (Reason.NO_RESOURCE,))),
        (get(""), Decision(ACTUAL, DENY, (Reason.NO_RESOURCE,))),
        (preflight(), Decision(PREFLIGHT, DENY, (Reason.NO_RESOURCE,))),
        (get(None), Decision(NONE, SKIP, (Reason.NO_ORIGIN,))),
        (get(same_origin=True), Decision(ACTUAL, SKIP, (Reason.SAME_ORIGIN,))),
    ],
)
def test_a_path_that_no_resource_covers_is_never_touched(request_, expected):
    assert decide_within(None, request_) == expected
    assert decide(Policy([resource(paths=["/api/*"])]), request_)._replace(advised=None) == expected


@pytest.mark.parametrize(("exempt", "reason"), [(False, Reason.DISABLED), (True, Reason.ROUTE_EXEMPT)])
def test_a_resource_that_is_off_is_left_alone(exempt, reason):
    made = dataclasses.replace(resource(origins=["*"]), enabled=False, exempt=exempt)
    assert decide_within(made, get()) == Decision(ACTUAL, SKIP, (reason,), made)
    assert decide_within(made, preflight()) == Decision(PREFLIGHT, SKIP, (reason,), made)
    assert decide_within(made, get(None)) == Decision(NONE, SKIP, (Reason.NO_ORIGIN,), made)


# --- actual requests


def allowed(made, reason, rule, fields, **rest):
    return Decision(ACTUAL, ALLOW, (reason,), made, rule, **{"fields": fields, "vary": ORIGIN, **rest})


def denied(made, reason, near=None, *, status=None):
    return Decision(ACTUAL, DENY, (reason,), made, near=near, vary=ORIGIN, status=status)


@pytest.mark.parametrize(
    ("rules", "origin", "reason", "rule"),
    [
        ({}, APP, Reason.ORIGIN_EXACT, APP),
        ({"origins": ["http://[::1]:3000"]}, "http://[::1]:3000", Reason.ORIGIN_EXACT, "http://[::1]:3000"),
        ({"origins": ["https://*.a.test"]}, "https://x.a.test", Reason.ORIGIN_PATTERN, "https://*.a.test"),
        ({"origins": ["http://localhost:*"]}, "http://localhost:5173", Reason.ORIGIN_PATTERN, "http://localhost:*"),
        ({"origins": [re.compile("https://a.")]}, "https://ab", Reason.ORIGIN_PATTERN, "https://a."),
        ({"origins": ["null"]}, "null", Reason.NULL_ALLOWED, "null"),
        ({"origins": ["*"]}, APP, Reason.ORIGIN_ANY, "*"),
    ],
)  # fmt: skip
def test_an_origin_that_an_entry_lets_in_may_read_the_response(rules, origin, reason, rule):
    made = resource(**rules)
    constant = rule == "*"
    fields, vary = (acao("*" if constant else origin),), () if constant else ORIGIN
    assert decide_within(made, get(origin)) == allowed(made, reason, rule, fields, vary=vary)


def test_an_allowed_response_has_credentials_and_exposed_names_as_configured():
    made = resource(allow_credentials=True, expose_headers=["X-B", "ETag", "Content-Type"], max_age=600)
    fields = (acao(), ACAC, aceh("Content-Type, ETag, X-B"))
    assert decide_within(made, get(credentialed=True)) == allowed(made, Reason.ORIGIN_EXACT, APP, fields)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "OPTIONS", "TRACE", "x y", ""])
def test_an_actual_request_is_judged_by_its_origin_alone(method):
    made = resource()
    request = get(method=method, requested_headers="x-anything")
    assert decide_within(made, request) == allowed(made, Reason.ORIGIN_EXACT, APP, (acao(),))


def test_a_requested_method_makes_no_preflight_of_a_get():
    made = resource()
    assert decide_within(made, get(requested_method="PUT")) == allowed(
        made, Reason.ORIGIN_EXACT, APP, (acao(),)
    )


def test_cookies_without_credentials_are_noted():
    made = resource()
    expected = allowed(made, Reason.ORIGIN_EXACT, APP, (acao(),), notes=(Note.CREDENTIALS_NOT_ALLOWED,))
    assert decide_within(made, get(credentialed=True)) == expected


@pytest.mark.parametrize(
    "origin", [APP, "null", "a b, <c>", "", "\ud800", f"{APP}\r\nX: 1", "x" * MAX_ORIGIN]
)
def test_a_wildcard_is_literal_for_any_value_up_to_the_limit(origin):
    made = resource(origins=["*"], expose_headers=["*"])
    expected = allowed(made, Reason.ORIGIN_ANY, "*", (acao("*"), aceh("*")), vary=())
    assert decide_within(made, get(origin)) == expected


def test_an_origin_beyond_the_limit_is_denied_under_a_wildcard_too_and_its_answer_varies():
    made = resource(origins=["*"])
    long = "x" * (MAX_ORIGIN + 1)
    assert decide_within(made, get(long)) == denied(made, Reason.ORIGIN_MALFORMED)
    assert decide_within(made, preflight(origin=long)) == Decision(
        PREFLIGHT, DENY, (Reason.ORIGIN_MALFORMED,), made, vary=ORIGIN + ASKED, status=403
    )


@pytest.mark.parametrize(
    ("origin", "reason", "near"),
    [
        (EVIL, Reason.ORIGIN_NOT_LISTED, None),
        ("http://app.example.com", Reason.ORIGIN_NOT_LISTED, Near(APP, Difference.SCHEME)),
        (f"{APP}:8443", Reason.ORIGIN_NOT_LISTED, Near(APP, Difference.PORT)),
        ("https://ap.example.com", Reason.ORIGIN_NOT_LISTED, Near(APP, Difference.HOST_TYPO)),
        ("https://www.app.example.com", Reason.ORIGIN_NOT_LISTED, Near(APP, Difference.WWW)),
        ("https://x.app.example.com", Reason.ORIGIN_NOT_LISTED, Near(APP, Difference.SUBDOMAIN)),
        ("capacitor://localhost", Reason.ORIGIN_NOT_LISTED, None),
        ("null", Reason.NULL_NOT_ALLOWED, None),
        (f"{APP}:443", Reason.ORIGIN_MALFORMED, Near(APP, Difference.PORT)),
        (f"{APP}/", Reason.ORIGIN_MALFORMED, Near(APP, Difference.TRAILING_SLASH)),
        ("https://APP.example.com", Reason.ORIGIN_MALFORMED, Near(APP, Difference.CASE)),
        ("", Reason.ORIGIN_MALFORMED, None),
        ("*", Reason.ORIGIN_MALFORMED, None),
        (f"{APP}, {EVIL}", Reason.ORIGIN_MALFORMED, None),
        (f"{APP}\r\nX: 1", Reason.ORIGIN_MALFORMED, None),
        ("file://", Reason.ORIGIN_NOT_LISTED, None),
        ("file:///", Reason.ORIGIN_MALFORMED, None),
        ("capacitor://", Reason.ORIGIN_NOT_LISTED, None),
        ("wss://app.example.com", Reason.ORIGIN_MALFORMED, Near(APP, Difference.SCHEME)),
        ("data://x", Reason.ORIGIN_MALFORMED, None),
        (LONGEST, Reason.ORIGIN_NOT_LISTED, None),
        (LONGEST + "a", Reason.ORIGIN_MALFORMED, None),
    ],
)
def test_an_origin_that_none_lets_in_is_denied_with_its_reason_and_nearest_entry(origin, reason, near):
    made = resource(allow_credentials=True, expose_headers=["X-A"])
    assert decide_within(made, get(origin)) == denied(made, reason, near)
    assert decide_within(dataclasses.replace(made, enforce=True), get(origin)).status == 403


def test_a_denial_is_answered_at_once_only_where_that_is_enforced():
    made = resource(enforce=True)
    assert decide_within(made, get(EVIL)) == denied(made, Reason.ORIGIN_NOT_LISTED, status=403)
    assert decide_within(made, get()) == allowed(made, Reason.ORIGIN_EXACT, APP, (acao(),))


# --- the application's own function


def asking(function, **rest):
    return Resource(origin_function=function, **rest)


def test_the_function_is_asked_by_keyword_and_only_true_lets_in():
    asked = []

    def function(*, origin, request):
        asked.append((origin, request))
        return True

    made, request = asking(function, allow_credentials=True), get(path="/x")
    assert decide_within(made, request) == allowed(made, Reason.ORIGIN_CALLABLE, "callable", (acao(), ACAC))
    assert asked == [(APP, request)]


@pytest.mark.parametrize("answer", [False, None, 1, "yes", [True], object()])
def test_any_other_answer_is_a_denial(answer):
    made = asking(lambda origin, request: answer)  # noqa: ARG005
    assert decide_within(made, get()) == denied(made, Reason.ORIGIN_NOT_LISTED)


def test_an_exception_in_the_function_is_a_denial_that_carries_it():
    error = LookupError("no database")

    def function(**_):
        raise error

    made = asking(function)
    assert decide_within(made, get()) == denied(made, Reason.INTERNAL_ERROR)._replace(error=error)
    decision = decide_within(made, preflight("PUT"), explained=True)
    assert decision == Decision(
        PREFLIGHT,
        DENY,
        (Reason.INTERNAL_ERROR, METHOD),
        made,
        offending=("PUT",),
        vary=ORIGIN + ASKED,
        status=403,
        error=error,
    )


@pytest.mark.parametrize(
    "origin", ["", "a b", f"{APP}/", f"{APP}\r\nX: 1", "x" * 513, "\ud800", "https://A.test"]
)
def test_the_function_is_asked_only_about_what_browsers_send(origin):
    made = asking(lambda origin, request: True)  # noqa: ARG005
    assert decide_within(made, get(origin)) == denied(made, Reason.ORIGIN_MALFORMED)


@pytest.mark.parametrize(("credentials", "answer", "verdict"), [(0, 1, ALLOW), (0, 0, DENY), (1, 1, DENY)])
def test_the_function_may_let_the_opaque_origin_in_but_never_with_credentials(credentials, answer, verdict):
    made = asking(lambda origin, request: bool(answer), allow_credentials=bool(credentials))  # noqa: ARG005
    decision = decide_within(made, get("null"))
    assert (decision.verdict, decision.fields) == (verdict, (acao("null"),) if verdict is ALLOW else ())
    assert decision.reason is (Reason.ORIGIN_CALLABLE if verdict is ALLOW else Reason.NULL_NOT_ALLOWED)


def test_a_preflight_asks_the_function_once():
    asked = []
    made = asking(lambda origin, request: asked.append(origin) is None)  # noqa: ARG005
    decision = decide_within(made, preflight())
    assert (decision.reasons, decision.fields, asked) == ((Reason.ORIGIN_CALLABLE,), (acao(), acma()), [APP])


# --- preflights


def granted(made, fields, reason=Reason.ORIGIN_EXACT, rule=APP, vary=ORIGIN + ASKED):
    return Decision(PREFLIGHT, ALLOW, (reason,), made, rule, fields=fields, vary=vary, status=204)


def refused(made, *reasons, offending=(), near=None):
    return Decision(PREFLIGHT, DENY, reasons, made, None, offending, near, vary=ORIGIN + ASKED, status=403)


def test_an_allowed_preflight_is_told_the_policy_s_lists():
    lists = {"methods": ["PUT", "get", "DELETE"], "allow_headers": ["X-B", "content-type"]}
    made = resource(**lists, expose_headers=["X-A"], allow_credentials=True, max_age=600)
    fields = (acao(), ACAC, acma(600), acam("DELETE, GET, PUT"), acah("content-type, X-B"))
    assert decide_within(made, preflight("PUT", "x-b")) == granted(made, fields)
    assert decide_within(made, preflight("POST")) == granted(made, fields)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_safelisted_methods_pass_unlisted_and_empty_lists_are_left_out(method):
    made = resource()
    assert decide_within(made, preflight(method)) == granted(made, (acao(), acma()))


def test_a_wildcard_s_preflight_is_constant_but_for_what_it_asks():
    made = resource(origins=["*"], methods=["*"], allow_headers=["*"], max_age=5)
    fields = (acao("*"), acma(5), acam("*"), acah("*"))
    for origin in (APP, "null", "a b, <c>", "x" * MAX_ORIGIN):
        decision = decide_within(made, preflight("PUT", "x-a", origin))
        assert decision == granted(made, fields, reason=Reason.ORIGIN_ANY, rule="*", vary=ASKED)


@pytest.mark.parametrize(
    ("rules", "request_", "reasons", "offending"),
    [
        ({}, preflight("PUT"), (METHOD,), ("PUT",)),
        ({}, preflight("get"), (METHOD,), ("get",)),
        ({"methods": ["PATCH"]}, preflight("patch"), (METHOD,), ("patch",)),
        ({"methods": ["PUT"]}, preflight("put"), (METHOD,), ("put",)),
        ({"methods": ["POST"]}, preflight("OS"), (METHOD,), ("OS",)),
        ({"methods": ["*"]}, preflight("TRACE"), (METHOD,), ("TRACE",)),
        ({"methods": ["*"]}, preflight("track"), (METHOD,), ("track",)),
        ({}, preflight("GET", "x-b,x-a"), (HEADER,), ("x-a", "x-b")),
        ({"allow_headers": ["X-A"]}, preflight("GET", "x-a,x-b"), (HEADER,), ("x-b",)),
        ({"allow_headers": ["*"]}, preflight("GET", "authorization"), (HEADER,), ("authorization",)),
        ({"allow_headers": ["x-t-*"]}, preflight("GET", "x-ta"), (HEADER,), ("x-ta",)),
        ({}, preflight("PUT", "x-a"), (METHOD, HEADER), ("PUT", "x-a")),
        ({}, preflight(""), (MALFORMED,), ()),
        ({}, preflight("x y"), (MALFORMED,), ()),
        ({}, preflight("PUT\r\n"), (MALFORMED,), ()),
        ({"methods": ["*"]}, preflight("P" * (MAX_METHOD + 1)), (MALFORMED,), ()),
        ({}, preflight("GET", "x y"), (MALFORMED,), ()),
        ({}, preflight("PUT", "x-a,\ud800"), (MALFORMED,), ()),
        ({"allow_headers": ["*"]}, preflight("GET", "," * 200), (MALFORMED,), ()),
        ({"allow_headers": ["*"]}, preflight("GET", "x" * (MAX_NAMES_BYTES + 1)), (MALFORMED,), ()),
    ],
)  # fmt: skip
def test_a_preflight_that_asks_too_much_is_denied_without_fields(rules, request_, reasons, offending):
    made = resource(**rules)
    assert decide_within(made, request_) == refused(made, *reasons, offending=offending)


def test_a_denial_names_all_that_failed_in_order():
    made = resource()
    decision = decide_within(made, preflight("PUT", "x-b,x-a", "http://app.example.com"), explained=True)
    reasons = (Reason.ORIGIN_NOT_LISTED, METHOD, HEADER)
    near = Near(APP, Difference.SCHEME)
    expected = refused(made, *reasons, offending=("PUT", "x-a", "x-b"), near=near)
    assert decision == expected
    malformed = decide_within(made, preflight("", "x y", "null"), explained=True)
    assert malformed == refused(made, Reason.NULL_NOT_ALLOWED, MALFORMED)


def test_as_many_names_as_the_limit_says_are_decided_and_no_more():
    made = resource(allow_headers=["*"])
    names = [f"x-{n}" for n in range(MAX_NAMES + 1)]
    assert decide_within(made, preflight("GET", ",".join(names[:-1]))).verdict is ALLOW
    assert decide_within(made, preflight("GET", ",".join(names))) == refused(made, MALFORMED)


@pytest.mark.parametrize(
    ("rules", "method", "headers", "lists"),
    [
        ({"methods": ["*"]}, "PUT", None, (acam("*"),)),
        ({"methods": ["*", "PATCH"]}, "PUT", None, (acam("*"),)),
        ({"allow_headers": ["*"]}, "GET", "x-a", (acah("*"),)),
        ({"allow_headers": ["*", "Authorization"]}, "GET", "authorization", (acah("*, Authorization"),)),
        (
            {"allow_headers": ["X-Team-*", "X-A"]},
            "GET",
            "x-team-b,x-team-a",
            (acah("X-A, x-team-a, x-team-b"),),
        ),
        ({"allow_headers": ["X-Team-*", "X-A"]}, "GET", "x-a", (acah("X-A"),)),
        ({"allow_headers": ["X-Team-*"]}, "GET", None, ()),
        ({"allow_headers": ["*", "X-Team-*"]}, "GET", "x-b", (acah("*, x-b"),)),
        ({"allow_headers": [re.compile("x-.")]}, "GET", "x-b,x-a", (acah("x-a, x-b"),)),
        ({"methods": ["*"], "allow_credentials": True}, "PATCH", None, (acam("PATCH"),)),
        ({"methods": ["*", "PUT"], "allow_credentials": True}, "x-verb", None, (acam("PUT, x-verb"),)),
        ({"allow_headers": ["*"], "allow_credentials": True}, "GET", None, ()),
        ({"allow_headers": ["*"], "allow_credentials": True}, "GET", " X-B ,,x-a,X-b", (acah("x-a, x-b"),)),
        ({"allow_headers": ["*", "X-A"], "allow_credentials": True}, "GET", "x-b", (acah("X-A, x-b"),)),
    ],
)
def test_a_wildcard_is_sent_only_without_credentials_and_else_the_asked_names_are(
    rules, method, headers, lists
):
    made = resource(**rules)
    credentials = (ACAC,) if made.allow_credentials else ()
    expected = granted(made, (acao(), *credentials, acma(), *lists))
    assert decide_within(made, preflight(method, headers)) == expected


def test_with_credentials_a_wildcard_does_not_cover_authorization_either():
    made = resource(allow_headers=["*"], allow_credentials=True)
    expected = refused(made, HEADER, offending=("authorization",))
    assert decide_within(made, preflight("GET", "authorization")) == expected


# --- development


def explained(made, reason, offending, fields):
    return refused(made, reason, offending=offending)._replace(rule=APP, fields=fields, status=200)


@pytest.mark.parametrize(
    ("rules", "request_", "reason", "offending", "lists"),
    [
        ({}, preflight("PUT"), METHOD, "PUT", ()),
        ({"methods": ["PATCH"]}, preflight("PUT"), METHOD, "PUT", (acam("PATCH"),)),
        ({}, preflight("GET", "x-a"), HEADER, "x-a", ()),
        ({"allow_headers": ["X-A"]}, preflight("GET", "x-a,x-b"), HEADER, "x-b", (acah("X-A"),)),
        ({"allow_headers": ["t-*"]}, preflight("GET", "t-a,x-b"), HEADER, "x-b", (acah("t-a"),)),
        (
            {"allow_headers": ["*"]}, preflight("GET", "authorization"),
            HEADER, "authorization", (acah("*"),),
        ),
    ],
)  # fmt: skip
def test_in_development_a_browser_is_told_the_true_lists(rules, request_, reason, offending, lists):
    made = resource(**rules)
    decision = decide_within(made, request_, explained=True)
    assert decision == explained(made, reason, (offending,), (acao(), acma(), *lists))


def test_in_development_a_method_s_name_is_not_taken_for_a_header_s():
    made = resource(methods=["*"], allow_headers=["x-a"], allow_credentials=True)
    decision = decide_within(made, preflight("x-b", "x-b,x-a"), explained=True)
    fields = (acao(), ACAC, acma(), acam("x-b"), acah("x-a"))
    assert decision == explained(made, HEADER, ("x-b",), fields)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (preflight(origin=EVIL), Reason.ORIGIN_NOT_LISTED),
        (preflight(origin="null"), Reason.NULL_NOT_ALLOWED),
        (preflight(origin="x"), Reason.ORIGIN_MALFORMED),
        (preflight("x y"), MALFORMED),
    ],
)
def test_in_development_a_refused_origin_and_a_malformed_request_get_no_fields(request_, reason):
    made = resource()
    expected = refused(made, reason)
    assert decide_within(made, request_, explained=True) == expected


def test_only_the_policy_of_development_explains():
    made = resource()
    statuses = {
        environment: decide(Policy([made], environment=environment), preflight("PUT")).status
        for environment in ("development", "testing", "staging", "production")
    }
    assert statuses == {"development": 200, "testing": 403, "staging": 403, "production": 403}


DEFAULT = (Note.DEVELOPMENT_DEFAULT,)


@pytest.mark.parametrize(
    ("defaulted", "request_", "notes"),
    [
        ({"ORIGINS"}, get(), DEFAULT),
        ({"ORIGINS"}, get(credentialed=True), (*DEFAULT, Note.CREDENTIALS_NOT_ALLOWED)),
        ({"ORIGINS"}, preflight(), DEFAULT),
        ({"ORIGINS", "ALLOW_HEADERS"}, preflight("GET", "content-type"), DEFAULT),
        ({"ALLOW_HEADERS"}, get(), ()),
        ({"ALLOW_HEADERS"}, preflight(), ()),
        ({"ALLOW_HEADERS"}, preflight("GET", "authorization,content-type"), ()),
        ({"ALLOW_HEADERS"}, preflight("GET", "content-type,x-a"), DEFAULT),
        (set(), preflight("GET", "x-a"), ()),
    ],
)
def test_what_rests_on_a_default_of_development_is_noted(defaulted, request_, notes):
    made = dataclasses.replace(
        resource(origins=["*"], allow_headers=["*", "Authorization"]), defaulted=frozenset(defaulted)
    )
    decision = decide_within(made, request_)
    assert (decision.verdict, decision.notes) == (ALLOW, notes)


# --- remedies

ADD_ALL = (
    "Add the origin to CORS_ORIGINS. Add the method to CORS_METHODS. Add the names to CORS_ALLOW_HEADERS."
)


@pytest.mark.parametrize(
    ("made", "request_", "variable", "hint"),
    [
        (resource(), get(EVIL), "CORS_ORIGINS", "Add the origin to CORS_ORIGINS."),
        (resource(), preflight("PUT"), "CORS_METHODS", "Add the method to CORS_METHODS."),
        (resource(), preflight("GET", "x-a"), "CORS_ALLOW_HEADERS", "Add the names to CORS_ALLOW_HEADERS."),
        (
            resource(),
            preflight("PUT", "x-a", EVIL),
            "CORS_ORIGINS",
            ADD_ALL,
        ),
        (
            None,
            get(),
            "CORS_RESOURCES__<NAME>__PATH",
            "Add a resource for the path: CORS_RESOURCES__<NAME>__PATH.",
        ),
        (
            listed("*", defaulted=frozenset({"ORIGINS", "ALLOW_HEADERS"})),
            get(),
            "CORS_ORIGINS",
            "Outside development nothing is let in by default: set CORS_ORIGINS.",
        ),
        (
            listed(APP, allow_headers=HeaderNames(["*"]), defaulted=frozenset({"ALLOW_HEADERS"})),
            preflight("GET", "x-a"),
            "CORS_ALLOW_HEADERS",
            "Outside development nothing is let in by default: set CORS_ALLOW_HEADERS.",
        ),
        (resource(), get("x"), None, "Look at the client, or at the proxy in between."),
    ],
)
def test_every_decision_names_the_variable_that_changes_it(made, request_, variable, hint):
    decision = decide_with_advice(made, request_)
    assert (decision.remedy_variable, decision.remedy_hint) == (variable, hint)


def test_advice_is_one_line_with_every_reason_what_was_refused_and_the_nearest_entry():
    text = advice(decide_with_advice(resource(), preflight("PUT", "x-a", "http://app.example.com")))
    assert text == (
        "origin_not_listed: No entry lets the origin in. "
        "method_not_allowed: The preflight asks for a method that is not allowed; "
        "methods compare with their case. "
        "header_not_allowed: The preflight asks for request-header names that are not allowed. "
        "Refused: PUT, x-a. Nearest entry: https://app.example.com (scheme). "
        f"{ADD_ALL}"
    )


# --- laws

origin_lists = st.one_of(
    st.just(["*"]),
    st.lists(
        st.sampled_from(
            [APP, "https://*.example.com", "http://localhost:*", "null", "app://a", re.compile("h.*")]
        ),
        max_size=4,
        unique=True,
    ),
    st.sampled_from([lambda origin, request: True, lambda origin, request: origin == APP, lambda **_: 1 / 0]),  # noqa: ARG005
)


@st.composite
def resources(draw):
    """Any valid resource."""
    rules = {
        "origins": draw(origin_lists),
        "methods": draw(st.lists(st.sampled_from(["*", "PUT", "patch", "GET"]))),
        "allow_headers": draw(
            st.lists(st.sampled_from(["*", "X-A", "x-t-*", "Authorization", re.compile("x-.")]))
        ),
        "expose_headers": draw(st.lists(st.sampled_from(["X-A", "ETag"]))),
        "allow_credentials": draw(st.booleans()),
        "max_age": draw(st.integers(0, 86400)),
        "enforce": draw(st.booleans()),
    }
    try:
        made = resource(**rules)
    except ValueError:
        made = resource(**{**rules, "allow_credentials": False})
    defaulted = draw(st.frozensets(st.sampled_from(["ORIGINS", "ALLOW_HEADERS"])))
    return dataclasses.replace(made, enabled=draw(st.integers(0, 9)) > 0, defaulted=defaulted)


anything = st.text(st.characters(), max_size=20) | st.text(st.characters(categories=["Cs", "Cc"]), max_size=5)
origin_values = st.one_of(
    st.sampled_from(
        [APP, EVIL, "null", "https://a.example.com", "http://localhost:1", f"{APP}/", "app://a", "", "*"]
    ),
    anything,
    anything.map(f"{APP}{{}}".format),
    st.just("x" * 600),
)
requests = st.builds(
    Request,
    origin=st.none() | origin_values,
    method=st.sampled_from(["GET", "OPTIONS", "OPTIONS", "OPTIONS"]) | anything,
    path=st.sampled_from(["/", "/a/../b"]) | anything,
    requested_method=st.sampled_from(["GET", "PUT", "PUT", "patch", "TRACE", "PATCH"]) | st.none() | anything,
    requested_headers=st.sampled_from(["x-a", "x-t-b,authorization", "content-type, X-B", "," * 200])
    | st.none()
    | anything
    | st.lists(st.text("abx-", max_size=5), max_size=200).map(",".join),
    same_origin=st.integers(0, 9).map(lambda n: n == 0),
    credentialed=st.booleans(),
    host_differs=st.booleans(),
    websocket=st.booleans(),
)
environments = st.sampled_from(["development", "production"])


def field(decision, name):
    values = [value for field, value in decision.fields if field == name]
    assert len(values) < 2
    return values[0] if values else None


@given(resources(), requests, environments)
def test_every_request_is_decided_and_every_answer_is_well_formed(made, request, environment):
    decision = decide(Policy([made], environment=environment), request)
    assert decision.kind is request.kind
    assert [name for name, _ in decision.fields if name.lower() not in RESPONSE_FIELDS] == []
    assert field(decision, acao()[0]) in {None, "*", request.origin}
    assert field(decision, ACAC[0]) in {None, "true"}
    for name in (acam("")[0], acah("")[0], aceh("")[0]):
        assert all(map(is_token, (field(decision, name) or "x").split(", ")))
    assert decision.offending == tuple(filter(is_token, decision.offending))
    assert advice(decision).isprintable()
    assert {reason.verdict for reason in decision.reasons} == {decision.verdict}


@given(resources(), requests, environments)
def test_fields_go_only_with_an_allowance_or_an_explanation(made, request, environment):
    decision = decide(Policy([made], environment=environment), request)
    if decision.verdict is ALLOW:
        assert field(decision, acao()[0]) is not None
        assert decision.status == (204 if decision.kind is PREFLIGHT else None)
    elif decision.verdict is DENY and decision.fields:
        assert (environment, decision.kind, decision.status) == ("development", PREFLIGHT, 200)
        assert set(decision.reasons) <= {METHOD, HEADER}
    elif decision.verdict is DENY:
        assert decision.status in ((403, None)[: 1 + (decision.kind is not PREFLIGHT)])


@given(resources(), requests, environments)
def test_credentials_never_go_with_a_wildcard_or_the_opaque_origin(made, request, environment):
    decision = decide(Policy([made], environment=environment), request)
    if field(decision, ACAC[0]) is not None:
        assert field(decision, acao()[0]) not in {"*", "null"}
        assert all(value != "*" for _, value in decision.fields)


@given(resources(), requests)
def test_exposed_names_are_for_responses_and_lists_for_preflights(made, request):
    decision = decide_with_advice(made, request)
    names = {name for name, _ in decision.fields}
    if decision.kind is PREFLIGHT:
        assert aceh("")[0] not in names
    else:
        assert names.isdisjoint({acam("")[0], acah("")[0], acma()[0]})


@given(resources(), requests, st.none() | origin_values)
def test_two_answers_that_differ_in_their_origin_can_be_told_apart_by_it(made, request, other):
    one, two = decide_with_advice(made, request), decide_with_advice(made, request._replace(origin=other))
    if one.kind is two.kind is PREFLIGHT or PREFLIGHT not in {one.kind, two.kind}:
        differing = [d for d in (one, two) if field(d, acao()[0]) != "*"]
        if field(one, acao()[0]) != field(two, acao()[0]):
            assert all("Origin" in decision.vary for decision in differing)


@given(resources(), requests)
def test_a_forbidden_method_is_never_allowed_and_a_listed_one_matches_with_its_case(made, request):
    decision = decide_with_advice(made, request)
    method = request.requested_method
    if decision.kind is PREFLIGHT and decision.verdict is ALLOW:
        assert method.upper() not in FORBIDDEN_METHODS
        assert method in {"GET", "HEAD", "POST", *made.methods} or "*" in made.methods


@given(resources(), requests)
def test_the_same_request_is_decided_the_same_again(made, request):
    one, two = decide_with_advice(made, request), decide_with_advice(made, request)
    assert one._replace(error=None) == two._replace(error=None)


@pytest.mark.parametrize(
    "hostile",
    [
        preflight("PUT", "x," * 4096),
        preflight("PUT", "," * 8192),
        preflight("PUT", " " * 8192),
        preflight("P" * 8192, "x-a"),
        preflight(origin="x" * 8192),
        get("x" * 8192),
        get("https://" + "a-" * 30_000 + "!.example.com"),
        get("https://" + "a." * 250),
        get(path="/" + "a/" * 30_000),
    ],
)
def test_a_hostile_request_is_about_the_work_of_an_ordinary_one(calls, hostile):
    made = resource(
        origins=[APP, "https://*.example.com"], allow_headers=["X-A"], paths=["/api/*", "/v1/*/x"]
    )
    policy = Policy([made])
    ordinary = max(
        calls(decide, policy, request) for request in (preflight("PUT", "x-a"), get(EVIL, path="/api/x"))
    )
    assert calls(decide, policy, hostile) <= 2 * ordinary


def test_the_remedy_of_what_a_function_refused_is_the_function():
    policy = Policy([Resource.parse(origins=lambda *, origin, request: False)])  # noqa: ARG005 - the contract's names
    decision = decide(policy, Request("https://app.example.com"))
    assert (decision.remedy_variable, decision.remedy_hint) == (
        None,
        "Let the function given as origins let it in.",
    )
