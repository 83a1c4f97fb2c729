"""From an artifact in a store back to a database file, and holding that file to its manifest.

What `rebuild` makes is provisional until it returns: it lies under a private name, and on any
failure it is gone.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import apsw

from shared.archive.data_key import DataKey
from shared.archive.pipeline import read_ahead
from shared.archive.reader import read_artifact
from shared.clock import rfc3339
from shared.continuous.path import path_to
from shared.continuous.rebuild import rebuild_pages
from shared.dump.dump import DumpCounts, DumpHeader, dump
from shared.dump.load import load_sql
from shared.dump.schema import count_rows, schema_hash
from shared.errors import NotGood, ObjectMissing, StoreError
from shared.keys import WrappingKey
from shared.model.manifest import Artifact, Integrity, Manifest
from shared.model.names import Format
from shared.runtime.progress import Progress, silent
from shared.sqlite.checks import check_beside, describe
from shared.sqlite.header import read_header
from shared.sqlite.remedies import damage_line
from shared.stores import Store

SOURCE_DAMAGE = "the backup is faithful, and the source itself is damaged"


@dataclass(frozen=True)
class Check:
    """One rung of the ladder and its verdict."""

    name: str
    ok: bool
    detail: str


def rebuild(
    store: Store,
    manifest: Manifest,
    artifact: Artifact,
    data_key: DataKey | None,
    target: Path,
    *,
    key: WrappingKey | None = None,
    progress: Progress = silent,
) -> None:
    """Makes a database file at `target`, which must not exist, from one artifact.

    The pages of an increment are put over those of all it builds on, which `key` opens. Every stored and plain byte
    has been counted and hashed when it returns. Raises NotGood for an artifact that is not what the manifest says,
    StoreError or SourceError for the places.
    """
    if artifact.format is Format.PAGES:
        watch = partial(progress, str(artifact.format))
        rebuild_pages(store, path_to(store, manifest, data_key, key), target, watch)
        hold_pages(target, manifest)
        return
    with (
        store.open(artifact.object) as stored,
        read_ahead(read_artifact(stored, artifact, data_key, manifest.name)) as plain,
    ):
        write_database(artifact.format, _watched(plain, artifact, progress), manifest, target)


def write_database(form: Format, plain: Iterable[bytes], manifest: Manifest, target: Path) -> None:
    """Makes the database from an artifact's plain bytes; its journal mode is as the source's was."""
    try:
        if form is Format.SQL:
            load_sql(plain, target)
            restore_journal_mode(target, manifest.sqlite.journal_mode)
        else:
            _write_pages(plain, target)
            _check_pages(target, manifest)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def restore_journal_mode(target: Path, journal_mode: str) -> None:
    """WAL is kept in the file itself; a dump cannot carry it."""
    if journal_mode == "wal":
        with closing(apsw.Connection(str(target))) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()


def hold_to_manifest(target: Path, manifest: Manifest) -> list[Check]:
    """The quick rungs that every restore climbs: the schema, and the rows of each table."""
    with closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        try:
            return [_schema(connection, manifest), _rows(connection, manifest)]
        except apsw.Error as error:
            return [Check("schema", ok=False, detail=f"the database cannot be read: {type(error).__name__}")]


@dataclass(frozen=True)
class Proof:
    """The rungs above the archive, and what SQLite's full check found."""

    checks: list[Check]
    integrity: Integrity
    form: Format

    @property
    def source_damage(self) -> str | None:
        """What the full check finds in the source, with what mends it there; None if nothing, or if it cannot tell.

        A page image whose bytes have the recorded hash is its source.
        """
        if self.form is Format.SQL or self.integrity.good:
            return None
        return damage_line(self.integrity.problems)


def prove(
    target: Path, manifest: Manifest, form: Format, *, source: Integrity | None = None, progress: Progress = silent
) -> Proof:
    """The whole ladder above the archive: schema, rows, SQLite's own checks, and the same SQL once more.

    `form` is the artifact that `target` was made of, whose bytes have the recorded hash. Damage that SQLite finds in a
    page image is the source's: it is reported, and the backup is good. `source` is what the full check said of the page
    image, where there is one: a database made of SQL may be no worse.
    """
    with _kept_open(target), check_beside(target) as integrity:
        checks = hold_to_manifest(target, manifest)
        schema, data = checks[0], checks[1:]
        if manifest.artifact(Format.SQL):
            data.append(_same_sql(target, manifest, progress))
        found = integrity.result()
        known = [manifest.integrity, *([source] if source else [])]
        data.append(_no_worse(found, known) if form is Format.SQL else _of_source(found))
    failed = [check for check in data if not check.ok]
    detail = "; ".join(check.detail for check in failed or data)
    return Proof([schema, Check("data", ok=not failed, detail=detail)], found, form)


@contextmanager
def _kept_open(target: Path) -> Iterator[None]:
    """Of a WAL database, the last connection that closes locks out those that open at that moment; so none is last."""
    with closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        with suppress(apsw.Error):  # the checks will say it
            connection.pragma("schema_version")
        yield


def _schema(connection: apsw.Connection, manifest: Manifest) -> Check:
    found, wanted = describe(connection, manifest.sqlite.journal_mode), manifest.sqlite
    wrong = [
        f"{name} is {getattr(found, name)}, was {getattr(wanted, name)}"
        for name in ("page_size", "encoding", "auto_vacuum", "user_version", "application_id")
        if getattr(found, name) != getattr(wanted, name)
    ]
    if schema_hash(connection) != manifest.schema_hash:
        wrong.append("the schema differs from the one backed up")
    return Check("schema", ok=not wrong, detail="; ".join(wrong) or f"{manifest.tables} tables, as backed up")


def _rows(connection: apsw.Connection, manifest: Manifest) -> Check:
    found = count_rows(connection)
    wrong = [
        f"{table} has {found.get(table, 'no')} rows, had {manifest.row_counts.get(table, 'no')}"
        for table in sorted(found.keys() | manifest.row_counts.keys())
        if found.get(table) != manifest.row_counts.get(table)
    ]
    return Check("rows", ok=not wrong, detail="; ".join(wrong[:5]) or f"{manifest.rows} rows, as backed up")


def _of_source(found: Integrity) -> Check:
    said = "integrity and foreign keys as in the source"
    return Check("integrity", ok=True, detail=said if found.good else f"{SOURCE_DAMAGE}: {damage_line(found.problems)}")


def _no_worse(found: Integrity, known: Sequence[Integrity]) -> Check:
    """Of a database made of SQL: it has no damage, and breaks no rules, that the source did not."""
    before = {problem for each in known for problem in each.problems}
    new = [problem for problem in found.problems if problem not in before]
    violations = max(each.foreign_key_violations for each in known)
    if found.foreign_key_violations > violations:
        new.append(f"{found.foreign_key_violations} foreign keys are violated, {violations} were before")
    said = "; ".join(new[:3]) if new else "integrity and foreign keys as in the source"
    ok = not new and (found.good or not all(each.good for each in known))
    return Check("integrity", ok=ok, detail=said)


def _same_sql(target: Path, manifest: Manifest, progress: Progress) -> Check:
    """Dumped again, with the header it had, it must be the same SQL, byte for byte."""
    recorded = manifest.artifact(Format.SQL)
    if recorded is None:
        raise NotGood(f"{manifest.id} has no SQL to compare with")
    header = DumpHeader(manifest.database, rfc3339(manifest.created_at), manifest.schema_version, manifest.dump_format)
    digest, size = sha256(), 0
    with closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        for chunk in dump(connection, header, counts=DumpCounts()):
            digest.update(chunk)
            size += len(chunk)
            progress("compare", min(size, recorded.plain_size_bytes), recorded.plain_size_bytes)
    same = digest.hexdigest() == recorded.plain_sha256
    return Check("same-sql", ok=same, detail="dumped again: the same SQL" if same else "dumped again: other SQL")


def none_usable(manifest: Manifest, failures: Sequence[NotGood | StoreError]) -> NotGood | StoreError:
    """What to raise when each artifact has failed: NotGood only when that is certain, and not the store's doing."""
    said = "; ".join(map(str, failures)) or "its manifest names none"
    if any(isinstance(failure, StoreError) and not isinstance(failure, ObjectMissing) for failure in failures):
        return StoreError(f"no artifact of {manifest.id} could be used: {said}")
    return NotGood(f"no artifact of {manifest.id} is good: {said}")


def _write_pages(plain: Iterable[bytes], target: Path) -> None:
    with private_file(target) as image:
        for piece in plain:
            image.write(piece)


def hold_pages(target: Path, manifest: Manifest) -> None:
    """Checks them, and leaves no file that is not as it must be."""
    try:
        _check_pages(target, manifest)
    except NotGood:
        target.unlink(missing_ok=True)
        raise


def _check_pages(target: Path, manifest: Manifest) -> None:
    """Holds a page image to SQLite's header and to the pages that were backed up. Raises NotGood."""
    if not manifest.integrity.good:
        return  # kept as it was found
    size, wanted = target.stat().st_size, manifest.sqlite.page_size * manifest.sqlite.page_count
    with target.open("rb") as file:
        header = read_header(file.fileno())
    if header is None or size != wanted or not size:
        raise NotGood(f"the page image of {manifest.id} has {size} bytes, and {wanted} bytes of pages were backed up")


def private_file(target: Path) -> BinaryIO:
    """A new file for its owner only, whatever the umask: what comes out of a backup was kept encrypted."""
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _watched(plain: Iterable[bytes], artifact: Artifact, progress: Progress) -> Iterator[bytes]:
    done = 0
    for piece in plain:
        yield piece
        done += len(piece)
        progress(str(artifact.format), done, artifact.plain_size_bytes)
