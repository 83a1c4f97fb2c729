"""Whatever becomes of the objects of a path, or of a cycle half-way: no other state is taken for the one that was."""

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
    """A base, and three points in a row."""
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


def _back(yard: Yard, backup: Backup) -> bytes:
    """A base by its page image, as a restore reads it; a point by its path, without the process that checks SQL."""
    return yard.rebuilt(backup) if backup.summary and backup.summary.needs else yard.brought_back(backup)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [_flip, _cut, Path.unlink])
def test_whatever_rests_on_a_harmed_object_is_refused_and_the_rest_is_whole(
    chain: Yard, harm: Callable[[Path], None]
) -> None:
    points = chain.points()
    own = [(place, item) for place, point in enumerate(points) for item in chain.store.list_objects(point.name.prefix)]
    assert len(own) == 3 * len(points)
    for place, item in own:
        path = _file(chain, item.name)
        content = path.read_bytes()
        harm(path)
        # A base itself is its page image: its index is for what builds on it.
        first = place + (".index" in item.name and place == 0)
        found = {point.name: point for point in chain.points()}
        for point in points[first:]:
            with pytest.raises((NotGood, StoreError, KeyProblem)):
                _back(chain, found.get(point.name, point))
        for point in points[:first]:
            assert _back(chain, found[point.name]) == chain.was[point.name.id]
        path.write_bytes(content)


def test_the_listing_tells_of_every_point_that_rests_on_what_is_missing(chain: Yard) -> None:
    points = chain.points()
    _file(chain, points[1].name.manifest).unlink()
    found = {backup.name.id: backup.wrong for backup in chain.points()}
    because = f"it builds on {points[1].name.id}, which is missing"
    assert found == {points[0].name.id: None, points[2].name.id: because, points[3].name.id: because}


def test_an_increment_under_another_parent_does_not_open(chain: Yard) -> None:
    """Even where the manifest is put right: its pages and index are bound to the parent."""
    *_, before, last = chain.points()
    manifest, _ = chain.catalog.read_manifest(last)
    other, _ = chain.catalog.read_manifest(before)
    assert manifest.chain is not None
    assert manifest.binding(manifest.artifacts[0].format) != other.binding(other.artifacts[0].format)


class _Breaking(FolderStore):
    """Fails at the n-th request that comes, and at every later one."""

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


def test_a_cycle_that_fails_at_any_request_leaves_only_whole_points_and_the_next_goes_on(chain: Yard) -> None:
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
