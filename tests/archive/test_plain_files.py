"""Import files are recognized by their first bytes and read completely, or refused."""

import gzip
import os
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.archive.decompress import gunzip_any
from shared.archive.reader import open_compressed
from shared.errors import NotGood, UsageError
from tests.archive.builders import PLAIN

GZIP = gzip.compress(PLAIN, mtime=0)
ZSTD = zstandard.ZstdCompressor(write_checksum=True).compress(PLAIN)
SKIPPABLE = b"\x50\x2a\x4d\x18\x03\0\0\0abc"


def _read(path: Path, content: bytes) -> bytes:
    path.write_bytes(content)
    return b"".join(open_compressed(path))


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (PLAIN, PLAIN),
        (b"", b""),
        (b"\x1f", b"\x1f"),
        (GZIP, PLAIN),
        (GZIP * 3, PLAIN * 3),
        (GZIP + bytes(1000), PLAIN),
        (GZIP + bytes(7) + GZIP, PLAIN * 2),
        (gzip.compress(b"", mtime=0), b""),
        (ZSTD, PLAIN),
        (ZSTD * 3, PLAIN * 3),
        (SKIPPABLE + ZSTD, PLAIN),
        (ZSTD + SKIPPABLE, PLAIN),
    ],
)
def test_format_is_recognized_by_content_not_by_file_name(tmp_path: Path, content: bytes, plain: bytes) -> None:
    for name in ("a.sql", "a.sql.gz", "a.sqlite.zst"):
        assert _read(tmp_path / name, content) == plain


def test_gzip_header_with_name_and_comment_is_read_in_any_pieces() -> None:
    header = b"\x1f\x8b\x08\x1c" + bytes(6) + b"\x03\0abc" + b"dump.sql\0" + b"a comment\0"
    whole = header + GZIP[10:]

    @given(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    @settings(max_examples=30, deadline=None)
    def read_in(sizes: list[int]) -> None:
        pieces, at, turn = [], 0, 0
        while at < len(whole):
            pieces.append(whole[at : at + sizes[turn % len(sizes)]])
            at += sizes[turn % len(sizes)]
            turn += 1
        assert b"".join(gunzip_any(iter(pieces))) == PLAIN

    read_in()


@pytest.mark.parametrize("whole", [GZIP, ZSTD, GZIP * 2, ZSTD * 2], ids=["gz", "zst", "gz gz", "zst zst"])
def test_truncated_file_is_refused(tmp_path: Path, whole: bytes) -> None:
    ends = {len(whole), len(whole) // 2} if whole in (GZIP * 2, ZSTD * 2) else {len(whole)}
    for length in range(4, len(whole)):
        if length not in ends:
            with pytest.raises(NotGood, match=r"cut short|broken"):
                _read(tmp_path / "cut", whole[:length])


@pytest.mark.parametrize("content", [GZIP + b"garbage", ZSTD + b"garbage", GZIP[:-1] + b"\xff", ZSTD[:-1] + b"\0"])
def test_damaged_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.bin"
    with pytest.raises(NotGood, match=r"odd\.bin cannot be decompressed"):
        _read(path, content)


def test_encrypted_artifact_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(NotGood, match="litekeep restore"):
        _read(tmp_path / "backup.sql.gz.enc", b"\x28" + bytes(63))


def test_folder_pipe_or_missing_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe"):
        with pytest.raises(UsageError, match=str(path)):
            list(open_compressed(path))
