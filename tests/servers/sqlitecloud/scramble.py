"""Stands in for SQLite's encryption extension, which is not to be had here.

The whole file is combined with a stream of bytes made from the key, so that it is opaque, has no SQLite
header, and comes back only with the same key. It is no encryption to rely on, and the form is ours."""

import hashlib
import os
from pathlib import Path

BLOCK = 1 << 20
HEADER = b"SQLite format 3\0"


def scramble(path: Path, key: str) -> None:
    """Scramble a file in place, or bring it back: the two are the same."""
    with path.open("r+b") as file:
        for number in range((file.seek(0, os.SEEK_END) + BLOCK - 1) // BLOCK):
            file.seek(number * BLOCK)
            mixed = _mix(file.read(BLOCK), key, number)
            file.seek(number * BLOCK)
            file.write(mixed)


def opens(path: Path, key: str) -> bool:
    """Whether the scrambled file at `path` was made with `key`."""
    with path.open("rb") as file:
        return _mix(file.read(len(HEADER)), key, 0) == HEADER


def is_plain(path: Path) -> bool:
    """Whether a file is an ordinary database (an empty file is one too)."""
    with path.open("rb") as file:
        return file.read(len(HEADER)) in {HEADER, b""}


def _mix(block: bytes, key: str, number: int) -> bytes:
    stream = hashlib.shake_256(b"%d:" % number + key.encode()).digest(len(block))
    return (int.from_bytes(block) ^ int.from_bytes(stream)).to_bytes(len(block))
