"""A page image is a sequence of zstd frames: any zstd reads it, every frame is checked, none may be missing."""

import random
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from shared.archive.damage import Damaged
from shared.archive.data_key import DataKey
from shared.archive.decompress import unzstd
from shared.archive.frames import FRAME, FrameCompressor, seek_table, unframe
from shared.model.names import Format
from tests.archive.builders import read, store

SEVERAL = random.Random(4).randbytes(FRAME) + bytes(2 * FRAME) + b"the last frame is a short one"


def compressed(plain: bytes, *, step: int = 1 << 20) -> bytes:
    compressor = FrameCompressor()
    parts = [compressor.compress(memoryview(plain)[at : at + step]) for at in range(0, len(plain), step)]
    return b"".join([*parts, compressor.flush()])


def pieces(stored: bytes, size: int = 65536) -> Iterator[bytes]:
    return (stored[at : at + size] for at in range(0, len(stored), size))


def entries(stored: bytes) -> list[tuple[int, int]]:
    """Reads the seek table from its footer backwards, as zstd's format specifies."""
    count, descriptor, magic = struct.unpack("<IBI", stored[-9:])
    assert (descriptor, magic) == (0, 0x8F92EAB1)
    table = stored[-9 - 8 * count : -9]
    assert struct.unpack("<II", stored[-17 - 8 * count :][:8]) == (0x184D2A5E, len(table) + 9)
    return list(struct.iter_unpack("<II", table))


def test_seek_table_locates_each_frame() -> None:
    stored = compressed(SEVERAL)
    at = done = 0
    table = entries(stored)
    assert [plain for _, plain in table] == [FRAME, FRAME, FRAME, len(SEVERAL) - 3 * FRAME]
    for size, plain in table:
        frame = stored[at : at + size]
        assert zstandard.get_frame_parameters(frame).has_checksum
        assert zstandard.ZstdDecompressor().decompress(frame) == SEVERAL[done : done + plain]
        at, done = at + size, done + plain


def test_stock_zstd_reads_an_image_of_several_frames(tmp_path: Path) -> None:
    stored, _ = store(tmp_path, SEVERAL, Format.SQLITE)
    done = subprocess.run(["zstd", "-dc"], input=stored, capture_output=True, check=True)
    assert done.stdout == SEVERAL


def test_stored_bytes_do_not_depend_on_chunk_boundaries() -> None:
    assert compressed(SEVERAL, step=1 << 20) == compressed(SEVERAL, step=777_777)


@given(st.integers(0, 3), st.integers(-2, 2), st.integers(1, 1 << 17))
def test_every_size_around_a_frame_boundary_survives(frames: int, beside: int, step: int) -> None:
    plain = (b"a page of text " * (FRAME // 15 + 1))[:FRAME] * frames
    plain = plain + b"xy"[:beside] if beside >= 0 else plain[:beside]
    stored = compressed(plain)
    assert b"".join(unframe(pieces(stored, step))) == plain


def test_single_frame_image_of_earlier_versions_is_read() -> None:
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
    stored = compressor.compress(SEVERAL) + compressor.flush()
    assert b"".join(unzstd(pieces(stored))) == SEVERAL
    with pytest.raises(Damaged, match="after its end"):
        list(unzstd(pieces(stored + compressed(b"more"))))


def test_missing_duplicate_or_moved_frame_is_refused() -> None:
    stored = compressed(SEVERAL)
    first, second, third, fourth = entries(stored)
    one = stored[: first[0]]
    rest = stored[first[0] : -len(seek_table(entries(stored)))]
    table = stored[-len(seek_table(entries(stored))) :]
    for wrong in (rest + table, one + one + rest + table, rest + one + table, one + rest, one, stored[:-1]):
        with pytest.raises(Damaged):
            list(unframe(pieces(wrong)))
    assert second == third != fourth


@pytest.mark.parametrize("at", range(1, 40))
def test_changed_byte_of_the_seek_table_is_refused(at: int) -> None:
    stored = bytearray(compressed(bytes(FRAME + 1)))
    stored[-at if at <= 33 else at] ^= 1
    with pytest.raises(Damaged):
        list(unframe(pieces(bytes(stored))))


def test_frame_that_declares_a_larger_size_is_refused_before_decompression() -> None:
    huge = zstandard.ZstdCompressor(level=1).compress(bytes(FRAME + 1))
    with pytest.raises(Damaged, match="4 MiB or less"):
        list(unframe(pieces(huge + seek_table([(len(huge), FRAME + 1)]))))


def test_frame_with_more_content_than_declared_is_refused() -> None:
    honest = zstandard.ZstdCompressor(level=1).compress(bytes(70_000))
    liar = bytearray(honest)
    assert struct.unpack_from("<I", liar, 5) == (70_000,)
    struct.pack_into("<I", liar, 5, 66_000)
    with pytest.raises(Damaged):
        list(unframe(pieces(bytes(liar) + seek_table([(len(liar), 66_000)]))))


def test_endless_frame_is_refused_after_a_few_megabytes() -> None:
    endless = bytearray(zstandard.ZstdCompressor(level=1).compress(bytes(70_000))[:9])
    taken = 0

    def more() -> Iterator[bytes]:
        nonlocal taken
        yield bytes(endless)
        while True:
            taken += (128 << 10) + 3
            yield ((128 << 10) << 3).to_bytes(3, "little") + bytes(128 << 10)  # a raw block, not the last

    with pytest.raises(Damaged, match="broken"):
        list(unframe(more()))
    assert taken < 2 * FRAME


def test_encrypted_image_of_several_frames_survives(tmp_path: Path, data_key: DataKey) -> None:
    stored, artifact = store(tmp_path, SEVERAL, Format.SQLITE, data_key)
    assert read(stored, artifact, data_key) == SEVERAL
