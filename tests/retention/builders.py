"""Backups as retention sees them, told by what matters to a test."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.model.kinds import Kind, default_retention
from shared.model.names import BackupName
from shared.retention.plan import Candidate, RetentionDecision, RetentionPlan, RetentionPolicy, Rule
from shared.retention.rules import plan

NOW = datetime(2024, 6, 15, 2, tzinfo=UTC)
POLICY = RetentionPolicy(default_retention("production"))


def day(count: float) -> timedelta:
    return timedelta(days=count)


def backup(age_days: float, backup_id: str | None = None, **changes: Any) -> Candidate:
    """A verified daily one of that age, whose manifest promised nothing."""
    name = BackupName(
        changes.pop("kind", Kind.DAILY), changes.pop("database", "app"), backup_id or f"b{age_days:g}".replace("-", "m")
    )
    return Candidate(name, NOW - day(age_days), **{"verified": True} | changes)


def decide(*backups: Candidate, policy: RetentionPolicy = POLICY, now: datetime = NOW) -> dict[str, RetentionDecision]:
    return {decision.backup.name.id: decision for decision in plan(backups, policy, now).decisions}


def rules(*backups: Candidate, policy: RetentionPolicy = POLICY, now: datetime = NOW) -> dict[str, Rule]:
    return {name: decision.rule for name, decision in decide(*backups, policy=policy, now=now).items()}


def fresh(count: int = 10) -> list[Candidate]:
    """As many young verified ones, so that no other rule than the one in question keeps the old."""
    return [backup(number / 10, f"fresh{number}") for number in range(1, count + 1)]


def gone(found: RetentionPlan) -> set[str]:
    return {decision.backup.name.id for decision in found.deletions}
