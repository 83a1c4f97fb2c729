"""Makes a retention plan whose decisive verdicts and manifests were checked with the key.

Only decisive backups are checked: in each database with an expired backup, those that protect others and those said to
be bad. A false verdict or manifest protects nothing. The plan is then made again, until all decisive backups are
checked. Without the key, the plan relies on what is recorded.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from shared.catalog.backup import Backup
from shared.catalog.checker import Checker
from shared.catalog.listing import Catalog
from shared.model.names import BackupName
from shared.retention.inventory import Inventory
from shared.retention.plan import RetentionPlan, RetentionPolicy, Rule
from shared.retention.rules import plan

_ROUNDS = 50
_BY_ITSELF = frozenset({Rule.NOT_EXPIRED, Rule.HELD, Rule.UNREADABLE, Rule.FUTURE})  # kept regardless of other backups


def checked_plan(
    inventory: Inventory, policy: RetentionPolicy, now: datetime, catalog: Catalog, checker: Checker
) -> tuple[Inventory, RetentionPlan]:
    """Returns the inventory updated by the checks, and the plan from it. Raises StoreError."""
    seen: set[BackupName] = set()
    made = plan(inventory.candidates, policy, now)
    for _ in range(_ROUNDS):
        unchecked = [name for name in _deciding(inventory, made) if name not in seen]
        if not unchecked or checker.why_not is not None:
            return inventory, made
        seen.update(unchecked)
        found = [_only_if_opened(checker(catalog, inventory.backups[name])) for name in unchecked]
        inventory = inventory.with_backups(found)
        made = plan(inventory.candidates, policy, now)
    left = [inventory.backups[name] for name in _deciding(inventory, made) if name not in seen]
    return inventory, plan(inventory.with_backups([_unproven(each) for each in left]).candidates, policy, now)


def doubts(inventory: Inventory) -> Iterator[str]:
    """Yields a line for each verdict that is ignored."""
    for backup in inventory.backups.values():
        if backup.doubt is not None:
            yield f"{backup.name.database}: a verdict on {backup.name.id} counts for nothing, {backup.doubt}"


def _deciding(inventory: Inventory, made: RetentionPlan) -> Iterator[BackupName]:
    going = {each.backup.name.database for each in made.decisions if each.rule not in _BY_ITSELF}
    for database in sorted(going):
        yield from (protector.name for protector in made.protectors[database])
    for candidate in inventory.candidates:
        if candidate.name.database in going and candidate.verified is False:
            yield candidate.name


def _only_if_opened(backup: Backup) -> Backup:
    """Returns the backup, marked damaged if the key does not open it: it may be a forgery, so it protects nothing."""
    return backup if backup.unopened is None else replace(_unproven(backup), damaged=backup.unopened)


def _unproven(backup: Backup) -> Backup:
    return replace(backup, verified=None, verdict=None, trust=None)
