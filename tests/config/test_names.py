"""What a name means: a variable, a key of the config, an option, or nothing of ours."""

import json
import re

import pytest
from config.configured import (
    APP,
    CALL,
    INIT,
    OTHER,
    canonical,
    codes,
    made,
    problems,
    refused,
    resource,
    resources,
)

from flask_cors_env.config.settings import OPTIONS, SETTINGS, VARIABLES

RESOURCE = {"path": "/api/*", "origins": APP, "max_age": 5}
FORMS = {
    "one variable for each setting": {
        "RESOURCES__API__PATH": "/api/*",
        "RESOURCES__API__ORIGINS": APP,
        "RESOURCES__API__MAX_AGE": "5",
    },
    "one for each resource": {"RESOURCES__API": json.dumps(RESOURCE)},
    "one for all, by name": {"RESOURCES": json.dumps({"api": RESOURCE})},
    "one for all, by name in capitals": {
        "RESOURCES": json.dumps({"API": {"PATH": "/api/*", "Origins": APP, "MAX_AGE": 5}})
    },
    "one for all, by path": {"RESOURCES": json.dumps({"/api/*": {"origins": [APP], "max_age": "5s"}})},
    "quotes kept": {"RESOURCES": f"'{json.dumps({'api': RESOURCE})}'"},
    "some of each": {
        "RESOURCES": json.dumps({"api": {"path": "/api/*"}}),
        "RESOURCES__API": json.dumps({"origins": APP}),
        "RESOURCES__API__MAX_AGE": "5",
    },
}


def assert_is_the_api(found):
    assert (found["name"], found["paths"], found["origins"], found["max_age"]) == (
        "api",
        ["/api/*"],
        [APP],
        5,
    )


@pytest.mark.parametrize("variables", FORMS.values(), ids=FORMS)
def test_every_form_of_a_resource_makes_the_same(variables):
    assert_is_the_api(canonical(**variables))
    assert_is_the_api(canonical(config={f"CORS_{name}": value for name, value in variables.items()}))
    lower = {f"cors_{name.lower()}": value for name, value in variables.items()}
    assert_is_the_api(canonical(other=lower))


@pytest.mark.parametrize("key", ["api", "API", "/api/*"])
def test_a_table_in_the_config_or_an_argument_makes_the_same(key):
    table = {key: {**RESOURCE, "origins": [APP]}}
    assert_is_the_api(canonical(config={"CORS_RESOURCES": table}))
    assert_is_the_api(canonical(options={"resources": table}))
    assert_is_the_api(
        canonical(options={"resources": {key: {"Path": "/api/*", "ORIGINS": {APP}, "max_age": 5}}})
    )


@pytest.mark.parametrize(
    "setting", [s for s in SETTINGS if s.for_app and s.for_resource], ids=lambda s: s.name
)
def test_every_setting_of_the_app_is_read_from_its_example(setting):
    variables = {"ENV": "production", "ORIGINS": APP} | {setting.name: setting.example}
    assert made(**variables).app[setting.name] == setting.parse(setting.example)
    assert made(config={f"CORS_{n}": v for n, v in variables.items() if n != "ENV"}).warnings == ()


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.for_resource], ids=lambda s: s.name)
def test_every_setting_of_a_resource_is_read_from_its_example(setting):
    variables = {"RESOURCES__A__PATH": "/a/*"} | {f"RESOURCES__A__{setting.name}": setting.example}
    assert made(**variables).warnings == ()


@pytest.mark.parametrize(("alias", "setting"), [(n, s) for n, s in VARIABLES.items() if n != s.name])
def test_an_alias_is_read_and_noted(alias, setting):
    built = made(**{"ORIGINS": APP} | {alias: setting.example} if setting.name != "ORIGINS" else {alias: APP})
    assert built.app[setting.name] == setting.parse(APP if setting.name == "ORIGINS" else setting.example)
    (note,) = built.notes
    assert (note.code, note.variable, note.setting, note.remedy) == (
        "alias",
        f"CORS_{alias}",
        f"CORS_{setting.name}",
        f"Write: CORS_{setting.name}",
    )


def test_an_alias_with_another_value_than_the_name_is_an_error():
    assert problems(ORIGINS=APP, ALLOWED_ORIGINS=OTHER) == [("set-twice", "CORS_ORIGINS", None)]
    assert resource(ORIGINS=APP, ALLOWED_ORIGINS=APP).whole()["origins"] == [APP]


def test_two_spellings_of_one_name_with_different_values_are_an_error():
    found = refused(other={"CORS_ORIGINS": APP, "cors_origins": OTHER}).problems
    assert [(p.code, p.variable, p.message) for p in found] == [
        ("set-twice", "cors_origins", "is set beside CORS_ORIGINS, to another value.")
    ]


def test_one_leaf_set_in_two_forms_is_an_error():
    found = problems(RESOURCES=json.dumps({"api": RESOURCE}), RESOURCES__API__MAX_AGE="6")
    assert found == [("set-twice", "CORS_RESOURCES__API__MAX_AGE", None)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ORIGNS", "CORS_ORIGINS"),
        ("ORIGINSS", "CORS_ORIGINS"),
        ("METHOD", "CORS_METHODS"),
        ("ALLOW_CREDENTAILS", "CORS_ALLOW_CREDENTIALS"),
        ("MAXAGE", "CORS_MAX_AGE"),
        ("ALOWED_ORIGINS", "CORS_ORIGINS"),
        ("RESOURCE", "CORS_RESOURCES"),
        ("PATH", "CORS_RESOURCES__<NAME>__PATH"),
        ("PUBLIC", "CORS_RESOURCES__<NAME>__PUBLIC"),
        ("RESOURCES__API__ORIGNS", "CORS_RESOURCES__API__ORIGINS"),
        ("RESOURCES__API__PAHT", "CORS_RESOURCES__API__PATH"),
        ("RESOURCES__API__ENV", "CORS_ENV"),
        ("RESOURCES__MY_API__ALLOWED_ORIGNS", "CORS_RESOURCES__MY_API__ORIGINS"),
        ("RESOURCES_API_ORIGINS", "CORS_RESOURCES__API__ORIGINS"),
        ("RESOURCES_MY_API_ALLOW_HEADERS", "CORS_RESOURCES__MY_API__ALLOW_HEADERS"),
        ("RESOURCE__API__MAX_AGE", "CORS_RESOURCES__API__MAX_AGE"),
        ("FOO", None),
        ("PROXY_URL", None),
        ("RESOURCES__API__FOO", None),
        ("RESOURCES__API__X__ORIGINS", "CORS_RESOURCES__API__ORIGINS"),
        ("ORIGINS__0", "CORS_ORIGINS"),
        ("", None),
    ],
)
def test_an_unknown_variable_is_refused_with_what_was_meant(name, meant):
    (problem,) = refused(**{name: "x"} if name else {}, other={} if name else {"CORS_": "x"}).problems
    remedy = f"Did you mean: {meant}?" if meant else None
    assert (problem.code, problem.variable, problem.value) == ("variable-unknown", f"CORS_{name}", None)
    assert (problem.message, problem.remedy, problem.rule) == ("is not a setting.", remedy, "unknown")


def test_an_unknown_key_of_the_config_is_refused():
    (problem,) = refused(config={"CORS_ORIGIN_LIST": APP, "SECRET_KEY": "x", 1: "y"}).problems
    assert (problem.code, problem.variable, problem.source) == (
        "variable-unknown",
        "CORS_ORIGIN_LIST",
        "app.config",
    )


def test_an_unknown_key_of_a_table_is_refused_in_the_words_of_the_table():
    (problem,) = refused(RESOURCES='{"api": {"path": "/api/*", "orgins": "*", "x": 1}}').problems[:1]
    assert (problem.variable, problem.setting, problem.remedy) == (
        'CORS_RESOURCES["api"].orgins',
        "CORS_RESOURCES__API__ORGINS",
        "Did you mean: origins?",
    )


LINKS = (
    "SERVICE_HOST SERVICE_PORT SERVICE_PORT_HTTP PORT PORT_80_TCP PORT_80_TCP_PROTO PORT_80_TCP_PORT "
    "PORT_80_TCP_ADDR PORT_53_UDP_ADDR PORT_99_SCTP PROXY_SERVICE_HOST PROXY_PORT_8080_TCP_ADDR "
    "ORIGINS_SERVICE_HOST RESOURCES_SERVICE_PORT ANYWHERE_PORT"
).split()


@pytest.mark.parametrize("name", LINKS)
def test_service_links_of_kubernetes_are_not_ours(name):
    built = made(**{name: "tcp://10.0.0.1:80"})
    assert (built.warnings, built.notes) == ((), ())


@pytest.mark.parametrize(
    "name", ["PORTS", "SERVICE", "X_PORT_80", "RESOURCES__API__PORT", "RESOURCES__API__SERVICE_PORT"]
)
def test_other_names_are_no_service_links(name):
    assert problems(**{name: "x"}) == [("variable-unknown", f"CORS_{name}", None)]


def test_a_port_in_a_table_is_no_service_link():
    found = codes(refused(RESOURCES='{"/a": {"service_port": 1, "port": 2}}').problems)
    assert found == ["variable-unknown", "variable-unknown"]


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"RESOURCES": "[1]"}, [("not-json", "CORS_RESOURCES", "[1]")]),
        ({"RESOURCES": "/api/*"}, [("not-json", "CORS_RESOURCES", "/api/*")]),
        ({"RESOURCES": "{api:{path:/api/*}}"}, [("not-json", "CORS_RESOURCES", "{api:{path:/api/*}}")]),
        ({"RESOURCES": '{"api": 1}'}, [("wrong-type", 'CORS_RESOURCES["api"]', "1")]),
        ({"RESOURCES__API": "/api/*"}, [("not-json", "CORS_RESOURCES__API", "/api/*")]),
        ({"RESOURCES__API_PATH": "/api/*"}, [("not-json", "CORS_RESOURCES__API_PATH", "/api/*")]),
        (
            {"RESOURCES": '{"api": {"path": "/a", "path": "/b"}}'},
            [("json-duplicate-name", "CORS_RESOURCES", "path")],
        ),
        (
            {"RESOURCES": '{"api": {"path": "/a"}, "api": {"path": "/b"}}'},
            [("json-duplicate-name", "CORS_RESOURCES", "api")],
        ),
        (
            {"RESOURCES": '{"api": {"path": "/a"}, "API": {"path": "/b"}}'},
            [("set-twice", 'CORS_RESOURCES["API"].path', None)],
        ),
        ({"RESOURCES__A-B__PATH": "/a"}, [("resource-bad-name", "CORS_RESOURCES__A-B__PATH", "A-B")]),
        ({"RESOURCES____PATH": "/a"}, [("resource-bad-name", "CORS_RESOURCES____PATH", "")]),
        ({"RESOURCES__A___PATH": "/a"}, [("variable-unknown", "CORS_RESOURCES__A___PATH", None)]),
        ({"RESOURCES__A_": "/a"}, [("resource-bad-name", "CORS_RESOURCES__A_", "A_")]),
        ({"RESOURCES": '{"my-api": {}}'}, [("resource-bad-name", 'CORS_RESOURCES["my-api"]', "my-api")]),
        ({"RESOURCES": '{"": {}}'}, [("resource-bad-name", 'CORS_RESOURCES[""]', "")]),
        ({"RESOURCES": '{"api/*": {}}'}, [("path-not-absolute", 'CORS_RESOURCES["api/*"]', "api/*")]),
        ({"RESOURCES": '{"/api/.*": {}}'}, [("path-is-regex", 'CORS_RESOURCES["/api/.*"]', "/api/.*")]),
    ],
)
def test_a_resource_that_cannot_be_taken_apart_is_an_error(variables, found):
    assert problems(**variables) == found


@pytest.mark.parametrize("text", ["", " ", '""', "''"])
def test_a_blank_value_is_not_set_and_noted(text):
    built = made(ORIGINS=text, ENV="development", MAX_AGE=text)
    assert built.policy.resources[0].whole()["origins"] == ["*"]
    assert [(n.code, n.variable) for n in built.notes] == [
        ("blank", "CORS_MAX_AGE"),
        ("blank", "CORS_ORIGINS"),
    ]


@pytest.mark.parametrize("name", ["RESOURCES", "RESOURCES__API", "RESOURCES__API__PATH"])
def test_a_blank_resource_is_not_set_and_noted(name):
    built = made(**{name: ""}, ORIGINS=APP)
    assert [r.name for r in built.policy.resources] == ["default"]
    assert [(n.code, n.variable) for n in built.notes] == [("blank", f"CORS_{name}")]


def test_a_resource_with_a_blank_path_does_not_become_all_paths():
    found = problems(RESOURCES__API__PATH="", RESOURCES__API__ORIGINS=APP)
    assert found == [("resource-has-no-path", "CORS_RESOURCES__API__PATH", None)]


@pytest.mark.parametrize(
    ("config", "variables", "variable"),
    [
        ({"CORS_ORIGINS": APP}, {"ORIGINS": " "}, "CORS_ORIGINS"),
        ({"CORS_MAX_AGE": 0}, {"MAX_AGE": ""}, "CORS_MAX_AGE"),
        (
            {"CORS_RESOURCES": {"/api/*": RESOURCE}},
            {"RESOURCES__API__ORIGINS": ""},
            "CORS_RESOURCES__API__ORIGINS",
        ),
        ({"CORS_RESOURCES": {"api": RESOURCE}}, {"RESOURCES__API": ""}, "CORS_RESOURCES__API"),
        ({"CORS_RESOURCES": {"api": RESOURCE}}, {"RESOURCES": ""}, "CORS_RESOURCES"),
    ],
)
def test_a_blank_value_over_a_weaker_one_is_an_error(config, variables, variable):
    assert problems(config=config, **variables) == [("blank-over-value", variable, None)]


def test_a_blank_argument_over_a_variable_is_an_error():
    found = refused(ORIGINS=APP, options={"origins": ""}).problems
    assert [(p.code, p.variable, p.source, p.message) for p in found] == [
        (
            "blank-over-value",
            "origins",
            CALL,
            "is blank, and CORS_ORIGINS in the process environment has a value.",
        )
    ]


@pytest.mark.parametrize("layer", ["config", "options", "init"])
def test_none_is_unset_in_every_layer_of_python(layer):
    name = "CORS_ORIGINS" if layer == "config" else "origins"
    built = made(**{layer: {name: None}})
    assert (built.policy.resources[0].whole()["origins"], built.notes, built.warnings) == ([], (), ())
    if layer != "config":
        assert canonical(ORIGINS=APP, **{layer: {name: None}})["origins"] == [APP]


def test_the_strongest_layer_wins_and_lists_replace():
    layers = {"config": {"CORS_MAX_AGE": 1, "CORS_ORIGINS": [APP, OTHER]}}
    assert canonical(**layers)["max_age"] == 1
    layers |= {"MAX_AGE": "2", "ORIGINS": APP}
    assert (canonical(**layers)["max_age"], canonical(**layers)["origins"]) == (2, [APP])
    layers |= {"options": {"max_age": 3}}
    assert canonical(**layers)["max_age"] == 3
    layers |= {"init": {"max_age": 4, "origins": []}}
    assert (canonical(**layers)["max_age"], canonical(**layers)["origins"]) == (4, [])


def test_only_the_strongest_value_of_a_leaf_is_parsed():
    assert canonical(config={"CORS_MAX_AGE": "soon"}, MAX_AGE="5")["max_age"] == 5


OPTION_NAMES = (
    "origins methods allow_headers headers expose_headers allow_credentials supports_credentials max_age "
    "enforce"
).split()


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_the_options_of_the_contract_are_options(name):
    setting = OPTIONS[name.upper()]
    built = made(options={"origins": APP, **({name: setting.example} if name != "origins" else {})})
    assert (built.warnings, built.notes) == ((), ())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("origin", "origins"),
        ("orgins", "origins"),
        ("Origins", "origins"),
        ("ORIGINS", "origins"),
        ("header", "allow_headers"),
        ("allowed_origins", "origins"),
        ("support_credentials", "allow_credentials"),
        ("credentials", "allow_credentials"),
        ("resource", "resources"),
        ("path", "CORS_RESOURCES__<NAME>__PATH"),
        ("env", "CORS_ENV"),
        ("audit_sink", "CORS_AUDIT_SINK"),
        ("whitelist", None),
    ],
)
@pytest.mark.parametrize("environment", ["development", "production"])
def test_an_unknown_option_is_an_error_everywhere(environment, name, meant):
    (problem,) = refused(ENV=environment, options={name: APP}).problems
    remedy = f"Did you mean: {meant}?" if meant else None
    assert (problem.code, problem.variable, problem.source) == ("option-unknown", name, CALL)
    assert (problem.message, problem.remedy, problem.rule) == ("is not an option.", remedy, None)


@pytest.mark.parametrize("name", ["origin", "orgins", "credentials", "env"])
@pytest.mark.parametrize("environment", ["development", "production"])
def test_an_unknown_option_of_a_resource_is_an_error_everywhere(environment, name):
    (problem,) = refused(ENV=environment, options={"resources": {"/x": {name: [APP]}}}).problems
    assert (problem.code, problem.variable, problem.source) == (
        "option-unknown",
        f'resources["/x"].{name}',
        CALL,
    )


def test_the_name_that_flask_cors_has_is_an_option_of_a_resource_too():
    table = {"/x": {"origins": APP, "supports_credentials": True, "headers": "X-A"}}
    found = canonical(options={"resources": table})
    assert (found["allow_credentials"], found["allow_headers"]) == (True, ["X-A"])


@pytest.mark.parametrize("paths", ["/a/*", ["/a/*"], ("/a/*",), {"/a/*"}])
def test_resources_may_be_paths_alone(paths):
    found = canonical(options={"resources": paths, "origins": APP})
    assert (found["name"], found["paths"], found["origins"]) == ("a", ["/a/*"], [APP])


def test_a_path_is_taken_whole_where_it_is_a_key():
    assert sorted(resources(options={"resources": ["/a,b", "/a b"]})) == ["a_b", "a_b_2"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (5, ("wrong-type", "resources", "5")),
        ({"/a": 5}, ("wrong-type", 'resources["/a"]', "5")),
        ({5: {}}, ("resource-bad-name", 'resources["5"]', "5")),
        ([5], ("wrong-type", "resources", "5")),
        ([["/a"]], ("wrong-type", "resources", "['/a']")),
        ({}, ("no-path", "resources", "{}")),
        ([], ("no-path", "resources", "[]")),
        ("", ("path-not-absolute", "resources", "")),
    ],
)
def test_resources_of_another_shape_are_an_error(value, found):
    assert problems(options={"resources": value}) == [found]


@pytest.mark.parametrize("written", ["/api/*", ["/api/*"], ("/api/*",), {"/api/*"}])
def test_the_apps_config_takes_paths_alone(written):
    found = canonical(config={"CORS_RESOURCES": written, "CORS_ORIGINS": APP})
    assert (found["name"], found["paths"], found["origins"]) == ("api", ["/api/*"], [APP])


@pytest.mark.parametrize("written", [{}, [], "{}"])
def test_resources_that_name_no_path_do_not_open_every_path(written):
    assert problems(config={"CORS_RESOURCES": written}) == [("no-path", "CORS_RESOURCES", str(written))]


def test_a_compiled_pattern_is_no_path():
    found = problems(options={"resources": {re.compile(r"/api/.*"): {"origins": APP}}})
    assert found == [("path-is-regex", 'resources["/api/.*"]', "/api/.*")]


def test_names_are_shown_escaped():
    found = refused(other={"CORS_\x1b[31m\udc80ü": "x"}).problems[0]
    assert (found.variable, found.setting) == ("CORS_\\x1b[31m\\udc80\\xfc", "CORS_\\x1b[31M\\udc80\\xdc")
    found = refused(options={"resources": {"/x": {"a\nb": 1}}}).problems[0]
    assert found.variable == 'resources["/x"].a\\nb'


def test_init_app_is_told_by_its_own_name():
    (problem,) = refused(init={"origins": ["x"]}).problems
    assert (problem.source, problem.variable, problem.setting) == (INIT, "origins", "CORS_ORIGINS")


@pytest.mark.parametrize(
    ("config", "variables", "remedy"),
    [
        ({"CORS_MAX_AGE": 5}, {"MAX_AGE": ""}, "Remove the variable"),
        ({"CORS_ALLOW_CREDENTIALS": True}, {"ALLOW_CREDENTIALS": ""}, "Remove the variable"),
        ({"CORS_ORIGINS": APP}, {"ORIGINS": ""}, "Write: none, or remove the variable"),
        ({}, {"RESOURCES": "{}"}, 'Remove it, or write: {"all": {"path": "/*"}}'),
        ({"CORS_RESOURCES": {}}, {}, "Remove it, or write: /*"),
        (
            {},
            {"RESOURCES": "/*"},
            'Write an object for each name, {"api": {"path": "/api/*"}}, or one variable for each setting',
        ),
        ({"CORS_RELOAD": -5}, {}, "Write: off, or 30s"),
    ],
)
def test_a_remedy_is_one_that_the_setting_takes(config, variables, remedy):
    (found,) = refused(config=config, **variables).problems
    assert found.remedy == remedy


@pytest.mark.parametrize("name", ["CORS_HEADERS", "CORS_OPTIONS"])
@pytest.mark.parametrize("environment", ["development", "production"])
def test_what_stands_in_the_config_by_habit_is_warned_of_and_changes_nothing(name, environment):
    given = {"ENV": environment, "ORIGINS": "https://a.example"}
    built = made(**given, config={name: {"origins": ["*"]}})
    assert [(w.code, w.variable) for w in built.warnings] == [("without-effect", name)]
    assert built.policy.id == made(**given).policy.id
    assert made(**given, IGNORE=name, config={name: "x"}).warnings == ()
