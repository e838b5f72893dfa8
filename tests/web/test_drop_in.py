"""
What flask-cors users write, beside flask-cors: every form of every option, in every place that takes it.

One setting up is run with both packages, ours in development, and both are judged by the model of a browser:
what a page may read, and whether a preflight is remembered. They agree, or the difference stands in a table
with its reason, or the form is refused with what to write. Requests that flask-cors answers wrongly are in
`test_traps`.
"""

import datetime as dt
import re
from typing import Any, NamedTuple

import flask_cors
import pytest
from apps import APP, EVIL
from flask import Blueprint, Flask
from flask.views import MethodView, View

import flask_cors_env
from flask_cors_env import CORSConfigError
from flask_cors_env.testing.browser import Browser, PageRequest

LOCAL = "http://localhost:3000"
SERVER = "https://api.example.com"
PATH = "/api/items"
ALLOWED = re.compile(r"https://.*\.example\.com$")
KEYS = re.compile("x-api-.*", re.IGNORECASE)
OWN = {"X-Total": "1", "X-Page": "2"}
LATER = 60


@pytest.fixture(autouse=True)
def _development(monkeypatch):
    monkeypatch.setenv("CORS_ENV", "development")
    monkeypatch.setenv("CORS_AUDIT", "off")


def page(origin=APP, path=PATH, method="GET", credentials="omit", header=None):
    headers = () if header is None else ((header, "1"),)
    url = SERVER + path
    return PageRequest(origin=origin, url=url, method=method, credentials=credentials, headers=headers)


ROLES = {"app": APP, "local": LOCAL, "stranger": EVIL}
PAGES = {
    "GET": page(),
    "GET of a local page": page(LOCAL),
    "GET of a stranger": page(EVIL),
    "GET of a sandboxed page": page("null"),
    "GET with cookies": page(credentials="include"),
    "GET with cookies of a local page": page(LOCAL, credentials="include"),
    "GET with cookies of a stranger": page(EVIL, credentials="include"),
    "PUT": page(method="PUT"),
    "PUT of a stranger": page(EVIL, method="PUT"),
    "PUT with cookies": page(method="PUT", credentials="include"),
    "DELETE": page(method="DELETE"),
    "X-Api-Key": page(header="X-Api-Key"),
    "Authorization": page(header="Authorization"),
}
EVERY = frozenset(PAGES)
COOKIES = frozenset(name for name in PAGES if "cookies" in name)
ASKING = EVERY - {name for name in PAGES if name.startswith("GET")}


def seen(app, asked):
    """What a page sees: the status and the app's own fields it can read, and if a preflight is remembered."""
    client, now = app.test_client(use_cookies=False), [0]

    def send(method, url, headers):
        answer = client.open(url, method=method, headers=headers)
        return answer.status_code, list(answer.headers), answer.data

    browser = Browser(send, clock=lambda: now[0], cookie="session=1")
    outcome = browser.fetch(asked)
    if outcome.cause is not None:
        return "refused"
    now[0] = LATER
    remembered = outcome.preflighted and not browser.fetch(asked).preflighted
    return outcome.status, [name for name in OWN if outcome.header(name)], remembered


def shop(set_up, package, *given):
    app = Flask("shop")
    set_up(package, app, *given)
    return app


class Differs(NamedTuple):
    """
    Where the two packages part, and why.

    Attributes:
        why: In one sentence.
        ours: The pages that only this package lets read, or that it gives more.
        theirs: The pages that only flask-cors lets read.
    """

    why: str
    ours: frozenset[str] | set[str] = frozenset()
    theirs: frozenset[str] | set[str] = frozenset()


def differences(set_up, *given, pages=PAGES):
    """The pages that only ours lets read, and those that only flask-cors does; on others they agree."""
    ours, theirs = shop(set_up, flask_cors_env, *given), shop(set_up, flask_cors, *given)
    found = {name: (seen(ours, asked), seen(theirs, asked)) for name, asked in pages.items()}
    apart = {name: pair for name, pair in found.items() if pair[0] != pair[1]}
    assert all("refused" in pair for pair in apart.values()), apart
    refused_by = [{name for name, pair in apart.items() if pair[at] == "refused"} for at in (1, 0)]
    return tuple(refused_by)


def expected(table, name):
    known = table.get(name, Differs(""))
    return set(known.ours), set(known.theirs)


# --- options: every form of each, in every place

OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "origins: a string": {"origins": APP},
    "origins: a string in capitals": {"origins": APP.upper()},
    "origins: a list in a string": {"origins": f"{APP},{LOCAL}"},
    "origins: a list": {"origins": [APP, LOCAL]},
    "origins: a tuple": {"origins": (APP, LOCAL)},
    "origins: a set": {"origins": {APP, LOCAL}},
    "origins: everyone": {"origins": "*"},
    "origins: everyone in a list": {"origins": ["*"]},
    "origins: the opaque one": {"origins": ["null", APP]},
    "origins: a compiled pattern": {"origins": ALLOWED},
    "origins: a compiled pattern in a list": {"origins": [ALLOWED, LOCAL]},
    "origins: an empty list": {"origins": []},
    "origins: a blank string": {"origins": ""},
    "origins: None": {"origins": None},
    "methods: a string": {"methods": "PUT"},
    "methods: a list in a string": {"methods": "GET, PUT"},
    "methods: a list": {"methods": ["GET", "PUT"]},
    "methods: a set": {"methods": {"GET", "PUT"}},
    "methods: flask-cors's own": {"methods": ["GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"]},
    "methods: in small letters": {"methods": ["get", "put"]},
    "methods: all": {"methods": "*"},
    "methods: an empty list": {"methods": []},
    "methods: None": {"methods": None},
    "allow_headers: a string": {"allow_headers": "X-Api-Key"},
    "allow_headers: a list in a string": {"allow_headers": "X-Api-Key, X-Other"},
    "allow_headers: a list": {"allow_headers": ["x-api-key", "Content-Type"]},
    "allow_headers: a set": {"allow_headers": {"X-Api-Key"}},
    "allow_headers: all": {"allow_headers": "*"},
    "allow_headers: a compiled pattern": {"allow_headers": KEYS},
    "allow_headers: a compiled pattern in a list": {"allow_headers": [KEYS, "Authorization"]},
    "allow_headers: an empty list": {"allow_headers": []},
    "allow_headers: None": {"allow_headers": None},
    "headers: a list": {"headers": ["X-Api-Key"]},
    "expose_headers: a string": {"expose_headers": "X-Total"},
    "expose_headers: a list in a string": {"expose_headers": "X-Total, X-Page"},
    "expose_headers: a list": {"expose_headers": ["X-Total", "X-Page"]},
    "expose_headers: a set": {"expose_headers": {"x-total"}},
    "expose_headers: all": {"expose_headers": "*"},
    "supports_credentials: true, for one origin": {"origins": APP, "supports_credentials": True},
    "supports_credentials: true, for a pattern": {"origins": ALLOWED, "supports_credentials": True},
    "supports_credentials: true, for everyone": {"supports_credentials": True},
    "supports_credentials: 1": {"origins": [APP], "supports_credentials": 1},
    "supports_credentials: false": {"supports_credentials": False},
    "max_age: a number": {"max_age": 600},
    "max_age: a string": {"max_age": "600"},
    "max_age: a timedelta": {"max_age": dt.timedelta(minutes=10)},
    "max_age: zero": {"max_age": 0},
    "max_age: None": {"max_age": None},
    "send_wildcard": {"send_wildcard": True},
    "always_send": {"always_send": False},
    "vary_header: true": {"vary_header": True},
    "vary_header: false": {"vary_header": False},
    "automatic_options": {"automatic_options": False},
    "intercept_exceptions": {"intercept_exceptions": False},
    "allow_private_network": {"allow_private_network": True},
}
NOT_SET = "what is None or blank is not set, so the default of development holds"
PUBLIC = EVERY - COOKIES
DIFFERENCES = {
    "origins: a list in a string": Differs(
        "one string is a list here, as it is in a variable, and there one origin that no browser sends",
        ours=PUBLIC - {"GET of a stranger", "GET of a sandboxed page", "PUT of a stranger"},
    ),
    "origins: a blank string": Differs(NOT_SET, ours=PUBLIC),
    "origins: None": Differs(NOT_SET, ours=PUBLIC),
    "methods: a string": Differs("GET needs no listing", ours={"X-Api-Key", "Authorization"}),
    "methods: all": Differs("there it is a method of that name", ours=ASKING - COOKIES),
    "methods: an empty list": Differs("GET needs no listing", ours={"X-Api-Key", "Authorization"}),
    "methods: None": Differs(NOT_SET, ours=ASKING - COOKIES),
    "allow_headers: a list in a string": Differs("one string is a list here", ours={"X-Api-Key"}),
    "allow_headers: None": Differs(NOT_SET, ours={"X-Api-Key", "Authorization"}),
    "headers: a list": Differs("there it is no option, and ignored", theirs={"Authorization"}),
    "supports_credentials: true, for everyone": Differs(
        "any site could act as the user, so loopback pages alone are let in",
        theirs=EVERY - {"GET of a local page", "GET with cookies of a local page"},
    ),
}


def route(target, view=None):
    def items():
        return "", OWN

    target.add_url_rule(
        PATH, "items", items if view is None else view(items), methods=["GET", "PUT", "DELETE"]
    )


def in_the_constructor(package, app, options):
    route(app)
    package.CORS(app, **options)


def in_init_app(package, app, options):
    package.CORS(always_send=True).init_app(app, **options)
    route(app)


def in_the_apps_config(package, app, options):
    app.config.update({f"CORS_{name.upper()}": value for name, value in options.items()})
    package.CORS(app)
    route(app)


def in_a_resource(package, app, options):
    package.CORS(app, resources={"/api/*": options})
    route(app)


def in_a_decorator(package, app, options):
    route(app, package.cross_origin(**options))


def on_a_blueprint(package, app, options):
    blueprint = Blueprint("v1", __name__)
    package.CORS(blueprint, **options)
    route(blueprint)
    app.register_blueprint(blueprint)


PLACES = {
    place.__name__: place
    for place in (
        in_the_constructor,
        in_init_app,
        in_the_apps_config,
        in_a_resource,
        in_a_decorator,
        on_a_blueprint,
    )
}
#: Where a form is not taken, and the code that says why.
REFUSED_IN = {
    **{(form, "in_the_apps_config"): "pattern-not-here" for form in OPTIONS if "pattern" in form},
    **{("vary_header: false", place): "vary-required" for place in PLACES},
}
#: What differs in one place only, or not there.
DIFFERENCES_IN = {
    ("automatic_options", "in_a_decorator"): Differs(
        "there the view is to answer preflights", ours=ASKING - COOKIES
    ),
    ("origins: None", "in_the_apps_config"): Differs(""),
    ("methods: None", "in_the_apps_config"): Differs(""),
    ("allow_headers: None", "in_the_apps_config"): Differs(""),
    ("headers: a list", "in_the_apps_config"): Differs(""),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", OPTIONS)
def test_an_option_means_what_it_means_to_flask_cors(form, place):
    set_up, options = PLACES[place], OPTIONS[form]
    if (form, place) in REFUSED_IN:
        with pytest.raises(CORSConfigError) as caught:
            shop(set_up, flask_cors_env, options)
        assert {problem.code for problem in caught.value.problems} == {REFUSED_IN[form, place]}
    else:
        table = DIFFERENCES | {name: known for (name, at), known in DIFFERENCES_IN.items() if at == place}
        assert differences(set_up, options) == expected(table, form)


IDIOMS = {
    "an origin in a regular expression": (
        {"origins": r"^https://.*\.example\.com$"},
        ("origin-is-regex", "Write: https://*.example.com"),
    ),
    "any port in a regular expression": (
        {"origins": [r"http://localhost:\d+"]},
        ("origin-is-regex", "Write: http://localhost:*"),
    ),
    "everyone in a regular expression": ({"origins": ".*"}, ("origin-is-regex", "Write: *")),
    "one of two in a regular expression": (
        {"origins": {"https://(a|b).example.com"}},
        ("origin-is-regex", 'Write: re.compile(r"https://(a|b).example.com") as an argument'),
    ),
    "names in a regular expression": (
        {"allow_headers": ["X-Team-.*"]},
        ("header-is-regex", "Write: X-Team-*"),
    ),
    "all names in a regular expression": ({"allow_headers": ".*"}, ("header-is-regex", "Write: *")),
    "one of two names in a regular expression": (
        {"allow_headers": "X-(A|B)"},
        ("header-is-regex", 'Write: re.compile(r"X-(A|B)") as an argument'),
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("idiom", IDIOMS)
def test_an_idiom_of_flask_cors_is_refused_with_what_to_write(idiom, place):
    options, expected_problem = IDIOMS[idiom]
    assert shop(PLACES[place], flask_cors, options)
    with pytest.raises(CORSConfigError) as caught:
        shop(PLACES[place], flask_cors_env, options)
    assert [(problem.code, problem.remedy) for problem in caught.value.problems] == [expected_problem]


# --- resources: every form, in every place

PATHS = (
    "/",
    "/api",
    "/api/",
    "/api/items",
    "/api/v1/items",
    "/apifoo",
    "/public",
    "/public/a.json",
    "/nowhere",
)
BY_PATH = {f"{name} {path}": page(origin, path) for name, origin in ROLES.items() for path in PATHS}
RESOURCES: dict[str, Any] = {
    "a string": "/api/*",
    "a string for one path": "/public",
    "everything": "*",
    "everything, with a slash": "/*",
    "a list": ["/api/*", "/public"],
    "a tuple": ("/api/*", "/public"),
    "a set": {"/api/*", "/public"},
    "a mapping": {"/api/*": {"origins": [APP, LOCAL]}},
    "a mapping of several": {"/api/*": {"origins": APP}, "/public": {"origins": "*"}},
    "a mapping that inherits": {"/api/*": {}},
    "a mapping of everything and a part of it": {"*": {"origins": LOCAL}, "/api/items": {"origins": APP}},
    "a path below a path": {"/api/*": {"origins": LOCAL}, "/api/v1/*": {"origins": APP}},
}


def below(*roles):
    found = {f"{role} {path}" for role in roles for path in ("/api", "/apifoo")}
    return Differs("/api/* is what stands below /api/, and there all that begins with /api", theirs=found)


RESOURCE_DIFFERENCES = {
    "a string": below("app"),
    "a list": below("app"),
    "a tuple": below("app"),
    "a set": below("app"),
    "a mapping": below("app", "local"),
    "a mapping of several": below("app"),
    "a mapping that inherits": below("app"),
    "a path below a path": below("local"),
}


def catch_all(package, app, place, resources):
    app.add_url_rule("/", "root", lambda: ("", OWN))
    app.add_url_rule("/<path:rest>", "page", lambda rest: ("", OWN))  # noqa: ARG005 - the route's
    if place == "config":
        app.config.update(CORS_ORIGINS=APP, CORS_RESOURCES=resources)
        package.CORS(app)
    elif place == "constructor":
        package.CORS(app, origins=APP, resources=resources)
    else:
        package.CORS(origins=APP).init_app(app, resources=resources)


@pytest.mark.parametrize("place", ["constructor", "init_app", "config"])
@pytest.mark.parametrize("form", RESOURCES)
def test_resources_cover_what_they_cover_for_flask_cors(form, place):
    found = differences(catch_all, place, RESOURCES[form], pages=BY_PATH)
    assert found == expected(RESOURCE_DIFFERENCES, form)


COMPILED = {
    "a string": (r"/api/.*", "Write: /api/*"),
    "a string from its beginning": (r"^/api/", "Write: /api/*"),
    "a list": (["/public", r"^/api/v1$"], "Write: /api/v1"),
    "a mapping": ({r"/api/v\d+/items": {}}, "Write: /api/v*/items"),
    "a compiled one": (re.compile(r"/api/.*"), "Write: /api/*"),
    "a compiled one that is a glob": (re.compile("/api/*"), "Write: /api/*"),
    "a compiled one in a mapping": ({re.compile(r"^/api/.*$"): {}}, "Write: /api/*"),
}


@pytest.mark.parametrize("place", ["constructor", "init_app", "config"])
@pytest.mark.parametrize("form", COMPILED)
def test_a_path_in_a_regular_expression_is_refused_with_the_glob(form, place):
    resources, remedy = COMPILED[form]
    assert shop(catch_all, flask_cors, place, resources)
    with pytest.raises(CORSConfigError) as caught:
        shop(catch_all, flask_cors_env, place, resources)
    assert [(p.code, p.remedy) for p in caught.value.problems] == [("path-is-regex", remedy)]


# --- blueprints and decorators


def answers():
    """A view that no other test has decorated."""

    def items():
        return "", OWN

    return items


def api(*, prefix=None):
    return Blueprint("api", __name__, url_prefix=prefix)


def a_prefix_of_the_blueprint(package, app):
    blueprint = api(prefix="/api")
    package.CORS(blueprint, origins=APP)
    blueprint.add_url_rule("/items", "items", answers())
    app.register_blueprint(blueprint)


def a_prefix_at_registration(package, app):
    blueprint = api()
    package.CORS().init_app(blueprint, origins=APP)
    blueprint.add_url_rule("/items", "items", answers())
    app.register_blueprint(blueprint, url_prefix="/api")


def resources_of_a_blueprint(package, app):
    blueprint = api(prefix="/api")
    package.CORS(blueprint, resources={"/api/items": {"origins": APP}})
    blueprint.add_url_rule("/items", "items", answers())
    blueprint.add_url_rule("/v1/items", "more", answers())
    app.register_blueprint(blueprint)


def a_parents_policy(package, app):
    parent, child = api(prefix="/api"), Blueprint("v1", __name__, url_prefix="/v1")
    package.CORS(parent, origins=APP)
    child.add_url_rule("/items", "items", answers())
    parent.add_url_rule("/items", "items", answers())
    parent.register_blueprint(child)
    app.register_blueprint(parent)


def a_childs_policy(package, app):
    parent, child = api(prefix="/api"), Blueprint("v1", __name__, url_prefix="/v1")
    package.CORS(child, origins=APP)
    child.add_url_rule("/items", "items", answers())
    parent.add_url_rule("/items", "items", answers())
    parent.register_blueprint(child)
    app.register_blueprint(parent)


def the_apps_policy_and_a_blueprint(package, app):
    blueprint = api(prefix="/api")
    blueprint.add_url_rule("/items", "items", answers())
    app.register_blueprint(blueprint)
    app.add_url_rule("/public", "public", answers())
    package.CORS(app, origins=APP)


def a_decorator_with_parentheses(package, app):
    app.add_url_rule("/api/items", "items", package.cross_origin()(answers()))


def a_decorator_in_a_blueprint(package, app):
    blueprint = api(prefix="/api")
    blueprint.add_url_rule("/items", "items", package.cross_origin(origins=[APP])(answers()))
    app.register_blueprint(blueprint)


def a_decorator_on_a_method(package, app):
    class Items(MethodView):
        @package.cross_origin(origins=[APP])
        def get(self):
            return "", OWN

    app.add_url_rule("/api/items", view_func=Items.as_view("items"))


def a_decorator_on_the_one_method_of_a_view(package, app):
    class Items(View):
        @package.cross_origin(origins=APP)
        def dispatch_request(self):
            return "", OWN

    app.add_url_rule("/api/items", view_func=Items.as_view("items"))


def a_decorator_of_a_class(package, app):
    class Items(MethodView):
        decorators = (package.cross_origin(origins=APP),)

        def get(self):
            return "", OWN

    app.add_url_rule("/api/items", view_func=Items.as_view("items"))


def a_decorator_and_the_apps_policy(package, app):
    package.CORS(app, origins=LOCAL)
    app.add_url_rule("/api/items", "items", package.cross_origin(origins=APP)(answers()))
    app.add_url_rule("/public", "public", answers())


def a_decorator_over_a_resource(package, app):
    package.CORS(app, resources={"/api/*": {"origins": LOCAL}})
    app.add_url_rule("/api/items", "items", package.cross_origin(origins=APP)(answers()))
    app.add_url_rule("/api/v1/items", "more", answers())


def a_decorator_with_a_positional_argument(package, app):
    app.add_url_rule("/api/items", "items", package.cross_origin(APP)(answers()))


def a_decorator_without_parentheses(package, app):
    app.add_url_rule("/api/items", "items", package.cross_origin(answers()))


PLACED = (
    a_prefix_of_the_blueprint,
    a_prefix_at_registration,
    resources_of_a_blueprint,
    a_parents_policy,
    a_childs_policy,
    the_apps_policy_and_a_blueprint,
    a_decorator_with_parentheses,
    a_decorator_in_a_blueprint,
    a_decorator_on_a_method,
    a_decorator_on_the_one_method_of_a_view,
    a_decorator_of_a_class,
    a_decorator_and_the_apps_policy,
    a_decorator_over_a_resource,
    a_decorator_with_a_positional_argument,
    a_decorator_without_parentheses,
)
UNROUTED = "below its prefix a blueprint's policy also covers what is not routed there"
PLACED_DIFFERENCES = {
    "a_prefix_of_the_blueprint": Differs(UNROUTED, ours={"app /api", "app /api/", "app /api/v1/items"}),
    "a_prefix_at_registration": Differs(UNROUTED, ours={"app /api", "app /api/", "app /api/v1/items"}),
    "a_parents_policy": Differs(UNROUTED, ours={"app /api", "app /api/"}),
    "a_decorator_over_a_resource": below("local"),
    "a_decorator_with_a_positional_argument": Differs(
        "it is the origins here, and swallowed there", theirs={"local /api/items", "stranger /api/items"}
    ),
    "a_decorator_without_parentheses": Differs(
        "there the view fails", ours={f"{role} /api/items" for role in ROLES}
    ),
}


@pytest.mark.parametrize("set_up", PLACED, ids=lambda set_up: set_up.__name__)
def test_a_policy_governs_where_it_does_for_flask_cors(set_up):
    assert differences(set_up, pages=BY_PATH) == expected(PLACED_DIFFERENCES, set_up.__name__)


def test_a_module_that_imports_flask_cors_names_finds_them_here():
    for name in ("CORS", "cross_origin", "__version__"):
        assert hasattr(flask_cors, name)
        assert hasattr(flask_cors_env, name)


# --- wrong types

WRONG: dict[str, list[Any]] = {
    "origins": [5, 1.5, True, b"x", {APP: 1}, [5], [None], [[APP]], ..., {APP: 1}.keys(), [b"x"]],
    "methods": [5, True, b"PUT", {"PUT": 1}, [None], ..., re.compile("PUT"), str.upper],
    "allow_headers": [5, True, b"x", {"X-A": 1}, [None], ..., {"X-A": 1}.keys()],
    "headers": [5, [None]],
    "expose_headers": [5, True, b"x", {"X-A": 1}, [None], ..., re.compile("X-A")],
    "supports_credentials": ["nope", 2, 1.0, [], {}, [True], ...],
    "max_age": [
        "soon",
        "600.0",
        1.5,
        True,
        [],
        [600],
        ...,
        dt.date(2026, 1, 1),
        -5,
        dt.timedelta(2),
    ],
    "vary_header": ["nope", 5],
}
SHAPES: list[Any] = [
    5,
    True,
    b"/a",
    ...,
    {"/a": 1}.keys(),
    [5],
    [None],
    [["/a"]],
    {5: {}},
    {"/a": 5},
    {"/a": [1]},
    {},
    [],
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("option", "value"), [(name, value) for name in WRONG for value in WRONG[name]], ids=repr
)
def test_a_wrong_type_is_a_value_error_that_names_the_option(option, value, place):
    if (option, place) == (
        "headers",
        "in_the_apps_config",
    ):  # CORS_HEADERS has no effect there, and is warned of
        return
    with pytest.raises(ValueError, match=rf"(?i)\b(CORS_)?{option}\b") as caught:
        shop(PLACES[place], flask_cors_env, {option: value})
    assert isinstance(caught.value, CORSConfigError)


@pytest.mark.parametrize("place", ["constructor", "init_app", "config"])
@pytest.mark.parametrize("resources", SHAPES, ids=repr)
def test_resources_of_a_wrong_type_are_a_value_error(resources, place):
    with pytest.raises(CORSConfigError, match=r"(?i)\b(CORS_)?resources\b"):
        shop(catch_all, flask_cors_env, place, resources)
