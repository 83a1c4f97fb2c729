"""Page images: private, closed files that each hold a whole database."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import apsw

from shared.sqlite.connect import open_snapshot
from shared.sqlite.header import SCHEMA_COOKIE, read_header
from shared.sqlite.raw_copy import Progress

STEP_BYTES = 4 << 20  # between two calls of `progress`


@dataclass(frozen=True)
class FileSnapshot:
    """One closed file that holds the whole database: no `-wal` or `-journal` belongs to it.

    `journal_mode` is the source's, and the image's header says the same. `sqlite_version` is of the library that
    wrote the source last. `size_bytes` is `page_size * page_count`.
    """

    path: Path
    journal_mode: Literal["wal", "delete"]
    page_size: int
    page_count: int
    size_bytes: int
    sqlite_version: str


def create_image(path: Path) -> None:
    """Creates an empty file with mode 0600. Raises FileExistsError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def copy_pages(reader: apsw.Connection, destination: Path, progress: Progress | None) -> None:
    """Copies every page that `reader` sees into the empty file `destination`, with SQLite's backup API.

    `reader` must be in a read transaction, or hold the database exclusively.
    """
    cookie: int = reader.execute("PRAGMA schema_version").get
    with closing(apsw.Connection(os.fspath(destination))) as writer:
        # A private file that is deleted on any failure needs neither a journal nor syncs.
        for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            writer.execute(f"PRAGMA {setting}").get  # noqa: B018  runs it to its end
        run_backup(reader, writer, progress)
    _set_schema_cookie(destination, cookie)


def run_backup(
    reader: apsw.Connection,
    writer: apsw.Connection,
    progress: Progress | None,
    committed: Callable[[], None] = lambda: None,
) -> None:
    """Runs SQLite's backup in one transaction of `writer`, which is rolled back if `progress` raises before the end.

    `committed` is called after the commit, even if an interruption arrives at that moment.
    """
    page_size: int = reader.pragma("page_size")
    with writer.backup("main", reader, "main") as backup:
        try:
            while not backup.done:
                backup.step(max(1, STEP_BYTES // page_size))
                if progress is not None:
                    done = backup.page_count - backup.remaining
                    progress(done * page_size, backup.page_count * page_size)
        finally:
            if backup.done:
                committed()


def _set_schema_cookie(image: Path, cookie: int) -> None:
    """Restores `PRAGMA schema_version`, which the backup API changes and applications may read."""
    with image.open("r+b") as file:
        file.seek(SCHEMA_COOKIE)
        file.write((cookie & 0xFFFFFFFF).to_bytes(4, "big"))


def finish_image(image: Path, written_by: str | None = None) -> FileSnapshot:
    """Checks the closed image's header with SQLite, and truncates the file after its last page.

    `written_by` is the source's SQLite version, if the image's header has another one.
    Raises apsw.CorruptError or apsw.NotADBError if SQLite does not accept the image.
    """
    with closing(open_snapshot(image)) as connection:
        connection.execute("PRAGMA schema_version").get  # noqa: B018  reads and checks the header
    with image.open("r+b") as file:
        header = read_header(file.fileno())
        if header is None:
            raise apsw.NotADBError("the image has no header")
        pages = header.page_count or os.fstat(file.fileno()).st_size // header.page_size
        size = pages * header.page_size
        if not size:
            raise apsw.CorruptError("the file holds not one whole page")
        if os.fstat(file.fileno()).st_size < size:
            raise apsw.CorruptError("the last page is cut off")
        file.truncate(size)
    version = written_by or header.sqlite_version
    return FileSnapshot(image, header.journal_mode, header.page_size, pages, size, version)
