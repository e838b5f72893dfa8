"""
Following: the lines of a log as they are written, over its rotations.

A file that is renamed is read to its end, and for a while beyond, since its writers find the new one each in
their own time. One that is truncated is read from its beginning.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Self

#: Bytes that are read at once.
_BLOCK = 1 << 16
#: For how many seconds a renamed file is still looked at; our own sink finds the new one within one.
_GRACE = 5.0


class Follower:
    """
    A growing file, for a ``with`` statement.

    Args:
        path: The file; one that is not there is waited for.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._now: _Opened | None = None
        self._before: _Opened | None = None
        self._until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        for opened in (self._before, self._now):
            if opened is not None:
                opened.close()

    def last(self, count: int, matches: Callable[[bytes], bool]) -> list[bytes]:
        """The last *count* lines that are there and match, oldest first; what follows them is `lines`'."""
        self._now = _opened(self._path)
        backwards: Iterator[bytes] = iter(()) if self._now is None else self._now.backwards()
        if not count:
            next(backwards, None)  # finds where the whole lines end
        return list(islice(filter(matches, backwards), count))[::-1]

    def lines(self, wait: Callable[[], bool]) -> Iterator[bytes]:
        """
        The lines that are written from now on.

        Args:
            wait: Is called when there is nothing to read; False ends it.
        """
        while True:
            line = None
            for line in self._read():
                yield line
            if line is None and not wait():
                return

    def _read(self) -> Iterator[bytes]:
        if self._before is not None:
            yield from self._before.read()
            if time.monotonic() > self._until:
                yield from self._before.end()
                self._before = None
        if self._now is not None:
            yield from self._now.read()
        if self._now is None or not self._now.is_at(self._path):
            yield from self._turn()

    def _turn(self) -> Iterator[bytes]:
        """Open the file that is at the path now, if there is one."""
        new = _opened(self._path)
        if new is None:
            return
        if self._before is not None:
            yield from self._before.end()
        self._before, self._now, self._until = self._now, new, time.monotonic() + _GRACE
        yield from new.read()


def _opened(path: Path) -> _Opened | None:
    try:
        return _Opened(path.open("rb", buffering=0))
    except FileNotFoundError:
        return None


class _Opened:
    """An open file, read up to some place, and the beginning of a line that is not written whole yet."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self._rest = b""

    @property
    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def is_at(self, path: Path) -> bool:
        """Whether it is still the file at *path*; also where there is none any more."""
        try:
            return os.path.samestat(path.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True

    def read(self) -> Iterator[bytes]:
        """The whole lines that were written since."""
        if self._size < self._at:
            yield from self._flushed()
            self._at = 0
        while block := self._block(self._at, _BLOCK):
            self._at += len(block)
            *whole, self._rest = (self._rest + block).split(b"\n")
            yield from whole

    def _block(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

    def _flushed(self) -> Iterator[bytes]:
        """What was begun and will not be finished."""
        rest, self._rest = self._rest, b""
        yield from [rest] if rest else []

    def backwards(self) -> Iterator[bytes]:
        """The whole lines that are there, the last one first; `read` goes on behind them."""
        at = end = self._size
        self._at, rest = 0, b""
        while at:
            start = max(0, at - _BLOCK)
            first, *lines = (self._block(start, at - start) + rest).split(b"\n")
            if lines and not self._at:
                self._at = end - len(lines.pop())
            yield from reversed(lines)
            rest, at = first, start
        if self._at:
            yield rest

    def end(self) -> Iterator[bytes]:
        """What is left in it; it is read no more."""
        yield from self.read()
        yield from self._flushed()
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
