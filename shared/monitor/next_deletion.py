"""The backup of a database that retention deletes next."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.model.names import BackupName
from shared.retention.plan import RetentionDecision, Rule

_BY_TIME = (Rule.EXPIRED, Rule.NOT_EXPIRED)


@dataclass(frozen=True)
class NextDeletion:
    """`due`: the next cleanup deletes it. Otherwise its retention ends at `at`, unless something protects it then."""

    backup: BackupName
    at: datetime
    due: bool


def next_deletion(decisions: Iterable[RetentionDecision]) -> NextDeletion | None:
    """Returns the backup of one database whose retention ends first, or None if all are kept for other reasons."""
    found = (
        NextDeletion(decision.backup.name, decision.kept_until, decision.delete)
        for decision in decisions
        if decision.rule in _BY_TIME and decision.kept_until is not None
    )
    return min(found, key=_order, default=None)


def _order(each: NextDeletion) -> tuple[bool, datetime, str]:
    return not each.due, each.at, each.backup.id
