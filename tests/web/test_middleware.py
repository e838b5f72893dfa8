"""What a client gets: whole answers, whoever made them, and whether the view ran."""

import pytest
from apps import APP, EVIL, events, make, preflight, protocol_fields
from flask import Flask, Response, abort, redirect, request, send_file, stream_with_context
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import EnvironBuilder

from flask_cors_env import CORS, cross_origin

VARY = {"Vary": "Origin"}
SHARED = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


def test_an_allowed_request_gets_its_origin_back_and_nothing_else():
    app, _ = make(ORIGINS=APP)
    response = app.test_client().get("/items", headers={"Origin": APP})
    assert protocol_fields(response) == SHARED
    assert app.ran == ["view"]


def test_credentials_and_exposed_names_are_on_the_actual_response_only():
    app, _ = make(ORIGINS=APP, ALLOW_CREDENTIALS="true", EXPOSE_HEADERS="X-Total-Count, ETag")
    response = app.test_client().get("/items", headers={"Origin": APP})
    assert protocol_fields(response) == {
        **SHARED,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "ETag, X-Total-Count",
    }
    assert "Access-Control-Expose-Headers" not in preflight(app.test_client()).headers


@pytest.mark.parametrize("origin", [EVIL, "null", "https://app.example.com.evil.net", "x" * 600])
def test_a_refused_request_runs_but_is_not_shared(origin):
    app, _ = make(ORIGINS=APP)
    response = app.test_client().get("/items", headers={"Origin": origin})
    assert (response.status_code, protocol_fields(response)) == (200, VARY)
    assert app.ran == ["view"]


def test_with_enforce_a_refused_request_is_403_and_its_view_does_not_run():
    app, _ = make(ORIGINS=APP, ENFORCE="true")
    response = app.test_client().get("/items", headers={"Origin": EVIL})
    assert (response.status_code, response.data, protocol_fields(response)) == (403, b"", VARY)
    assert app.ran == []


def test_a_request_without_origin_only_gets_vary():
    app, _ = make(ORIGINS=APP)
    assert protocol_fields(app.test_client().get("/items")) == VARY


def test_a_public_resource_says_so_to_everyone_without_vary():
    app, _ = make(RESOURCES__FEED__PATH="/items", RESOURCES__FEED__PUBLIC="true")
    client = app.test_client()
    for headers in ({}, {"Origin": APP}, {"Origin": "not an origin"}, {"Origin": "null"}):
        assert protocol_fields(client.get("/items", headers=headers)) == {"Access-Control-Allow-Origin": "*"}


def test_an_allowed_preflight_is_answered_with_the_whole_policy_and_no_body():
    app, _ = make(ORIGINS=APP, METHODS="PUT PATCH", ALLOW_HEADERS="X-B X-A", MAX_AGE="10m")
    response = preflight(app.test_client(), headers="x-a")
    assert (response.status_code, response.data) == (204, b"")
    assert dict(response.headers) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Max-Age": "600",
        "Access-Control-Allow-Methods": "PATCH, PUT",
        "Access-Control-Allow-Headers": "X-A, X-B",
        "Vary": PREFLIGHT_VARY,
    }
    assert app.ran == []


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        (EVIL, "PUT", None),
        (APP, "DELETE", None),
        (APP, "PUT", "x-evil"),
        (APP, "PUT", "a b"),
        (APP, "", None),
    ],
)
def test_a_refused_preflight_is_403_without_a_field_or_a_body(origin, method, headers):
    app, _ = make(ORIGINS=APP, METHODS="PUT")
    response = preflight(app.test_client(), origin=origin, method=method, headers=headers)
    assert (response.status_code, response.data) == (403, b"")
    assert protocol_fields(response) == {"Vary": PREFLIGHT_VARY}
    assert app.ran == []


def test_in_development_a_refused_method_is_explained_to_the_browser():
    app, _ = make({"CORS_ENV": "development"}, ORIGINS=APP, METHODS="PUT", ALLOW_HEADERS="X-A")
    response = preflight(app.test_client(), method="PATCH")
    assert response.status_code == 200
    assert protocol_fields(response) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Max-Age": "0",
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "X-A",
        "Vary": PREFLIGHT_VARY,
    }
    assert response.text.startswith("CORS: method_not_allowed: ")
    assert response.text.endswith("Refused: PATCH. Add the method to CORS_METHODS.\n")


def test_in_development_a_refused_origin_stays_403_and_says_why():
    app, _ = make({"CORS_ENV": "development"}, ORIGINS=APP)
    response = preflight(app.test_client(), origin="http://app.example.com")
    assert (response.status_code, protocol_fields(response)) == (403, {"Vary": PREFLIGHT_VARY})
    assert "Nearest entry: https://app.example.com (scheme)." in response.text


def test_a_preflight_is_answered_before_hooks_routing_and_redirects():
    def guarded(app):
        app.before_request(lambda: abort(401))
        app.add_url_rule("/dir/", view_func=lambda: "", endpoint="dir")

    app, _ = make(ORIGINS=APP, before=guarded)
    for path in ("/items", "/dir", "/no/such/path"):
        assert preflight(app.test_client(), path).status_code == 204


def test_options_without_a_requested_method_is_the_apps():
    app, _ = make(ORIGINS=APP)
    response = app.test_client().options("/items", headers={"Origin": APP})
    assert (app.ran, protocol_fields(response)) == (["view"], SHARED)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_same_origin_request_is_left_to_the_app_and_not_logged(headers, capfd):
    app, _ = make(ORIGINS=APP)
    response = app.test_client().post("/items", headers=headers)
    assert protocol_fields(response) == VARY
    assert events(capfd.readouterr().err) == []


@pytest.mark.parametrize(("origin", "fields"), [(APP, SHARED), ("https://shop.test", VARY)])
def test_where_the_host_is_another_the_origin_decides_and_the_event_says_so(origin, fields, capfd):
    app, _ = make(ORIGINS=APP)
    response = app.test_client().post("/items", headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"})
    assert protocol_fields(response) == fields
    [event] = events(capfd.readouterr().err)
    assert event["cors.notes"] == "host_differs"
    assert "cors.remedy.env" not in event
    assert event["cors.remedy.hint"] == (
        "A proxy hides the host: add werkzeug's ProxyFix, or let the proxy pass on the Host field."
    )


@pytest.mark.parametrize("value", ["cross-site", "same-site", "none", "x"])
def test_a_browser_that_says_another_site_is_believed(value, capfd):
    app, _ = make(ORIGINS=APP)
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": value}
    assert protocol_fields(app.test_client().post("/items", headers=headers)) == VARY
    assert [event["cors.decision"] for event in events(capfd.readouterr().err)] == ["deny"]


def _makers(app):
    app.add_url_rule("/redirect", view_func=lambda: redirect("/items"), endpoint="redirect")
    app.add_url_rule("/teapot", view_func=lambda: abort(418), endpoint="teapot")
    app.add_url_rule("/crash", view_func=lambda: 1 / 0, endpoint="crash")
    app.add_url_rule("/file", view_func=lambda: send_file(__file__, conditional=True), endpoint="file")
    app.add_url_rule("/large", view_func=lambda: request.get_data(), methods=["POST"])  # noqa: PLW0108 - asked in the view
    app.add_url_rule(
        "/stream", view_func=lambda: Response(stream_with_context(iter(["a", "b"]))), endpoint="stream"
    )
    app.config["MAX_CONTENT_LENGTH"] = 10


@pytest.mark.parametrize(
    ("method", "path", "extra", "status"),
    [
        ("GET", "/redirect", {}, 302),
        ("GET", "/teapot", {}, 418),
        ("GET", "/crash", {}, 500),
        ("GET", "/file", {"Range": "bytes=0-3"}, 206),
        ("GET", "/file", {"If-Modified-Since": "Fri, 31 Dec 2100 00:00:00 GMT"}, 304),
        ("POST", "/large", {"data": "x" * 20}, 413),
        ("GET", "/stream", {}, 200),
        ("HEAD", "/stream", {}, 200),
        ("GET", "/nowhere", {}, 404),
        ("DELETE", "/items", {}, 405),
    ],
)
def test_every_response_of_a_governed_path_is_shared_whoever_made_it(method, path, extra, status, capfd):
    app, _ = make(ORIGINS=APP, before=_makers)
    extra = dict(extra)
    data = extra.pop("data", None)
    response = app.test_client().open(path, method=method, headers={"Origin": APP, **extra}, data=data)
    response.close()
    assert (response.status_code, protocol_fields(response)) == (status, SHARED)
    (event,) = events(capfd.readouterr().err)
    assert (event["cors.decision"], event["http.response.status_code"]) == ("allow", status)


def test_an_after_request_that_replaces_the_response_is_shared_too():
    app, _ = make(ORIGINS=APP)
    app.after_request(lambda _: Response("replaced"))
    response = app.test_client().get("/items", headers={"Origin": APP})
    assert (response.text, protocol_fields(response)) == ("replaced", SHARED)


@pytest.mark.parametrize("own", [("Access-Control-Allow-Origin", "*"), ("access-control-allow-ORIGIN", EVIL)])
def test_a_views_own_fields_never_switch_the_policy_off(own, capfd):
    app, _ = make(ORIGINS=APP)
    app.after_request(lambda response: response.headers.add(*own) or response)
    client = app.test_client()
    assert protocol_fields(client.get("/items", headers={"Origin": EVIL})) == VARY
    assert protocol_fields(client.get("/items", headers={"Origin": APP})) == SHARED
    assert [e["cors.notes"] for e in events(capfd.readouterr().err)] == ["response_conflict"] * 2


@pytest.mark.parametrize(
    ("own", "merged"),
    [
        ("origin", "origin"),
        ("Accept-Encoding", "Accept-Encoding, Origin"),
        ("Accept, ORIGIN", "Accept, ORIGIN"),
        ("*", "*"),
    ],
)
def test_vary_is_merged_without_repeats(own, merged):
    app, _ = make(ORIGINS=APP)
    app.after_request(lambda response: response.headers.add("Vary", own) or response)
    assert app.test_client().get("/items").headers.getlist("Vary") == [merged]


def test_paths_that_no_resource_covers_are_never_touched(capfd):
    app, _ = make(RESOURCES__API__PATH="/api/*", RESOURCES__API__ORIGINS=APP)
    client = app.test_client()
    assert protocol_fields(client.get("/items", headers={"Origin": APP})) == {}
    assert preflight(client).status_code == 200
    assert app.ran == ["view", "view"]
    first, second = events(capfd.readouterr().err)
    assert (first["cors.reason"], first["cors.remedy.env"]) == ("no_resource", "CORS_RESOURCES__<NAME>__PATH")
    assert (second["cors.reason"], second["cors.request.kind"]) == ("no_resource", "preflight")


def test_an_app_that_shares_an_ungoverned_path_itself_is_left_alone_and_not_blamed(capfd):
    app, _ = make(RESOURCES__API__PATH="/api/*", RESOURCES__API__ORIGINS=APP)
    app.after_request(lambda response: response.headers.set("Access-Control-Allow-Origin", "*") or response)
    response = app.test_client().get("/items", headers={"Origin": APP})
    assert protocol_fields(response) == {"Access-Control-Allow-Origin": "*"}
    assert events(capfd.readouterr().err) == []


@pytest.mark.parametrize("level", ["decision", "all"])
def test_what_is_logged_changes_no_response(level):
    app, _ = make(ORIGINS=APP, ENABLED="false", AUDIT_LEVEL=level)
    app.after_request(lambda response: response.headers.set("Access-Control-Allow-Origin", "*") or response)
    for headers in ({}, {"Origin": APP}):
        response = app.test_client().get("/items", headers=headers)
        assert protocol_fields(response) == {"Access-Control-Allow-Origin": "*"}


def test_a_disabled_resource_is_left_as_the_app_makes_it(capfd):
    app, _ = make(ORIGINS=APP, ENABLED="false")
    assert protocol_fields(app.test_client().get("/items", headers={"Origin": APP})) == {}
    assert events(capfd.readouterr().err) == []


def test_an_exception_that_passes_the_app_is_logged_before_it_goes_on(capfd):
    app, _ = make(ORIGINS=APP, before=_makers)
    app.testing = True
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/crash", headers={"Origin": APP})
    (event,) = events(capfd.readouterr().err)
    assert (event["cors.notes"], event["http.response.status_code"]) == ("debugger_response", 500)
    assert "cors.response.allow_origin" not in event


def test_a_mounted_app_is_matched_without_its_mount_point():
    app, _ = make(RESOURCES__API__PATH="/items", RESOURCES__API__ORIGINS=APP)
    response = app.test_client().get("/items", headers={"Origin": APP}, base_url="http://localhost/mounted/")
    assert protocol_fields(response) == SHARED


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("/api/x", True),
        ("/api/%2e%2e/api/x", True),
        ("/apix", False),
        ("/API/x", False),
        ("/api/../private", False),
        ("/api/..%2fprivate/x", False),
        ("/%2561pi/x", False),
    ],
)
def test_a_path_is_decoded_once_and_dot_segments_cannot_leave_a_resource(path, shared):
    app, _ = make(RESOURCES__API__PATH="/api/*", RESOURCES__API__ORIGINS=APP)
    app.add_url_rule("/<path:rest>", view_func=lambda rest: rest, endpoint="all")
    response = app.test_client().get(path, headers={"Origin": APP})
    assert ("Access-Control-Allow-Origin" in response.headers) is shared


def test_leading_slashes_count_once_as_the_router_counts_them():
    app, _ = make(RESOURCES__API__PATH="/api/*", RESOURCES__API__ORIGINS=APP)
    doubled = {"PATH_INFO": "//api/x"}
    response = app.test_client().get("/", headers={"Origin": APP}, environ_overrides=doubled)
    assert protocol_fields(response) == SHARED


def started_again(_environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    start(
        "500 Internal Server Error", [("Access-Control-Allow-Origin", "*")], (ValueError, ValueError(), None)
    )
    return [b"late"]


def test_a_response_that_is_started_again_is_shared_again_and_logged_once(capfd):
    app, _ = make(ORIGINS=APP, before=lambda app: setattr(app, "wsgi_app", started_again))
    started = []
    environ = EnvironBuilder("/", headers={"Origin": APP}).get_environ()
    assert app.wsgi_app(environ, lambda *head: started.append(head)) == [b"late"]
    assert [status for status, _, _ in started] == ["200 OK", "500 Internal Server Error"]
    assert all(dict(headers).items() >= SHARED.items() for _, headers, _ in started)
    assert len(events(capfd.readouterr().err)) == 1


def test_an_application_that_starts_late_and_fails_before_is_logged(capfd):
    closed = []

    class Late:
        def __iter__(self):
            raise ValueError("before it started")

        def close(self):
            closed.append(True)

    app, _ = make(ORIGINS=APP, before=lambda app: setattr(app, "wsgi_app", lambda *_: Late()))
    with pytest.raises(ValueError, match="before it started"):
        app.test_client().get("/", headers={"Origin": APP})
    assert [e["cors.notes"] for e in events(capfd.readouterr().err)] == ["debugger_response"]
    assert closed == [True]


def test_an_application_that_is_closed_before_it_starts_is_logged_once(capfd):
    def late(_environ, start):
        start("200 OK", [])
        yield b"late"

    app, _ = make(ORIGINS=APP, before=lambda app: setattr(app, "wsgi_app", late))
    environ = EnvironBuilder("/", headers={"Origin": APP}).get_environ()
    unread, read = (app.wsgi_app(environ, lambda *_: None) for _ in range(2))
    assert next(read) == b"late"
    for body in (unread, read, unread):
        body.close()
    assert [e["http.response.status_code"] for e in events(capfd.readouterr().err)] == [200, 0]


def test_of_mounted_apps_that_are_closed_before_they_start_the_one_that_serves_says_so(capfd):
    def late(_environ, start):
        start("200 OK", [])
        yield b"late"

    inner, _ = make(ORIGINS=APP, before=lambda app: setattr(app, "wsgi_app", late))
    mounts = DispatcherMiddleware(late, {"/inner": inner.wsgi_app})
    outer, _ = make(ORIGINS="https://outer.example", before=lambda app: setattr(app, "wsgi_app", mounts))
    environ = EnvironBuilder("/inner/items", headers={"Origin": APP}).get_environ()
    outer.wsgi_app(environ, lambda *_: None).close()
    assert [e["cors.decision"] for e in events(capfd.readouterr().err)] == ["allow"]


def test_a_stream_that_is_closed_early_is_closed_for_the_app_too():
    closed = []
    app, _ = make(ORIGINS=APP)

    @app.get("/stream")
    def stream():
        response = Response(iter(["a", "b"]))
        response.call_on_close(lambda: closed.append(True))
        return response

    response = app.test_client().get("/stream", headers={"Origin": APP}, buffered=False)
    response.close()
    assert closed == [True]


@pytest.mark.parametrize("matching", ["host", "subdomain"])
def test_views_are_found_where_the_url_map_matches_hosts(matching):
    if matching == "host":
        app, where = Flask("shop", host_matching=True, static_host="x.test"), {"host": "api.example.test"}
    else:
        app, where = Flask("shop", subdomain_matching=True), {"subdomain": "api"}
        app.config["SERVER_NAME"] = "example.test"
    CORS(app, environ={"CORS_ENV": "production"})
    app.add_url_rule("/items", endpoint="items", view_func=cross_origin(APP)(lambda: ""), **where)
    client = app.test_client()
    for base, shared in (("http://api.example.test", APP), ("http://other.example.test", None)):
        response = client.get("/items", headers={"Origin": APP}, base_url=base)
        assert response.headers.get("Access-Control-Allow-Origin") == shared
        assert (preflight(client).status_code == 204) is False


def test_a_failure_of_our_own_shares_nothing_and_the_app_still_answers(monkeypatch, capfd):
    app, _ = make(ORIGINS=APP)
    monkeypatch.setattr("flask_cors_env.web.prepared.decide_within", lambda *_, **__: 1 / 0)
    client = app.test_client()
    assert protocol_fields(client.get("/items", headers={"Origin": APP})) == VARY
    assert preflight(client).status_code == 403
    assert [e["cors.reason"] for e in events(capfd.readouterr().err)] == ["internal_error"] * 2
