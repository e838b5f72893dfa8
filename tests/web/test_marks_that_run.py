"""A `cross_origin` that runs governs the response, wherever it stands; never does the app's wider policy."""

import functools
import gc
import logging

import pytest
from apps import APP, EVIL, events, preflight, protocol_fields
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    copy_current_request_context,
    request,
    stream_with_context,
)
from flask.views import MethodView, View
from flask_restx import Api, Namespace, Resource
from werkzeug.routing import Rule
from werkzeug.utils import cached_property, import_string

from flask_cors_env import CORS, cross_origin

PARTNER, BI = "https://partner.example.com", "https://bi.example.com"
ENVIRON = {"CORS_ENV": "production", "CORS_AUDIT_SINK": "stderr"}
VARY = {"Vary": "Origin"}


def governed(**options):
    """An app whose policy is wider than that of its views."""
    app = Flask("shop")
    app.ran = []
    return app, CORS(app, environ=ENVIRON, **{"origins": [APP, PARTNER], **options})


def get(app, path="/x", origin=APP, method="GET"):
    return app.test_client().open(path, method=method, headers={"Origin": origin})


def acao(app, path="/x", origin=APP):
    return get(app, path, origin).headers.get("Access-Control-Allow-Origin")


def at_request(make):
    """A view that puts its decorator on anew for each request."""

    def view():
        return make()()

    return view


def plain(function):
    """A decorator that forgets functools.wraps."""

    def wrapper(*args, **named):
        return function(*args, **named)

    return wrapper


def of_log(capfd, *names):
    return [tuple(event.get(name) for name in names) for event in events(capfd.readouterr().err)]


def late(app, run):
    app.add_url_rule("/x", "x", at_request(lambda: cross_origin(origins=[APP])(run)))


def hidden(app, run):
    app.add_url_rule("/x", "x", plain(cross_origin(origins=[APP])(run)))


def deeply_hidden(app, run):
    app.add_url_rule("/x", "x", plain(plain(cross_origin(origins=[APP])(run))))


def helper(app, run):
    marked = cross_origin(origins=[APP])(run)
    app.add_url_rule("/x", "x", lambda: f"<{marked()}>")


class Lazy:
    """Flask's own pattern: https://flask.palletsprojects.com/en/stable/patterns/lazyloading/."""

    def __init__(self, run):
        self.__module__, self.__name__ = "shop", "x"
        self.run = run
        self.imported = cross_origin(origins=[APP])(run)

    @cached_property
    def view(self):
        return self.imported

    def __call__(self):
        return self.view()


def lazy(app, run):
    app.add_url_rule("/x", view_func=Lazy(run))


def by_method_decorators(app, run):
    class One(MethodView):
        method_decorators = (cross_origin(origins=[APP]),)

        def dispatch_request(self, **named):
            method = super().dispatch_request
            for decorator in self.method_decorators:
                method = decorator(method)
            return method(**named)

        def get(self):
            return run()

    app.add_url_rule("/x", view_func=One.as_view("x"))


def of_a_namespace(app, run):
    space = Namespace("x", path="/")

    @space.route("/x")
    class One(Resource):
        method_decorators = (cross_origin(origins=[APP]),)

        def get(self):
            return Response(run())

    Api(app, doc=False).add_namespace(space)


def in_another_thread(app, run):
    def view():
        from threading import Thread

        found = []
        marked = cross_origin(origins=[APP])(run)
        thread = Thread(target=copy_current_request_context(lambda: found.append(marked())))
        thread.start()
        thread.join()
        return found[0]

    app.add_url_rule("/x", "x", view)


UNKNOWN = [late, hidden, deeply_hidden, helper, lazy, by_method_decorators, of_a_namespace, in_another_thread]


@pytest.mark.parametrize("put", UNKNOWN)
def test_it_governs_and_refuses_before_its_view_where_it_could_not_be_found(put, capfd, caplog):
    app, _ = governed()
    put(app, lambda: app.ran.append("x") or "x")
    for _ in range(2):
        assert protocol_fields(get(app)) == {"Access-Control-Allow-Origin": APP, **VARY}
        refused = get(app, origin=PARTNER)
        assert (refused.status_code, refused.data, protocol_fields(refused)) == (403, b"", VARY)
        assert protocol_fields(app.test_client().get("/x")) == VARY
    assert app.ran == ["x"] * 4
    seen = of_log(capfd, "cors.decision", "cors.resource", "http.response.status_code")
    assert [(decision, status) for decision, _, status in seen] == [("allow", 200), ("deny", 403)] * 2
    assert all(resource.startswith("view:") for _, resource, _ in seen)
    warned = [r for r in caplog.records if r.name == "flask_cors_env" and r.levelno >= logging.WARNING]
    assert len(warned) == 1


@pytest.mark.parametrize(
    ("put", "cause"),
    [
        (late, "it is put on while a request is served"),
        (hidden, "it lacks functools.wraps"),
        (deeply_hidden, "it lacks functools.wraps"),
        (lazy, "does not show it"),
    ],
)
def test_the_warning_names_the_true_cause(put, cause, caplog):
    app, _ = governed()
    put(app, lambda: "x")
    get(app)
    assert cause in caplog.text


@pytest.mark.parametrize("put", UNKNOWN)
def test_without_cors_it_governs_all_the_same(put, monkeypatch):
    monkeypatch.setenv("CORS_ENV", "production")
    app = Flask("shop")
    app.ran = []
    put(app, lambda: app.ran.append("x") or "x")
    assert [acao(app), acao(app, origin=PARTNER), acao(app)] == [APP, None, APP]
    assert app.ran == ["x", "x"]


def test_a_method_that_its_own_policy_does_not_list_is_refused():
    app, _ = governed()
    marked = plain(cross_origin(origins=[APP], methods=["PATCH"])(lambda: "x"))
    app.add_url_rule("/x", "x", marked, methods=["PUT", "PATCH", "POST"])
    assert [get(app, method=method).status_code for method in ("PUT", "PATCH", "POST")] == [403, 200, 200]


def test_every_routed_method_is_listed_where_methods_are_automatic():
    app, _ = governed(methods="auto")
    marked = plain(cross_origin(origins=[APP])(lambda: "x"))
    app.add_url_rule("/x", "x", marked, methods=["PUT", "PATCH"])
    assert preflight(app.test_client(), "/x", method="PUT").status_code == 204
    assert [get(app, method=method).status_code for method in ("PUT", "PATCH")] == [200, 200]


def test_a_request_of_no_other_origin_is_not_refused():
    app, _ = governed()
    hidden(app, lambda: "x")
    assert [get(app, origin="http://localhost").status_code, app.test_client().get("/x").status_code] == [
        200
    ] * 2


def test_what_decorators_above_make_of_a_refusal_is_not_sent():
    app, _ = governed()

    def mangle(view):
        return lambda: {"made": view().get_data(as_text=True)}

    def fail(view):
        def failing():
            raise ValueError(view())

        return failing

    app.add_url_rule("/x", "x", mangle(cross_origin(origins=[APP])(lambda: Response("x"))))
    app.add_url_rule("/y", "y", fail(cross_origin(origins=[APP])(lambda: "y")))
    for path in ("/x", "/y"):
        refused = get(app, path, PARTNER)
        assert (refused.status_code, refused.data) == (403, b"")


def test_a_refusal_has_no_fields_that_a_function_of_the_app_adds():
    app, _ = governed()
    hidden(app, lambda: "x")

    @app.after_request
    def share(response):
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    refused = get(app, origin=PARTNER)
    assert (refused.status_code, protocol_fields(refused)) == (403, VARY)
    assert protocol_fields(get(app)) == {"Access-Control-Allow-Origin": APP, **VARY}


def test_of_nested_ones_the_one_that_returns_last_governs():
    app, _ = governed()
    view = cross_origin(origins=[BI])(cross_origin(origins=[APP])(lambda: "x"))
    app.add_url_rule("/x", "x", view)
    assert [acao(app, origin=origin) for origin in (BI, APP, PARTNER)] == [BI, None, None]
    assert [preflight(app.test_client(), "/x", origin=origin).status_code for origin in (BI, APP)] == [
        204,
        403,
    ]


def test_of_a_class_and_its_function_the_function_returns_last():
    class One(View):
        decorators = (cross_origin(origins=[BI]),)

        @cross_origin(origins=[APP])
        def dispatch_request(self):
            return "x"

    app, _ = governed()
    app.add_url_rule("/x", view_func=One.as_view("x"))
    assert [acao(app, origin=origin) for origin in (BI, APP, PARTNER)] == [BI, None, None]
    assert [preflight(app.test_client(), "/x", origin=origin).status_code for origin in (BI, APP)] == [
        204,
        403,
    ]


@pytest.mark.parametrize("marked", [False, True])
def test_an_error_handlers_governs_over_its_views(marked, capfd):
    app, _ = governed()

    def view():
        abort(418)

    app.add_url_rule("/x", "x", cross_origin(origins=[PARTNER])(view) if marked else view)
    app.register_error_handler(418, cross_origin(origins=[APP])(lambda _: ("none", 418)))
    assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, None]
    assert get(app, origin=PARTNER).status_code == 418
    assert [found for found, _ in of_log(capfd, "cors.decision", "cors.resource")] == [
        "allow",
        "deny",
        "deny",
    ]


def test_a_view_that_raised_governs_where_nobody_returned():
    app, _ = governed()
    app.add_url_rule("/x", "x", cross_origin(origins=[APP])(lambda: abort(404)))
    assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, None]


def test_a_404_handler_governs_a_path_without_a_route():
    app, _ = governed()
    app.register_error_handler(404, cross_origin(origins=[APP])(lambda _: ("none", 404)))
    assert [acao(app, "/nowhere", origin) for origin in (APP, PARTNER)] == [APP, None]


def test_a_function_before_the_view_governs_only_where_it_answers():
    app, _ = governed()
    app.config["CLOSED"] = False
    app.add_url_rule("/x", "x", lambda: "x")
    app.before_request(cross_origin(origins=[APP])(lambda: ("no", 503) if app.config["CLOSED"] else None))
    assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, PARTNER]
    app.config["CLOSED"] = True
    assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, None]
    assert get(app, origin=PARTNER).status_code == 503


def test_one_that_runs_after_the_start_governs_nothing(caplog):
    app, _ = governed()
    marked = cross_origin(origins=[BI])(lambda: "b")

    def stream():
        yield "a"
        yield marked()

    app.add_url_rule("/x", "x", lambda: Response(stream_with_context(stream())))
    for _ in range(2):
        response = get(app, origin=PARTNER)
        assert (response.text, response.headers["Access-Control-Allow-Origin"]) == ("ab", PARTNER)
    assert caplog.text.count("governs nothing") == 1


def test_where_the_paths_policy_enforces_its_refusal_comes_first():
    app, _ = governed(enforce=True)
    app.add_url_rule("/x", "x", lambda: app.ran.append("x") or cross_origin(origins=[EVIL])(lambda: "x")())
    assert (get(app, origin=EVIL).status_code, app.ran) == (403, [])


def test_an_exemption_that_runs_leaves_the_response_alone(capfd):
    app, cors = governed()
    own = {"Access-Control-Allow-Origin": "https://own.example"}
    app.add_url_rule("/x", "x", plain(cors.exempt(lambda: ("own", own))))
    app.add_url_rule("/y", "y", at_request(lambda: cors.exempt(lambda: ("own", own))))
    for path in ("/x", "/y"):
        assert protocol_fields(get(app, path, EVIL)) == own
    assert of_log(capfd, "cors.decision") == []


def test_an_exemption_of_another_apps_object_does_not_hold_here():
    app, _ = governed()
    _, other = governed()
    app.add_url_rule("/x", "x", plain(other.exempt(lambda: "x")))
    assert acao(app) == APP


def test_rules_that_the_environment_forbids_allow_nobody(caplog):
    app, _ = governed()
    app.add_url_rule("/x", "x", at_request(lambda: cross_origin(origins="*")(lambda: "x")))
    for _ in range(2):
        assert [acao(app, origin=origin) for origin in (APP, EVIL)] == [None, None]
    assert caplog.text.count("allows nobody") == 1
    assert "[wildcard]" in caplog.text


def test_an_async_one_governs():
    app, _ = governed()

    async def view():
        return "x"

    marked = cross_origin(origins=[APP])(view)

    @app.get("/x")
    async def x():
        return await marked()

    assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, None]


def test_the_mark_of_one_app_governs_another_that_runs_it():
    marked = plain(cross_origin(origins=[APP])(lambda: "x"))
    for _ in range(2):
        app, _ = governed()
        app.add_url_rule("/x", "x", marked)
        assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, None]


def test_it_inherits_what_it_does_not_name():
    app, _ = governed(
        resources={"/x": {"origins": [PARTNER], "expose_headers": ["X-A"]}, "/*": {"origins": [APP]}}
    )
    hidden(app, lambda: "x")
    assert protocol_fields(get(app)) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Expose-Headers": "X-A",
        **VARY,
    }


def test_below_a_blueprint_it_inherits_from_it():
    app = Flask("shop")
    pages = Blueprint("pages", __name__, url_prefix="/pages")
    inner = Blueprint("inner", __name__, url_prefix="/inner")
    cors = CORS(environ=ENVIRON)
    cors.init_app(pages, origins=[PARTNER], expose_headers=["X-A"])
    inner.add_url_rule("/x", "x", plain(cross_origin(origins=[APP])(lambda: "x")))
    pages.register_blueprint(inner)
    app.register_blueprint(pages)
    assert acao(app, "/pages/inner/x", PARTNER) is None
    assert protocol_fields(get(app, "/pages/inner/x")) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Expose-Headers": "X-A",
        **VARY,
    }


def test_nothing_is_kept_of_a_request():
    app, _ = governed()
    inner = lambda: "x"  # noqa: E731 - one function that lives on
    app.add_url_rule("/x", "x", at_request(lambda: cross_origin(origins=lambda **_: True)(inner)))
    client = app.test_client()

    def objects(requests):
        for _ in range(requests):
            client.get("/x", headers={"Origin": APP})
        gc.collect()
        return len(gc.get_objects())

    objects(300)  # more than are remembered
    before = objects(50)
    assert objects(300) - before < 300


def test_a_rule_without_methods_has_its_views_mark_for_every_method():
    app, cors = governed(methods="auto")
    for path, endpoint, view in (
        ("/x", "x", cross_origin(origins=[BI])(lambda: "x")),
        ("/y", "y", cors.exempt(lambda: "y")),
        ("/z", "z", lambda: "z"),
    ):
        app.url_map.add(Rule(path, endpoint=endpoint))
        app.endpoint(endpoint)(view)
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert get(app, "/x", BI, method).headers["Access-Control-Allow-Origin"] == BI
        assert protocol_fields(get(app, "/x", PARTNER, method)) == VARY
        assert protocol_fields(get(app, "/y", APP, method)) == {}
    assert preflight(app.test_client(), "/x", origin=PARTNER).status_code == 403
    every = "DELETE, GET, HEAD, PATCH, POST, PUT"
    for path, origin in (("/x", BI), ("/z", APP)):
        found = preflight(app.test_client(), path, origin=origin, method="DELETE")
        assert (found.status_code, found.headers["Access-Control-Allow-Methods"]) == (204, every)


def test_a_lazily_imported_view_governs_from_its_first_call():
    app, _ = governed()

    class Imported(Lazy):
        @cached_property
        def view(self):
            return import_string("json.dumps") and cross_origin(origins=[APP])(self.run)

    app.add_url_rule("/x", view_func=Imported(lambda: "x"))
    assert [acao(app, origin=PARTNER), acao(app)] == [None, APP]


def test_an_app_factory_that_is_called_twice_keeps_its_apps_apart():
    cors = CORS(environ=ENVIRON)

    def create(origins):
        app = Flask("shop")
        cors.init_app(app, origins=origins)
        app.add_url_rule("/x", "x", plain(cross_origin(max_age=5)(lambda: "x")))
        return app

    one, two = create([APP]), create([PARTNER])
    assert [acao(app, origin=origin) for app in (one, two) for origin in (APP, PARTNER)] == [
        APP,
        None,
        None,
        PARTNER,
    ]


def test_a_decorator_with_wraps_is_found_and_no_warning_is_given(caplog):
    app, _ = governed()

    def guard(view):
        @functools.wraps(view)
        def guarded():
            return view()

        return guarded

    app.add_url_rule("/x", "x", guard(cross_origin(origins=[APP])(lambda: "x")))
    assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, None]
    assert get(app, origin=PARTNER).status_code == 200
    assert caplog.text == ""


@cross_origin(origins=[APP])
class Marked(MethodView):
    """A class that bears a mark; one of its functions bears another."""

    def get(self):
        return "x"

    @cross_origin(origins=[BI])
    def put(self):
        return "x"


class Inheriting(Marked):
    """A class that has the mark of the class above it."""

    def get(self):
        return "y"


@pytest.mark.parametrize("view", [Marked, Inheriting])
def test_the_mark_of_a_class_governs_where_it_is_hidden(view, caplog):
    app, _ = governed(origins=[APP, PARTNER, BI])
    app.add_url_rule("/x", "x", plain(view.as_view("x")), methods=["GET", "PUT"])
    app.add_url_rule("/y", view_func=view.as_view("y"))
    assert [acao(app, origin=origin) for origin in (APP, PARTNER, BI)] == [APP, None, None]
    assert [get(app, "/y", origin).status_code for origin in (APP, PARTNER)] == [200, 200]
    assert [
        get(app, path, APP, "PUT").headers.get("Access-Control-Allow-Origin") for path in ("/x", "/y")
    ] == [
        None,
        None,
    ]
    assert [get(app, path, BI, "PUT").data for path in ("/x", "/y")] == [b"x", b"x"]
    assert caplog.text.count("it lacks functools.wraps") == 2


def test_an_exemption_of_a_class_that_is_hidden_leaves_the_response_alone():
    app, cors = governed()
    own = {"Access-Control-Allow-Origin": "https://own.example"}

    class One(MethodView):
        def get(self):
            return "x", own

    for _ in range(1000):  # as many factories as a suite of tests calls
        cors.exempt(One)
    app.add_url_rule("/x", "x", plain(One.as_view("x")))
    assert protocol_fields(get(app, origin=EVIL)) == own


def test_nothing_is_kept_on_what_is_marked_at_each_request():
    app, cors = governed()

    class One(MethodView):
        def get(self):
            return "x"

    def left():
        return "left"

    before = [dict(vars(One)), dict(vars(left))]
    app.add_url_rule("/x", "x", at_request(lambda: cross_origin(origins=[APP])(One).as_view("x")))
    app.add_url_rule("/y", "y", at_request(lambda: cors.exempt(left)))
    assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, None]
    assert acao(app, "/y") is None
    assert [vars(One), vars(left)] == before


def test_a_request_is_refused_once(capfd):
    app, _ = governed()
    one = cross_origin(origins=[APP])(lambda: app.ran.append("one"))
    two = cross_origin(origins=[PARTNER])(lambda: app.ran.append("two"))
    app.add_url_rule("/x", "x", lambda: f"{one()}{two()}")
    assert (get(app, origin=PARTNER).status_code, app.ran) == (403, [])
    assert (get(app, origin=EVIL).status_code, app.ran) == (403, [])
    assert of_log(capfd, "cors.decision") == [("deny",), ("deny",)]


def test_a_function_before_the_view_that_gave_no_answer_leaves_those_after_it_alone():
    app, _ = governed(origins=[APP])
    app.before_request(cross_origin(origins=[PARTNER])(lambda: None))
    app.before_request(lambda: ("no", 401))
    assert [acao(app, origin=origin) for origin in (APP, PARTNER)] == [APP, None]


def test_one_that_enforces_refuses_an_ambiguous_path(capfd):
    app, _ = governed()
    run = cross_origin(origins=[APP], enforce=True)(lambda rest: app.ran.append(rest) or "x")
    app.add_url_rule("/x/<path:rest>", "x", plain(run))
    assert (get(app, "/x/..%2fpub").status_code, app.ran) == (403, [])
    assert get(app, "/x/pub").status_code == 200
    assert of_log(capfd, "cors.reason") == [("path_ambiguous",), ("origin_exact",)]


class Direct(Flask):
    """An app that calls its views by itself, without ``dispatch_request``."""

    def full_dispatch_request(self, *_):
        result = self.preprocess_request()
        if result is None:
            result = self.view_functions[request.endpoint](**request.view_args)
        return self.process_response(self.make_response(result))


def test_it_refuses_where_the_app_calls_its_views_by_itself():
    app = Direct("shop")
    app.ran = []
    CORS(app, environ=ENVIRON, origins=[APP, PARTNER])
    hidden(app, lambda: app.ran.append("x") or "x")
    assert [get(app, origin=origin).status_code for origin in (APP, PARTNER)] == [200, 403]
    assert app.ran == ["x"]


def test_the_view_of_a_class_is_named_as_the_app_names_it(caplog):
    class One(MethodView):
        decorators = (cross_origin(origins=[APP]), plain)

        def get(self):
            return "x"

    app, _ = governed()
    app.add_url_rule("/x", view_func=One.as_view("x"))
    assert [acao(app), acao(app, origin=PARTNER)] == [APP, None]
    assert "the preflights of @cross_origin on x are decided by the path's policy" in caplog.text


def test_a_mark_that_comes_late_inherits_what_was_judged_and_no_file_is_read_again(tmp_path, monkeypatch):
    (tmp_path / "cors.toml").write_text('max_age = 60\nexpose_headers = ["X-Judged"]\n')
    (tmp_path / "cors.env").write_text(
        f"CORS_ORIGINS={APP}\nCORS_AUDIT_SINK=stderr\nCORS_METHODS=${{VERBS}}\n"
    )
    monkeypatch.setenv("VERBS", "GET,PUT")
    app = Flask("shop")
    variables = {"CORS_CONFIG_FILE": str(tmp_path / "cors.toml"), "CORS_ENV_FILE": str(tmp_path / "cors.env")}
    for name, value in {"CORS_ENV": "production", **variables}.items():
        monkeypatch.setenv(name, value)
    CORS(app)
    late(app, lambda: "ok")
    get(app, "/elsewhere")
    for name in ("cors.toml", "cors.env"):
        (tmp_path / name).unlink()
    monkeypatch.setenv("VERBS", "GET,TRACE")
    answer = get(app)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Expose-Headers"] == "X-Judged"


def test_rules_that_a_reload_overtakes_are_not_kept():
    app, environ = Flask("shop"), dict(ENVIRON)
    cors = CORS(app, environ=environ, origins=[APP])
    at_fault = "http://old.example"
    app.add_url_rule("/x", "x", at_request(lambda: cross_origin(origins=[at_fault])(lambda: "ok")))

    class Reloading(logging.Handler):
        def emit(self, _):
            if "CORS_UNSAFE_ALLOW" not in environ:
                environ["CORS_UNSAFE_ALLOW"] = "http"
                cors.reload(app)

    handler, log = Reloading(logging.ERROR), logging.getLogger("flask_cors_env")
    get(app, "/elsewhere")
    log.addHandler(handler)
    try:
        assert acao(app, origin=at_fault) is None
    finally:
        log.removeHandler(handler)
    assert acao(app, origin=at_fault) == at_fault
