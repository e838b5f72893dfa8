"""The file of the log: streams by their names, no links of other users, and a mode that outlives rotation."""

import os
import socket
import subprocess
import sys

import pytest

from flask_cors_env.audit import sink as sinks
from flask_cors_env.audit.sink import open_sink, why_not

NAMES = {"/dev/stdout": 1, "/dev/stderr": 2, "/proc/self/fd/1": 1, "/proc/self/fd/2": 2, "/dev/fd/2": 2}
WRITE = (
    "import sys; from flask_cors_env.audit.sink import open_sink; open_sink(sys.argv[1]).write(b'line\\n')"
)


def run(name, **streams):
    path = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-c", WRITE, name], env={"PYTHONPATH": path}, timeout=60, check=False, **streams
    ).returncode


@pytest.mark.parametrize(("name", "number"), NAMES.items())
def test_a_name_of_a_standard_stream_is_that_stream_though_it_is_a_socket(name, number):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert run(f"file:{name}", **{{1: "stdout", 2: "stderr"}[number]: theirs}) == 0
        ours.settimeout(5)
        assert ours.recv(64) == b"line\n"


def test_a_link_to_a_stream_is_the_stream(tmp_path):
    link = tmp_path / "cors.log"
    link.symlink_to("/dev/stdout")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert run(f"file:{link}", stdout=theirs) == 0
        assert ours.recv(64) == b"line\n"


def test_a_file_that_standard_output_is_redirected_to_is_appended_to_through_the_stream(tmp_path):
    with (tmp_path / "log").open("wb") as out:
        out.write(b"before\n")
        out.flush()
        assert run("file:/dev/stdout", stdout=out) == 0
    assert (tmp_path / "log").read_bytes() == b"before\nline\n"


def test_a_stream_of_another_process_is_written_though_it_is_a_pipe(tmp_path):
    ours, theirs = os.pipe()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=theirs)
    link = tmp_path / "cors.log"
    link.symlink_to(f"/proc/{other.pid}/fd/1")
    name = f"file:{link}"
    assert why_not(name) is None
    open_sink(name).write(b"line\n")
    assert os.read(ours, 64) == b"line\n"
    other.communicate(b"\n")
    os.close(ours)
    os.close(theirs)


def test_a_descriptor_above_the_standard_ones_is_written_while_it_is_the_same_file(tmp_path):
    ours, theirs = socket.socketpair()
    name = f"file:/proc/self/fd/{theirs.fileno()}"
    assert why_not(name) is None
    sink = open_sink(name)
    sink.write(b"line\n")
    assert ours.recv(64) == b"line\n"
    with (tmp_path / "other").open("wb") as other:
        os.dup2(other.fileno(), theirs.fileno())
        with pytest.raises(OSError, match="Bad file descriptor"):
            sink.write(b"line\n")
    assert (tmp_path / "other").read_bytes() == b""
    ours.close()
    theirs.close()


def test_a_descriptor_that_is_not_open_is_refused():
    assert why_not("file:/proc/self/fd/999999") == "is no open descriptor."
    with pytest.raises(OSError, match="Bad file descriptor"):
        open_sink("file:/proc/self/fd/999999").write(b"line\n")


@pytest.fixture
def foreign(monkeypatch):
    """The next user is another than the one who makes links here."""
    monkeypatch.setattr(sinks.os, "geteuid", lambda: os.getuid() + 1)
    if os.getuid() == 0:
        return lambda link: os.lchown(link, 12345, 12345)
    return lambda _link: None


def test_a_link_of_another_user_is_refused_and_its_target_left_alone(foreign, tmp_path):
    target = tmp_path / "passwd"
    target.write_bytes(b"root\n")
    link = tmp_path / "audit.jsonl"
    link.symlink_to(target)
    foreign(link)
    assert why_not(f"file:{link}") == "is a link that another user owns."
    with pytest.raises(OSError, match="is a link that another user owns"):
        open_sink(f"file:{link}").write(b"line\n")
    assert target.read_bytes() == b"root\n"


def test_a_link_to_a_link_of_another_user_is_refused(foreign, tmp_path):
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    theirs.symlink_to(tmp_path / "target")
    foreign(theirs)
    mine.symlink_to(theirs)
    with pytest.raises(OSError, match="is a link that another user owns"):
        open_sink(f"file:{mine}").write(b"line\n")
    assert not (tmp_path / "target").exists()


def test_a_link_of_ones_own_is_followed_and_its_file_made(tmp_path):
    (tmp_path / "logs").mkdir()
    link = tmp_path / "audit.jsonl"
    link.symlink_to("logs/today")
    open_sink(f"file:{link}").write(b"line\n")
    assert (tmp_path / "logs/today").read_bytes() == b"line\n"


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert why_not(f"file:{tmp_path / 'a'}") == "Too many levels of symbolic links."
    with pytest.raises(OSError, match="Too many levels"):
        open_sink(f"file:{tmp_path / 'a'}").write(b"line\n")


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o644])
def test_a_new_file_after_a_rotation_has_the_mode_of_the_one_it_replaces(mode, tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "_LOOK_AGAIN", 0.0)
    path = tmp_path / "audit.jsonl"
    sink = open_sink(f"file:{path}")
    sink.write(b"one\n")
    path.chmod(mode)
    path.rename(tmp_path / "audit.jsonl.1")
    sink.write(b"two\n")
    assert (path.stat().st_mode & 0o777, path.read_bytes()) == (mode, b"two\n")


def test_a_new_file_that_another_made_keeps_its_mode(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "_LOOK_AGAIN", 0.0)
    path = tmp_path / "audit.jsonl"
    sink = open_sink(f"file:{path}")
    sink.write(b"one\n")
    path.rename(tmp_path / "audit.jsonl.1")
    path.touch(mode=0o600)
    sink.write(b"two\n")
    assert (path.stat().st_mode & 0o777, path.read_bytes()) == (0o600, b"two\n")
