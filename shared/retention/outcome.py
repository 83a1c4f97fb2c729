"""The outcome of a cleanup: what it found, planned and did."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from shared.model.names import BackupName
from shared.retention.inventory import Inventory
from shared.retention.plan import RetentionDecision, RetentionPlan
from shared.stores import StoredObject


@dataclass
class Outcome:
    """`to_delete` are the backups to delete, `deleted` those deleted, and `swept` the deleted orphaned objects.

    `errors` are deletions that failed; `attention` are findings for an operator.
    """

    plan: RetentionPlan
    inventory: Inventory
    planned_at: datetime
    orphans: list[StoredObject]
    attention: list[str]
    to_delete: frozenset[BackupName]
    deleted: set[BackupName] = field(default_factory=set)
    swept: list[StoredObject] = field(default_factory=list)
    freed_bytes: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.errors) or self.plan.refused

    @property
    def kept(self) -> int:
        return len(self.plan.decisions) - len(self.deleted)

    @property
    def deleted_percent(self) -> float:
        """The largest share of one database's backups that this run deleted."""
        had = Counter(decision.backup.name.database for decision in self.plan.decisions)
        gone = Counter(name.database for name in self.deleted)
        return round(max((100 * gone[database] / had[database] for database in gone), default=0.0), 1)

    def frees(self, decision: RetentionDecision) -> int:
        """Returns the bytes that deleting that backup frees; 0 if it is kept."""
        name = decision.backup.name
        return self.inventory.size_of(name) if name in self.to_delete else 0
