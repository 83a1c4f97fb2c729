"""Whether a backup that a schedule asks for may be left out: the newest one holds all that there is.

It may when the node says that nothing was written since (see `unchanged_since`), and the newest backup of that kind is
what a new one would be: there in every store, readable, not known to be bad, by this version, in these formats, under
this key. Half of its time must be left, so that the next is there long before retention takes it, and so that one that
is wrong for a reason nobody has thought of is not the only one for ever.

Then a mark beside the backups says so. It is what `status` and the monitor go by: a database that is quiet is not
stale, and one whose schedule has stopped is, as no marks come either.
"""

import hashlib
from datetime import datetime

from shared.archive.wrapped_by import same_key
from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.marks import write_mark
from shared.clock import is_future
from shared.databases.snapshot import live_database
from shared.keys import WrappingKey
from shared.model.manifest import LARGEST_MANIFEST, Manifest
from shared.model.names import BackupName
from shared.operations.backup.options import BackupOptions
from shared.stores import Store
from shared.version import TOOL


def find_unchanged(options: BackupOptions, now: datetime) -> BackupName | None:
    """The backup that makes a new one needless; None when one is to be taken.

    Always None for a file: nothing tells of it what a node tells of a database. Raises LitekeepError.
    """
    database = live_database(options.location)
    if not database.counts_writes:
        return None
    catalog = Catalog(options.store)
    own = catalog.backups(options.kind, options.location.database)
    newest = next((backup for backup in own if not backup.future), None)
    if newest is None or not newest.good:
        return None
    manifest, _ = catalog.read_manifest(newest)
    if not (
        _is_young(newest, manifest, options, now) and _is_as_ordered(manifest, options) and _is_there(manifest, options)
    ):
        return None
    return newest.name if database.unchanged_since(manifest.source) else None


def mark_unchanged(store: Store, backup: BackupName, now: datetime, key: WrappingKey | None) -> None:
    """Says in the store that the database was as that backup has it, at that moment. Raises LitekeepError."""
    with store.open(backup.manifest) as stream:
        sha256 = hashlib.sha256(stream.read(LARGEST_MANIFEST)).hexdigest()
    write_mark(store, backup, sha256, now, key)


def _is_young(newest: Backup, manifest: Manifest, options: BackupOptions, now: datetime) -> bool:
    kept_for = min(options.keep_for, manifest.keep_until - manifest.created_at)
    return not is_future(newest.created_at, now) and now - newest.created_at < kept_for / 2


def _is_as_ordered(manifest: Manifest, options: BackupOptions) -> bool:
    key = manifest.encryption.key if manifest.encryption else None
    wanted = options.key.name if options.key else None
    same = key == wanted if key is None or wanted is None else same_key(key, wanted)
    there = {artifact.format for artifact in manifest.artifacts}
    return same and there.issuperset(options.formats) and manifest.tool == TOOL


def _is_there(manifest: Manifest, options: BackupOptions) -> bool:
    """The manifest and every artifact in its size, in the store and in the copy store."""
    wanted = {artifact.object: artifact.size_bytes for artifact in manifest.artifacts}
    for store in filter(None, (options.store, options.copy_store)):
        found = {item.name: item.size_bytes for item in store.list_objects(manifest.name.prefix)}
        if manifest.name.manifest not in found or any(found.get(name) != size for name, size in wanted.items()):
            return False
    return True
