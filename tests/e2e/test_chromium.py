"""
What a page in Chromium sees of each answer, and what the audit log says of it: the two must agree.
A browser tells a page nothing but TypeError, so a test that a request is refused reads the reason in the log.
"""

import json
import time
from pathlib import Path

import pytest

# An event is compared as a row of these fields, None where it has none.
FIELDS = (
    "cors.decision",
    "cors.reason",
    "cors.request.kind",
    "cors.origin",
    "http.request.method",
    "cors.request.method",
    "http.response.status_code",
    "cors.response.allow_origin",
)
REFUSED = {"error": "TypeError"}


@pytest.fixture(scope="module")
def listed(serve_page):
    return serve_page()


@pytest.fixture(scope="module")
def unlisted(serve_page):
    return serve_page()


@pytest.fixture(scope="module")
def server(serve, listed):
    variables = {
        "CORS_ENV": "development",
        "CORS_ORIGINS": listed,
        "CORS_ALLOW_CREDENTIALS": "true",
        "CORS_EXPOSE_HEADERS": "X-Total-Count",
        "CORS_ALLOW_HEADERS": "Content-Type,Authorization,X-Api-Key",
        "CORS_METHODS": "GET,PUT,POST",
        "CORS_MAX_AGE": "0",
    }
    return serve(Path(__file__).with_name("app.py"), variables)


@pytest.fixture
def ask(browser, server):
    """``ask(origin, path, **options)`` fetches in a page of that origin: what it sees, the new decisions."""

    def exchange(origin, path, **options):
        before = len(decisions(server))
        browser.open(origin)
        answer = browser.run("return ask(...arguments)", server.url + path, options)
        return answer, decisions(server)[before:]

    return exchange


def decisions(server):
    return [event for event in server.events() if event["event"] == "cors.decision"]


def rows(events):
    return [tuple(event.get(field) for field in FIELDS) for event in events]


def actual(origin, method, status):
    return ("allow", "origin_exact", "actual", origin, method, None, status, origin)


def preflight(origin, method):
    return ("allow", "origin_exact", "preflight", origin, "OPTIONS", method, 204, origin)


def denied_preflight(reason, origin, method):
    return ("deny", reason, "preflight", origin, "OPTIONS", method, 200, origin)


def console(browser, *, until, seconds=5):
    """All that the console said, which may follow the failed request after a moment."""
    said, deadline = "", time.monotonic() + seconds
    while until not in said and time.monotonic() < deadline:
        said += "\n".join(browser.console())
        time.sleep(0.02)
    return said


def test_a_listed_origin_reads_the_answer(ask, listed):
    answer, events = ask(listed, "/items")
    assert answer["status"] == 200
    assert json.loads(answer["body"]) == {"items": [1, 2, 3]}
    assert rows(events) == [actual(listed, "GET", 200)]


def test_an_unlisted_origin_reads_nothing_and_the_console_says_why(ask, browser, unlisted):
    answer, events = ask(unlisted, "/items")
    assert answer == REFUSED
    denial = ("deny", "origin_not_listed", "actual", unlisted, "GET", None, 200, None)
    assert rows(events) == [denial]
    cause = "No 'Access-Control-Allow-Origin' header is present"
    assert cause in console(browser, until=cause)


def test_an_unlisted_origin_does_not_get_past_its_preflight(ask, unlisted):
    answer, events = ask(unlisted, "/items/7", method="PUT")
    assert answer == REFUSED
    denial = ("deny", "origin_not_listed", "preflight", unlisted, "OPTIONS", "PUT", 403, None)
    assert rows(events) == [denial]


def test_a_put_with_a_listed_header_follows_its_preflight(ask, listed):
    answer, events = ask(listed, "/items/7", method="PUT", headers={"X-Api-Key": "k"})
    assert (answer["status"], json.loads(answer["body"])) == (200, {"item": 7, "key": "k"})
    assert rows(events) == [preflight(listed, "PUT"), actual(listed, "PUT", 200)]
    assert events[0]["cors.request.headers"] == "x-api-key"


def test_a_max_age_of_0_has_every_put_preflighted(ask, browser, server, listed):
    ask(listed, "/items/8", method="PUT")
    before = len(decisions(server))
    browser.run("return ask(...arguments)", f"{server.url}/items/8", {"method": "PUT"})
    assert rows(decisions(server)[before:]) == [preflight(listed, "PUT"), actual(listed, "PUT", 200)]


def test_a_header_that_is_not_allowed_is_refused_and_the_console_names_it(ask, browser, listed):
    answer, events = ask(listed, "/items", headers={"X-Debug": "1", "X-Api-Key": "k"})
    assert answer == REFUSED
    assert rows(events) == [denied_preflight("header_not_allowed", listed, "GET")]
    assert events[0]["cors.offending"] == "x-debug"
    cause = "Request header field x-debug is not allowed by Access-Control-Allow-Headers"
    assert cause in console(browser, until=cause)


def test_a_method_that_is_not_allowed_is_refused_and_the_console_names_it(ask, browser, listed):
    answer, events = ask(listed, "/items/7", method="DELETE")
    assert answer == REFUSED
    assert rows(events) == [denied_preflight("method_not_allowed", listed, "DELETE")]
    assert events[0]["cors.offending"] == "DELETE"
    cause = "Method DELETE is not allowed by Access-Control-Allow-Methods"
    assert cause in console(browser, until=cause)


def test_a_cookie_comes_back_with_credentials_and_only_then(ask, listed):
    _, login = ask(listed, "/login", method="POST", credentials="include")
    included, with_cookie = ask(listed, "/me", credentials="include")
    omitted, without = ask(listed, "/me", credentials="omit")
    assert json.loads(included["body"]) == {"session": True}
    assert json.loads(omitted["body"]) == {"session": False}
    assert rows(login) == [actual(listed, "POST", 200)]
    assert rows(with_cookie) == rows(without) == [actual(listed, "GET", 200)]
    assert with_cookie[0]["cors.request.credentialed"] is True
    assert not without[0].get("cors.request.credentialed")


def test_an_unlisted_origin_reads_nothing_with_credentials_either(ask, listed, unlisted):
    ask(listed, "/login", method="POST", credentials="include")
    answer, events = ask(unlisted, "/me", credentials="include")
    assert answer == REFUSED
    assert rows(events) == [("deny", "origin_not_listed", "actual", unlisted, "GET", None, 200, None)]


def test_the_page_sees_the_exposed_header_and_not_the_other(ask, listed):
    answer, events = ask(listed, "/items")
    assert answer["headers"]["x-total-count"] == "3"
    assert answer["headers"].keys() == {"content-length", "content-type", "x-total-count"}
    assert rows(events) == [actual(listed, "GET", 200)]


def test_the_answer_to_an_unhandled_exception_is_readable(ask, listed):
    answer, events = ask(listed, "/crash")
    assert answer["status"] == 500
    assert "Internal Server Error" in answer["body"]
    assert rows(events) == [actual(listed, "GET", 500)]


def test_a_404_is_readable(ask, listed):
    answer, events = ask(listed, "/nowhere")
    assert answer["status"] == 404
    assert "Not Found" in answer["body"]
    assert rows(events) == [actual(listed, "GET", 404)]


def test_a_preflight_is_answered_before_authentication(ask, listed):
    answer, events = ask(listed, "/private", headers={"Authorization": "Bearer t"})
    assert (answer["status"], json.loads(answer["body"])) == (200, {"secret": 42})
    assert rows(events) == [preflight(listed, "GET"), actual(listed, "GET", 200)]


def test_a_401_is_readable(ask, listed):
    answer, events = ask(listed, "/private")
    assert answer["status"] == 401
    assert rows(events) == [actual(listed, "GET", 401)]
