"""
Files: the bytes of a log, whatever holds them.

What a file is packed with is seen by its first bytes, not by its name. One that ends too early, torn or still
being packed, gives what it holds. Memory is bounded whatever a file unpacks to: runs of NULs are left out,
and of a line that is longer than any envelope only the beginning is kept.
"""

from __future__ import annotations

import contextlib
import glob
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from flask_cors_env.answers.lines import LONGEST_ENVELOPE, Found, Grammar

STDIN = "-"
#: Bytes that are read at once.
BLOCK = 1 << 22
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ANY_GZIP = 31
#: Bytes of a .zst file that are unpacked at once.
_BIT = 1 << 8


class LogError(ValueError):
    """A log that cannot be read at all, in a sentence for whoever named it."""


def expanded(names: Iterable[str]) -> list[str]:
    """
    The files that *names* stand for, each once: a name, a glob that the shell left alone, ``-``.

    Raises:
        LogError: Where a name stands for nothing.
    """
    found = [path for name in names for path in _expanded(name)]
    return list(dict.fromkeys(found))


def _expanded(name: str) -> list[str]:
    if name == STDIN or Path(name).is_file():
        return [name]
    if Path(name).is_dir():
        raise LogError(f"{name} is a folder; name its files: {Path(name) / '*'}")
    found = sorted(path for path in glob.glob(name, recursive=True) if Path(path).is_file())  # noqa: PTH207
    if not found and Path(name).exists():
        return [name]  # a pipe
    if not found:
        raise LogError(f"{name} is no file, and no pattern that names one")
    return found


class Log:
    """
    A log file, which can be read again and again.

    Args:
        name: As the user named it.
        path: Where it is.
        grammar: What counts as a record in it.
        progress: Is called with the number of bytes that were read, as they are, the first time.

    Attributes:
        is_copy: Whether *path* is a copy of what could be read once only.
    """

    def __init__(self, name: str, path: Path, grammar: Grammar, progress: Callable[[int], object]) -> None:
        self.name = name
        self.path = path
        self.is_copy = name == STDIN or path != Path(name)
        self.grammar = grammar
        self._progress = progress
        self._furthest = 0

    def __iter__(self) -> Iterator[Found]:
        """Yield what its lines hold."""
        return self.grammar.records(self.lines())

    def lines(self) -> Iterator[bytes]:
        """Yield its lines."""
        reached = 0

        def tell(count: int) -> None:
            nonlocal reached
            reached += count
            self._progress(max(0, reached - self._furthest))
            self._furthest = max(self._furthest, reached)

        return lines(str(self.path), tell)

    @property
    def is_packed(self) -> bool:
        """Whether its bytes are other than its lines."""
        with self.path.open("rb") as file:
            return file.read(len(_ZSTD)).startswith((_GZIP, _ZSTD))


@contextlib.contextmanager
def opened(
    names: Sequence[str], grammar: Grammar, progress: Callable[[int], object] = int
) -> Iterator[list[Log]]:
    """
    Give the log files that *names* stand for; what can be read once only is copied to a file of its own.

    Raises:
        LogError: Where a name stands for nothing.
    """
    with contextlib.ExitStack() as stack:
        yield [Log(name, _path_of(name, stack), grammar, progress) for name in expanded(names)]


def _path_of(name: str, stack: contextlib.ExitStack) -> Path:
    if name != STDIN and Path(name).is_file():
        return Path(name)
    copy = tempfile.NamedTemporaryFile(prefix="flask-cors-making-")  # noqa: SIM115 - the stack closes it
    stack.enter_context(copy)
    if name == STDIN:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    else:
        with Path(name).open("rb") as file:
            shutil.copyfileobj(file, copy)
    copy.flush()
    return Path(copy.name)


def lines(name: str, told: Callable[[int], object] = int) -> Iterator[bytes]:
    """
    The lines of a file, without their ends.

    Args:
        name: The file.
        told: Is called with the number of bytes that were read of it, as they are.
    """
    for block in blocks(name, told):
        yield from block.split(b"\n")


def blocks(name: str, told: Callable[[int], object] = int) -> Iterator[bytes]:
    """The same in blocks of whole lines: the last line's end is left out, the others' ends are there."""
    rest: list[bytes] = []
    size = 0
    for unpacked in _unpacked(name, told):
        piece = unpacked.replace(b"\0", b"") if b"\0" in unpacked else unpacked
        cut = piece.rfind(b"\n")
        if cut < 0:
            rest.append(piece[: max(0, LONGEST_ENVELOPE + 1 - size)])
            size += len(rest[-1])
            continue
        yield b"".join((*rest, piece[:cut]))
        rest = [piece[cut + 1 :]]
        size = len(rest[0])
    if any(rest):
        yield b"".join(rest)


def _unpacked(name: str, told: Callable[[int], object]) -> Iterator[bytes]:
    with Path(name).open("rb") as file:
        yield from _decoded(file, told)


def _decoded(file: IO[bytes], told: Callable[[int], object]) -> Iterator[bytes]:
    packed = _packed(file, told)
    first = next(packed, b"")
    if first.startswith(_GZIP):
        yield from _gunzipped(_after(first, packed))
    elif first.startswith(_ZSTD):
        yield from _unzstd(_after(first, packed))
    else:
        yield from _after(first, packed)


def _packed(file: IO[bytes], told: Callable[[int], object]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        told(len(block))
        yield block


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _gunzipped(packed: Iterator[bytes]) -> Iterator[bytes]:
    """One member after the other, as far as they go."""
    unpack = zlib.decompressobj(_ANY_GZIP)
    for block in packed:
        data = block
        while data:
            try:
                yield from _bounded(unpack, data)
            except zlib.error:
                return
            data = unpack.unused_data.lstrip(b"\0") if unpack.eof else b""
            unpack = zlib.decompressobj(_ANY_GZIP) if unpack.eof else unpack


def _bounded(unpack: Any, data: bytes) -> Iterator[bytes]:
    """What *data* unpacks to, in blocks: a run of NULs packs a thousandfold."""
    while data:
        yield unpack.decompress(data, BLOCK)
        data = unpack.unconsumed_tail


def _unzstd(packed: Iterator[bytes]) -> Iterator[bytes]:
    make, error = _zstd()
    unpack = make()
    for block in _bits(packed):
        data = block
        while data:
            try:
                yield unpack.decompress(data)
            except error:
                return
            data = unpack.unused_data if unpack.eof else b""
            unpack = make() if unpack.eof else unpack


def _bits(packed: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, few at a time: four of them may stand for 128 KiB, and nothing else bounds that."""
    for block in packed:
        for at in range(0, len(block), _BIT):
            yield block[at : at + _BIT]


def _zstd() -> tuple[Callable[[], Any], type[Exception]]:
    """What makes a decompressor: the standard library's from Python 3.14 on, else the package zstandard."""
    try:
        from compression import zstd  # type: ignore[import-not-found]  # noqa: PLC0415 - where it is
    except ImportError:
        return _zstandard()
    return zstd.ZstdDecompressor, zstd.ZstdError


def _zstandard() -> tuple[Callable[[], Any], type[Exception]]:
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ImportError:
        raise LogError("reading .zst takes pip install 'flask-cors-env[report]'") from None
    return lambda: zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError
