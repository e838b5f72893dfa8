"""
Texts: each source is read once, and its text is kept with the identity of the file.

What was judged is what is served: a policy that is built again is built from the same texts. A regular file
is read anew only on request. A pipe has one text for one reader, so that text serves for good.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Mapping
from typing import NamedTuple

#: Bytes of one source at most.
SOURCE_LIMIT = 1 << 20
#: Seconds within which a pipe has to end, and a file that is being written to settle.
PATIENCE = 5.0
_PIECE = 1 << 16
_PAUSE = 0.01

Identity = tuple[int, int, int, int, int]


class SourceError(Exception):
    """
    A source whose text cannot be had.

    Attributes:
        code: Kebab-case, unique, stable.
        message: What is wrong, as the rest of a sentence that begins with the path.
        remedy: What to do.
    """

    def __init__(self, code: str, message: str, remedy: str = "Name a file that the server can read") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


class _Source(NamedTuple):
    """The bytes of a source, or why there are none; its identity, None for what is no regular file."""

    data: bytes | SourceError
    identity: Identity | None


def identity(path: str) -> Identity | None:
    """
    Return what tells one regular file from the next under one name; None where there is none.

    A Kubernetes ConfigMap is swapped by a symbolic link: size and times may stay, the inode does not. A file
    that is written in place keeps its inode, and may be given its old time: the time of change tells.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - no object is needed for five numbers
    except (OSError, ValueError):
        return None
    return _identity(found) if stat.S_ISREG(found.st_mode) else None


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


class Texts:
    """
    The sources of one app. A relative path means what it meant when this object was made.

    Attributes:
        identities: Of every source that was asked for, by its absolute path; None for pipes.
    """

    def __init__(self) -> None:
        self._folder = _folder()
        self._sources: dict[str, _Source] = {}

    @property
    def identities(self) -> Mapping[str, Identity | None]:
        """Return the identity of every source that was read, by its absolute path."""
        return {path: source.identity for path, source in self._sources.items()}

    def absolute(self, path: str) -> str:
        """Return *path* as it was meant when this object was made."""
        return os.path.join(self._folder, path)  # noqa: PTH118 - as above

    def read(self, path: str) -> bytes:
        """
        Return the bytes of the source at *path*, read now or earlier.

        Raises:
            SourceError: It is not there, cannot be read, is too large, or gives no text.
        """
        path = self.absolute(path)
        if path not in self._sources:
            self._sources[path] = _read(path)
        data = self._sources[path].data
        if isinstance(data, SourceError):
            raise data
        return data

    def again(self) -> Texts:
        """Return the sources with every regular file read anew; what was no such file is kept."""
        found = Texts()
        found._folder = self._folder
        found._sources = {path: self._again(path, source) for path, source in self._sources.items()}
        return found

    def _again(self, path: str, source: _Source) -> _Source:
        if source.identity is None and not isinstance(source.data, SourceError):
            return source
        return _read(path, only_regular=True)


def _folder() -> str:
    """Return the working directory; nothing where somebody removed it."""
    try:
        return os.getcwd()  # noqa: PTH109 - joined as text
    except OSError:
        return ""


def _read(path: str, *, only_regular: bool = False) -> _Source:
    """Read a source; *only_regular*: at a request, which nothing may hang."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:  # ValueError: a NUL, or what the file system cannot encode
        return _Source(_unopened(error), identity(path))
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            return _read_file(descriptor, patience=0 if only_regular else PATIENCE)
        if only_regular:
            return _Source(SourceError("file-unreadable", "is a regular file no more."), None)
        return _Source(_read_stream(descriptor), None)
    except SourceError as error:
        return _Source(error, identity(path))
    except OSError as error:
        return _Source(_unopened(error), identity(path))
    finally:
        os.close(descriptor)


def _unopened(error: OSError | ValueError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError("file-missing", "does not exist.")
    reason = error.strerror if isinstance(error, OSError) else "no such name is possible"
    return SourceError("file-unreadable", f"cannot be read ({(reason or type(error).__name__).lower()}).")


def _read_file(descriptor: int, *, patience: float) -> _Source:
    """Read a regular file that is the same before and after."""
    end = time.monotonic() + patience
    while True:
        before = _identity(os.fstat(descriptor))
        data = os.pread(descriptor, SOURCE_LIMIT + 1, 0)
        if len(data) > SOURCE_LIMIT:
            raise _too_large()
        if _identity(os.fstat(descriptor)) == before:
            return _Source(data, before)
        if time.monotonic() >= end:
            raise SourceError("file-unreadable", "changes while it is read.", "Replace the file as a whole")
        time.sleep(_PAUSE)


def _too_large() -> SourceError:
    return SourceError("source-too-large", f"has more than {SOURCE_LIMIT:,} bytes.", "Name a smaller source")


def _read_stream(descriptor: int) -> bytes:
    """Read a pipe, or another stream, to its end."""
    end = time.monotonic() + PATIENCE
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    pieces: list[bytes] = []
    size = 0
    while (left := end - time.monotonic()) > 0:
        if not waiting.poll(left * 1000):
            break
        piece = os.read(descriptor, _PIECE)
        if not piece:
            return _whole(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > SOURCE_LIMIT:
            raise _too_large()
    if pieces:
        raise SourceError(
            "file-unreadable", f"did not end within {PATIENCE:g} seconds.", "Close what writes to it"
        )
    return _whole(pieces)


def _whole(pieces: list[bytes]) -> bytes:
    if not pieces:
        message = "gave no text: a pipe can be read once, and another process may have read it."
        raise SourceError("source-empty", message, "Name a file, or give each process a pipe of its own")
    return b"".join(pieces)
