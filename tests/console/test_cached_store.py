"""The console's cache of a store: how long a listing is used, and what is read once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from console.cached_store import SECONDS, CachedStore
from shared.catalog.listing import Catalog
from shared.clock import utc_now
from shared.model.kinds import Kind
from shared.stores import StoredObject
from shared.stores.folder import FolderStore
from tests.console.site import Site

FIRST, SECOND = (f"daily/app.db/{name}.manifest.json" for name in ("first", "second"))


class CountingStore(FolderStore):
    """A folder that counts listings and reads, and has a storage class, as a bucket has."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.listings = 0
        self.read: list[str] = []
        self.storage_class = "STANDARD"

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        self.listings += 1
        for item in super().list_objects(prefix, start):
            yield replace(item, storage_class=self.storage_class)

    def read_many(self, items: Iterable[StoredObject]) -> Iterator[bytes | None]:
        wanted = list(items)
        self.read += [item.name for item in wanted]
        return super().read_many(wanted)


class Cache:
    """A cache over a counting store, with a clock that the test sets."""

    def __init__(self, path: Path) -> None:
        self.seconds = 0.0
        self.below = CountingStore(path)
        self.store = CachedStore(self.below, monotonic=lambda: self.seconds)


@pytest.fixture
def cache(site: Site) -> Cache:
    return Cache(site.store)


def test_one_listing_serves_for_ten_seconds(site: Site, cache: Cache) -> None:
    before = cache.store.listing()
    site.backup("second")
    cache.seconds = SECONDS
    assert cache.store.listing() is before

    cache.seconds = SECONDS + 0.1
    after = cache.store.listing()
    assert {item.name for item in after} - {item.name for item in before} >= {SECOND}
    assert cache.below.listings == 2


def test_manifest_is_read_once_for_several_listings(site: Site, cache: Cache) -> None:
    assert [backup.name.id for backup in Catalog(cache.store).backups()] == ["first"]
    cache.seconds = 2 * SECONDS
    assert [backup.name.id for backup in Catalog(cache.store).backups()] == ["first"]

    assert cache.below.listings == 2
    assert cache.below.read == [FIRST]


def test_replaced_manifest_is_read_again(site: Site, cache: Cache) -> None:
    Catalog(cache.store).backups()
    (site.store / FIRST).unlink()
    (site.store / FIRST).write_bytes(b"damaged")
    cache.seconds = 2 * SECONDS

    (backup,) = Catalog(cache.store).backups()
    assert backup.damaged is not None
    assert cache.below.read == [FIRST, FIRST]


def test_new_storage_class_is_seen(cache: Cache) -> None:
    cache.store.listing()
    cache.below.storage_class = "NEARLINE"
    cache.seconds = 2 * SECONDS

    assert {item.storage_class for item in cache.store.listing()} == {"NEARLINE"}


def test_unchanged_backups_are_not_assembled_again(site: Site, cache: Cache) -> None:
    (before,) = Catalog(cache.store).backups()
    site.backup("other", kind=Kind.WEEKLY)
    cache.seconds = 2 * SECONDS
    found = {backup.name.id: backup for backup in Catalog(cache.store).backups()}
    assert found["first"] is before

    next((site.store / FIRST).parent.glob("first.sql*")).write_bytes(b"cut")
    cache.seconds = 4 * SECONDS
    found = {backup.name.id: backup for backup in Catalog(cache.store).backups()}
    assert found["first"].missing is not None


def test_backup_dated_in_the_future_is_assembled_again(site: Site, cache: Cache) -> None:
    taken = utc_now() + timedelta(minutes=6)
    site.backup("ahead", taken=taken)
    (ahead, _) = Catalog(cache.store).backups()
    assert ahead.future

    (ahead, _) = Catalog(cache.store, lambda: taken).backups()
    assert not ahead.future
