"""What was read of a file is kept for the next question, and is never taken for another file's."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from answers.generated import Generated

from flask_cors_env.answers import duck
from flask_cors_env.answers.engine import ENGINES, answers
from flask_cors_env.answers.questions import SHAPES
from flask_cors_env.answers.store import default_folder


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "audit.jsonl"
    lines = [made.line + b"\n" for made in Generated(200).lines()]
    path.write_bytes(b"".join([*lines, b"booting\n", lines[-1][:300]]))
    return path


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Asks a file, and says what the answers are and how often it was read."""
    read = []
    make = duck._make
    monkeypatch.setattr(duck, "_make", lambda c, name, *rest: read.append(name) or make(c, name, *rest))

    def asked(path):
        found = answers([str(path)], [SHAPES], engine="duckdb", cache=tmp_path / "cache")
        return found, len(read)

    return asked


def test_a_file_is_read_once_and_told_the_same_each_time(ask, log):
    first, again = ask(log), ask(log)
    assert (first[1], again[1]) == (1, 1)
    assert first[0] == again[0]
    assert (first[0].verification.torn, first[0].verification.foreign) == (1, 1)


def test_a_rotated_file_is_read_again_with_the_same_answer(ask, log):
    first, _ = ask(log)
    assert ask(log.rename(log.with_name("audit.jsonl.1"))) == (first, 2)


def test_a_file_that_was_changed_and_dated_back_is_read_again(ask, log):
    ask(log)
    before = log.stat()
    with log.open("r+b") as file:
        file.write(b"x")
    os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
    found, times = ask(log)
    assert (found.verification.inside, times) == (1, 2)


def test_a_name_is_no_pattern(tmp_path, log, monkeypatch):
    odd = log.with_name("audit[1]*.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)[:-2]
    odd.write_bytes(b"".join(lines))
    (tmp_path / "audit1.jsonl").write_bytes(lines[0])
    monkeypatch.setattr(duck, "_segments", None)  # it is read whole
    found = answers([str(odd)], [SHAPES], engine="duckdb", cache=tmp_path / "cache[2]")
    assert found.verification.records == len(lines)
    assert not any(writer.duplicates for writer in found.verification.writers)


def test_a_file_that_has_grown_is_read_again(ask, log):
    first, _ = ask(log)
    with log.open("ab") as file:
        file.write(b"\nbye\n")
    found, times = ask(log)
    assert (found.verification.foreign, times) == (first.verification.foreign + 1, 2)


def test_what_is_kept_is_its_owners_alone_and_nothing_else_is_left(ask, log, tmp_path):
    ask(log)
    (kept,) = (tmp_path / "cache").iterdir()
    assert sorted(path.name for path in kept.iterdir()) == ["account.json", "part-0.parquet", "words.parquet"]
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_what_nobody_asks_for_in_a_month_is_forgotten(ask, log, tmp_path):
    ask(log)
    (kept,) = (tmp_path / "cache").iterdir()
    os.utime(kept, (1, 1))
    other = shutil.copy(log, log.with_name("other.jsonl"))
    ask(other)
    assert not kept.exists()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_others_keep_in_the_folder_stays(ask, log, tmp_path):
    others = [tmp_path / "cache" / name for name in ("photos", "making-of", "0" * 32)]
    for other in others:
        other.mkdir(parents=True)
        os.utime(other, (1, 1))
    ask(log)
    assert all(other.is_dir() for other in others)


def test_what_a_killed_reader_was_making_is_forgotten_too(ask, log, tmp_path):
    left = tmp_path / "cache" / "flask-cors-making-x"
    left.mkdir(parents=True)
    os.utime(left, (1, 1))
    ask(log)
    assert not left.exists()


def test_a_folder_that_cannot_be_written_keeps_nothing_and_breaks_nothing(log, tmp_path):
    (tmp_path / "cache").write_text("a file")
    found = answers([str(log)], [SHAPES], engine="duckdb", cache=tmp_path / "cache")
    assert found == answers([str(log)], [SHAPES], engine="plain")


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/home/a"}, Path("/home/a/.cache/flask-cors-env")),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": "/caches"}, Path("/caches/flask-cors-env")),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": "caches"}, None),
    ],
)
def test_things_are_kept_where_the_users_caches_are(environ, folder, monkeypatch):
    monkeypatch.setattr(os, "environ", environ)
    assert default_folder() == folder


def test_a_user_without_a_home_keeps_nothing(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(os, "getuid", lambda: 2**31)
    assert default_folder() is None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("is_soiled", [False, True])
def test_the_bytes_that_are_told_are_the_files(engine, is_soiled, tmp_path):
    path = tmp_path / "audit.jsonl"
    noise = b"booting\n" if is_soiled else b""
    path.write_bytes(noise + b"".join(made.line + b"\n" for made in Generated(3000).lines()))
    told = []
    answers([str(path)], [SHAPES], engine=engine, cache=tmp_path / "cache", told=told.append)
    assert sum(told) == path.stat().st_size


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("data", [b"", b"\n", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", gzip.compress(b"")])
def test_a_file_with_nothing_in_it_is_an_empty_log(engine, data, tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(data)
    found = answers([str(path)], [SHAPES], engine=engine)
    assert (found.rows, found.verification.records) == ({"shapes": ()}, 0)
