"""Leases: one run at a time, takeover, and leases of killed runs."""

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


def test_lease_exists_only_during_the_block(store: FolderStore) -> None:
    with leased(store, "cleanup", utc_now) as lease:
        assert objects(store) == {"locks/cleanup.000001.json"}
        lease.check()
    assert objects(store) == set()


def test_lease_is_released_after_an_error(store: FolderStore) -> None:
    with pytest.raises(KeyboardInterrupt), leased(store, "cleanup", utc_now):
        raise KeyboardInterrupt
    assert objects(store) == set()


def test_second_lease_is_refused_with_owner_and_expiry(store: FolderStore) -> None:
    with leased(store, "cleanup", utc_now):
        with pytest.raises(StoreError, match=r"another cleanup is running .*started by .+:\d+.*expires at 2"):
            leased(store, "cleanup", utc_now).__enter__()
        with leased(store, "drill", utc_now):
            pass


def test_lease_of_a_killed_run_is_taken_over_after_expiry(store: FolderStore) -> None:
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


def test_lease_ends_earlier_for_its_holder_than_for_others(store: FolderStore) -> None:
    now = [utc_now()]
    with leased(store, "cleanup", lambda: now[0]) as lease:
        now[0] += LENGTH - MARGIN - timedelta(seconds=1)
        lease.check()
        now[0] += timedelta(seconds=2)
        with pytest.raises(LeaseLost, match="run it again"):
            lease.check()
        with pytest.raises(StoreError, match="is running"):
            leased(store, "cleanup", lambda: now[0]).__enter__()


def test_lease_with_a_far_expiry_lasts_an_hour(store: FolderStore) -> None:
    content = {"owner": "x", "expires_at": "9999-12-31T00:00:00Z"}
    store.create(lock_names.lease("cleanup", 7), json.dumps(content).encode(), {})
    with pytest.raises(StoreError, match="is running"):
        leased(store, "cleanup", utc_now).__enter__()
    with leased(store, "cleanup", lambda: later(LENGTH + MARGIN * 2)):
        assert "locks/cleanup.000008.json" in objects(store)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b'{"owner": "\\u001b[2J", "expires_at": 5}'])
def test_unreadable_lease_lasts_an_hour(store: FolderStore, content: bytes) -> None:
    store.create(lock_names.lease("cleanup", 1), content, {})
    with pytest.raises(StoreError, match="is running") as caught:
        leased(store, "cleanup", utc_now).__enter__()
    assert str(caught.value).isprintable()
    with leased(store, "cleanup", lambda: later(LENGTH + MARGIN * 2)):
        pass


def test_lease_is_lost_if_the_store_cannot_be_read(tmp_path: Path) -> None:
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


def test_lease_race_has_one_winner(tmp_path: Path) -> None:
    """It sees no lease, but when it creates number 1, another run, which saw an expired number 1, has number 2."""

    class Slow(FolderStore):
        def create(self, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
            FolderStore(tmp_path / "store").create(lock_names.lease("cleanup", 2), content, {})
            return super().create(name, content, metadata)

    store = Slow(tmp_path / "store")
    with pytest.raises(LeaseLost):
        leased(store, "cleanup", utc_now).__enter__()
    assert objects(store) == {lock_names.lease("cleanup", 2)}


def test_only_one_of_many_threads_gets_the_lease(store: FolderStore) -> None:
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
