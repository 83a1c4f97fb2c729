"""The 100 bytes that a SQLite file begins with (https://sqlite.org/fileformat.html, section 1.3)."""

import os
from dataclasses import dataclass
from typing import Literal

MAGIC = b"SQLite format 3\0"
SIZE = 100
SCHEMA_COOKIE = 40  # offset of a big-endian 32-bit integer
WRITTEN_BY = 96  # the same, SQLITE_VERSION_NUMBER
_WAL = 2  # the newest version of the file format
_MVCC = 255  # what Turso's engine writes in its stead
_FRACTIONS = bytes((64, 32, 32))
_NEWEST_SCHEMA_FORMAT = 4
_UTF16BE = 3  # the last of the text encodings


@dataclass(frozen=True)
class Header:
    """What the file says of itself. `page_count` is None when the file does not vouch for it."""

    page_size: int
    page_count: int | None
    journal_mode: Literal["wal", "delete"]
    sqlite_version: str  # of the library that wrote last; "unknown" when it did not say


def read_header(descriptor: int) -> Header | None:
    """The header of an open file, or None when it has none that SQLite would take."""
    return parse_header(os.pread(descriptor, SIZE, 0))


def parse_header(raw: bytes) -> Header | None:
    """The same of the bytes that a file begins with."""
    if len(raw) < SIZE or not raw.startswith(MAGIC):
        return None
    stored = int.from_bytes(raw[16:18], "big")
    page_size = 65536 if stored == 1 else stored
    if page_size < 512 or page_size & (page_size - 1):
        return None
    vouched = raw[24:28] == raw[92:96] and any(raw[28:32])
    return Header(
        page_size=page_size,
        page_count=int.from_bytes(raw[28:32], "big") if vouched else None,
        journal_mode="wal" if 2 in (raw[18], raw[19]) else "delete",
        sqlite_version=_version(int.from_bytes(raw[WRITTEN_BY : WRITTEN_BY + 4], "big")),
    )


def why_unreadable(raw: bytes) -> str | None:
    """What a file that begins as a database is, when no SQLite of this version can read it; else None.

    The end of a sentence that begins with the file's name. Such a file is not damaged.
    """
    if parse_header(raw) is None:
        return None
    written, read, encoding = raw[18], raw[19], int.from_bytes(raw[56:60], "big")
    schema_format = int.from_bytes(raw[44:48], "big")
    if raw[21:24] != _FRACTIONS or (schema_format > _NEWEST_SCHEMA_FORMAT and (encoding > _UTF16BE or any(raw[72:92]))):
        return "is encrypted, but for the beginning of its header"
    if _MVCC in (written, read):
        return "is in the MVCC journal mode of another engine: switch it back to WAL there"
    if read > _WAL:
        return f"is of file format {read}, which is newer than SQLite's or of another engine"
    if schema_format > _NEWEST_SCHEMA_FORMAT:
        return f"has a schema of format {schema_format}, which is newer than SQLite's or of another engine"
    return None


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else "unknown"
