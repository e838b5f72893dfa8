"""
Sinks: where a line goes, in one write.

A sink raises what the system raises; the log counts it. Standard streams are reached through ``sys``, never
by number: under a server that closed them the numbers belong to something else. What may block (a pipe, a
socket, a terminal) is waited for only so long, and then left alone for a while.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import select
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

_LOOK_AGAIN = 0.2
#: Seconds that one line waits for a reader, and that no line waits after that.
_WAIT = 0.1
_MUTE = 5.0

_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
#: The names of this process's open descriptors; those of another's, which are links in name only.
_STREAM = re.compile(r"/dev/(stdout|stderr)|(?:/dev|/proc/self|/proc/thread-self)/fd/([0-9]{1,9})")
_FOREIGN_STREAM = re.compile(r"/proc/[0-9]+/fd/[0-9]+")
_STANDARD = {"1": "stdout", "2": "stderr"}
_LINKS = 40
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)

#: What a kernel says where it cannot write without waiting: to terminals, and before Linux 6.5 to pipes.
_CANNOT = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ESPIPE})


class Sink(Protocol):
    """Takes whole lines, each in one write."""

    def write(self, line: bytes) -> None:
        """Write *line*, or raise."""


class ShortWriteError(OSError):
    """Only part of a line was written."""

    def __str__(self) -> str:
        return "only part of a line was written"


class StuckReaderError(OSError):
    """Nobody took the lines for as long as a request may wait."""


def _put(descriptor: int, line: bytes) -> None:
    """Write *line* whole to a plain file, or raise."""
    if os.write(descriptor, line) != len(line):
        raise ShortWriteError


class Outlet:
    """Writes to descriptors that may block; after one line that took too long the next ones do not wait."""

    def __init__(self) -> None:
        self._muted_until = 0.0

    def put(self, descriptor: int, line: bytes) -> None:
        """Write *line* whole, or raise."""
        if self._put_in_time(descriptor, line) != len(line):
            raise ShortWriteError

    def _put_in_time(self, descriptor: int, line: bytes) -> int:
        if self._muted_until and time.monotonic() < self._muted_until:
            raise StuckReaderError("the reader is stuck")
        try:
            return _write_now(descriptor, line)
        except BlockingIOError:
            return self._put_late(descriptor, line)

    def _put_late(self, descriptor: int, line: bytes) -> int:
        """Write as soon as there is room, or give up for a while."""
        now = time.monotonic()
        deadline = now + _WAIT
        while now < deadline:
            _wait(descriptor, deadline - now)
            with contextlib.suppress(BlockingIOError):
                return _write_now(descriptor, line)
            now = time.monotonic()
        self._muted_until = now + _MUTE
        raise StuckReaderError("the reader is stuck")


def _write_now(descriptor: int, line: bytes) -> int:
    """Write without waiting, or raise BlockingIOError; other writers of the same pipe notice nothing."""
    if _NOWAIT:
        try:
            return os.pwritev(descriptor, [line], -1, _NOWAIT)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
    if not _wait(descriptor, 0):
        raise BlockingIOError
    return os.write(descriptor, line)


def _wait(descriptor: int, seconds: float) -> bool:
    """Wait until *descriptor* takes something; False where it did not."""
    if not hasattr(select, "poll"):  # no POSIX system
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def _may_block(descriptor: int) -> bool:
    return not stat.S_ISREG(os.fstat(descriptor).st_mode)


class StreamSink:
    """
    ``sys.stderr`` or ``sys.stdout``, as it is at the time of each line.

    Args:
        name: The stream's name in ``sys``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._outlet = Outlet()
        self._known = (-1, False, 0.0)

    def write(self, line: bytes) -> None:
        """Write *line*, or raise; a stream without a descriptor, as under a test runner, gets the text."""
        stream = getattr(sys, self._name)
        if stream is None:
            raise OSError(f"sys.{self._name} is closed")
        try:
            descriptor = stream.fileno()
        except (AttributeError, io.UnsupportedOperation):
            stream.write(line.decode())
            stream.flush()
        else:
            (self._outlet.put if self._is_blocking(descriptor) else _put)(descriptor, line)

    def _is_blocking(self, descriptor: int) -> bool:
        """Whether *descriptor* is no plain file; looked up now and then, since it can be redirected."""
        known, blocking, due = self._known
        now = time.monotonic()
        if known != descriptor or now >= due:
            blocking = _may_block(descriptor)
            self._known = (descriptor, blocking, now + _LOOK_AGAIN)
        return blocking


class DescriptorSink:
    """
    An open descriptor above the standard ones, as in ``file:/proc/self/fd/3``.

    A descriptor that was closed since may be another file or a client's connection by now: that is refused.

    Args:
        number: The descriptor, open by now.

    Raises:
        OSError: The descriptor is not open.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._outlet = Outlet()
        self._identity = _identity(number)

    def write(self, line: bytes) -> None:
        """Write *line*, or raise."""
        if _identity(self._number) != self._identity:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        (self._outlet.put if _may_block(self._number) else _put)(self._number, line)


def _identity(descriptor: int) -> tuple[int, int]:
    state = os.fstat(descriptor)
    return state.st_dev, state.st_ino


class BrokenSink:
    """A sink that cannot be opened: each line is lost, for the reason *error*."""

    def __init__(self, error: OSError) -> None:
        self._error = error

    def write(self, _line: bytes) -> None:
        """Raise."""
        raise self._error


class FileSink:
    """
    A file, appended to; after a rotation by rename the new file is found, or made with the old one's mode.

    The descriptor keeps its number when another file takes its place: a thread that is about to write to it
    must never find something else there.

    Args:
        path: The file; it is made when the first line is written.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = -1
        self._path = path
        self._outlet = Outlet()
        self._put: Callable[[int, bytes], None] = _put
        self._identity = (0, 0)
        self._may_block = False
        self._due = 0.0
        self._torn = False

    def write(self, line: bytes) -> None:
        """Write *line*, or raise; after a failure the next line starts on a line of its own."""
        now = time.monotonic()
        if now >= self._due:
            self._look(now)
        if self._torn:
            line = b"\n" + line
        try:
            self._put(self._descriptor, line)
        except OSError:
            self._torn = not self._may_block
            raise
        self._torn = False

    def __del__(self) -> None:
        """An app that is gone leaves no descriptor behind."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)

    def _look(self, now: float) -> None:
        """Open the path anew if it is another file by now."""
        try:
            found = Path(self._path).stat()
        except FileNotFoundError:
            self._open()
        else:
            if self._descriptor < 0 or (found.st_dev, found.st_ino) != self._identity:
                self._open()
        self._due = now + _LOOK_AGAIN

    def _open(self) -> None:
        """Open the path; a FIFO nobody reads from is refused, and not waited for."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)
        descriptor, is_new = _open_own(self._path, flags)
        if is_new and self._descriptor >= 0:
            os.fchmod(descriptor, stat.S_IMODE(os.fstat(self._descriptor).st_mode))
        if self._descriptor < 0:
            self._descriptor = descriptor
        else:
            os.dup2(descriptor, self._descriptor, inheritable=False)
            os.close(descriptor)
        found = os.fstat(self._descriptor)
        self._identity = (found.st_dev, found.st_ino)
        self._may_block = not stat.S_ISREG(found.st_mode)
        self._put = self._outlet.put if self._may_block else _put
        self._torn = not self._may_block and _ends_within_a_line(self._path, found.st_size)


def _open_own(path: str, flags: int) -> tuple[int, bool]:
    """
    Open *path*, which is made where it is not there; return the descriptor, and whether the file is new.

    Raises:
        OSError: The last component of *path* is a link of another user, which may lead anywhere.
    """
    end = _end_of(path)
    is_stream = _FOREIGN_STREAM.fullmatch(end) is not None
    with contextlib.suppress(FileExistsError):
        return os.open(end, flags | os.O_CREAT | os.O_EXCL, 0o640), True
    return os.open(end, flags if is_stream else flags | _NOFOLLOW), False


def _end_of(path: str) -> str:
    """Return *path* with its last component's links followed; raise OSError for a link of another user."""
    for target, owner in _links(path):
        if owner not in {0, os.geteuid()}:
            raise OSError(errno.ELOOP, "is a link that another user owns", path)
        path = target
    return path


def _links(path: str) -> Iterator[tuple[str, int]]:
    """Yield where each link in the place of the last component leads, and the id of the user who owns it."""
    for _ in range(_LINKS):
        if _STREAM.fullmatch(path) or _FOREIGN_STREAM.fullmatch(path) or not Path(path).is_symlink():
            return
        owner = os.lstat(path).st_uid
        path = str(Path(path).parent / Path(path).readlink())
        yield path, owner
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _stream_of(path: str) -> str | None:
    """Return ``stdout``, ``stderr`` or the descriptor's number that *path* names; None for another file."""
    with contextlib.suppress(OSError):
        for name in (path, *(target for target, _ in _links(path))):
            stream = _STREAM.fullmatch(os.path.abspath(name))  # noqa: PTH100 - no link is to be followed
            if stream is not None:
                return stream[1] or _STANDARD.get(stream[2], stream[2])
    return None


def _ends_within_a_line(path: str, size: int) -> bool:
    """Whether a writer was killed in the middle of its last line."""
    if size == 0:
        return False
    with contextlib.suppress(OSError), Path(path).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
    return True


def open_sink(name: str) -> Sink:
    """
    The sink that our own lines go to.

    Args:
        name: A value of CORS_AUDIT_SINK: ``stdout``, ``file:PATH``, or another, which means standard error.
    """
    kind, _, path = name.partition(":")
    stream = _stream_of(path) if kind == "file" else "stdout" if name == "stdout" else "stderr"
    if stream is None:
        return FileSink(path)
    if stream in _STANDARD.values():
        return StreamSink(stream)
    try:
        return DescriptorSink(int(stream))
    except OSError as error:
        return BrokenSink(error)


def why_not(name: str) -> str | None:
    """What is wrong with the sink *name*, as far as can be told without writing to it; None where nothing."""
    kind, _, path = name.partition(":")
    stream = _stream_of(path) if kind == "file" else "stderr"
    if stream is not None:
        return _why_not_open(stream)
    try:
        file = Path(_end_of(path))
    except OSError as error:
        return f"{error.strerror}."
    if file.is_dir():
        return "is a folder."
    if not file.parent.is_dir():
        return "is in a folder that does not exist."
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        return "cannot be written."
    return None


def _why_not_open(stream: str) -> str | None:
    """Return the fault of a descriptor that is not open; None for a standard stream."""
    try:
        if stream not in _STANDARD.values():
            os.fstat(int(stream))
    except OSError:
        return "is no open descriptor."
    return None


def is_terminal(name: str) -> bool:
    """Whether the sink *name* is a terminal, with a person before it."""
    kind, _, path = name.partition(":")
    found = _stream_of(path) if kind == "file" else name
    if found is None or found.isdecimal():
        return False
    stream = sys.stdout if found == "stdout" else sys.stderr
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError):
        return False
