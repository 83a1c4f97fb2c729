"""A store as the console reads it: one listing serves all pages for some seconds, and what never changes is read once.

Objects are immutable, so the bytes of a generation may be kept as long as there is room. Requests, decisions,
policies and the audit trail are always listed anew: after a form was sent the page shows what came of it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from shared.catalog.summary import Summary
from shared.clock import Clock, utc_now
from shared.errors import ObjectMissing
from shared.model.names import is_manifest
from shared.model.request_names import POLICIES, REQUESTS
from shared.model.trail_names import BESIDE_TRAIL, TRAIL
from shared.runtime.collector import all_of_it_stays
from shared.stores import Store, StoredObject
from shared.stores.interface import OwnTime, ReadsMany, SoftDeletes

SECONDS = 10.0
_FRESH = (REQUESTS, POLICIES, TRAIL)
_LARGEST = 256 << 10  # bytes of one object that is kept
_ROOM = 48 << 20  # bytes of all that are


class KeptStore:
    """Reads as the store does, from memory where that is the same. Nothing is written through it."""

    def __init__(self, store: Store, clock: Clock = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._lock = Lock()
        self._listing: tuple[StoredObject, ...] = ()
        self._listed: float | None = None
        self.listed_at = clock()
        self._contents: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0
        self._summaries: dict[tuple[str, str], Summary] = {}
        self.has_own_time = isinstance(store, OwnTime) and store.has_own_time

    @property
    def url(self) -> str:
        return self._store.url

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        if prefix.startswith(_FRESH):
            yield from self._store.list_objects(prefix, start)
            return
        whole = self.whole()
        if not prefix and start <= BESIDE_TRAIL:
            yield from whole
            return
        yield from (item for item in whole if item.name.startswith(prefix) and item.name >= start)

    def whole(self) -> tuple[StoredObject, ...]:
        """The listing of all but the audit trail, at most some seconds old: the same tuple until it is listed anew."""
        with self._lock:
            if self._listed is None or self._monotonic() - self._listed > SECONDS:
                at = self._clock()
                with all_of_it_stays():
                    self._listing = self._list_anew()
                self._listed, self.listed_at = self._monotonic(), at
                if self._summaries:
                    there = {(item.name, item.generation) for item in self._listing}
                    self._summaries = {key: summary for key, summary in self._summaries.items() if key in there}
            return self._listing

    def _list_anew(self) -> tuple[StoredObject, ...]:
        """Returns the listing with the values of the last one for what did not change: they are in memory once."""
        last = {item.name: item for item in self._listing}
        listed = self._store.list_objects(start=BESIDE_TRAIL)
        return tuple(was if (was := last.get(item.name)) and _same(was, item) else item for item in listed)

    def kept_summary(self, manifest: StoredObject) -> Summary | None:
        return self._summaries.get((manifest.name, manifest.generation))

    def keep_summary(self, manifest: StoredObject, summary: Summary) -> None:
        self._summaries[manifest.name, manifest.generation] = summary

    @contextmanager
    def open(self, name: str, generation: str | None = None) -> Iterator[BinaryIO]:
        generation = generation or self._generation_of(name)
        if generation is None:
            with self._store.open(name) as stream:
                yield stream
            return
        kept = self._kept(name, generation)
        if kept is not None:
            yield BytesIO(kept)
            return
        with self._store.open(name, generation) as stream:
            content = stream.read(_LARGEST + 1)
            if len(content) <= _LARGEST:
                self._keep(name, generation, content)
                yield BytesIO(content)
                return
        with self._store.open(name, generation) as stream:
            yield stream

    def read_many(self, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
        """Keeps no manifest: a listing keeps the summary of it, and the bytes of ten thousand are 15 MB."""
        kept = [(item, self._kept(item.name, item.generation)) for item in items]
        fresh = self._read([item for item, content in kept if content is None])
        for item, content in kept:
            if content is not None:
                yield content
                continue
            read = next(fresh)
            if read is not None and len(read) <= _LARGEST and not is_manifest(item.name):
                self._keep(item.name, item.generation, read)
            yield read

    def list_soft_deleted(self) -> list[StoredObject] | None:
        return self._store.list_soft_deleted() if isinstance(self._store, SoftDeletes) else None

    def staging_folder(self) -> AbstractContextManager[Path]:
        return self._store.staging_folder()

    def create_from_file(self, name: str, path: Path, crc32c: int, metadata: Mapping[str, str]) -> StoredObject:
        return self._store.create_from_file(name, path, crc32c, metadata)

    def create(self, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
        return self._store.create(name, content, metadata)

    def delete(self, name: str, generation: str) -> None:
        self._store.delete(name, generation)

    def _read(self, items: list[StoredObject]) -> Iterator[bytes | None]:
        if isinstance(self._store, ReadsMany):
            yield from self._store.read_many(items)
            return
        for item in items:
            try:
                with self._store.open(item.name, item.generation) as stream:
                    content = stream.read(item.size_bytes + 1)
            except ObjectMissing:
                yield None
            else:
                yield content

    def _generation_of(self, name: str) -> str | None:
        """That of the listing, for names whose objects never change while a listing is kept."""
        if name.startswith(_FRESH):
            return None
        return next((item.generation for item in self._listing if item.name == name), None)

    def _kept(self, name: str, generation: str) -> bytes | None:
        with self._lock:
            content = self._contents.get((name, generation))
            if content is not None:
                self._contents.move_to_end((name, generation))
            return content

    def _keep(self, name: str, generation: str, content: bytes) -> None:
        with self._lock:
            before = self._contents.pop((name, generation), b"")
            self._contents[name, generation] = content
            self._size += len(content) - len(before)
            while self._size > _ROOM:
                _, gone = self._contents.popitem(last=False)
                self._size -= len(gone)


def _same(was: StoredObject, item: StoredObject) -> bool:
    """The storage class changes while the object does not."""
    return was == item and was.storage_class == item.storage_class
