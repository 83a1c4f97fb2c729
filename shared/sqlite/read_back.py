"""Reads a written database file back and compares it."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

_PIECE = 4 << 20
# Bytes of page 1 that every commit changes: change counter, schema cookie, version-valid-for, SQLite version.
_COUNTERS = ((24, 28), (40, 44), (92, 100))
_LOCK_BYTE = 0x40000000  # SQLite never uses the page that holds it


def first_difference(found: int, wanted: int, page_size: int, page_count: int) -> int | None:
    """Returns the number of the first page in which two open files differ, or None. Ignores the header's counters."""
    for start in range(0, page_count * page_size, _PIECE):
        size = min(_PIECE, page_count * page_size - start)
        pieces = [bytearray(os.pread(file, size, start)) for file in (found, wanted)]
        for piece in pieces:
            _blank(piece, start, page_size)
        if pieces[0] != pieces[1] or len(pieces[0]) != size:
            return _first_page(pieces[0], pieces[1], start, page_size)
    return None


def sha256_on_disk(path: Path, progress: Callable[[int, int], None]) -> str:
    """Returns the SHA-256 of a file as it is on disk: the file is synced first and dropped from the page cache.

    `progress` is called with the bytes read so far and the total. Raises OSError.
    """
    digest = sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        done, total = 0, os.fstat(descriptor).st_size
        while piece := os.read(descriptor, _PIECE):
            digest.update(piece)
            done += len(piece)
            progress(done, total)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def _blank(piece: bytearray, start: int, page_size: int) -> None:
    if start == 0:
        for first, last in _COUNTERS:
            piece[first:last] = bytes(last - first)
    lock = _LOCK_BYTE - start
    if 0 <= lock < len(piece):
        piece[lock : lock + page_size] = bytes(len(piece[lock : lock + page_size]))


def _first_page(found: bytearray, wanted: bytearray, start: int, page_size: int) -> int:
    for offset in range(0, max(len(found), len(wanted)), page_size):
        if found[offset : offset + page_size] != wanted[offset : offset + page_size]:
            return (start + offset) // page_size + 1
    return start // page_size + 1
