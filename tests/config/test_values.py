"""What each list may hold, and what no environment permits in it."""

import pytest
from config.configured import APP, canonical, made, problems, refused

from flask_cors_env.config import values
from flask_cors_env.config.errors import FaultyValueError
from flask_cors_env.config.settings import SETTINGS
from flask_cors_env.core.environments import ENVIRONMENTS


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        (APP, [APP]),
        ("HTTPS://App.Example.COM", [APP]),
        (f"{APP},{APP},{APP.upper()}", [APP]),
        (
            "https://*.example.com https://*.example.com:8443",
            ["https://*.example.com", "https://*.example.com:8443"],
        ),
        ("capacitor://localhost", ["capacitor://localhost"]),
        ("chrome-extension://abcdefghijklmnop", ["chrome-extension://abcdefghijklmnop"]),
        ("https://[2001:db8::1]:8443", ["https://[2001:db8::1]:8443"]),
    ],
)
def test_origins_are_in_their_grammar(text, origins):
    assert canonical(ORIGINS=text)["origins"] == origins


@pytest.mark.parametrize(
    ("text", "code", "remedy"),
    [
        ("https://app.example.com/", "origin-has-path", "Write: https://app.example.com"),
        ("app.example.com", "origin-has-no-scheme", "Write: https://app.example.com"),
        ("https://app.example.com:443", "origin-has-default-port", "Write: https://app.example.com"),
        ("https://u@app.example.com", "origin-has-userinfo", "Write: https://app.example.com"),
        ("https://straße.example", "origin-not-ascii", "Write: https://xn--strae-oqa.example"),
        (r"https://.*\.example\.com", "origin-is-regex", "Write: https://*.example.com"),
        ("https://127.1", "origin-numeric-host", "Write: https://127.0.0.1"),
        ("https://app.example.com:0", "origin-bad-port", None),
        ("https://app.example.com:*", "origin-any-port", None),
        ("file://", "origin-is-opaque", None),
    ],
)
def test_an_origin_out_of_the_grammar_is_told_with_the_one_to_write(text, code, remedy):
    (problem,) = refused(ORIGINS=text).problems
    assert (problem.code, problem.remedy) == (code, remedy)


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("get head post put delete options", ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]),
        ("PATCH,PURGE,X-Y", ["PATCH", "PURGE", "X-Y"]),
        ("*", ["*"]),
        ("GET,get", ["GET"]),
    ],
)
def test_methods_are_normalised_as_browsers_do(text, methods):
    assert canonical(METHODS=text)["methods"] == methods


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Content-Type, x-a", ["Content-Type", "x-a"]),
        ("*,Authorization", ["*", "Authorization"]),
        ("x-team-*,X-Other-*", ["x-other-*", "x-team-*"]),
        ("X-A,x-a,X-a", ["X-A"]),
    ],
)
def test_request_headers_are_names_prefixes_or_all(text, names):
    assert canonical(ORIGINS=APP, ALLOW_HEADERS=text)["allow_headers"] == names
    reversed_text = ",".join(reversed(text.split(",")))
    assert canonical(ORIGINS=APP, ALLOW_HEADERS=reversed_text)["allow_headers"] == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("X-B,X-A", ["X-A", "X-B"]),
        ("X-A,x-a", ["X-A"]),
        ("*", ["*"]),
        ("ETag,Location", ["ETag", "Location"]),
    ],
)
def test_response_headers_are_names_or_all(text, names):
    assert canonical(EXPOSE_HEADERS=text)["expose_headers"] == names


ALWAYS = [
    *(("METHODS", text, "method-forbidden") for text in ("CONNECT", "TRACE", "TRACK", "Trace", "track")),
    *(("METHODS", text, "method-not-token") for text in ("GE(T", "GÉT", "a/b")),
    *(
        ("ALLOW_HEADERS", text, "header-forbidden")
        for text in (
            "Accept-Charset Accept-Encoding Connection Content-Length Cookie Cookie2 Date DNT Expect Host "
            "Keep-Alive Origin Referer Set-Cookie TE Trailer Transfer-Encoding Upgrade Via Proxy-Foo "
            "Sec-Fetch-Site sec-foo Proxy-* sec-ch-*"
        ).split()
    ),
    *(
        ("ALLOW_HEADERS", text, "header-of-protocol")
        for text in (
            "Access-Control-Allow-Origin access-control-max-age Access-Control-Request-Method "
            "Access-Control-Request-Private-Network Access-Control-* access-control-allow-*"
        ).split()
    ),
    *(
        ("ALLOW_HEADERS", text, "header-wrong-list")
        for text in ("ETag", "Location", "www-authenticate", "Vary")
    ),
    *(("ALLOW_HEADERS", text, "header-not-token") for text in ("X A:", "X-A:", "x*", "x-*-y", "-x:*", "Ä")),
    *(("EXPOSE_HEADERS", text, "header-forbidden") for text in ("Set-Cookie", "set-cookie2")),
    *(
        ("EXPOSE_HEADERS", text, "header-of-protocol")
        for text in (
            "Access-Control-Allow-Origin",
            "access-control-request-headers",
            "Access-Control-Expose-Headers",
        )
    ),
    *(("EXPOSE_HEADERS", text, "header-wrong-list") for text in ("Authorization", "cookie", "User-Agent")),
    *(("ALLOW_HEADERS", text, "header-is-regex") for text in ("^X-A", "X-A$", "X-.+", "X-(A|B)", r"X-\w+")),
    *(("EXPOSE_HEADERS", text, "header-is-regex") for text in ("X-.*", "(X-A|X-B)")),
    *(("ALLOW_HEADERS", text, "value-has-variable") for text in ("$NAMES", "${NAMES}", "$(NAMES)")),
    *((name, "$(NAMES)", "value-has-variable") for name in ("METHODS", "EXPOSE_HEADERS")),
    *(("EXPOSE_HEADERS", text, "header-not-token") for text in ("X-B:", "x-team-*", "a=b")),
]


@pytest.mark.parametrize(("name", "text", "code"), ALWAYS)
def test_what_no_page_can_use_is_an_error_in_every_environment(name, text, code):
    for environment in ENVIRONMENTS:
        found = problems(
            ENV=environment, ORIGINS=APP, UNSAFE_ALLOW="http,headers", config={f"CORS_{name}": [text]}
        )
        assert found == [(code, f"CORS_{name}", text if text.isascii() else found[0][2])]


def test_a_line_break_never_comes_near_a_header():
    assert problems(EXPOSE_HEADERS="X-A\r\nX-B: 1") == [("header-not-token", "CORS_EXPOSE_HEADERS", "X-B:")]
    assert problems(options={"expose_headers": ["X-A\r\nX-B: 1"]}) == [
        ("header-not-token", "expose_headers", "X-A\\r\\nX-B: 1")
    ]


@pytest.mark.parametrize("name", ["ORIGINS", "METHODS", "ALLOW_HEADERS", "EXPOSE_HEADERS", "UNSAFE_ALLOW"])
def test_none_among_values_is_an_error_in_every_list(name):
    assert problems(**{name: "none,GET"})[0] == ("none-among-values", f"CORS_{name}", "none")
    assert made(**{name: "none"}).warnings == ()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_every_default_is_typed_once(setting):
    from flask_cors_env.config.settings import default

    for environment in ENVIRONMENTS:
        assert default(setting.name, environment) is default(setting.name, environment)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('"a"', "a"),
        ("'a'", "a"),
        (' "a" ', "a"),
        ('" a "', "a"),
        ("\"a'", "\"a'"),
        ('"', '"'),
        ('""', ""),
        ("'\"a\"'", '"a"'),
        ('"a" "b"', '"a" "b"'),
        ('"["a"]"', '["a"]'),
        ("\u00a0a", "\u00a0a"),
    ],
)
def test_one_matching_outer_pair_of_quotes_is_removed(text, plain):
    assert values.unquote(text) == plain


@pytest.mark.parametrize(
    ("setting", "text", "remedy"),
    [
        ("ALLOW_HEADERS", "x{" + "9" * 5000 + "}", None),
        ("ALLOW_HEADERS", "[[a-z]", None),
        ("ALLOW_HEADERS", "\\\x1b", r"Write: re.compile('\\\x1b') as an argument"),
        ("ORIGINS", "https://[[a-z].example", None),
    ],
    ids=["too large a number", "of a warning", "not printable", "an origin, of a warning"],
)
def test_what_compiles_badly_is_refused_in_silence(setting, text, remedy, recwarn):
    (found,) = refused(**{setting: text}).problems
    assert found.code in {"header-is-regex", "origin-is-regex"}
    assert found.remedy == remedy
    assert list(recwarn) == []


@pytest.mark.parametrize(
    ("parse", "text", "remedy"),
    [
        (values.origins, "https://a.example;https://b.example", "Write: https://a.example,https://b.example"),
        (values.origins, "https://a.example|https://b.example", "Write: https://a.example,https://b.example"),
        (values.methods, "GET|POST", "Write: GET,POST"),
        (values.allow_headers, "X-A;X-B", "Write: X-A,X-B"),
        (values.expose_headers, "X-A|X-B|X-C", "Write: X-A,X-B,X-C"),
    ],
)
def test_the_separators_of_other_formats_are_told(parse, text, remedy):
    with pytest.raises(FaultyValueError) as caught:
        parse(text)
    assert [(fault.code, fault.value, fault.remedy) for fault in caught.value.faults] == [
        ("other-separator", text, remedy)
    ]


def test_every_word_of_the_log_s_settings_has_what_obeys_it():
    from flask_cors_env.audit.event import CLIENTS
    from flask_cors_env.audit.render import FORMATS
    from flask_cors_env.config.settings import AUDIT_CLIENTS, AUDIT_FORMATS

    assert (tuple(FORMATS), tuple(CLIENTS)) == (AUDIT_FORMATS, AUDIT_CLIENTS)
