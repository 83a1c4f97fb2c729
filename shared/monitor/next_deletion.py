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


def next_deletions(decisions: Iterable[RetentionDecision]) -> dict[str, NextDeletion]:
    """By database the one whose time ends first; none where everything stays for another reason than its time."""
    going: dict[str, NextDeletion] = {}
    for decision in decisions:
        if decision.rule not in _BY_TIME or decision.kept_until is None:
            continue
        database = decision.backup.name.database
        found = NextDeletion(decision.backup.name, decision.kept_until, decision.delete)
        first = going.get(database)
        if first is None or _order(found) < _order(first):
            going[database] = found
    return going


def _order(each: NextDeletion) -> tuple[bool, datetime, str]:
    return not each.due, each.at, each.backup.id
