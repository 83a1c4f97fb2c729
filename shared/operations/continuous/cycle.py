"""One cycle of continuous backups: stores the pages that changed since an earlier point, if any did.

The page hashes of the parent come from the loop's memory, or else from the store, while the snapshot is taken and
checked. The cycle stores a base, which is a whole page image, if no base is usable, the parent cannot be read, or most
pages changed.
"""

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from shared.archive.wrapped_by import same_key
from shared.catalog.holds import is_stored
from shared.catalog.listing import Catalog
from shared.catalog.marks import write_mark
from shared.clock import Clock, rfc3339, utc_now
from shared.continuous.index import KEY, State, changed_pages, hash_pages
from shared.continuous.path import Parents, Step, path_to, read_step
from shared.continuous.radix import future_parents
from shared.continuous.rebuild import rebuild_state
from shared.databases.snapshot import Snapshot, live_database
from shared.errors import KeyProblem, LitekeepError, NotGood, ObjectExists, ObjectMissing, SourceError, StoreError
from shared.model.kinds import Kind
from shared.model.manifest import LARGEST_MANIFEST, Manifest, Source, checked_name, parse_manifest
from shared.model.names import BackupName
from shared.operations.backup.artifacts import describe_snapshot
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import Taken, candidate_ids, refuse_damaged
from shared.operations.backup.unchanged import mark_unchanged
from shared.operations.continuous.live import BASE_LIFE, Live, Point, live_chain, point_of
from shared.operations.continuous.point import Material, copy_path, store_point
from shared.runtime.progress import Progress, silent
from shared.runtime.workspace import scratch_folder
from shared.sqlite.checks import check_in_background
from shared.stores import Store


@dataclass(frozen=True)
class Quiet:
    """Nothing was written since `point`; the store has a mark that says so."""

    point: BackupName
    at: datetime


@dataclass
class Memory:
    """What a loop keeps from cycle to cycle, so that it needs no listing. `folder` is private to the loop.

    `states`: the page hashes of the points that later cycles build on.
    """

    folder: Path
    live: Live | None = None
    newest: Manifest | None = None
    states: dict[str, State] = field(default_factory=dict)

    def forget(self) -> None:
        """Clears the memory after a failed cycle, so that the next one reads the store."""
        self.live = self.newest = None
        for state in self.states.values():
            state.path.unlink(missing_ok=True)
        self.states = {}

    def keep(self, live: Live, manifest: Manifest, state: State) -> None:
        """Keeps the new point and the states that later cycles need; deletes the others."""
        self.live, self.newest = live, manifest
        self.states[manifest.id] = replace(state, path=state.path.rename(self.folder / f"{manifest.id}.hashes"))
        wanted = future_parents(manifest.chain.cycle if manifest.chain else 0)
        points = {0: live.base} | live.points
        needed = {points[cycle].name.id for cycle in wanted if cycle in points}
        for gone in self.states.keys() - needed:
            self.states.pop(gone).path.unlink(missing_ok=True)


def run_cycle(
    options: BackupOptions, memory: Memory | None = None, *, clock: Clock = utc_now, progress: Progress = silent
) -> Taken | Quiet:
    """Stores a point of the database, or returns Quiet when nothing was written.

    Raises SourceError or CorruptSource for the database, StoreError for the store, KeyProblem for the key, and
    LitekeepError when this machine's clock is behind the newest point. After an error the next cycle continues from
    what the store holds.
    """
    with scratch_folder() as scratch:
        memory = memory or Memory(scratch)
        try:
            return _Cycle(options, memory, scratch, clock, progress).run()
        except BaseException:
            memory.forget()
            raise


class _Cycle:
    def __init__(self, options: BackupOptions, memory: Memory, scratch: Path, clock: Clock, progress: Progress) -> None:
        self._options, self._memory, self._scratch, self._progress = options, memory, scratch, progress
        self._clock = clock
        self._catalog = Catalog(options.store, clock)
        self._database = live_database(options.location)
        self._began = clock()
        self._newest: Step | None = None

    def run(self) -> Taken | Quiet:
        live = self._memory.live or self._find_chain()
        if live is not None:
            self._check_clock(live, self._began)
            if self._is_unchanged(live):
                return self._quiet(live)
        with ThreadPoolExecutor(1, "parent") as pool:
            return self._store_changes(self._usable(live), pool)

    def _store_changes(self, live: Live | None, pool: ThreadPoolExecutor) -> Taken | Quiet:
        """Takes a snapshot and stores a point of it. Reads the parent's page hashes meanwhile."""
        parent_read = pool.submit(self._parent, live)
        fingerprint = self._database.fingerprint()  # before the snapshot: the next cycle sees what is written meanwhile
        image = self._scratch / "snapshot.sqlite"
        snapshot = self._database.snapshot(image, allow_corrupt=False, progress=self._progress)
        created_at = whole_second(self._clock())
        with check_in_background(image, quick=True) as integrity:
            description = describe_snapshot(snapshot, None)
            parent, before = parent_read.result()
            key = before.key if before else secrets.token_bytes(KEY)
            after = hash_pages(image, description.database.page_size, key, self._scratch / "after")
            refuse_damaged(self._options, integrity.result())
            if live is not None and before is not None:
                self._check_clock(live, created_at)
                if after.identity == live.newest.identity:
                    self._remember(live, fingerprint)
                    return self._quiet(live)
            changed = _changes(before, after)
            if changed is None:
                parent = before = None
            material = Material(
                snapshot=snapshot,
                began_at=self._began,
                created_at=created_at,
                integrity=integrity.result(),
                description=description,
                after=after,
                changed=after.page_count if changed is None else changed,
                origin=_origin(snapshot, fingerprint),
                parent=parent,
                before=before,
                cycle=live.next_cycle if live is not None and parent is not None else 0,
            )
            return self._store(material, live)

    def _find_chain(self) -> Live | None:
        """Returns the chain in the store. Lists the last day first, because no base is used longer; then all."""
        database = self._options.location.database
        for reach in (BASE_LIFE, self._options.keep_for):
            live = live_chain(self._catalog.backups(Kind.CONTINUOUS, database, self._began - reach))
            if live is not None:
                return live
        return None

    def _check_clock(self, live: Live, now: datetime) -> None:
        """Raises LitekeepError if the newest point is dated after `now`."""
        newest = live.newest
        if newest.created_at > whole_second(now):
            raise LitekeepError(
                f"this machine's clock says {rfc3339(now)}, and the newest point, {newest.name.id}, is dated "
                f"{rfc3339(newest.created_at)}: no point was made; set the clock"
            )

    def _usable(self, live: Live | None) -> Live | None:
        """Returns the chain, or None if a new base is due."""
        keep_until = self._began + self._options.keep_for
        return None if live is None or live.why_over(self._began, keep_until) else live

    def _is_unchanged(self, live: Live) -> bool:
        """Returns whether nothing was written since the newest point, and half of its retention is left."""
        with suppress(NotGood, ObjectMissing, KeyProblem, SourceError):
            manifest = self._memory.newest or self._read_newest(live)
            half_left = self._began - manifest.created_at < (manifest.keep_until - manifest.created_at) / 2
            return half_left and self._has_same_key(manifest) and self._database.unchanged_since(manifest.source)
        return False

    def _remember(self, live: Live, fingerprint: str | None) -> None:
        """Remembers the file's new fingerprint for the same pages, so that the next cycle need not read them."""
        newest = self._memory.newest
        if newest is not None and newest.name == live.newest.name and fingerprint is not None:
            self._memory.newest = newest.model_copy(update={"source": _with_fingerprint(newest.source, fingerprint)})

    def _has_same_key(self, manifest: Manifest) -> bool:
        key = manifest.encryption.key if manifest.encryption else None
        wanted = self._options.key.name if self._options.key else None
        return key == wanted if key is None or wanted is None else same_key(key, wanted)

    def _quiet(self, live: Live) -> Quiet:
        """Stores a mark that the database equals the newest point. Raises StoreError if a store lacks it."""
        name, options = live.newest.name, self._options
        if (missing := copy_path(options, live.newest)) is not None:
            raise StoreError(f"{name.id} is stored in {options.store.url}, but not in the copy store: {missing}")
        if self._newest is not None and self._newest.sha256 is not None:  # read in this cycle
            write_mark(options.store, name, self._newest.sha256, self._began, options.key)
        else:
            mark_unchanged(options.store, name, self._began, options.key)
        return Quiet(name, self._began)

    def _parent(self, live: Live | None) -> tuple[Point | None, State | None]:
        """Returns the parent of the new point and its page hashes; (None, None) if a base is to be stored."""
        if live is None:
            return None, None
        parent = live.parent()
        if (known := self._memory.states.get(parent.name.id)) is not None:
            return parent, known
        try:
            step = self._read(parent)
            if self._has_same_key(step.manifest) and self._database.is_source_of(step.manifest.source):
                parents = Parents(self._options.key, live.listed_below(parent))
                path = path_to(self._options.store, step.manifest, step.data_key, parents)
                return parent, rebuild_state(self._options.store, path, self._scratch / "before")
        except KeyProblem:
            if self._is_wrapped_by_ours(parent.name):  # a permission is missing; a base in each cycle would not help
                raise
        except (NotGood, ObjectMissing):  # an unreadable parent: a base is stored instead
            pass
        return None, None

    def _is_wrapped_by_ours(self, name: BackupName) -> bool:
        with self._options.store.open(name.manifest) as stream:
            return self._has_same_key(parse_manifest(stream.read(LARGEST_MANIFEST), name))

    def _read_newest(self, live: Live) -> Manifest:
        self._newest = read_step(self._options.store, live.newest.name, self._options.key, listed=live.newest.listed)
        return self._newest.manifest

    def _read(self, point: Point) -> Step:
        if self._newest is not None and self._newest.manifest.name == point.name:
            return self._newest
        return read_step(self._options.store, point.name, self._options.key)

    def _store(self, material: Material, live: Live | None) -> Taken:
        for candidate in candidate_ids(self._options, material.created_at):
            name = checked_name(Kind.CONTINUOUS, self._options.location.database, candidate)
            try:
                _refuse_id_of_schedule(self._options.store, name)
                manifest, copy_error = store_point(name, self._options, material, self._progress)
            except ObjectExists:
                continue  # another run took the id of this second: try one with a random suffix
            point = point_of(manifest)
            if live is None or not point.cycle:
                live = Live(point)
            live.add(point)
            self._memory.keep(live, manifest, material.after)
            return Taken(manifest, (self._clock() - self._began).total_seconds(), copy_error)
        raise ObjectExists(f"no free id near {rfc3339(material.created_at)} in {self._options.store.url}: start again")


def _refuse_id_of_schedule(store: Store, name: BackupName) -> None:
    """Raises ObjectExists when a daily or weekly backup, which may start in the same second, has this point's id.

    Needs no listing: the store refuses a second point of that name, and a backup of another kind looks for points.
    """
    for kind in (Kind.DAILY, Kind.WEEKLY):
        if is_stored(store, name._replace(kind=kind).manifest):
            raise ObjectExists(f"{kind}/{name.id} already exists in {store.url}")


def whole_second(moment: datetime) -> datetime:
    """Rounds up to the whole seconds of a manifest, so that `--at` never returns data newer than the given moment."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)


def _changes(before: State | None, after: State) -> int | None:
    """Returns how many pages changed, or None if the whole page image is to be stored."""
    if before is None or before.page_size != after.page_size:
        return None
    changed = sum(1 for _ in changed_pages(before, after))
    return None if 2 * changed > after.page_count else changed


def _origin(snapshot: Snapshot, fingerprint: str | None) -> Source:
    return snapshot.origin if fingerprint is None else _with_fingerprint(snapshot.origin, fingerprint)


def _with_fingerprint(source: Source, fingerprint: str) -> Source:
    return Source.model_validate(source.model_dump() | {"fingerprint": fingerprint})
