"""Fetches the artifacts of a path in parallel and ahead of use, within a memory limit.

The increments of a path are many and small. Fetched one by one, each would wait for the store, the key and zstd. So
they are fetched while others are used.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import BinaryIO

from shared.archive.damage import Damaged
from shared.archive.pipeline import read_ahead
from shared.archive.reader import read_artifact
from shared.continuous.path import Step
from shared.errors import NotGood, ObjectMissing
from shared.model.manifest import Artifact
from shared.model.names import Format
from shared.stores import Store
from shared.stores.interface import ReadsListed

_AT_ONCE = 4
_LARGE = 8 << 20  # plain bytes; larger artifacts are streamed when they are used
_WAITING = 32 << 20  # plain bytes that are fetched and not used yet

Wanted = tuple[Step, Format]


class Prefetcher:
    """Fetches `wanted`, artifacts in the order of their use."""

    def __init__(self, store: Store, wanted: Sequence[Wanted], pool: ThreadPoolExecutor) -> None:
        self._store, self._wanted, self._pool = store, wanted, pool
        self._next = self._taken = self._waiting = 0
        self._pending: dict[int, Future[bytes]] = {}
        self._fetch()

    @contextmanager
    def opened(self, step: Step, form: Format) -> Iterator[Iterator[bytes]]:
        """Yields the plain bytes of the next artifact. They are authenticated once all are read.

        Raises NotGood, KeyProblem or StoreError.
        """
        number, self._taken = self._taken, self._taken + 1
        assert self._wanted[number] == (step, form), "artifacts are used in the given order"
        pending = self._pending.pop(number, None)
        if pending is None:
            self._next = max(self._next, number + 1)
            with opened(self._store, step, form) as plain, read_ahead(plain) as pieces:
                yield pieces
        else:
            content = pending.result()
            self._waiting -= len(content)
            self._fetch()
            yield iter((content,))

    def _fetch(self) -> None:
        while self._next < len(self._wanted):
            step, form = self._wanted[self._next]
            size = artifact_of(step, form).plain_size_bytes
            if size <= _LARGE:
                if self._waiting + size > _WAITING:
                    return
                self._waiting += size
                self._pending[self._next] = self._pool.submit(_read_whole, self._store, step, form)
            self._next += 1


@contextmanager
def prefetched(store: Store, wanted: Sequence[Wanted]) -> Iterator[Prefetcher]:
    """Yields a prefetcher. Raises NotGood for an artifact that its manifest does not name."""
    pool = ThreadPoolExecutor(_AT_ONCE, "increments")
    try:
        yield Prefetcher(store, wanted, pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def opened(store: Store, step: Step, form: Format) -> Iterator[Iterator[bytes]]:
    """Yields the plain bytes of an artifact as they arrive. Raises NotGood, KeyProblem or StoreError."""
    artifact = artifact_of(step, form)
    try:
        with store.open(artifact.object) as stored, _plain(step, form, stored) as pieces:
            yield pieces
    except ObjectMissing:
        raise NotGood(f"{artifact.object} is missing; use another backup") from None


@contextmanager
def _plain(step: Step, form: Format, stored: BinaryIO) -> Iterator[Iterator[bytes]]:
    artifact = artifact_of(step, form)
    try:
        yield read_artifact(stored, artifact, step.data_key, step.manifest.name, step.manifest.binding(form))
    except Damaged as damage:
        raise NotGood(f"{artifact.object} {damage}; use another backup") from None


def artifact_of(step: Step, form: Format) -> Artifact:
    """Returns an artifact of a step. Raises NotGood if its manifest does not name it."""
    found = step.manifest.artifact(form)
    if found is None:
        raise NotGood(f"{step.manifest.id} has no {form}: use another backup")
    return found


def _read_whole(store: Store, step: Step, form: Format) -> bytes:
    artifact = artifact_of(step, form)
    if isinstance(store, ReadsListed) and artifact.size_bytes <= _LARGE:
        with suppress(NotGood), _plain(step, form, BytesIO(_read_at_once(store, artifact))) as pieces:
            return b"".join(pieces)  # if it was damaged in transit, the checked read below finds out
    with opened(store, step, form) as pieces:
        return b"".join(pieces)


def _read_at_once(store: ReadsListed, artifact: Artifact) -> bytes:
    """Reads a small artifact with one request. The manifest proves its bytes; a byte more is read to detect excess."""
    try:
        return store.read_start(artifact.object, artifact.size_bytes + 1)
    except ObjectMissing:
        raise NotGood(f"{artifact.object} is missing; use another backup") from None
