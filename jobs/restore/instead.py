"""What is restored, or named, where the backup that was meant turns out not good: never another one unasked."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from shared.catalog.backup import Backup
from shared.catalog.listing import LATEST, LATEST_VERIFIED
from shared.clock import rfc3339
from shared.errors import NotGood
from shared.model.kinds import Kind
from shared.operations.restore import Restored, RestoreOptions, restore
from shared.operations.verify.nearest import Search, said_of
from shared.runtime.progress import Progress
from shared.terminal.flags import RestoreFlags
from shared.terminal.restore_order import hint_of, restorable


def restore_or_name(order: RestoreOptions, flags: RestoreFlags, at: datetime | None, progress: Progress) -> Restored:
    """Restores; of what turns out not good it names what holds instead, and takes that if the flags ask for it."""
    passed = [f"passed over: {why}" for why in order.backup.passed_over]
    try:
        done = restore(order, progress=progress)
        return replace(done, notes=[*passed, *_distance(order.backup, at), *done.notes])
    except NotGood as error:
        if at is not None or order.backup.name.kind is Kind.CONTINUOUS:
            instead = _around(order, flags, at, error)
        elif flags.ref in (None, LATEST, LATEST_VERIFIED):
            instead = _older_one(order, flags, error)
        else:
            raise
        done = restore(replace(order, backup=instead), progress=progress)
        said = f"{order.backup.name.id} is not good: {error}"
        return replace(done, notes=[*passed, *_distance(instead, at), said, *done.notes])


def _around(order: RestoreOptions, flags: RestoreFlags, at: datetime | None, error: NotGood) -> Backup:
    """The nearest earlier one, if the flags ask for it. Raises NotGood naming it and the nearest later one."""
    backup = order.backup
    others = [other for other in order.catalog.backups(database=backup.name.database) if other.name != backup.name]
    earlier, later = Search(order.catalog, order.key).around(restorable(others), at or backup.created_at)
    if earlier is not None and (flags.or_older or flags.nearest):
        return earlier
    raise NotGood(f"{error}; {said_of(earlier, later)}{hint_of(earlier) if at else ''}") from None


def _older_one(order: RestoreOptions, flags: RestoreFlags, error: NotGood) -> Backup:
    """The newest older one that holds, if the flags ask for it. Raises NotGood that names it."""
    older = Search(order.catalog, order.key).first_that_holds(_older(order, verified=flags.ref == LATEST_VERIFIED))
    if older is None:
        raise error
    if not flags.or_older:
        raise NotGood(
            f"{error}; the newest that holds is {older.name.id}, taken {rfc3339(older.created_at)}: "
            "restore it by its id, or add --or-older"
        ) from None
    return older


def _older(order: RestoreOptions, *, verified: bool) -> Iterator[Backup]:
    """The good backups of the same database before the one of the order, newest first."""
    passed = False
    for backup in restorable(order.catalog.backups(database=order.backup.name.database)):
        if passed and (backup.verified or not verified):
            yield backup
        passed = passed or backup.name == order.backup.name


def _distance(backup: Backup, at: datetime | None) -> list[str]:
    """How far what was restored is from the moment that was asked for."""
    if at is None:
        return []
    seconds = round((at - backup.created_at).total_seconds())
    return [f"as it was {rfc3339(backup.created_at)}, {seconds} s before the moment asked for"]
