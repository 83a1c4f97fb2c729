"""The inputs and results of retention: candidates, policy, decisions and plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.model.promises import MIN_KEEP
from shared.records import record


class Rule(StrEnum):
    EXPIRED = "expired"  # the only rule that deletes
    NOT_EXPIRED = "not-expired"
    UNREADABLE = "unreadable"
    FUTURE = "future"
    HELD = "held"
    STAYS_ELSEWHERE = "stays-elsewhere"
    NEWEST_VERIFIED = "newest-verified"
    LAST_GOOD = "last-good"
    UNPROVEN = "unproven"
    FAILING = "failing"
    STALE = "stale"
    MAY_BE_NEEDED = "may-be-needed"
    NEEDED = "needed"
    TOO_MANY = "too-many"


@record(frozen=True, slots=True)
class Candidate:
    """A backup as retention judges it.

    `good`: the source was sound when it was taken. `damaged`: why it cannot be read, if so. `held`: the reason of its
    hold, if any. `needs`: ids of backups of the same database that a restore of it needs. `stored_at`: when it was
    stored, by the store's own clock if it has one; retention starts then if that is later than `created_at`.
    `newer_format`: this version cannot read its manifest. `stays_elsewhere`: of a copy, why the main store keeps it.
    """

    name: BackupName
    created_at: datetime
    keep_until: datetime | None = None
    good: bool = True
    verified: bool | None = None
    damaged: str | None = None
    held: str | None = None
    needs: frozenset[str] = frozenset()
    stored_at: datetime | None = None
    newer_format: bool = False
    stays_elsewhere: str | None = None

    @property
    def bad(self) -> bool:
        """Whether it is known to be bad."""
        return self.damaged is not None or not self.good or self.verified is False

    @property
    def proven(self) -> bool:
        """Whether it is verified and not known to be bad."""
        return not self.bad and self.verified is True


@dataclass(frozen=True)
class RetentionPolicy:
    lengths: Mapping[Kind, timedelta]
    min_keep: int = MIN_KEEP
    force: bool = False
    retired: Mapping[str, datetime] = field(default_factory=dict)  # retired databases, and since when


@record(frozen=True, slots=True)
class RetentionDecision:
    backup: Candidate
    rule: Rule
    reason: str
    kept_until: datetime | None = None

    @property
    def delete(self) -> bool:
        return self.rule is Rule.EXPIRED


@dataclass(frozen=True)
class RetentionPlan:
    """A decision for every backup, by database and newest first, and findings for an operator.

    `protectors`: by database, the backups that must still exist when another one is deleted.
    """

    decisions: tuple[RetentionDecision, ...]
    attention: tuple[str, ...]
    protectors: Mapping[str, tuple[Candidate, ...]]
    refused: bool = False  # more than half of the backups of a database would be deleted

    @property
    def deletions(self) -> list[RetentionDecision]:
        return [decision for decision in self.decisions if decision.delete]
