"""What the cleanup of one store must know about the other: the main store's about the copy store, and the reverse.

A hold in either store protects a backup in both. The copy store keeps what the main store keeps; otherwise copies would
be deleted and copied again forever. A copy counts as verified if its original is, because the copy was checked against
the same manifest. Apart from that each store is judged by its own contents: a backup deleted early from the main store
stays in the copy store until its retention ends.
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
class OtherStore:
    """The other store of a cleanup.

    `held` and `staying` give the reason why it holds or keeps a backup. `proven` are its verified backups. `whole` are
    backups from which an incomplete copy may still be completed. `required`: an error of this store ends the cleanup.
    `failure`: the error after which it is not asked again.
    """

    store: Store
    held: Mapping[BackupName, str]
    staying: Mapping[BackupName, str] = field(default_factory=dict)
    proven: Mapping[BackupName, Backup] = field(default_factory=dict)
    retired: Mapping[str, datetime] = field(default_factory=dict)
    whole: Collection[BackupName] = ()
    required: bool = True
    failure: str | None = None

    def applied(self, inventory: Inventory) -> Inventory:
        """Returns the inventory of the store being cleaned, updated with what is known from the other."""
        known = {name: [self._updated(each, inventory) for each in own] for name, own in inventory.databases.items()}
        return replace(inventory, databases=known, retired={**inventory.retired, **self.retired})

    def is_held(self, name: BackupName) -> bool:
        """Returns whether the other store holds a backup. After a failure it is not asked again.

        Raises StoreError if it fails and is required.
        """
        if self.failure is not None:
            return False
        try:
            return is_held(self.store, name)
        except StoreError as error:
            if self.required:
                raise
            self.failure = str(error)
            return False

    def _updated(self, candidate: Candidate, inventory: Inventory) -> Candidate:
        name, held, verified = candidate.name, candidate.held, candidate.verified
        if held is None and name in self.held:
            held = f"{self.held[name]} (in {self.store.url})"
        if verified is None and name in self.proven and _is_a_copy(inventory.backups[name], self.proven[name]):
            verified = True
        stays = f"stays in {self.store.url}: {self.staying[name]}" if name in self.staying else None
        return replace(candidate, held=held, verified=verified, stays_elsewhere=stays)


def view_of_copy_store(copy: Store) -> OtherStore:
    """Returns what a cleanup of the main store needs to know about the copy store: its holds. Raises StoreError."""
    return OtherStore(copy, _held(take_inventory(copy)), required=False)


def view_of_main_store(main: Store, outcome: Outcome, gone: Collection[BackupName]) -> OtherStore:
    """Returns what a cleanup of the copy store needs to know about the main store, which lost the backups `gone`."""
    inventory = outcome.inventory
    decisions = [each for each in outcome.plan.decisions if each.backup.name not in gone]
    return OtherStore(
        main,
        _held(inventory),
        {each.backup.name: "it was not deleted" if each.delete else each.reason for each in decisions},
        {each.name: inventory.backups[each.name] for each in inventory.candidates if each.proven},
        inventory.retired,
        frozenset(each.backup.name for each in decisions),
    )


def _held(inventory: Inventory) -> Mapping[BackupName, str]:
    """Returns the reasons of all holds, also of backups without a manifest: the other store may still have it."""
    bare = {
        name: "by a hold whose backup is gone there"
        for name in inventory.strays
        if any(item.name == name.hold for item in inventory.objects[name])
    }
    return bare | {each.name: each.held for each in inventory.candidates if each.held is not None}


def _is_a_copy(one: Backup, other: Backup) -> bool:
    """Returns whether both backups have the same content. The same id alone does not prove that."""
    return bool(one.artifacts) and (one.created_at, one.artifacts) == (other.created_at, other.artifacts)
