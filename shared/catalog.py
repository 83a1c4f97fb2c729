"""A store seen as backups: what there is, which one a REF means, and publishing one more.

A listing alone tells all that `list` shows where the store keeps metadata beside objects (a bucket).
A folder keeps none: there the manifests themselves are read, which is as cheap as a listing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from shared import names
from shared.clock import parse_time, rfc3339
from shared.errors import NotGood, ObjectMissing, StoreError, UsageError
from shared.kinds import Kind
from shared.manifest import LARGEST_MANIFEST, Count, Manifest, parse_manifest
from shared.names import BackupName, ObjectName
from shared.stores import Store, StoredObject

LATEST = names.LATEST
LATEST_VERIFIED = names.LATEST_VERIFIED

_SUMMARY = "litekeep-summary"
_VERDICT = "litekeep-verdict"
_METADATA_LIMIT = 7000  # bytes; Cloud Storage takes 8 KiB of custom metadata an object


class _SummaryArtifact(BaseModel):
    model_config = ConfigDict(strict=True)

    format: str
    object: str
    size_bytes: Count
    sha256: str
    encrypted: bool


class _Summary(BaseModel):
    """What `summarise` makes, as it comes back from a store that anyone may have written to."""

    model_config = ConfigDict(strict=True, extra="allow")  # a later Litekeep may say more

    created_at: str
    keep_until: str
    artifacts: list[_SummaryArtifact]
    tables: Count
    rows: Count
    schema_version: str
    good: bool


@dataclass(frozen=True)
class Backup:
    """One backup as a listing shows it. `damaged` says why its manifest could not be read."""

    name: BackupName
    created_at: datetime
    manifest: StoredObject
    summary: Mapping[str, Any]
    verdict: StoredObject | None = None
    verified: bool | None = None
    damaged: str | None = None
    verified_level: str | None = None  # how far up the ladder the newest verification went

    @property
    def good(self) -> bool:
        return self.damaged is None and bool(self.summary.get("good"))

    def to_json(self) -> dict[str, Any]:
        """An item of `list --json`."""
        return {
            "id": self.name.id,
            "database": self.name.database,
            "kind": self.name.kind.value,
            "created_at": rfc3339(self.created_at),
            "artifacts": self.summary.get("artifacts", []),
            "tables": self.summary.get("tables"),
            "rows": self.summary.get("rows"),
            "schema_version": self.summary.get("schema_version"),
            "verified": self.verified,
            "keep_until": self.summary.get("keep_until"),
            "good": self.good,
            "damaged": self.damaged,
        }


class Verdict(Protocol):
    """What a verification has to say of itself to be recorded."""

    @property
    def ok(self) -> bool: ...

    def to_json(self) -> dict[str, Any]: ...


class Catalog:
    def __init__(self, store: Store) -> None:
        self.store = store

    def backups(self, kind: Kind | None = None, database: str | None = None) -> list[Backup]:
        """Every backup, newest first; of that kind and database only, when they are given.

        Raises StoreError when the store cannot be listed.
        """
        prefixes = [""] if kind is None and database is None else [names.kind_prefix(k, database) for k in _kinds(kind)]
        return self.assemble(named(found for prefix in prefixes for found in self.store.list_objects(prefix)))

    def find(self, ref: str, database: str | None = None, at: datetime | None = None) -> Backup:
        """The backup that `ref` means: an id, an artifact's file name or path, `latest` or `latest-verified`.

        With `at`, the newest good one that was taken at or before that time.
        Raises UsageError when nothing fits or several do, NotGood when what fits is damaged.
        """
        if at is not None or ref in (LATEST, LATEST_VERIFIED):
            return self._newest(ref, database, at)
        named_whole = names.parse("/".join(ref.split("/")[-3:]))
        wanted = _id_in(ref)
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
        """Whether any object of that id stands under that database, of whichever kind."""
        return any(
            parsed is not None and parsed.backup.id == backup_id
            for kind in Kind
            for found in self.store.list_objects(BackupName(kind, database, backup_id).prefix)
            if (parsed := names.parse(found.name))
        )

    def read_manifest(self, backup: Backup) -> tuple[Manifest, bytes]:
        """The manifest and its bytes as stored. Raises NotGood when they are not a manifest of that backup."""
        raw = _read(self.store, backup.manifest)
        manifest = parse_manifest(raw, backup.name)
        if not backup.damaged and summarise(manifest)["created_at"] != backup.summary.get("created_at"):
            raise NotGood(
                f"the listing dates {backup.name.id} otherwise than its manifest, as if its metadata had been changed: "
                "use another backup"
            )
        return manifest, raw

    def publish(self, manifest: Manifest) -> StoredObject:
        """Writes the manifest: from then on the backup exists. Its artifacts must be stored already."""
        return self.store.create(
            manifest.name.manifest, manifest.to_json(), _as_metadata(_SUMMARY, summarise(manifest))
        )

    def record(self, name: BackupName, verdict: Verdict, moment: datetime) -> StoredObject:
        """Stores what a verification found, beside the backup."""
        document = verdict.to_json()
        content = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
        summary = {"ok": verdict.ok, "level": document.get("level")}
        return self.store.create(name.verdict(moment), content, _as_metadata(_VERDICT, summary))

    def _newest(self, ref: str, database: str | None, at: datetime | None) -> Backup:
        if ref not in (LATEST, LATEST_VERIFIED):
            raise UsageError("--at goes with --backup latest or latest-verified, or without --backup")
        # What an in-place restore kept of the database it replaced is brought back by its id alone.
        fitting = [
            backup
            for backup in self.backups(database=database)
            if (at is None or backup.created_at <= at) and not backup.name.id.startswith(names.SAFETY_PREFIX)
        ]
        if database is None and len({backup.name.database for backup in fitting}) > 1:
            raise UsageError(f"{self.store.url} holds several databases: add --database, or name a backup's id")
        if ref == LATEST_VERIFIED:
            fitting = [backup for backup in fitting if backup.verified]
        if fitting and fitting[0].damaged:
            raise NotGood(f"{fitting[0].damaged} (or --backup {LATEST_VERIFIED})")
        fitting = [backup for backup in fitting if backup.good]
        if not fitting:
            what = "no verified backup" if ref == LATEST_VERIFIED else "no good backup"
            when = f" at or before {rfc3339(at)}" if at else ""
            whose = f" of {database}" if database else ""
            raise UsageError(f"{what}{whose}{when} in {self.store.url}: see litekeep list")
        return fitting[0]

    def assemble(self, found: Iterable[tuple[ObjectName, StoredObject]]) -> list[Backup]:
        """The backups that a listing's `named` objects make, newest first; for whoever lists the store by itself."""
        manifests: dict[BackupName, StoredObject] = {}
        verdicts: dict[BackupName, tuple[datetime, StoredObject]] = {}
        for parsed, item in found:
            if parsed.role == "manifest":
                manifests[parsed.backup] = item
            elif parsed.verified_at and parsed.verified_at >= verdicts.get(parsed.backup, (parsed.verified_at,))[0]:
                verdicts[parsed.backup] = (parsed.verified_at, item)
        backups = (self._backup(name, item, verdicts.get(name)) for name, item in manifests.items())
        return sorted(filter(None, backups), key=lambda backup: (backup.created_at, backup.name.id), reverse=True)

    def _backup(
        self, name: BackupName, manifest: StoredObject, verdict: tuple[datetime, StoredObject] | None
    ) -> Backup | None:
        last = verdict[1] if verdict else None
        said = {} if last is None else self._verdict(last)
        verified = None if last is None else said.get("ok") is True
        level = said["level"] if isinstance(said.get("level"), str) else None
        try:
            summary = _summary_in(manifest) or summarise(parse_manifest(_read(self.store, manifest), name))
            created_at = parse_time(summary["created_at"])
        except ObjectMissing:
            return None  # removed since the listing began
        except (NotGood, KeyError, TypeError, ValueError) as error:
            reason = str(error) if isinstance(error, NotGood) else f"manifest of {name.id} cannot be read"
            return Backup(name, manifest.created_at, manifest, {}, last, verified, reason, level)
        return Backup(name, created_at, manifest, summary, last, verified, verified_level=level)

    def _verdict(self, item: StoredObject) -> dict[str, Any]:
        from_listing = _from_metadata(_VERDICT, item)
        if from_listing is not None:
            return from_listing
        try:
            content = json.loads(_read(self.store, item))
        except (ValueError, RecursionError, NotGood, ObjectMissing):
            return {}  # a verdict that cannot be read is not the one that says "good"
        return content if isinstance(content, dict) else {}


def named(found: Iterable[StoredObject]) -> Iterator[tuple[ObjectName, StoredObject]]:
    """Those objects of a listing that belong to backups, each with what its name means."""
    for item in found:
        parsed = names.parse(item.name)
        if parsed is not None:
            yield parsed, item


def summarise(manifest: Manifest) -> dict[str, Any]:
    """What a listing must know of a backup, small enough to stand beside its manifest."""
    return {
        "created_at": rfc3339(manifest.created_at),
        "keep_until": rfc3339(manifest.keep_until),
        "artifacts": [
            {
                "format": artifact.format.value,
                "object": artifact.object,
                "size_bytes": artifact.size_bytes,
                "sha256": artifact.sha256,
                "encrypted": artifact.encrypted,
            }
            for artifact in manifest.artifacts
        ],
        "tables": manifest.tables,
        "rows": manifest.rows,
        "schema_version": manifest.schema_version,
        "good": manifest.integrity.good,
    }


def _kinds(kind: Kind | None) -> list[Kind]:
    return list(Kind) if kind is None else [kind]


def _id_in(ref: str) -> str:
    """The id that a REF holds: itself, or what an artifact's or manifest's file name begins with."""
    parsed = names.parse(f"{Kind.DAILY}/x/{ref.rsplit('/', 1)[-1]}")
    return parsed.backup.id if parsed else ref


def _read(store: Store, item: StoredObject) -> bytes:
    if item.size_bytes > LARGEST_MANIFEST:
        raise NotGood(f"{item.name} has {item.size_bytes} bytes, more than any manifest: use another backup")
    with store.open(item.name, item.generation) as stream:
        content = stream.read(item.size_bytes + 1)
    if len(content) != item.size_bytes:
        raise StoreError(f"{item.name} came with {len(content)} bytes instead of {item.size_bytes}: try again")
    return content


def _as_metadata(key: str, content: Mapping[str, Any]) -> dict[str, str]:
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True)
    return {key: text} if len(text) <= _METADATA_LIMIT else {}


def _summary_in(manifest: StoredObject) -> dict[str, Any] | None:
    """The summary beside a manifest; None when there is none, or it is not one that we would write."""
    content = _from_metadata(_SUMMARY, manifest)
    try:
        return content if content is None else _Summary.model_validate(content).model_dump(mode="json")
    except ValueError:
        return None


def _from_metadata(key: str, item: StoredObject) -> dict[str, Any] | None:
    try:
        content = json.loads(item.metadata[key])
    except (KeyError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
