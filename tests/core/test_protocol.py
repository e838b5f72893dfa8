"""The words of the standards: tokens, lists of names, methods, and Vary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env.core import protocol
from flask_cors_env.core.protocol import (
    MAX_METHOD,
    MAX_NAMES,
    MAX_NAMES_BYTES,
    is_forbidden_request_header,
    is_method,
    is_token,
    merge_vary,
    normalize_method,
    parse_names,
)

TCHARS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
NAMES_AT_THE_LIMIT = ",".join(f"x-{n}" for n in range(MAX_NAMES))
tokens = st.text(TCHARS, min_size=1, max_size=12)


def test_a_token_is_made_of_the_standard_s_characters():
    assert [char for char in map(chr, range(0x180)) if is_token(f"a{char}")] == sorted(TCHARS)


@pytest.mark.parametrize("text", ["", "\ud800", "é", "\N{KELVIN SIGN}", "x y", "x\n", "x\r\ny", "\x00"])
def test_what_is_no_token(text):
    assert not is_token(text)
    assert not is_method(text)


def test_the_limits_are_the_contract_s():
    limits = (protocol.MAX_ORIGIN, protocol.MAX_NAMES, protocol.MAX_NAMES_BYTES, protocol.MAX_METHOD)
    assert limits == (512, 128, 8192, 64)


def test_a_method_is_a_token_within_its_bound():
    assert is_method("X" * MAX_METHOD)
    assert not is_method("X" * (MAX_METHOD + 1))


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        *((name.lower(), name) for name in ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]),
        ("pUt", "PUT"),
        ("PATCH", "PATCH"),
        ("patch", "patch"),
        ("chicken", "chicken"),
        ("po\N{LATIN SMALL LETTER LONG S}t", "po\N{LATIN SMALL LETTER LONG S}t"),
    ],
)
def test_six_methods_are_upper_cased_and_no_others(method, sent):
    assert normalize_method(method) == sent


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("", ()),
        (",", ()),
        (" \t , ,", ()),
        ("x-a", ("x-a",)),
        ("X-A", ("x-a",)),
        ("x-b,x-a", ("x-a", "x-b")),
        ("x-b, X-A,x-a", ("x-a", "x-b")),
        ("\tx-a , ,x-b ", ("x-a", "x-b")),
        ("\tx-a,\tx-b\t", ("x-a", "x-b")),
        (",x-a,,x-b,", ("x-a", "x-b")),
        ("*", ("*",)),
    ],
)
def test_a_list_of_names_is_read_as_rfc_9110_asks(value, names):
    assert parse_names(value) == names


@pytest.mark.parametrize(
    "value",
    [
        *("x y", "x\ty", "x-a;q=1", '"x-a"', "<b>", "x-a:", "x\r\ny", "x\x00", "\x7f", "x-a, x y"),
        *("é", "\ud800", "\N{KELVIN SIGN}", "x-\N{LATIN SMALL LETTER LONG S}", "x\xa0", "\u2028"),
    ],
)
def test_a_list_with_a_member_that_is_no_token_is_no_list(value):
    assert parse_names(value) is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (NAMES_AT_THE_LIMIT, MAX_NAMES),
        (NAMES_AT_THE_LIMIT + "," * 16, MAX_NAMES),
        ("x" * MAX_NAMES_BYTES, 1),
        ("," * 143, 0),
    ],
)
def test_a_list_at_its_bounds_is_read(value, count):
    assert len(parse_names(value)) == count


@pytest.mark.parametrize(
    "value",
    [
        NAMES_AT_THE_LIMIT + ",x-last",
        ",".join(["x-a"] * (MAX_NAMES + 1)),
        NAMES_AT_THE_LIMIT + "," * 17,
        "x" * (MAX_NAMES_BYTES + 1),
        "," * 144,
        " " * (MAX_NAMES_BYTES + 1),
    ],
)
def test_a_list_over_its_bounds_is_not_read(value):
    assert parse_names(value) is None


@pytest.mark.parametrize(
    "hostile",
    [
        "," * MAX_NAMES_BYTES,
        ", " * (MAX_NAMES_BYTES // 2),
        " " * MAX_NAMES_BYTES,
        "x" * MAX_NAMES_BYTES,
        "x " * (MAX_NAMES_BYTES // 2),
        "x," * (MAX_NAMES_BYTES // 2),
        "," * 60_000,
    ],
)
def test_a_hostile_list_is_no_more_work_than_an_ordinary_one(calls, hostile):
    assert calls(parse_names, hostile) <= calls(parse_names, "content-type, x-api-key") + 2


@given(st.lists(tokens, max_size=20), st.sampled_from([",", ", ", " ,\t", ",,"]))
def test_what_is_joined_is_read_again(names, separator):
    assert parse_names(separator.join(names)) == tuple(sorted({name.lower() for name in names}))


@given(st.text())
def test_what_is_read_is_tokens_in_lower_case(value):
    names = parse_names(value)
    assert names is None or all(is_token(name) and name == name.lower() for name in names)


@pytest.mark.parametrize(
    ("name", "forbidden"),
    [
        *((name, True) for name in ["cookie", "host", "origin", "via", "sec-fetch-site", "proxy-anything"]),
        *((name, False) for name in ["authorization", "content-type", "x-sec-a", "security", "user-agent"]),
    ],
)
def test_a_page_can_never_send_some_names(name, forbidden):
    assert is_forbidden_request_header(name) is forbidden


def test_the_sets_hold_lower_case_field_names_and_upper_case_methods():
    methods = (protocol.SAFELISTED_METHODS, protocol.FORBIDDEN_METHODS, protocol.NORMALIZED_METHODS)
    fields = (
        *(protocol.RESPONSE_FIELDS, protocol.FORBIDDEN_REQUEST_HEADERS, protocol.FORBIDDEN_RESPONSE_HEADERS),
        protocol.SAFELISTED_RESPONSE_HEADERS,
    )
    assert all(is_token(name) and name == name.upper() for names in methods for name in names)
    assert all(is_token(name) and name == name.lower() for names in fields for name in names)


@pytest.mark.parametrize(
    ("present", "added", "merged"),
    [
        ([], [], []),
        ([], ["Origin"], ["Origin"]),
        (["Accept-Encoding"], ["Origin"], ["Accept-Encoding", "Origin"]),
        (["origin"], ["Origin"], ["origin"]),
        (["Cookie, ORIGIN ,,Accept"], ["Origin"], ["Cookie", "ORIGIN", "Accept"]),
        (["Cookie", "Accept, cookie"], ["Origin"], ["Cookie", "Accept", "Origin"]),
        (["*"], ["Origin"], ["*"]),
        (["Cookie, *"], ["Origin"], ["*"]),
        ([""], [], []),
    ],
)
def test_vary_is_merged_without_repeats(present, added, merged):
    assert merge_vary(present, added) == merged


@given(st.lists(tokens.map(lambda name: f" {name},")), st.lists(tokens))
def test_merging_again_changes_nothing(present, added):
    merged = merge_vary(present, added)
    assert merge_vary([", ".join(merged)], added) == merged
