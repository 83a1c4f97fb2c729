"""Replaces SQLite's encryption extension, which is not available.

The whole file is XORed with a byte stream derived from the key, so that it is opaque, has no SQLite header,
and can be read only with the same key. It is not secure, and the format is our own."""

import hashlib
import os
from pathlib import Path

BLOCK = 1 << 20
HEADER = b"SQLite format 3\0"


def scramble(path: Path, key: str) -> None:
    """Scrambles or unscrambles a file in place; both are the same operation."""
    with path.open("r+b") as file:
        for number in range((file.seek(0, os.SEEK_END) + BLOCK - 1) // BLOCK):
            file.seek(number * BLOCK)
            mixed = _mix(file.read(BLOCK), key, number)
            file.seek(number * BLOCK)
            file.write(mixed)


def opens(path: Path, key: str) -> bool:
    """Returns whether the scrambled file at `path` was made with `key`."""
    with path.open("rb") as file:
        return _mix(file.read(len(HEADER)), key, 0) == HEADER


def is_plain(path: Path) -> bool:
    """Returns whether a file is an ordinary database, or empty."""
    with path.open("rb") as file:
        return file.read(len(HEADER)) in {HEADER, b""}


def _mix(block: bytes, key: str, number: int) -> bytes:
    stream = hashlib.shake_256(b"%d:" % number + key.encode()).digest(len(block))
    return (int.from_bytes(block) ^ int.from_bytes(stream)).to_bytes(len(block))
