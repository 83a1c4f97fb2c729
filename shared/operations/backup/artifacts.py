"""From a snapshot to artifact files in staging, and what the manifest says of the snapshot."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
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
from shared.model.manifest import Artifact, Database, Integrity
from shared.model.names import BackupName, Format
from shared.runtime.progress import GivenUp, Progress, counted
from shared.sqlite.settings_of import describe, describe_by_header

# Bytes of a row as SQL. Loading one takes about five times as much, and the jobs have 1 GiB of memory.
LONGEST_ROW = 128 << 20
_PIECE = 1 << 20
_PATIENCE = 10_000  # milliseconds; of a WAL database, whoever closes it last locks the others out for a moment


@dataclass(frozen=True)
class Description:
    """What the snapshot holds, as the manifest will say it."""

    database: Database
    schema_hash: str
    schema_version: str
    row_counts: dict[str, int] = field(default_factory=dict)
    tables: int = 0
    rows: int = 0
    reindex: list[str] = field(default_factory=list)
    without_sql: str | None = None  # why there is a page image only
    unreadable: str | None = None  # why nobody can say more of it, for all that SQLite finds no damage

    @property
    def integrity(self) -> Integrity | None:
        """What is to be said in place of SQLite's own check, if anything."""
        return Integrity(good=False, problems=[self.unreadable]) if self.unreadable else None


def write_artifacts(
    name: BackupName,
    snapshot: Snapshot,
    created_at: datetime,
    formats: tuple[Format, ...],
    staging: Path,
    data_key: DataKey | None,
    progress: Progress,
) -> tuple[list[Artifact], DumpCounts | None]:
    """Writes each format into `staging / FORMAT`; the counts are those of the dump, when one was made.

    Raises SourceError for what a dump cannot carry, apsw.Error when the pages cannot be read.
    """
    counts = DumpCounts()
    given_up = Event()

    def write(form: Format) -> Artifact:
        chunks = _dump(snapshot, name, created_at, counts) if form is Format.SQL else _pages(snapshot.path)
        passing = counted(chunks, progress, str(form), snapshot.size_bytes)
        try:
            artifact = write_artifact(_until(given_up, passing), staging / form, form, data_key, name)
        except BaseException:
            given_up.set()
            raise
        progress(str(form), snapshot.size_bytes, snapshot.size_bytes)  # a dump may be smaller than its pages
        return artifact

    return _side_by_side(write, formats, given_up), counts if Format.SQL in formats else None


def _side_by_side(write: Callable[[Format], Artifact], formats: tuple[Format, ...], given_up: Event) -> list[Artifact]:
    """The first in this thread, where signals arrive, the others beside it; one that fails ends all."""
    first, *others = formats
    with ThreadPoolExecutor(max(1, len(others)), thread_name_prefix="artifact") as pool:
        try:
            beside = [pool.submit(write, form) for form in others]
            try:
                made = write(first)
            except GivenUp:
                for artifact in beside:
                    artifact.result()  # raises the reason
                raise
            return [made, *(artifact.result() for artifact in beside)]
        except BaseException:
            given_up.set()
            raise


def _until(given_up: Event, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if given_up.is_set():
            raise GivenUp
        yield chunk


def describe_snapshot(snapshot: Snapshot, counts: DumpCounts | None) -> Description:
    """What a sound snapshot holds; rows are counted here when no dump has counted them."""
    with closing(_open(snapshot)) as connection:
        row_counts = counts.row_counts if counts else count_rows(connection)
        own = user_tables(connection)
        return Description(
            database=describe(connection, snapshot.journal_mode),
            schema_hash=schema_hash(connection),
            schema_version=schema_version(connection),
            row_counts=row_counts,
            tables=len(own),
            rows=sum(row_counts.get(table, 0) for table in own),
            reindex=counts.reindex if counts else [],
        )


def describe_damaged(snapshot: Snapshot) -> Description:
    """As much of a damaged snapshot as can be told without trusting its tables."""
    with closing(_open(snapshot)) as connection:
        try:
            return Description(describe(connection, snapshot.journal_mode), schema_hash(connection), "unknown")
        except (apsw.Error, UnicodeError):  # not even the schema can be read
            return Description(describe_by_header(snapshot.path, snapshot.journal_mode), "0" * 64, "unknown")


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
    connection.set_busy_timeout(_PATIENCE)
    return connection
