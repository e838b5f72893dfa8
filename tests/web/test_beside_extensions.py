"""
Beside the extensions that its users have: their refusals carry the fields, and they see no preflight.

Every app is a small real one, made with the extension before `CORS` and after it. What is asserted is the
whole answer, and what the log says of it.
"""

import gzip

import pytest
from apps import APP, EVIL, events, preflight, protocol_fields
from flask import Flask, Response, jsonify

from flask_cors_env import CORS, cross_origin

OTHER = "https://other.example.com"
BI = "https://bi.example.com"
ENVIRON = {
    "CORS_ENV": "production",
    "CORS_ORIGINS": f"{APP},{OTHER}",
    "CORS_ALLOW_CREDENTIALS": "true",
    "CORS_AUDIT_SINK": "stderr",
}
PREFLIGHT = {
    "Access-Control-Allow-Origin": APP,
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Methods": "DELETE, GET, HEAD, PATCH, POST, PUT",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "7200",
    "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
}


def shared(origin=APP, vary="Origin"):
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": vary}


@pytest.fixture(params=["CORS first", "CORS last"])
def shop(request):
    """A factory: an app that is governed, and that an extension was given to before or after."""

    def make(install, **config):
        app = Flask("shop")
        app.config.update(SECRET_KEY="not a secret" * 4, **config)
        cors = CORS(environ=ENVIRON)
        if request.param == "CORS first":
            cors.init_app(app)
        install(app)
        if request.param == "CORS last":
            cors.init_app(app)
        return app

    return make


def get(app, path="/items", *, origin=APP, **headers):
    fields = {"Origin": origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return app.test_client().get(path, headers=fields)


def answer(response):
    return response.status_code, protocol_fields(response)


def logged(capfd):
    """Of every decision: what was asked, how it went, the status that was sent and the route."""
    return [
        (e["cors.request.kind"], e["cors.decision"], e["http.response.status_code"], e.get("http.route"))
        for e in events(capfd.readouterr().err)
    ]


ALLOWED = ("preflight", "allow", 204, None)


def items():
    return jsonify([])


# --- Flask-Login


def with_login(decorate):
    def install(app):
        from flask_login import LoginManager, UserMixin, login_required, login_user

        class User(UserMixin):
            id = "1"

        manager = LoginManager(app)
        manager.user_loader(lambda _: User())
        app.add_url_rule("/login", "login", lambda: str(login_user(User())))
        app.add_url_rule("/items", "items", decorate(login_required), methods=["GET", "PUT"])

    return install


def guarded(login_required):
    return login_required(lambda: "mine")


def decorated_below(login_required):
    return login_required(cross_origin(max_age="2h")(lambda: "mine"))


def decorated_above(login_required):
    return cross_origin(max_age="2h")(login_required(lambda: "mine"))


@pytest.mark.parametrize("decorate", [guarded, decorated_below, decorated_above])
def test_flask_login_sees_no_preflight_and_its_refusal_is_shared(decorate, shop, capfd):
    app = shop(with_login(decorate))
    assert answer(preflight(app.test_client())) == (204, PREFLIGHT)
    assert answer(get(app)) == (401, shared(vary="Cookie, Origin"))
    client = app.test_client()
    client.get("/login")
    response = client.get("/items", headers={"Origin": APP})
    assert (response.text, answer(response)) == ("mine", (200, shared(vary="Cookie, Origin")))
    assert logged(capfd) == [
        ALLOWED,
        ("actual", "allow", 401, "/items"),
        ("actual", "allow", 200, "/items"),
    ]


def test_flask_logins_redirect_to_its_form_is_shared(shop, capfd):
    app = shop(with_login(guarded))
    app.login_manager.login_view = "login"
    response = get(app)
    assert (response.headers["Location"], answer(response)) == (
        "/login?next=%2Fitems",
        (302, shared(vary="Cookie, Origin")),
    )
    assert logged(capfd) == [("actual", "allow", 302, "/items")]


# --- Flask-JWT-Extended


def with_tokens(app):
    from flask_jwt_extended import JWTManager, create_access_token, jwt_required

    JWTManager(app)
    app.add_url_rule("/token", "token", lambda: create_access_token("me"))
    app.add_url_rule("/items", "items", jwt_required()(items), methods=["GET", "PUT"])


def test_flask_jwt_extended_sees_no_preflight_and_its_refusals_are_shared(shop, capfd):
    app = shop(with_tokens)
    token = app.test_client().get("/token").text
    asked = preflight(app.test_client(), headers="authorization")
    assert answer(asked) == (204, PREFLIGHT)
    assert answer(get(app)) == (401, shared())
    assert answer(get(app, Authorization="Bearer wrong")) == (422, shared())
    assert answer(get(app, Authorization=f"Bearer {token}")) == (200, shared())
    statuses = [("actual", "allow", status, "/items") for status in (401, 422, 200)]
    assert logged(capfd) == [ALLOWED, *statuses]


# --- Flask-HTTPAuth


def with_http_authentication(app):
    from flask_httpauth import HTTPBasicAuth

    auth = HTTPBasicAuth()
    auth.verify_password(lambda name, word: name if word == "word" else None)
    app.add_url_rule("/items", "items", auth.login_required(items), methods=["GET", "PUT"])


def test_flask_httpauth_sees_no_preflight_and_its_challenge_is_shared(shop, capfd):
    app = shop(with_http_authentication)
    assert answer(preflight(app.test_client(), headers="authorization")) == (204, PREFLIGHT)
    refused = get(app)
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer(refused) == (401, shared())
    assert answer(get(app, Authorization="Basic bWU6d29yZA==")) == (200, shared())
    assert logged(capfd) == [ALLOWED, *[("actual", "allow", status, "/items") for status in (401, 200)]]


# --- Flask-Limiter


def with_limits(app):
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address

    Limiter(get_remote_address, app=app, default_limits=["2 per hour"], storage_uri="memory://")
    app.add_url_rule("/items", "items", items, methods=["GET", "PUT"])


def test_flask_limiter_counts_no_preflight_and_its_refusal_is_shared(shop, capfd):
    app = shop(with_limits)
    for _ in range(5):
        assert answer(preflight(app.test_client())) == (204, PREFLIGHT)
    answers = [answer(get(app)) for _ in range(3)]
    assert answers == [(200, shared()), (200, shared()), (429, shared())]
    assert answer(preflight(app.test_client())) == (204, PREFLIGHT)
    statuses = [("actual", "allow", status, "/items") for status in (200, 200, 429)]
    assert logged(capfd) == [*[ALLOWED] * 5, *statuses, ALLOWED]


# --- a decorator of theirs and ours, in either order


def jwt_guard(app):
    from flask_jwt_extended import JWTManager, jwt_required

    JWTManager(app)
    return jwt_required()


def basic_guard(app):
    from flask_httpauth import HTTPBasicAuth

    del app
    return HTTPBasicAuth().login_required


def nothing_goes(app):
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address

    return Limiter(get_remote_address, app=app, storage_uri="memory://").limit("0 per hour")


@pytest.mark.parametrize("place", ["above", "below"])
@pytest.mark.parametrize(("guard", "status"), [(jwt_guard, 401), (basic_guard, 401), (nothing_goes, 429)])
def test_the_decorator_holds_above_and_below_a_guards(guard, status, place, shop, capfd):
    ours = cross_origin(BI, max_age="2h")

    def install(app):
        theirs = guard(app)
        view = ours(theirs(lambda: "")) if place == "above" else theirs(ours(lambda: ""))
        app.add_url_rule("/items", "items", view, methods=["GET", "PUT"])

    app = shop(install)
    own = {**PREFLIGHT, "Access-Control-Allow-Origin": BI}
    assert answer(preflight(app.test_client(), origin=BI)) == (204, own)
    assert preflight(app.test_client(), origin=APP).status_code == 403
    assert answer(get(app, origin=BI)) == (status, shared(BI))
    assert answer(get(app, origin=APP)) == (status, {"Vary": "Origin"})
    assert logged(capfd) == [
        ALLOWED,
        ("preflight", "deny", 403, None),
        ("actual", "allow", status, "/items"),
        ("actual", "deny", status, "/items"),
    ]


# --- Flask-Talisman


def with_https(app):
    from flask_talisman import Talisman

    Talisman(app)
    app.add_url_rule("/items", "items", items, methods=["GET", "PUT"])


def test_flask_talisman_redirects_no_preflight_and_what_it_redirects_is_shared(shop, capfd):
    app = shop(with_https)
    assert answer(preflight(app.test_client())) == (204, PREFLIGHT)
    redirected = get(app)
    assert redirected.headers["Location"] == "https://localhost/items"
    assert answer(redirected) == (302, shared())
    secure = get(app, X_Forwarded_Proto="https")
    assert "default-src" in secure.headers["Content-Security-Policy"]
    assert answer(secure) == (200, shared())
    assert logged(capfd) == [ALLOWED, *[("actual", "allow", status, "/items") for status in (302, 200)]]


# --- Flask-RESTX


def with_restx(app):
    from flask_restx import Api, Resource

    api = Api(app)

    @api.route("/items")
    class Items(Resource):
        def get(self):
            return []

        def put(self):
            api.abort(409, "taken")

        def delete(self):
            raise ValueError


def test_flask_restx_answers_no_preflight_and_its_errors_are_shared(shop, capfd):
    app = shop(with_restx)
    client = app.test_client()
    assert answer(preflight(client)) == (204, PREFLIGHT)
    methods = {"GET": 200, "PUT": 409, "DELETE": 500, "PATCH": 405}
    for method, status in methods.items():
        response = client.open("/items", method=method, headers={"Origin": APP})
        assert answer(response) == (status, shared())
    assert answer(get(app, "/none")) == (404, shared())
    assert answer(get(app, "/swagger.json")) == (200, shared())
    assert logged(capfd) == [
        ALLOWED,
        ("actual", "allow", 200, "/items"),
        ("actual", "allow", 409, "/items"),
        ("actual", "allow", 500, "/items"),
        ("actual", "allow", 405, None),
        ("actual", "allow", 404, None),
        ("actual", "allow", 200, "/swagger.json"),
    ]


def decorated_methods(resource):
    class Items(resource):
        @cross_origin(BI)
        def get(self):
            return []

        @cross_origin(BI)
        def put(self):
            return []

    return Items


def decorated_class(resource):
    class Items(resource):
        decorators = (cross_origin(BI),)

        def get(self):
            return []

        def put(self):
            return []

    return Items


@pytest.mark.parametrize("make", [decorated_methods, decorated_class])
def test_the_decorator_holds_on_a_resource_of_flask_restx(make, shop):
    def install(app):
        from flask_restx import Api, Resource

        Api(app).add_resource(make(Resource), "/items")

    app = shop(install)
    assert preflight(app.test_client(), origin=BI).status_code == 204
    assert preflight(app.test_client(), origin=APP).status_code == 403
    assert answer(get(app, origin=BI)) == (200, shared(BI))
    assert answer(get(app, origin=APP)) == (200, {"Vary": "Origin"})


# --- Flask-Smorest


def with_smorest(app):
    from flask.views import MethodView
    from flask_smorest import Api, Blueprint
    from marshmallow import Schema, fields

    class Query(Schema):
        page = fields.Integer(required=True)

    app.config.update(API_TITLE="shop", API_VERSION="1", OPENAPI_VERSION="3.1.0")
    blueprint = Blueprint("items", "items", url_prefix="/items")

    @blueprint.route("")
    class Items(MethodView):
        @blueprint.arguments(Query, location="query")
        @blueprint.response(200)
        def get(self, query):
            return query

    Api(app).register_blueprint(blueprint)


def test_flask_smorest_answers_no_preflight_and_its_errors_are_shared(shop, capfd):
    app = shop(with_smorest)
    assert answer(preflight(app.test_client())) == (204, PREFLIGHT)
    assert answer(get(app, "/items?page=1")) == (200, shared())
    assert answer(get(app)) == (422, shared())
    assert answer(app.test_client().put("/items", headers={"Origin": APP})) == (405, shared())
    assert logged(capfd) == [
        ALLOWED,
        ("actual", "allow", 200, "/items"),
        ("actual", "allow", 422, "/items"),
        ("actual", "allow", 405, None),
    ]


# --- Flask-Caching


def plain(view):
    return view


@pytest.mark.parametrize("decorate", [plain, cross_origin(max_age="2h")])
@pytest.mark.parametrize("outermost", ["cache", "decorator"])
def test_a_response_that_flask_caching_kept_has_each_pages_own_fields(decorate, outermost, shop, capfd):
    ran = []

    def view():
        ran.append("view")
        return Response("kept", headers={"Vary": "Accept"})

    def with_cache(app):
        from flask_caching import Cache

        cached = Cache(app).cached()
        both = cached(decorate(view)) if outermost == "cache" else decorate(cached(view))
        app.add_url_rule("/items", "items", both, methods=["GET", "PUT"])

    app = shop(with_cache, CACHE_TYPE="SimpleCache")
    assert answer(preflight(app.test_client())) == (204, PREFLIGHT)
    for origin in (APP, OTHER):
        assert answer(get(app, origin=origin)) == (200, shared(origin, "Accept, Origin"))
    assert answer(get(app, origin=EVIL)) == (200, {"Vary": "Accept, Origin"})
    assert answer(app.test_client().get("/items")) == (200, {"Vary": "Accept, Origin"})
    assert ran == ["view"]
    assert logged(capfd) == [ALLOWED, *[("actual", d, 200, "/items") for d in ("allow", "allow", "deny")]]


def test_a_response_that_flask_caching_kept_has_each_pages_own_fields_in_an_app_without_cors(monkeypatch):
    from flask_caching import Cache

    monkeypatch.setenv("CORS_ENV", "production")
    app = Flask("shop")
    cached = Cache(app, config={"CACHE_TYPE": "SimpleCache"}).cached()
    view = cross_origin([APP, OTHER])(cached(lambda: Response("kept")))
    app.add_url_rule("/items", "items", view)
    for origin in (APP, OTHER):
        expected = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        assert answer(get(app, origin=origin)) == (200, expected)
    assert answer(get(app, origin=EVIL)) == (200, {"Vary": "Origin"})


# --- Flask-Compress


def with_compression(app):
    from flask_compress import Compress

    Compress(app)
    app.add_url_rule("/items", "items", lambda: jsonify(["item"] * 500), methods=["GET", "PUT"])


def test_what_flask_compress_makes_of_a_response_keeps_its_fields(shop, capfd):
    app = shop(with_compression)
    assert answer(preflight(app.test_client())) == (204, PREFLIGHT)
    response = get(app, Accept_Encoding="gzip")
    assert gzip.decompress(response.data).startswith(b"[")
    assert answer(response) == (200, shared(vary="Accept-Encoding, Origin"))
    assert answer(get(app, origin=EVIL)) == (200, {"Vary": "Accept-Encoding, Origin"})
    assert logged(capfd) == [ALLOWED, *[("actual", d, 200, "/items") for d in ("allow", "deny")]]
