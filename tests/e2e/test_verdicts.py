"""What `flask_cors_env.testing` says of a page, Chromium does to it: the same app, asked by both."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from flask_cors_env.testing import Page

APP = Path(__file__).with_name("app.py")
POLICY = {
    "CORS_ENV": "testing",
    "CORS_EXPOSE_HEADERS": "X-Total-Count",
    "CORS_ALLOW_HEADERS": "X-Api-Key",
    "CORS_METHODS": "PUT",
}
KEY, DEBUG = {"X-Api-Key": "k"}, {"X-Debug": "1"}
# path, and what else the script asks for
REQUESTS = {
    "a plain request": ("/items", {}),
    "with credentials": ("/items", {"credentials": True}),
    "with a listed header": ("/items", {"headers": KEY}),
    "with another header": ("/items", {"headers": DEBUG}),
    "with a safelisted header": ("/items", {"headers": {"Accept-Language": "de"}}),
    "with a value that is not": ("/items", {"headers": {"Content-Type": "application/json"}}),
    "with a header that no script can set": ("/items", {"headers": {"Cookie": "a=b"}}),
    "a listed method": ("/items/1", {"method": "put", "headers": KEY}),
    "a listed method with credentials": ("/items/1", {"method": "PUT", "credentials": True}),
    "another method": ("/items/1", {"method": "DELETE"}),
    "a method that is not normalized": ("/items/1", {"method": "patch"}),
    "a method that no script can use": ("/items/1", {"method": "TRACE"}),
    "a plain post": ("/login", {"method": "POST"}),
    "an error": ("/missing", {}),
    "a crash": ("/crash", {}),
    "a refusal of the app's": ("/private", {}),
}
HEADERS = ("Content-Type", "X-Total-Count", "X-Internal-Cost", "Set-Cookie")


@pytest.fixture(scope="module")
def listed(serve_page):
    return serve_page()


@pytest.fixture(scope="module", params=["false", "true"], ids=["anonymous", "credentials"])
def policy(request, listed):
    return {**POLICY, "CORS_ORIGINS": listed, "CORS_ALLOW_CREDENTIALS": request.param}


@pytest.fixture(scope="module")
def server(serve, policy):
    return serve(APP, policy)


@pytest.fixture(scope="module")
def origins(serve_page, listed):
    return {"listed": listed, "unlisted": serve_page()}


@pytest.fixture
def app(policy, monkeypatch):
    for name, value in policy.items():
        monkeypatch.setenv(name, value)
    spec = spec_from_file_location("app", APP)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.create_app()


def seen_by(browser, url, options):
    """Whether the answer is read, and which of its headers are seen."""
    mode = "include" if options.get("credentials") else "same-origin"
    answer = browser.run("return ask(...arguments)", url, {**options, "credentials": mode})
    return "error" not in answer, [name for name in HEADERS if name.lower() in answer.get("headers", {})]


def told_of(page, path, options):
    """What the verdicts say of the same."""
    seen = [name for name in HEADERS if page.sees_header(path, name, **options)]
    return bool(page.can_read(path, **options)), seen


@pytest.mark.parametrize("whose", ["listed", "unlisted"])
def test_the_verdicts_are_chromiums(whose, app, browser, server, origins):
    browser.open(origins[whose])
    page = Page(app, origins[whose], base_url=server.url)
    seen = {name: seen_by(browser, server.url + path, options) for name, (path, options) in REQUESTS.items()}
    assert {name: told_of(page, *asked) for name, asked in REQUESTS.items()} == seen
    assert {read for read, _ in seen.values()} == ({True, False} if whose == "listed" else {False})
