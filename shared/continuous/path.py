"""The path to a point: its base and the increments between, each with a checked seal and position.

Links are followed by name, not by a listing. Anything wrong raises NotGood, so that a restore never makes a state that
never existed.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import NamedTuple, Self

from shared.archive.data_key import DataKey
from shared.archive.rewrapping import Read, open_sealed
from shared.archive.seals import check_manifest
from shared.catalog.opening import read_small
from shared.errors import KeyProblem, NotGood, ObjectMissing
from shared.keys import WrappingKey
from shared.model.kinds import Kind
from shared.model.manifest import LARGEST_MANIFEST, Chain, Manifest, parse_manifest
from shared.model.names import BackupName, Format, parse
from shared.stores import Store, StoredObject
from shared.stores.interface import ReadsListed

_AT_ONCE = 8  # manifests
_LONGEST = 1000  # steps; with the radix rule, a hundred million cycles need 90


class Step(NamedTuple):
    """An authentic backup of a path, and the key of its artifacts. `sha256` is the hash of the stored manifest."""

    manifest: Manifest
    data_key: DataKey | None
    sha256: str | None = None

    @property
    def chain(self) -> Chain:
        return chain_of(self.manifest)


class Parents(NamedTuple):
    """How to read the parents of a point: the key, and their listed manifests, nearest first, as far as known."""

    key: WrappingKey | None = None
    listed: Sequence[StoredObject] = ()


def chain_of(manifest: Manifest) -> Chain:
    """Returns the chain entry of a manifest. Raises NotGood if it has none."""
    if manifest.chain is None:
        raise NotGood(f"{manifest.id} is not a point of a chain: use another backup")
    return manifest.chain


def path_to(
    store: Store,
    manifest: Manifest,
    data_key: DataKey | None,
    parents: Parents,
) -> list[Step]:
    """Returns the steps from the base to this point, which is the last.

    Listed manifests are read several at a time, but only the manifests themselves decide which steps are on the path.

    Raises NotGood if a step is missing, changed or out of place, and KeyProblem or StoreError if that cannot be
    checked.
    """
    steps = [Step(manifest, data_key)]
    with _Steps(store, parents) as read:
        for _ in range(_LONGEST):
            first = steps[-1]
            if first.chain.parent is None:
                _check_base(first, manifest)
                return steps[::-1]
            steps.append(_parent(read, first, manifest))
    raise NotGood(f"{manifest.id} needs more than {_LONGEST} other backups: use another backup")


class _Steps:
    """Reads the steps of a path by name, and listed ones in advance."""

    def __init__(self, store: Store, parents: Parents) -> None:
        self._read = partial(read_step, store, key=parents.key)
        self._pool = ThreadPoolExecutor(_AT_ONCE, "path")
        found = ((parsed, item) for item in parents.listed[:_LONGEST] if (parsed := parse(item.name)) is not None)
        self._pending = {
            parsed.backup: self._pool.submit(self._read, parsed.backup, listed=item)
            for parsed, item in found
            if parsed.role == "manifest"
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def step(self, name: BackupName) -> Step:
        """Returns one step. Raises NotGood, ObjectMissing, KeyProblem or StoreError."""
        pending = self._pending.pop(name, None)
        if pending is not None:
            with suppress(ObjectMissing, NotGood):  # replaced, or damaged in transit: read it again by name
                return pending.result()
        return self._read(name)


def objects_of(path: Sequence[Step]) -> Iterator[tuple[Step, Format]]:
    """Yields the artifacts that a rebuild of the point reads, in order."""
    for step in path:
        yield step, Format.INDEX
        yield step, Format.SQLITE if step.chain.parent is None else Format.PAGES


def _parent(read: _Steps, child: Step, point: Manifest) -> Step:
    name = BackupName(Kind.CONTINUOUS, point.database, str(child.chain.parent))
    try:
        step = read.step(name)
        _check_link(step, child)
    except ObjectMissing:
        raise NotGood(f"{point.id} cannot be rebuilt: its parent {name.id} is missing") from None
    except NotGood as error:
        raise NotGood(f"{point.id} cannot be rebuilt: its parent {name.id}: {error}") from None
    return step


def read_step(store: Store, name: BackupName, key: WrappingKey | None, *, listed: StoredObject | None = None) -> Step:
    """Reads a backup of a chain by name, or from its listed manifest, which saves a request.

    Raises NotGood, ObjectMissing, KeyProblem or StoreError.
    """
    if listed is not None and listed.size_bytes <= LARGEST_MANIFEST and isinstance(store, ReadsListed):
        raw = store.read_listed(listed)
    else:
        with store.open(name.manifest) as stream:
            raw = stream.read(LARGEST_MANIFEST + 1)
    if len(raw) > LARGEST_MANIFEST:
        raise NotGood(f"{name.manifest} is larger than any manifest: use another backup")
    manifest = parse_manifest(raw, name)
    try:
        return Step(manifest, check_manifest(manifest, raw, key), sha256(raw).hexdigest())
    except KeyProblem:  # it may have been re-wrapped; only then a listing is needed
        return Step(manifest, open_sealed(manifest, raw, key, _rewrappings(store, name)))


def _rewrappings(store: Store, name: BackupName) -> Iterator[tuple[int, Read]]:
    found = [(parsed, item) for item in store.list_objects(name.prefix) if (parsed := parse(item.name))]
    own = [(parsed.number, item) for parsed, item in found if parsed.backup == name and parsed.number is not None]
    for number, item in sorted(own, key=lambda each: each[0], reverse=True):
        yield number, partial(read_small, store, item)


def _check_link(parent: Step, child: Step) -> None:
    matches = (
        parent.chain.base == child.chain.base
        and parent.chain.cycle < child.chain.cycle
        and parent.manifest.created_at <= child.manifest.created_at
        and parent.manifest.sqlite.page_size == child.manifest.sqlite.page_size
    )
    if not matches:
        raise NotGood(f"{parent.manifest.id} does not have the position in the chain that {child.manifest.id} names")
    _check_artifacts(child.manifest, Format.PAGES)


def _check_base(base: Step, point: Manifest) -> None:
    if base.manifest.id != base.chain.base or base.chain.cycle:
        raise NotGood(f"{point.id} cannot be rebuilt: its first backup {base.manifest.id} is not a base")
    _check_artifacts(base.manifest, Format.SQLITE)


def _check_artifacts(manifest: Manifest, pages: Format) -> None:
    if not (manifest.artifact(pages) and manifest.artifact(Format.INDEX)):
        raise NotGood(f"{manifest.id} lacks its pages or their index")
