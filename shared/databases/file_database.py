"""A live database that is a SQLite file."""

import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from shared.databases.interface import Condition, Snapshot
from shared.errors import CorruptSource, LitekeepError, SourceError
from shared.model.manifest import Source
from shared.runtime.progress import Progress
from shared.sqlite.connect import why_schema_unreadable
from shared.sqlite.fingerprint import fingerprint
from shared.sqlite.header import SIZE as HEADER_SIZE
from shared.sqlite.header import parse_header, why_unreadable
from shared.sqlite.location import FileLocation
from shared.sqlite.sqlite_file import FileSnapshot, regular_file, snapshot_file
from shared.text import count


class FileDatabase:
    """Implements `LiveDatabase`."""

    counts_writes = False

    def __init__(self, location: FileLocation) -> None:
        self._location, self._path = location, location.path

    def snapshot(self, destination: Path, *, allow_corrupt: bool, progress: Progress) -> Snapshot:
        def watch(done: int, total: int) -> None:
            progress("snapshot", done, total)

        found = snapshot_file(self._path, destination, allow_corrupt=allow_corrupt, progress=watch)
        return of_file(found, self._path)

    def pages(self, destination: Path) -> Path:
        return self._path

    def describe(self) -> str:
        shown = self._location.display
        try:
            with regular_file(self._path).open("rb") as file:
                raw = os.pread(file.fileno(), HEADER_SIZE, 0)
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise SourceError(f"{shown} cannot be read: {error.strerror}; check the path") from None
        header = parse_header(raw)
        if header is None:
            raise CorruptSource(f"{shown} is not a SQLite database, or is encrypted: check the path")
        if foreign := why_unreadable(raw) or why_schema_unreadable(self._path):
            raise CorruptSource(f"{shown} {foreign}")
        return f"readable, {count(size, 'byte')}, journal mode {header.journal_mode}"

    def health(self, now: datetime, *, restores: bool) -> Iterator[Condition]:
        try:
            yield Condition("source", ok=True, detail=f"{self._location.display}: {self.describe()}")
        except LitekeepError as error:
            yield Condition("source", ok=False, detail=str(error))

    def fingerprint(self) -> str | None:
        return fingerprint(self._path)

    def is_source_of(self, source: Source) -> bool:
        return (source.type, source.host, source.path) == ("file", socket.gethostname(), str(self._path.resolve()))

    def unchanged_since(self, source: Source) -> bool:
        known = (source.model_extra or {}).get("fingerprint")
        return self.is_source_of(source) and known is not None and known == self.fingerprint()


def of_file(found: FileSnapshot, source: Path) -> Snapshot:
    """Returns the snapshot of a file, with the file and this machine as its origin."""
    origin = Source(
        type="file",
        host=socket.gethostname(),
        sqlite_version=found.sqlite_version,
        size_bytes=found.size_bytes,
        path=str(source.resolve()),
    )
    return Snapshot(found.path, origin, found.journal_mode, found.size_bytes)
