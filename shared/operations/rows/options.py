"""The options of a restore of rows, its plan and its result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.keys import WrappingKey
from shared.operations.backup.safety import SafetyBackup
from shared.operations.erasure.pending import DEFAULT_ERASURES, ErasureOptions
from shared.operations.erasure.replayed import Replayed
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation

if TYPE_CHECKING:
    from shared.approvals.desk import Permit


@dataclass(frozen=True)
class RowsOptions:
    """Which rows of which backup to restore, and where to. Without `where` and `keys`: every row of the table.

    `keys`: a sequence of values for each row, in the order of the primary key. `triggers`: whether the application's
    triggers fire and foreign keys act. `keep_safety_for`: how long the safety backup is kept.
    """

    catalog: Catalog
    backup: Backup
    key: WrappingKey | None
    table: str
    target: FileLocation | CloudLocation
    where: str | None = None
    keys: Sequence[Sequence[Any]] | None = None
    triggers: bool = False
    environment: str = "development"
    keep_safety_for: timedelta = timedelta(days=30)
    permit: "Permit | None" = None  # the approval of two persons
    erasures: ErasureOptions = DEFAULT_ERASURES
    on_erased: Callable[[Replayed], None] = lambda _erased: None  # called for erasures replayed on the backup

    @property
    def safety_backup(self) -> SafetyBackup:
        """The safety backup of the target, not yet taken."""
        return SafetyBackup(self.target, self.catalog.store, self.key, self.keep_safety_for, self.environment)


@dataclass(frozen=True)
class RowChange:
    """One row that would be written. Hashes are SHA-256, in hex, of its values as SQL literals."""

    action: str  # insert or update
    key: list[Any]
    hash_now: str | None
    hash_then: str
    now: dict[str, Any] | None = None
    then: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "action": self.action,
            "key": self.key,
            "hash_now": self.hash_now,
            "hash_then": self.hash_then,
        }
        if self.then is not None:
            fields |= {"now": self.now, "then": self.then}
        return fields


@dataclass(frozen=True)
class RowsPlan:
    """What would be written. `conflicts` are sentences; if there are any, nothing is written."""

    id: str
    taken_at: str
    table: str
    target: str
    by: list[str]
    inserted: int
    updated: int
    unchanged: int
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: list[RowChange] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "taken_at": self.taken_at,
            "table": self.table,
            "target": self.target,
            "by": self.by,
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "conflicts": self.conflicts,
            "notes": self.notes,
            "rows": [row.to_json() for row in self.rows],
        }


@dataclass(frozen=True)
class RowsRestored:
    """The result of a restore of rows. `safety`: the id of the safety backup; None if nothing was written."""

    id: str
    table: str
    inserted: int
    updated: int
    unchanged: int
    safety: str | None
    duration_seconds: float
    notes: list[str] = field(default_factory=list)
