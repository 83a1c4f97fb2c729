"""A consistent copy of a database at one moment, wherever the database lives."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.databases.header import read_header
from shared.databases.location import CloudLocation, FileLocation
from shared.databases.sqlite_file import FileSnapshot, snapshot_file
from shared.errors import CorruptSource, SourceError, UsageError
from shared.manifest import Source
from shared.progress import Progress, silent


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
    found = snapshot_file(
        _file(location),
        destination,
        allow_corrupt=allow_corrupt,
        progress=lambda done, total: progress("snapshot", done, total),
    )
    return of_file(found)


def of_file(found: FileSnapshot) -> Snapshot:
    """A file's snapshot, with this machine as its host."""
    origin = Source(
        type="file",
        host=socket.gethostname(),
        sqlite_version=found.sqlite_version,
        size_bytes=found.size_bytes,
    )
    return Snapshot(found.path, origin, found.journal_mode, found.size_bytes)


def check_readable(location: FileLocation | CloudLocation) -> str:
    """Looks at a database without copying it, and says what it is. Raises SourceError, as a snapshot would."""
    try:
        with _file(location).open("rb") as file:
            header = read_header(file.fileno())
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise SourceError(f"{location.display} cannot be read: {error.strerror}; check the path") from None
    if header is None:
        raise CorruptSource(f"{location.display} is not a SQLite database, or is encrypted: check the path")
    return f"readable, {size} bytes, journal mode {header.journal_mode}"


def _file(location: FileLocation | CloudLocation) -> Path:
    if not isinstance(location, FileLocation):
        raise UsageError(f"{location.display}: SQLite Cloud as a source is not part of this version; use a file")
    return location.path
