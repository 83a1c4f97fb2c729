"""Reading many small objects of a bucket: one request each, at most eight at once, in the requested order."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from shared.errors import StoreError
from shared.stores import StoredObject
from shared.stores.gcs import BucketStore, Patience
from shared.stores.gcs_many import AT_ONCE, read_many
from shared.stores.interface import ReadsMany
from tests.servers.gcs.proxy import Answer, Change, Fault, Proxy, Refuse, Seen, flipped, shortened
from tests.stores.contract import put

COUNT = 30
MANY = range(COUNT)


def is_media(seen: Seen) -> bool:
    return seen.is_media


class Together(Fault):
    """Blocks requests until AT_ONCE are in flight. `most` is the highest number seen at once."""

    def __init__(self) -> None:
        super().__init__(is_media, times=COUNT)
        self._count, self._full = threading.Lock(), threading.Event()
        self.now = self.most = 0

    def strike(self, seen: Seen, forward: Callable[[], Answer]) -> Answer:
        with self._count:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == AT_ONCE:
                self._full.set()
        assert self._full.wait(60)
        answer = forward()
        with self._count:
            self.now -= 1
        return answer


@pytest.fixture
def store(gcs: Proxy, bucket: str) -> BucketStore:
    made = BucketStore(bucket, "p", Patience(first_delay=0.001, request=1, chunk=1))
    for number in MANY:
        put(made, f"audit/{number:02}", f"event {number}".encode())
    return made


@pytest.fixture
def listed(store: BucketStore) -> list[StoredObject]:
    return list(store.list_objects())[::-1]


def test_objects_are_fetched_concurrently_with_one_request_each_in_order(
    gcs: Proxy, store: BucketStore, listed: list[StoredObject]
) -> None:
    together = Together()
    gcs.faults.append(together)
    before = len(gcs.seen)
    assert isinstance(store, ReadsMany)
    assert list(store.read_many(listed)) == [f"event {number}".encode() for number in reversed(MANY)]
    assert len(gcs.seen) - before == COUNT
    assert together.most == AT_ONCE


def test_missing_object_is_none_and_the_others_are_read(store: BucketStore, listed: list[StoredObject]) -> None:
    store.delete(listed[3].name, listed[3].generation)
    found = list(store.read_many(listed))
    assert [place for place, content in enumerate(found) if content is None] == [3]


def test_few_requests_are_in_flight_when_the_reader_stops(
    gcs: Proxy, store: BucketStore, listed: list[StoredObject]
) -> None:
    before = len(gcs.seen)
    assert next(iter(store.read_many(listed))) == b"event 29"
    assert len(gcs.seen) - before <= 2 * AT_ONCE


@pytest.mark.parametrize(("size", "ahead"), [(1, 2 * AT_ONCE), (8 << 20, 2), (20 << 20, 1)])
def test_read_ahead_is_limited_to_16_objects_and_16_mib(size: int, ahead: int) -> None:
    asked: list[int] = []

    def items() -> Iterator[StoredObject]:
        for number in range(100):
            asked.append(number)
            yield StoredObject(f"n{number}", size, datetime.now(UTC), "1")

    found = read_many(lambda item, bucket: item.name.encode(), items(), None)
    assert next(found) == b"n0"
    assert len(asked) == ahead + 1
    assert list(found) == [f"n{number}".encode() for number in range(1, 100)]


@pytest.mark.parametrize(
    ("change", "message"), [(shortened, "came back short|damaged"), (flipped, "damaged on the way")]
)
def test_damaged_or_short_download_is_an_error(
    gcs: Proxy, store: BucketStore, listed: list[StoredObject], change: Callable[[Answer], Answer], message: str
) -> None:
    gcs.faults.append(Change(is_media, change))
    with pytest.raises(StoreError, match=message):
        list(store.read_many(listed))


def test_permission_denied_names_the_object_and_the_permission(
    gcs: Proxy, store: BucketStore, listed: list[StoredObject]
) -> None:
    gcs.faults.append(Refuse(is_media, 403, times=COUNT))
    with pytest.raises(StoreError, match=r"reading audit/29 failed .*storage\.objects\.get"):
        list(store.read_many(listed))
