"""Packed bytes come out as they went in, and never all at once."""

import gzip
import tracemalloc

import pytest
import zstandard

from flask_cors_env.answers.files import blocks, lines
from flask_cors_env.answers.lines import DEFAULT, LONGEST_ENVELOPE, Other

RUN = 256 << 20
#: What the smallest piece that is read can unpack to, with room.
MOST = 120 << 20


def test_a_long_run_of_nuls_is_unpacked_in_pieces(tmp_path):
    path = tmp_path / "audit.jsonl.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as packed:
        for _ in range(RUN >> 20):
            packed.write(bytes(1 << 20))
    assert sum(map(len, blocks(str(path)))) == 0


@pytest.mark.parametrize("byte", [b"a", b" ", b"[", b"\n"])
def test_a_long_run_of_any_byte_takes_little_memory(byte, tmp_path):
    path = tmp_path / "audit.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(100 if byte != b"\n" else 1):
            file.write(byte * (1 << 20))
    tracemalloc.start()
    for _ in DEFAULT.records(lines(str(path))):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST


def test_what_follows_a_line_that_is_too_long_is_read_and_its_own_rest_is_not(tmp_path):
    path = tmp_path / "audit.jsonl"
    record = b'{"cors.schema":1,"timestamp":"","event":"cors.decision","log.record.uid":"0123456789ab-1"}'
    path.write_bytes(b"x" * LONGEST_ENVELOPE + record + b"\n" + record + b"\n")
    assert [type(found) for found in DEFAULT.records(lines(str(path)))] == [Other, dict]
