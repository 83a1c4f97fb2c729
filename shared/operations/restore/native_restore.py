"""Restores a database on SQLite Cloud to an earlier moment, by the platform's own backups.

The platform overwrites the database in place, and reports only whether it did. So the order of effects is:

    backed up   a safety backup of the database, to which nobody wrote meanwhile
    restored    by the node; tried again only if nothing can have happened
    usable      the node lists the database as before
    proven      downloaded again, and checked by integrity_check

From the safety backup on, every error names it.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from shared.approvals.actions import Value
from shared.approvals.desk import Permit
from shared.clock import Clock, rfc3339, utc_now
from shared.databases.snapshot import Snapshot, take_snapshot
from shared.errors import CorruptSource, LitekeepError, NotGood, NotPermitted, SourceError
from shared.keys import WrappingKey
from shared.operations.backup.safety import SafetyBackup
from shared.operations.restore.options import Restored
from shared.operations.restore.same import difference
from shared.operations.restore.to_cloud import take_while_quiet
from shared.operations.verify.child import summarize
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress, silent
from shared.runtime.workspace import scratch_folder
from shared.sqlitecloud import databases, native_backups
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.snapshot import snapshot_cloud
from shared.stores import Store

_ATTEMPTS = 120
_SECONDS_BETWEEN = 5.0  # ten minutes in all for the database to become usable


@dataclass(frozen=True)
class NativeRestoreOptions:
    """Which database to restore to which moment, and where and for how long its safety backup is kept."""

    target: CloudLocation
    moment: datetime
    store: Store
    key: WrappingKey | None
    environment: str
    keep_safety_for: timedelta
    permit: Permit | None = None

    @property
    def id(self) -> str:
        """The id in events and results. It names no backup of Litekeep."""
        return f"native@{rfc3339(self.moment)}"

    @property
    def safety_backup(self) -> SafetyBackup:
        """The safety backup of the database, not yet taken."""
        return SafetyBackup(self.target, self.store, self.key, self.keep_safety_for, self.environment)


@dataclass(frozen=True)
class NativePlan:
    """What a native restore would do. Times are as the node lists them."""

    id: str
    target: str
    at: str
    oldest: str
    newest: str
    notes: list[str]


def plan_native(options: NativeRestoreOptions, *, clock: Clock = utc_now) -> NativePlan:
    """Checks everything that needs no writing, and returns the plan.

    Raises NotPermitted in production without an approval, UsageError for a moment that the native backups do not
    reach, SourceError when there are none.
    """
    if options.permit is not None:
        options.permit.check(native_plan(options))
    elif options.environment == "production":
        raise NotPermitted(
            f"a native restore of {options.target.display} in production needs a second person's approval: ask with "
            "litekeep request restore --native, or restore a backup of Litekeep's beside it with litekeep restore --at "
            f"{rfc3339(options.moment)} --to a new name, check it, and switch the application over"
        )
    inventory = native_backups.read_inventory(options.target.address, options.target.database)
    native_backups.check_moment(inventory, options.moment, clock())
    oldest, newest = inventory.points[0].created, inventory.points[-1].created
    notes = []
    if options.moment > newest:
        notes.append(f"the newest native backup is of {native_backups.shown(newest)}: later data cannot be restored")
    if not inventory.settings.enabled:
        notes.append("native backups are off, so later writes are in none of them: see litekeep native enable")
    return NativePlan(
        options.id,
        options.target.display,
        rfc3339(options.moment),
        native_backups.shown(oldest),
        native_backups.shown(newest),
        notes,
    )


def native_plan(options: NativeRestoreOptions) -> dict[str, Value]:
    """Returns the plan that an approval has to match."""
    return {
        "native": True,
        "at": rfc3339(options.moment),
        "database": options.target.database,
        "target": options.target.display,
        "in_place": True,
    }


def restore_native(
    options: NativeRestoreOptions,
    *,
    clock: Clock = utc_now,
    progress: Progress = silent,
    pause: Callable[[float], None] = time.sleep,
) -> Restored:
    """Restores the database and returns once a new download of it is sound.

    Raises what `plan_native` raises, with nothing changed; CloudError when the node refused; NotGood when the restored
    database is damaged; SourceError when its state is unknown. `pause` waits for a number of seconds.
    """
    started = clock()
    plan = plan_native(options, clock=clock)
    with scratch_folder() as scratch:
        before = scratch / "before.sqlite"
        safety = take_while_quiet(options.target, lambda: _back_up(options, before, clock, progress))
        if options.permit is not None:
            options.permit.redeem(native_plan(options))
        _restore(options, safety)
        try:
            _wait_until_usable(options.target, pause)
            tables, rows, same = _prove(options, before, scratch / "proof.sqlite", progress)
        except NotGood as error:
            raise NotGood(f"{error}; {_safety_hint(safety)}") from None
        except BaseException as error:
            raise SourceError(
                f"the node restored {options.target.display}, but that could not be proven: {_reason(error)}; "
                f"check the database; {_safety_hint(safety)}"
            ) from error
    return Restored(
        id=options.id,
        target=options.target.display,
        tables=tables,
        rows=rows,
        verified=True,
        duration_seconds=(clock() - started).total_seconds(),
        artifact="the platform's own backups",
        safety=safety,
        notes=[*plan.notes, *([_unchanged_note(options)] if same else [])],
    )


def _restore(options: NativeRestoreOptions, safety: str) -> None:
    try:
        native_backups.restore(options.target.address, options.target.database, options.moment)
    except native_backups.Unsettled as error:
        raise SourceError(_unknown_state(str(error), options, safety)) from None
    except LitekeepError as error:
        error.args = (f"{error}; {options.target.display} was not restored; {_safety_hint(safety)}", *error.args[1:])
        raise
    except BaseException as error:
        raise SourceError(_unknown_state(_reason(error), options, safety)) from error


def _reason(error: BaseException) -> str:
    """Returns the error's text, or only the type of an unexpected error, because its text may hold anything."""
    if isinstance(error, LitekeepError | OSError):
        return str(error)
    return f"unexpected {type(error).__name__}" if isinstance(error, Exception) else "it was interrupted"


def _back_up(options: NativeRestoreOptions, image: Path, clock: Clock, progress: Progress) -> str:
    """Takes the safety backup, of a damaged database too, and leaves its snapshot at `image` for comparison."""

    def snapshot(destination: Path, *, allow_corrupt: bool) -> Snapshot:
        taken = take_snapshot(options.target, destination, allow_corrupt=allow_corrupt, progress=progress)
        image.unlink(missing_ok=True)
        try:
            os.link(taken.path, image)
        except OSError:
            shutil.copyfile(taken.path, image)
        return taken

    def take(*, allow_corrupt: bool) -> str:
        return options.safety_backup.take(
            clock,
            progress,
            snapshot=lambda destination: snapshot(destination, allow_corrupt=allow_corrupt),
            allow_corrupt=allow_corrupt,
            with_sql=True,
        )

    try:
        return take(allow_corrupt=False)
    except CorruptSource:
        return take(allow_corrupt=True)


def _wait_until_usable(target: CloudLocation, pause: Callable[[float], None]) -> None:
    """Waits until the node lists the database as usable: its OK does not say whether the restore has finished."""
    for attempt in range(1, _ATTEMPTS + 1):
        found = databases.on_node(target.address, lambda session: databases.find(session, target.database))
        if found is not None and found.trouble is None:
            return
        if attempt < _ATTEMPTS:
            pause(_SECONDS_BETWEEN)
    raise SourceError(f"{target.display} cannot be used yet after {_ATTEMPTS * _SECONDS_BETWEEN / 60:.0f} minutes")


def _prove(options: NativeRestoreOptions, before: Path, proof: Path, progress: Progress) -> tuple[int, int, bool]:
    """Downloads and checks the database. Returns tables, rows, and whether it equals `before`. Raises NotGood."""
    snapshot_cloud(options.target, proof, allow_corrupt=True, watch=lambda done, total: progress("prove", done, total))
    with Confined() as child:
        found = summarize(child, proof, options.target.display)
    if not found.integrity.good:
        raise NotGood(
            f"{options.target.display} is damaged after its native restore, integrity_check says: "
            f"{found.integrity.problems[0]}"
        )
    return found.tables, found.rows, difference(proof, before) is None


def _unchanged_note(options: NativeRestoreOptions) -> str:
    return (
        f"the database is the same as before: nothing was written since {rfc3339(options.moment)}, or the platform "
        "has not finished yet; check again in a minute"
    )


def _unknown_state(reason: str, options: NativeRestoreOptions, safety: str) -> str:
    return (
        f"{reason}; it is not known whether {options.target.display} was restored: check it before anyone writes to "
        f"it; {_safety_hint(safety)}"
    )


def _safety_hint(safety: str) -> str:
    return f"what was there before is the backup {safety}, see litekeep restore --backup {safety}"
