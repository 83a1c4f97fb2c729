"""Which backup of a database goes next, as things stand."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.model.names import BackupName
from shared.retention.plan import RetentionDecision, Rule

_BY_TIME = (Rule.EXPIRED, Rule.NOT_EXPIRED)


@dataclass(frozen=True)
class NextDeletion:
    """`due`: the next cleanup deletes it. Else its time ends at `at`, if nothing protects it by then."""

    backup: BackupName
    at: datetime
    due: bool


def next_deletion(decisions: Iterable[RetentionDecision], database: str) -> NextDeletion | None:
    """The one whose time ends first; None when everything stays for another reason than its time."""
    going = [
        NextDeletion(decision.backup.name, decision.kept_until, decision.delete)
        for decision in decisions
        if decision.backup.name.database == database and decision.rule in _BY_TIME and decision.kept_until is not None
    ]
    return min(going, key=lambda each: (not each.due, each.at, each.backup.id), default=None)
