"""Marks points of a chain that cannot be restored because a backup they build on is missing or not good."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.model.kinds import Kind
from shared.model.names import BackupName

if TYPE_CHECKING:
    from shared.catalog.backup import Backup
    from shared.stores import StoredObject

_LONGEST = 1000  # backups in a path, as in `shared.continuous.path`


def with_paths(backups: Sequence["Backup"]) -> "list[Backup]":
    """Returns the backups with `builds_on` set, and `missing` where a backup below is missing or not good."""
    if not any(backup.summary and backup.summary.needs for backup in backups):
        return list(backups)
    known = {backup.name: backup for backup in backups}
    why: dict[BackupName, str | None] = {}
    for backup in backups:
        _judge(backup.name, known, why)
    made: dict[BackupName, Backup] = {}
    for backup in sorted(backups, key=_cycle):  # parents first
        parent = parent_of(backup)
        if parent is not None:
            missing = backup.missing or why[backup.name]
            backup = replace(backup, missing=missing, builds_on=made.get(parent))  # noqa: PLW2901
        made[backup.name] = backup
    return [made[backup.name] for backup in backups]


def manifests_below(backup: "Backup") -> list["StoredObject"]:
    """Returns the manifests that a point builds on, nearest first, by its listing: a hint of what will be read."""
    found: list[StoredObject] = []
    at = backup.builds_on
    while at is not None and len(found) < _LONGEST:
        found.append(at.manifest)
        at = at.builds_on
    return found


def parent_of(backup: "Backup") -> BackupName | None:
    """Returns the parent of a point, by its listing; None for any other backup."""
    needs = backup.summary.needs if backup.summary else ()
    return BackupName(Kind.CONTINUOUS, backup.name.database, needs[0]) if needs else None


def _cycle(backup: "Backup") -> int:
    return backup.chain.cycle if backup.chain else 0


def _judge(name: BackupName, known: dict[BackupName, "Backup"], why: dict[BackupName, str | None]) -> None:
    """Sets in `why` the reason why that backup, and each one below it, cannot be restored, or None."""
    path: list[BackupName] = []
    at: BackupName | None = name
    while at is not None and at in known and at not in why:
        path.append(at)
        why[at] = f"it builds on {at.id}, which builds on itself"  # replaced below unless a hostile listing has a cycle
        at = parent_of(known[at])
    below = None if at is None else why.get(at, f"it builds on {at.id}, which is missing")
    if at is not None and at in known:
        below = below or _own_problem(known[at])
    for each in reversed(path):
        why[each] = below  # the problem nearest to the base is reported for every point above it
        below = below or _own_problem(known[each])


def _own_problem(backup: "Backup") -> str | None:
    """Returns the problem of a backup that makes all points above it unusable. A future date is not a problem."""
    own = backup.damaged or backup.missing
    if own is None and backup.verified is False:
        own = "it failed its verification"
    return f"it builds on {backup.name.id}, which is not good: {own}" if own else None
