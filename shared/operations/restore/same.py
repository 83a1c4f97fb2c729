"""Compares a downloaded database with the one that was sent: the same pages, or at least the same content."""

import os
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import apsw

from shared.dump.dump import DumpHeader, dump
from shared.errors import LitekeepError
from shared.sqlite.header import read_header
from shared.sqlite.read_back import first_difference
from shared.sqlite.settings_of import describe

_MODES = slice(18, 20)  # bytes of the header: 1 for a rollback journal, 2 for WAL; a node may set either
_SETTINGS = ("page_size", "encoding", "auto_vacuum", "user_version", "application_id")


def difference(found: Path, wanted: Path) -> str | None:
    """Returns how two closed files differ, or None. `found` is private: it gets the journal mode of `wanted`.

    Compares the pages first. A node may rearrange them; if they differ, compares settings and dumped SQL.
    """
    with found.open("r+b") as one, wanted.open("rb") as other:
        _copy_journal_mode(one.fileno(), other.fileno())
        sizes = [os.fstat(file.fileno()).st_size for file in (one, other)]
        header = read_header(other.fileno())
        if header is not None and sizes[0] == sizes[1]:
            page = first_difference(one.fileno(), other.fileno(), header.page_size, sizes[0] // header.page_size)
            if page is None:
                return None
    return _content(found, wanted)


def _copy_journal_mode(found: int, wanted: int) -> None:
    modes = os.pread(wanted, 2, _MODES.start)
    if all(mode in (1, 2) for mode in (*modes, *os.pread(found, 2, _MODES.start))):
        os.pwrite(found, modes, _MODES.start)


def _content(found: Path, wanted: Path) -> str | None:
    try:
        (settings, digest), (wanted_settings, wanted_digest) = _read(found), _read(wanted)
    except (apsw.Error, LitekeepError):
        return "the pages differ, and the content cannot be read"
    if settings != wanted_settings:
        return "page size, encoding, auto_vacuum, user_version or application_id differ"
    return None if digest == wanted_digest else "the content differs"


def _read(path: Path) -> tuple[list[object], str]:
    digest = sha256()
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        described = describe(connection, "delete")
        for chunk in dump(connection, DumpHeader("", "", "")):
            digest.update(chunk)
    return [getattr(described, name) for name in _SETTINGS], digest.hexdigest()
