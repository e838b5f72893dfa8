"""Holes, honest gaps, duplicates and torn lines are told apart, per writer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env.answers.verify import verify

ONE, TWO = "0123456789ab", "ba9876543210"


def line(number, writer=ONE, **fields):
    event = {"cors.schema": 1, "event": "cors.decision", "log.record.uid": f"{writer}-{number}", **fields}
    return json.dumps(event, separators=(",", ":"))


def gap(number, lost, writer=ONE):
    return line(number, writer, **{"event": "cors.audit.gap", "cors.audit.lost": lost})


def of(*lines):
    (writer,) = verify([lines]).writers
    return writer


def test_a_whole_log_is_whole():
    found = verify([[line(n) for n in range(1, 6)]])
    assert (found.is_whole, found.records, found.missing, found.torn, found.foreign) == (True, 5, 0, 0, 0)


def test_a_missing_record_that_nobody_tells_is_a_hole():
    writer = of(line(1), line(2), line(5), line(7))
    assert (writer.holes, writer.missing, writer.is_whole) == (((3, 4), (6, 6)), 3, False)


def test_lost_records_that_are_told_are_no_hole():
    writer = of(line(1), line(5), gap(6, 3), line(7))
    assert (writer.told, writer.holes, writer.is_whole) == (3, (), True)


def test_records_lost_at_the_very_beginning_are_told_too():
    writer = of(line(4), gap(5, 3))
    assert (writer.told, writer.before, writer.is_whole) == (3, 0, True)


def test_a_gap_tells_what_came_before_it_and_not_what_came_after():
    writer = of(line(1), line(3), gap(4, 1), line(7))
    assert (writer.holes, writer.overtold) == (((5, 6),), 0)


def test_more_told_than_missing_is_said():
    assert of(line(1), line(2), gap(3, 2)).overtold == 2


def test_an_older_file_that_was_not_read_is_no_hole_but_no_whole_log_either():
    writer = of(line(10), line(11))
    assert (writer.before, writer.holes, writer.is_whole) == (9, (), False)


def test_a_record_found_twice_is_a_duplicate():
    assert of(line(1), line(2), line(1), line(2), line(2)).duplicates == 3


def test_a_torn_line_accounts_for_its_record():
    writer = of(line(1), line(2, pad="x" * 20)[:-9], line(3))
    assert (writer.torn, writer.holes) == (1, ())
    assert verify([[line(1), line(2, pad="x" * 20)[:-9]]]).torn == 1
    assert verify([[line(1), line(2)[:20], line(3)]]).missing == 1


def test_a_torn_line_that_was_written_again_or_told_is_not_counted_twice():
    assert of(line(1), line(2, pad="x" * 20)[:-9], line(2)).torn == 0
    writer = of(line(1), line(2, pad="x" * 20)[:-9], line(3), gap(4, 1))
    assert (writer.told, writer.torn, writer.overtold) == (1, 0, 0)


def test_writers_are_told_apart_over_several_files_in_any_order():
    older = [line(1), line(1, TWO), line(2)]
    newer = [line(2, TWO), line(4), line(3), line(4, TWO)]
    one, two = verify([newer, older]).writers
    assert (two.name, two.is_whole) == (ONE, True) or (one.name, one.is_whole) == (ONE, True)
    assert sorted(w.missing for w in (one, two)) == [0, 1]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: f"2026-01-02T00:00:00Z stderr F {text}",
        lambda text: json.dumps({"log": text + "\n", "stream": "stderr"}),
        lambda text: json.dumps({"event": text, "level": "info", "logger": "flask_cors_env.audit"}),
        lambda text: "\0" * 100 + text,
        lambda text: line(1)[:40] + text,
        lambda text: text.encode(),
    ],
)
def test_a_wrapped_line_is_read(wrap):
    assert verify([[wrap(line(1)), wrap(line(2))]]).records == 2


def test_other_lines_are_counted_and_left_alone():
    found = verify([["starting", "", "{}", '{"a": "cors.schema"}', "[1]", b"\xff\xfe", line(1)]])
    assert (found.foreign, found.inside, found.records, found.is_whole) == (4, 1, 1, True)


@given(st.lists(st.one_of(st.text(), st.binary(), st.builds(lambda n, at: line(n)[:at], st.integers(0, 9),
                                                             st.integers(0, 99)))))  # fmt: skip
def test_no_line_raises(lines):
    verify([lines])


@given(st.sets(st.integers(1, 40), min_size=1), st.randoms())
def test_what_is_missing_is_exactly_what_is_not_there(numbers, random):
    lines = [line(number) for number in numbers]
    random.shuffle(lines)
    writer = of(*lines)
    gone = {n for start, end in writer.holes for n in range(start, end + 1)}
    assert gone == set(range(min(numbers), max(numbers))) - numbers
    assert writer.before == min(numbers) - 1
