"""Whose rules hold, and why: a name is obeyed; without one it is production, or seen development."""

import pytest

from flask_cors_env import CORSConfigError
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.environment import Signs, detect

CLI = {"FLASK_RUN_FROM_CLI": "true"}


def found(environ=None, **signs):
    cors_env = (environ or {}).get("CORS_ENV")
    return detect(
        Signs(
            argument=signs.pop("argument", None),
            cors_env=None if cors_env is None else (cors_env, "the process environment"),
            environ=environ or {},
            **signs,
        )
    )


@pytest.mark.parametrize(
    ("environ", "signs", "name", "because"),
    [
        ({"CORS_ENV": "production"}, {"argument": "dev"}, "development", "environment=dev"),
        ({"CORS_ENV": "stg", "APP_ENV": "prod"}, {}, "staging", "CORS_ENV=stg"),
        ({"CORS_ENV": "development"}, {"testing": True}, "development", "CORS_ENV=development"),
        ({"CORS_ENV": ' "Live" '}, {}, "production", "CORS_ENV=Live"),
        ({"APP_ENV": "qa", "ENVIRONMENT": "dev"}, {}, "staging", "APP_ENV=qa"),
        ({"ENVIRONMENT": "ci", "FLASK_ENV": "production"}, {}, "testing", "ENVIRONMENT=ci"),
        ({"FLASK_ENV": "staging"}, {}, "staging", "FLASK_ENV=staging"),
        ({"APP_ENV": "production"}, {"testing": True}, "production", "APP_ENV=production"),
        ({"APP_ENV": "blue"}, {"debug": True}, "production", "APP_ENV=blue"),
        (CLI, {"debug": True}, "development", "flask runs it in debug mode"),
        (CLI, {"debug": True, "testing": True}, "testing", "app.testing is set"),
        ({**CLI, "PYTEST_VERSION": "9"}, {"debug": True}, "testing", "pytest runs it"),
        ({}, {"testing": True}, "testing", "app.testing is set"),
        (CLI, {}, "production", "nothing names another"),
        ({}, {"command": True, "debug": True}, "production", "nothing names another"),
        (
            {"SERVER_SOFTWARE": "gunicorn/27"},
            {"debug": True},
            "production",
            "gunicorn/27 serves it and nothing names another",
        ),
        (
            {},
            {"debug": True, "server": "Werkzeug/3"},
            "development",
            "Werkzeug's server runs it in debug mode",
        ),
        ({}, {"debug": False, "server": "Werkzeug/3"}, "production", "nothing names another"),
        ({}, {"debug": True, "server": "waitress"}, "production", "nothing names another"),
        ({"FLASK_ENV": "development"}, {"debug": True, "server": "x"}, "production", "nothing names another"),
    ],
)
def test_the_strongest_sign_decides(environ, signs, name, because):
    environment = found(environ, **signs)
    assert (environment.name, environment.because, environment.settled) == (name, because, True)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        *((alias, "development") for alias in ("development", "dev", "develop", "local")),
        *((alias, "testing") for alias in ("testing", "test", "tests", "ci")),
        *((alias, "staging") for alias in ("staging", "stage", "stg", "qa", "uat", "preprod")),
        *((alias, "production") for alias in ("production", "prod", "prd", "live")),
    ],
)
def test_every_alias_is_known_in_any_case(alias, name):
    assert found({"CORS_ENV": alias.upper()}).name == found({"APP_ENV": alias}).name == name


def test_unnamed_it_is_not_settled_before_the_first_request():
    environment = found({}, debug=True)
    assert (environment.name, environment.settled) == ("development", False)


@pytest.mark.parametrize("environ", [{}, {"FLASK_ENV": "development"}, CLI])
def test_where_production_is_the_fallback_it_says_so(environ):
    assert found(environ, server="x").fallback is True
    assert found({**environ, "APP_ENV": "production"}, server="x").fallback is False


def test_flask_env_can_never_select_development():
    environment = found({"FLASK_ENV": "development"}, server="gunicorn")
    assert (environment.name, environment.notes) == ("production", ("FLASK_ENV cannot select development",))


def test_a_foreign_name_that_is_unknown_is_production_and_noted():
    assert found({"APP_ENV": "blue"}).notes == ("APP_ENV=blue names no environment known here",)


@pytest.mark.parametrize(
    "marker", ["KUBERNETES_SERVICE_HOST", "DYNO", "FLY_APP_NAME", "K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME"]
)
def test_development_on_a_platform_is_warned_of(marker):
    environment = found({"CORS_ENV": "development", marker: "x"})
    assert environment.notes == (f"development on a deployment platform ({marker} is set)",)


def test_a_name_of_ours_that_is_unknown_is_a_problem_with_the_choices():
    with pytest.raises(CORSConfigError) as raised:
        build(Inputs(environ={"CORS_ENV": "blue"}))
    (problem,) = raised.value.problems
    assert (problem.code, problem.variable, problem.value) == ("unknown-environment", "CORS_ENV", "blue")
    assert problem.remedy == "Write: development, testing, staging, production"


def test_the_process_environment_names_it_before_config_does():
    built = build(Inputs(environ={"CORS_ENV": "staging"}, config={"CORS_ENV": "development"}))
    assert str(built.environment) == "staging, because CORS_ENV=staging"
    built = build(Inputs(environ={}, config={"CORS_ENV": "testing"}))
    assert str(built.environment) == "testing, because CORS_ENV=testing in app.config"
