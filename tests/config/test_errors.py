"""The error: its exact text, its parts, and what it never shows."""

import copy
import pickle
import textwrap
import traceback

import pytest
from config.configured import APP, problems, refused

import flask_cors_env
from flask_cors_env import CORSConfigError
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.errors import Fault, Problem, shown

EXAMPLE = """\
flask_cors_env.CORSConfigError: 3 problems in the CORS configuration (production, because APP_ENV=production)

  CORS_RESOURCES__API__ORIGNS  in the process environment                    [variable-unknown]
    is not a setting.
    Did you mean: CORS_RESOURCES__API__ORIGINS?

  CORS_ORIGINS  in the process environment                                   [origin-has-path]
    "https://app.example.com/" has something after the host; an origin is scheme://host[:port].
    Write: https://app.example.com

  CORS_ORIGINS  in the process environment                                   [wildcard]
    "*" is for development only.
    Name the origins, or make one resource public: CORS_RESOURCES__<NAME>__PUBLIC=true

Check again without starting the app: flask cors check
"""


def example():
    environ = {
        "APP_ENV": "production",
        "CORS_ORIGINS": "https://app.example.com/ *",
        "CORS_RESOURCES__API__ORIGNS": APP,
    }
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs(environ))
    return caught.value


def test_the_text_is_the_contracts():
    assert "".join(traceback.format_exception_only(example())) == EXAMPLE


def test_one_problem_is_one_problem():
    assert str(refused(ORIGINS="*")).startswith(
        "1 problem in the CORS configuration (production, because CORS_ENV="
    )


def test_the_parts_are_for_programs():
    second, first, third = example().problems
    assert first == Problem(
        code="origin-has-path",
        setting="CORS_ORIGINS",
        variable="CORS_ORIGINS",
        source="the process environment",
        message="has something after the host; an origin is scheme://host[:port].",
        value="https://app.example.com/",
        remedy="Write: https://app.example.com",
        rule=None,
    )
    assert (second.code, second.value, second.rule) == ("variable-unknown", None, "unknown")
    assert (third.code, third.value, third.rule) == ("wildcard", "*", "wildcard")


def test_it_is_a_value_error_under_its_public_name():
    error = example()
    assert isinstance(error, ValueError)
    assert (type(error).__module__, type(error).__qualname__) == ("flask_cors_env", "CORSConfigError")
    assert flask_cors_env.CORSConfigError is type(error)


@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_it_survives_being_pickled_and_copied(again):
    error = example()
    found = again(error)
    assert (type(found), str(found), found.problems) == (CORSConfigError, str(error), error.problems)
    assert (found.environment, found.fallback) == (error.environment, error.fallback)


SECRET = "hunter2"


def test_nothing_outside_our_own_names_is_ever_shown():
    environ = {
        "APP_ENV": SECRET,
        "DATABASE_URL": SECRET,
        "SERVER_SOFTWARE": SECRET,
        "KUBERNETES_SERVICE_HOST": SECRET,
        "PYTEST_VERSION": SECRET,
        "FLASK_RUN_FROM_CLI": SECRET,
        "CORS_ORIGINS": "x",
        "CORS_ORIGNS": SECRET,
        "CORS_RESOURCES__A-B": SECRET,
    }
    config = {"SECRET_KEY": SECRET, "SQLALCHEMY_DATABASE_URI": SECRET, "CORS_FOO": SECRET}
    for left_out in (None, "APP_ENV", "SERVER_SOFTWARE"):
        with pytest.raises(CORSConfigError) as caught:
            build(Inputs({n: v for n, v in environ.items() if n != left_out}, config))
        shown_everywhere = "".join(traceback.format_exception(caught.value)) + repr(caught.value.problems)
        assert SECRET not in shown_everywhere


@pytest.mark.parametrize(
    "value",
    [
        "https://u:hunter2@a.example",
        "https//u:hunter2@a.example",
        "https:/u:hunter2@a.example",
        'https://u:hunter2"x@a.example',
        "https://u:hunt'er2@a.example",
        "u:hunter2@a.example",
        "https://u:hunter2@a.example;https://u:hunter2@b.example",
        "^https://u:hunter2@a[.]example$",
    ],
)
@pytest.mark.parametrize("name", ["ORIGINS", "IGNORE", "METHODS", "AUDIT_SINK", "CONFIG_FILE", "RESOURCES"])
def test_a_password_before_a_host_is_never_shown(name, value):
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs({"CORS_ENV": "production", f"CORS_{name}": value, "CORS_MAX_AGE": value}))
    assert "hunt" not in f"{caught.value}{caught.value.problems!r}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 77 + "..."),
        ("x" * 10**6, "x" * 77 + "..."),
        ("a\nb\x1b[31m", "a\\nb\\x1b[31m"),
        ("ü\udc80", "\\xfc\\udc80"),
        ("ü" * 79, "\\xfc" * 19 + "\\..."),
        (None, "None"),
    ],
)
def test_values_are_printable_ascii_cut_at_80(value, expected):
    assert shown(value) == expected


@pytest.mark.parametrize(
    "name", ["ORIGINS", "METHODS", "ALLOW_HEADERS", "EXPOSE_HEADERS", "MAX_AGE", "RESOURCES"]
)
@pytest.mark.parametrize("value", ["sec-" + "x" * 200 + ":", "é" * 200, "/" + "x" * 200, '{"x": ' * 30])
def test_every_value_of_a_problem_is_cut(name, value):
    for problem in refused(**{name: [value]} if name != "RESOURCES" else {name: value}).problems:
        assert len(problem.value) <= 80
        assert problem.value.isascii()


def test_an_advice_too_long_to_be_read_is_left_out():
    fault = Fault("x", "is wrong.", "v", "Write: " + "y" * 400)
    assert Problem.of(fault, setting="CORS_X", variable="CORS_X", source="here").remedy is None


def test_a_long_problem_is_wrapped_between_words():
    fault = Fault("x", " ".join(["words"] * 30), "v", "Remove it")
    problem = Problem.of(fault, setting="CORS_X", variable="CORS_X", source="here")
    assert str(problem) == textwrap.dedent(
        """\
        CORS_X  in here                                                            [x]
          "v" words words words words words words words words words words words words words words words
          words words words words words words words words words words words words words words words
          Remove it"""
    )


def test_problems_of_one_value_are_told_once():
    assert problems(ORIGINS="x x x,x") == [("origin-has-no-scheme", "CORS_ORIGINS", "x")]
