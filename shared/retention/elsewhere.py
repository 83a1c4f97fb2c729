"""What the other store says of backups that a store has too: the copy store's of the main store's, and the reverse.

A hold in either store protects in both. What the main store keeps stays in the copy store as well, so that no copy is
deleted, missed and copied again for ever. A copy counts as verified when the backup that it is a copy of was: it was
held to the same manifest on its way. For the rest each store is judged by what it has: a backup that is gone from the
main store before its time stays in the copy store until its time there is over.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.catalog.backup import Backup
from shared.catalog.holds import is_held
from shared.errors import StoreError
from shared.model.names import BackupName
from shared.retention.inventory import Inventory, take_inventory
from shared.retention.outcome import Outcome
from shared.retention.plan import Candidate
from shared.stores import Store


@dataclass
class Elsewhere:
    """`held`, `staying`: why. `whole`: what a copy may still be completed from. `silence`: why it no longer tells."""

    store: Store
    held: Mapping[BackupName, str]
    staying: Mapping[BackupName, str] = field(default_factory=dict)
    proven: Mapping[BackupName, Backup] = field(default_factory=dict)
    retired: Mapping[str, datetime] = field(default_factory=dict)
    whole: Collection[BackupName] = ()
    must_tell: bool = True
    silence: str | None = None

    def applied(self, inventory: Inventory) -> Inventory:
        """The inventory of our store, with what is known from the other."""
        known = {
            name: [self._with_what_is_known(each, inventory) for each in own]
            for name, own in inventory.databases.items()
        }
        return replace(inventory, databases=known, retired={**inventory.retired, **self.retired})

    def is_held(self, name: BackupName) -> bool:
        """Asks the other store by name. Where it need not tell, it is asked no more once it did not.

        Raises StoreError when it must tell and does not.
        """
        if self.silence is not None:
            return False
        try:
            return is_held(self.store, name)
        except StoreError as error:
            if self.must_tell:
                raise
            self.silence = str(error)
            return False

    def _with_what_is_known(self, candidate: Candidate, inventory: Inventory) -> Candidate:
        name, held, verified = candidate.name, candidate.held, candidate.verified
        if held is None and name in self.held:
            held = f"{self.held[name]} (in {self.store.url})"
        if verified is None and name in self.proven and _is_a_copy(inventory.backups[name], self.proven[name]):
            verified = True
        stays = f"stays in {self.store.url}: {self.staying[name]}" if name in self.staying else None
        return replace(candidate, held=held, verified=verified, stays_elsewhere=stays)


def seen_from_main(copy: Store) -> Elsewhere:
    """What counts of the copy store in the main one: holds. Raises StoreError when it cannot be listed."""
    return Elsewhere(copy, _held(take_inventory(copy)), must_tell=False)


def seen_from_copy(main: Store, outcome: Outcome, gone: Collection[BackupName]) -> Elsewhere:
    """What counts of the main store in the copy store, after its cleanup. `gone`: what left it, or would leave it."""
    inventory = outcome.inventory
    decisions = [each for each in outcome.plan.decisions if each.backup.name not in gone]
    return Elsewhere(
        main,
        _held(inventory),
        {each.backup.name: "it was not deleted" if each.delete else each.reason for each in decisions},
        {each.name: inventory.backups[each.name] for each in inventory.candidates if each.proven},
        inventory.retired,
        frozenset(each.backup.name for each in decisions),
    )


def _held(inventory: Inventory) -> Mapping[BackupName, str]:
    """Also holds without a manifest: the other store may still have it."""
    bare = {
        name: "by a hold whose backup is gone there"
        for name in inventory.strays
        if any(item.name == name.hold for item in inventory.objects[name])
    }
    return bare | {each.name: each.held for each in inventory.candidates if each.held is not None}


def _is_a_copy(one: Backup, other: Backup) -> bool:
    """Returns whether both manifests name the same content: an id alone proves nothing."""
    return bool(one.artifacts) and (one.created_at, one.artifacts) == (other.created_at, other.artifacts)
