"""From a snapshot to artifact files in staging, and what the manifest says of the snapshot."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import apsw

from shared.archive.data_key import DataKey
from shared.archive.writer import write_artifact
from shared.clock import rfc3339
from shared.databases.checks import describe
from shared.databases.snapshot import Snapshot
from shared.dump.dump import DumpCounts, DumpHeader, dump
from shared.dump.schema import count_rows, schema_hash, schema_version, user_tables
from shared.manifest import Artifact, Database
from shared.names import BackupName, Format
from shared.progress import Progress

_PIECE = 1 << 20


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
    artifacts, counts = [], None
    for form in formats:
        if form is Format.SQL:
            counts = DumpCounts()
            chunks = _dump(snapshot, name, created_at, counts)
        else:
            chunks = _pages(snapshot.path)
        counted = _counted(chunks, str(form), snapshot.size_bytes, progress)
        artifacts.append(write_artifact(counted, staging / form, form, data_key, name))
    return artifacts, counts


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
            digest = schema_hash(connection)
        except apsw.Error:
            digest = "0" * 64  # not even the schema can be read
        return Description(describe(connection, snapshot.journal_mode), digest, "unknown")


def _dump(snapshot: Snapshot, name: BackupName, created_at: datetime, counts: DumpCounts) -> Iterator[bytes]:
    with closing(_open(snapshot)) as connection:
        header = DumpHeader(name.database, rfc3339(created_at), schema_version(connection))
        yield from dump(connection, header, counts=counts)


def _pages(path: Path) -> Iterator[bytes]:
    with path.open("rb") as image:
        while piece := image.read(_PIECE):
            yield piece


def _open(snapshot: Snapshot) -> apsw.Connection:
    return apsw.Connection(str(snapshot.path), flags=apsw.SQLITE_OPEN_READWRITE)


def _counted(chunks: Iterable[bytes], stage: str, total: int, progress: Progress) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        progress(stage, min(done, total), total)
    progress(stage, total, total)
