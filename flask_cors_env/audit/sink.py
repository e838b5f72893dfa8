"""
Sinks: where a line goes, in one write.

A sink raises what the system raises; the log counts it. Standard streams are reached through ``sys``, never
by number: under a server that closed them the numbers belong to something else.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from pathlib import Path
from typing import Protocol

_LOOK_AGAIN = 0.2


class Sink(Protocol):
    """Takes whole lines, each in one write."""

    def write(self, line: bytes) -> None:
        """Write *line*, or raise."""


class ShortWriteError(OSError):
    """Only part of a line was written."""


def _write_all(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise ShortWriteError("only part of a line was written")


class StreamSink:
    """
    ``sys.stderr`` or ``sys.stdout``, as it is at the time of each line.

    Args:
        name: The stream's name in ``sys``.
    """

    def __init__(self, name: str) -> None:
        self._name = name

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
            _write_all(descriptor, line)


class FileSink:
    """
    A file, appended to; after a rotation by rename the new file is found.

    Args:
        path: The file; it is made if it is missing.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._identity = (0, 0)
        self._due = 0.0
        self._torn = False
        self._open()

    def write(self, line: bytes) -> None:
        """Write *line*, or raise; after a failure the next line starts on a line of its own."""
        if time.monotonic() >= self._due:
            self._look()
        try:
            _write_all(self._descriptor, b"\n" + line if self._torn else line)
        except OSError:
            self._torn = True
            raise
        self._torn = False

    def _look(self) -> None:
        """Open the path anew if it is another file by now."""
        self._due = time.monotonic() + _LOOK_AGAIN
        try:
            found = Path(self._path).stat()
        except FileNotFoundError:
            self._open()
        else:
            if (found.st_dev, found.st_ino) != self._identity:
                self._open()

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        old, self._descriptor = self._descriptor, descriptor
        found = os.fstat(descriptor)
        self._identity = (found.st_dev, found.st_ino)
        if old >= 0:
            with contextlib.suppress(OSError):
                os.close(old)


def open_sink(name: str) -> Sink:
    """
    The sink of that name: ``auto``, ``stderr``, ``stdout`` or ``file:PATH``.

    Raises:
        ValueError: There is none of that name.
        OSError: The file cannot be opened.
    """
    if name in {"auto", "stderr", "stdout"}:
        return StreamSink("stderr" if name == "auto" else name)
    kind, _, path = name.partition(":")
    if kind != "file" or not path:
        raise ValueError("is no sink")
    return FileSink(path)
