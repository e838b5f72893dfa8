"""The matrix of the environments' rules, each cell a test; and what no environment permits."""

import re

import pytest

from flask_cors_env import CORSConfigError
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.rules import RULES
from flask_cors_env.config.settings import ENVIRONMENTS

APP = "https://app.example.com"

#: rule, what breaks it, and its level in development, testing, staging, production; with credentials below.
MATRIX = [
    ("wildcard", {"origins": "*"}, "ok error error error", None),
    ("http", {"origins": "http://app.example.com"}, "warn ok warn error", "warn ok error error"),
    ("http", {"origins": "http://*.example.com"}, "warn ok warn error", "warn ok error error"),
    ("loopback", {"origins": "http://localhost:3000"}, "ok ok warn error", "ok ok warn error"),
    ("loopback", {"origins": "http://127.9.9.9:*"}, "ok ok warn error", "ok ok warn error"),
    ("loopback", {"origins": "https://[::1]"}, "ok ok warn error", "ok ok warn error"),
    ("null", {"origins": "null"}, "warn error error error", None),
    (
        "regex",
        {"origins": re.compile("https://a.example")},
        "warn error error error",
        "warn error error error",
    ),
    ("public-suffix", {"origins": "https://*.co.uk"}, "warn error error error", "error error error error"),
    (
        "public-suffix",
        {"origins": "https://*.github.io"},
        "warn error error error",
        "error error error error",
    ),
    ("public-suffix", {"origins": "https://*.intranet"}, "warn error error error", "error error error error"),
    ("headers", {"origins": APP, "allow_headers": "*"}, "ok warn warn warn", "ok warn error error"),
    ("method-case", {"origins": APP, "methods": "patch"}, "warn warn warn warn", "warn warn warn warn"),
    ("unused-top-level", None, "warn warn warn warn", None),
]
CELLS = [
    (rule, options, environment, level, credentials)
    for rule, options, plain, with_credentials in MATRIX
    if options is not None
    for credentials, levels in ((False, plain), (True, with_credentials))
    if levels is not None
    for environment, level in zip(ENVIRONMENTS, levels.split(), strict=True)
]


def judged(environment, options, environ=None):
    """The codes of errors and of warnings."""
    arguments = (("the arguments of CORS()", options),)
    try:
        built = build(Inputs(environ={"CORS_ENV": environment, **(environ or {})}, arguments=arguments))
    except CORSConfigError as error:
        return [problem.code for problem in error.problems], None
    return [], [warning.code for warning in built.warnings]


@pytest.mark.parametrize(("rule", "options", "environment", "level", "credentials"), CELLS)
def test_each_rule_is_judged_as_the_matrix_says(rule, options, environment, level, credentials):
    errors, warnings = judged(environment, {**options, "allow_credentials": credentials})
    expected = {"ok": ([], []), "warn": ([], [rule]), "error": ([rule], None)}
    assert (errors, warnings) == expected[level]


@pytest.mark.parametrize(("rule", "options", "environment", "level", "credentials"), CELLS)
def test_unsafe_allow_turns_a_rules_errors_into_warnings(rule, options, environment, level, credentials):
    options = {**options, "allow_credentials": credentials}
    errors, warnings = judged(environment, options, {"CORS_UNSAFE_ALLOW": rule})
    assert (errors, warnings) == ([], [] if level == "ok" else [rule])


def test_every_rule_of_values_has_its_rows():
    assert {rule for rule, *_ in MATRIX} == {rule.id for rule in RULES if rule.message} | {"unused-top-level"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"origins": "*", "allow_credentials": True}, "credentials-with-wildcard"),
        ({"origins": "null", "allow_credentials": True}, "credentials-with-null"),
        (
            {"origins": APP, "expose_headers": "*", "allow_credentials": True},
            "credentials-with-exposed-wildcard",
        ),
        ({"origins": ["*", APP]}, "wildcard-among-origins"),
        ({"methods": "TRACE"}, "method-forbidden"),
        ({"methods": "connect"}, "method-forbidden"),
        ({"methods": "TRACK"}, "method-forbidden"),
        ({"methods": ["P UT"]}, "method-not-token"),
        ({"methods": "auto PUT"}, "auto-among-methods"),
        ({"allow_headers": "Cookie"}, "header-forbidden"),
        ({"allow_headers": "Sec-Fetch-Site"}, "header-forbidden"),
        ({"allow_headers": "Proxy-X"}, "header-forbidden"),
        ({"allow_headers": "ETag"}, "header-wrong-list"),
        ({"allow_headers": "Access-Control-Allow-Origin"}, "header-of-protocol"),
        ({"allow_headers": "Access-Control-Request-Method"}, "header-of-protocol"),
        ({"allow_headers": ["X A"]}, "header-not-token"),
        ({"expose_headers": "Set-Cookie"}, "header-forbidden"),
        ({"expose_headers": "set-cookie2"}, "header-forbidden"),
        ({"expose_headers": "Authorization"}, "header-wrong-list"),
        ({"expose_headers": "Access-Control-Max-Age"}, "header-of-protocol"),
        ({"expose_headers": "X-A\r\nX-B: 1"}, "header-not-token"),
        ({"max_age": -2}, "duration-out-of-range"),
        ({"max_age": 86401}, "duration-out-of-range"),
        ({"max_age": True}, "not-a-duration"),
        ({"max_age": "10 minutes"}, "not-a-duration"),
        ({"enforce": "maybe"}, "not-a-boolean"),
        ({"resources": {"/a/*": {}, "/*/b": {}}}, "path-overlap"),
        ({"resources": {"/v*/items": {}, "/*1/items": {}}}, "path-overlap"),
        ({"resources": {"/api/.*": {}}}, "path-is-regex"),
        ({"resources": {"/a": {"public": True, "origins": APP}}}, "public-with-rules"),
        ({"resources": 5}, "wrong-type"),
    ],
)
def test_what_no_environment_permits(options, code, environment):
    errors, _ = judged(environment, options, {"CORS_UNSAFE_ALLOW": "wildcard,null,headers"})
    assert errors == [code]


def test_all_problems_come_in_one_round():
    environ = {
        "APP_ENV": "production",
        "CORS_ORIGINS": "https://app.example.com/ * http://a.example",
        "CORS_ALLOW_CREDENTIALS": "yes",
        "CORS_RESOURCES__API__ORIGNS": "x",
        "CORS_MAX_AGE": "soon",
        "CORS_EXPOSE_HEADERS": "*",
    }
    with pytest.raises(CORSConfigError) as raised:
        build(Inputs(environ=environ))
    assert sorted(problem.code for problem in raised.value.problems) == [
        "credentials-with-exposed-wildcard",
        "credentials-with-wildcard",
        "http",
        "not-a-duration",
        "origin-has-path",
        "variable-unknown",
        "wildcard",
        "wildcard-among-origins",
    ]


def test_a_problem_names_the_variable_that_set_the_value_own_or_inherited():
    environ = {
        "CORS_ENV": "production",
        "CORS_ORIGINS": "http://inherited.example",
        "CORS_RESOURCES__OWN__PATH": "/own",
        "CORS_RESOURCES__OWN__ORIGINS": "http://own.example",
        "CORS_RESOURCES__A__PATH": "/a",
        "CORS_RESOURCES__B__PATH": "/b",
    }
    with pytest.raises(CORSConfigError) as raised:
        build(Inputs(environ=environ))
    assert [(p.variable, p.value) for p in raised.value.problems] == [
        ("CORS_ORIGINS", "http://inherited.example"),
        ("CORS_RESOURCES__OWN__ORIGINS", "http://own.example"),
    ]


def test_an_unknown_rule_id_is_a_problem():
    errors, _ = judged("production", {"origins": APP}, {"CORS_UNSAFE_ALLOW": "https"})
    assert errors == ["rule-unknown"]


def test_unsafe_allow_of_a_resource_holds_there_only():
    environ = {
        "CORS_ENV": "production",
        "CORS_RESOURCES__A__PATH": "/a",
        "CORS_RESOURCES__A__ORIGINS": "http://a.example",
        "CORS_RESOURCES__A__UNSAFE_ALLOW": "http",
        "CORS_RESOURCES__B__PATH": "/b",
        "CORS_RESOURCES__B__ORIGINS": "http://b.example",
    }
    with pytest.raises(CORSConfigError) as raised:
        build(Inputs(environ=environ))
    assert [problem.variable for problem in raised.value.problems] == ["CORS_RESOURCES__B__ORIGINS"]
