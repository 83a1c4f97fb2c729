"""Builders of candidates with full defaults, so that a test states only what matters."""

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
    """Return a verified daily backup of that age without a promised retention."""
    name = BackupName(
        changes.pop("kind", Kind.DAILY), changes.pop("database", "app"), backup_id or f"b{age_days:g}".replace("-", "m")
    )
    return Candidate(name, NOW - day(age_days), **{"verified": True} | changes)


def decide(*backups: Candidate, policy: RetentionPolicy = POLICY, now: datetime = NOW) -> dict[str, RetentionDecision]:
    return {decision.backup.name.id: decision for decision in plan(backups, policy, now).decisions}


def rules(*backups: Candidate, policy: RetentionPolicy = POLICY, now: datetime = NOW) -> dict[str, Rule]:
    return {name: decision.rule for name, decision in decide(*backups, policy=policy, now=now).items()}


def fresh(count: int = 10) -> list[Candidate]:
    """Return `count` young verified backups, so that only the rule under test keeps older ones."""
    return [backup(number / 10, f"fresh{number}") for number in range(1, count + 1)]


def deleted(found: RetentionPlan) -> set[str]:
    return {decision.backup.name.id for decision in found.deletions}
