"""Imports plain files that other tools dumped, and exports plain files that the stock shell opens."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from shared.archive.data_key import DataKey
from shared.archive.plain_files import refuse_incomplete_database
from shared.archive.reader import open_compressed, read_artifact
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_manifest
from shared.clock import Clock, rfc3339, utc_now
from shared.continuous.path import Parents
from shared.databases.location import Location
from shared.dump.dump import DumpHeader, dump
from shared.errors import NotGood, StoreError, UsageError
from shared.keys import WrappingKey
from shared.model.manifest import Artifact, Manifest
from shared.model.names import Format
from shared.operations.erasure.pending import DEFAULT_ERASURES, ErasureOptions, Pending, pending_for
from shared.operations.erasure.replayed import Replayed
from shared.operations.restore.target import restore_target
from shared.operations.verify.child import check_quick, summarize
from shared.operations.verify.ladder import write_plain
from shared.operations.verify.rebuild import none_usable, private_file, rebuild
from shared.operations.verify.whole import rebuild_backup
from shared.runtime.confined import Confined
from shared.runtime.disk import Reserve
from shared.runtime.progress import Progress, counted, silent
from shared.runtime.so_far import note
from shared.sqlite.beside import scratch_beside
from shared.sqlite.replace import check_new, publish_new

_SQL_ENDINGS = (".sql", ".sql.gz")
_IMAGE_ENDINGS = (".sqlite", ".sqlite3", ".db")
_PAGES_FIRST = (Format.SQLITE, Format.PAGES, Format.SQL)
_SQL_FIRST = (Format.SQL, Format.SQLITE, Format.PAGES)
_DAMAGED = "NOT good: it was taken of a damaged database"


@dataclass(frozen=True)
class Imported:
    """A file that was loaded into the new database `target`."""

    source: Path
    target: str
    tables: int
    rows: int
    duration_seconds: float


@dataclass(frozen=True)
class Exported:
    """A backup that was written as a plain file. `notes`: remarks for people on anything unusual."""

    manifest: Manifest
    notes: list[str]
    erased: Replayed | None = None


@dataclass(frozen=True)
class _Opened:
    """An opened backup, its data key, and the key of the backups that it builds on."""

    catalog: Catalog
    manifest: Manifest
    data_key: DataKey | None
    key: WrappingKey | None
    progress: Progress


def import_file(source: Path, target: Location, *, clock: Clock = utc_now, progress: Progress = silent) -> Imported:
    """Loads a `.sql`, `.sql.gz`, `.sqlite` or `.sqlite.zst` file into a new database, as a restore does.

    Raises NotGood when the file does not unpack, load, or pass SQLite's own checks; UsageError when
    the target exists.
    """
    started, place = clock(), restore_target(target)
    place.check(f"import {source} to {target.display}", "use another --to", in_place=False)
    note("file", f"{target.display} was not made")
    with place.scratch() as scratch:
        made = scratch / "import.sqlite"
        tables, rows = _load_file(source, made, progress=progress)
        place.make_new(made, scratch, progress)
    return Imported(source, target.display, tables, rows, (clock() - started).total_seconds())


def _load_file(source: Path, made: Path, *, progress: Progress) -> tuple[int, int]:
    """Loads the file into the new private file `made`; returns its tables and rows. Raises NotGood."""
    refuse_incomplete_database(source)
    with Confined() as child:
        write_plain(counted(open_compressed(source), progress, "load"), made, source, child)
        return _sound(child, made, source)


def check_export_name(output: Path) -> None:
    """Raises UsageError when the file exists, or its ending names no format."""
    if not output.name.endswith(_SQL_ENDINGS + _IMAGE_ENDINGS):
        allowed = ", ".join(_SQL_ENDINGS + _IMAGE_ENDINGS)
        raise UsageError(f"--output {output} has an ending that names no format: allowed are {allowed}")
    check_new(output, f"write --output {output}")


def export_backup(
    catalog: Catalog,
    backup: Backup,
    key: WrappingKey | None,
    output: Path,
    *,
    erasures: ErasureOptions = DEFAULT_ERASURES,
    progress: Progress = silent,
) -> Exported:
    """Writes a backup as a plain, unencrypted file for the stock `sqlite3`. The ending of `output` decides the format.

    Erasures since the backup are replayed on it. Raises NotGood when the backup is not good, UsageError when the file
    exists, NotErased when an erasure cannot be replayed.
    """
    check_export_name(output)
    note("file", f"{output} was not made")
    manifest, data_key = open_manifest(catalog, backup, key)
    as_sql = output.name.endswith(_SQL_ENDINGS)
    if (pending := pending_for(catalog.store, key, manifest, erasures)) is not None:
        return _export_erased(catalog, backup, key, output, pending, progress)
    opened = _Opened(catalog, manifest, data_key, key, progress)
    failures: list[NotGood | StoreError] = []
    with scratch_beside(output) as scratch:
        made = scratch / "export"
        for form in _SQL_FIRST if as_sql else _PAGES_FIRST:
            artifact = manifest.artifact(form)
            if artifact is None:
                continue
            try:
                if as_sql:
                    _write_sql(_sql(opened, artifact, scratch), made, packed=output.name.endswith(".gz"))
                else:
                    _rebuild(opened, artifact, made)
            except (NotGood, StoreError) as error:
                failures.append(error)
                made.unlink(missing_ok=True)
                continue
            publish_new(made, output)
            notes = [f"{failure}; {artifact.object} was used instead" for failure in failures]
            return Exported(manifest, notes if manifest.integrity.good else [*notes, _DAMAGED])
    raise none_usable(manifest, failures)


def _export_erased(
    catalog: Catalog, backup: Backup, key: WrappingKey | None, output: Path, pending: Pending, progress: Progress
) -> Exported:
    """Rebuilds the whole database, replays the erasures on it, and exports the result."""
    with scratch_beside(output) as scratch:
        image, made = scratch / "image.sqlite", scratch / "export"
        manifest = rebuild_backup(catalog, backup, key, image, erasures=ErasureOptions(without=True), progress=progress)
        erased = pending.on(image)
        if output.name.endswith(_SQL_ENDINGS):
            header = DumpHeader(manifest.database, rfc3339(manifest.created_at), manifest.schema_version)
            with closing(apsw.Connection(str(image), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
                _write_sql(dump(connection, header), made, packed=output.name.endswith(".gz"))
        else:
            image.rename(made)
        publish_new(made, output)
    notes = [erased.summary, *erased.notes]
    return Exported(manifest, notes if manifest.integrity.good else [*notes, _DAMAGED], erased)


def _sql(opened: _Opened, artifact: Artifact, scratch: Path) -> Iterator[bytes]:
    """Yields the SQL of a dump, or of a rebuilt page image."""
    manifest = opened.manifest
    if artifact.format is Format.SQL:
        with opened.catalog.store.open(artifact.object) as stored:
            chunks = read_artifact(stored, artifact, opened.data_key, manifest.name)
            yield from counted(chunks, opened.progress, "load")
        return
    image = scratch / "image.sqlite"
    _rebuild(opened, artifact, image)
    header = DumpHeader(manifest.database, rfc3339(manifest.created_at), manifest.schema_version)
    with closing(apsw.Connection(str(image), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        yield from dump(connection, header)


def _rebuild(opened: _Opened, artifact: Artifact, target: Path) -> None:
    """Rebuilds the database and checks it against the manifest. Raises NotGood."""
    manifest, store = opened.manifest, opened.catalog.store
    with Confined() as child:
        parents = Parents(opened.key)
        rebuild(store, manifest, artifact, opened.data_key, target, child, parents=parents, progress=opened.progress)
        failed = [check for check in check_quick(child, target, manifest) if not check.ok]
    if failed and manifest.integrity.good:
        raise NotGood(f"{manifest.id} does not match its manifest: {'; '.join(check.detail for check in failed)}")


def _write_sql(pieces: Iterable[bytes], target: Path, *, packed: bool) -> None:
    pieces = Reserve([target.parent]).watched(pieces)
    with private_file(target) as file:
        if packed:
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as archive:
                for piece in pieces:
                    archive.write(piece)
        else:
            file.writelines(pieces)


def _sound(child: Confined, made: Path, source: Path) -> tuple[int, int]:
    found = summarize(child, made, str(source))
    if not found.integrity.good:
        raise NotGood(f"{source} holds a damaged database, integrity_check says: {found.integrity.problems[0]}")
    return found.tables, found.rows
