"""Which backups a drill restores: the latest verified one, and one of the older ones by chance.

The seed is kept in the report, so that the choice can be made again.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from shared.catalog.backup import Backup


@dataclass(frozen=True)
class Choice:
    """`latest` is None when no backup is verified, `older` when there is none besides."""

    latest: Backup | None
    older: Backup | None
    seed: int
    candidates: int


def choose(backups: Sequence[Backup], seed: int) -> Choice:
    """Chooses among the backups of one database.

    The older one is any that was taken no later than the latest verified one and that nobody has found wanting: it
    need not have been verified yet. By the same seed and backups it is the same one, in whatever order they come.
    """
    newest_first = sorted(backups, key=lambda backup: (backup.created_at, backup.name.prefix), reverse=True)
    latest = next((backup for backup in newest_first if backup.verified and not backup.future), None)
    if latest is None:
        return Choice(None, None, seed, 0)
    after = newest_first.index(latest) + 1
    candidates = [backup for backup in newest_first[after:] if backup.good]
    chance = random.Random(seed)  # noqa: S311 - it hides nothing, and must give the same again
    older = candidates[chance.randrange(len(candidates))] if candidates else None
    return Choice(latest, older, seed, len(candidates))
