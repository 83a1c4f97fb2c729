"""Points of a chain, judged by what they rest on: one whose path is not whole cannot be restored."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.model.kinds import Kind
from shared.model.names import BackupName

if TYPE_CHECKING:
    from shared.catalog.backup import Backup


def with_paths(backups: Sequence["Backup"]) -> "list[Backup]":
    """The same backups; a point whose parent is missing or not good says so as its own `missing`."""
    known = {backup.name: backup for backup in backups}
    why: dict[BackupName, str | None] = {}
    for backup in backups:
        _judge(backup.name, known, why)
    return [
        replace(backup, missing=why[backup.name]) if why[backup.name] and not backup.missing else backup
        for backup in backups
    ]


def parent_of(backup: "Backup") -> BackupName | None:
    """What a point builds on, as its listing says; None for any other backup."""
    needs = backup.summary.get("needs")
    return BackupName(Kind.CONTINUOUS, backup.name.database, needs[0]) if needs else None


def _judge(name: BackupName, known: dict[BackupName, "Backup"], why: dict[BackupName, str | None]) -> None:
    """Fills in why that backup, and each that it rests on, cannot be restored, or None."""
    climb: list[BackupName] = []
    at: BackupName | None = name
    while at is not None and at in known and at not in why:
        climb.append(at)
        why[at] = f"it builds on {at.id}, which builds on itself"  # until it is known: a listing is hostile
        at = parent_of(known[at])
    below = None if at is None else why.get(at, f"it builds on {at.id}, which is missing")
    if at is not None and at in known:
        below = below or _own_trouble(known[at])
    for each in reversed(climb):
        why[each] = below  # the reason at the root: it is the same for all that rest on that
        below = below or _own_trouble(known[each])


def _own_trouble(backup: "Backup") -> str | None:
    """What is known against it and so against all that rests on it; a clock that was wrong is not."""
    own = backup.damaged or backup.missing
    if own is None and backup.verified is False:
        own = "it failed its verification"
    return f"it builds on {backup.name.id}, which is not good: {own}" if own else None
