"""The way back: from an event to the request that it tells of, and to the same decision."""

import re

from hypothesis import given
from hypothesis import strategies as st
from recorded import Log

from flask_cors_env import Policy, Request, Resource
from flask_cors_env.core.decision import decide_within
from flask_cors_env.core.reason import Verdict

APP = "https://app.example.com"
POLICY = Policy(
    [
        Resource.parse(
            name="api",
            paths=["/api/*"],
            origins=[APP, "https://*.example.net", "null", re.compile("https://pr-[0-9]+[.]test")],
            methods=["PUT", "patch"],
            allow_headers=["X-Api-Key", "x-team-*", re.compile("x-[0-9]")],
            allow_credentials=False,
        ),
        Resource.parse(name="open", paths=["/open/*"], origins=["*"], methods=["*"], allow_headers=["*"]),
    ]
)
PIECES = (
    "x-api-key",
    "X-Team-1",
    "x-1",
    ",",
    " ",
    "\\",
    "\\x41",
    "\n",
    "\x80",
    "é",
    "\ud800",
    "(",
    "a" * 300,
)
ODD = st.lists(st.sampled_from(PIECES), max_size=4).map("".join) | st.text(max_size=20)
ORIGINS = (APP, "https://a.example.net", "null", "https://pr-1.test", "https://evil.test")
REQUESTS = st.builds(
    Request,
    origin=st.sampled_from(ORIGINS) | ODD,
    method=st.sampled_from(["GET", "OPTIONS", "PUT", "QUERY", "x"]),
    path=st.sampled_from(["/api/x", "/open/x", "/", "/open/\n\\x41"]) | ODD.map("/".__add__),
    requested_method=st.none() | st.sampled_from(["PUT", "put", "GET", ""]) | ODD,
    requested_headers=st.none() | ODD,
    credentialed=st.booleans(),
    same_origin=st.sampled_from([False]),
    host_differs=st.sampled_from([False]),  # a shape is of all requests of its kind, whatever their host
)


@given(REQUESTS)
def test_the_request_of_an_event_gets_the_same_decision_within_its_resource(request):
    log = Log(path=True)
    decision = log.decide(POLICY, request)
    (shape,) = log.shapes
    assert (shape.verdict, shape.reasons, shape.policy) == (decision.verdict, decision.reasons, POLICY.id)
    assert shape.has_path == ("url.path" not in shape.cut)
    if not shape.cut:
        assert (shape.request.path, shape.request.kind) == (request.path, request.kind)
        again = decide_within(POLICY.resource_named(shape.resource or ""), shape.request)
        assert again._replace(notes=()) == decision._replace(notes=())


def test_requests_that_are_alike_are_one_shape():
    log = Log()
    for origin in (APP, "https://evil.test", APP):
        log.decide(POLICY, Request(origin, path="/api/x"))
    assert [(shape.request.origin, shape.requests, shape.is_allowed) for shape in log.shapes] == [
        (APP, 2, True),
        ("https://evil.test", 1, False),
    ]


def test_a_path_that_is_not_told_is_not_made_up():
    log = Log()
    log.decide(POLICY, Request(APP, path="/api/x"))
    (shape,) = log.shapes
    assert (shape.has_path, shape.request.path) == (False, "/")


def test_what_was_not_decided_is_no_shape():
    log = Log()
    log.decide(POLICY, Request(None, path="/api/x"))
    assert log.shapes == []


def test_a_value_that_was_cut_is_named():
    log = Log()
    log.decide(POLICY, Request(APP, "OPTIONS", "/open/x", "PUT", ",".join(["x-api-key"] * 100)))
    (shape,) = log.shapes
    assert (shape.cut, shape.verdict) == ({"cors.request.headers"}, Verdict.ALLOW)
