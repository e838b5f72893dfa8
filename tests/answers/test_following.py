"""A log is followed over every kind of rotation: each line once, in order, none lost that can be had."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_cors_env.answers.following import Follower


class Steps:
    """What happens while a follower waits, a step each time; then it ends."""

    def __init__(self, *steps):
        self._steps = iter(steps)

    def __call__(self):
        step = next(self._steps, None)
        if step is not None:
            step()
        return step is not None


@pytest.fixture
def log(tmp_path):
    return tmp_path / "audit.jsonl"


def append(log, text):
    def step():
        with log.open("a") as file:
            file.write(text)

    return step


def followed(log, *steps, last=0):
    with Follower(str(log)) as follower:
        kept = follower.last(last, bool)
        return [line.decode() for line in (*kept, *follower.lines(Steps(*steps)))]


def test_what_is_written_is_read_line_by_line(log):
    log.write_text("old\n")
    assert followed(log, append(log, "a\nb\n"), append(log, "c\n")) == ["a", "b", "c"]


def test_a_line_is_read_once_it_is_whole(log):
    log.write_text("old\nbeg")
    assert followed(log, append(log, "un"), append(log, "\nnext\n")) == ["begun", "next"]


def test_a_file_that_is_not_there_yet_is_waited_for(log):
    assert followed(log, lambda: None, append(log, "a\n")) == ["a"]


def test_after_a_rename_the_new_file_is_read_and_the_old_one_to_its_end(log):
    log.write_text("")
    older = log.with_suffix(".1")
    steps = (
        append(log, "a\n"),
        lambda: (append(log, "b\n")(), log.rename(older), append(log, "c\n")()),
        append(older, "late\n"),
        append(log, "d\n"),
    )
    assert followed(log, *steps) == ["a", "b", "c", "late", "d"]


def test_several_renames_are_followed(log):
    log.write_text("")
    steps = [
        lambda n=n: (
            append(log, f"{n}\n")(),
            log.rename(log.with_suffix(f".{n}")),
            log.write_text(f"new {n}\n"),
        )
        for n in range(4)
    ]
    assert followed(log, *steps) == [line for n in range(4) for line in (str(n), f"new {n}")]


def test_a_file_that_is_gone_for_a_while_is_waited_for(log):
    log.write_text("")
    steps = (append(log, "a\n"), lambda: log.rename(log.with_suffix(".1")), lambda: None, append(log, "b\n"))
    assert followed(log, *steps) == ["a", "b"]


def test_after_a_truncation_the_file_is_read_from_its_beginning(log):
    log.write_text("a long line that was there\n")
    steps = (append(log, "a\n"), lambda: os.truncate(log, 0), append(log, "b\n"))
    assert followed(log, *steps) == ["a", "b"]


def test_a_line_that_a_truncation_cut_is_still_told(log):
    log.write_text("old\n")
    steps = (append(log, "begun"), lambda: os.truncate(log, 0), append(log, "b\n"))
    assert followed(log, *steps) == ["begun", "b"]


def test_the_last_lines_come_first_and_none_is_repeated(log):
    log.write_text("".join(f"{number}\n" for number in range(100)))
    assert followed(log, append(log, "new\n"), last=3) == ["97", "98", "99", "new"]


@given(
    st.lists(st.text(alphabet="ab", max_size=5), max_size=8),
    st.text(alphabet="ab", max_size=5),
    st.integers(0, 10),
    st.integers(1, 12),
)
def test_whatever_there_is_is_told_from_the_line_asked_for_on(tmp_path_factory, lines, begun, count, block):
    log = tmp_path_factory.mktemp("log") / "audit.jsonl"
    log.write_text("".join(f"{line}\n" for line in lines) + begun)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flask_cors_env.answers.following._BLOCK", block)
        with Follower(str(log)) as follower:
            kept = follower.last(count, lambda _line: True)
            rest = list(follower.lines(Steps(append(log, "c\n"))))
    assert [line.decode() for line in kept] == (lines[-count:] if count else [])
    assert [line.decode() for line in rest] == [f"{begun}c"]
