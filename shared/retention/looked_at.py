"""A plan that rests on no verdict, and on no manifest, that the key shows to be false.

Only what decides is looked at: in each database of which something is past its time, the backups that protect the
others, and those that are said to be bad. What turns out false protects nothing, and the plan is made anew, until it
rests on nothing that was not looked at. Without the key it rests on what was recorded.
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
_BY_ITSELF = frozenset({Rule.NOT_EXPIRED, Rule.HELD, Rule.UNREADABLE, Rule.FUTURE})  # stays, whatever others are


def looked_at(
    inventory: Inventory, policy: RetentionPolicy, now: datetime, catalog: Catalog, checker: Checker
) -> tuple[Inventory, RetentionPlan]:
    """The inventory with what the key shows, and the plan that it makes. Raises StoreError."""
    seen: set[BackupName] = set()
    made = plan(inventory.candidates, policy, now)
    for _ in range(_ROUNDS):
        asked = [name for name in _deciding(inventory, made) if name not in seen]
        if not asked or checker.why_not is not None:
            return inventory, made
        seen.update(asked)
        found = [_only_if_opened(checker(catalog, inventory.backups[name])) for name in asked]
        inventory = inventory.with_backups(found)
        made = plan(inventory.candidates, policy, now)
    left = [inventory.backups[name] for name in _deciding(inventory, made) if name not in seen]
    return inventory, plan(inventory.with_backups([_unproven(each) for each in left]).candidates, policy, now)


def doubts(inventory: Inventory) -> Iterator[str]:
    """A line for each verdict that counts for nothing."""
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
    """A backup under another key cannot be distinguished from a forgery, so it protects nothing."""
    return backup if backup.unopened is None else replace(_unproven(backup), damaged=backup.unopened)


def _unproven(backup: Backup) -> Backup:
    return replace(backup, verified=None, verdict=None, trust=None)
