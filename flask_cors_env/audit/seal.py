"""
Seals: a MAC in each record, by keys from which no earlier key can be derived.

A key file holds one rung of a ladder. Each writer takes the rung for itself, leaves the next one in the file,
and makes a chain of keys of it: record n has key n, and nothing of record n enters record n+1. So a record
that was lost leaves the others provable, and whoever reads the file, or this process's memory, can forge what
comes and nothing that was written. `flask cors key` prints the first rung, from which all others follow.

See B. Schneier and J. Kelsey, "Secure Audit Logs to Support Computer Forensics" (1999), and "Practical Secure
Logging: Seekable Sequential Key Generators" (2013), which journald follows. There is no thread, no dependency
beyond the standard library, and no state beside the key file.
"""

from __future__ import annotations

import errno
import hmac
import json
import logging
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from flask_cors_env.audit.fields import ENVELOPE, FIELDS, MAC

_KEY = re.compile(r"cors-audit-key:([0-9]{1,18}):([0-9a-f]{64})")
#: The most that is read of a key file, in bytes.
_KEY_LIMIT = 4096
_MAC_SIZE = 16
#: Seconds that a writer waits for others to take their steps; a request may be waiting with it.
_WAIT = 1.0

#: The place of each field in what a MAC covers. Later versions add names under ``cors.`` only, and move none:
#: a log is proved by the version that wrote it and by every later one.
PLACES = {
    name: place
    for place, name in enumerate(
        dict.fromkeys(
            field.name for fields in (ENVELOPE, *FIELDS.values()) for field in fields if field.name != MAC
        )
    )
}
#: Bytes that a MAC adds to a line.
MAC_ROOM = len(f',"{MAC}":""') + 2 * _MAC_SIZE

#: What is wrong with a key file, by the codes of `Chain.faults`.
_FAULTS = {
    "key-not-advanced": "could not be replaced by its next step: whoever reads it can forge every record",
    "key-unreadable": "cannot be read any more: this process's records are not sealed",
}
_LOG = logging.getLogger("flask_cors_env")

_compact = json.JSONEncoder(separators=(",", ":")).encode


class KeyFileError(ValueError):
    """A key file that holds no key of `flask cors key`."""


class Key(NamedTuple):
    """
    One rung of the ladder.

    Attributes:
        step: Its number, from 0.
        secret: 32 bytes.
    """

    step: int
    secret: bytes

    @classmethod
    def parse(cls, text: str) -> Key:
        """Return the key that `text` writes as *text*; raise KeyFileError for any other."""
        written = _KEY.fullmatch(text.strip())
        if written is None:
            raise KeyFileError("holds no key that flask cors key made")
        return cls(int(written[1]), bytes.fromhex(written[2]))

    @property
    def text(self) -> str:
        """The key as it stands in a file: ``cors-audit-key:0:`` and 64 hexadecimal digits."""
        return f"cors-audit-key:{self.step}:{self.secret.hex()}"

    def following(self) -> Key:
        """Return the next rung."""
        return Key(self.step + 1, next_rung(self.secret))

    def of_writer(self, name: str) -> bytes:
        """Return the key of the first record of the writer *name*, which took this step."""
        return _derived(self.secret, b"writer", name.encode())


class Seal(NamedTuple):
    """
    What one record is sealed with.

    Attributes:
        step: The step that its writer took.
        key: The record's own key.
    """

    step: int
    key: bytes


def _derived(key: bytes, purpose: bytes, text: bytes = b"") -> bytes:
    return blake2b(text, key=key, digest_size=32, person=purpose).digest()


def next_rung(secret: bytes) -> bytes:
    """Return the secret of the next step of the ladder."""
    return _derived(secret, b"rung")


def next_key(key: bytes) -> bytes:
    """Return the key of the next record."""
    return blake2b(key=key, digest_size=32, person=b"record").digest()


def mac_of(key: bytes, message: bytes) -> str:
    """Return the MAC of *message*: 32 hexadecimal digits."""
    return blake2b(message, key=key, digest_size=_MAC_SIZE, person=b"mac").hexdigest()


def covered(record: Mapping[str, Any]) -> bytes:
    """Return what the MAC of *record* covers: the catalogue's fields, in its order, as compact JSON."""
    return _compact({name: record[name] for name in PLACES if name in record}).encode()


def holds(record: Mapping[str, Any], key: bytes) -> bool:
    """Return whether *key* makes the MAC in *record*; no key makes one of lists and mappings."""
    written = record.get(MAC)
    if not isinstance(written, str) or not written.isascii():
        return False
    if any(isinstance(value, list | dict) for name, value in record.items() if name in PLACES):
        return False  # of hostile depth, perhaps; an app's processor that writes one gives up its proof
    return hmac.compare_digest(written, mac_of(key, covered(record)))


# --- the key file


def make_key(path: str) -> Key:
    """Make the key file *path*, readable by its owner alone; raise OSError where a file is there."""
    key = Key(0, secrets.token_bytes(32))
    _write_new(path, key, 0o600)
    return key


def read_key(path: str) -> Key:
    """Return the key in *path*; raise OSError, or KeyFileError for a file that holds none."""
    with _opened(path) as descriptor:
        return _read(descriptor)


def why_not(path: str) -> tuple[bool, str] | None:
    """
    Return what is wrong with the key file *path*, as far as can be told without taking a step.

    Returns:
        Whether it cannot be read (else it cannot be replaced), and a sentence; None where nothing is wrong.
    """
    try:
        read_key(path)
    except OSError as error:
        return True, f"cannot be read: {error.strerror}."
    except KeyFileError as error:
        return True, f"{error}."
    if not os.access(Path(os.path.realpath(path)).parent, os.W_OK | os.X_OK):
        return False, "cannot be replaced: whoever reads it can forge every record."
    return None


def take_step(path: str) -> tuple[Key, OSError | None]:
    """
    Take the step that the key file *path* is at, and leave the next one in the file.

    Returns:
        The key, and why the file could not be replaced; None where it was.

    Raises:
        OSError: The file cannot be read.
        KeyFileError: The file holds no key.
    """
    target = os.path.realpath(path)
    try:
        with _locked(target) as descriptor:
            key = _read(descriptor)
            _replace(target, key.following(), os.fstat(descriptor))
    except OSError as error:
        return read_key(target), error
    return key, None


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """Open a plain file for reading; a FIFO in its place is refused, and not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise KeyFileError("is no plain file")
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Key:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return Key.parse(os.read(descriptor, _KEY_LIMIT).decode("ascii", "replace"))


@contextmanager
def _locked(path: str) -> Iterator[int]:
    """Open *path* and lock it; a file that another writer has replaced meanwhile is opened anew."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock  # noqa: PLC0415 - POSIX only
    except ImportError:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path) from None
    deadline = time.monotonic() + _WAIT
    while True:
        with _opened(path) as descriptor:
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                os.sched_yield()  # a sleep lets other greenlets in under gevent, and those wait for this one
                continue
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):  # noqa: PTH116 - two numbers
                yield descriptor
                return


def _replace(path: str, key: Key, old: os.stat_result) -> None:
    """Put a file with *key* in the place of *path*, in one step; the lock is held."""
    new = f"{path}.next"
    with suppress(FileNotFoundError):
        os.unlink(new)  # noqa: PTH108 - of a writer that was killed
    try:
        _write_new(new, key, stat.S_IMODE(old.st_mode))
        if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(PermissionError):
                os.chown(new, old.st_uid, old.st_gid)
        os.replace(new, path)  # noqa: PTH105 - likewise
    except OSError:
        with suppress(OSError):
            os.unlink(new)  # noqa: PTH108 - likewise
        raise


def _write_new(path: str, key: Key, mode: int) -> None:
    """Write a file that is not there yet, and see it on the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, mode)
    try:
        _write_whole(descriptor, f"{key.text}\n".encode())
        os.fsync(descriptor)
    except OSError:
        os.unlink(path)  # noqa: PTH108 - an empty key file would stop the next start
        raise
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# --- a writer's chain


class Chain:
    """
    The keys of one writer, each forgotten when its record has it.

    Args:
        path: The key file.
        writer: The writer's name.

    Attributes:
        faults: The codes of what went wrong when the step was taken.
    """

    def __init__(self, path: str, writer: str) -> None:
        self._path = path
        self._writer = writer
        self._step = 0
        #: The next record's number and its key, None without one; number 0 before the first step.
        self._next: tuple[int, bytes | None] = (0, None)
        self._lock = threading.RLock()
        self.faults: tuple[str, ...] = ()

    @property
    def is_sealing(self) -> bool:
        """Whether the step was taken, so that records are sealed."""
        return self._next[1] is not None

    def take(self) -> tuple[int, Seal | None]:
        """Return the number of the next record and its seal; None where the key file could not be read."""
        if not self._next[0]:
            self.begin()
        with self._lock:
            while True:
                now = number, key = self._next
                following = number + 1, None if key is None else next_key(key)
                # a signal handler may have written a record meanwhile; between these two lines none can
                if self._next is now:
                    self._next = following
                    return number, None if key is None else Seal(self._step, key)

    def begin(self) -> None:
        """Take a step of the ladder, if it is not taken yet; warn of what went wrong."""
        with self._lock:
            if self._next[0]:
                return
            step, first, faults = self._taken()
            if self._next[0]:  # a signal handler was faster
                return
            self._step, self.faults, self._next = step, faults, (1, first)
        for code in faults:
            _LOG.warning("CORS: CORS_AUDIT_KEY_FILE %s [%s]", _FAULTS[code], code)

    def _taken(self) -> tuple[int, bytes | None, tuple[str, ...]]:
        try:
            key, error = take_step(self._path)
        except (OSError, KeyFileError):
            return 0, None, ("key-unreadable",)
        faults = () if error is None else ("key-not-advanced",)
        return key.step, key.of_writer(self._writer), faults
