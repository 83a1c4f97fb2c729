"""Reads files to import: SQL or pages, plain, gzip or zstd, recognized by their first bytes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from shared.archive.damage import Damaged
from shared.archive.decompress import PIECE, gunzip_any, unzstd_any
from shared.errors import NotGood, UsageError

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after one byte of 0x50 to 0x5f (RFC 8878, 3.1.2)


def open_compressed(path: Path) -> Iterator[bytes]:
    """Yields the plain bytes of the file in chunks of at most 16 MiB. They are provisional until the iterator ends.

    Several gzip members or zstd frames are read as one stream, as the stock tools do.
    Raises UsageError if there is no file to read, NotGood if it is damaged or encrypted.
    """
    with _open(path) as file:
        try:
            yield from _plain(path, file)
        except Damaged as damage:
            raise NotGood(f"{path} {damage}; fetch it again or use another file") from None
        except OSError as error:
            raise NotGood(f"{path} cannot be read: {error.strerror}; use another file") from None


def refuse_incomplete_database(path: Path) -> None:
    """Raises UsageError for a database whose last transactions are in files beside it, a `-wal` or `-journal`."""
    for suffix in ("-wal", "-journal"):
        beside = Path(f"{path}{suffix}")
        if beside.is_file() and beside.stat().st_size:
            raise UsageError(
                f"{path} is incomplete without {beside.name}: back it up (DATABASE_URL={path} litekeep backup), "
                "or let the application close it first"
            )


def _plain(path: Path, file: BinaryIO) -> Iterator[bytes]:
    magic = file.read(4)
    file.seek(0)
    pieces = iter(lambda: file.read(PIECE), b"")
    if magic[:2] == _GZIP:
        return gunzip_any(pieces)
    if magic == _ZSTD or (magic[1:] == _ZSTD_SKIPPABLE and magic[:1] in b"PQRSTUVWXYZ[\\]^_"):
        return unzstd_any(pieces)
    if path.suffix == ".enc":
        raise Damaged("is encrypted: bring its backup back with `litekeep restore`")
    return pieces


def _open(path: Path) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(f"{path} cannot be opened: {error.strerror}; name a file that can be read") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
    raise UsageError(f"{path} is {what}: name a file that can be read")
