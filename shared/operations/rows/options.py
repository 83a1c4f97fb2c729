"""What is asked for when rows are asked for, what would be done, and what was done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.keys import WrappingKey
from shared.operations.erasure.replayed import Replayed
from shared.operations.erasure.way_out import USUAL, WayOut
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation

if TYPE_CHECKING:
    from shared.approvals.desk import Permit


@dataclass(frozen=True)
class RowsOptions:
    """Which rows of which backup, and where to. Without `where` and `keys`: every row of the table.

    `keys` is one sequence of values for each row, in the order of the primary key. `triggers` says whether those of
    the application fire, and whether foreign keys act. `keep_safety_for` is how long the safety backup is kept.
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
    permit: "Permit | None" = None  # what two persons have agreed on
    way: WayOut = USUAL
    on_erased: Callable[[Replayed], None] = lambda _erased: None  # called for erasures replayed on the backup


@dataclass(frozen=True)
class RowChange:
    """One row that would be written. Hashes are SHA-256 over the literals of its values, in hex."""

    action: str  # insert or update
    key: list[Any]
    hash_now: str | None
    hash_then: str
    now: dict[str, Any] | None = None
    then: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "action": self.action,
            "key": self.key,
            "hash_now": self.hash_now,
            "hash_then": self.hash_then,
        }
        if self.then is not None:
            found |= {"now": self.now, "then": self.then}
        return found


@dataclass(frozen=True)
class RowsPlan:
    """What would be written. `conflicts` are sentences; with any of them nothing is written."""

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
    """Rows that are back. `safety` is the id of the backup of what was there before; None when nothing was written."""

    id: str
    table: str
    inserted: int
    updated: int
    unchanged: int
    safety: str | None
    duration_seconds: float
    notes: list[str] = field(default_factory=list)
