"""An identity that can only create objects cannot block a cleanup, a listing or a backup."""

from pathlib import Path

from shared.clock import utc_now
from shared.model import lock_names
from shared.retention.lease import leased
from shared.stores.folder import FolderStore


def test_lease_with_a_huge_number_is_ignored(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.create("locks/cleanup.999999999999999999.json", b"{}", {})
    with leased(store, "cleanup", utc_now) as lease:
        lease.check()
        assert lock_names.lease_number("cleanup", lease.stored.name) == 1


def test_deeply_nested_folders_are_skipped(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.create("daily/app/one.manifest.json", b"{}", {})
    here = tmp_path / "store"
    for _ in range(300):
        here = here / "d"
        here.mkdir()
    (here / "file").write_bytes(b"x")
    assert [item.name for item in store.list_objects("")] == ["daily/app/one.manifest.json"]
