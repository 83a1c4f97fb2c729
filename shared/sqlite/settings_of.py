"""Reads the settings that are stored in a database."""

import os
from pathlib import Path
from typing import Literal

import apsw

from shared.sqlite.facts import StoredSettings


def describe(connection: apsw.Connection, journal_mode: Literal["wal", "delete"]) -> StoredSettings:
    """Reads the settings. `journal_mode` is given because a read-only connection does not show it."""
    return StoredSettings(
        page_size=connection.pragma("page_size"),
        page_count=connection.pragma("page_count"),
        encoding=connection.pragma("encoding"),
        auto_vacuum=connection.pragma("auto_vacuum"),
        journal_mode=journal_mode,
        user_version=connection.pragma("user_version"),
        application_id=connection.pragma("application_id"),
    )


def describe_by_header(path: Path, journal_mode: Literal["wal", "delete"]) -> StoredSettings:
    """Reads the settings from the file's header alone, for a database whose schema SQLite cannot read.

    Source: https://sqlite.org/fileformat.html, section 1.3.
    """
    with path.open("rb") as file:
        raw = file.read(100).ljust(100, b"\0")
        size = os.fstat(file.fileno()).st_size

    def number(at: int) -> int:
        return int.from_bytes(raw[at : at + 4], "big")

    stored = int.from_bytes(raw[16:18], "big")
    page_size = 65536 if stored == 1 else stored or 4096
    return StoredSettings(
        page_size=page_size,
        page_count=-(-size // page_size),
        encoding={2: "UTF-16le", 3: "UTF-16be"}.get(number(56), "UTF-8"),
        auto_vacuum=0 if not number(52) else 2 if number(64) else 1,
        journal_mode=journal_mode,
        user_version=number(60),
        application_id=number(68),
    )
