"""Paths: the grammar of patterns, what they cover, and which of them governs."""

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env.core.path import (
    PathError,
    PathIndex,
    glob_matches,
    overlaps,
    parse_path,
    without_dot_segments,
)


def refusal(text):
    with pytest.raises(PathError) as caught:
        parse_path(text)
    return caught.value


def index(*texts):
    return PathIndex([(parse_path(text), text) for text in texts])


def conflicts(*texts):
    """The pairs of patterns, each of an owner of its own, that specificity cannot choose between."""
    return [(o.one[1], o.other[1]) for o in overlaps([(parse_path(text), text) for text in texts])]


# --- the grammar


@pytest.mark.parametrize(
    ("text", "segments", "deep"),
    [
        ("/", ("",), False),
        ("/api", ("api",), False),
        ("/api/", ("api", ""), False),
        ("/api/items", ("api", "items"), False),
        ("/api/*", ("api",), True),
        ("/api/*/", ("api", "*", ""), False),
        ("/*/items", ("*", "items"), False),
        ("/v*/items-*.json", ("v*", "items-*.json"), False),
        ("/a+b %c~;,=:@!&'é", ("a+b %c~;,=:@!&'é",), False),
        ("/users/<int:id>", ("users", "*"), False),
        ("/users/<id>/posts", ("users", "*", "posts"), False),
        ("/v<int:n>/x", ("v*", "x"), False),
        ("/<a>-<b>", ("*-*",), False),
        ("/<a><b>", ("*",), False),
        ("/<a>*", ("*",), False),
        ("/*<a>", ("*",), False),
        ("/pick/<any(a, b):which>", ("pick", "*"), False),
        ('/re/<regex("[a-z]/(x)"):which>', ("re", "*"), False),
        ("/files/<path:name>", ("files",), True),
    ],
)
def test_a_pattern_is_parsed_into_its_segments(text, segments, deep):
    pattern = parse_path(text)
    assert (pattern.text, pattern.segments, pattern.deep) == (text, segments, deep)


@pytest.mark.parametrize("text", ["*", "/*"])
def test_all_paths_have_one_pattern(text):
    pattern = parse_path(text)
    assert (pattern.text, pattern.segments, pattern.deep) == ("/*", (), True)
    assert pattern.is_everything


REFUSED = [
    ("/api/.*", "path-is-regex", "/api/*"),
    ("^/api/.*$", "path-is-regex", "/api/*"),
    ("^/api/", "path-is-regex", "/api/*"),
    ("^/api", "path-is-regex", "/api/*"),
    ("^/api/$", "path-is-regex", "/api/"),
    ("^/", "path-is-regex", "/*"),
    (r"^\/api\/.+", "path-is-regex", "/api/*"),
    ("/api(/.*)?", "path-is-regex", "/api/*"),
    (".*", "path-is-regex", "/*"),
    ("/.*", "path-is-regex", "/*"),
    ("/api/v1.*", "path-is-regex", "/api/v1*/*"),
    (r"/api/\d+", "path-is-regex", "/api/*"),
    (r"/api/[a-z]+/items", "path-is-regex", "/api/*/items/*"),
    (r"/api/[a-z]+/items$", "path-is-regex", "/api/*/items"),
    (r"/api/(.*)", "path-is-regex", "/api/*"),
    (r"/api/(v1)?/items", "path-is-regex", None),
    (r"/files/\w{2,4}\.json", "path-is-regex", "/files/*.json/*"),
    ("/users/<int:id>/.*", "path-is-regex", "/users/*/*"),
    (r"/(pub|api)/.*", "path-is-regex", "/pub/*, /api/*"),
    (r"/(?!admin).*", "path-is-regex", None),
    ("/a$b", "path-has-variable", None),
    ("$(PREFIX)/items", "path-has-variable", None),
    ("/api/${VERSION}/*", "path-has-variable", None),
    ("/{{prefix}}/*", "path-has-variable", None),
    ("/a$<b>", "path-is-regex", None),
    ("/api/?", "path-is-regex", "/api/*"),
    ("/search?q=*", "path-is-regex", None),
    ("/a\\b", "path-is-regex", None),
    ("api/*", "path-not-absolute", "/api/*"),
    ("*.json", "path-not-absolute", "/*.json"),
    ("users/<int:id>", "path-not-absolute", "/users/<int:id>"),
    ("api//items", "path-not-absolute", "/api/items"),
    ("", "path-not-absolute", "/"),
    ("https://api.example.com/x", "path-not-absolute", None),
    ("/caf%C3%A9/*", "path-escaped", "/café/*"),
    ("/a%2Fb", "path-escaped", "/a/b"),
    ("/%2e%2e/x", "path-escaped", None),
    ("/%ff", "path-escaped", None),
    ("/%2541", "path-escaped", None),
    ("/<int:>", "path-bad-rule", None),
    ("/a>b", "path-bad-rule", None),
    ("/<a/b>", "path-bad-rule", None),
    ("/" + "<a(" * 700, "path-too-long", None),
    ("/" + "[" * 2048, "path-too-long", None),
    ("/a\nb", "path-has-control", None),
    ("/a\x00", "path-has-control", None),
    ("/a\ud800", "path-has-control", None),
    ("/a\u2028", "path-has-control", None),
    ("/api/**", "path-double-star", "/api/*"),
    ("/api/**/items", "path-double-star", None),
    ("/api/**.json", "path-double-star", None),
    ("/./api", "path-dot-segment", None),
    ("/api/..", "path-dot-segment", None),
    ("/api/../x/*", "path-dot-segment", None),
    ("//api", "path-empty-segment", "/api"),
    ("/api///items/*", "path-empty-segment", "/api/items/*"),
    ("//<int:id>", "path-empty-segment", "/<int:id>"),
    ("/<path:name>/edit", "path-converter-place", None),
    ("/files-<path:name>", "path-converter-place", None),
    ("<path:name>", "path-converter-place", None),
]


@pytest.mark.parametrize(("text", "code", "remedy"), REFUSED)
def test_a_pattern_outside_the_grammar_is_refused_with_the_corrected_spelling(text, code, remedy):
    error = refusal(text)
    assert (error.code, error.remedy) == (code, remedy)


@pytest.mark.parametrize("remedy", sorted({remedy for _, _, remedy in REFUSED if remedy is not None}))
def test_the_corrected_spelling_is_itself_in_the_grammar(remedy):
    assert [parse_path(text).text for text in remedy.split(", ")] == remedy.split(", ")


@given(st.text() | st.text("/ab*.<>:()|[]\\^$?+%2e") | st.text("/*.<int:a>"))
def test_every_pattern_is_parsed_or_refused_and_no_remedy_is_itself_wrong(text):
    try:
        pattern = parse_path(text)
    except PathError as error:
        written = [] if error.remedy is None else [error.remedy]
        if error.code == "path-is-regex" and written:
            written = written[0].split(", ")
    else:
        assert parse_path(pattern.text) == pattern
        written = [pattern.text]
    assert [parse_path(text).text for text in written] == written


# --- what a pattern covers


@pytest.mark.parametrize(
    ("text", "covered", "not_covered"),
    [
        ("/*", "/ /a /a/ /a/b // //a /.", ""),
        ("/", "/", "/a //"),
        ("/api", "/api", "/ /api/ /API /apis /ap /api/x"),
        ("/api/", "/api/", "/api /api// /api/x"),
        ("/api/*", "/api /api/ /api/x /api/x/ /api/x/y /api//", "/apifoo /api.x /API/x /x/api/ /"),
        ("/api/*/", "/api/x/ /api/xyz/", "/api/x /api// /api/x/y/"),
        ("/*/items", "/a/items /ab/items", "/items //items /a/b/items /a/items/"),
        ("/v*/x", "/v/x /v1/x /v1.2/x", "/x /w1/x /v1/y /v/1/x"),
        ("/*.json", "/a.json /.json", "/a.jso /a.json5 /a/b.json /json"),
        ("/a*b*c", "/abc /aXbYc /abbcc /abcbc", "/ac /abcd /xabc /acb /ab/c"),
        ("/aa*aa", "/aaaa /aaaaa /aabaa", "/aa /aaa"),
        ("/users/<int:id>", "/users/7 /users/x", "/users /users/ /users/7/ /users/7/x"),
        ("/files/<path:name>", "/files/a /files/a/b /files/", "/files"),
        ("/a+b", "/a+b", "/a%20b /aab /ab"),
    ],
)
def test_a_pattern_covers_what_its_glob_says(text, covered, not_covered):
    pattern = parse_path(text)
    assert [path for path in covered.split() if not pattern.covers(path)] == []
    assert [path for path in not_covered.split() if pattern.covers(path)] == []


@given(st.text("ab*", max_size=6), st.text("ab", max_size=8))
def test_a_glob_matches_exactly_if_a_naive_reading_does(glob, segment):
    def naive(glob, segment):
        if not glob:
            return not segment
        if glob[0] == "*":
            return naive(glob[1:], segment) or (segment != "" and naive(glob, segment[1:]))
        return segment[:1] == glob[0] and naive(glob[1:], segment[1:])

    expected = segment != "" if glob == "*" else naive(glob, segment)
    assert glob_matches(glob, segment) is expected


def test_a_hostile_glob_is_work_that_grows_with_its_stars_only(calls):
    glob = "*a" * 20 + "b"
    assert calls(glob_matches, glob, "a" * 100_000) <= calls(glob_matches, glob, "a" * 100) <= 70


# --- which pattern governs

NESTED = {
    "/*": "/ /x /v2/x /apix",
    "/api/*": "/api /api/ /api/x /api/x/y",
    "/api/admin/*": "/api/admin /api/admin/x /api/admin/ /api/admin/x/y",
    "/api/admin/login": "/api/admin/login",
    "/api/*/login": "/api/x/login",
    "/v*/items": "/v1/items /v/items",
    "/v1/*": "/v1/x /v1/items/",
    "/v1/items/<int:id>": "/v1/items/7",
}


def test_the_most_specific_pattern_governs_in_whatever_order_they_were_written():
    expected = {path: text for text, paths in NESTED.items() for path in paths.split()} | {
        "/v1/items": "/v*/items"
    }
    for order in list(permutations(NESTED))[::97]:
        found = index(*order)
        assert {path: found.find(path) for path in expected} == expected


@pytest.mark.parametrize(
    ("winner", "loser", "path"),
    [
        ("/api/items", "/api/*", "/api/items"),
        ("/api/items", "/api/item*", "/api/items"),
        ("/api/item*", "/api/*", "/api/items"),
        ("/api/*/c", "/api/*", "/api/b/c"),
        ("/*/b/longer-than-the-other", "/a/b/*", "/a/b/longer-than-the-other"),
        ("/users/<int:id>", "/users/*", "/users/7"),
        ("/users/<int:id>", "/users/<path:rest>", "/users/7"),
        ("/api/", "/api/*", "/api/"),
        ("/*.json", "/*", "/a.json"),
        ("/items-*", "/<path:any>", "/items-7"),
        ("/api", "/api/*", "/api"),
        ("/v*", "/v*/*", "/v1"),
        ("/users/<int:id>", "/users/<int:id>/*", "/users/7"),
        ("/*.json", "/*.json/*", "/a.json"),
        ("/v1*", "/v*/*", "/v1x"),
        ("/ab*/*", "/a*", "/abc"),
    ],
)
def test_of_two_patterns_the_more_specific_governs(winner, loser, path):
    assert parse_path(winner).covers(path)
    assert parse_path(loser).covers(path)
    assert [index(*order).find(path) for order in ((winner, loser), (loser, winner))] == [winner, winner]
    assert conflicts(winner, loser) == []


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/api/../private/x", None),
        ("/api/x/../../private", None),
        ("/api/..", None),
        ("/private/../api/x", None),
        ("/api/x/../y", "/api/*"),
        ("/api/./x", "/api/*"),
        ("/api/x/..", "/api/*"),
        ("/api/open/../closed", None),
        ("/api/.well-known/x", "/api/*"),
        ("/api/...", "/api/*"),
        ("/api/..x", "/api/*"),
        ("/api/%2e%2e/x", "/api/*"),
        ("/api/..%2fx", "/api/*"),
        ("/api/..\\x", "/api/*"),
        ("/api/..;/x", "/api/*"),
        ("/api//x", "/api/*"),
        ("//api/x", None),
        ("/api", "/api/*"),
        ("/api/../apifoo", None),
        ("/apifoo", None),
        ("/API/x", None),
        ("/api\x00/x", None),
        ("/\N{KELVIN SIGN}", None),
        ("", None),
        ("/", None),
    ],
)
def test_a_path_is_taken_as_the_router_sees_it_and_never_leaves_its_prefix(path, resource):
    assert index("/api/*", "/api/closed", "/k").find(path) == resource


def test_a_flask_rule_covers_what_its_converter_takes_and_a_glob_the_path_above_it():
    assert [index(text).find("/files") for text in ("/files/<path:name>", "/files/*")] == [None, "/files/*"]


def test_a_pattern_for_everything_covers_paths_with_dot_segments():
    assert index("/*").find("/a/../../b") == "/*"
    assert index("/*", "/a/*").find("/a/../../b") is None


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("/a/b", "/a/b"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../../b", "/b"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a/b/../", "/a/"),
        ("/a//..", "/a/"),
        ("/...", "/..."),
    ],
)
def test_dot_segments_are_resolved_as_rfc_3986_says(path, resolved):
    assert without_dot_segments(path) == resolved


@pytest.mark.parametrize("text", ["/", "/api", "/api/*", "/*/x", "/a*", "/<path:all>"])
def test_a_pattern_alone_governs_what_it_covers_and_nothing_else(text):
    paths = ["/", "/api", "/api/", "/api/x", "/x", "/x/", "/a/b/c"]
    assert [path for path in paths if index(text).find(path)] == list(filter(parse_path(text).covers, paths))


def test_an_empty_index_finds_nothing():
    assert PathIndex().find("/") is None


# --- laws, by brute force

segments = st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "a*b", "*a*", "<x>"])
patterns = st.builds(
    lambda parts, end: parse_path("/" + "/".join(parts) + end),
    st.lists(segments, min_size=1, max_size=3),
    st.sampled_from(["", "", "/*", "/"]),
) | st.just(parse_path("/*"))
PIECES = ["", "a", "b", "ab", "aab", "abb", "aba", "ba", "aabb"]
SHORT_PATHS = ["/" + "/".join(parts) for n in (1, 2, 3, 4) for parts in product(PIECES, repeat=n)]


PARTS = ["a", "aa", "b", "a*", "*a*", "a*a", "*b", "ab*", "*ba", "<x>"]
SEVERAL_PARTS = ["/a/b", "/a/<x>", "/<x>/b", "/<x>/<y>", "/a*/b", "/*a/b", "/a/", "/*/", "/a/b/a"]
SMALL = [f"/{part}" for part in PARTS] + SEVERAL_PARTS
SMALL_PATTERNS = [
    parse_path(text) for text in ["/", "/*", *SMALL, *(f"{text.rstrip('/')}/*" for text in SMALL)]
]
SMALL_PATHS = [
    "/" + "/".join(parts)
    for n in (1, 2, 3, 4)
    for parts in product(["", "a", "b", "aba", "ab", "ba", "aa"][: 4 if n == 4 else 7], repeat=n)
]


def test_all_small_patterns_overlap_exactly_if_some_path_is_covered_by_both():
    covered = {pattern: frozenset(filter(pattern.covers, SMALL_PATHS)) for pattern in SMALL_PATTERNS}
    wrong = [
        (one.text, other.text)
        for one, other in product(SMALL_PATTERNS, repeat=2)
        if one.overlaps(other) == covered[one].isdisjoint(covered[other])
    ]
    assert wrong == []


@given(patterns, patterns)
def test_two_patterns_overlap_exactly_if_some_path_is_covered_by_both(one, other):
    shared = any(one.covers(path) and other.covers(path) for path in SHORT_PATHS)
    assert one.overlaps(other) == other.overlaps(one) == shared


def rank_of(pattern, path):
    """How specific *pattern* is for *path*; for the path above its final star as if it had none."""
    if pattern.deep and path.count("/") == len(pattern.segments):
        literal, length = pattern.specificity
        return literal, length - len("/*"), 1
    return (*pattern.specificity, 0 if pattern.deep else 2)


@given(st.lists(patterns, min_size=1, max_size=6), st.data())
def test_the_index_finds_what_a_search_by_specificity_finds(entries, data):
    owned = [(pattern, f"owner {n}") for n, pattern in enumerate(entries)]
    path = data.draw(st.sampled_from(SHORT_PATHS))
    ranked = [(rank_of(p, path), owner) for p, owner in owned if p.covers(path)]
    best = {owner for rank, owner in ranked if rank == max(ranked)[0]}
    found = PathIndex(owned).find(path)
    assert found in best if best else found is None
    assert len(best) < 2 or conflicts_of(owned)


@given(st.lists(patterns, min_size=2, max_size=6))
def test_every_pair_without_a_choice_is_told_and_no_other(entries):
    owned = [(pattern, f"owner {n}") for n, pattern in enumerate(entries)]
    tied = {
        frozenset({one, other})
        for (a, one), (b, other) in product(owned, owned)
        if one != other
        and a.specificity == b.specificity
        and a.overlaps(b)
        and not (
            a.deep != b.deep and len(a.segments) == len(b.segments)
        )  # there the one without a star governs
    }
    assert {frozenset(pair) for pair in conflicts_of(owned)} == tied


def conflicts_of(owned):
    return [(overlap.one[1], overlap.other[1]) for overlap in overlaps(owned)]


@pytest.mark.parametrize(
    ("texts", "pairs"),
    [
        (("/a", "/a"), [("/a", "/a")]),
        (("/a/*", "/a/*"), [("/a/*", "/a/*")]),
        (("/a/*/c", "/a/b/*"), [("/a/*/c", "/a/b/*")]),
        (("/*/b", "/a/*"), [("/*/b", "/a/*")]),
        (("/a*c", "/ab*"), [("/a*c", "/ab*")]),
        (("/a*c", "/b*c"), []),
        (("/a*c", "/a*d"), []),
        (("/*/edit", "/<y>/edit"), [("/*/edit", "/<y>/edit")]),
        (("/<x>/edit", "/<y>/edit"), [("/<x>/edit", "/<y>/edit")]),
        (("/a", "/b", "/a/*", "/b/*"), []),
        (("/a*/*", "/*bcd"), []),
    ],
)
def test_patterns_of_equal_specificity_that_meet_are_told(texts, pairs):
    owned = [(parse_path(text), object()) for text in texts]
    assert [(overlap.one[0].text, overlap.other[0].text) for overlap in overlaps(owned)] == pairs


def test_one_owner_s_patterns_never_conflict():
    owner = object()
    assert list(overlaps([(parse_path(text), owner) for text in ("/a", "/a", "/*/b", "/a/*")])) == []


def test_literal_patterns_cost_a_look_up_each_however_many_there_are(calls):
    few = index(*(f"/a{n}/*" for n in range(3)), *(f"/b{n}/x" for n in range(3)))
    many = index(*(f"/a{n}/*" for n in range(600)), *(f"/b{n}/x" for n in range(600)))
    for path in ("/a2/x/y", "/b2/x", "/none", "/" + "a/" * 4000):
        assert calls(many.find, path) <= calls(few.find, path) + 2
