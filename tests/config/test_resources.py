"""What settings make: defaults, inheritance, resources and views, and what contradicts what."""

import re
import time

import pytest
from config.configured import APP, INIT, OTHER, canonical, codes, made, problems, refused, resource, resources

from flask_cors_env.config import build as bounds
from flask_cors_env.config.build import Inputs, Scope, build
from flask_cors_env.core.environments import ENVIRONMENTS

LOOPBACK = [f"{s}://{host}:*" for s in ("http", "https") for host in ("127.0.0.1", "[::1]", "localhost")]
DEFAULTS = {
    "development": {"origins": ["*"], "allow_headers": ["*", "Authorization"], "max_age": 0},
    "testing": {"origins": [], "allow_headers": ["Authorization", "Content-Type"], "max_age": 0},
    "staging": {"origins": [], "allow_headers": ["Authorization", "Content-Type"], "max_age": 600},
    "production": {"origins": [], "allow_headers": ["Authorization", "Content-Type"], "max_age": 7200},
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_defaults_are_the_contracts(environment):
    assert canonical(ENV=environment) == {
        "name": "default",
        "paths": ["/*"],
        "origin_function": False,
        "methods": ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"],
        "expose_headers": [],
        "allow_credentials": False,
        "enforce": False,
        "enabled": True,
        "defaulted": ["ALLOW_HEADERS", "ORIGINS"] if environment == "development" else [],
        **DEFAULTS[environment],
    }


def test_with_credentials_developments_default_is_this_machine():
    found = canonical(ENV="development", ALLOW_CREDENTIALS="true")
    assert (found["origins"], found["defaulted"]) == (LOOPBACK, ["ALLOW_HEADERS", "ORIGINS"])


@pytest.mark.parametrize(
    ("given", "defaulted"),
    [
        ({"ORIGINS": APP}, ["ALLOW_HEADERS"]),
        ({"ORIGINS": "none"}, ["ALLOW_HEADERS"]),
        ({"ALLOW_HEADERS": "*"}, ["ORIGINS"]),
        ({"ORIGINS": "*", "ALLOW_HEADERS": "X-A"}, []),
    ],
)
def test_what_was_set_is_no_default(given, defaulted):
    assert canonical(ENV="development", **given)["defaulted"] == defaulted


def test_a_resource_inherits_what_it_does_not_set():
    found = resources(
        ORIGINS=APP,
        METHODS="GET",
        ALLOW_HEADERS="X-A",
        EXPOSE_HEADERS="X-B",
        ALLOW_CREDENTIALS="true",
        MAX_AGE="5",
        ENFORCE="true",
        RESOURCES__ONE__PATH="/one/*",
        RESOURCES__TWO__PATH="/two/*",
        RESOURCES__TWO__ORIGINS=OTHER,
        RESOURCES__TWO__METHODS="none",
        RESOURCES__TWO__ALLOW_HEADERS="none",
        RESOURCES__TWO__EXPOSE_HEADERS="none",
        RESOURCES__TWO__ALLOW_CREDENTIALS="false",
        RESOURCES__TWO__MAX_AGE="0",
        RESOURCES__TWO__ENFORCE="false",
        RESOURCES__TWO__ENABLED="false",
    )
    inherited = {
        "origins": [APP],
        "methods": ["GET"],
        "allow_headers": ["X-A"],
        "expose_headers": ["X-B"],
        "allow_credentials": True,
        "max_age": 5,
        "enforce": True,
        "enabled": True,
    }
    own = {
        "origins": [OTHER],
        "methods": [],
        "allow_headers": [],
        "expose_headers": [],
        "allow_credentials": False,
        "max_age": 0,
        "enforce": False,
        "enabled": False,
    }
    rest = {"origin_function": False, "defaulted": []}
    assert found["one"].whole() == {"name": "one", "paths": ["/one/*"], **inherited, **rest}
    assert found["two"].whole() == {"name": "two", "paths": ["/two/*"], **own, **rest}


def test_with_resources_only_their_paths_are_governed():
    policy = made(ORIGINS=APP, RESOURCES__API__PATH="/api/*").policy
    assert policy.resource_for("/api/items").name == "api"
    assert policy.resource_for("/") is None


def test_a_resource_tells_where_its_origins_are_changed():
    assert resource(ORIGINS=APP).advice.place("ORIGINS").variable == "CORS_ORIGINS"
    api = resource(ORIGINS=APP, RESOURCES__MY_API__PATH="/api/*")
    assert api.advice.place("ORIGINS").variable == "CORS_ORIGINS"
    api = resource(RESOURCES__MY_API__PATH="/api/*")
    assert api.advice.place("ORIGINS").variable == "CORS_RESOURCES__MY_API__ORIGINS"


def test_what_a_resource_says_of_itself_may_be_followed():
    code = {"resources": {"/api/*": {"methods": "GET"}}}
    api = resource(options=code)
    variable = api.advice.place("ORIGINS").variable
    assert resource(options=code, other={variable: APP}).whole()["origins"] == [APP]


@pytest.mark.parametrize("value", ["/a/*, /b", "/a/* /b", '["/a/*", "/b"]', "/b\n/a/*", "/a/*,/b,/a/*"])
def test_a_resource_may_have_several_paths(value):
    found = resources(ORIGINS=APP, RESOURCES__X__PATH=value)["x"].whole()
    assert found["paths"] == ["/a/*", "/b"]


@pytest.mark.parametrize("value", ["none", "[]"])
def test_a_resource_needs_a_path(value):
    found = problems(ORIGINS=APP, RESOURCES__X__PATH=value)
    assert found == [("no-path", "CORS_RESOURCES__X__PATH", None)]


def test_a_resource_without_a_path_is_told_by_the_variable_that_is_missing():
    (problem,) = refused(config={"CORS_RESOURCES": {"x": {"origins": APP, "max_age": 1}}}).problems
    assert (problem.code, problem.setting, problem.variable, problem.source, problem.remedy) == (
        "resource-has-no-path",
        "CORS_RESOURCES__X__PATH",
        "CORS_RESOURCES__X__PATH",
        "app.config",
        "Set CORS_RESOURCES__X__PATH",
    )


def test_a_resource_keyed_by_path_takes_the_name_of_the_one_with_that_path():
    given = {"RESOURCES__SHOP__PATH": "/api/*", "RESOURCES__SHOP__MAX_AGE": "5"}
    found = canonical(**given, options={"resources": {"/api/*": {"origins": [APP]}}})
    assert (found["name"], found["origins"], found["max_age"]) == ("shop", [APP], 5)
    found = canonical(**given, config={"CORS_RESOURCES": {"/api/*": {"origins": [APP]}}})
    assert (found["name"], found["origins"], found["max_age"]) == ("shop", [APP], 5)


def test_the_path_that_names_a_resource_is_the_one_that_holds():
    found = resources(
        config={"CORS_RESOURCES": {"shop": {"path": "/old/*", "origins": APP}}},
        RESOURCES__SHOP__PATH="/new/*",
        options={"resources": {"/old/*": {"origins": OTHER}}},
    )
    assert {name: r.whole()["paths"] for name, r in found.items()} == {
        "shop": ["/new/*"],
        "old": ["/old/*"],
    }


def test_layers_that_key_by_the_same_path_merge():
    found = canonical(
        options={"resources": {"/api/*": {"origins": APP, "max_age": 1}}},
        init={"resources": {"/api/*": {"max_age": 2}}},
    )
    assert (found["name"], found["origins"], found["max_age"]) == ("api", [APP], 2)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/*", "api"),
        ("/API/v2/*", "api_v2"),
        ("/*", "all"),
        ("*", "all"),
        ("/", "root"),
        ("/users/<int:id>", "users_int_id"),
        ("/ü", "root"),
    ],
)
def test_a_path_without_a_named_resource_makes_a_name(path, name):
    assert resource(options={"resources": {path: {"origins": APP}}}).name == name


def test_names_made_of_paths_do_not_clash():
    tables = {path: {"origins": APP} for path in ("/api/*", "/api", "/Api", "/api/")}
    found = resources(RESOURCES__API_2__PATH="/other", options={"resources": tables})
    assert {name: r.paths[0].text for name, r in found.items()} == {
        "api": "/api/*",
        "api_2": "/other",
        "api_3": "/api",
        "api_4": "/Api",
        "api_5": "/api/",
    }


def test_equally_specific_patterns_that_cover_one_path_are_an_error_naming_both():
    (problem,) = refused(RESOURCES__ONE__PATH="/a*/x", RESOURCES__TWO__PATH="/*b/x").problems
    assert (problem.code, problem.variable, problem.value, problem.message) == (
        "path-overlap",
        "CORS_RESOURCES__ONE__PATH",
        "/a*/x",
        'and "/*b/x" of CORS_RESOURCES__TWO__PATH cover one path, equally specific.',
    )


def test_many_overlaps_are_told_once_for_each_pattern():
    found = problems(**{f"RESOURCES__R{i}__PATH": "/api/*" for i in range(10, 40)})
    assert {code for code, *_ in found} == {"path-overlap"}
    assert len(found) == 29


PUBLIC = {"RESOURCES__FEED__PATH": "/feed", "RESOURCES__FEED__PUBLIC": "true"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_public_resource_is_everyones_to_read(environment):
    found = canonical(ENV=environment, ORIGINS=APP, METHODS="*", ALLOW_CREDENTIALS="true", **PUBLIC)
    assert (found["origins"], found["methods"], found["allow_credentials"]) == (["*"], ["GET", "HEAD"], False)
    assert found["defaulted"] == (["ALLOW_HEADERS"] if environment == "development" else [])


@pytest.mark.parametrize(
    ("name", "value"),
    [("ORIGINS", APP), ("ORIGINS", "none"), ("METHODS", "GET"), ("ALLOW_CREDENTIALS", "true")],
)
def test_a_public_resource_is_not_told_for_whom(name, value):
    variable = f"CORS_RESOURCES__FEED__{name}"
    assert problems(**PUBLIC, **{f"RESOURCES__FEED__{name}": value}) == [
        ("public-with-rules", variable, None)
    ]


def test_a_public_resource_may_say_that_it_has_no_credentials():
    assert made(**PUBLIC, RESOURCES__FEED__ALLOW_CREDENTIALS="false").warnings == ()


def test_a_resource_that_is_not_public_is_as_any_other():
    given = PUBLIC | {"RESOURCES__FEED__PUBLIC": "false"}
    assert canonical(ORIGINS=APP, **given)["origins"] == [APP]


def test_contradictions_name_the_variables_that_make_them():
    given = {
        "RESOURCES__A__PATH": "/a",
        "RESOURCES__A__ALLOW_CREDENTIALS": "yes",
        "UNSAFE_ALLOW": "wildcard,null",
    }
    (problem,) = refused(ORIGINS="*", **given).problems
    assert (problem.code, problem.variable, problem.remedy) == (
        "credentials-with-wildcard",
        "CORS_ORIGINS",
        "Name the origins, or set CORS_RESOURCES__A__ALLOW_CREDENTIALS=false",
    )
    (problem,) = refused(RESOURCES__A__ORIGINS="null", **given).problems
    assert (problem.code, problem.variable) == ("credentials-with-null", "CORS_RESOURCES__A__ORIGINS")
    (problem,) = refused(
        UNSAFE_ALLOW="wildcard", options={"origins": "*", "supports_credentials": True}
    ).problems
    assert (problem.variable, problem.remedy) == (
        "origins",
        "Name the origins, or set supports_credentials=False",
    )


def test_a_contradiction_that_several_inherit_is_told_once():
    given = {f"RESOURCES__R{i}__PATH": f"/{i}" for i in range(5)}
    assert problems(ENV="development", ORIGINS="*", ALLOW_CREDENTIALS="1", **given) == [
        ("credentials-with-wildcard", "CORS_ORIGINS", None)
    ]


def test_a_policy_has_no_more_resources_and_origins_than_the_bounds_say(monkeypatch):
    assert (bounds._MOST_RESOURCES, bounds._MOST_ORIGINS) == (10_000, 100_000)
    monkeypatch.setattr(bounds, "_MOST_RESOURCES", 10)
    monkeypatch.setattr(bounds, "_MOST_ORIGINS", 100)
    origins = [f"https://a{n}.example" for n in range(101)]
    many = {f"r{n}": {"path": f"/r{n}"} for n in range(11)}
    assert len(resource(options={"origins": origins[1:]}).origins.patterns) == 100
    assert problems(options={"origins": origins}) == [("too-many", "origins", None)]
    assert len(resources(options={"resources": dict([*many.items()][1:])})) == 10
    assert [(code, value) for code, _, value in problems(options={"resources": many})] == [("too-many", None)]


def test_two_thousand_resources_are_compared_in_a_moment():
    given = {f"RESOURCES__R{n}__PATH": f"/api/r{n}/*" for n in range(2_000)}
    started = time.process_time()
    assert len(resources(ORIGINS=APP, **given)) == 2_000
    assert time.process_time() - started < 5


def test_all_problems_come_in_one_round_contradictions_included():
    found = problems(
        ORIGINS="* https://a.example/ http://b.example",
        ALLOW_CREDENTIALS="ja",
        MAX_AGE="1w",
        METHODS="TRACE,GET",
        ALLOW_HEADERS="Coo:kie",
        EXPOSE_HEADERS="*",
        ORIGNS="x",
        UNSAFE_ALLOW="htp",
        RESOURCES__A__PATH="a",
        RESOURCES__A__ALLOW_CREDENTIALS="true",
        RESOURCES__B__MAX_AGE="5",
    )
    assert found == [
        ("variable-unknown", "CORS_ORIGNS", None),
        ("origin-has-path", "CORS_ORIGINS", "https://a.example/"),
        ("method-forbidden", "CORS_METHODS", "TRACE"),
        ("header-not-token", "CORS_ALLOW_HEADERS", "Coo:kie"),
        ("not-a-boolean", "CORS_ALLOW_CREDENTIALS", "ja"),
        ("not-a-duration", "CORS_MAX_AGE", "1w"),
        ("rule-unknown", "CORS_UNSAFE_ALLOW", "htp"),
        ("path-not-absolute", "CORS_RESOURCES__A__PATH", "a"),
        ("resource-has-no-path", "CORS_RESOURCES__B__PATH", None),
        ("credentials-with-wildcard", "CORS_ORIGINS", None),
        ("credentials-with-exposed-wildcard", "CORS_EXPOSE_HEADERS", None),
        ("wildcard-among-origins", "CORS_ORIGINS", None),
        ("wildcard", "CORS_ORIGINS", "*"),
        ("http", "CORS_ORIGINS", "http://b.example"),
    ]


def test_a_function_is_a_dynamic_list():
    def allowed(origin, request):
        return origin == APP and request is not None

    found = resource(options={"origins": allowed, "allow_credentials": True})
    assert (found.origin_function, found.whole()["origins"], found.vary) == (allowed, [], ("Origin",))
    assert codes(refused(options={"origins": [allowed]}).problems) == ["wrong-type"]


def test_compiled_patterns_are_taken_from_arguments():
    pattern, header = re.compile(r"https://[a-z]+\.example\.com"), re.compile("x-[a-z]+")
    found = resource(ENV="development", options={"origins": [pattern, APP], "allow_headers": header})
    assert {(p.text, p.regex) for p in found.origins} == {(pattern.pattern, pattern), (APP, None)}
    assert found.allow_headers.refused(["x-a", "y"]) == ("y",)


@pytest.mark.parametrize("name", ["methods", "expose_headers"])
def test_other_lists_take_no_patterns(name):
    assert problems(options={name: re.compile("x")}) == [("pattern-not-here", name, "x")]


@pytest.mark.parametrize("written", [re.compile("x"), [APP, re.compile("x")], {re.compile("x")}])
@pytest.mark.parametrize("name", ["CORS_ORIGINS", "CORS_ALLOW_HEADERS"])
def test_the_apps_config_holds_no_patterns(name, written):
    error = refused(ENV="development", config={name: written})
    assert [(p.code, p.variable, p.value) for p in error.problems] == [("pattern-not-here", name, "x")]


@pytest.mark.parametrize(
    ("pattern", "remedy"),
    [
        (r"^https://.*\.example\.com$", "Write: https://*.example.com"),
        ("https://(?!evil)", "List the values"),
        (b"x", "List the values"),
    ],
)
def test_a_pattern_in_the_apps_config_is_told_what_to_write_there(pattern, remedy):
    config = {"CORS_RESOURCES": {"/api/*": {"origins": re.compile(pattern)}}}
    (found,) = refused(config=config).problems
    assert (found.variable, found.remedy) == ('CORS_RESOURCES["/api/*"].origins', remedy)


BY_HAND = r"https://pr-[^.]+\.example\.com|https://(?!evil)"


@pytest.mark.parametrize(
    ("environment", "given", "remedy"),
    [
        ("development", {"options": {"origins": BY_HAND}}, f'Write: re.compile(r"{BY_HAND}") as an argument'),
        ("production", {"options": {"origins": BY_HAND}}, "List the origins"),
        ("development", {"ORIGINS": BY_HAND}, "List the origins"),
        ("development", {"config": {"CORS_ORIGINS": BY_HAND}}, "List the origins"),
    ],
)
def test_compiling_is_a_remedy_for_an_argument_in_development_only(environment, given, remedy):
    (found,) = refused(ENV=environment, **given).problems
    assert (found.code, found.remedy) == ("origin-is-regex", remedy)


def test_a_remedy_leaves_out_what_the_environment_refuses_and_the_message_says_so():
    text = r"https?://app\.example\.com"
    (found,) = refused(ENV="production", ORIGINS=text).problems
    assert found.remedy == "Write: https://app.example.com"
    assert found.message.endswith(' Production refuses "http://app.example.com" [http].')
    (found,) = refused(ENV="development", ORIGINS=text).problems
    assert found.remedy == "Write: http://app.example.com, https://app.example.com"
    (found,) = refused(ENV="production", ORIGINS="HTTP://app.example.com;https://app.example.com").problems
    assert found.remedy == "Write: https://app.example.com"


def test_a_remedy_of_which_the_environment_refuses_all_is_told_with_the_rule():
    (found,) = refused(ENV="production", ORIGINS=r"https?://localhost(:\d+)?").problems
    assert found.message == "looks like a regular expression; a string never is one."
    said = "In production the origin cannot be listed, by the rule loopback. "
    assert found.remedy.startswith(f"Write: http://localhost:*, https://localhost:* - {said}")


@pytest.mark.parametrize(
    ("setting", "is_refused"),
    [
        ({"ENV": "staging"}, False),
        ({"ENV": "staging", "RESOURCES__API__ALLOW_CREDENTIALS": "true"}, True),
        ({"ENV": "production", "RESOURCES__API__UNSAFE_ALLOW": "http"}, False),
        ({"ENV": "production", "UNSAFE_ALLOW": "http"}, False),
        ({"ENV": "production"}, True),
    ],
)
def test_a_remedy_is_judged_as_the_resource_is_whose_value_it_replaces(setting, is_refused):
    (found,) = refused(
        RESOURCES__API__PATH="/api/*", RESOURCES__API__ORIGINS="http://a.example/", **setting
    ).problems
    assert found.remedy.startswith("Write: http://a.example")
    assert ("by the rule http. Serve it over https." in found.remedy) == is_refused


def test_compiling_is_a_remedy_in_production_where_the_rule_is_off():
    (found,) = refused(ENV="production", UNSAFE_ALLOW="regex", options={"origins": BY_HAND}).problems
    assert found.remedy == f'Write: re.compile(r"{BY_HAND}") as an argument'


def test_a_shadowed_variable_is_told_with_what_hides_it():
    (warning,) = made(ORIGINS=APP, options={"origins": [OTHER]}).warnings
    assert (warning.code, warning.rule, warning.setting, warning.variable, warning.source) == (
        "shadowed",
        "shadowed",
        "CORS_ORIGINS",
        "CORS_ORIGINS",
        "the process environment",
    )
    assert warning.message == "has no effect: origins in the arguments of CORS() is stronger."


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({"ORIGINS": f"{APP},{OTHER}"}, {"origins": [OTHER, APP]}),
        ({"ORIGINS": f'["{APP}"]'}, {"origins": {APP.upper()}}),
        ({"MAX_AGE": "10m"}, {"max_age": 600}),
        ({"ALLOW_CREDENTIALS": "no"}, {"supports_credentials": False}),
        ({"ALLOW_HEADERS": "x-a X-B"}, {"headers": ["X-B", "x-a"]}),
        ({"RESOURCES__API__PATH": "/api/*"}, {"resources": {"/api/*": {"origins": APP}}}),
        ({"MAX_AGE": "5"}, {"max_age": None}),
    ],
)
def test_the_same_value_hides_nothing(variables, options):
    assert made(**variables, options=options).warnings == ()


def test_a_shadowed_variable_of_a_resource_is_told():
    found = made(
        RESOURCES__API__PATH="/api/*",
        RESOURCES__API__ORIGINS=APP,
        options={"resources": {"/api/*": {"origins": OTHER}}},
        init={"resources": {"/api/*": {"origins": [APP, OTHER]}}},
    )
    assert [(w.code, w.variable, w.message) for w in found.warnings] == [
        (
            "shadowed",
            "CORS_RESOURCES__API__ORIGINS",
            f'has no effect: resources["/api/*"].origins in {INIT} is stronger.',
        )
    ]


def test_what_hides_only_the_config_is_not_told():
    assert made(config={"CORS_ORIGINS": APP}, options={"origins": OTHER}).warnings == ()
    assert made(config={"CORS_ORIGINS": APP}, ORIGINS=OTHER).warnings == ()


@pytest.mark.parametrize(
    ("more", "unused"),
    [
        ({"RESOURCES__A__ORIGINS": OTHER}, True),
        ({"RESOURCES__A__PUBLIC": "true"}, True),
        ({"RESOURCES__A__ORIGINS": OTHER, "RESOURCES__B__PATH": "/b"}, False),
        ({"RESOURCES__A__ORIGINS": OTHER, "ORIGINS": "none"}, False),
        ({}, False),
    ],
)
def test_origins_that_no_resource_inherits_are_warned_of(more, unused):
    warnings = made(**{"ORIGINS": APP, "RESOURCES__A__PATH": "/a", **more}).warnings
    expected = [("unused-top-level", "CORS_ORIGINS")] if unused else []
    assert [(w.code, w.variable) for w in warnings] == expected


@pytest.mark.parametrize("method", ["patch", "Patch", "purge"])
def test_a_method_in_lower_case_is_warned_of(method):
    built = made(METHODS=f"GET,{method}")
    assert built.policy.resources[0].methods == {"GET", method}
    assert [(w.code, w.variable, w.value, w.rule) for w in built.warnings] == [
        ("method-case", "CORS_METHODS", method, "method-case")
    ]


def test_auto_stands_alone_and_is_no_method():
    assert canonical(METHODS="Auto")["methods"] == ["auto"]
    assert made(METHODS="auto").warnings == ()
    assert problems(METHODS="auto,GET") == [("auto-among-methods", "CORS_METHODS", "auto")]


def scoped(*scopes, whole=True, **given):
    variables = {f"CORS_{name}": value for name, value in {"ENV": "production", **given}.items()}
    return build(Inputs(variables, scopes=scopes, whole=whole))


def view(base, **options):
    return Scope("view:index", base, "@cross_origin on index", options)


def test_a_view_inherits_and_overrides_what_it_names():
    given = {
        "ORIGINS": APP,
        "MAX_AGE": "5",
        "RESOURCES__API__PATH": "/api/*",
        "RESOURCES__API__METHODS": "PUT",
    }
    built = scoped(view("api", origins=OTHER, supports_credentials=True), **given)
    found = built.policy.resource_named("view:index")
    assert found.whole() | {"allow_headers": []} == {
        "name": "view:index",
        "paths": [],
        "origins": [OTHER],
        "origin_function": False,
        "methods": ["PUT"],
        "allow_headers": [],
        "expose_headers": [],
        "allow_credentials": True,
        "max_age": 5,
        "enforce": False,
        "enabled": True,
        "defaulted": [],
    }
    assert found.advice.place("ORIGINS").text == "origins of @cross_origin on index"
    assert [r.name for r in built.bases] == ["api"]


def test_a_view_may_inherit_from_a_blueprint_and_both_from_the_app():
    blueprint = Scope("blueprint:shop", None, "CORS.init_app(shop)", {"max_age": 1, "origins": OTHER})
    found = scoped(blueprint, view("blueprint:shop", max_age=2), ORIGINS=APP, whole=False).policy
    assert {r.name: (r.whole()["origins"], r.max_age) for r in found.resources} == {
        "blueprint:shop": ([OTHER], 1),
        "view:index": ([OTHER], 2),
    }
    assert found.resource_named("view:index").advice.place("ORIGINS").text == (
        "origins of CORS.init_app(shop)"
    )


@pytest.mark.parametrize("base", [None, "default"])
def test_a_view_of_an_app_without_resources_inherits_from_the_app(base):
    found = scoped(view(base), ORIGINS=APP).policy.resource_named("view:index")
    assert found.whole()["origins"] == [APP]


def test_a_view_under_a_public_resource_is_public_until_it_says_for_whom():
    found = scoped(view("feed", max_age=3), **PUBLIC).policy.resource_named("view:index")
    assert (found.origins.any, found.methods, found.max_age) == (True, {"GET", "HEAD"}, 3)
    found = scoped(view("feed", origins=APP), **PUBLIC).policy.resource_named("view:index")
    assert (found.whole()["origins"], "PUT" in found.methods) == ([APP], True)


def test_a_views_problems_are_told_with_its_place():
    with pytest.raises(ValueError, match="2 problems") as caught:
        scoped(view(None, origins="*", orgins=1, max_age=2), ORIGINS=APP)
    assert [(p.code, p.setting, p.variable, p.source) for p in caught.value.problems] == [
        ("option-unknown", "CORS_ORGINS", "orgins", "@cross_origin on index"),
        ("wildcard", "CORS_ORIGINS", "origins", "@cross_origin on index"),
    ]


def test_a_views_contradiction_with_what_it_inherits_is_told():
    with pytest.raises(ValueError, match="credentials") as caught:
        scoped(view(None, allow_credentials=True), ORIGINS="*", ENV="development")
    (problem,) = caught.value.problems
    assert (problem.variable, problem.remedy) == (
        "CORS_ORIGINS",
        "Name the origins, or set allow_credentials=False",
    )


def timed(**given):
    started = time.process_time()
    made(**given)
    return time.process_time() - started


MANY = ",".join(f"https://h{i}.example.com" for i in range(10_000))
PATHS = {f"RESOURCES__R{i}__PATH": f"/r{i}/*" for i in range(200)}


@pytest.mark.parametrize(
    "given",
    [
        {"ORIGINS": MANY},
        {**PATHS, **{f"RESOURCES__R{i}__ORIGINS": MANY[: 26 * 50].rstrip(",") for i in range(200)}},
        {**PATHS, **{f"RESOURCES__R{i}__ORIGNS": "x" for i in range(200)}, "ENV": "development"},
        {"options": {"resources": {f"/r{i}/*": {"origins": [APP]} for i in range(200)}}},
        {"ORIGINS": APP, "RESOURCES": str({f"/r{i}": {} for i in range(200)}).replace("'", '"')},
    ],
    ids=["many origins", "many resources", "many typos", "many arguments", "many in JSON"],
)
def test_large_configurations_are_built_in_a_moment(given):
    # a tenth of it without coverage; what was quadratic took fifteen seconds
    assert timed(**given) < 2


def test_what_many_resources_inherit_is_prepared_once():
    found = made(ENV="development", ORIGINS="http://a.example.com", **PATHS)
    assert len({id(r.origins) for r in found.policy.resources}) == 1
    assert codes(found.warnings) == ["http"]
