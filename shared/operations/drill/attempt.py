"""One restore of a drill, by the code of a real restore: timed, checked, and removed afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import apsw

from shared.catalog.backup import Backup
from shared.catalog.holds import is_stored
from shared.catalog.listing import Catalog
from shared.errors import LitekeepError, NotGood, ObjectMissing, StoreError
from shared.keys import WrappingKey
from shared.model.names import BackupName
from shared.operations.drill.app_checks import AppCheck
from shared.operations.drill.app_run import run_app_checks
from shared.operations.drill.proof import proof_of
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.run import restore
from shared.operations.verify.check import Check
from shared.runtime.progress import Progress, silent
from shared.runtime.workspace import scratch_folder
from shared.sqlite.location import FileLocation
from shared.sqlite.sqlite_failures import kind_of

Stopwatch = Callable[[], float]


class Role(StrEnum):
    LATEST = "latest"
    OLDER = "older"
    COPY = "copy"
    MOMENT = "moment"


@dataclass(frozen=True)
class Attempt:
    """The result of one restore. `not_good`: the backup is bad. `error`: the store, the disk or the key failed.

    `recovery_seconds` is the time from the start to a checked database, `app_seconds` the time of the application's own
    checks after that. Both are None if the restore failed earlier.
    """

    role: Role
    backup: BackupName
    created_at: datetime
    store: str
    size_bytes: int = 0
    artifact: str | None = None
    rows: int | None = None
    tables: int | None = None
    restore_seconds: float | None = None
    recovery_seconds: float | None = None
    app_seconds: float | None = None
    checks: list[Check] = field(default_factory=list)
    app_checks: list[Check] = field(default_factory=list)
    not_good: bool = False
    error: str | None = None
    moment: datetime | None = None  # the requested moment, for the role MOMENT
    source_damage: str | None = None  # damage of the source; the backup itself is faithful

    @property
    def data_age_seconds(self) -> float | None:
        """The age of the restored data at the requested moment."""
        return None if self.moment is None else (self.moment - self.created_at).total_seconds()

    @property
    def ok(self) -> bool:
        return self.recovered and all(check.ok for check in self.app_checks)

    @property
    def recovered(self) -> bool:
        """Whether the data was restored unchanged, regardless of the application's checks."""
        return self.recovery_seconds is not None and not self.not_good and self.error is None

    @property
    def first_failed(self) -> Check | None:
        return next((check for check in [*self.checks, *self.app_checks] if not check.ok), None)


@dataclass(frozen=True)
class Task:
    """A backup to restore, its store, and the application's checks to run on it."""

    role: Role
    catalog: Catalog
    backup: Backup
    key: WrappingKey | None
    app_checks: list[AppCheck]
    moment: datetime | None = None


def attempt(task: Task, *, stopwatch: Stopwatch, progress: Progress = silent) -> Attempt:
    """Restores into a scratch folder, which is removed even if this is interrupted.

    Faults of the backup, the stores, the disk or the key are results of the drill; they are returned, not raised.
    """
    backup = task.backup
    stored = backup.stored_bytes
    empty = Attempt(task.role, backup.name, backup.created_at, task.catalog.store.url, stored, moment=task.moment)
    if backup.damaged:
        return _not_good(empty, backup.damaged)
    try:
        with scratch_folder() as scratch:
            return _restored(task, empty, scratch / "restored.sqlite", stopwatch, progress)
    except (LitekeepError, apsw.Error, OSError) as error:
        return _classified(task, empty, error)


def _classified(task: Task, empty: Attempt, error: Exception) -> Attempt:
    """Classify an error: the backup is bad, or the store, the disk or the key failed."""
    if isinstance(error, NotGood):
        return _not_good(empty, str(error))
    if isinstance(error, ObjectMissing):
        return _missing(task, empty, error)
    if isinstance(error, apsw.Error):
        return _not_good(empty, f"the restored database cannot be read: {kind_of(error)}")
    if isinstance(error, OSError):
        return replace(empty, error=f"{error.strerror or type(error).__name__}: make room, or set TMPDIR")
    return replace(empty, error=str(error))


def _restored(task: Task, empty: Attempt, target: Path, stopwatch: Stopwatch, progress: Progress) -> Attempt:
    """Restore, run all checks, and return the attempt with its times."""
    started = stopwatch()
    options = RestoreOptions(task.catalog, task.backup, task.key, FileLocation(target), prove_if_erased=True)
    restored = restore(options, progress=progress)
    in_place = stopwatch()
    checks, source_damage = proof_of(task.catalog, task.backup, task.key, restored, target, progress=progress)
    checked = stopwatch()
    app_checks = run_app_checks(target, task.app_checks)
    return replace(
        empty,
        artifact=restored.artifact,
        rows=restored.rows,
        tables=restored.tables,
        restore_seconds=in_place - started,
        recovery_seconds=checked - started,
        app_seconds=stopwatch() - checked,
        checks=checks,
        app_checks=app_checks,
        not_good=not all(check.ok for check in checks),
        source_damage=source_damage,
    )


def _not_good(empty: Attempt, reason: str) -> Attempt:
    return replace(empty, not_good=True, checks=[Check("restore", ok=False, detail=reason)])


def _missing(task: Task, empty: Attempt, error: ObjectMissing) -> Attempt:
    """Returns the result for a missing artifact: the backup is bad, unless it was deleted meanwhile."""
    try:
        still_there = is_stored(task.catalog.store, empty.backup.manifest)
    except StoreError as other:
        return replace(empty, error=str(other))
    if still_there:
        return _not_good(empty, str(error))
    return replace(empty, error=f"{empty.backup.id} was deleted during the drill: run another drill")
