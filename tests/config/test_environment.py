"""Whose rules hold, and why: every line of the contract's paragraph on the environment."""

import sys

import pytest
from config.configured import APP, CALL

from flask_cors_env import CORSConfigError
from flask_cors_env.config.build import Inputs, build

WERKZEUG = "Werkzeug/3.1.9"
RUN = {"FLASK_RUN_FROM_CLI": "true"}


def found(environ=None, **rest):
    return build(Inputs(environ or {}, **rest)).environment


def outcome(environ=None, **rest):
    environment = found(environ, **rest)
    return environment.name, environment.because, environment.fallback


ALIASES = {
    "development": "development dev develop local",
    "testing": "testing test tests ci",
    "staging": "staging stage stg qa uat preprod",
    "production": "production prod prd live",
}


@pytest.mark.parametrize(("name", "alias"), [(n, a) for n, names in ALIASES.items() for a in names.split()])
def test_every_alias_names_its_environment_in_any_case_and_quotes(name, alias):
    for spelled in (alias, alias.upper(), f" {alias.title()}\n", f'"{alias}"'):
        assert found({"CORS_ENV": spelled}).name == name
        assert found({"APP_ENV": spelled}).name == name
        assert found(environment=spelled).name == name


@pytest.mark.parametrize(
    ("environ", "rest", "expected"),
    [
        # weakest to strongest: each line names what the line before named, and one more
        ({}, {"server": ""}, ("production", "nothing names another", True)),
        ({"FLASK_ENV": "staging"}, {}, ("staging", "FLASK_ENV=staging", False)),
        ({"FLASK_ENV": "staging", "ENVIRONMENT": "ci"}, {}, ("testing", "ENVIRONMENT=ci", False)),
        ({"ENVIRONMENT": "ci", "APP_ENV": "prod"}, {}, ("production", "APP_ENV=prod", False)),
        (
            {"APP_ENV": "prod"},
            {"config": {"CORS_ENV": "dev"}},
            ("development", "CORS_ENV=dev in app.config", False),
        ),
        ({"CORS_ENV": "qa"}, {"config": {"CORS_ENV": "dev"}}, ("staging", "CORS_ENV=qa", False)),
        ({"CORS_ENV": "qa"}, {"environment": "live"}, ("production", "environment=live", False)),
    ],
)
def test_the_strongest_name_is_obeyed(environ, rest, expected):
    assert outcome(environ, **rest) == expected


def test_a_blank_name_is_none():
    assert outcome({"CORS_ENV": " ", "APP_ENV": '""', "ENVIRONMENT": "qa"}) == (
        "staging",
        "ENVIRONMENT=qa",
        False,
    )


@pytest.mark.parametrize(
    "environ", [{"ENV": "development"}, {"NODE_ENV": "development"}, {"RAILS_ENV": "test"}]
)
def test_variables_of_other_worlds_are_not_read(environ):
    assert outcome(environ, server="") == ("production", "nothing names another", True)


def test_an_unknown_name_of_ours_is_an_error_with_the_choices():
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs({"CORS_ENV": "producton"}))
    (problem,) = caught.value.problems
    assert (
        problem.code,
        problem.setting,
        problem.variable,
        problem.source,
        problem.value,
        problem.remedy,
    ) == (
        "unknown-environment",
        "CORS_ENV",
        "CORS_ENV",
        "the process environment",
        "producton",
        "Write: development, testing, staging, production",
    )
    assert caught.value.environment == "production, because CORS_ENV names none that is known"


@pytest.mark.parametrize(
    ("rest", "variable", "source"),
    [
        ({"config": {"CORS_ENV": "x"}}, "CORS_ENV", "app.config"),
        ({"config": {"CORS_ENV": 1}}, "CORS_ENV", "app.config"),
        ({"environment": "x"}, "environment", "the arguments"),
    ],
)
def test_an_unknown_name_is_told_with_its_place(rest, variable, source):
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs({}, **rest))
    (problem,) = caught.value.problems
    assert (problem.code, problem.variable, problem.source) == ("unknown-environment", variable, source)


def test_beside_an_unknown_name_the_rest_is_judged_as_production():
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs({"CORS_ENV": "local-dev", "CORS_ORIGINS": "*"}))
    assert [problem.code for problem in caught.value.problems] == ["unknown-environment", "wildcard"]


def test_a_strong_name_hides_an_unknown_weak_one():
    assert found({"CORS_ENV": "qa"}, config={"CORS_ENV": "x"}).name == "staging"


def test_an_unknown_foreign_name_is_production_with_a_note_that_does_not_repeat_it():
    environment = found({"APP_ENV": "s3cret", "ENVIRONMENT": "development"}, testing=True, debug=True)
    assert (environment.name, environment.because, environment.fallback, environment.notes) == (
        "production",
        "APP_ENV names none that is known here",
        False,
        ("APP_ENV names none that is known here; set CORS_ENV",),
    )


@pytest.mark.parametrize("name", ALIASES["development"].split())
def test_flask_env_never_selects_development(name):
    environment = found({"FLASK_ENV": name}, server=WERKZEUG)
    assert (environment.name, environment.fallback) == ("production", True)
    assert environment.notes == ("FLASK_ENV cannot select development; set CORS_ENV",)


@pytest.mark.parametrize("name", ["testing", "staging", "production"])
def test_flask_env_may_name_the_others(name):
    assert outcome({"FLASK_ENV": name}) == (name, f"FLASK_ENV={name}", False)


def test_flask_env_does_not_keep_the_command_line_from_development():
    environment = found({"FLASK_ENV": "development", **RUN}, debug=True)
    assert (environment.name, environment.because) == ("development", "flask runs it in debug mode")


@pytest.mark.parametrize(
    ("environ", "rest", "expected"),
    [
        (RUN, {"debug": True}, ("development", "flask runs it in debug mode", False)),
        (RUN, {}, ("production", "nothing names another", True)),
        (RUN, {"debug": True, "command": True}, ("development", "flask runs it in debug mode", False)),
        (
            {"FLASK_RUN_FROM_CLI": "false"},
            {"debug": True, "server": ""},
            ("production", "nothing names another", True),
        ),
        ({}, {"command": True}, ("production", "nothing names another", True)),
        ({}, {"command": True, "debug": True}, ("production", "nothing names another", True)),
        ({}, {"testing": True}, ("testing", "app.testing is set", False)),
        ({"PYTEST_VERSION": "9"}, {}, ("testing", "pytest runs it", False)),
        (RUN, {"debug": True, "testing": True}, ("testing", "app.testing is set", False)),
        (RUN | {"PYTEST_VERSION": "9"}, {"debug": True}, ("testing", "pytest runs it", False)),
        ({"SERVER_SOFTWARE": "gunicorn/23"}, {"testing": True}, ("testing", "app.testing is set", False)),
        ({}, {"testing": True, "debug": True, "server": WERKZEUG}, ("testing", "app.testing is set", False)),
    ],
)
def test_without_a_name_the_way_it_runs_decides(environ, rest, expected):
    assert outcome(environ, **rest) == expected


@pytest.mark.parametrize("name", ALIASES)
def test_testing_never_overrules_a_name(name):
    environ = {"PYTEST_VERSION": "9"}
    assert found({**environ, "CORS_ENV": name}, testing=True).name == name
    assert found({**environ, "APP_ENV": name}, testing=True).name == name
    assert found(environ, testing=True, environment=name).name == name


def test_gunicorn_is_production_at_once_and_its_variable_is_not_repeated():
    environment = found({"SERVER_SOFTWARE": "gunicorn/23.0.0"}, debug=True)
    assert (environment.name, environment.fallback, environment.settled) == ("production", True, True)
    assert environment.because == "a server loads it (SERVER_SOFTWARE is set) and nothing names another"


SERVERS = "uwsgi mod_wsgi waitress cheroot uvicorn hypercorn granian gevent.pywsgi".split()


@pytest.mark.parametrize("module", SERVERS)
def test_a_servers_module_is_production_at_once(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, sys)
    assert outcome(debug=True) == ("production", f"{module} loads it and nothing names another", True)


def test_an_unknown_server_is_not_settled_before_its_first_request():
    environment = found(debug=True)
    assert not environment.settled
    assert environment.because == "nothing names one yet; the first request settles it"


@pytest.mark.parametrize(
    ("debug", "server", "expected"),
    [
        (True, WERKZEUG, ("development", "Werkzeug's server runs it in debug mode", False)),
        (False, WERKZEUG, ("production", "nothing names another", True)),
        (True, "", ("production", "nothing names another", True)),
        (True, "waitress", ("production", "nothing names another", True)),
        (True, "gunicorn/23 Werkzeug/3", ("production", "nothing names another", True)),
        (True, "werkzeug/3", ("production", "nothing names another", True)),
    ],
)
def test_the_first_request_settles_it(debug, server, expected):
    assert outcome(debug=debug, server=server) == expected
    assert found(debug=debug, server=server).settled


HELD = {"CORS_ORIGINS": "*", "CORS_ORIGNS": APP}


def test_what_development_bears_with_is_held_until_the_first_request_and_raised_then():
    build(Inputs(HELD, debug=True))
    build(Inputs(HELD, debug=True, server=WERKZEUG))
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs(HELD, debug=True, server="waitress"))
    assert [problem.code for problem in caught.value.problems] == ["variable-unknown", "wildcard"]


def test_what_no_environment_permits_is_not_held():
    with pytest.raises(CORSConfigError):
        build(Inputs({"CORS_ORIGINS": "*", "CORS_ALLOW_CREDENTIALS": "true"}))


LAST = "On your own machine: CORS_ENV=development"


@pytest.mark.parametrize(
    ("environ", "rest", "ends"),
    [
        ({}, {"server": ""}, True),
        ({}, {"command": True}, True),
        (RUN, {}, True),
        ({"SERVER_SOFTWARE": "x"}, {}, True),
        ({"FLASK_ENV": "development"}, {"server": ""}, True),
        ({"CORS_ENV": "production"}, {}, False),
        ({"APP_ENV": "production"}, {}, False),
        ({"APP_ENV": "whatever"}, {}, False),
        ({}, {"environment": "production"}, False),
        ({}, {"testing": True}, False),
    ],
)
def test_where_production_is_the_fallback_the_error_ends_with_the_way_out(environ, rest, ends):
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs({**environ, "CORS_ORIGINS": "*"}, **rest))
    assert (str(caught.value).splitlines()[-1] == LAST) is ends


PLATFORMS = (
    "KUBERNETES_SERVICE_HOST DYNO FLY_APP_NAME K_SERVICE AWS_LAMBDA_FUNCTION_NAME RENDER RAILWAY_ENVIRONMENT "
    "WEBSITE_INSTANCE_ID"
).split()


@pytest.mark.parametrize("marker", PLATFORMS)
def test_development_on_a_platform_is_warned_of(marker):
    note = (f"development on a deployment platform ({marker} is set)",)
    assert found({"CORS_ENV": "dev", marker: "s3cret"}).notes == note
    assert found({"APP_ENV": "dev", marker: "s3cret"}).notes == note
    assert found({**RUN, marker: "s3cret"}, debug=True).notes == note
    assert found({marker: "s3cret"}, debug=True, server=WERKZEUG).notes == note


@pytest.mark.parametrize("marker", PLATFORMS)
def test_other_environments_belong_on_a_platform(marker):
    for name in ("testing", "staging", "production"):
        assert found({"CORS_ENV": name, marker: "x"}).notes == ()
    assert found({"CORS_ENV": "dev", marker: ""}).notes == ()


def test_an_environment_argument_that_hides_the_operators_is_warned_of():
    built = build(Inputs({"CORS_ENV": "staging"}, environment="production"))
    (warning,) = built.warnings
    assert (warning.code, warning.variable, warning.source) == (
        "shadowed",
        "CORS_ENV",
        "the process environment",
    )
    assert build(Inputs({"CORS_ENV": "prod"}, environment="production")).warnings == ()


def test_a_command_may_judge_by_another_environment():
    built = build(Inputs({"CORS_ENV": "development", "CORS_ORIGINS": APP}), as_environment="prod")
    assert (str(built.environment), built.policy.environment, built.warnings) == (
        "production, because --as=prod",
        "production",
        (),
    )


def test_a_command_that_names_no_environment_is_told_so():
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs({"CORS_ENV": "development"}), as_environment="x")
    (problem,) = caught.value.problems
    assert (problem.code, problem.variable, problem.source) == (
        "unknown-environment",
        "--as",
        "the command line",
    )


def test_the_environment_is_no_option_of_the_policy():
    with pytest.raises(CORSConfigError) as caught:
        build(Inputs({}, arguments=((CALL, {"env": "dev"}),), testing=True))
    (problem,) = caught.value.problems
    assert (problem.code, problem.variable) == ("option-unknown", "env")
