"""A page's verdicts on apps of every kind: the answer, the gist on one line, and the whole story."""

import flask_cors
import pytest
from apps import APP, EVIL, make
from flask import Flask, request

from flask_cors_env.core.reason import Reason
from flask_cors_env.core.request import Kind
from flask_cors_env.testing import Page
from flask_cors_env.testing.browser import Cause

CHECK = "https://fetch.spec.whatwg.org/#concept-cors-check"


def page(origin=APP, /, **settings):
    app, _ = make(**{"ORIGINS": APP, "ALLOW_HEADERS": "Content-Type", **settings})
    return Page(app, origin)


def plain(**fields):
    """An app without a policy, whose one view sets *fields* and answers with what it got."""
    app = Flask("plain")
    app.got = []

    @app.route("/", methods=["GET", "POST", "PUT"])
    def view():
        app.got.append(request._get_current_object())
        return "", {name.replace("_", "-"): value for name, value in fields.items()}

    return app


# --- the answers ----------------------------------------------------------------------------------------

QUESTIONS = {
    "a listed page reads": (lambda: page().can_read("/items"), True),
    "a listed page sends what needs a preflight": (lambda: page().can_send("put", "/items"), True),
    "a listed page reads what needed one": (lambda: page().can_read("/items", method="PUT"), True),
    "an unlisted page does not read": (lambda: page(EVIL).can_read("/items"), False),
    "an unlisted page sends nothing that needs one": (lambda: page(EVIL).can_send("PUT", "/items"), False),
    "any page sends what needs none": (lambda: page(EVIL).can_send("POST", "/items"), True),
    "a method is not normalized": (lambda: page().can_send("patch", "/items"), False),
    "a header is listed": (lambda: page().can_send("PUT", "/items", headers=["content-type"]), True),
    "a header is not": (lambda: page().can_send("GET", "/items", headers=["X-Api-Key"]), False),
    "a value is safelisted": (
        lambda: page(EVIL).can_send("POST", "/items", headers={"Content-Type": "text/plain"}),
        True,
    ),
    "a named Content-Type is JSON": (
        lambda: page(EVIL).can_send("POST", "/items", headers=["Content-Type"]),
        False,
    ),
    "a string of names": (lambda: page().can_send("GET", "/items", headers="Authorization, X-A"), False),
    "a string of one name": (lambda: page().can_send("GET", "/items", headers="Content-Type"), True),
    "no credentials": (lambda: page().can_read("/items", credentials=True), False),
    "credentials": (lambda: page(ALLOW_CREDENTIALS="true").can_read("/items", credentials=True), True),
    "a header is hidden": (lambda: page().sees_header("/items", "X-Total-Count"), False),
    "a header is exposed": (
        lambda: page(EXPOSE_HEADERS="X-Total-Count").sees_header("/items", "x-total-count"),
        True,
    ),
    "a header is always readable": (lambda: page().sees_header("/items", "Content-Type"), True),
    "a header of an answer that is not": (lambda: page(EVIL).sees_header("/items", "Content-Type"), False),
    "an error is readable": (lambda: page().can_read("/missing"), True),
    "the opaque origin": (lambda: page("null").can_read("/items"), False),
    "the app's own page": (lambda: page("http://localhost").sees_header("/items", "X-Total-Count"), True),
    "the app's own page sends": (lambda: page("http://localhost").can_send("PUT", "/items"), True),
    "another port is another origin": (lambda: page("http://localhost:5000").can_read("/items"), False),
    "an enforced denial": (lambda: page(EVIL, ENFORCE="true").can_read("/items"), False),
    "a method that no script has": (lambda: page().can_send("TRACE", "/items"), False),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_the_browsers(question):
    ask, answer = QUESTIONS[question]
    verdict = ask()
    assert (bool(verdict), verdict.finding.answer) == (answer, answer), str(verdict)


# --- what is asked of the app ---------------------------------------------------------------------------


def test_can_send_runs_no_view():
    app, _ = make(ORIGINS=APP)
    assert Page(app, APP).can_send("PUT", "/items")
    assert Page(app, APP).can_send("GET", "/items")
    assert app.ran == []


def test_can_read_runs_the_view_once_unless_the_preflight_is_refused():
    app, _ = make(ORIGINS=APP)
    assert Page(app, APP).can_read("/items", method="PUT")
    assert app.ran == ["view"]
    assert not Page(app, EVIL).can_read("/items", method="PUT")
    assert app.ran == ["view"]


def test_no_question_rests_on_one_before():
    one = page(MAX_AGE="600", ENV="staging")
    first, second = (one.can_read("/items", method="PUT") for _ in range(2))
    assert [exchange.request.method for exchange in first.exchanges] == ["OPTIONS", "PUT"]
    assert second == first


def test_a_cookie_goes_with_credentials_only():
    app = plain(Access_Control_Allow_Origin=APP, Access_Control_Allow_Credentials="true")
    one = Page(app, APP, cookie="session=1")
    assert one.can_read("/", credentials=True)
    assert one.can_read("/")
    assert [each.headers.get("Cookie") for each in app.got] == ["session=1", None]


def test_the_apps_own_page_has_its_cookie_without_asking():
    app = plain()
    assert Page(app, "http://localhost", cookie="session=1").can_read("/")
    assert [each.headers.get("Cookie") for each in app.got] == ["session=1"]


def test_headers_have_the_values_they_are_given_or_usual_ones():
    app = plain()
    one = Page(app, "http://localhost")
    assert one.can_read("/", method="PUT", headers=["content-type", "X-A"])
    assert one.can_read("/", method="PUT", headers={"Content-Type": "text/csv", "X-A": "a"})
    got = [(each.content_type, each.headers["X-A"]) for each in app.got]
    assert got == [("application/json", "1"), ("text/csv", "a")]


URLS = {
    "https://api.example.com": "https://api.example.com/?q=1",
    "https://api.example.com/shop/": "https://api.example.com/shop/?q=1",
    "HTTP://API.example.com:80": "http://api.example.com/?q=1",
}


@pytest.mark.parametrize(("base_url", "url"), URLS.items())
def test_the_app_is_where_base_url_says(base_url, url):
    app = plain(Access_Control_Allow_Origin="*")
    verdict = Page(app, APP, base_url=base_url).can_read("/?q=1")
    assert verdict
    assert [each.url for each in app.got] == [url] == [e.request.url for e in verdict.exchanges]


def test_without_a_base_url_the_app_is_where_its_test_client_finds_it():
    app = plain()
    app.config |= {
        "SERVER_NAME": "api.test:5000",
        "APPLICATION_ROOT": "/shop",
        "PREFERRED_URL_SCHEME": "https",
    }
    assert Page(app, "https://api.test:5000").can_read("/")
    assert [each.url for each in app.got] == ["https://api.test:5000/shop/"]
    assert app.test_client().get("/").request.url == "https://api.test:5000/shop/"


def test_redirects_within_the_app_are_followed():
    app, shared = plain(), {"Access-Control-Allow-Origin": "*"}
    app.add_url_rule("/old", "old", lambda: ("", 302, {"Location": "/new", **shared}))
    app.add_url_rule("/new", "new", lambda: ("", shared))
    verdict = Page(app, APP).can_read("/old")
    assert verdict
    assert [exchange.response.status for exchange in verdict.exchanges] == [302, 200]


@pytest.mark.parametrize(
    "elsewhere", ["https://login.test/", "http://localhost.test/", "http://localhost:81/"]
)
def test_a_redirect_to_another_server_is_told_and_not_followed(elsewhere):
    app = plain()
    away = {"Location": elsewhere, "Access-Control-Allow-Origin": "*"}
    app.add_url_rule("/old", view_func=lambda: ("", 302, away))
    verdict = Page(app, APP).can_read("/old")
    assert verdict.finding.because == f"It is redirected to {elsewhere}, whose answer is not the app's."
    assert "    < nothing: this URL is not the app's" in str(verdict).splitlines()
    assert verdict.exchanges[1].response is None


def test_an_endless_answer_is_not_read_to_its_end():
    app, _ = make(ORIGINS=APP)

    def forever():
        while True:
            yield "data: 1\n\n"

    app.add_url_rule("/events", view_func=lambda: app.response_class(forever(), mimetype="text/event-stream"))
    assert Page(app, APP).can_read("/events")


def test_what_the_app_raises_while_testing_passes_through():
    app, _ = make(ORIGINS=APP)
    app.testing = True
    app.add_url_rule("/crash", view_func=lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        Page(app, APP).can_read("/crash")
    app.testing = False
    assert Page(app, APP).can_read("/crash")


def test_an_app_of_flask_cors_is_judged_alike():
    app = plain()
    flask_cors.CORS(app, origins=[APP], allow_headers=["X-Api-Key"])
    assert Page(app, APP).can_send("PUT", "/", headers=["X-Api-Key"])
    assert not Page(app, APP).can_send("PUT", "/", headers=["X-Other"])
    verdict = Page(app, EVIL).can_read("/")
    assert not verdict
    assert repr(verdict) == "<no: The answer has no Access-Control-Allow-Origin.>"
    assert verdict.decision is None


# --- what is told ---------------------------------------------------------------------------------------


def test_the_story_of_a_refused_preflight():
    one = page("https://app.exmple.com")
    verdict = one.can_send("PUT", "/items", headers=["X-Api-Key", "Cookie"], credentials=True)
    assert str(verdict) == (
        "https://app.exmple.com can send PUT http://localhost/items, with X-Api-Key, with credentials, "
        "without Cookie (no script can set it): no\n"
        "    > OPTIONS http://localhost/items\n"
        "    > Accept: */*\n"
        "    > Access-Control-Request-Method: PUT\n"
        "    > Access-Control-Request-Headers: x-api-key\n"
        "    > Origin: https://app.exmple.com\n"
        "    > Sec-Fetch-Dest: empty\n"
        "    > Sec-Fetch-Mode: cors\n"
        "    > Sec-Fetch-Site: cross-site\n"
        "    < 403\n"
        "    < Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\n"
        f"browser: The preflight's answer has no Access-Control-Allow-Origin. {CHECK}, step 2\n"
        "policy: origin_not_listed: No entry lets the origin in. header_not_allowed: The preflight asks for "
        "request-header names that are not allowed. Refused: x-api-key. "
        f"Nearest entry: {APP} (host_typo). "
        "Add the origin to CORS_ORIGINS. Add the names to CORS_ALLOW_HEADERS."
    )
    assert repr(verdict) == (
        "<no: The preflight's answer has no Access-Control-Allow-Origin. origin_not_listed. "
        "Add the origin to CORS_ORIGINS. Add the names to CORS_ALLOW_HEADERS.>"
    )
    assert verdict.finding.cause is Cause.ALLOW_ORIGIN_MISSING
    assert verdict.decision.reason is Reason.ORIGIN_NOT_LISTED


def test_the_story_of_an_answer_that_is_read():
    app = plain(Access_Control_Allow_Origin="*", Access_Control_Allow_Headers="*", Location="/x", Secret="s")
    verdict = Page(app, APP, base_url="http://api.test").can_read("/", headers={"Accept": "text/csv"})
    assert str(verdict) == (
        f"{APP} can read GET http://api.test/, with Accept: yes\n"
        "    > GET http://api.test/\n"
        "    > Accept: text/csv\n"
        f"    > Origin: {APP}\n"
        "    < 200\n"
        "    < Access-Control-Allow-Origin: *\n"
        "    < Access-Control-Allow-Headers: *\n"
        "    < Location: /x\n"
        "browser: The answer is shared with the page."
    )
    assert repr(verdict) == "<yes: The answer is shared with the page.>"


def test_no_secret_is_told():
    app = plain(Access_Control_Allow_Origin=APP, Access_Control_Allow_Credentials="true")
    one = Page(app, "http://localhost", cookie="session=secret")
    story = str(one.can_read("/", headers={"Authorization": "Bearer secret"}, credentials=True))
    assert "    > Authorization: ...\n" in story
    assert "    > Cookie: ...\n" in story
    assert "secret" not in story


API = {"RESOURCES__API__PATH": "/items", "RESOURCES__API__ORIGINS": APP}
REMEDIES = {
    "origin_not_listed. Add the origin to CORS_RESOURCES__API__ORIGINS.": lambda: page(EVIL, **API).can_read(
        "/items"
    ),
    "no_resource. Add a resource for the path: CORS_RESOURCES__<NAME>__PATH.": lambda: page(**API).can_read(
        "/other"
    ),
    "origin_exact. To share the answer, turn on CORS_ALLOW_CREDENTIALS.": lambda: page().can_read(
        "/items", credentials=True
    ),
    "origin_exact. To let pages read the header, add it to CORS_EXPOSE_HEADERS.": lambda: page().sees_header(
        "/items", "X-Total-Count"
    ),
    "origin_exact.": lambda: page().sees_header("/items", "X-Other"),
    "origin_exact. To shut it out, remove it from CORS_ORIGINS.": lambda: page().can_read("/items"),
    "origin_not_listed. The view runs all the same, unless CORS_ENFORCE is on.": lambda: page(EVIL).can_send(
        "POST", "/items"
    ),
    "no_resource.": lambda: page(**API).can_send("POST", "/other"),
    "disabled. Set CORS_ENABLED to true.": lambda: page(ENABLED="false").can_read("/items"),
}


@pytest.mark.parametrize("remedy", REMEDIES)
def test_the_gist_ends_with_what_would_change_the_answer(remedy):
    told = repr(REMEDIES[remedy]())
    assert told.endswith(f" {remedy}>")
    assert len(told) < 240  # pytest cuts what is longer


def test_the_decision_is_the_last_one():
    one = page()
    assert one.can_send("PUT", "/items").decision.kind is Kind.PREFLIGHT
    assert one.can_read("/items", method="PUT").decision.kind is Kind.ACTUAL


def test_what_was_not_asked_is_decided_all_the_same():
    app, _ = make(
        **API, RESOURCES__API__METHODS="PUT", RESOURCES__OFF__PATH="/off", RESOURCES__OFF__ENABLED="no"
    )
    one = Page(app, EVIL, base_url="https://api.test/shop")
    assert one.can_send("POST", "/i%74ems?q=1").decision.reasons == (Reason.ORIGIN_NOT_LISTED,)
    assert one.can_send("PUT", "/off", headers=["X-A"]).decision.reasons == (Reason.DISABLED,)


def test_an_exemption_of_one_method_is_told():
    app, cors = make(ORIGINS=APP)
    app.add_url_rule("/one", "get", lambda: "")
    app.add_url_rule("/one", "put", cors.exempt(lambda: ""), methods=["PUT"])
    assert Page(app, APP).can_read("/one")
    verdict = Page(app, APP).can_send("PUT", "/one")
    assert not verdict
    assert verdict.decision.reason is Reason.ROUTE_EXEMPT


def test_of_the_apps_own_page_nothing_is_decided():
    verdict = page("http://localhost").can_send("PUT", "/items")
    assert repr(verdict) == "<yes: The page is of the app's own origin.>"
    assert (verdict.decision, verdict.exchanges) == (None, ())


def test_an_argument_is_named_where_no_variable_is_stronger():
    app, _ = make(options={"origins": APP, "allow_credentials": False})
    told = repr(Page(app, APP).can_read("/items", credentials=True))
    assert told.endswith(" To share the answer, turn on allow_credentials of the arguments of init_app().>")


def test_what_no_page_may_read_is_told_apart_from_what_is_not_there():
    one = Page(plain(Set_Cookie="a=b", Access_Control_Allow_Origin="*"), APP)
    assert one.sees_header("/", "Set-Cookie").finding.because == "No page may read Set-Cookie."
    assert one.sees_header("/", "X-Total-Count").finding.because == "The answer has no X-Total-Count."


def test_what_no_script_can_ask_for_sends_nothing():
    verdict = page().can_read("/items", method="CONNECT")
    assert not verdict
    assert verdict.exchanges == ()
    assert verdict.finding.because == "No script can ask for it: a script cannot use the method 'CONNECT'."


# --- what is no question --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        f"{APP}/",
        "https://App.example.com",
        f"{APP}:443",
        "app.example.com",
        "*",
        "",
        "http://[",
        "https://x:y",
    ],
)
def test_an_origin_that_no_page_has_is_the_tests_mistake(origin):
    with pytest.raises(ValueError, match="is no page's origin"):
        Page(plain(), origin)


@pytest.mark.parametrize("origin", ["null", "http://[::1]:3000", "capacitor://localhost", "http://localhost"])
def test_an_origin_of_any_page_is_taken(origin):
    assert repr(Page(plain(), origin)) == f"Page({origin!r})"


def test_a_factory_that_was_not_called_is_the_tests_mistake():
    with pytest.raises(TypeError, match="a page needs a Flask app, not <function plain"):
        Page(plain, APP)


@pytest.mark.parametrize("base_url", ["", "api.example.com", "ftp://api.example.com", "https://"])
def test_a_base_url_that_no_browser_has_is_the_tests_mistake(base_url):
    with pytest.raises(ValueError, match="is not where browsers find an app"):
        Page(plain(), APP, base_url=base_url)


@pytest.mark.parametrize("path", ["items", "", "//items", "https://api.example.com/items"])
def test_a_path_without_its_one_slash_is_the_tests_mistake(path):
    with pytest.raises(ValueError, match="a path has one leading slash, unlike"):
        page().can_read(path)
