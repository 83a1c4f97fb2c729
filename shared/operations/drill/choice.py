"""Which backups a drill restores: the latest verified one, one of the older ones, and a moment of the chain by chance.

The seed is kept in the report, so that the choice can be made again.
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
    """`latest` is None when no backup is verified, `older` when there is none besides.

    `moment` lies in the reach of continuous backups, `at_moment` is what a restore of it takes; None where there are
    no points.
    """

    latest: Backup | None
    older: Backup | None
    seed: int
    candidates: int
    moment: datetime | None = None
    at_moment: Backup | None = None


def choose(backups: Sequence[Backup], seed: int) -> Choice:
    """Chooses among the backups of one database.

    The older one is any that was taken no later than the latest verified one and that nobody has found wanting: it
    need not have been verified yet. By the same seed and backups it is the same one, in whatever order they come.
    """
    newest_first = sorted(backups, key=lambda backup: (backup.created_at, backup.name.prefix), reverse=True)
    latest = next((backup for backup in newest_first if backup.verified and not backup.future), None)
    moment, at_moment = _moment(newest_first, seed)
    if latest is None:
        return Choice(None, None, seed, 0, moment, at_moment)
    after = newest_first.index(latest) + 1
    candidates = [backup for backup in newest_first[after:] if backup.good]
    chance = random.Random(seed)  # noqa: S311 - it hides nothing, and must give the same again
    older = candidates[chance.randrange(len(candidates))] if candidates else None
    return Choice(latest, older, seed, len(candidates), moment, at_moment)


def _moment(newest_first: Sequence[Backup], seed: int) -> tuple[datetime | None, Backup | None]:
    """A moment from the oldest good point of the chain to the newest, and the newest good backup before it."""
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
