"""A store seen as backups: what there is, which one a REF means, and publishing one more.

A listing alone tells all that `list` shows where the store keeps metadata beside objects (a bucket).
A folder keeps none: there the manifests themselves are read, which is as cheap as a listing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from shared.catalog.choice import choose
from shared.catalog.holds import Hold, read_hold
from shared.catalog.opinions import opinions
from shared.catalog.paths import with_paths
from shared.catalog.reading import contents, read_object
from shared.catalog.summary import beside_manifest, beside_verdict, summarise, summary_of
from shared.catalog.verdicts import Opened, Trust, Weighed, read_verdict, seal_verdict
from shared.clock import Clock, is_future, parse_time, rfc3339, utc_now
from shared.errors import LitekeepError, NotGood, UsageError
from shared.model import names
from shared.model.kinds import Kind
from shared.model.manifest import Manifest, parse_manifest
from shared.model.names import BackupName, ObjectName
from shared.runtime.collector import all_of_it_stays
from shared.stores import Store, StoredObject

LATEST = names.LATEST
LATEST_VERIFIED = names.LATEST_VERIFIED

_Read = Mapping[str, Any] | NotGood  # a document, or why it cannot be read


@dataclass(frozen=True)
class Backup:
    """One backup as a listing shows it.

    `damaged` says why its manifest could not be read, `missing` which artifact is not there as it was stored; `future`
    that it is dated ahead of our clock. A verdict dated ahead of our clock is none.
    """

    name: BackupName
    created_at: datetime
    manifest: StoredObject
    summary: Mapping[str, Any]
    verdict: StoredObject | None = None
    verified: bool | None = None
    damaged: str | None = None
    verified_level: str | None = None  # how far up the ladder the newest verification went
    source_damage: str | None = None  # what that found in the source itself, of which the backup is faithful
    verdicts: tuple[StoredObject, ...] = ()  # all of them, newest first
    trust: Trust | None = None  # how far the one that counts was looked into
    doubt: str | None = None  # why the newest of them counts for nothing
    checked: bool = False  # its manifest's seal was looked at, with the key, and holds
    unopened: str | None = None  # why it cannot be looked at with the key that is at hand
    missing: str | None = None
    future: bool = False
    hold: Hold | None = None
    rewrappings: tuple[StoredObject, ...] = ()  # of its data key (`litekeep rekey`), the newest first
    passed_over: tuple[str, ...] = ()  # of what `latest` found: why each newer one counts for nothing

    @property
    def sound(self) -> bool:
        """Whether its manifest can be read, and its database was sound when it was taken."""
        return self.damaged is None and bool(self.summary.get("good"))

    @property
    def wrong(self) -> str | None:
        """Why it counts for nothing in `latest` and the like; None when nothing is known against it."""
        if self.damaged or self.missing:
            return self.damaged or self.missing
        if self.future:
            return f"{self.name.id} is dated in the future, so a clock was wrong"
        if not self.sound:
            return f"{self.name.id} was taken of a damaged database"
        return f"{self.name.id} failed its verification" if self.verified is False else None

    @property
    def good(self) -> bool:
        """Whether nothing is known against it."""
        return self.wrong is None

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
            "verdict": self.trust.value if self.trust else None,
            "verdict_doubt": self.doubt,
            "keep_until": self.summary.get("keep_until"),
            "hold": self.hold.beside_backup() if self.hold else None,
            "good": self.good,
            "damaged": self.damaged or self.missing,
            "wrong": self.wrong,
            "source_damage": self.source_damage,
        }


class Verdict(Protocol):
    """What a verification has to say of itself to be recorded."""

    @property
    def ok(self) -> bool: ...

    def to_json(self) -> dict[str, Any]: ...


class Catalog:
    """`check` looks at a backup's seals with the key, where it is at hand (see `shared.catalog.checker`)."""

    def __init__(
        self, store: Store, clock: Clock = utc_now, *, check: Callable[["Catalog", Backup], Backup] | None = None
    ) -> None:
        self.store = store
        self._clock = clock
        self._check = check

    def backups(self, kind: Kind | None = None, database: str | None = None) -> list[Backup]:
        """Every backup, newest first; of that kind and database only, when they are given.

        Raises StoreError when the store cannot be listed.
        """
        prefixes = [""] if kind is None and database is None else [names.kind_prefix(k, database) for k in _kinds(kind)]
        with all_of_it_stays():
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
        raw = read_object(self.store, backup.manifest)
        manifest = parse_manifest(raw, backup.name)
        if not backup.damaged and summarise(manifest)["created_at"] != backup.summary.get("created_at"):
            raise NotGood(
                f"the listing dates {backup.name.id} otherwise than its manifest, as if its metadata had been changed: "
                "use another backup"
            )
        return manifest, raw

    def publish(self, manifest: Manifest) -> StoredObject:
        """Writes the manifest: from then on the backup exists. Its artifacts must be stored already."""
        return self.store.create(manifest.name.manifest, manifest.to_json(), beside_manifest(manifest))

    def record(
        self, name: BackupName, verdict: Verdict, moment: datetime, opened: Opened | None = None
    ) -> StoredObject:
        """Stores what a verification found, beside the backup, sealed by its data key.

        `opened` is the manifest that was looked at; None where that was not good: then nothing can seal a verdict.
        """
        content = seal_verdict(verdict.to_json() | {"ok": verdict.ok}, name, moment, opened)
        return self.store.create(name.verdict(moment), content, beside_verdict(read_verdict(content) or {}))

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
            raise UsageError(f"{what}{whose}{when} in {self.store.url}{doubted}: see litekeep list")
        return replace(found, passed_over=tuple(passed))

    def newest_of_each(self, ref: str) -> dict[str, Backup | None]:
        """Returns what `latest` or `latest-verified` means for each database of the store; None where nothing fits.

        A database of which there are only safety backups is left out, as `find` leaves it out.
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
        """The backups that a listing's `named` objects make, newest first; for whoever lists the store by itself."""
        found, now = list(listed), self._clock()
        manifests, verdicts = _manifests_and_verdicts(found, now)
        sizes = {item.name: item.size_bytes for _, item in found}
        held = {parsed.backup for parsed, _ in found if parsed.role == "hold"}
        rewrapped = _rewrappings(found)
        summaries: dict[BackupName, _Read | None] = {name: summary_of(item) for name, item in manifests.items()}
        for name, content in contents(self.store, manifests, summaries):
            summaries[name] = _summary_in(content, name)
        sealing = {name: _sealing(summary) for name, summary in summaries.items()}
        weighed = opinions(verdicts, sealing, lambda items, known: contents(self.store, items, known))
        backups = [
            self._judged(
                replace(
                    _backup(name, manifests[name], summary, verdicts.get(name, ()), weighed.get(name)),
                    rewrappings=rewrapped.get(name, ()),
                ),
                sizes,
                held,
                now,
            )
            for name, summary in summaries.items()
            if summary is not None  # else it was removed since the listing began
        ]
        return with_paths(sorted(backups, key=_by_time, reverse=True))

    def _judged(self, backup: Backup, sizes: Mapping[str, int], held: Collection[BackupName], now: datetime) -> Backup:
        missing = None if backup.damaged else what_is_missing(backup.summary, sizes)
        hold = read_hold(self.store, backup.name) if backup.name in held else None
        return replace(backup, missing=missing, future=is_future(backup.created_at, now), hold=hold)


def what_is_missing(summary: Mapping[str, Any], sizes: Mapping[str, int]) -> str | None:
    """Which artifact of a backup is not there in its size; `sizes` are those of the objects listed."""
    artifacts = summary.get("artifacts")
    if not artifacts:
        return "its manifest names no artifact"
    for artifact in artifacts:
        if artifact["object"] not in sizes:
            return f"its artifact {artifact['object']} is missing"
        if sizes[artifact["object"]] != artifact["size_bytes"]:
            return f"its artifact {artifact['object']} has another size than was stored"
    return None


def _by_time(backup: Backup) -> tuple[datetime, datetime, str]:
    """Of one second, the one that was stored later is the later backup."""
    return (backup.created_at, backup.manifest.created_at, backup.name.id)


def named(found: Iterable[StoredObject]) -> Iterator[tuple[ObjectName, StoredObject]]:
    """Those objects of a listing that belong to backups, each with what its name means."""
    for item in found:
        parsed = names.parse(item.name)
        if parsed is not None:
            yield parsed, item


def _rewrappings(found: Iterable[tuple[ObjectName, StoredObject]]) -> dict[BackupName, tuple[StoredObject, ...]]:
    """The sidecars of each backup that has any, the highest number first."""
    by_backup: dict[BackupName, list[tuple[int, StoredObject]]] = {}
    for parsed, item in found:
        if parsed.number is not None:
            by_backup.setdefault(parsed.backup, []).append((parsed.number, item))
    return {
        name: tuple(item for _, item in sorted(each, key=lambda pair: pair[0], reverse=True))
        for name, each in by_backup.items()
    }


def _kinds(kind: Kind | None) -> list[Kind]:
    return list(Kind) if kind is None else [kind]


def _id_in(ref: str) -> str:
    """The id that a REF holds: itself, or what an artifact's or manifest's file name begins with."""
    parsed = names.parse(f"{Kind.DAILY}/x/{ref.rsplit('/', 1)[-1]}")
    return parsed.backup.id if parsed else ref


def _manifests_and_verdicts(
    found: Iterable[tuple[ObjectName, StoredObject]], now: datetime
) -> tuple[dict[BackupName, StoredObject], dict[BackupName, tuple[StoredObject, ...]]]:
    """The manifest of each backup, and its verdicts, newest first.

    A verdict dated in the future counts for nothing: it would hide all later ones.
    """
    manifests: dict[BackupName, StoredObject] = {}
    verdicts: dict[BackupName, list[tuple[datetime, str, StoredObject]]] = {}
    for parsed, item in found:
        if parsed.role == "manifest":
            manifests[parsed.backup] = item
        elif parsed.verified_at and not is_future(parsed.verified_at, now):
            verdicts.setdefault(parsed.backup, []).append((parsed.verified_at, item.name, item))
    return manifests, {
        name: tuple(item for _, _, item in sorted(own, key=lambda each: each[:2], reverse=True))
        for name, own in verdicts.items()
        if name in manifests
    }


def _sealing(summary: _Read | None) -> int:
    found = summary.get("verdict_seal", 0) if isinstance(summary, Mapping) else 0
    return found if isinstance(found, int) else 0


def _backup(
    name: BackupName,
    manifest: StoredObject,
    summary: _Read,
    verdicts: tuple[StoredObject, ...],
    weighed: tuple[StoredObject, Weighed] | None,
) -> Backup:
    verdict, opinion = weighed or (None, Weighed(None))
    try:
        if isinstance(summary, NotGood):
            raise summary
        created_at, damaged = parse_time(summary["created_at"]), None
    except (NotGood, KeyError, TypeError, ValueError) as error:
        damaged = str(error) if isinstance(error, NotGood) else f"manifest of {name.id} cannot be read"
        created_at, summary = manifest.created_at, {}
    found = Backup(name, created_at, manifest, summary, damaged=damaged, verdicts=verdicts)
    return found if verdict is None else with_verdict(found, verdict, opinion)


def with_verdict(backup: Backup, verdict: StoredObject, weighed: Weighed) -> Backup:
    """The backup with what its newest verdict that counts comes to; with none, if `weighed` says that none does."""
    counts = weighed.ok is not None
    return replace(
        backup,
        verdict=verdict if counts else None,
        verified=weighed.ok,
        verified_level=weighed.level,
        source_damage=weighed.source_damage,
        trust=weighed.trust if counts else None,
        doubt=weighed.doubt,
    )


def _summary_in(content: bytes | NotGood, name: BackupName) -> _Read:
    try:
        return content if isinstance(content, NotGood) else summarise(parse_manifest(content, name))
    except NotGood as error:
        return error
