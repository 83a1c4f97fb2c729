"""What a cleanup found, what it meant to do, and what it did."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from shared.model.names import BackupName
from shared.retention.inventory import Inventory
from shared.retention.plan import RetentionDecision, RetentionPlan
from shared.stores import StoredObject


@dataclass
class Outcome:
    """`deleted`: backups that are gone from the catalog; `swept`: orphaned objects that are gone.

    `errors` are what should have been done and was not. `attention` is what a person should look at.
    """

    plan: RetentionPlan
    inventory: Inventory
    planned_at: datetime
    orphans: list[StoredObject]
    attention: list[str]
    going: frozenset[BackupName]
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
        """Bytes that deleting that backup frees, or would free; 0 for one that stays."""
        name = decision.backup.name
        return self.inventory.size_of(name) if name in self.going else 0
