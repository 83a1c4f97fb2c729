"""Decides whether a scheduled backup can be skipped, because the newest backup still equals the database.

It can if the node reports no writes since the newest backup of that kind (see `unchanged_since`), and that backup is
what a new one would be: complete in every store, readable, not known to be bad, made by this version, with the same
formats and key. It must also have half of its retention left, for two reasons: the next one is stored long before
retention deletes it, and a backup with an undetected fault does not remain the only one forever.

A skip leaves a mark beside the backups. `status` and the monitor use it to distinguish a quiet database from a
stopped schedule, which leaves no marks.
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
    """Returns the backup that makes a new one unnecessary, or None if a backup must be taken.

    Always None for a file, which has no count of writes. Raises LitekeepError.
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
        _has_half_its_retention(newest, manifest, options, now)
        and _has_same_options(manifest, options)
        and _is_complete(manifest, options)
    ):
        return None
    return newest.name if database.unchanged_since(manifest.source) else None


def mark_unchanged(store: Store, backup: BackupName, now: datetime, key: WrappingKey | None) -> None:
    """Stores a mark that at `now` the database was as in that backup. Raises LitekeepError."""
    with store.open(backup.manifest) as stream:
        sha256 = hashlib.sha256(stream.read(LARGEST_MANIFEST)).hexdigest()
    write_mark(store, backup, sha256, now, key)


def _has_half_its_retention(newest: Backup, manifest: Manifest, options: BackupOptions, now: datetime) -> bool:
    kept_for = min(options.keep_for, manifest.keep_until - manifest.created_at)
    return not is_future(newest.created_at, now) and now - newest.created_at < kept_for / 2


def _has_same_options(manifest: Manifest, options: BackupOptions) -> bool:
    key = manifest.encryption.key if manifest.encryption else None
    wanted = options.key.name if options.key else None
    same = key == wanted if key is None or wanted is None else same_key(key, wanted)
    there = {artifact.format for artifact in manifest.artifacts}
    return same and there.issuperset(options.formats) and manifest.tool == TOOL


def _is_complete(manifest: Manifest, options: BackupOptions) -> bool:
    """Returns whether store and copy store have the manifest, and every artifact in its recorded size."""
    wanted = {artifact.object: artifact.size_bytes for artifact in manifest.artifacts}
    for store in filter(None, (options.store, options.copy_store)):
        found = {item.name: item.size_bytes for item in store.list_objects(manifest.name.prefix)}
        if manifest.name.manifest not in found or any(found.get(name) != size for name, size in wanted.items()):
            return False
    return True
