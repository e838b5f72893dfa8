"""
The store: what was read of a log file, kept so that it need not be read again.

A file is known by its device, inode, size and its two times of change, not by its name. A program can set the
time at which a file's content was changed, but not that at which the file was (ctime). What is kept is as
private as the log, so its folder is its owner's alone; what nobody has asked for in a month is forgotten.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flask_cors_env.answers.account import Account
from flask_cors_env.answers.files import Log, LogError

#: Changes with what the kept files hold.
_VERSION = "5"
_ACCOUNT = "account.json"
_MONTH = 30 * 24 * 3600
_KEY = re.compile("[0-9a-f]{32}")
_SCRATCH = "flask-cors-making-"
#: A full disk, a full quota, a limit on files, a disk that became read-only: none is the log's fault.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}

#: Makes the Parquet files of a log file in a folder; says what in the file is no record.
Make = Callable[[Path], Account]


class StoreError(LogError):
    """A folder without room for what is read of a log."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"{folder} cannot take what is read of the log: {why}. Name a folder that can with --cache DIR, "
            "or count with --engine plain, which writes nothing"
        )


def default_folder() -> Path | None:
    """Where a user's things are kept that can be made again; None for a user without a home."""
    given = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    home = os.path.expanduser(Path(given or "~/.cache") / "flask-cors-env")  # noqa: PTH111 - raises nothing
    return Path(home) if Path(home).is_absolute() else None


class Store:
    """
    What was read.

    Args:
        folder: Where it is kept.
        scratch: A folder beside it for what is being made, which nobody keeps.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self.scratch = scratch

    def kept(self, log: Log, make: Make) -> tuple[Path, Account]:
        """The folder of *log*, made if it is not kept, and what in the file is no record."""
        key = _key(log)
        kept = self._folder / key
        if not (key and is_private(kept) and (kept / _ACCOUNT).is_file()):
            kept = self._made(kept, make, is_same=lambda: bool(key) and _key(log) == key)
        os.utime(kept)
        return kept, Account.of(json.loads((kept / _ACCOUNT).read_text()))

    def _made(self, kept: Path, make: Make, *, is_same: Callable[[], bool]) -> Path:
        made = Path(tempfile.mkdtemp(dir=self.scratch))
        (made / _ACCOUNT).write_text(json.dumps(make(made).value()))
        if not is_same():
            return made
        with contextlib.suppress(OSError):  # somebody else has just made it too
            return made.rename(kept)
        return made


@contextlib.contextmanager
def opened(folder: Path | None) -> Iterator[Store]:
    """
    The store in *folder*; where that is None or cannot be written, one that keeps nothing.

    Raises:
        StoreError: There is no room for what is made in it.
    """
    kept = folder if folder is not None and why_unusable(folder) is None else None
    try:
        with contextlib.ExitStack() as stack:
            scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=kept))
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            if kept is not None:
                _forget(kept)
            yield Store(kept or scratch, scratch)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StoreError(kept or Path(tempfile.gettempdir()), os.strerror(error.errno)) from None
        raise


def why_unusable(folder: Path) -> str | None:
    """
    Return why nothing can be kept in *folder*, as the end of a sentence; None where something can.

    The folder is made where it is not there. What is kept is believed, so nobody else may be able to write
    there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return "cannot be written"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be written"
    return None if is_private(folder) else "can be written by others"


def is_private(folder: Path) -> bool:
    """Return whether *folder* is there, and this user alone can write in it."""
    try:
        found = folder.stat()
    except OSError:
        return False
    is_own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return is_own and (os.name == "nt" or not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _forget(folder: Path) -> None:
    for entry in filter(_is_ours, folder.iterdir()):
        if entry.stat().st_mtime < time.time() - _MONTH:
            shutil.rmtree(entry, ignore_errors=True)


def _is_ours(entry: Path) -> bool:
    """Whether a folder was made here: whoever names the place may keep other things in it."""
    is_kept = _KEY.fullmatch(entry.name) is not None and (entry / _ACCOUNT).is_file()
    return is_kept or (entry.name.startswith(_SCRATCH) and entry.is_dir())


def _key(log: Log) -> str:
    """What a file is known by, together with what counts as a record in it; "" for a copy."""
    if log.is_copy:
        return ""
    found = log.path.stat()
    times = (found.st_mtime_ns, found.st_ctime_ns)
    identity = (_VERSION, log.grammar.prefix, found.st_dev, found.st_ino, found.st_size, *times)
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
