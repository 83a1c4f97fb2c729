"""The catalog of a store: lists backups, resolves a REF to one, and publishes new ones.

In a bucket the listing's object metadata contains everything that `list` shows. A folder has no object metadata, so the
manifests are read; that is as cheap as a listing there.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from shared.catalog.assembly import groups
from shared.catalog.backup import Backup
from shared.catalog.choice import choose
from shared.catalog.grouping import by_time, named
from shared.catalog.reading import read_object
from shared.catalog.summary import beside_manifest, beside_verdict, summarise
from shared.catalog.verdicts import Opened, read_verdict, seal_verdict
from shared.clock import Clock, rfc3339, utc_now
from shared.errors import LitekeepError, NotGood, UsageError
from shared.model import names
from shared.model.kinds import Kind
from shared.model.manifest import Manifest, parse_manifest
from shared.model.names import BackupName, ObjectName
from shared.model.trail_names import BESIDE_TRAIL
from shared.runtime.collector import garbage_collection_paused
from shared.stores import Store, StoredObject

LATEST = names.LATEST
LATEST_VERIFIED = names.LATEST_VERIFIED


class Verdict(Protocol):
    """The result of a verification, as `Catalog.record` stores it."""

    @property
    def ok(self) -> bool: ...

    def to_json(self) -> dict[str, Any]: ...


class Catalog:
    """The backups of one store.

    `check` checks a backup's seals if the key is available (see `shared.catalog.checker`).
    """

    def __init__(
        self, store: Store, clock: Clock = utc_now, *, check: Callable[["Catalog", Backup], Backup] | None = None
    ) -> None:
        self.store = store
        self._clock = clock
        self._check = check

    def backups(
        self, kind: Kind | None = None, database: str | None = None, since: datetime | None = None
    ) -> list[Backup]:
        """Returns all backups, newest first, or those of the given kind and database.

        `since` needs both and returns only backups with an automatic id of that time or later; a point whose parent is
        older than that is reported as if its parent were missing. Raises StoreError when the store cannot be listed.
        """
        if since is not None and kind is not None and database is not None:
            start = names.kind_prefix(kind, database) + names.automatic_id(since)
            with garbage_collection_paused():
                return self.assemble(named(self.store.list_objects(names.kind_prefix(kind, database), start)))
        prefixes = [""] if kind is None and database is None else [names.kind_prefix(k, database) for k in _kinds(kind)]
        with garbage_collection_paused():
            return self.assemble(
                named(found for prefix in prefixes for found in self.store.list_objects(prefix, BESIDE_TRAIL))
            )

    def find(self, ref: str, database: str | None = None, at: datetime | None = None) -> Backup:
        """Returns the backup for `ref`: an id, an artifact's file name or path, `latest` or `latest-verified`.

        With `at`, returns the newest good backup created at or before that time.
        Raises UsageError if no backup or several match, NotGood if the matching backup is not good.
        """
        if at is not None or ref in (LATEST, LATEST_VERIFIED):
            return self._newest(ref, database, at)
        named_whole = names.parse("/".join(ref.split("/")[-3:]))
        wanted = id_in(ref)
        fitting = [
            backup
            for backup in self.backups(database=database)
            if (backup.name == named_whole.backup if named_whole else backup.name.id == wanted)
        ]
        if not fitting:
            raise UsageError(f"no backup {ref!r} in {self.store.url}: see litekeep list")
        if len(fitting) > 1:
            places = ", ".join(f"{backup.name.kind}/{backup.name.database}" for backup in fitting)
            raise UsageError(f"{ref!r} could be any of {places}: add --database, or remove one")
        if fitting[0].damaged:
            raise NotGood(fitting[0].damaged)
        return fitting[0]

    def is_taken(self, database: str, backup_id: str) -> bool:
        """Returns whether the database has an object with that id, under any kind."""
        return any(
            parsed is not None and parsed.backup.id == backup_id
            for kind in Kind
            for found in self.store.list_objects(BackupName(kind, database, backup_id).prefix)
            if (parsed := names.parse(found.name))
        )

    def read_manifest(self, backup: Backup) -> tuple[Manifest, bytes]:
        """Returns the manifest and its bytes as stored. Raises NotGood if they are not the manifest of that backup."""
        raw = read_object(self.store, backup.manifest)
        manifest = parse_manifest(raw, backup.name)
        if backup.summary is not None and summarise(manifest).created_at != backup.summary.created_at:
            raise NotGood(
                f"the creation time of {backup.name.id} in the object's metadata is not the one in its manifest: "
                "use another backup"
            )
        return manifest, raw

    def publish(self, manifest: Manifest) -> StoredObject:
        """Stores the manifest. This publishes the backup, so its artifacts must be stored before."""
        return self.store.create(manifest.name.manifest, manifest.to_json(), beside_manifest(manifest))

    def record(
        self, name: BackupName, verdict: Verdict, moment: datetime, opened: Opened | None = None
    ) -> StoredObject:
        """Stores the verdict of a verification beside the backup, sealed under the backup's data key.

        `opened` is the checked manifest; None if the manifest is not good, and then the verdict has no seal.
        """
        content = seal_verdict(verdict.to_json() | {"ok": verdict.ok}, name, moment, opened)
        return self.store.create(name.verdict(moment), content, beside_verdict(read_verdict(content) or {}))

    def _newest(self, ref: str, database: str | None, at: datetime | None) -> Backup:
        """Returns the newest backup that fits `ref` and `at`. Raises UsageError, NotGood if none is good."""
        if ref not in (LATEST, LATEST_VERIFIED):
            raise UsageError("--at goes with --backup latest or latest-verified, or without --backup")
        # Safety backups of in-place restores are restored by id only.
        fitting = [
            backup
            for backup in self.backups(database=database)
            if (at is None or backup.created_at <= at) and not backup.name.id.startswith(names.SAFETY_PREFIX)
        ]
        if database is None and len({backup.name.database for backup in fitting}) > 1:
            raise UsageError(f"{self.store.url} holds several databases: add --database, or name a backup's id")
        found, passed = self._choose(fitting, ref)
        if found is None:
            what = "no verified backup" if ref == LATEST_VERIFIED else "no good backup"
            when = f" at or before {rfc3339(at)}" if at else ""
            whose = f" of {database}" if database else ""
            if at is not None and (oldest := self._oldest_good(database)) is not None:
                raise LitekeepError(
                    f"{what}{whose}{when} in {self.store.url}: the oldest is {oldest.name.id}, taken "
                    f"{rfc3339(oldest.created_at)}"
                )
            doubted = f" ({passed[0]})" if passed else ""
            failed = bool(fitting) and not any(backup.good for backup in fitting)
            kind = NotGood if failed else UsageError
            raise kind(f"{what}{whose}{when} in {self.store.url}{doubted}: see litekeep list")
        return replace(found, passed_over=tuple(passed))

    def newest_of_each(self, ref: str) -> dict[str, Backup | None]:
        """Returns the `latest` or `latest-verified` backup of each database in the store; None if no backup fits.

        Databases that have only safety backups are left out, as in `find`.
        """
        own: dict[str, list[Backup]] = {}
        for backup in self.backups():
            if not backup.name.id.startswith(names.SAFETY_PREFIX):
                own.setdefault(backup.name.database, []).append(backup)
        return {database: self._chosen(backups, ref) for database, backups in sorted(own.items())}

    def _chosen(self, newest_first: list[Backup], ref: str) -> Backup | None:
        found, passed = self._choose(newest_first, ref)
        return None if found is None else replace(found, passed_over=tuple(passed))

    def _choose(self, newest_first: Iterable[Backup], ref: str) -> tuple[Backup | None, list[str]]:
        check = self._check
        return choose(newest_first, ref, self.store.url, None if check is None else lambda each: check(self, each))

    def _oldest_good(self, database: str | None) -> Backup | None:
        good = [backup for backup in self.backups(database=database) if backup.good]
        return good[-1] if good else None

    def assemble(self, listed: Iterable[tuple[ObjectName, StoredObject]]) -> list[Backup]:
        """Returns the backups of a listing, newest first. `listed` is the result of `named`."""
        made = (backup for group in groups(self.store, listed, self._clock()) for backup in group.backups)
        return sorted(made, key=by_time, reverse=True)


def _kinds(kind: Kind | None) -> list[Kind]:
    return list(Kind) if kind is None else [kind]


def id_in(ref: str) -> str:
    """Returns the id in a REF: the REF itself, or the part before the suffix of an artifact's or manifest's name."""
    parsed = names.parse(f"{Kind.DAILY}/x/{ref.rsplit('/', 1)[-1]}")
    return parsed.backup.id if parsed else ref
