"""Proves a backup good: a ladder of checks, from the stored bytes to a second dump.

    manifest   the seal matches every byte of the manifest
    checksum   each artifact has the stored size and hashes that the manifest names
    decrypt    each artifact decrypts and decompresses to the recorded plain size and hash
    identity   of a point of a chain: the pages built from a base and increments equal the pages backed up
    sql        the dump loads;  image   the page image opens
    schema     as recorded
    data       rows per table; for a page image SQLite's full check; for SQL SQLite's quick check, and a second dump
               that gives the same SQL, byte for byte

A failed check ends the checks of that artifact; the other artifact is still proven.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from shared.archive.plain_files import refuse_incomplete_database
from shared.archive.reader import open_compressed
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.opening import open_whole
from shared.catalog.paths import manifests_below
from shared.clock import Clock, rfc3339, utc_now
from shared.continuous.path import Parents
from shared.errors import KeyProblem, NotGood, StoreError
from shared.keys import WrappingKey
from shared.model.names import BackupName
from shared.operations.verify.artifacts import climb_artifacts
from shared.operations.verify.check import Check
from shared.operations.verify.child import load, summarize
from shared.operations.verify.points import climb_point
from shared.operations.verify.rebuild import write_foreign_pages
from shared.operations.verify.rungs import Rungs, SourceErrors
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress, counted, silent
from shared.runtime.workspace import scratch_folder
from shared.text import count
from shared.version import TOOL

LEVEL = "full"
_SQLITE_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True)
class Verification:
    """The verdict on a backup or a file: its checks, and what else was found."""

    id: str
    checks: list[Check]
    name: BackupName | None = None
    verified_at: datetime | None = None
    source_damage: str | None = None  # damage of the source itself; the backup is faithful
    disregarded: str | None = None  # why an earlier verdict on it is ignored
    unrecorded: str | None = None  # why storing the verdict beside the backup failed
    passed_over: tuple[str, ...] = ()  # for `latest`: why each newer backup was not chosen
    rests_on: tuple[str, ...] = ()  # of a point: the ids of the other backups it needs

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "id": self.id,
            "ok": self.ok,
            "level": LEVEL,
            "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in self.checks],
        }
        if self.source_damage:
            document["source_damage"] = self.source_damage
        if self.rests_on:
            document["rests_on"] = list(self.rests_on)
        if self.passed_over:
            document["passed_over"] = list(self.passed_over)
        if self.disregarded:
            document["disregarded"] = self.disregarded
        if self.unrecorded:
            document["unrecorded"] = self.unrecorded
        if self.name and self.verified_at:
            document |= {
                "database": self.name.database,
                "kind": self.name.kind.value,
                "verified_at": rfc3339(self.verified_at),
                "tool": TOOL,
            }
        return document


def verify_backup(
    catalog: Catalog,
    backup: Backup,
    key: WrappingKey | None,
    *,
    clock: Clock = utc_now,
    progress: Progress = silent,
) -> Verification:
    """Proves a backup and stores the verdict beside it. If storing fails, `unrecorded` says why.

    Raises StoreError if the store fails and KeyProblem if the key cannot be used. Neither says anything about the
    backup, so neither becomes a verdict.
    """
    rungs = _climb(catalog, backup, key, progress)
    damage = rungs.image.source_damage if rungs.image else None
    rests_on = tuple(rungs.rests_on)
    verification = Verification(backup.name.id, rungs.merged(), backup.name, clock(), damage, rests_on=rests_on)
    try:
        catalog.record(backup.name, verification, clock(), rungs.opened)
    except (StoreError, KeyProblem) as error:  # the verdict is still returned
        return replace(verification, unrecorded=str(error))
    return verification


def verify_file(path: Path, *, progress: Progress = silent) -> Verification:
    """Proves a plain `.sql`, `.sql.gz`, `.sqlite` or `.sqlite.zst` file: it unpacks, loads and is sound."""
    refuse_incomplete_database(path)
    rungs = Rungs()
    with scratch_folder() as scratch, Confined() as child:
        target = scratch / "proof.sqlite"
        source = SourceErrors(counted(open_compressed(path), progress, "load", path.stat().st_size))
        try:
            opening = write_plain(source, target, path, child)
        except NotGood as error:
            rungs.add("checksum" if source.error else "sql", ok=False, detail=str(error))
            return Verification(path.name, rungs.merged())
        rungs.add("checksum", ok=True, detail="unpacks to its end")
        rungs.add(opening, ok=True, detail="it loads" if opening == "sql" else "it opens")
        _check_unknown(child, target, rungs, path)
    return Verification(path.name, rungs.merged())


def write_plain(source: Iterable[bytes], target: Path, path: Path, child: Confined) -> str:
    """Makes a database from the plain bytes of the file `path`. The first bytes distinguish a page image from SQL.

    Returns `sql` or `image`. Raises NotGood for a file that is neither.
    """
    pieces = iter(source)
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= len(_SQLITE_MAGIC):
            break
    whole = _chain(head, pieces)
    if head.startswith(_SQLITE_MAGIC):
        write_foreign_pages(whole, target, path.stat().st_size, str(path))
        return "image"
    load(child, whole, target, "delete", str(path))
    return "sql"


def _climb(catalog: Catalog, backup: Backup, key: WrappingKey | None, progress: Progress) -> Rungs:
    """Runs the checks of a backup, and returns their verdicts."""
    rungs = Rungs()
    try:
        manifest, rungs.opened = open_whole(catalog, backup, key)
    except NotGood as error:
        rungs.add("manifest", ok=False, detail=str(error))
        return rungs
    data_key = rungs.opened.data_key
    rungs.add("manifest", ok=True, detail="sealed, every byte as written")
    if not manifest.integrity.good:
        rungs.add("data", ok=False, detail=f"taken from a damaged source: {manifest.integrity.problems[0]}")
    if not manifest.artifacts:
        rungs.add("checksum", ok=False, detail="the manifest names no artifact")
    if manifest.chain is not None:
        climb_point(catalog.store, manifest, data_key, Parents(key, manifests_below(backup)), rungs, progress)
        return rungs
    climb_artifacts(catalog.store, manifest, data_key, rungs, progress)
    return rungs


def _check_unknown(child: Confined, target: Path, rungs: Rungs, path: Path) -> None:
    """Checks a database that no manifest describes."""
    try:
        found = summarize(child, target, str(path))
    except NotGood as error:
        rungs.add("schema", ok=False, detail=str(error))
        return
    rungs.add("schema", ok=True, detail=count(found.tables, "table"))
    detail = "; ".join(found.integrity.problems[:3]) or f"{count(found.rows, 'row')}, integrity_check ok"
    rungs.add("data", ok=found.integrity.good, detail=detail)


def _chain(head: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest
