"""Chooses the backups that a drill restores: the latest verified one, a random older one, and a random moment.

The report keeps the random seed, so that the choice can be repeated.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.catalog.backup import Backup
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX


@dataclass(frozen=True)
class Choice:
    """The chosen backups. `latest` is None if no backup is verified, `older` if there is no other.

    `moment` is a moment that continuous backups cover, and `at_moment` the backup that a restore of it uses. Both are
    None if there are no continuous backups.
    """

    latest: Backup | None
    older: Backup | None
    seed: int
    candidates: int
    moment: datetime | None = None
    at_moment: Backup | None = None


def choose(backups: Sequence[Backup], seed: int) -> Choice:
    """Chooses among the backups of one database.

    The older backup is one taken no later than the latest verified one and not known to be bad; it may be unverified.
    The same seed and backups give the same choice, in any order of `backups`.
    """
    newest_first = sorted(backups, key=lambda backup: (backup.created_at, backup.name.prefix), reverse=True)
    latest = next((backup for backup in newest_first if backup.verified and not backup.future), None)
    moment, at_moment = _moment(newest_first, seed)
    if latest is None:
        return Choice(None, None, seed, 0, moment, at_moment)
    after = newest_first.index(latest) + 1
    candidates = [backup for backup in newest_first[after:] if backup.good]
    chance = random.Random(seed)  # noqa: S311 - not for security, and repeatable
    older = candidates[chance.randrange(len(candidates))] if candidates else None
    return Choice(latest, older, seed, len(candidates), moment, at_moment)


def _moment(newest_first: Sequence[Backup], seed: int) -> tuple[datetime | None, Backup | None]:
    """Returns a random moment between the oldest and the newest good point, and the newest good backup before it."""
    usable = [each for each in newest_first if each.good and not each.future and not _is_safety(each)]
    points = [each for each in usable if each.name.kind is Kind.CONTINUOUS]
    if not points:
        return None, None
    reach = points[0].created_at - points[-1].created_at
    chance = random.Random(seed)  # noqa: S311 - as above
    moment = points[-1].created_at + timedelta(seconds=chance.randint(0, int(reach.total_seconds())))
    return moment, next(each for each in usable if each.created_at <= moment)


def _is_safety(backup: Backup) -> bool:
    return backup.name.id.startswith(SAFETY_PREFIX)
