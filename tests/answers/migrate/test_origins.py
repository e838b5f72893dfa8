"""Every expression made of usual parts is translated, or told; and what is written lets in what it says."""

import re
import warnings
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from peers import ORIGINS

from flask_cors_env.answers.migrate.entries import origins as translate
from flask_cors_env.core.origin import Origins, parse_origin

SCHEMES = [
    "https://",
    "https?://",
    "^https://",
    "(http|https)://",
    "(?:capacitor|http)://",
    ".*",
    r"^http(s)?:\/\/",
]
BELOW = [
    "",
    "app.",
    r".*\.",
    r".+\.",
    r"[a-z]+\.",
    r"([a-z0-9-]+\.)?",
    r"(?:\w+\.)*",
    ".*",
    r"\w+-",
    r"(app|b)\.",
]
HOSTS = [r"example\.com", "example.com", "localhost", r"127\.0\.0\.1", r"192\.168\.\d+\.\d+", "[a-z]+[.]com"]
TAILS = ["", "$", r":\d+", r"(:\d+)?$", ":*", ".*", "/?$", r":[0-9]{4}$", r"\Z", ":8443$", r"(:443)?$", r"\b"]

SUB = "https://*.example.com"
WIDER = {"wider", "differs"}
NARROWER = {"narrower", "by hand", "differs"}


def written(*patterns):
    made = translate(patterns, "origins")
    return made.texts, [line.difference.code for line in made.lines]


def unexplained(text, regex):
    """The origins that the expression and what is written for it judge differently, without a line."""
    made = translate([regex], "")
    effects = {line.difference.effect for line in made.lines}
    ours = Origins(map(parse_origin, made.texts))
    for origin in ORIGINS:
        before, after = regex.match(origin) is not None, ours.match(origin) is not None
        if before != after and not effects & (WIDER if after else NARROWER):
            yield text, origin, before, made.texts


@pytest.mark.parametrize("scheme", SCHEMES)
def test_expressions_of_usual_parts_mean_the_same_or_a_line_says_so(scheme):
    texts = [scheme + "".join(parts) for parts in product(BELOW, HOSTS, TAILS)]
    wrong = [found for text in texts for found in unexplained(text, re.compile(text, re.IGNORECASE))]
    assert wrong == []


@pytest.mark.parametrize(
    ("pattern", "texts", "codes"),
    [
        (r"^https://.*\.example\.com$", [SUB], []),
        (r"https://.*\.example\.com", [SUB], ["origin-prefix"]),
        (r"^https://.*\.example\.com(:\d+)?$", [SUB], ["origin-by-hand"]),
        (r"https?://(www|api)\.example\.com$", ["http://www.example.com", "http://api.example.com",
         "https://www.example.com", "https://api.example.com"], []),
        (r"https://[a-z]+\.example\.com$", [SUB], ["origin-label"]),
        (r"https://[\w.-]+\.example\.com$", [SUB], []),
        (r"https://([\w-]+\.)?example\.com$", ["https://example.com", SUB], ["origin-label"]),
        (r"https://(?:[\w-]+\.)*example\.com$", ["https://example.com", SUB], []),
        (r"https://.*example\.com$", ["https://example.com", SUB], ["origin-no-dot"]),
        ("https?://app.example.com$", ["http://app.example.com", "https://app.example.com"], ["origin-dot"]),
        (r".*\.example\.com$", [SUB], ["origin-scheme"]),
        ("https://*.example.com", [SUB], ["origin-glob"]),
        (r"http://localhost:\d+", ["http://localhost:*"], ["origin-port"]),
        (r"http://localhost(:\d+)?$", ["http://localhost:*"], []),
        (r"http://localhost(:[0-9]{4})?$", ["http://localhost:*"], ["origin-port"]),
        ("http://localhost:*", ["http://localhost:*"], ["origin-glob"]),
        ("http://[::1]:3000", ["http://[::1]:3000"], ["origin-glob"]),
        (r"http://\[::1\]:3000$", ["http://[::1]:3000"], []),
        (re.compile(r"https://(?P<name>a|b)\.example\.com\Z"), ["https://a.example.com", "https://b.example.com"],
         []),
        (r"https://pr-\d+\.example\.com$", ["https://pr-*.example.com"], ["origin-part"]),
        (r"https://(?!evil).*\.example\.com", [], ["origin-by-hand"]),
        (r"https://.*", [], ["origin-by-hand"]),
        (re.compile(b"https://a"), [], ["origin-never"]),
        (r"https://a\.example\.com/", [], ["origin-never"]),
        (re.compile("HTTPS://A[.]example[.]com"), [], ["origin-never"]),
        ("https://a.example.com/", [], ["origin-never"]),
        ("HTTPS://A.example.com", ["https://a.example.com"], []),
        ("null", ["null"], []),
        (None, [], ["origin-never"]),
    ],
)  # fmt: skip
def test_an_expression_becomes_the_entries_that_mean_it(pattern, texts, codes):
    assert written(pattern) == (texts, codes)


def test_what_never_matched_comes_with_the_entry_that_may_be_meant():
    (line,) = translate(["https://a.example.com/"], "origins").lines
    assert (line.value, line.advice) == (
        "https://a.example.com/",
        "If it is meant, write: https://a.example.com",
    )


ALPHABET = [
    *"https://*.examplcom()[]|+?^$:0-9{}",
    r"\d",
    r"\.",
    "https://",
    r"example\.com",
    "(?:",
    "localhost",
]


@given(st.lists(st.sampled_from(ALPHABET), max_size=12).map("".join), st.sampled_from([0, re.IGNORECASE]))
@example("https://[[]a", 0)
def test_any_expression_means_the_same_or_a_line_says_so(text, flags):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what flask-cors compiles may be odd
        try:
            regex = re.compile(text, flags)
        except re.error:
            return
    assert [found for found in unexplained(text, regex) if text not in {".*", "^.*$"}] == []
