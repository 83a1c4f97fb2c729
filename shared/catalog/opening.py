"""Opening a backup: its manifest, authentic, and the data key by the newest wrapping that the configured key opens."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from shared.archive.rewrapping import LARGEST, Read, open_sealed
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.verdicts import Opened, opened_as
from shared.keys import WrappingKey
from shared.model import names
from shared.stores import Store, StoredObject

if TYPE_CHECKING:
    from shared.archive.data_key import DataKey
    from shared.model.manifest import Manifest


def open_manifest(catalog: Catalog, backup: Backup, key: WrappingKey | None) -> "tuple[Manifest, DataKey | None]":
    """The manifest once its seal is checked, and the data key; None stands for a backup in clear.

    Raises NotGood when any byte was changed, KeyProblem when the key is missing, wrong or out of reach, StoreError.
    """
    manifest, opened = open_whole(catalog, backup, key)
    return manifest, opened.data_key


def open_whole(catalog: Catalog, backup: Backup, key: WrappingKey | None) -> "tuple[Manifest, Opened]":
    """The same with what holds a verdict to this very manifest."""
    manifest, raw = catalog.read_manifest(backup)
    return manifest, open_read(catalog.store, backup, manifest, raw, key)


def open_read(store: Store, backup: Backup, manifest: "Manifest", raw: bytes, key: WrappingKey | None) -> Opened:
    """The same of a manifest that was read already."""
    return opened_as(manifest, raw, open_sealed(manifest, raw, key, sidecars(store, backup)))


def sidecars(store: Store, backup: Backup) -> Iterator[tuple[int, Read]]:
    """The re-wrappings of a backup, the newest first: the number, and how to read it."""
    for item in backup.rewrappings:
        parsed = names.parse(item.name)
        if parsed is not None and parsed.number is not None:
            yield parsed.number, partial(read_small, store, item)


def read_small(store: Store, item: StoredObject) -> bytes:
    """The bytes of a small object, and one more than it may have where it has too many."""
    with store.open(item.name, item.generation) as stream:
        return stream.read(LARGEST + 1)
