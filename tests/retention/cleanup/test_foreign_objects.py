"""Whoever can only create objects cannot stop a cleanup, a listing or a backup."""

from pathlib import Path

from shared.clock import utc_now
from shared.model import lock_names
from shared.retention.lease import leased
from shared.stores.folder import FolderStore


def test_a_lease_with_an_absurd_number_stops_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.create("locks/cleanup.999999999999999999.json", b"{}", {})
    with leased(store, "cleanup", utc_now) as lease:
        lease.check()
        assert lock_names.lease_number("cleanup", lease.stored.name) == 1


def test_folders_nested_without_end_are_passed_over(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.create("daily/app/one.manifest.json", b"{}", {})
    here = tmp_path / "store"
    for _ in range(300):
        here = here / "d"
        here.mkdir()
    (here / "file").write_bytes(b"x")
    assert [item.name for item in store.list_objects("")] == ["daily/app/one.manifest.json"]
