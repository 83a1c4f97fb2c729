"""Parses the 100-byte header of a SQLite file (https://sqlite.org/fileformat.html, section 1.3)."""

import os
from typing import Literal, NamedTuple

MAGIC = b"SQLite format 3\0"
SIZE = 100
SCHEMA_COOKIE = 40  # offset of a big-endian 32-bit integer
WRITTEN_BY = 96  # offset of SQLITE_VERSION_NUMBER, the same type
_WAL = 2  # the newest version of the file format
_MVCC = 255  # the version that Turso's engine writes
_FRACTIONS = bytes((64, 32, 32))
_NEWEST_SCHEMA_FORMAT = 4
_UTF16BE = 3  # the last of the text encodings


class Header(NamedTuple):
    """The fields of a header. `page_count` is None if the file does not mark it as valid."""

    page_size: int
    page_count: int | None
    journal_mode: Literal["wal", "delete"]
    sqlite_version: str  # of the library that wrote last, or "unknown"


def read_header(descriptor: int) -> Header | None:
    """Reads the header of an open file. Returns None if SQLite would not accept it."""
    return parse_header(os.pread(descriptor, SIZE, 0))


def parse_header(raw: bytes) -> Header | None:
    """Parses the first bytes of a file. Returns None if SQLite would not accept them."""
    if len(raw) < SIZE or not raw.startswith(MAGIC):
        return None
    stored = int.from_bytes(raw[16:18], "big")
    page_size = 65536 if stored == 1 else stored
    if page_size < 512 or page_size & (page_size - 1):
        return None
    is_valid = raw[24:28] == raw[92:96] and any(raw[28:32])
    return Header(
        page_size=page_size,
        page_count=int.from_bytes(raw[28:32], "big") if is_valid else None,
        journal_mode="wal" if 2 in (raw[18], raw[19]) else "delete",
        sqlite_version=_version(int.from_bytes(raw[WRITTEN_BY : WRITTEN_BY + 4], "big")),
    )


def why_unreadable(raw: bytes) -> str | None:
    """Returns why this SQLite cannot read a file that has a valid header, or None if it can.

    The text is the end of a sentence that begins with the file's name. Such a file is not damaged.
    """
    if parse_header(raw) is None:
        return None
    written, read, encoding = raw[18], raw[19], int.from_bytes(raw[56:60], "big")
    schema_format = int.from_bytes(raw[44:48], "big")
    if raw[21:24] != _FRACTIONS or (schema_format > _NEWEST_SCHEMA_FORMAT and (encoding > _UTF16BE or any(raw[72:92]))):
        return "is encrypted, except for the beginning of its header"
    if _MVCC in (written, read):
        return "is in the MVCC journal mode of another engine: switch it back to WAL there"
    if read > _WAL:
        return f"is of file format {read}, which is newer than SQLite's or of another engine"
    if schema_format > _NEWEST_SCHEMA_FORMAT:
        return f"has a schema of format {schema_format}, which is newer than SQLite's or of another engine"
    return None


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else "unknown"
