"""Whatever is written makes a CORSConfigError that names the variable, or a policy that is not open."""

import json
import os
import string
import subprocess
import sys

import pytest
from config.configured import APP, CALL
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_cors_env import CORSConfigError
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.settings import OPTIONS, SETTINGS, VARIABLES
from flask_cors_env.core.environments import ENVIRONMENTS

WORDS = st.text(string.ascii_lowercase, min_size=2, max_size=9)
BOOLEANS = {"true", "false", "yes", "no", "on", "off"}
NOT_BOOLEANS = WORDS.filter(lambda word: word not in BOOLEANS)
HOSTS = WORDS.map(lambda word: f"{word}.example")

#: For each setting what is wrong in production, whatever stands beside it.
BROKEN = {
    "ORIGINS": st.one_of(
        HOSTS,
        HOSTS.map("https://{}/".format),
        HOSTS.map("https://{}:443".format),
        HOSTS.map("http://{}".format),
        HOSTS.map("https://.{}".format),
        HOSTS.map(r"https://.*\.{}".format),
        st.integers(65536, 99999).map("https://a.example:{}".format),
        st.integers(1, 65535).map("http://localhost:{}".format),
        st.sampled_from(["*", "null", "https://*.com", "https://*.github.io", "https://*", f"{APP},*"]),
        st.sampled_from(["file://", "app://*", "https://a-*.github.io", "https://*.amazonaws.com"]),
        st.sampled_from([f"{APP};{APP}", f"{APP}|{APP}", "app://*.a", "data://x"]),
    ),
    "METHODS": st.one_of(
        WORDS.map("{}(".format), st.sampled_from(["TRACE", "connect", "GET,TRACK", "GET;PUT"])
    ),
    "ALLOW_HEADERS": st.one_of(WORDS.map("{}*".format), WORDS.map("{}:".format), st.just("Cookie:,X-A")),
    "EXPOSE_HEADERS": st.one_of(WORDS.map("{}@".format), st.sampled_from(["X-*", "X-A;X-B", "X-A|X-B"])),
    "ALLOW_CREDENTIALS": NOT_BOOLEANS,
    "MAX_AGE": st.one_of(NOT_BOOLEANS, st.integers(86401).map(str), st.integers(max_value=-2).map(str)),
    "ENFORCE": NOT_BOOLEANS,
    "PUBLIC": NOT_BOOLEANS,
    "PATH": st.one_of(WORDS, WORDS.map("/{}/../a".format), WORDS.map("^/{}/.*$".format), st.just("none")),
    "ENABLED": NOT_BOOLEANS,
    "UNSAFE_ALLOW": WORDS.filter(lambda word: word not in {"http", "null", "regex", "headers", "none"}),
}
#: What is right, and may stand beside it.
RIGHT = {
    "ORIGINS": APP,
    "METHODS": "GET,PUT",
    "ALLOW_HEADERS": "X-A",
    "EXPOSE_HEADERS": "X-B",
    "ALLOW_CREDENTIALS": "true",
    "MAX_AGE": "600",
    "ENFORCE": "yes",
    "PATH": "/api/*",
}
RESOURCE = [setting.name for setting in SETTINGS if setting.for_resource]
NAMES = {
    name for setting in (*VARIABLES.values(), *OPTIONS.values()) for name in (setting.name, *setting.aliases)
}


def in_top_variable(name, leaves):
    return {"environ": {f"CORS_{n}": v for n, v in leaves.items() if n != "PATH"}}, f"CORS_{name}"


def in_resource_variable(name, leaves):
    return {
        "environ": {f"CORS_RESOURCES__API__{n}": v for n, v in leaves.items()}
    }, f"CORS_RESOURCES__API__{name}"


def in_json(name, leaves):
    text = json.dumps({n.lower(): v for n, v in leaves.items()})
    return {"environ": {"CORS_RESOURCES__API": text}}, f"CORS_RESOURCES__API.{name.lower()}"


def in_config(name, leaves):
    return {"config": {"CORS_RESOURCES": {"api": leaves}}}, f'CORS_RESOURCES["api"].{name}'


def in_argument(name, leaves):
    table = {n.lower(): v for n, v in leaves.items()}
    return {"arguments": ((CALL, {"resources": {"api": table}}),)}, f'resources["api"].{name.lower()}'


PLACES = [in_resource_variable, in_json, in_config, in_argument]


@st.composite
def broken(draw):
    """A configuration with one thing wrong, and what the problem has to name."""
    name = draw(st.sampled_from(sorted(BROKEN)))
    beside = draw(st.sets(st.sampled_from(sorted(RIGHT))))
    leaves = {other: RIGHT[other] for other in beside | {"PATH", "ORIGINS"}} | {name: draw(BROKEN[name])}
    if name == "PUBLIC":
        leaves = {n: v for n, v in leaves.items() if n in {"PATH", "PUBLIC"}}
    places = [*PLACES, in_top_variable] if VARIABLES[name].for_app else PLACES
    return draw(st.sampled_from(places))(name, leaves)


@settings(max_examples=300)
@given(broken())
def test_what_is_wrong_is_refused_by_its_name(case):
    given_, variable = case
    environ = {"CORS_ENV": "production", **given_.pop("environ", {})}
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs(environ, **given_))
    assert variable in {problem.variable for problem in caught.value.problems}


@st.composite
def misspelled(draw):
    """A setting's name with one letter lost, added, changed or swapped, which makes it none of ours."""
    name = draw(st.sampled_from(sorted({*RESOURCE, "ENV"})))
    at = draw(st.integers(0, len(name) - 1))
    letter = draw(st.sampled_from("QXZ"))
    head, tail = name[:at], name[at:]
    return name, draw(
        st.sampled_from(
            [
                head + tail[1:],
                head + letter + tail,
                head + letter + tail[1:],
                head + tail[1:2] + tail[:1] + tail[2:],
            ]
        )
    )


@settings(max_examples=300)
@given(misspelled().filter(lambda pair: pair[1] not in NAMES), st.sampled_from([*PLACES, in_top_variable]))
def test_a_misspelled_name_is_refused_and_mostly_understood(pair, place):
    name, wrong = pair
    given_, variable = place(wrong, {"PATH": "/api/*", "ORIGINS": APP, wrong: "1"})
    environ = {"CORS_ENV": "production", **given_.pop("environ", {})}
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs(environ, **given_))
    (problem,) = [p for p in caught.value.problems if p.variable == variable]
    assert problem.code in {"variable-unknown", "option-unknown"}
    if len(name) > 4:
        assert name in problem.remedy.upper()


TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "*",
        "null",
        "none",
        "true",
        "",
        '["*"]',
        '"*"',
        "[*]",
        "https://*.example.com",
        '{"/*": {"origins": "*"}}',
    ]
)
VALUES = st.recursive(
    TEXT | st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT | WORDS | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted({*VARIABLES, "RESOURCES", "FOO", ""}))
VARIABLE_NAMES = st.one_of(
    FIELDS,
    st.builds("RESOURCES__{}__{}".format, st.sampled_from(["API", "a", "", "ü", "A_B"]), FIELDS),
    st.builds("RESOURCES__{}".format, st.text(max_size=6)),
    st.text(max_size=10),
).map("CORS_{}".format)
TABLES = st.dictionaries(
    st.sampled_from(["/*", "/a", "/a/*", "api", "*", "^/x", ""]),
    VALUES | st.dictionaries(FIELDS.map(str.lower), VALUES, max_size=4),
    max_size=3,
)
ARGUMENTS = st.dictionaries(FIELDS.map(str.lower), VALUES, max_size=3) | TABLES.map(
    lambda t: {"resources": t}
)
HOSTILE = [
    "https://evil.net",
    "null",
    "http://localhost:5000",
    "https://app.example.com.evil.net",
    "file://",
    "",
]


def open_to(policy):
    """What hostile origins are let in by what is not public."""
    closed = [r for r in policy.resources if r.methods != {"GET", "HEAD"} or r.allow_credentials]
    return [(r.name, origin) for r in closed for origin in HOSTILE if r.origins.match(origin)]


def outcome(inputs):
    """What was built, or the error; anything else that is raised fails the test."""
    try:
        return build(inputs)
    except CORSConfigError as error:
        return error


@settings(max_examples=500)
@given(
    environ=st.dictionaries(VARIABLE_NAMES, TEXT, max_size=5),
    config=st.dictionaries(VARIABLE_NAMES, VALUES, max_size=4),
    arguments=ARGUMENTS,
    environment=st.sampled_from(ENVIRONMENTS),
)
@example({}, {}, {"resources": {"/*": {"origins": "*"}}}, "production")
@example({"CORS_RESOURCES__A": '{"path": "/*", "origins": "*"}'}, {}, {}, "staging")
@example({}, {"CORS_ORIGINS": None}, {"origins": None}, "testing")
@example({"CORS_ORIGINS": ""}, {"CORS_ORIGINS": "*"}, {}, "production")
@example({"CORS_IGNORE": "a;\x00b"}, {}, {}, "production")
@example({}, {"CORS_IGNORE": ["a|\xa0"]}, {}, "staging")
def test_anything_at_all_is_refused_or_makes_a_policy_that_is_not_open(
    environ, config, arguments, environment
):
    found = outcome(Inputs(environ, config, ((CALL, arguments),), environment))
    if isinstance(found, CORSConfigError):
        assert found.problems
        assert all(line.isprintable() for line in str(found).splitlines())
        return
    assert found.environment.name == environment
    assert not any(r.allow_credentials and (r.origins.any or r.origins.null) for r in found.policy.resources)
    if environment != "development" and "UNSAFE" not in f"{environ}{config}{arguments}".upper():
        assert open_to(found.policy) == []


SETS = """
from flask_cors_env.config.build import Inputs, build
def made(**options):
    return build(Inputs({}, arguments=(("here", options),), environment="production")).policy.canonical_json()
print(made(origins={f"https://{c}.example" for c in "abcde"}, allow_headers={"X-A", "x-a", "X-B", "x-c-*"}))
try:
    made(origins=set("(){}"), methods=set("(){}"), allow_headers=set("(){}"))
except ValueError as error:
    print(error)
"""


def test_the_order_of_a_set_changes_neither_policy_nor_error():
    def told(seed):
        environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            [sys.executable, "-c", SETS], env=environ, capture_output=True, check=True
        ).stdout

    assert told("1") == told("2")
