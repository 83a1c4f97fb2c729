"""Opens a backup: checks the manifest's seal and unwraps the data key with the newest wrapping the key can open."""

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
    """Returns the manifest after checking its seal, and the data key; None for the key if the backup is not encrypted.

    Raises NotGood if any byte was changed, KeyProblem if the key is missing, wrong or out of reach, StoreError.
    """
    manifest, opened = open_whole(catalog, backup, key)
    return manifest, opened.data_key


def open_whole(catalog: Catalog, backup: Backup, key: WrappingKey | None) -> "tuple[Manifest, Opened]":
    """Like `open_manifest`, but returns `Opened`, against which verdicts are checked."""
    manifest, raw = catalog.read_manifest(backup)
    return manifest, open_read(catalog.store, backup, manifest, raw, key)


def open_read(store: Store, backup: Backup, manifest: "Manifest", raw: bytes, key: WrappingKey | None) -> Opened:
    """Like `open_whole`, for a manifest that was already read."""
    return opened_as(manifest, raw, open_sealed(manifest, raw, key, sidecars(store, backup)))


def sidecars(store: Store, backup: Backup) -> Iterator[tuple[int, Read]]:
    """Yields the re-wrapped data keys of a backup, newest first: the number, and a function that reads the object."""
    for item in backup.rewrappings:
        parsed = names.parse(item.name)
        if parsed is not None and parsed.number is not None:
            yield parsed.number, partial(read_small, store, item)


def read_small(store: Store, item: StoredObject) -> bytes:
    """Returns the bytes of a small object; one byte more than the limit if the object is too large."""
    with store.open(item.name, item.generation) as stream:
        return stream.read(LARGEST + 1)
