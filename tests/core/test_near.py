"""Near misses: what an operator is told of an origin that no entry lets in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env.core.near import Near
from flask_cors_env.core.origin import Origins, parse_origin
from flask_cors_env.core.reason import Difference

APP = "https://app.example.com"


def origins(*texts):
    return Origins(map(parse_origin, texts))


def test_every_difference_has_a_case():
    assert {difference for _, _, _, difference in CASES} == set(Difference)


CASES = [
    (["https://app.example.com"], "http://app.example.com", APP, Difference.SCHEME),
    (["https://app.example.com:8443"], "http://app.example.com:8443", APP + ":8443", Difference.SCHEME),
    (["http://localhost:*"], "https://localhost:3000", "http://localhost:*", Difference.SCHEME),
    (["https://*.example.com"], "http://a.example.com", "https://*.example.com", Difference.SCHEME),
    (["https://*.example.com:81"], "http://a.example.com", "https://*.example.com:81", Difference.SCHEME),
    (["capacitor://localhost"], "ionic://localhost", "capacitor://localhost", Difference.SCHEME),
    ([APP], APP + ":8443", APP, Difference.PORT),
    ([APP], APP + ":443", APP, Difference.PORT),
    ([APP], APP + ":", APP, Difference.PORT),
    ([APP + ":8443"], APP, APP + ":8443", Difference.PORT),
    ([APP + ":8443"], APP + ":8444", APP + ":8443", Difference.PORT),
    (["http://[::1]:3000"], "http://[::1]:3001", "http://[::1]:3000", Difference.PORT),
    (["http://[::1]:3000"], "http://[::1]", "http://[::1]:3000", Difference.PORT),
    (["http://localhost:*"], "http://localhost:80", "http://localhost:*", Difference.PORT),
    (["https://*.example.com"], "https://a.example.com:81", "https://*.example.com", Difference.PORT),
    (["https://*.example.com:81"], "https://a.b.example.com", "https://*.example.com:81", Difference.PORT),
    (["http://app.test", "https://app.test:1"], "https://app.test:2", "https://app.test:1", Difference.PORT),
    ([APP], "https://ap.example.com", APP, Difference.HOST_TYPO),
    ([APP], "https://appp.example.com", APP, Difference.HOST_TYPO),
    ([APP], "https://app.exomple.com", APP, Difference.HOST_TYPO),
    ([APP], "https://app.example.cmo", APP, Difference.HOST_TYPO),
    ([APP], "https://app.exmaple.com", APP, Difference.HOST_TYPO),
    (["https://abcd.test"], "https://abcdt.est", "https://abcd.test", Difference.HOST_TYPO),
    (["https://*.example.com"], "https://exmaple.com", "https://*.example.com", Difference.HOST_TYPO),
    (["https://www.example.com"], "https://example.com", "https://www.example.com", Difference.WWW),
    ([APP], "https://www.app.example.com", APP, Difference.WWW),
    ([APP + ":81"], "https://www.app.example.com:81", APP + ":81", Difference.WWW),
    ([APP], "https://x.app.example.com", APP, Difference.SUBDOMAIN),
    (["https://*.example.com"], "https://example.com", "https://*.example.com", Difference.SUBDOMAIN),
    (["https://*.example.com"], "https://a;b.example.com", "https://*.example.com", Difference.SUBDOMAIN),
    (["https://pr-*.example.com"], "https://x.example.com", "https://pr-*.example.com", Difference.SUBDOMAIN),
    (["https://pr-*.example.com"], "http://pr-1.example.com", "https://pr-*.example.com", Difference.SCHEME),
    ([APP], APP + "/", APP, Difference.TRAILING_SLASH),
    (["capacitor://"], "capacitor:///", "capacitor://", Difference.TRAILING_SLASH),
    ([APP], "https://APP.example.com/", APP, Difference.TRAILING_SLASH),
    (["https://*.example.com"], "https://a.example.com/", "https://*.example.com", Difference.TRAILING_SLASH),
    ([APP], "https://App.Example.com", APP, Difference.CASE),
    ([APP], "HTTPS://app.example.com", APP, Difference.CASE),
    (["app://Main"], "app://main", "app://Main", Difference.CASE),
    (["app://main"], "app://Main", "app://main", Difference.CASE),
    (["http://localhost:3000"], "http://127.0.0.1:3000", "http://localhost:3000", Difference.LOOPBACK_NAME),
    (["http://127.0.0.1:3000"], "http://localhost:3000", "http://127.0.0.1:3000", Difference.LOOPBACK_NAME),
    (["http://localhost:*"], "http://[::1]:5173", "http://localhost:*", Difference.LOOPBACK_NAME),
    (["http://[::1]"], "http://localhost", "http://[::1]", Difference.LOOPBACK_NAME),
    ([APP], "HTTP://APP.example.com/", APP, Difference.SCHEME),
]


@pytest.mark.parametrize(("entries", "origin", "rule", "difference"), CASES)
def test_the_nearest_entry_is_named_with_what_differs(entries, origin, rule, difference):
    assert origins(*entries).match(origin) is None
    assert origins(*entries).nearest(origin) == Near(rule, difference)


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "null",
            "",
            "https://",
            "://",
            "//",
            "https://attacker.test",
            "https://[::1]:3000",
            "app.example.com",
        ),
        *("https://com", "https://app.example.com.attacker.test", "https://app.example.com/path", "\ud800"),
        *("https://xx.example.com", "https://a.b.app.example.com", "a b, <c>", "https://:3000"),
    ],
)
def test_an_origin_that_is_like_no_entry_has_no_nearest(origin):
    assert origins(APP, "http://127.0.0.1:5000", "null").nearest(origin) is None


def test_nothing_is_near_no_entries():
    assert origins().nearest(APP) is None
    assert origins("null").nearest(APP) is None


characters = st.sampled_from("abcd-.")
words = st.from_regex(r"[a-d]{1,12}(\.[a-d]{1,12})?", fullmatch=True)


@st.composite
def typing_errors(draw):
    """A host, and the same with one character added, lost, changed, or swapped with the next."""
    host = draw(words)
    at = draw(st.integers(0, len(host) - 1))
    char = draw(characters)
    swapped = host[:at] + host[at + 1 : at + 2] + host[at] + host[at + 2 :]
    errors = [
        host[:at] + char + host[at:],
        host[:at] + host[at + 1 :],
        host[:at] + char + host[at + 1 :],
        swapped,
    ]
    return host, draw(st.sampled_from(errors))


@given(typing_errors())
def test_one_typing_error_anywhere_is_found(pair):
    host, mistyped = pair
    near = origins(f"https://{host}").nearest(f"https://{mistyped}")
    assert mistyped in {"", host} or near is not None


@given(words, words)
def test_a_host_typo_is_one_edit(host, other):
    near = origins(f"https://{host}").nearest(f"https://{other}")
    assert near is None or near.difference is not Difference.HOST_TYPO or _is_one_edit(host, other)


def _is_one_edit(one, other):
    """By brute force: *other* is among all that one edit makes of *one*."""
    alphabet = {*other, "a"}
    cuts = [(one[:i], one[i:]) for i in range(len(one) + 1)]
    made = {a + b[1:] for a, b in cuts} | {a + b[1:2] + b[:1] + b[2:] for a, b in cuts}
    made |= {a + c + b[n:] for a, b in cuts for c in alphabet for n in (0, 1)}
    return other in made


@given(st.text() | st.text("htps:/.wa[]:1A\ud800"))
def test_no_value_of_an_origin_raises(origin):
    near = origins(APP, "https://*.example.com", "http://localhost:*", "app://a").nearest(origin)
    assert near is None or near.rule in {APP, "https://*.example.com", "http://localhost:*", "app://a"}


def test_a_look_up_is_the_same_work_among_ten_thousand_entries(calls):
    some = origins(*(f"https://app{n}.example.com" for n in range(5_000)))
    many = origins(*(f"https://app{n}.example.com" for n in range(10_000)))
    for origin in ("https://app3.exmple.com", "https://x.app3.example.com", "https://attacker.test"):
        assert calls(many.nearest, origin) <= calls(some.nearest, origin) + 10


def test_a_hostile_origin_is_bounded_work(calls):
    entries = origins(*(f"https://*.{'a.' * depth}example.com:81" for depth in range(3)), APP)
    hostile = ["https://" + text * 250 for text in ("a.", "aa", "::", "//", "a:", ".", "]")]
    assert max(calls(entries.nearest, origin) for origin in hostile) <= 100
