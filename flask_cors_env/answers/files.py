"""
Files: the bytes of a log, whatever holds them.

What a file is packed with is seen by its first bytes, not by its name. One that ends too early, torn or still
being packed, gives what it holds.
"""

from __future__ import annotations

import glob
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

STDIN = "-"
#: Bytes that are read at once.
BLOCK = 1 << 22
#: The longest line that is kept whole, in bytes; what is longer is no record of ours.
_LONGEST = 1 << 26
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
    found = sorted(path for path in glob.glob(name, recursive=True) if Path(path).is_file())  # noqa: PTH207
    if not found and Path(name).exists() and not Path(name).is_dir():
        return [name]  # a pipe
    if not found:
        raise LogError(f"{name} is no file, and no pattern that names one")
    return found


def is_packed(name: str) -> bool:
    """Whether the file is packed, or none that can be read twice."""
    if not Path(name).is_file():
        return True
    with Path(name).open("rb") as file:
        return file.read(len(_ZSTD)).startswith((_GZIP, _ZSTD))


def lines(name: str, told: Callable[[int], object] = int) -> Iterator[bytes]:
    """
    The lines of a file, without their ends.

    Args:
        name: A file, or ``-``.
        told: Is called with the number of bytes that were read of it, as they are.
    """
    for block in blocks(name, told):
        yield from block.split(b"\n")


def blocks(name: str, told: Callable[[int], object] = int) -> Iterator[bytes]:
    """The same in blocks of whole lines: the last line's end is left out, the others' ends are there."""
    rest: list[bytes] = []
    for piece in _unpacked(name, told):
        cut = piece.rfind(b"\n")
        if cut < 0 and sum(map(len, rest)) < _LONGEST:
            rest.append(piece)
            continue
        cut = cut if cut >= 0 else len(piece)
        yield b"".join((*rest, piece[:cut]))
        rest = [piece[cut + 1 :]]
    if any(rest):
        yield b"".join(rest)


def _unpacked(name: str, told: Callable[[int], object]) -> Iterator[bytes]:
    if name == STDIN:
        yield from _decoded(sys.stdin.buffer, told)
        return
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
