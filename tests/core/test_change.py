"""`widened` is true exactly if a page can do or read something that it could not, judged by a browser."""

import re
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from flask_cors_env import Policy, Request, Resource
from flask_cors_env.core.change import difference
from flask_cors_env.core.decision import decide_within
from flask_cors_env.core.header_names import HeaderNames
from flask_cors_env.core.request import Kind
from flask_cors_env.testing.browser import (
    Grant,
    PageRequest,
    Response,
    cors_check,
    judge_preflight,
    readable_headers,
)

OURS = "https://api.example.com"
A, B, WILD = "https://a.example", "https://b.example", "https://*.example"
PATHS = (
    "/*",
    "/api/*",
    "/api/admin/*",
    "/api/*/edit",
    "/v*/items",
    "/v1*/items",
    "/items",
    "/api/<int:n>",
    "/*/x",
)
ORIGINS = (
    A,
    B,
    WILD,
    "https://*.b.example",
    "https://x.b.example",
    "http://localhost:*",
    "http://localhost:3000",
    "null",
)
METHODS = ("PUT", "PATCH", "patch")
HEADERS = ("X-A", "x-a-*", "x-*", "Authorization", "Origin", "Sec-Fetch-Site")
EXPOSED = ("X-A", "x-b", "Set-Cookie", "Expires")

ASKED_PATHS = (
    "/", "/items", "/x", "/other", "/other/x", "/v/items", "/v1/items", "/v12/items", "/v2/items", "/api",
    "/api/x", "/api/7", "/api/7/x", "/api/7/edit", "/api/admin", "/api/admin/7", "/api/admin/x",
    "/api/admin/edit", "/api/admin/7/x", "/api/7/edit/y", "/api/admin/edit/z", "/v1/x", "/v/x", "/v12/x",
    "/v/items/y", "/items/x", "/api/", "/api/admin/", "/vq/items/x",
)  # fmt: skip
PAGES = (
    A, B, "https://x.b.example", "https://y.b.example", "https://y.z.b.example", "https://q.example", "http://localhost",
    "http://localhost:3000", "http://localhost:8080", "null", "https://stranger.test",
)  # fmt: skip
SENT = ("X-A", "X-A-B", "X-Q", "Q", "Authorization")
USED = ("PUT", "PATCH", "patch", "QUERY")
SHOWN = (("X-A", "1"), ("X-B", "2"), ("X-C", "3"), ("Set-Cookie", "s"), ("Expires", "0"))


def page(origin, credentials, method="GET", headers=()):
    return PageRequest(
        origin=origin, url=f"{OURS}/x", method=method, headers=headers, credentials=credentials
    )


def answered(resource, page, method=None, names=""):
    """What *resource* says to a page's request, or to its preflight, as a browser gets it."""
    request = Request(page.origin, "GET" if method is None else "OPTIONS", "/x", method, names)
    decision = decide_within(resource, request)
    assert (decision.kind is Kind.PREFLIGHT) == (method is not None)
    shown = () if method else SHOWN
    return Response(status=decision.status or 200, headers=(*decision.fields, *shown))


def abilities(policy):
    """All that pages can do and read under *policy*, as facts."""
    known = {resource: set(_abilities(resource)) for resource in (None, *policy.resources)}
    return {(path, *fact) for path in ASKED_PATHS for fact in known[policy.resource_for(path)]}


def _abilities(resource):
    for origin, credentials in product(PAGES, ("same-origin", "include")):
        asked = page(origin, credentials)
        response = answered(resource, asked)
        if response.status != 403:
            yield origin, "runs"
        if cors_check(asked, response) is None:
            yield origin, credentials, "reads"
            yield from ((origin, credentials, "sees", name) for name, _ in readable_headers(asked, response))
        for method in USED:
            asked = page(origin, credentials, method)
            if isinstance(judge_preflight(asked, answered(resource, asked, method)), Grant):
                yield origin, credentials, "uses", method
        for name in SENT:
            asked = page(origin, credentials, headers=((name, "1"),))
            if isinstance(judge_preflight(asked, answered(resource, asked, "GET", name.lower())), Grant):
                yield origin, credentials, "sends", name


def some(values):
    return st.lists(st.sampled_from(values), max_size=3, unique=True)


@st.composite
def resources(draw, name, credentials=None):
    credentials = draw(st.booleans()) if credentials is None else credentials
    everyone = st.nothing() if credentials else st.just(["*"])
    listed = st.lists(st.sampled_from(ORIGINS), min_size=1, max_size=3, unique=True)
    made = Resource.parse(
        name=name,
        paths=draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=2, unique=True)),
        origins=[o for o in draw(listed | everyone) if not (credentials and o == "null")],
        methods=draw(some(METHODS) | st.just(["*"])),
        allow_credentials=credentials,
        enforce=draw(st.booleans()),
    )
    headers = draw(some(HEADERS) | st.sampled_from([["*"], ["*", "Authorization"]]))
    enabled = draw(st.sampled_from([True, True, True, True, False]))
    exposed = tuple(draw(some(EXPOSED) | everyone))
    return replace(made, allow_headers=HeaderNames(headers), expose_headers=exposed, enabled=enabled)


@st.composite
def policies(draw, names=("one", "two")):
    kept = draw(st.lists(st.sampled_from(names), unique=True))
    return _policy([draw(resources(name)) for name in kept])


def _policy(resources):
    try:
        return Policy(resources)
    except ValueError:
        reject()


@st.composite
def pairs(draw):
    """Two policies: of one kind each, or one before and after an edit of one field."""
    old = draw(policies())
    if not old.resources or draw(st.integers(0, 3)) == 0:
        return old, draw(policies())
    edited, field = draw(st.sampled_from(old.resources)), draw(st.sampled_from(FIELDS))
    other = draw(resources(edited.name, None if field == "allow_credentials" else edited.allow_credentials))
    try:
        new = replace(edited, **{field: getattr(other, field)})
    except ValueError:
        reject()
    return old, _policy([new if resource is edited else resource for resource in old.resources])


FIELDS = (
    "paths",
    "origins",
    "methods",
    "allow_headers",
    "expose_headers",
    "allow_credentials",
    "enforce",
    "enabled",
)


@given(pairs())
@settings(max_examples=300)
def test_widened_is_true_exactly_where_a_browser_can_do_or_read_something_new(pair):
    old, new = pair
    gained = abilities(new) - abilities(old)
    assert difference(old, new).widened == bool(gained), sorted(map(str, gained))[:5]


@given(policies())
@settings(max_examples=30)
def test_nothing_is_widened_by_the_same_policy(policy):
    assert not difference(policy, Policy(policy.resources)).widened


def made(**fields):
    return Policy([Resource.parse(**{"origins": [A], **fields})])


def changed(policy, **fields):
    return Policy([replace(policy.resources[0], **fields)])


REGEX, OTHER, PORT, ALL = (
    re.compile("https://a"),
    re.compile("https://b"),
    "http://localhost:3000",
    ["*", "Authorization"],
)

CROSS = Resource.parse(name="cross", paths=["/*/x"], origins=[A])


def closed(path):
    return Resource.parse(name="closed", paths=[path])


CASES = {
    "enabled": (changed(made(), enabled=False), made(), True),
    "disabled": (made(), changed(made(), enabled=False), False),
    "disabled where it was enforced": (made(enforce=True), changed(made(), enabled=False), True),
    "the only origin is removed": (made(), made(origins=[]), False),
    "the only resource is removed": (made(), Policy([]), False),
    "the only resource, which enforced, is removed": (made(enforce=True), Policy([]), True),
    "enforced for everyone, and removed": (made(origins=["*"], enforce=True), Policy([]), False),
    "one origin that a pattern had": (made(origins=[WILD]), made(origins=["https://q.example"]), False),
    "a pattern within a pattern": (made(origins=[WILD]), made(origins=["https://*.b.example"]), False),
    "a pattern around a pattern": (made(origins=["https://*.b.example"]), made(origins=[WILD]), True),
    "any port of one port": (made(origins=[PORT]), made(origins=["http://localhost:*"]), True),
    "a narrower resource takes a path to more": (
        made(),
        Policy([*made().resources, Resource.parse(name="x", paths=["/x/*"], origins=[A, B])]),
        True,
    ),
    "a narrower resource takes a path to less": (
        made(),
        Policy([*made().resources, Resource.parse(name="x", paths=["/x/*"], origins=[])]),
        False,
    ),
    "a narrower resource that allowed less is gone": (
        Policy([*made().resources, Resource.parse(name="x", paths=["/x/*"], origins=[])]),
        made(),
        True,
    ),
    "a resource has another name": (made(), made(name="other"), False),
    "a compiled pattern is another": (made(origins=[REGEX]), made(origins=[OTHER]), True),
    "a compiled pattern is gone": (made(origins=[REGEX, A]), made(), False),
    "an origin that a compiled pattern had": (made(origins=[re.compile("https://a[.].*")]), made(), False),
    "a pattern that a compiled one may have had": (made(origins=[REGEX]), made(origins=[WILD]), True),
    "a compiled pattern where everyone was allowed": (made(origins=["*"]), made(origins=[OTHER]), False),
    "a compiled header name": (made(), made(allow_headers=[re.compile("x-.*")]), True),
    "a header that everyone had": (made(allow_headers=ALL), made(allow_headers=[REGEX]), False),
    "a name that no page can send": (made(), changed(made(), allow_headers=HeaderNames(["Origin"])), False),
    "credentials": (made(), made(allow_credentials=True), True),
    "no more credentials": (made(allow_credentials=True), made(), False),
    "a field that was not exposed": (made(), made(expose_headers=["X-A"]), True),
    "a field exposed in other letters": (made(expose_headers=["x-a"]), made(expose_headers=["X-A"]), False),
    "a path goes to another pattern": (
        Policy([closed("/api/*"), CROSS]),
        Policy([closed("/other/*"), CROSS]),
        True,
    ),
    "a longer life of preflights": (made(max_age=1), made(max_age=600), False),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "widened"), CASES.values(), ids=CASES)
def test_a_change_widens_or_does_not(old, new, widened):
    assert difference(old, new).widened is widened


def ask(**_asked):
    raise AssertionError("asked")


def ask_other(**_asked):
    raise AssertionError("asked")


FUNCTIONS = {
    "the same": (made(origins=ask), made(origins=ask), False),
    "another": (made(origins=ask), made(origins=ask_other), True),
    "gone": (made(origins=ask), made(origins=[]), False),
    "new": (made(), made(origins=ask), True),
    "new where everyone was allowed": (made(origins=["*"]), made(origins=ask), False),
    "an origin that it may have allowed": (made(origins=ask), made(origins=[A]), True),
    "the same, asked about the opaque origin": (
        made(origins=ask, allow_credentials=True),
        made(origins=ask),
        True,
    ),
}


@pytest.mark.parametrize(("old", "new", "widened"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_of_the_application_counts_as_widening_where_it_is_another_and_is_never_asked(
    old, new, widened
):
    assert difference(old, new).widened is widened


def test_a_view_that_has_rules_of_its_own_is_compared_by_its_name():
    view = replace(Resource.parse(name="view:items", origins=[A]), paths=())
    wider = replace(Resource.parse(name="view:items", origins=[A, B]), paths=())
    assert difference(Policy([view]), Policy([wider])).widened
    assert not difference(Policy([wider]), Policy([view])).widened


def test_very_many_resources_are_compared_where_they_changed():
    many = [Resource.parse(name=f"r{n}", paths=[f"/{n}/*"], origins=[A]) for n in range(300)]
    one = Resource.parse(name="r7", paths=["/7/*"], origins=[])
    narrower = [one if resource.name == "r7" else resource for resource in many]
    assert not difference(Policy(many), Policy(narrower)).widened
    assert difference(Policy(narrower), Policy(many)).widened


def test_what_is_too_much_to_compare_counts_as_widened():
    stars = Resource.parse(paths=["/" + "a*" * 200], origins=[A])
    others = Resource.parse(paths=["/" + "*a" * 200], origins=[A])
    assert difference(Policy([stars]), Policy([others])).widened
