"""A store with a cache: one listing serves all pages for ten seconds, and small objects are read once.

Objects are immutable, so the bytes of a generation can be cached as long as there is room. Requests, decisions,
policies and the audit trail are never cached: the page after a form must show its effect.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from operator import is_
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from shared.catalog.assembly import Group, Listed
from shared.catalog.summary import Summary
from shared.clock import Clock, utc_now
from shared.errors import ObjectMissing
from shared.model.names import is_manifest
from shared.model.request_names import POLICIES, REQUESTS
from shared.model.trail_names import BESIDE_TRAIL, TRAIL
from shared.runtime.collector import garbage_collection_paused
from shared.stores import Store, StoredObject
from shared.stores.interface import OwnTime, ReadsMany, SoftDeletes

SECONDS = 10.0  # how long a listing is reused
_UNCACHED = (REQUESTS, POLICIES, TRAIL)  # prefixes
_LARGEST_OBJECT = 256 << 10  # bytes of an object that is cached
_CAPACITY = 48 << 20  # bytes of all cached objects


class CachedStore:
    """Implements `Store`: reads from memory where possible. Writes go to the store and are not cached."""

    def __init__(self, store: Store, clock: Clock = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._lock = Lock()
        self._listing: tuple[StoredObject, ...] = ()
        self._by_name: dict[str, StoredObject] = {}
        self._listed: float | None = None
        self.listed_at = clock()
        self._contents: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0
        self._summaries: dict[tuple[str, str], Summary] = {}
        self._groups: dict[str, tuple[list[StoredObject], Group]] = {}  # by the name of the first object
        self.has_own_time = isinstance(store, OwnTime) and store.has_own_time

    @property
    def url(self) -> str:
        return self._store.url

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        if prefix.startswith(_UNCACHED):
            yield from self._store.list_objects(prefix, start)
            return
        listing = self.listing()
        if not prefix and start <= BESIDE_TRAIL:
            yield from listing
            return
        yield from (item for item in listing if item.name.startswith(prefix) and item.name >= start)

    def listing(self) -> tuple[StoredObject, ...]:
        """Returns all objects but the audit trail, at most ten seconds old: the same tuple until it lists again."""
        with self._lock:
            if self._listed is None or self._monotonic() - self._listed > SECONDS:
                at = self._clock()
                with garbage_collection_paused():
                    self._list_again()
                self._listed, self.listed_at = self._monotonic(), at
            return self._listing

    def _list_again(self) -> None:
        """Lists the store, and reuses the values of the previous listing for unchanged objects, to save memory."""
        previous, listed = self._by_name, self._store.list_objects(start=BESIDE_TRAIL)
        self._listing = tuple(old if (old := previous.get(item.name)) and _same(old, item) else item for item in listed)
        self._by_name = by_name = {item.name: item for item in self._listing}
        self._summaries = {
            (name, generation): summary
            for (name, generation), summary in self._summaries.items()
            if name in by_name and by_name[name].generation == generation
        }
        self._groups = {name: kept for name, kept in self._groups.items() if name in by_name}

    def kept_summary(self, manifest: StoredObject) -> Summary | None:
        return self._summaries.get((manifest.name, manifest.generation))

    def keep_summary(self, manifest: StoredObject, summary: Summary) -> None:
        self._summaries[manifest.name, manifest.generation] = summary

    def kept_group(self, found: Sequence[Listed]) -> Group | None:
        """Returns the group of these objects. An unchanged object of a new listing is the same value as before."""
        items, group = self._groups.get(found[0][1].name, ((), None))
        return group if len(items) == len(found) and all(map(is_, items, (item for _, item in found))) else None

    def keep_group(self, found: Sequence[Listed], group: Group) -> None:
        self._groups[found[0][1].name] = ([item for _, item in found], group)

    @contextmanager
    def open(self, name: str, generation: str | None = None) -> Iterator[BinaryIO]:
        generation = generation or self._generation_of(name)
        if generation is None:
            with self._store.open(name) as stream:
                yield stream
            return
        cached = self._cached(name, generation)
        if cached is not None:
            yield BytesIO(cached)
            return
        with self._store.open(name, generation) as stream:
            content = stream.read(_LARGEST_OBJECT + 1)
            if len(content) <= _LARGEST_OBJECT:
                self._cache(name, generation, content)
                yield BytesIO(content)
                return
        with self._store.open(name, generation) as stream:
            yield stream

    def read_many(self, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
        """Does not cache manifests: their summaries are cached, and the bytes of ten thousand take 15 MB."""
        cached = [(item, self._cached(item.name, item.generation)) for item in items]
        uncached = self._read([item for item, content in cached if content is None])
        for item, content in cached:
            if content is not None:
                yield content
                continue
            read = next(uncached)
            if read is not None and len(read) <= _LARGEST_OBJECT and not is_manifest(item.name):
                self._cache(item.name, item.generation, read)
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
        """Returns the generation of the listing; None if the name is not listed or never cached."""
        if name.startswith(_UNCACHED):
            return None
        item = self._by_name.get(name)
        return None if item is None else item.generation

    def _cached(self, name: str, generation: str) -> bytes | None:
        with self._lock:
            content = self._contents.get((name, generation))
            if content is not None:
                self._contents.move_to_end((name, generation))
            return content

    def _cache(self, name: str, generation: str, content: bytes) -> None:
        with self._lock:
            replaced = self._contents.pop((name, generation), b"")
            self._contents[name, generation] = content
            self._size += len(content) - len(replaced)
            while self._size > _CAPACITY:
                _, evicted = self._contents.popitem(last=False)
                self._size -= len(evicted)


def _same(old: StoredObject, new: StoredObject) -> bool:
    """Returns whether nothing changed, not even the storage class, which `==` ignores."""
    return old == new and old.storage_class == new.storage_class
