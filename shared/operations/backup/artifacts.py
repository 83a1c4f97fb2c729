"""Writes the artifacts of a snapshot to staging, and describes the snapshot for its manifest."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event

import apsw

from shared.archive.data_key import DataKey
from shared.archive.writer import write_artifact
from shared.clock import rfc3339
from shared.databases.snapshot import Snapshot
from shared.dump.dump import DumpCounts, DumpHeader, dump
from shared.dump.schema import count_rows, schema_hash, schema_version, user_tables
from shared.dump.unique import refuse_broken_unique
from shared.model.manifest import Artifact, Database
from shared.model.names import BackupName, Format
from shared.runtime.progress import Cancelled, Progress, counted
from shared.sqlite.facts import Soundness, StoredSettings
from shared.sqlite.settings_of import describe, describe_by_header

# Most bytes of SQL in one row. Loading a row takes about five times its size, and the jobs have 1 GiB of memory.
LONGEST_ROW = 128 << 20
_PIECE = 1 << 20
_BUSY_MILLISECONDS = 10_000  # the last connection to close a WAL database locks the others out for a moment


@dataclass(frozen=True)
class Description:
    """The contents of a snapshot, as its manifest records them."""

    database: Database
    schema_hash: str
    schema_version: str
    row_counts: dict[str, int] = field(default_factory=dict)
    tables: int = 0
    rows: int = 0
    reindex: list[str] = field(default_factory=list)
    without_sql: str | None = None  # why the backup has a page image only
    unreadable: str | None = None  # why the contents cannot be described although SQLite finds no damage

    @property
    def integrity(self) -> Soundness | None:
        """Overrides the result of SQLite's own check for unreadable contents; else None."""
        return Soundness(good=False, problems=[self.unreadable]) if self.unreadable else None


def write_artifacts(
    name: BackupName,
    snapshot: Snapshot,
    created_at: datetime,
    formats: tuple[Format, ...],
    staging: Path,
    data_key: DataKey | None,
    progress: Progress,
) -> tuple[list[Artifact], DumpCounts | None]:
    """Writes each format to `staging / FORMAT`. Returns the artifacts, and the dump's row counts if there is a dump.

    Raises SourceError for content that SQL cannot express, apsw.Error when pages cannot be read.
    """
    counts = DumpCounts()
    cancelled = Event()

    def write(form: Format) -> Artifact:
        chunks = _dump(snapshot, name, created_at, counts) if form is Format.SQL else _pages(snapshot.path)
        chunks = counted(chunks, progress, str(form), snapshot.size_bytes)
        try:
            artifact = write_artifact(_until_cancelled(chunks, cancelled), staging / form, form, data_key, name)
        except BaseException:
            cancelled.set()
            raise
        progress(str(form), snapshot.size_bytes, snapshot.size_bytes)  # a dump may be smaller than the page image
        return artifact

    return _write_in_parallel(write, formats, cancelled), counts if Format.SQL in formats else None


def _write_in_parallel(
    write: Callable[[Format], Artifact], formats: tuple[Format, ...], cancelled: Event
) -> list[Artifact]:
    """Writes the first format in this thread, which receives signals, and the others in threads of their own.

    A failure cancels all of them.
    """
    first, *others = formats
    with ThreadPoolExecutor(max(1, len(others)), thread_name_prefix="artifact") as pool:
        try:
            pending = [pool.submit(write, form) for form in others]
            try:
                made = write(first)
            except Cancelled:
                for artifact in pending:
                    artifact.result()  # raises the reason
                raise
            return [made, *(artifact.result() for artifact in pending)]
        except BaseException:
            cancelled.set()
            raise


def _until_cancelled(chunks: Iterable[bytes], cancelled: Event) -> Iterator[bytes]:
    for chunk in chunks:
        if cancelled.is_set():
            raise Cancelled
        yield chunk


def describe_snapshot(snapshot: Snapshot, counts: DumpCounts | None) -> Description:
    """Describes a sound snapshot. Counts its rows if no dump has counted them."""
    with closing(_open(snapshot)) as connection:
        row_counts = counts.row_counts if counts else count_rows(connection)
        own = user_tables(connection)
        return Description(
            database=_recorded(describe(connection, snapshot.journal_mode)),
            schema_hash=schema_hash(connection),
            schema_version=schema_version(connection),
            row_counts=row_counts,
            tables=len(own),
            rows=sum(row_counts.get(table, 0) for table in own),
            reindex=counts.reindex if counts else [],
        )


def describe_damaged(snapshot: Snapshot) -> Description:
    """Describes a damaged snapshot without reading its tables."""
    with closing(_open(snapshot)) as connection:
        try:
            found = _recorded(describe(connection, snapshot.journal_mode))
            return Description(found, schema_hash(connection), "unknown")
        except (apsw.Error, UnicodeError):  # the schema cannot be read either
            found = _recorded(describe_by_header(snapshot.path, snapshot.journal_mode))
            return Description(found, "0" * 64, "unknown")


def _recorded(found: StoredSettings) -> Database:
    return Database(**asdict(found))


def _dump(snapshot: Snapshot, name: BackupName, created_at: datetime, counts: DumpCounts) -> Iterator[bytes]:
    with closing(_open(snapshot)) as connection:
        refuse_broken_unique(connection)
        header = DumpHeader(name.database, rfc3339(created_at), schema_version(connection))
        yield from dump(connection, header, counts=counts, longest=LONGEST_ROW)


def _pages(path: Path) -> Iterator[bytes]:
    with path.open("rb") as image:
        while piece := image.read(_PIECE):
            yield piece


def _open(snapshot: Snapshot) -> apsw.Connection:
    connection = apsw.Connection(str(snapshot.path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    return connection
