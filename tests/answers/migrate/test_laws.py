"""Whatever flask-cors is told: what is written is valid, the same in every form, and answers alike."""

import re
import tomllib

import flask_cors
import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import HEADERS, METHODS, ORIGINS, page, translated, unexplained, with_flask_cors, with_ours

from flask_cors_env import CORSConfigError
from flask_cors_env.answers.migrate import written
from flask_cors_env.config.build import Inputs, build

APP, OTHER = "https://app.example.com", "https://b.example.com"
ENTRIES = [
    *(APP, OTHER, "null", "*", "http://localhost:3000", "https://*.example.com", "http://localhost:*"),
    *(r"https://.*\.example\.com", r"^https?://([a-z0-9-]+\.)?example\.com$", r"http://localhost(:\d+)?$"),
    *(r"https://.*\.co\.uk$", r"https://pr-\d+\.example\.com", "https?://app.example.com", f"{APP}/"),
    *(".*", "capacitor://localhost"),
]  # fmt: skip
NAMES = [
    "Content-Type",
    "x-trace-id",
    "*",
    r"x-[yz]$",
    "X-Trace-.*",
    "Authorization",
    "Host",
    "a, b",
    ".*-id",
]
EXPOSED = [None, "*", "X-Total-Count", ["Set-Cookie", "X-Other"], "a b, X-Other"]
PATTERNS = [
    *(
        "/*",
        "/api/*",
        "/api/.*",
        "^/api",
        "/api",
        "/",
        r"/v[12]/.*",
        r"/v\d+/.*",
        "/api/admin",
        "/api/admin/.*",
    ),
    *(r"/(?!api).*", r"/(api|v1)/.*", r"/static/.*\.js$", "/users/[^/]+$", r"/api/admin.*", "*", "users"),
]
PATHS = [
    "/",
    "/api",
    "/api/x",
    "/apifoo",
    "/api/admin",
    "/api/admin/x",
    "/v1/x",
    "/v9/x",
    "/users/7",
    "/static/a.js",
]

patterns = st.one_of(st.sampled_from(ENTRIES), st.sampled_from(ENTRIES[7:10]).map(re.compile))
options = st.fixed_dictionaries(
    {},
    optional={
        "origins": st.one_of(patterns, st.lists(patterns, max_size=3)),
        "methods": st.sampled_from([*METHODS, "*"]) | st.lists(st.sampled_from([*METHODS, "TRACE"])),
        "allow_headers": st.lists(st.sampled_from(NAMES), max_size=3),
        "expose_headers": st.sampled_from(EXPOSED),
        "supports_credentials": st.booleans(),
        "max_age": st.sampled_from([None, 0, 60, "600", "soon", 10**9, -1]),
        "always_send": st.booleans(),
        "vary_header": st.booleans(),
    },
)  # fmt: skip
told = st.builds(
    lambda whole, parts: {**whole, **({"resources": parts} if parts else {})},
    options,
    st.dictionaries(st.sampled_from(PATTERNS), options, max_size=3),
)
requests = st.builds(
    page,
    st.sampled_from(ORIGINS),
    st.sampled_from(METHODS),
    st.sampled_from(PATHS),
    st.sampled_from(HEADERS),
    st.sampled_from(["omit", "include"]),
)


@settings(max_examples=50)
@given(told, st.lists(requests, min_size=10, max_size=25))
def test_a_page_sees_the_same_or_a_line_says_so(told, asked):
    theirs = with_flask_cors(**told)
    translation = translated(theirs)
    assert unexplained(theirs, with_ours(translation), translation, asked) == []


def translation_of(told):
    app = Flask("shop")
    flask_cors.CORS(app, **told)
    return translated(app)


def policy(environ=None, **inputs):
    return build(Inputs(environ=environ or {}, environment="development", **inputs)).policy


@given(told)
def test_the_forms_say_the_same(told):
    translation = translation_of(told)
    expected = policy(translation.variables).canonical()
    assert tomllib.loads(written.toml_file(translation.tree)) == translation.tree
    lines = written.env_file(translation.variables).splitlines()
    unquoted = dict(line.split("=", 1) for line in lines)
    assert policy(unquoted).canonical() == expected


@pytest.mark.parametrize(
    "told", [{"origins": APP}, {"resources": {"/api/*": {"origins": [APP, "null"]}, "/a b": {}}}]
)
def test_files_are_read_back(told, tmp_path):
    translation = translation_of(told)
    (tmp_path / "cors.toml").write_text(written.toml_file(translation.tree))
    (tmp_path / "cors.env").write_text(written.env_file(translation.variables))
    expected = policy(translation.variables).canonical()
    assert policy(config_file=str(tmp_path / "cors.toml")).canonical() == expected
    assert policy(env_file=str(tmp_path / "cors.env")).canonical() == expected


@given(told)
def test_what_production_refuses_has_its_line(told):
    translation = translation_of(told)
    lines = [line for line in translation.lines if line.difference.code == "production"]
    try:
        build(Inputs(environ=translation.variables, environment="production"))
        refused = set()
    except CORSConfigError as error:
        refused = {(problem.variable, f"[{problem.code}]") for problem in error.problems}
    assert {(line.place, line.advice.split()[0]) for line in lines} == refused


@given(told)
def test_a_hand_is_needed_exactly_where_a_line_says_so(told):
    translation = translation_of(told)
    effects = {line.difference.effect for line in translation.lines}
    assert translation.is_complete is ("by hand" not in effects)


@given(told, st.sampled_from(PATHS))
def test_nobody_is_let_in_with_credentials_who_is_not_named(told, path):
    found = policy(translation_of(told).variables).resource_for(path)
    assert found is None or not (found.allow_credentials and (found.origins.any or found.origins.null))
