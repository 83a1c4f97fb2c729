"""Restores another backup if the chosen one is not good and the flags allow it; otherwise names it in the error."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from shared.catalog.backup import Backup
from shared.catalog.listing import LATEST, LATEST_VERIFIED
from shared.clock import rfc3339
from shared.errors import NotGood
from shared.model.kinds import Kind
from shared.operations.restore.options import Restored, RestoreOptions
from shared.operations.restore.run import restore
from shared.operations.verify.nearest import Search, alternatives
from shared.runtime.progress import Progress
from shared.terminal.flags import RestoreFlags
from shared.terminal.restore_options import nearest_hint, restorable


def restore_or_suggest(
    options: RestoreOptions, flags: RestoreFlags, at: datetime | None, progress: Progress
) -> Restored:
    """Restores the backup. If it is not good, restores another one with --or-older or --nearest.

    Without these flags, raises NotGood that names the backup to use instead.
    """
    passed = [f"passed over: {why}" for why in options.backup.passed_over]
    try:
        done = restore(options, progress=progress)
        return replace(done, notes=[*passed, *_distance(options.backup, at), *done.notes])
    except NotGood as error:
        if at is not None or options.backup.name.kind is Kind.CONTINUOUS:
            instead = _around(options, flags, at, error)
        elif flags.ref in (None, LATEST, LATEST_VERIFIED):
            instead = _older_one(options, flags, error)
        else:
            raise
        done = restore(replace(options, backup=instead), progress=progress)
        reason = f"{options.backup.name.id} is not good: {error}"
        return replace(done, notes=[*passed, *_distance(instead, at), reason, *done.notes])


def _around(options: RestoreOptions, flags: RestoreFlags, at: datetime | None, error: NotGood) -> Backup:
    """Returns the nearest earlier good backup if the flags allow it, else raises NotGood that names it."""
    backup = options.backup
    others = [other for other in options.catalog.backups(database=backup.name.database) if other.name != backup.name]
    earlier, later = Search(options.catalog, options.key).around(restorable(others), at or backup.created_at)
    if earlier is not None and (flags.or_older or flags.nearest):
        return earlier
    raise NotGood(f"{error}; {alternatives(earlier, later)}{nearest_hint(earlier) if at else ''}") from None


def _older_one(options: RestoreOptions, flags: RestoreFlags, error: NotGood) -> Backup:
    """Returns the newest older good backup with --or-older. Else raises NotGood that names it."""
    older = Search(options.catalog, options.key).first_usable(_older(options, verified=flags.ref == LATEST_VERIFIED))
    if older is None:
        raise error
    if not flags.or_older:
        raise NotGood(
            f"{error}; the newest good one is {older.name.id}, taken {rfc3339(older.created_at)}: "
            "restore it by its id, or add --or-older"
        ) from None
    return older


def _older(options: RestoreOptions, *, verified: bool) -> Iterator[Backup]:
    """Yields the good backups of the same database that are older than the one in `options`, newest first."""
    passed = False
    for backup in restorable(options.catalog.backups(database=options.backup.name.database)):
        if passed and (backup.verified or not verified):
            yield backup
        passed = passed or backup.name == options.backup.name


def _distance(backup: Backup, at: datetime | None) -> list[str]:
    """Returns a note on how far the backup is from the requested moment; none without one."""
    if at is None:
        return []
    seconds = round((at - backup.created_at).total_seconds())
    return [f"as it was {rfc3339(backup.created_at)}, {seconds} s before the moment asked for"]
