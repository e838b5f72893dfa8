"""The matrix of the contract, cell by cell: rule x environment x credentials."""

import re

import pytest
from config.configured import APP, codes, made, problems, refused, resources

from flask_cors_env import CORSConfigError
from flask_cors_env.config.rules import RULES
from flask_cors_env.core.environments import ENVIRONMENTS

HTTP = "http://app.example.com"
PATTERN = re.compile(r"https://[a-z]+\.example\.com")
HEADER = re.compile(r"x-team-[a-z]+")

#: What breaks the rule, then a level for each environment; without credentials, with them.
MATRIX = {
    "wildcard": ({"origins": "*"}, "ok error error error", "never"),
    "http": ({"origins": HTTP}, "warn ok warn error", "warn ok error error"),
    "loopback": ({"origins": "http://localhost:3000"}, "ok ok warn error", "ok ok warn error"),
    "null": ({"origins": "null"}, "warn error error error", "never"),
    "file": ({"origins": "file://"}, "warn error error error", "error error error error"),
    "any-host": ({"origins": "moz-extension://*"}, "warn error error error", "error error error error"),
    "regex": ({"origins": [PATTERN]}, "warn error error error", "warn error error error"),
    "public-suffix": (
        {"origins": "https://*.github.io"},
        "warn error error error",
        "error error error error",
    ),
    "headers": ({"origins": APP, "allow_headers": "*"}, "ok warn warn warn", "ok warn error error"),
    "authorization-unlisted": (
        {"origins": APP, "allow_headers": "*"},
        "ok warn warn warn",
        "never",
    ),
    "header-useless": ({"allow_headers": "Origin, X-A"}, "warn warn warn warn", "warn warn warn warn"),
    "method-case": ({"methods": "patch"}, "warn warn warn warn", "warn warn warn warn"),
}
CELLS = [
    (rule, environment, credentials, level)
    for rule, (_, without, with_credentials) in MATRIX.items()
    for credentials, levels in ((False, without), (True, with_credentials))
    if levels != "never"
    for environment, level in zip(ENVIRONMENTS, levels.split(), strict=True)
]


def levels(rule, **given):
    """The level of each problem of *rule*; "ok" where there is none."""
    try:
        built = made(**given)
    except CORSConfigError as error:
        return {"error" for problem in error.problems if problem.rule == rule}
    found = {"warn": built.warnings, "info": built.notes}
    return {name for name, of in found.items() for problem in of if problem.rule == rule} or {"ok"}


@pytest.mark.parametrize(("rule", "environment", "credentials", "level"), CELLS)
def test_every_cell_of_the_matrix(rule, environment, credentials, level):
    options = {**MATRIX[rule][0], "allow_credentials": credentials}
    assert levels(rule, ENV=environment, options=options) == {level}


@pytest.mark.parametrize(("rule", "environment", "credentials", "level"), CELLS)
def test_unsafe_allow_turns_a_rules_errors_into_warnings(rule, environment, credentials, level):
    options = {**MATRIX[rule][0], "allow_credentials": credentials}
    expected = {"warn" if level == "error" else level}
    assert levels(rule, ENV=environment, UNSAFE_ALLOW=rule, options=options) == expected


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("origins", ["*", "null"])
def test_anyone_with_credentials_is_refused_everywhere_and_has_no_switch(environment, origins):
    unsafe = ",".join(rule.id for rule in RULES)
    found = refused(ENV=environment, ORIGINS=origins, ALLOW_CREDENTIALS="true", UNSAFE_ALLOW=unsafe)
    (problem,) = found.problems
    assert problem.code == {"*": "credentials-with-wildcard", "null": "credentials-with-null"}[origins]
    assert (problem.rule, problem.remedy) == (None, "Name the origins, or set CORS_ALLOW_CREDENTIALS=false")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_exposing_everything_with_credentials_is_refused_everywhere(environment):
    found = problems(ENV=environment, ORIGINS=APP, EXPOSE_HEADERS="*", ALLOW_CREDENTIALS="true")
    assert found == [("credentials-with-exposed-wildcard", "CORS_EXPOSE_HEADERS", None)]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_everyone_beside_names_is_refused_everywhere(environment):
    assert "wildcard-among-origins" in codes(refused(ENV=environment, ORIGINS=f"{APP},*").problems)


@pytest.mark.parametrize(
    ("environment", "level"), [*zip(ENVIRONMENTS, ["warn", "error", "error", "error"], strict=True)]
)
def test_the_rule_of_unknown_variables(environment, level):
    given = {"ENV": environment, "ORIGINS": APP, "ORIGNS": APP}
    assert levels("unknown", **given) == {level}
    assert levels("unknown", **given, UNSAFE_ALLOW="unknown") == {"warn"}


@pytest.mark.parametrize(
    ("environment", "level"), [*zip(ENVIRONMENTS, ["info", "info", "warn", "warn"], strict=True)]
)
def test_the_rule_of_shadowed_variables(environment, level):
    assert levels("shadowed", ENV=environment, MAX_AGE="5", options={"max_age": 6}) == {level}


@pytest.mark.parametrize(
    ("environment", "level"), [*zip(ENVIRONMENTS, ["warn", "error", "error", "error"], strict=True)]
)
def test_compiled_header_patterns_fall_under_the_rule_of_patterns(environment, level):
    options = {"origins": APP, "allow_headers": [HEADER]}
    assert levels("regex", ENV=environment, options=options) == {level}


def test_compiled_patterns_are_told_by_their_source():
    found = problems(options={"origins": [PATTERN], "allow_headers": [HEADER, re.compile("x")]})
    assert found == [
        ("regex", "origins", PATTERN.pattern),
        ("regex", "allow_headers", "x"),
        ("regex", "allow_headers", HEADER.pattern),
    ]


@pytest.mark.parametrize(
    "origin",
    ["http://localhost", "http://127.0.0.1:*", "https://127.9.9.9", "http://[::1]:80", "http://a.localhost"],
)
def test_what_is_loopback(origin):
    origin = origin.replace("[::1]:80", "[::1]:3000")
    assert codes(refused(ORIGINS=origin).problems) == ["loopback"]


@pytest.mark.parametrize(
    "origin", ["capacitor://localhost", "https://localhost.example.com", "https://10.0.0.1"]
)
def test_what_is_not(origin):
    assert made(ORIGINS=origin).warnings == ()


@pytest.mark.parametrize(
    ("origin", "is_public"),
    [
        ("https://*.github.io", True),
        ("https://*.co.uk", True),
        ("https://*.vercel.app", True),
        ("https://*.com", True),
        ("https://*.internal", True),
        ("https://*.intranet", True),
        ("http://*.localhost:3000", False),
        ("http://a-*.localhost:3000", False),
        ("https://a-*.vercel.app", True),
        ("https://*-a.co.uk", True),
        ("https://*example.com", True),
        ("https://a-*.example.com", False),
        ("https://a-*.example.github.io", False),
        ("https://*.amazonaws.com", True),
        ("https://*.compute.amazonaws.com", True),
        ("https://*.s3.amazonaws.com", True),
        ("https://*.windows.net", True),
        ("https://*.core.windows.net", True),
        ("https://*.googleusercontent.com", True),
        ("https://a-*.azure.com", True),
        ("https://*.shop.amazonaws.com", False),
        ("https://*.kawasaki.jp", True),
        ("https://*.city.kawasaki.jp", False),
        ("https://*.foo.ck", True),
        ("https://*.example.github.io", False),
        ("https://*.example.com", False),
        ("https://*.corp.internal", False),
        ("https://*.www.ck", False),
        ("https://github.io", False),
    ],
)
def test_what_is_a_public_suffix(origin, is_public):
    given = {"ENV": "production", "ORIGINS": origin, "UNSAFE_ALLOW": "loopback,http"}
    assert levels("public-suffix", **given) == {"error" if is_public else "ok"}


def test_public_suffixes_are_loaded_only_where_there_is_a_pattern_and_once(monkeypatch):
    import publicsuffixlist

    from flask_cors_env.config import rules

    made_lists = []
    real = publicsuffixlist.PublicSuffixList
    monkeypatch.setattr(
        publicsuffixlist, "PublicSuffixList", lambda *a, **o: made_lists.append(o) or real(*a, **o)
    )
    rules._public_suffixes.cache_clear()
    made(ORIGINS=APP)
    assert made_lists == []
    made(ORIGINS="https://*.example.com https://*.example.org https://*.example.net")
    made(ORIGINS="https://*.example.com")
    assert made_lists == [{"accept_unknown": False}]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_defaults_break_no_rule(environment):
    assert made(ENV=environment).warnings == ()
    assert made(ENV=environment, ALLOW_CREDENTIALS="true").warnings == ()


def test_a_rule_is_judged_for_each_resource_by_its_own_credentials():
    given = {
        "ENV": "staging",
        "ORIGINS": HTTP,
        "RESOURCES__A__PATH": "/a/*",
        "RESOURCES__A__ALLOW_CREDENTIALS": "true",
        "RESOURCES__B__PATH": "/b/*",
    }
    assert problems(**given) == [("http", "CORS_ORIGINS", HTTP)]
    assert codes(made(**given, RESOURCES__A__UNSAFE_ALLOW="http").warnings) == ["http"]
    assert problems(**given, RESOURCES__B__UNSAFE_ALLOW="http") == [("http", "CORS_ORIGINS", HTTP)]


def test_a_rule_names_the_resources_own_variable_where_that_is_set():
    found = problems(
        ORIGINS=HTTP,
        RESOURCES__A__PATH="/a/*",
        RESOURCES__A__ORIGINS="http://a.example.com",
        RESOURCES__B__PATH="/b/*",
        RESOURCES__C__PATH="/c/*",
    )
    assert found == [
        ("http", "CORS_RESOURCES__A__ORIGINS", "http://a.example.com"),
        ("http", "CORS_ORIGINS", HTTP),
    ]


def test_problems_carry_the_plain_id_of_their_rule():
    found = refused(ORIGINS=f"{HTTP} https://a.example/", RESOURCES__A__PATH="/a/*", X="1").problems
    assert [(p.code, p.rule) for p in found] == [
        ("variable-unknown", "unknown"),
        ("origin-has-path", None),
        ("http", "http"),
    ]


@pytest.mark.parametrize("text", ["HTTP", "htp", "credentials-with-wildcard", "*"])
def test_unsafe_allow_takes_the_ids_of_rules_only(text):
    (problem,) = refused(UNSAFE_ALLOW=text).problems
    assert (problem.code, problem.value) == ("rule-unknown", text)
    assert problem.remedy == f"Write: {', '.join(rule.id for rule in RULES)}"


def test_unsafe_allow_of_a_resource_replaces_the_apps():
    given = {"UNSAFE_ALLOW": "http", "RESOURCES__A__PATH": "/a/*", "RESOURCES__A__ORIGINS": HTTP}
    assert codes(made(**given).warnings) == ["http"]
    assert problems(**given, RESOURCES__A__UNSAFE_ALLOW="null") == [
        ("http", "CORS_RESOURCES__A__ORIGINS", HTTP)
    ]


def test_a_public_resource_is_the_door_of_the_wildcard():
    given = {"ORIGINS": APP, "RESOURCES__FEED__PATH": "/feed", "RESOURCES__API__PATH": "/api/*"}
    built = made(**given, RESOURCES__FEED__PUBLIC="true")
    assert built.warnings == ()
    assert resources(**given, RESOURCES__FEED__PUBLIC="true")["feed"].origins.any


def test_an_inherited_wildcard_is_refused_even_beside_a_public_resource():
    given = {"ORIGINS": "*", "RESOURCES__FEED__PATH": "/feed", "RESOURCES__FEED__PUBLIC": "true"}
    assert codes(made(**given).warnings) == ["unused-top-level"]
    assert problems(**given, RESOURCES__API__PATH="/api/*") == [("wildcard", "CORS_ORIGINS", "*")]


def test_every_rule_is_in_the_matrix():
    assert {rule.id for rule in RULES} == {
        *MATRIX,
        "unknown",
        "shadowed",
        "unused-top-level",
        "without-effect",
    }


@pytest.mark.parametrize("where", [lambda options: options, lambda options: {"resources": {"/a": options}}])
def test_a_program_cannot_allow_what_is_unsafe(where):
    (problem,) = refused(options=where({"unsafe_allow": "http"})).problems
    assert (problem.code, problem.remedy) == ("option-unknown", "Did you mean: CORS_UNSAFE_ALLOW?")
