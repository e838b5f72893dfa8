"""Every path made of usual parts is translated, or told; and what is written covers what it says."""

import re
import warnings
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env.answers.migrate.entries import paths as translate
from flask_cors_env.core.path import parse_path

STARTS = ["/", "^/", "/api/", "/v[12]/", r"/v\d+/", "/(a|b)/", "/[^/]+/", "/.*/", "/a.b/"]
MIDDLES = [
    "",
    "items",
    "items.*",
    r"[a-z]+",
    "*",
    ".*",
    r"(x|y)?",
    r"items(/.*)?",
    r"\d+/",
    "[^/]*/",
    r"(?!x)",
]
ENDS = ["", "$", "/*", "/.*", "/", "/$", r"\.json$", r"\Z", ".*$", "/+"]
FIRST = ["api", "v1", "v9", "vx", "a", "a.b", "axb", "q"]
PATHS = [f"/{first}/{second}" for first, second in product(FIRST, ["", "items", "itemsfoo", "7", "x.json"])]
PATHS += "/ /api /v1 /a/items/7 /api/x/items /q/items/items.json /v1/7/ /apifoo /a/b/c/d".split()


def covered(texts, path):
    return any(parse_path(text).covers(path) for text in texts)


def unexplained(text):
    """The paths that the expression and what is written for it judge differently, without a line."""
    made = translate([re.compile(text)], "")
    effects = {line.difference.effect for line in made.lines}
    for path in PATHS:
        before, after = re.match(text, path) is not None, covered(made.texts, path)
        needed = {"wider", "differs"} if after else {"differs", "by hand"}
        if before != after and not effects & needed:
            yield text, path, before, made.texts
        if before and "by hand" in effects and not covered([*made.texts, *made.closed], path):
            yield text, path, "neither governed nor closed", made.texts


def is_expression(text):
    try:
        return bool(re.compile(text))
    except re.error:
        return False


@pytest.mark.parametrize("start", STARTS)
def test_expressions_of_usual_parts_cover_the_same_or_a_line_says_so(start):
    texts = filter(is_expression, (start + "".join(parts) for parts in product(MIDDLES, ENDS)))
    assert [found for text in texts for found in unexplained(text)] == []


@pytest.mark.parametrize(
    ("pattern", "texts", "codes"),
    [
        ("/*", ["/*"], []),
        ("*", ["/*"], []),
        (re.compile(".*"), ["/*"], []),
        ("/api", ["/api"], []),
        ("/api/*", ["/api/*"], ["path-prefix"]),
        (r"/api/.*", ["/api/*"], ["path-above"]),
        ("^/api/", ["/api/*"], ["path-above"]),
        ("^/api", ["/api/*"], ["path-prefix"]),
        (r"/api.*", ["/api*/*"], []),
        (r"/api(/.*)?$", ["/api/*"], []),
        (r"/v[12]/.*", ["/v1/*", "/v2/*"], ["path-above"]),
        (r"/v\d+/.*", ["/v*/*"], ["path-wider", "path-above"]),
        ("/users/[^/]+$", ["/users/<segment>"], []),
        (r"/users/\d+$", ["/users/<segment>"], ["path-wider"]),
        (r"/static/.*\.js$", ["/static/*.js"], ["path-depth"]),
        ("/static/app.js$", ["/static/app.js"], ["path-dot"]),
        (re.compile("/API/.*", re.IGNORECASE), ["/api/*"], ["path-above", "path-case"]),
        ("/api/*/items", ["/api/*/items"], ["path-glob"]),
        ("/(?!admin).*", [], ["path-by-hand"]),
        ("api/*", [], ["path-never"]),
        ("/users/<int:id>", [], ["path-never"]),
        (7, [], ["path-never"]),
    ],
)
def test_an_expression_becomes_the_globs_that_mean_it(pattern, texts, codes):
    made = translate([pattern], "")
    assert (made.texts, [line.difference.code for line in made.lines]) == (texts, codes)


@pytest.mark.parametrize(
    ("routes", "codes"),
    [
        (["/api/items", "/other"], []),
        (["/api"], ["path-above"]),
        (["/api/"], ["path-above"]),
        (["/<name>"], ["path-above"]),
        (["/<regex('[a-z]'):name>"], ["path-above"]),
    ],
)
def test_that_a_glob_covers_the_path_above_it_is_said_where_a_route_takes_it(routes, codes):
    assert [line.difference.code for line in translate(["/api/.*"], "", routes).lines] == codes


def test_the_routes_that_an_expression_without_a_glob_matches_are_listed():
    made = translate([r"/(?!admin).*"], "", ["/items", "/admin", "/users/<int:id>"])
    assert (made.texts, made.closed) == (["/items"], ["/*"])


def test_what_an_expression_of_unknown_reach_may_govern_is_closed():
    assert translate([r"/api/v\d+/(?!admin)x"], "").closed == ["/api/*"]
    assert translate([r"(?=/x)/y"], "").closed == ["/*"]


ALPHABET = [*"/api*.()[]|+?^$0-9{}", r"\d", "/api", "/.*", "(?:", "[^/]+", "items"]


@given(st.lists(st.sampled_from(ALPHABET), max_size=10).map(lambda parts: "/" + "".join(parts)))
def test_any_expression_covers_the_same_or_a_line_says_so(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what flask-cors compiles may be odd
        assert not is_expression(text) or list(unexplained(text)) == []
