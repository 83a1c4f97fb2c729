"""Prefetched and streamed increments of a path give the same state."""

import threading
from pathlib import Path
from typing import Any

import pytest

from shared.catalog.opening import open_manifest
from shared.continuous import prefetch
from shared.continuous.path import Parents, path_to
from shared.continuous.rebuild import rebuild_pages
from shared.errors import NotGood
from shared.model.names import Format
from shared.stores import open_store
from shared.stores.folder import FolderStore
from tests.continuous.yard import Yard


@pytest.fixture
def chain(yard: Yard) -> Yard:
    yard.cycle()
    for number in range(1, 9):
        yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {number}")
    return yard


def _rebuilt(yard: Yard, place: int, target: Path) -> bytes:
    manifest, data_key = open_manifest(yard.catalog, yard.points()[place], yard.key)
    rebuild_pages(yard.store, path_to(yard.store, manifest, data_key, Parents(yard.key)), target)
    return target.read_bytes()


@pytest.mark.parametrize(("large", "waiting"), [(0, 0), (1 << 30, 0), (1 << 30, 1), (9000, 20_000), (1 << 30, 1 << 30)])
def test_rebuilt_state_does_not_depend_on_prefetching(
    chain: Yard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, large: int, waiting: int
) -> None:
    monkeypatch.setattr(prefetch, "_LARGE", large)
    monkeypatch.setattr(prefetch, "_WAITING", waiting)
    for place in (0, 3, 8):
        found = _rebuilt(chain, place, tmp_path / f"{place}.sqlite")
        assert found == chain.was[chain.points()[place].name.id]


class _NamesThreads(FolderStore):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.threads: set[str] = set()

    def open(self, *arguments: Any) -> Any:
        self.threads.add(threading.current_thread().name.split("_")[0])
        return super().open(*arguments)


def test_damaged_prefetched_increment_is_reported_and_leaves_no_file_or_thread(chain: Yard, tmp_path: Path) -> None:
    chain.store = named = _NamesThreads(chain.folder / "backups")
    _rebuilt(chain, -1, tmp_path / "whole.sqlite")
    assert "increments" in named.threads
    chain.store = open_store(str(chain.folder / "backups"))
    manifest, data_key = open_manifest(chain.catalog, chain.points()[-1], chain.key)
    damaged = path_to(chain.store, manifest, data_key, Parents(chain.key))[-2].manifest.artifact(Format.PAGES)
    assert damaged is not None
    path = chain.folder / "backups" / damaged.object
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(NotGood, match=f"{path.name} "):
        _rebuilt(chain, -1, tmp_path / "back.sqlite")
    assert not (tmp_path / "back.sqlite").exists()
    assert not [each for each in threading.enumerate() if each.name.startswith("increments")]
