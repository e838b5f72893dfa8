"""Origins: the grammar against the URL standard's own parser, and what a policy's entries match."""

import re
from itertools import permutations

import pytest
from ada_url import URL
from hypothesis import example, given
from hypothesis import strategies as st

from flask_cors_env.core.origin import (
    ANY,
    DEFAULT_PORTS,
    NULL,
    Match,
    OriginError,
    OriginKind,
    OriginPattern,
    Origins,
    is_serialized,
    parse_origin,
)
from flask_cors_env.core.protocol import MAX_ORIGIN
from flask_cors_env.core.reason import Reason

APP = "https://app.example.com"
EXACT, SUBDOMAINS, ANY_PORT = OriginKind.EXACT, OriginKind.SUBDOMAINS, OriginKind.ANY_PORT
PART, ANY_HOST = OriginKind.PART, OriginKind.ANY_HOST


def refusal(text):
    with pytest.raises(OriginError) as caught:
        parse_origin(text)
    return caught.value


def origins(*texts):
    return Origins(map(parse_origin, texts))


def matched_rule(entries, origin):
    found = entries.match(origin)
    return None if found is None else found.rule


# --- the grammar


@pytest.mark.parametrize(
    ("text", "kind", "scheme", "host", "port"),
    [
        ("https://app.example.com", EXACT, "https", "app.example.com", None),
        ("http://app.example.com", EXACT, "http", "app.example.com", None),
        ("https://app.example.com:8443", EXACT, "https", "app.example.com", 8443),
        ("https://app.example.com:80", EXACT, "https", "app.example.com", 80),
        ("http://app.example.com:443", EXACT, "http", "app.example.com", 443),
        ("https://app.example.com:1", EXACT, "https", "app.example.com", 1),
        ("https://app.example.com:65535", EXACT, "https", "app.example.com", 65535),
        ("https://localhost", EXACT, "https", "localhost", None),
        ("https://a_b.example", EXACT, "https", "a_b.example", None),
        ("https://-a-.ex--ample", EXACT, "https", "-a-.ex--ample", None),
        ("https://1.2.3.com", EXACT, "https", "1.2.3.com", None),
        ("https://0x1g", EXACT, "https", "0x1g", None),
        ("https://xn--mnchen-3ya.de", EXACT, "https", "xn--mnchen-3ya.de", None),
        ("https://xn--a", EXACT, "https", "xn--a", None),
        ("http://127.0.0.1:5000", EXACT, "http", "127.0.0.1", 5000),
        ("http://255.255.255.255", EXACT, "http", "255.255.255.255", None),
        ("http://0.0.0.0:8000", EXACT, "http", "0.0.0.0", 8000),
        ("http://[::1]:3000", EXACT, "http", "[::1]", 3000),
        ("http://[::]", EXACT, "http", "[::]", None),
        ("http://[2001:db8::8:800:200c:417a]", EXACT, "http", "[2001:db8::8:800:200c:417a]", None),
        ("http://[::ffff:102:304]", EXACT, "http", "[::ffff:102:304]", None),
        ("http://[1:0:1:1:1:1:1:1]", EXACT, "http", "[1:0:1:1:1:1:1:1]", None),
        ("https://*.example.com", SUBDOMAINS, "https", "example.com", None),
        ("https://*.example.com:8443", SUBDOMAINS, "https", "example.com", 8443),
        ("http://*.localhost:3000", SUBDOMAINS, "http", "localhost", 3000),
        ("https://*.com", SUBDOMAINS, "https", "com", None),
        ("https://*example.com", PART, "https", "com", None),
        ("https://pr-*.example.com", PART, "https", "example.com", None),
        ("https://*-site.example.com:8443", PART, "https", "example.com", 8443),
        ("https://_a-*-b_.example.com", PART, "https", "example.com", None),
        ("https://a*.xn--mnchen-3ya.de", PART, "https", "xn--mnchen-3ya.de", None),
        ("https://" + "a" * 62 + "*.example.com", PART, "https", "example.com", None),
        ("http://app-*.localhost:3000", PART, "http", "localhost", 3000),
        ("http://localhost:*", ANY_PORT, "http", "localhost", None),
        ("https://localhost:*", ANY_PORT, "https", "localhost", None),
        ("http://app.localhost:*", ANY_PORT, "http", "app.localhost", None),
        ("http://127.0.0.1:*", ANY_PORT, "http", "127.0.0.1", None),
        ("http://127.255.3.4:*", ANY_PORT, "http", "127.255.3.4", None),
        ("http://[::1]:*", ANY_PORT, "http", "[::1]", None),
        ("capacitor://localhost", EXACT, "capacitor", "localhost", None),
        ("ionic://localhost:80", EXACT, "ionic", "localhost:80", None),
        ("capacitor://", EXACT, "capacitor", "", None),
        ("app://.", EXACT, "app", ".", None),
        ("app://a..b", EXACT, "app", "a..b", None),
        ("app://{A-B}!$%&()+;<=>[]^_`|~:", EXACT, "app", "{A-B}!$%&()+;<=>[]^_`|~:", None),
        ("tauri://127.1", EXACT, "tauri", "127.1", None),
        (
            "safari-web-extension://8A6AD6A3-1C1A",
            *(EXACT, "safari-web-extension", "8A6AD6A3-1C1A", None),
        ),
        ("file://", EXACT, "file", "", None),
        ("moz-extension://*", ANY_HOST, "moz-extension", "", None),
        ("web+app.v-1://localhost", EXACT, "web+app.v-1", "localhost", None),
        ("chrome-extension://abcdefghijklmnop", EXACT, "chrome-extension", "abcdefghijklmnop", None),
        ("moz-extension://a0-b1", EXACT, "moz-extension", "a0-b1", None),
    ],
)
def test_an_entry_in_the_grammar_is_parsed_into_its_parts(text, kind, scheme, host, port):
    label = text.partition("://")[2].partition(".")[0] if kind is PART else ""
    assert parse_origin(text) == OriginPattern(text, kind, scheme, host, port, label=label)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("*", ANY),
        ("null", NULL),
        ("NULL", NULL),
        ("HTTPS://App.Example.COM", OriginPattern(APP, EXACT, "https", "app.example.com")),
        ("Http://LOCALHOST:*", OriginPattern("http://localhost:*", ANY_PORT, "http", "localhost")),
        ("http://[2001:DB8::1]", OriginPattern("http://[2001:db8::1]", EXACT, "http", "[2001:db8::1]")),
        ("APP://Main.Window", OriginPattern("app://Main.Window", EXACT, "app", "Main.Window")),
        ("File://", OriginPattern("file://", EXACT, "file")),
    ],
)
def test_case_and_nothing_else_is_folded_silently(text, parsed):
    assert parse_origin(text) == parsed


REFUSED = [
    ("https://app.example.com/", "origin-has-path", APP),
    ("https://app.example.com/login?next=/", "origin-has-path", APP),
    ("https://app.example.com?x", "origin-has-path", APP),
    ("https://app.example.com#x", "origin-has-path", APP),
    ("https://App.example.com:443/", "origin-has-path", APP),
    ("https://https://app.example.com", "origin-has-path", APP),
    ("https://app.example.com:443", "origin-has-default-port", APP),
    ("http://app.example.com:80", "origin-has-default-port", "http://app.example.com"),
    ("https://*.example.com:443", "origin-has-default-port", "https://*.example.com"),
    ("https://app.example.com:0443", "origin-has-default-port", APP),
    ("https://user@app.example.com", "origin-has-userinfo", APP),
    ("https://user:p$(|ss@app.example.com:8443/", "origin-has-userinfo", "https://app.example.com:8443"),
    ("https://app.example.com@evil.test", "origin-has-userinfo", "https://evil.test"),
    ("https://app.example.com:0", "origin-bad-port", None),
    ("https://app.example.com:65536", "origin-bad-port", None),
    ("https://app.example.com:99999999999999999999", "origin-bad-port", None),
    ("https://app.example.com:", "origin-bad-port", APP),
    ("http://::1:3000", "origin-bad-port", "http://[::1]:3000"),
    ("::1", "origin-has-no-scheme", "http://[::1]"),
    ("::1:*", "origin-has-no-scheme", "http://[::1]:*"),
    ("2001:db8::1", "origin-has-no-scheme", "https://[2001:db8::1]"),
    ("https//app.example.com", "origin-has-no-scheme", APP),
    ("http/app.example.com/x", "origin-has-no-scheme", "http://app.example.com"),
    ("https://app.example.com:08443", "origin-bad-port", "https://app.example.com:8443"),
    ("https://app.example.com:80a", "origin-bad-port", None),
    ("https://app.example.com:3000:4000", "origin-bad-port", None),
    ("https://app.example.com:-1", "origin-bad-port", None),
    ("app.example.com", "origin-has-no-scheme", APP),
    ("*.example.com", "origin-has-no-scheme", "https://*.example.com"),
    ("//app.example.com/", "origin-has-no-scheme", APP),
    ("https:app.example.com", "origin-has-no-scheme", APP),
    ("https:/app.example.com", "origin-has-no-scheme", APP),
    ("localhost:3000", "origin-has-no-scheme", "http://localhost:3000"),
    ("localhost:*", "origin-has-no-scheme", "http://localhost:*"),
    ("[::1]:3000", "origin-has-no-scheme", "http://[::1]:3000"),
    ("127.0.0.1", "origin-has-no-scheme", "http://127.0.0.1"),
    ("http:80", "origin-has-no-scheme", None),
    ("", "origin-has-no-scheme", None),
    ("://app.example.com", "origin-bad-scheme", None),
    ("1https://app.example.com", "origin-bad-scheme", None),
    ("*://app.example.com", "origin-bad-scheme", None),
    ("blob:https://app.example.com", "origin-bad-scheme", None),
    ("s" * 65 + "://app.example.com", "origin-bad-scheme", None),
    ("wss://app.example.com", "origin-bad-scheme", APP),
    ("ws://localhost:3000/socket", "origin-bad-scheme", "http://localhost:3000"),
    ("ftp://app.example.com", "origin-bad-scheme", APP),
    ("file:///home/me/index.html", "origin-has-path", "file://"),
    ("file:///", "origin-has-path", "file://"),
    ("file://*", "origin-bad-host", "file://"),
    ("file://localhost", "origin-bad-host", "file://"),
    ("data://x", "origin-is-opaque", None),
    ("about://blank", "origin-is-opaque", None),
    ("javascript://", "origin-is-opaque", None),
    ("BLOB://*", "origin-is-opaque", None),
    ("capacitor://localhost/", "origin-has-path", "capacitor://localhost"),
    ("app://./index.html#top", "origin-has-path", "app://."),
    ("app://me:secret@host", "origin-has-userinfo", "app://host"),
    ("app://host,app://other", "origin-has-path", None),
    ("app://a'b", "origin-bad-host", None),
    ('app://"host"', "origin-bad-host", None),
    ("app://a,b", "origin-bad-host", None),
    ("app://a*", "origin-bad-wildcard", None),
    ("moz-extension://**", "origin-bad-wildcard", None),
    ("https://", "origin-has-no-host", None),
    ("https://:3000", "origin-has-no-host", None),
    ("https://*.", "origin-has-no-host", None),
    ("https://app..example.com", "origin-empty-label", APP),
    ("https://app.example.com.", "origin-empty-label", APP),
    ("https://.app.example.com:8443", "origin-empty-label", "https://app.example.com:8443"),
    ("https://*..example.com", "origin-empty-label", "https://*.example.com"),
    ("http://localhost.:*", "origin-empty-label", "http://localhost:*"),
    ("https://127.1", "origin-numeric-host", "https://127.0.0.1"),
    ("https://0x7f.1:8443", "origin-numeric-host", "https://127.0.0.1:8443"),
    ("https://2130706433", "origin-numeric-host", "https://127.0.0.1"),
    ("https://0300.0250.1.1", "origin-numeric-host", "https://192.168.1.1"),
    ("http://127.1:*", "origin-numeric-host", "http://127.0.0.1:*"),
    ("https://1.2.3.4.", "origin-numeric-host", "https://1.2.3.4"),
    ("https://01.2.3.4", "origin-numeric-host", "https://1.2.3.4"),
    ("https://255.255.65535", "origin-numeric-host", "https://255.255.255.255"),
    ("https://256.1.1.1", "origin-numeric-host", None),
    ("https://256.1", "origin-numeric-host", None),
    ("https://1.16777216", "origin-numeric-host", None),
    ("https://1.2.3.4.0", "origin-numeric-host", None),
    ("https://1.2.3.4.5", "origin-numeric-host", None),
    ("https://4294967296", "origin-numeric-host", None),
    ("https://app.example.08", "origin-numeric-host", None),
    ("https://1_0.1", "origin-numeric-host", None),
    ("https://-1.1", "origin-numeric-host", None),
    ("https://08", "origin-numeric-host", None),
    ("https://0x", "origin-numeric-host", "https://0.0.0.0"),
    ("http://[0:0:0:0:0:0:0:1]:3000", "origin-ipv6-form", "http://[::1]:3000"),
    ("http://[0:0:0:0:0:0:0:1]:*", "origin-ipv6-form", "http://[::1]:*"),
    ("http://[2001:0db8::1]", "origin-ipv6-form", "http://[2001:db8::1]"),
    ("http://[::ffff:1.2.3.4]", "origin-ipv6-form", "http://[::ffff:102:304]"),
    ("http://[::1.2.3.4]", "origin-ipv6-form", "http://[::102:304]"),
    ("http://[1:0:0:1:0:0:0:1]", "origin-ipv6-form", "http://[1:0:0:1::1]"),
    ("http://[1::1:1:1:1:1:1]", "origin-ipv6-form", "http://[1:0:1:1:1:1:1:1]"),
    ("http://[::1", "origin-bad-host", None),
    ("http://[]", "origin-bad-host", None),
    ("http://[1:2]", "origin-bad-host", None),
    ("http://[::1]x", "origin-bad-host", None),
    ("http://[fe80::1%25eth0]:3000", "origin-bad-host", None),
    ("http://::1", "origin-bad-port", "http://[::1]"),
    ("https://2001:db8::1", "origin-bad-port", "https://[2001:db8::1]"),
    ("https://a]b", "origin-bad-host", None),
    ("https://app%2eexample.com", "origin-bad-host", None),
    ("https://a.com;https://b.com", "origin-has-path", None),
    ("https://app,example.com", "origin-bad-host", None),
    (" https://app.example.com", "origin-has-space", APP),
    ("https://app.example.com\r\n", "origin-has-space", APP),
    ("https://app.example.com/ ", "origin-has-space", APP),
    ("https://exam\nple.com", "origin-has-space", None),
    ("https://a.example https://b.example", "origin-has-space", None),
    ("https://app.example.com\x00", "origin-has-space", None),
    ("https://app\u200b.example.com", "origin-has-space", None),
    ("https://app.example.com\ud800", "origin-has-space", None),
    ("https://münchen.example", "origin-not-ascii", "https://xn--mnchen-3ya.example"),
    ("HTTPS://MÜNCHEN.example:8443", "origin-not-ascii", "https://xn--mnchen-3ya.example:8443"),
    ("https://*.straße.de", "origin-not-ascii", "https://*.xn--strae-oqa.de"),
    ("https://ΣΑΣ.gr", "origin-not-ascii", "https://xn--mxa9ab.gr"),
    ("münchen.de", "origin-not-ascii", "https://xn--mnchen-3ya.de"),
    ("https://例え。jp", "origin-not-ascii", "https://xn--r8jz45g.jp"),
    ("https://\N{FULLWIDTH LATIN SMALL LETTER A}pp.example.com", "origin-not-ascii", APP),
    (
        "https://\N{HOT BEVERAGE}\N{VARIATION SELECTOR-16}.example",
        "origin-not-ascii",
        "https://xn--53h.example",
    ),
    ("https://app.example.com/straße", "origin-not-ascii", None),
    ("https://münchen.de/", "origin-not-ascii", None),
    ("https://straße@example.com", "origin-not-ascii", None),
    ("http\N{LATIN SMALL LETTER LONG S}://example.com", "origin-not-ascii", None),
    ("https://*", "origin-bad-wildcard", None),
    ("https://*:3000", "origin-bad-wildcard", None),
    ("https://*.*.example.com:8443", "origin-bad-wildcard", "https://*.example.com:8443"),
    ("https://app-*", "origin-bad-wildcard", None),
    ("https://*com", "origin-bad-wildcard", "https://*.com"),
    ("https://a*b*c.example.com", "origin-bad-wildcard", None),
    ("https://www.*-x.example.com", "origin-bad-wildcard", None),
    ("https://*-*.example.com", "origin-bad-wildcard", None),
    ("https://xn--*.example.com", "origin-bad-wildcard", None),
    ("https://xn--a-*.example.com", "origin-bad-wildcard", None),
    ("https://" + "a" * 63 + "*.example.com", "origin-bad-wildcard", None),
    ("https://1-*.2.3.4", "origin-bad-wildcard", None),
    ("http://a*.[::1]", "origin-bad-wildcard", None),
    ("https://pr-*.example.com/", "origin-has-path", "https://pr-*.example.com"),
    ("https://pr-*.münchen.de", "origin-not-ascii", "https://pr-*.xn--mnchen-3ya.de"),
    ("https://pr-*..example.com", "origin-empty-label", "https://pr-*.example.com"),
    ("http://a-*.localhost:*", "origin-any-port", None),
    ("https://app.*.com", "origin-bad-wildcard", None),
    ("https://example.*", "origin-bad-wildcard", None),
    ("https://*.app.*", "origin-bad-wildcard", None),
    ("https://*.1.2.3.4", "origin-bad-wildcard", None),
    ("http://*.[::1]", "origin-bad-wildcard", None),
    ("capacitor://*.localhost", "origin-bad-wildcard", None),
    ("https://app.example.com:*", "origin-any-port", None),
    ("https://*.example.com:*", "origin-any-port", "https://*.example.com"),
    ("http://*.localhost:*", "origin-any-port", "http://*.localhost"),
    ("http://*:*", "origin-any-port", None),
    ("http://128.0.0.1:*", "origin-any-port", None),
    ("http://[::2]:*", "origin-any-port", None),
    ("http://localhost.evil.test:*", "origin-any-port", None),
    ("capacitor://localhost:*", "origin-any-port", None),
    ("https://$DOMAIN", "origin-has-variable", None),
    ("https://${APP_HOST}:3000", "origin-has-variable", None),
    ("https://$(APP_HOST)", "origin-has-variable", None),
    ("$(APP_ORIGIN)", "origin-has-variable", None),
    ("https://{{ host }}".replace(" ", ""), "origin-has-variable", None),
    ("https://" + "a" * (MAX_ORIGIN - 7), "origin-too-long", None),
]


@pytest.mark.parametrize(("text", "code", "remedy"), REFUSED)
def test_an_entry_outside_the_grammar_is_refused_with_the_corrected_spelling(text, code, remedy):
    error = refusal(text)
    assert (error.code, error.remedy) == (code, remedy)


@pytest.mark.parametrize("remedy", sorted({remedy for _, _, remedy in REFUSED if remedy is not None}))
def test_the_corrected_spelling_is_itself_in_the_grammar(remedy):
    assert parse_origin(remedy).text == remedy


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (".*", "*"),
        ("^.*$", "*"),
        (r"https://.*\.example\.com", "https://*.example.com"),
        (r"^https://.*\.example\.com$", "https://*.example.com"),
        (r"https://.+\.example\.com/?", "https://*.example.com"),
        (r"https://[a-z0-9-]+\.example\.com", "https://*.example.com"),
        (r"https://\w+\.example\.com:8443", "https://*.example.com:8443"),
        (r"^https?:\/\/app\.example\.com$", f"http://app.example.com, {APP}"),
        ("https?://api.example.com", "http://api.example.com, https://api.example.com"),
        (r"https?://localhost(:\d+)?", "http://localhost:*, https://localhost:*"),
        (r"^http://\[::1\](:[0-9]+)?$", "http://[::1]:*"),
        (r"http://localhost:\d+", "http://localhost:*"),
        (r"http://localhost:[0-9]{2,5}", "http://localhost:*"),
        (r"http://localhost(:\d+)?", "http://localhost:*"),
        (r"^https://(a|b)\.example\.com$", "https://a.example.com, https://b.example.com"),
        ("https://a|b.example", 're.compile(r"https://a|b.example") as an argument'),
        ("https://.*", 're.compile(r"https://.*") as an argument'),
        ("https://a+b.example", 're.compile(r"https://a+b.example") as an argument'),
        ("https://app-[0-9]+.example", "https://app-*.example"),
        (r"https://pr-\d{1,4}\.example\.com", "https://pr-*.example.com"),
        ("moz-extension://.*", "moz-extension://*"),
        ("^chrome-extension://[a-z]{32}$", "chrome-extension://*"),
        ("^chrome-extension://.+", "chrome-extension://*"),
        ("^safari-web-extension://8A6A$", "safari-web-extension://8A6A"),
        ('https://".*', "re.compile('https://\".*') as an argument"),
        (r"https://app\.example\.com(", None),
        ("https://(?P<x", None),
    ],
)
def test_a_string_that_looks_like_a_regular_expression_is_refused_with_what_to_write(text, remedy):
    error = refusal(text)
    assert (error.code, error.remedy) == ("origin-is-regex", remedy)


def test_an_error_s_message_does_not_repeat_the_entry():
    assert all("example" not in str(refusal(text)) for text, _, _ in REFUSED)


# --- the grammar against the URL standard


def ada_origin(text):
    """The origin that the URL standard's parser reads in *text*; None where that is no URL."""
    try:
        return URL(text).origin
    except ValueError:
        return None


groups = st.one_of(
    st.sampled_from(["0", "0000", "1", "00ab", "ffff"]), st.from_regex("[0-9a-f]{1,4}", fullmatch=True)
)
ipv6 = st.one_of(
    st.lists(groups, min_size=8, max_size=8).map(":".join),
    st.tuples(st.lists(groups, max_size=6), st.lists(groups, max_size=6)).map(
        lambda halves: "::".join(map(":".join, halves))
    ),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=4).map("::ffff:{}".format),
    st.ip_addresses(v=4).map("::{}".format),
)
numbers = st.one_of(
    st.integers(0, 300).map(str),
    st.integers(0, 2**33).map(str),
    st.integers(0, 2**33).map(hex),
    st.sampled_from(["0x", "00", "01", "08", "0xg", "1a", "1_0", "-1"]),
)
labels = st.one_of(
    st.from_regex("[a-z0-9_-]{1,12}", fullmatch=True),
    st.from_regex("xn--[a-z0-9-]{0,12}", fullmatch=True),
    st.text(min_size=1, max_size=4).map(lambda text: "xn--" + text.encode("punycode", "replace").decode()),
    st.sampled_from(["com", "localhost", "xn--mnchen-3ya", "xn--", "-", "_", "a" * 64]),
)
hosts = st.one_of(
    st.lists(st.one_of(labels, numbers), min_size=1, max_size=5).map(".".join),
    st.lists(numbers, min_size=1, max_size=5).map(".".join),
    st.ip_addresses(v=4).map(str),
    ipv6.map("[{}]".format),
)
ports = st.sampled_from(["", "", "", ":1", ":80", ":443", ":8080", ":65535", ":65536", ":080", ":0", ":"])
web_origins = st.builds("{}://{}{}".format, st.sampled_from(["http", "https"]), hosts, ports)
near_origins = st.builds(
    lambda origin, char, at: origin[: at % (len(origin) + 1)] + char + origin[at % (len(origin) + 1) :],
    web_origins,
    st.sampled_from([*"/?#@:[]%.*\\ \t\n\x00$+()|éßΣ。A", "..", "//"]),
    st.integers(0, 600),
)


@given(st.one_of(web_origins, near_origins))
def test_what_is_accepted_is_the_origin_that_a_browser_would_send(text):
    try:
        parsed = parse_origin(text)
    except OriginError:
        return
    if parsed.kind is EXACT and parsed.scheme in DEFAULT_PORTS:
        assert parsed.text == ada_origin(text)


#: Where the grammar is stricter than the URL standard: section 3 names the empty label and port 0; a host of
#: other characters than letters, digits, hyphens and underscores is a slip (``a.com;https://b.com``), for no
#: resolver knows it; and an origin over the bound of requests' origins could never match.
_PLAIN_HOST = re.compile(r"https?://(?:\[[0-9a-f:]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::[1-9][0-9]*)?")


@given(web_origins)
@example("https://xn--a.example")
@example("https://" + ".".join(["a" * 60] * 6))
def test_what_a_browser_would_send_is_accepted(text):
    if ada_origin(text) == text and _PLAIN_HOST.fullmatch(text) and len(text) <= MAX_ORIGIN:
        assert parse_origin(text).text == text


@given(st.one_of(web_origins, near_origins, st.text(), st.text("https://*.[]:0-9(|)\\.+$^{}@é")))
def test_every_entry_is_parsed_or_refused_and_no_remedy_is_itself_wrong(text):
    try:
        parsed = parse_origin(text)
    except OriginError as error:
        remedy = error.remedy
        if remedy is not None and not remedy.startswith("re.compile("):
            assert all(parse_origin(entry).text == entry for entry in remedy.split(", "))
    else:
        assert parse_origin(parsed.text) == parsed


# letters and digits; of combining marks in an unusual order ada-url itself makes another label than NFC
@given(st.text(st.characters(categories=["Ll", "Lu", "Lo", "Nd"]), min_size=1, max_size=6))
def test_a_host_that_is_not_ascii_is_corrected_as_browsers_respell_it(label):
    text = f"https://{label}.example"
    if not text.isascii() and ada_origin(text) is not None:
        assert refusal(text).remedy in {None, ada_origin(text)}


@given(web_origins)
def test_what_a_browser_sends_has_the_form_of_a_serialized_origin(text):
    sent = ada_origin(text)
    if sent is not None and len(sent) <= MAX_ORIGIN and not sent.endswith(":0"):
        assert is_serialized(sent)


@pytest.mark.parametrize(
    ("text", "serialized"),
    [
        *((text, True) for text in ["null", APP, APP + ":8443", "http://[::1]:3000", "app://localhost"]),
        *((text, True) for text in ["app://.", "app://A-b:0080", "capacitor://", "file://", "x-y+z.1://{a}"]),
        *((text, False) for text in ["data://x", "blob://", "wss://a", "ftp://a", "file:///", "file://a"]),
        *(
            (text, False)
            for text in ["App://a", "app://a/", "app://a b", "app://a,b", "app://\xe9", "1a://b"]
        ),
        ("https://" + "a" * (MAX_ORIGIN - 8), True),
        ("https://" + "a" * (MAX_ORIGIN - 7), False),
        *(
            (text, False)
            for text in ["", "*", "NULL", "https://", "https:", "://a", "https://a/", "https://A"]
        ),
        *(
            (f"{APP}{end}", False)
            for end in [":443", ":0", ":65536", ":08", ":", ":*", "/", " ", "\n", "?", "#"]
        ),
        *(
            ("http://a" + end, False)
            for end in [":80", ",http://b:", "\\", "@b", "%2f", "<", "\u3002", "\ud800"]
        ),
    ],
)
def test_only_what_browsers_serialize_is_well_formed(text, serialized):
    assert is_serialized(text) is serialized


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ["localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]"]),
        *((host, False) for host in ["localhost.evil.test", "notlocalhost", "128.0.0.1", "127.evil.test"]),
    ],
)
def test_loopback_is_this_machine_and_nothing_that_looks_like_it(host, loopback):
    assert parse_origin(f"http://{host}").is_loopback is loopback


# --- matching

LISTED = origins(
    APP,
    "https://b.example.net:8443",
    "http://[::1]:3000",
    "http://127.0.0.1:*",
    "http://[::1]:*",
    "http://localhost:*",
    "https://*.example.org",
    "https://*.example.org:8443",
    "capacitor://localhost",
    "null",
    *("https://pr-*.example.test", "https://pr-*--site.example.test", "https://*-site.example.test:81"),
    *("moz-extension://*", "safari-web-extension://8A6A", "app://.", "ionic://", "file://"),
)


@pytest.mark.parametrize(
    ("origin", "reason", "rule"),
    [
        (APP, Reason.ORIGIN_EXACT, APP),
        ("https://b.example.net:8443", Reason.ORIGIN_EXACT, "https://b.example.net:8443"),
        ("http://[::1]:3000", Reason.ORIGIN_EXACT, "http://[::1]:3000"),
        ("capacitor://localhost", Reason.ORIGIN_EXACT, "capacitor://localhost"),
        ("null", Reason.NULL_ALLOWED, "null"),
        ("http://localhost", Reason.ORIGIN_PATTERN, "http://localhost:*"),
        ("http://localhost:1", Reason.ORIGIN_PATTERN, "http://localhost:*"),
        ("http://localhost:443", Reason.ORIGIN_PATTERN, "http://localhost:*"),
        ("http://localhost:65535", Reason.ORIGIN_PATTERN, "http://localhost:*"),
        ("http://127.0.0.1:5173", Reason.ORIGIN_PATTERN, "http://127.0.0.1:*"),
        ("http://[::1]", Reason.ORIGIN_PATTERN, "http://[::1]:*"),
        ("http://[::1]:5173", Reason.ORIGIN_PATTERN, "http://[::1]:*"),
        ("https://a.example.org", Reason.ORIGIN_PATTERN, "https://*.example.org"),
        ("https://a.b.c.example.org", Reason.ORIGIN_PATTERN, "https://*.example.org"),
        ("https://xn--mnchen-3ya.example.org", Reason.ORIGIN_PATTERN, "https://*.example.org"),
        ("https://a_b.-c-.example.org:8443", Reason.ORIGIN_PATTERN, "https://*.example.org:8443"),
        ("https://pr-1.example.test", Reason.ORIGIN_PATTERN, "https://pr-*.example.test"),
        ("https://pr-a-b.example.test", Reason.ORIGIN_PATTERN, "https://pr-*.example.test"),
        ("https://pr-1--site.example.test", Reason.ORIGIN_PATTERN, "https://pr-*--site.example.test"),
        ("https://x-site.example.test:81", Reason.ORIGIN_PATTERN, "https://*-site.example.test:81"),
        ("moz-extension://2c127fa4", Reason.ORIGIN_PATTERN, "moz-extension://*"),
        ("moz-extension://A", Reason.ORIGIN_PATTERN, "moz-extension://*"),
        ("safari-web-extension://8A6A", Reason.ORIGIN_EXACT, "safari-web-extension://8A6A"),
        ("app://.", Reason.ORIGIN_EXACT, "app://."),
        ("ionic://", Reason.ORIGIN_EXACT, "ionic://"),
        ("file://", Reason.ORIGIN_EXACT, "file://"),
    ],
)
def test_an_origin_that_an_entry_stands_for_is_matched_by_it(origin, reason, rule):
    assert LISTED.match(origin) == Match(reason, rule)


ODD_HOST_CHARACTERS = "_{}|^`~!$&'()*+,;=\"<>\\@/?#%: \t\n\r\x00\x0b-."


@pytest.mark.parametrize(
    "origin",
    [
        # prefix, suffix, infix
        *("https://app.example.com.attacker.test", "https://app.example.co", "https://app.example.computer"),
        *(
            "https://notapp.example.com",
            "https://xapp.example.com",
            "https://attacker.test/https://app.example.com",
        ),
        *("https://attacker.test?https://app.example.com", "https://attacker.test#https://app.example.com"),
        # a dot is a dot
        *(
            "https://appxexample.com",
            "https://app.examplexcom",
            "https://aXexampleXorg",
            "https://aexample.org",
        ),
        # userinfo, ports, schemes
        *("https://app.example.com@attacker.test", "https://attacker.test@app.example.com"),
        *(
            "https://app.example.com:443",
            "https://app.example.com:443.attacker.test",
            "https://b.example.net",
        ),
        *("https://app.example.com:8443", "https://b.example.net:443", "https://b.example.net:08443"),
        *("http://app.example.com", "http://a.example.org", "https://localhost", "wss://app.example.com"),
        *("http://localhost:", "http://localhost:0", "http://localhost:80", "http://localhost:65536"),
        *("http://localhost:080", "http://localhost:*", "http://localhost:3000x", "http://localhost:+1"),
        *(
            "http://localhost:1_0",
            "http://localhost:\N{ARABIC-INDIC DIGIT ONE}",
            "http://localhost.evil.test:1",
        ),
        *(
            "http://localhost:3000:3000",
            "http://x@localhost:3000",
            "http://127.0.0.2:3000",
            "http://127.1:3000",
        ),
        *(
            "http://[::1]:",
            "http://[::1]:80",
            "http://[::2]:3000",
            "http://[0:0:0:0:0:0:0:1]:3000",
            "http://[::1",
        ),
        *("capacitor://localhost:1", "capacitor://localhost/", "capacitor://"),
        # never the bare host, an empty label, or another port
        *("https://example.org", "https://.example.org", "https://a..example.org", "https://a.example.org."),
        *("https://a.example.org:443", "https://a.example.org:8444", "https://a.example.org:8443:8443"),
        *("https://:8443.example.org", "https://[::1].example.org", "https://x:1.example.org"),
        # case, white space, line ends, lists
        *(
            "https://APP.example.com",
            "HTTPS://app.example.com",
            "https://A.example.org",
            "https://a.Example.org",
        ),
        *(
            f" {APP}",
            f"{APP} ",
            f"{APP}\n",
            f"{APP}\r\n",
            f"{APP}\x00",
            f"{APP}/",
            f"{APP},https://attacker.test",
        ),
        *(
            f"{APP} {APP}",
            f"{APP}, {APP}",
            f"https://https://{APP}",
            "https:app.example.com",
            "app.example.com",
        ),
        *("https://acce\N{LATIN SMALL LETTER SHARP S}.example.org", "https://\N{KELVIN SIGN}.example.org"),
        *(
            "https://app\N{IDEOGRAPHIC FULL STOP}example.com",
            "https://\ud800.example.org",
            "",
            "NULL",
            "null ",
        ),
        # a part of one label, and nothing beyond the label
        *("https://pr-.example.test", "https://pr-a.b.example.test", "https://xpr-1.example.test"),
        *(
            "https://pr-1.example.test.attacker.test",
            "https://pr-1.example.test:8443",
            "https://pr-1example.test",
        ),
        *("https://pr-A.example.test", "https://pr-a_b.example.test", "http://pr-1.example.test"),
        *("https://example.test", "https://-site.example.test:81", "https://x-site.example.test"),
        *("https://" + "pr-" + "a" * 61 + ".example.test", "https://pr-\n.example.test"),
        *("https://pr-1.example.test\n", "https://pr-\u0661.example.test"),
        # opaque hosts: byte for byte, and never empty where any host will do
        *("moz-extension://", "moz-extension://a/b", "moz-extension://a\n", "chrome-extension://a"),
        *(
            "moz-extension://a b",
            "moz-extension://\u00e9",
            "moz-extensions://a",
            "safari-web-extension://8a6a",
        ),
        *("app://", "app://..", "ionic://localhost", "file:///", "file://localhost", "file:", "App://."),
        # characters that some browsers have let into hosts
        *(f"https://app.example.com{char}.attacker.test" for char in ODD_HOST_CHARACTERS),
        *(f"https://attacker.test{char}.example.org" for char in ODD_HOST_CHARACTERS if char not in "_-"),
        *(f"http://localhost{char}.attacker.test:3000" for char in ODD_HOST_CHARACTERS),
    ],
)
def test_an_attacker_s_origin_matches_nothing(origin):
    assert LISTED.match(origin) is None


def test_two_entries_do_not_make_a_third():
    entries = origins("https://*.foo.com", "https://*.bar.com", "https://foo.com", "https://bar.com:81")
    made = ["https://barfoo.com", "https://foo.com:81", "https://a.foo.com:81", "https://bar.com"]
    assert [matched_rule(entries, origin) for origin in made] == [None] * 4


def test_the_longest_of_nested_patterns_names_itself():
    entries = origins("https://*.example.com", "https://*.app.example.com")
    found = [
        matched_rule(entries, f"https://{host}.example.com") for host in ("x", "app", "x.app", "x.y.app")
    ]
    assert found == [
        *("https://*.example.com", "https://*.example.com"),
        *("https://*.app.example.com", "https://*.app.example.com"),
    ]


@pytest.mark.parametrize("origin", [APP, "null", "", "a b, <c>", "\ud800", "x" * MAX_ORIGIN])
def test_a_wildcard_matches_every_value(origin):
    assert origins("*").match(origin) == Match(Reason.ORIGIN_ANY, "*")


def test_nothing_matches_no_entries():
    assert [origins().match(origin) for origin in (APP, "null", "")] == [None] * 3
    assert not origins()


def compiled(*patterns):
    return Origins(map(OriginPattern.from_regex, patterns))


def test_a_compiled_pattern_matches_an_origin_s_whole_value():
    entries = compiled(re.compile(r"https://app-[0-9]+\.example\.com"))
    assert entries.match("https://app-7.example.com") == Match(
        Reason.ORIGIN_PATTERN, r"https://app-[0-9]+\.example\.com"
    )
    others = [
        "https://app-7.example.com.evil.net",
        "xhttps://app-7.example.com",
        "https://app-7.example.com\n",
    ]
    assert [entries.match(origin) for origin in others] == [None] * 3


@pytest.mark.parametrize(
    "origin", ["null", "a b, <c>", "", f"{APP}\r\nX: 1", f"{APP}:443", "https://APP.test"]
)
def test_a_compiled_pattern_is_asked_only_about_what_browsers_send(origin):
    assert compiled(re.compile(r".*", re.DOTALL)).match(origin) is None


def test_compiled_patterns_that_differ_in_their_flags_are_two():
    strict, loose = re.compile("https://[a-z]+"), re.compile("https://[a-z]+", re.IGNORECASE | re.ASCII)
    entries = compiled(strict, loose, strict)
    assert [entry.canonical for entry in entries] == ["regex:(?ai)https://[a-z]+", "regex:https://[a-z]+"]


def test_a_pattern_for_bytes_is_refused():
    with pytest.raises(TypeError):
        OriginPattern.from_regex(re.compile(b"https://.*"))


def test_the_order_of_entries_and_their_repeats_do_not_matter():
    texts = ["https://b.example", "null", "https://*.a.example", "https://b.example"]
    made = {tuple(entry.text for entry in origins(*order)) for order in permutations(texts)}
    assert made == {("https://*.a.example", "https://b.example", "null")}


def test_a_look_up_is_the_same_work_among_ten_thousand_entries(calls):
    few, many = (origins(*(f"https://a{n}.example", f"https://*.b{n}.example")) for n in ("", "x"))
    many = origins(*(f"https://{kind}{n}.example" for n in range(5000) for kind in ("a", "*.b")))
    for origin in ("https://a7.example", "https://c.b7.example", "https://a.test", "https://" + "a." * 250):
        assert calls(many.match, origin) <= calls(few.match, origin) + 3


# --- a model of matching, written from the contract

entries_of_laws = st.sampled_from(
    [
        *("https://app.example", "http://app.example", "https://app.example:81", "https://*.app.example"),
        *("https://*.example:81", "http://localhost:*", "http://[::1]:*", "null", "app://app.example"),
        *("https://a*.example", "https://*-b.app.example", "http://a*b.b.example:81", "ext://*", "file://"),
    ]
)


def means(entry, origin):
    """Whether *entry* stands for *origin*, said with a regular expression of its own."""
    port = "(?::(?!80$)(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}))?"
    pattern = re.escape(entry).replace("ext://\\*", r"ext://[!$%&(-+\-.0-9:;<=>A-Z\[\]^_`a-z{|}~]+")
    pattern = pattern.replace(r"://\*\.", r"://[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.").replace(r":\*", port)
    return re.fullmatch(re.sub(r"(?<!\])\\\*", "[a-z0-9-]+", pattern), origin) is not None


@given(
    st.sets(entries_of_laws, min_size=1),
    st.sampled_from(
        [
            *(
                "https://app.example",
                "http://a.b.example:81",
                "http://localhost:8080",
                "http://[::1]",
                "null",
            ),
            *(
                "https://ab.example",
                "https://a-b.app.example",
                "http://a-b.b.example:81",
                "ext://A.",
                "file://",
            ),
        ]
    ),
    st.integers(0, 30),
    st.sampled_from(["", *"ab.:/-80A_\n*@", "a.", "b.app", ":81", "é"]),
    st.integers(0, 2),
)
def test_an_origin_matches_exactly_if_an_entry_means_it(entries, origin, at, put, dropped):
    changed = origin[:at] + put + origin[at + dropped :]
    found = origins(*entries).match(changed)
    assert (found is not None) == any(means(entry, changed) for entry in entries)
    assert found is None or means(found.rule, changed)
