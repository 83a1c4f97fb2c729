"""Putting a database on SQLite Cloud back to an earlier moment by the platform's own backups.

The platform overwrites in place and says no more than that it did, or not. So the order is:

    kept       a safety backup of what is there, which nobody has written to since it was begun
    restored   by the node; tried again only where nothing can have happened
    usable     the node lists the database as it did before
    proven     downloaded afresh, and put through integrity_check

From `kept` on, every error says which backup holds what was there.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from shared.approvals.desk import Permit
from shared.approvals.documents import Value
from shared.clock import Clock, rfc3339, utc_now
from shared.databases.snapshot import Snapshot, take_snapshot
from shared.errors import CorruptSource, LitekeepError, NotGood, NotPermitted, SourceError
from shared.keys import WrappingKey
from shared.operations.backup.safety import Safety
from shared.operations.restore.options import Restored
from shared.operations.restore.same import difference
from shared.operations.restore.to_cloud import keep_quiet
from shared.operations.verify.child import look
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress, silent
from shared.runtime.workspace import scratch_folder
from shared.sqlitecloud import databases, native_backups
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.snapshot import snapshot_cloud
from shared.stores import Store

_LOOKS = 120
_SECONDS_BETWEEN = 5.0  # so ten minutes in all for the database to be usable again


@dataclass(frozen=True)
class NativeRestoreOptions:
    """Which database, to which moment, and where the safety backup goes and for how long."""

    target: CloudLocation
    moment: datetime
    store: Store
    key: WrappingKey | None
    environment: str
    keep_safety_for: timedelta
    permit: Permit | None = None

    @property
    def id(self) -> str:
        """What events and results call it: it is no backup of ours."""
        return f"native@{rfc3339(self.moment)}"


@dataclass(frozen=True)
class NativePlan:
    """What would be done. Times are as the node lists them."""

    id: str
    target: str
    at: str
    oldest: str
    newest: str
    notes: list[str]


def plan_native(options: NativeRestoreOptions, *, clock: Clock = utc_now) -> NativePlan:
    """Checks all that can be checked without writing.

    Raises NotPermitted in production, UsageError for a time that is not on offer, SourceError when nothing is.
    """
    if options.permit is not None:
        options.permit.check(native_plan(options))
    elif options.environment == "production":
        raise NotPermitted(
            f"putting {options.target.display} back in production needs a second person's approval (litekeep request "
            "restore --native), and the platform restores nowhere else: restore a backup of Litekeep's beside it with "
            f"litekeep restore --at {rfc3339(options.moment)} --to a new name, check it, and switch the application "
            "over"
        )
    inventory = native_backups.read_inventory(options.target.address, options.target.database)
    native_backups.check_moment(inventory, options.moment, clock())
    oldest, newest = inventory.points[0].created, inventory.points[-1].created
    notes = []
    if options.moment > newest:
        notes.append(f"the newest native backup is of {native_backups.shown(newest)}: nothing later can come back")
    if not inventory.settings.enabled:
        notes.append("native backups are off: what is written from now on is in none, see litekeep native enable")
    return NativePlan(
        options.id,
        options.target.display,
        rfc3339(options.moment),
        native_backups.shown(oldest),
        native_backups.shown(newest),
        notes,
    )


def native_plan(options: NativeRestoreOptions) -> dict[str, Value]:
    """What an approval is held to."""
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
    """Puts the database back and returns once a fresh download of it is sound.

    Raises as `plan_native` does, with nothing touched; CloudError when the node refused; NotGood when what came back
    is damaged; SourceError when it is not known what is there now. `pause` waits that many seconds.
    """
    started = clock()
    plan = plan_native(options, clock=clock)
    with scratch_folder() as scratch:
        before = scratch / "before.sqlite"
        safety = keep_quiet(options.target, lambda: _keep(options, before, clock, progress))
        if options.permit is not None:
            options.permit.redeem(native_plan(options))
        _restore(options, safety)
        try:
            _wait_until_usable(options.target, pause)
            tables, rows, same = _prove(options, before, scratch / "proof.sqlite", progress)
        except NotGood as error:
            raise NotGood(f"{error}; {_held_by(safety)}") from None
        except BaseException as error:
            raise SourceError(
                f"the node has put {options.target.display} back, and that could not be proven: {_reason(error)}; "
                f"look at it; {_held_by(safety)}"
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
        notes=[*plan.notes, *([_unchanged(options)] if same else [])],
    )


def _restore(options: NativeRestoreOptions, safety: str) -> None:
    try:
        native_backups.restore(options.target.address, options.target.database, options.moment)
    except native_backups.Unsettled as error:
        raise SourceError(_unknown(str(error), options, safety)) from None
    except LitekeepError as error:
        error.args = (f"{error}; {options.target.display} was not put back; {_held_by(safety)}", *error.args[1:])
        raise
    except BaseException as error:
        raise SourceError(_unknown(_reason(error), options, safety)) from error


def _reason(error: BaseException) -> str:
    """Returns what the error says, or its type where that is a defect of ours: its text may hold anything."""
    if isinstance(error, LitekeepError | OSError):
        return str(error)
    return f"unexpected {type(error).__name__}" if isinstance(error, Exception) else "it was interrupted"


def _keep(options: NativeRestoreOptions, image: Path, clock: Clock, progress: Progress) -> str:
    """A safety backup; its snapshot stays at `image` to compare with. A damaged database is kept as it is."""
    try:
        return _safety_backup(options, image, clock, progress, allow_corrupt=False)
    except CorruptSource:
        return _safety_backup(options, image, clock, progress, allow_corrupt=True)


def _safety_backup(
    options: NativeRestoreOptions, image: Path, clock: Clock, progress: Progress, *, allow_corrupt: bool
) -> str:
    def snapshot(destination: Path) -> Snapshot:
        taken = take_snapshot(options.target, destination, allow_corrupt=allow_corrupt, progress=progress)
        image.unlink(missing_ok=True)
        try:
            os.link(taken.path, image)
        except OSError:
            shutil.copyfile(taken.path, image)
        return taken

    safety = Safety(options.target, options.store, options.key, options.keep_safety_for, options.environment)
    return safety.take(clock, progress, snapshot=snapshot, allow_corrupt=allow_corrupt, with_sql=True)


def _wait_until_usable(target: CloudLocation, pause: Callable[[float], None]) -> None:
    """The platform says that a database cannot be used while it is put back, and not whether OK means finished."""
    for looked in range(_LOOKS):
        found = databases.on_node(target.address, lambda session: databases.find(session, target.database))
        if found is not None and found.trouble is None:
            return
        if looked + 1 < _LOOKS:
            pause(_SECONDS_BETWEEN)
    raise SourceError(f"{target.display} cannot be used yet after {_LOOKS * _SECONDS_BETWEEN / 60:.0f} minutes")


def _prove(options: NativeRestoreOptions, before: Path, proof: Path, progress: Progress) -> tuple[int, int, bool]:
    """Tables, rows, and whether nothing at all has changed. Raises NotGood."""
    snapshot_cloud(options.target, proof, allow_corrupt=True, watch=lambda done, total: progress("prove", done, total))
    with Confined() as child:
        found = look(child, proof, options.target.display)
    if not found.integrity.good:
        raise NotGood(
            f"{options.target.display} is damaged as it was put back, integrity_check says: "
            f"{found.integrity.problems[0]}"
        )
    return found.tables, found.rows, difference(proof, before) is None


def _unchanged(options: NativeRestoreOptions) -> str:
    return (
        f"what is there now is what was there before: nothing was written since {rfc3339(options.moment)}, or the "
        "platform has not finished yet; look again in a minute"
    )


def _unknown(reason: str, options: NativeRestoreOptions, safety: str) -> str:
    return (
        f"{reason}; whether {options.target.display} was put back is not known: look at it before anyone writes to it; "
        f"{_held_by(safety)}"
    )


def _held_by(safety: str) -> str:
    return f"what was there before is the backup {safety}, see litekeep restore --backup {safety}"
