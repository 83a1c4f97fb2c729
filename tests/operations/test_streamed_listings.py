"""Costs and copies read a listing as it comes: a large store does not fill the memory."""

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.model.kinds import Kind
from shared.model.names import BackupName, Format
from shared.operations.copy import copy_backups
from shared.operations.cost.usage import take_usage
from shared.stores import Store, StoredObject
from shared.stores.folder import FolderStore

DATABASES, OBJECTS, METADATA = 100, 20, 5000  # 10 MB of metadata in the whole listing
MOST = 2_000_000  # bytes of memory; a group of 20 objects has 100 kB of metadata


class Long(FolderStore):
    """Lists artifacts with much metadata."""

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[StoredObject]:
        for number in range(DATABASES):
            for each in range(OBJECTS):
                name = BackupName(Kind.DAILY, f"db-{number:03}", f"b-{each:03}").artifact(Format.SQL, encrypted=False)
                if name.startswith(prefix) and name >= start:
                    about = {"about": f"{number}" * (METADATA // len(str(number)))}
                    yield StoredObject(name, 10, datetime(2026, 11, 29, tzinfo=UTC), "1", about)


def cost(store: Store, _: Path) -> int:
    return len(take_usage(store).items)


def copy(store: Store, folder: Path) -> int:
    done = copy_backups(store, FolderStore(folder / "copy"))
    assert done.failed == {}
    return DATABASES * OBJECTS


@pytest.mark.parametrize("read", [cost, copy])
def test_a_listing_is_not_kept_in_memory(tmp_path: Path, read: Callable[[Store, Path], int]) -> None:
    store = Long(tmp_path / "store")
    read(store, tmp_path)  # modules are loaded
    tracemalloc.start()
    try:
        assert read(store, tmp_path) == DATABASES * OBJECTS
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
