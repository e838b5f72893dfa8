"""Packed bytes come out as they went in, and never all at once."""

import zstandard

from flask_cors_env.answers.files import blocks

RUN = 256 << 20
#: What the smallest piece that is read can unpack to, with room.
MOST = 80 << 20


def test_a_long_run_of_nuls_is_unpacked_in_pieces(tmp_path):
    path = tmp_path / "audit.jsonl.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as packed:
        for _ in range(RUN >> 20):
            packed.write(bytes(1 << 20))
    sizes = list(map(len, blocks(str(path))))
    assert max(sizes) <= MOST
    assert sum(sizes) > RUN - len(sizes)
