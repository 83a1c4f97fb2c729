"""One run at a time: who gets the lease, who loses it, and what a dead one leaves."""

import json
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import utc_now
from shared.errors import StoreError
from shared.model import lock_names
from shared.retention.lease import LENGTH, MARGIN, LeaseLost, leased
from shared.stores import StoredObject
from shared.stores.folder import FolderStore
from tests.retention.cleanup.shelf import objects


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def later(by: timedelta) -> datetime:
    return utc_now() + by


def test_it_is_there_during_the_block_and_gone_after_it(store: FolderStore) -> None:
    with leased(store, "cleanup", utc_now) as lease:
        assert objects(store) == {"locks/cleanup.000001.json"}
        lease.check()
    assert objects(store) == set()


def test_it_is_given_back_after_an_error(store: FolderStore) -> None:
    with pytest.raises(KeyboardInterrupt), leased(store, "cleanup", utc_now):
        raise KeyboardInterrupt
    assert objects(store) == set()


def test_a_second_one_is_told_who_has_it_and_until_when(store: FolderStore) -> None:
    with leased(store, "cleanup", utc_now):
        with pytest.raises(StoreError, match=r"another cleanup is at work .*begun by .+:\d+.*ends by itself 2"):
            leased(store, "cleanup", utc_now).__enter__()
        with leased(store, "drill", utc_now):
            pass


def test_one_that_was_killed_is_taken_over_after_its_end_and_swept(store: FolderStore) -> None:
    killed = leased(store, "cleanup", utc_now)
    lease = killed.__enter__()
    with pytest.raises(StoreError):
        leased(store, "cleanup", lambda: later(LENGTH + MARGIN / 2)).__enter__()
    with leased(store, "cleanup", lambda: later(LENGTH + MARGIN * 2)):
        assert "locks/cleanup.000002.json" in objects(store)
        with pytest.raises(LeaseLost, match="took over"):
            lease.check()
    assert objects(store) == set()
    with pytest.raises(LeaseLost):
        lease.check()


def test_it_ends_earlier_for_its_holder_than_for_others(store: FolderStore) -> None:
    now = [utc_now()]
    with leased(store, "cleanup", lambda: now[0]) as lease:
        now[0] += LENGTH - MARGIN - timedelta(seconds=1)
        lease.check()
        now[0] += timedelta(seconds=2)
        with pytest.raises(LeaseLost, match="run it again"):
            lease.check()
        with pytest.raises(StoreError, match="at work"):
            leased(store, "cleanup", lambda: now[0]).__enter__()


def test_one_that_claims_to_last_for_ever_lasts_an_hour(store: FolderStore) -> None:
    content = {"owner": "x", "expires_at": "9999-12-31T00:00:00Z"}
    store.create(lock_names.lease("cleanup", 7), json.dumps(content).encode(), {})
    with pytest.raises(StoreError, match="at work"):
        leased(store, "cleanup", utc_now).__enter__()
    with leased(store, "cleanup", lambda: later(LENGTH + MARGIN * 2)):
        assert "locks/cleanup.000008.json" in objects(store)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b'{"owner": "\\u001b[2J", "expires_at": 5}'])
def test_one_that_cannot_be_read_counts_for_an_hour(store: FolderStore, content: bytes) -> None:
    store.create(lock_names.lease("cleanup", 1), content, {})
    with pytest.raises(StoreError, match="at work") as caught:
        leased(store, "cleanup", utc_now).__enter__()
    assert str(caught.value).isprintable()
    with leased(store, "cleanup", lambda: later(LENGTH + MARGIN * 2)):
        pass


def test_a_store_that_does_not_tell_ends_it(tmp_path: Path) -> None:
    class Broken(FolderStore):
        broken = False

        def list_objects(self, prefix: str = "", start: str = ""):  # type: ignore[no-untyped-def]
            if self.broken:
                raise StoreError("out of reach")
            return super().list_objects(prefix, start)

    store = Broken(tmp_path / "store")
    with leased(store, "cleanup", utc_now) as lease:
        store.broken = True
        with pytest.raises(LeaseLost, match="out of reach"):
            lease.check()


def test_one_that_looked_too_early_does_not_get_it_beside_another(tmp_path: Path) -> None:
    """It saw no lease; by the time it makes number 1, another, which saw a dead number 1, holds number 2."""

    class Slow(FolderStore):
        def create(self, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
            FolderStore(tmp_path / "store").create(lock_names.lease("cleanup", 2), content, {})
            return super().create(name, content, metadata)

    store = Slow(tmp_path / "store")
    with pytest.raises(LeaseLost):
        leased(store, "cleanup", utc_now).__enter__()
    assert objects(store) == {lock_names.lease("cleanup", 2)}


def test_of_many_at_once_one_gets_it(store: FolderStore) -> None:
    barrier, done = threading.Barrier(6), threading.Barrier(6)
    held: list[bool] = []
    refused: list[str] = []

    def work() -> None:
        barrier.wait()
        try:
            with leased(FolderStore(Path(store.url)), "cleanup", utc_now) as lease:
                done.wait(30)
                lease.check()
                held.append(True)
        except StoreError as error:
            refused.append(str(error))
            done.wait(30)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 5)
