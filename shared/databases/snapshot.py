"""A consistent copy of a database at one moment, wherever the database lives."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.errors import CorruptSource, SourceError
from shared.model.manifest import Source
from shared.runtime.progress import Progress, silent
from shared.sqlite.connect import why_schema_unreadable
from shared.sqlite.header import SIZE as HEADER_SIZE
from shared.sqlite.header import parse_header, why_unreadable
from shared.sqlite.location import FileLocation
from shared.sqlite.sqlite_file import FileSnapshot, regular_file, snapshot_file
from shared.sqlitecloud.location import CloudLocation


@dataclass(frozen=True)
class Snapshot:
    """A private file of pages, and what the manifest will say of where they came from."""

    path: Path
    origin: Source
    journal_mode: Literal["wal", "delete"]
    size_bytes: int


def take_snapshot(
    location: FileLocation | CloudLocation,
    destination: Path,
    *,
    allow_corrupt: bool = False,
    progress: Progress = silent,
) -> Snapshot:
    """Copies the database to `destination`. Raises SourceError, or CorruptSource when it is no whole database.

    With `allow_corrupt` the bytes of a damaged file are taken as they are.
    """

    def watch(done: int, total: int) -> None:
        progress("snapshot", done, total)

    if isinstance(location, CloudLocation):
        from shared.sqlitecloud.snapshot import snapshot_cloud  # noqa: PLC0415 - files need no driver

        image, origin = snapshot_cloud(location, destination, allow_corrupt=allow_corrupt, watch=watch)
        return Snapshot(image.path, origin, image.journal_mode, image.size_bytes)
    found = snapshot_file(location.path, destination, allow_corrupt=allow_corrupt, progress=watch)
    return of_file(found, location.path)


def of_file(found: FileSnapshot, source: Path) -> Snapshot:
    """A file's snapshot, with this machine as its host."""
    origin = Source(
        type="file",
        host=socket.gethostname(),
        sqlite_version=found.sqlite_version,
        size_bytes=found.size_bytes,
        path=str(source.resolve()),
    )
    return Snapshot(found.path, origin, found.journal_mode, found.size_bytes)


def check_readable(location: FileLocation | CloudLocation) -> str:
    """Looks at a database without copying it, and says what it is. Raises SourceError, as a snapshot would."""
    if isinstance(location, CloudLocation):
        from shared.sqlitecloud.snapshot import look_at  # noqa: PLC0415 - files need no driver

        return look_at(location)
    try:
        with regular_file(location.path).open("rb") as file:
            raw = os.pread(file.fileno(), HEADER_SIZE, 0)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise SourceError(f"{location.display} cannot be read: {error.strerror}; check the path") from None
    header = parse_header(raw)
    if header is None:
        raise CorruptSource(f"{location.display} is not a SQLite database, or is encrypted: check the path")
    if foreign := why_unreadable(raw) or why_schema_unreadable(location.path):
        raise CorruptSource(f"{location.display} {foreign}")
    return f"readable, {size} bytes, journal mode {header.journal_mode}"
