"""Values as every carrier delivers them, and as a program passes them."""

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env import CORSConfigError
from flask_cors_env.config import values
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.errors import FaultyValueError
from flask_cors_env.config.settings import SETTINGS

A, B = "https://a.example", "https://b.example"


@pytest.mark.parametrize(
    "text",
    [
        f"{A},{B}",
        f"{A}, {B}",
        f" {A} {B} ",
        f"{A}\n{B}\n",
        f"{A}\r\n{B}",
        f'"{A},{B}"',
        f"'{A} {B}'",
        f'["{A}","{B}"]',
        f"['{A}','{B}']",
        f"[{A},{B}]",
        f'\'["{A}", "{B}"]\'',
        f'"{A}","{B}"',
        f"{A},,{B},",
    ],
)
def test_a_list_means_the_same_however_a_carrier_spells_it(text):
    assert values.split(text) == [A, B]


@pytest.mark.parametrize("text", ["none", "NONE", ' "none" ', "[]"])
def test_none_is_empty_on_purpose(text):
    assert values.split(text) == []


@pytest.mark.parametrize("text", [f"{A} # the app", f"{A},#", "# nothing"])
def test_a_comment_that_a_carrier_kept_is_a_fault(text):
    with pytest.raises(FaultyValueError) as raised:
        values.split(text)
    assert [fault.code for fault in raised.value.faults] == ["inline-comment"]


@pytest.mark.parametrize(
    ("value", "found"),
    [(v, True) for v in (True, 1, "1", "true", "TRUE", " yes ", '"on"')]
    + [(v, False) for v in (False, 0, "0", "False", "no", "'off'")],
)
def test_booleans(value, found):
    assert values.boolean(value) is found


@pytest.mark.parametrize("value", ["", "maybe", "2", 2, None, 1.0, [], "tru e"])
def test_anything_else_is_no_boolean(value):
    with pytest.raises(FaultyValueError):
        values.boolean(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((0, 0), (-1, 0), ("-1", 0), ("600", 600), ("10m", 600), ("2h", 7200), ('"30s"', 30), ("1d", 86400)),
        *((dt.timedelta(minutes=5), 300), (dt.timedelta(0), 0), (86400, 86400)),
    ],
)
def test_durations(value, found):
    assert values.seconds(value) == found


@pytest.mark.parametrize(
    "value", ["", "10 minutes", "1.5", 1.5, True, None, -2, 86401, "-5", "25h", "9" * 30, "\uff11"]
)
def test_anything_else_is_no_duration(value):
    with pytest.raises(FaultyValueError):
        values.seconds(value)


@pytest.mark.parametrize("container", [list, tuple, set, frozenset])
def test_elements_of_a_python_list_are_one_value_each(container):
    assert values.origins(container([A])).patterns[0].text == A
    for element in (f"{A},{B}", f"{A} ", f'"{A}"'):
        with pytest.raises(FaultyValueError):
            values.origins(container([element]))


@pytest.mark.parametrize("value", [5, 5.0, b"x", {A: 1}, [5], [None], [[A]], re.compile(b"x")])
def test_a_wrong_type_is_a_fault(value):
    with pytest.raises(FaultyValueError):
        values.origins(value)


def test_a_compiled_pattern_and_a_function_are_taken_where_they_are_named():
    assert values.origins(re.compile("x")).patterns[0].kind == "regex"
    assert values.origins([re.compile("x"), A]).patterns[1].text == A
    assert values.origins(len).function is len
    assert values.allow_headers([re.compile("x-.*")])[0].pattern == "x-.*"
    for parse in (values.methods, values.expose_headers, values.paths):
        with pytest.raises(FaultyValueError):
            parse([re.compile("x")])


def test_methods_are_normalised_as_browsers_do():
    assert values.methods("get,put,patch,FOO,foo") == {"GET", "PUT", "patch", "FOO", "foo"}


@pytest.mark.parametrize(
    ("config", "setting", "value"),
    [
        ({"CORS_ALLOW_CREDENTIALS": "False"}, "allow_credentials", False),
        ({"CORS_SUPPORTS_CREDENTIALS": True, "CORS_ORIGINS": A}, "allow_credentials", True),
        ({"CORS_MAX_AGE": 60}, "max_age", 60),
        ({"CORS_METHODS": ["PUT"]}, "methods", {"PUT"}),
        ({"CORS_EXPOSE_HEADERS": None}, "expose_headers", ()),
        ({"CORS_RESOURCES": {"API": {"PATH": "/x", "MAX_AGE": "5"}}}, "max_age", 5),
        ({"CORS_RESOURCES": {"/x": {"max_age": 5}}}, "max_age", 5),
        ({"CORS_RESOURCES__api__path": "/x", "CORS_RESOURCES__API__MAX_AGE": 5}, "max_age", 5),
        ({"CORS_RESOURCES__API": '{"path": "/x", "max_age": 5}'}, "max_age", 5),
        ({"CORS_RESOURCES": '{"/x": {"max_age": 5}}'}, "max_age", 5),
    ],
)
def test_app_config_goes_through_the_same_parser(config, setting, value):
    built = build(Inputs(environ={"CORS_ENV": "production"}, config=config))
    assert getattr(built.policy.resources[0], setting) == value


def test_a_path_keyed_resource_merges_with_the_named_one_of_that_path():
    environ = {
        "CORS_ENV": "production",
        "CORS_RESOURCES__SHOP__PATH": "/api/*",
        "CORS_RESOURCES__SHOP__ORIGINS": A,
        "CORS_RESOURCES__SHOP__MAX_AGE": "5",
    }
    arguments = (("CORS()", {"resources": {"/api/*": {"methods": "PUT"}, "/api/v2/*": {}}}),)
    policy = build(Inputs(environ=environ, arguments=arguments)).policy
    assert [(r.name, r.max_age, sorted(r.methods)) for r in policy.resources] == [
        ("api_v2", 7200, ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]),
        ("shop", 5, ["PUT"]),
    ]


NAMES = [f"CORS_{s.name}" for s in SETTINGS if s.for_app] + [
    f"CORS_RESOURCES__API__{s.name}" for s in SETTINGS if s.for_resource
]
JUNK = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["*", "null", "none", "[", '["', "{}", "true", "-1", "#", "https://", "//", "\0", "é", "$", "${X}"]
    ),
    st.lists(st.sampled_from([A, B + "/", "http://x", "*", "null", "^a$", "https://*.com"]), max_size=4).map(
        ",".join
    ),
)


@given(
    st.dictionaries(st.sampled_from([*NAMES, "CORS_ORIGNS", "CORS_RESOURCES", "CORS_X"]), JUNK, max_size=6)
)
def test_no_configuration_does_anything_but_build_or_raise_what_names_a_variable(variables):
    known = {"CORS_ENV", "CORS_ENV_FILE", "CORS_CONFIG_FILE"}
    environ = {"CORS_ENV": "production", **{n: v for n, v in variables.items() if n not in known}}
    built, problems = outcome(environ)
    assert all(problem.variable.startswith("CORS_") for problem in problems)
    if built is not None:
        opened = {r.name for r in built.policy.resources if r.origins.any}
        doors = {name for name in opened if environ.get(f"CORS_RESOURCES__{name.upper()}__PUBLIC")}
        assert opened == doors or "wildcard" in str(environ.values())


def outcome(environ):
    """The policy, or every problem."""
    try:
        return build(Inputs(environ=environ)), ()
    except CORSConfigError as error:
        return None, error.problems
