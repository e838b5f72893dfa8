"""A time is read where it tells when it was, and nowhere else."""

import pytest

from flask_cors_env.answers.times import parse_time

NOON = "2026-03-02T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (NOON, NOON),
        ("2026-03-02T12:00:00Z", NOON),
        ("2026-03-02t12:00:00z", NOON),
        ("2026-03-02 12:00:00+00:00", NOON),
        ("2026-03-02T13:00:00+01:00", NOON),
        ("2026-03-01T22:30:00.000-1330", NOON),
        ("2026-03-02T12:00:00.123456789Z", "2026-03-02T12:00:00.123456Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        (1772452800, NOON),
        (1772452800.0, NOON),
        (1772452800.000001, "2026-03-02T12:00:00.000001Z"),
    ],
)
def test_a_time_with_an_offset_and_one_in_seconds_tell_when_it_was(written, read):
    assert parse_time(written) == read


@pytest.mark.parametrize(
    "written",
    ["2026-03-02T12:00:00", "2026-03-02 12:00:00.123456", "2026-03-02", "12:00:00Z", "1772452800", "",
     "today", "2026-02-30T12:00:00Z", "0001-01-01T00:00:00+01:00", "\ud800", "\uff12026-03-02T12:00:00Z",
     1772452800000, 10**400, float("nan"), float("inf"), True, None, [2026], {}],
)  # fmt: skip
def test_anything_else_does_not(written):
    assert parse_time(written) == ""
