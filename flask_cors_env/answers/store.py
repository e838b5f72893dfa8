"""
The store: what was read of a log file, kept so that it need not be read again.

A file is known by its device, inode, size and time of change, not by its name: rotation by renaming changes
nothing. What is kept is as private as the log, so its folder is its owner's alone; what nobody has asked for
in a month is forgotten.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flask_cors_env.answers.files import STDIN, LogError
from flask_cors_env.answers.verify import Account

#: Changes with what the kept files hold.
_VERSION = "4"
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

    def kept(self, name: str, make: Make) -> tuple[Path, Account]:
        """The folder of the log file *name*, made if it is not kept, and what in the file is no record."""
        key = _key(name)
        kept = self._folder / key
        if not (key and (kept / _ACCOUNT).is_file()):
            kept = self._made(kept, make, is_same=lambda: bool(key) and _key(name) == key)
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
    kept = folder if folder is not None and is_writable(folder) else None
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


def is_writable(folder: Path) -> bool:
    """Whether things can be kept in *folder*, which is made where it is not there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _forget(folder: Path) -> None:
    for entry in filter(_is_ours, folder.iterdir()):
        if entry.stat().st_mtime < time.time() - _MONTH:
            shutil.rmtree(entry, ignore_errors=True)


def _is_ours(entry: Path) -> bool:
    """Whether a folder was made here: whoever names the place may keep other things in it."""
    is_kept = _KEY.fullmatch(entry.name) is not None and (entry / _ACCOUNT).is_file()
    return is_kept or (entry.name.startswith(_SCRATCH) and entry.is_dir())


def _key(name: str) -> str:
    """What a file is known by; "" for one that cannot be read twice."""
    if name == STDIN or not Path(name).is_file():
        return ""
    found = Path(name).stat()
    identity = (_VERSION, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
