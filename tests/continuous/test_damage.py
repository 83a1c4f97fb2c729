"""Damaged objects of a path, and interrupted cycles, never restore another state."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shared.catalog.backup import Backup
from shared.errors import KeyProblem, NotGood, StoreError
from shared.stores.folder import FolderStore
from tests.continuous.yard import Yard


@pytest.fixture
def chain(yard: Yard) -> Yard:
    """A base and three points."""
    yard.cycle()
    for n in range(3):
        yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {n + 1}")
    return yard


def _file(yard: Yard, name: str) -> Path:
    return yard.folder / "backups" / name


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _restored(yard: Yard, backup: Backup) -> bytes:
    """Rebuild a base from its page image as a restore does, and a point from its path without the confined process."""
    return yard.rebuilt(backup) if backup.summary and backup.summary.needs else yard.restored(backup)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [_flip, _cut, Path.unlink])
def test_points_that_need_a_damaged_object_are_refused_and_others_restore(
    chain: Yard, damage: Callable[[Path], None]
) -> None:
    points = chain.points()
    own = [(place, item) for place, point in enumerate(points) for item in chain.store.list_objects(point.name.prefix)]
    assert len(own) == 3 * len(points)
    for place, item in own:
        path = _file(chain, item.name)
        content = path.read_bytes()
        damage(path)
        # A restore of the base reads only its page image; the index is for its increments.
        first = place + (".index" in item.name and place == 0)
        found = {point.name: point for point in chain.points()}
        for point in points[first:]:
            with pytest.raises((NotGood, StoreError, KeyProblem)):
                _restored(chain, found.get(point.name, point))
        for point in points[:first]:
            assert _restored(chain, found[point.name]) == chain.was[point.name.id]
        path.write_bytes(content)


def test_listing_marks_every_point_whose_path_has_a_missing_backup(chain: Yard) -> None:
    points = chain.points()
    _file(chain, points[1].name.manifest).unlink()
    found = {backup.name.id: backup.wrong for backup in chain.points()}
    reason = f"it builds on {points[1].name.id}, which is missing"
    assert found == {points[0].name.id: None, points[2].name.id: reason, points[3].name.id: reason}


def test_increment_is_bound_to_its_parent(chain: Yard) -> None:
    """The pages and the index are bound to the parent, even if the manifest is changed to match."""
    *_, before, last = chain.points()
    manifest, _ = chain.catalog.read_manifest(last)
    other, _ = chain.catalog.read_manifest(before)
    assert manifest.chain is not None
    assert manifest.binding(manifest.artifacts[0].format) != other.binding(other.artifacts[0].format)


class _Breaking(FolderStore):
    """Fails at the n-th call and all later ones."""

    def __init__(self, folder: Path, at: int) -> None:
        super().__init__(folder)
        self.left = at

    def _request(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise StoreError("the network is gone: try again")

    def list_objects(self, prefix: str = "", start: str = "") -> Any:
        self._request()
        return super().list_objects(prefix, start)

    def create_from_file(self, *arguments: Any) -> Any:
        self._request()
        return super().create_from_file(*arguments)

    def create(self, *arguments: Any) -> Any:
        self._request()
        return super().create(*arguments)

    def open(self, *arguments: Any) -> Any:
        self._request()
        return super().open(*arguments)


def test_cycle_failing_at_any_store_call_leaves_only_good_points(chain: Yard) -> None:
    whole, at, failed = chain.store, 0, 0
    while True:
        chain.write(f"UPDATE t SET x = randomblob(300) WHERE id = {at + 10}")
        chain.store = _Breaking(chain.folder / "backups", at)
        before = failed
        with suppress(StoreError):
            failed += 1
            chain.cycle()
            failed -= 1
        chain.store = whole
        chain.was |= {backup.name.id: chain.image() for backup in chain.points() if backup.name.id not in chain.was}
        if failed == before:
            break
        at += 1
    assert failed > 10
    chain.point("DELETE FROM t WHERE id > 200")
    chain.check_every_point()
