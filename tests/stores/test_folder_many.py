"""Reading many small objects of a folder together: the same bytes as one by one, and never another object's."""

import os
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StoreError
from shared.stores.folder import FolderStore
from shared.stores.interface import ReadsMany
from tests.stores.contract import put


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    for name in ("daily/app/1", "daily/app/2", "daily/other/1", "top", "weekly/app/1"):
        put(store, name, name.encode())
    put(store, "weekly/app/empty", b"")
    return store


def test_objects_are_read_whole_and_in_the_requested_order(store: FolderStore) -> None:
    assert isinstance(store, ReadsMany)
    found = list(store.list_objects())[::-1]
    assert list(store.read_many(found)) == [
        b"" if item.name.endswith("empty") else item.name.encode() for item in found
    ]


def test_missing_or_replaced_objects_are_none_and_the_others_are_read(store: FolderStore, tmp_path: Path) -> None:
    found = list(store.list_objects())
    root = tmp_path / "store"
    (root / "daily/app/1").unlink()
    (root / "daily/app/2").write_bytes(b"another")
    (root / "daily/other/1").unlink()
    (root / "daily/other").rmdir()
    (root / "weekly/app/1").unlink()
    (root / "weekly/app/1").symlink_to(root / "top")
    assert list(store.read_many(found)) == [None, None, None, b"top", None, b""]


def test_folder_replaced_by_a_symlink_is_not_followed(store: FolderStore, tmp_path: Path) -> None:
    (found,) = (item for item in store.list_objects() if item.name == "daily/other/1")
    (tmp_path / "store/daily/other").rename(tmp_path / "elsewhere")
    (tmp_path / "store/daily/other").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="daily/other/1"):
        list(store.read_many([found]))


def test_disk_error_names_the_object(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    found = list(store.list_objects("top"))
    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(StoreError, match=r"reading top failed.*Input/output error"):
        list(store.read_many(found))


def test_read_many_closes_all_folders(store: FolderStore) -> None:
    found = list(store.list_objects())
    before = _open_files()
    list(store.read_many(found))
    stopped = store.read_many(found)
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    assert _open_files() == before


def test_folder_is_opened_once_for_all_its_objects(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        put(store, f"daily/app/more{number}")
    found = list(store.list_objects("daily/app/"))
    opened: list[str] = []
    real = os.open

    def open_recorded(path: str, *arguments: Any, **options: Any) -> int:
        opened.append(str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", open_recorded)
    assert len(list(store.read_many(found))) == 22
    assert opened.count("daily") == opened.count("app") == 1


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
