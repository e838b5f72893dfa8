"""What each list may hold, and what no environment permits in it."""

import pytest
from config.configured import APP, canonical, made, problems, refused

from flask_cors_env.config import values
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
        (
            "https://127.1",
            "origin-numeric-host",
            (
                "Write: https://127.0.0.1 - In production the origin cannot be listed, by the rule loopback. "
                "List the page's real origin, https://...; loopback is for development: CORS_ENV=development."
            ),
        ),
        ("https://app.example.com;", "wrong-separator", "Write: https://app.example.com"),
        ("https://app.example.com|", "wrong-separator", "Write: https://app.example.com"),
        ("[2001:db8::1]:8443", "origin-has-no-scheme", "Write: https://[2001:db8::1]:8443"),
        ("[https://app.example.com", "list-not-closed", values._CLOSE),
        ("https://app.example.com:0", "origin-bad-port", values._AN_ORIGIN),
        ("https://app.example.com:*", "origin-any-port", values._AN_ORIGIN),
        ("data://x", "origin-is-opaque", values._AN_ORIGIN),
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
    *(("ALLOW_HEADERS", text, "header-not-token") for text in ("X A:", "X-A:", "x*", "x-*-y", "-x:*", "Ä")),
    *(("ALLOW_HEADERS", text, "header-is-regex") for text in ("^X-A", "X-A$", "X-.+", "X-(A|B)", r"X-\w+")),
    *(("EXPOSE_HEADERS", text, "header-is-regex") for text in ("X-.*", "X-(A|B)")),
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
        ("ALLOW_HEADERS", "x{" + "9" * 5000 + "}", "List the header names"),
        ("ALLOW_HEADERS", "[[a-z]", "List the header names"),
        ("ALLOW_HEADERS", "\\\x1b", "List the header names"),
        ("ORIGINS", "https://[[a-z].example", values._AN_ORIGIN),
    ],
    ids=["too large a number", "of a warning", "not printable", "an origin, of a warning"],
)
def test_what_compiles_badly_is_refused_in_silence(setting, text, remedy, recwarn):
    (found,) = refused(**{setting: text}).problems
    assert found.code in {"header-is-regex", "origin-is-regex"}
    assert found.remedy == remedy
    assert list(recwarn) == []


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("ORIGINS", f"{APP};https://b.example", f"Write: {APP},https://b.example"),
        ("ORIGINS", f"{APP}|https://b.example|", f"Write: {APP},https://b.example"),
        ("METHODS", "GET|POST", "Write: GET,POST"),
        ("METHODS", "GET;POST;", "Write: GET,POST"),
        ("ALLOW_HEADERS", "X-A|X-B", "Write: X-A,X-B"),
        ("EXPOSE_HEADERS", "X-A;X-B", "Write: X-A,X-B"),
        ("RESOURCES__A__PATH", "/a/*;/b/*", "Write: /a/*,/b/*"),
        ("UNSAFE_ALLOW", "http;null", "Write: http,null"),
    ],
)
def test_the_separators_of_other_formats_are_told_with_the_list_to_write(name, text, remedy):
    (problem,) = [p for p in refused(**{name: text}).problems if p.variable == f"CORS_{name}"]
    assert (problem.code, problem.value, problem.remedy) == ("wrong-separator", text, remedy)


@pytest.mark.parametrize("setting", ["origins", "methods", "allow_headers", "expose_headers"])
@pytest.mark.parametrize("value", [[""], ("",), [" "]])
def test_an_empty_member_of_a_list_is_to_be_removed(setting, value):
    (problem,) = refused(options={setting: value}).problems
    assert (problem.code, problem.remedy) == ("empty-value", "Remove it")


@pytest.mark.parametrize(
    "text",
    [
        "https://deploy:hunter22@app.example.com",
        "https://deploy:hunter22@app.example.com/path",
        "deploy:hunter22@app.example.com",
        "https://deploy:hunter22@münchen.de",
        "app://deploy:hunter22@host",
        "https://deploy:hunter22$(|@app.example.com",
        '["https://deploy:hunter22@app.example.com"',
        "https://deploy:hunter22@app.example.com;https://b.example",
    ],
)
def test_a_password_in_an_origin_is_shown_nowhere(text):
    error = refused(ORIGINS=text)
    assert "hunter22" not in f"{error} {error.problems}"


@pytest.mark.parametrize(
    "text", ["Origin", "Cookie", "Sec-Fetch-Site", "Proxy-Authorization", "te", "sec-ch-*", "proxy-*"]
)
def test_a_header_that_no_page_can_send_is_allowed_with_a_warning(text):
    built = made(ORIGINS=APP, ALLOW_HEADERS=f"{text},X-Api-Key")
    assert [(w.code, w.value, w.remedy) for w in built.warnings] == [("header-useless", text, "Remove it")]


@pytest.mark.parametrize("text", ["ETag", "Location", "Access-Control-Allow-Origin", "Vary", "Secret-*"])
def test_a_header_of_any_purpose_is_allowed_without_a_word(text):
    assert made(ORIGINS=APP, ALLOW_HEADERS=text).warnings == ()


@pytest.mark.parametrize("text", ["Authorization", "Cookie", "Origin", "Access-Control-Max-Age"])
def test_a_header_of_any_purpose_is_exposed_without_a_word(text):
    assert made(ORIGINS=APP, EXPOSE_HEADERS=text).warnings == ()


def test_cookies_are_exposed_with_a_warning():
    built = made(ORIGINS=APP, EXPOSE_HEADERS="Set-Cookie2,X-A")
    assert [(w.code, w.value) for w in built.warnings] == [("header-useless", "Set-Cookie2")]


def test_any_header_covers_authorization_in_development_alone():
    for environment, refused_names in (("development", ()), ("testing", ("authorization",))):
        (resource,) = made(ENV=environment, ORIGINS=APP, ALLOW_HEADERS="*").policy.resources
        assert resource.allow_headers.refused(["authorization", "x-a"]) == refused_names


def test_every_word_of_the_log_s_settings_has_what_obeys_it():
    from flask_cors_env.audit.event import CLIENTS
    from flask_cors_env.audit.render import FORMATS
    from flask_cors_env.config.settings import AUDIT_CLIENTS, AUDIT_FORMATS

    assert (tuple(FORMATS), tuple(CLIENTS)) == (AUDIT_FORMATS, AUDIT_CLIENTS)
