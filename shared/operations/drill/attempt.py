"""One restore of a drill: the same code that a real one runs, timed, checked, and gone afterwards."""

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
from shared.operations.restore import RestoreOptions, restore
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
    """What came of it. `not_good` is the backup's own fault; `error` is a place or key that refused its work.

    `recovery_seconds` is from the start to a database that stood its checks, `app_seconds` what the application's own
    took after that; None where it did not get so far.
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
    moment: datetime | None = None  # that was asked for, of the role MOMENT
    source_damage: str | None = None  # what SQLite's full check finds in the source; the backup is faithful

    @property
    def data_age_seconds(self) -> float | None:
        """How much older than the moment asked for the data is that came back."""
        return None if self.moment is None else (self.moment - self.created_at).total_seconds()

    @property
    def ok(self) -> bool:
        return self.recovered and all(check.ok for check in self.app_checks)

    @property
    def recovered(self) -> bool:
        """Whether the data came back as it was, whatever the application says of it."""
        return self.recovery_seconds is not None and not self.not_good and self.error is None

    @property
    def first_failed(self) -> Check | None:
        return next((check for check in [*self.checks, *self.app_checks] if not check.ok), None)


@dataclass(frozen=True)
class Task:
    """What is to be restored, out of which store, and what the application wants to know of it."""

    role: Role
    catalog: Catalog
    backup: Backup
    key: WrappingKey | None
    app_checks: list[AppCheck]
    moment: datetime | None = None


def attempt(task: Task, *, stopwatch: Stopwatch, progress: Progress = silent) -> Attempt:
    """Restores into a scratch folder, which is gone when this returns or is interrupted.

    Raises nothing for what goes wrong with this backup or its places: that is what the drill is to find.
    """
    backup = task.backup
    stored = backup.stored_bytes
    begun = Attempt(task.role, backup.name, backup.created_at, task.catalog.store.url, stored, moment=task.moment)
    if backup.damaged:
        return _not_good(begun, backup.damaged)
    try:
        with scratch_folder() as scratch:
            return _restored(task, begun, scratch / "restored.sqlite", stopwatch, progress)
    except (LitekeepError, apsw.Error, OSError) as error:
        return _blamed(task, begun, error)


def _blamed(task: Task, begun: Attempt, error: Exception) -> Attempt:
    """Is it the backup that is not good, or did a place or the key refuse its work?"""
    if isinstance(error, NotGood):
        return _not_good(begun, str(error))
    if isinstance(error, ObjectMissing):
        return _missing(task, begun, error)
    if isinstance(error, apsw.Error):
        return _not_good(begun, f"the restored database cannot be read: {kind_of(error)}")
    if isinstance(error, OSError):
        return replace(begun, error=f"{error.strerror or type(error).__name__}: make room, or set TMPDIR")
    return replace(begun, error=str(error))


def _restored(task: Task, begun: Attempt, target: Path, stopwatch: Stopwatch, progress: Progress) -> Attempt:
    started = stopwatch()
    order = RestoreOptions(task.catalog, task.backup, task.key, FileLocation(target), prove_if_erased=True)
    restored = restore(order, progress=progress)
    in_place = stopwatch()
    checks, source_damage = proof_of(task.catalog, task.backup, task.key, restored, target, progress=progress)
    checked = stopwatch()
    app_checks = run_app_checks(target, task.app_checks)
    return replace(
        begun,
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


def _not_good(begun: Attempt, reason: str) -> Attempt:
    return replace(begun, not_good=True, checks=[Check("restore", ok=False, detail=reason)])


def _missing(task: Task, begun: Attempt, error: ObjectMissing) -> Attempt:
    """An artifact that its manifest announces is not there, or the whole backup went meanwhile."""
    try:
        still_there = is_stored(task.catalog.store, begun.backup.manifest)
    except StoreError as other:
        return replace(begun, error=str(other))
    if still_there:
        return _not_good(begun, str(error))
    return replace(begun, error=f"{begun.backup.id} was deleted during the drill: hold another one")
