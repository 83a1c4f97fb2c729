"""A cleanup that is killed or refused at any deletion leaves whole backups, and the next run finishes."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from shared.catalog.listing import Catalog
from shared.clock import utc_now
from shared.errors import StoreError
from shared.model import lock_names
from shared.model.kinds import Kind
from shared.model.names import BackupName, Format
from shared.retention.cleanup import clean
from shared.stores.folder import FolderStore
from tests.retention.cleanup.shelf import POLICY, age, fill, ids, objects, put_aged

ROOT = Path(__file__).parents[3]
DELETES = 2 * 4 + 2  # two backups of four objects, and two orphans

# Cleans each copy of a store in a child process; the n-th child dies at its n-th deletion.
KILLER = """
import os, sys
from pathlib import Path
from shared.retention.cleanup import clean
from shared.stores.folder import FolderStore
from tests.retention.cleanup.shelf import POLICY

class Deadly(FolderStore):
    left = 0
    def delete(self, name, generation):
        if self.left == 0:
            os._exit(9)
        self.left -= 1
        super().delete(name, generation)

for number, folder in enumerate(sys.argv[1:]):
    child = os.fork()
    if child == 0:
        store = Deadly(Path(folder))
        store.left = number
        clean(store, POLICY)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9, f"number {number} was not killed"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store whose objects are all old enough to count as orphans."""
    folder = tmp_path / "store"
    store = FolderStore(folder)
    fill(store, old=2)
    for number in (1, 2):
        orphan = BackupName(Kind.DAILY, "app", f"orphan{number}")
        put_aged(folder, store, orphan.artifact(Format.SQL, encrypted=True), 3)
    for name in objects(store):
        age(folder, name, 50)
    return folder


def assert_whole(store: FolderStore) -> None:
    """Check that every listed backup has its artifacts."""
    there = objects(store)
    for backup in Catalog(store).backups():
        assert {artifact.object for artifact in backup.artifacts} <= there


def test_cleanup_killed_at_any_delete_leaves_whole_backups(folder: Path, tmp_path: Path) -> None:
    copies = [tmp_path / f"killed{number}" for number in range(DELETES)]
    for copy in copies:
        shutil.copytree(folder, copy)
    command = [sys.executable, "-W", "error", "-c", KILLER, *map(str, copies)]
    subprocess.run(command, check=True, timeout=120, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path)
    clean(FolderStore(folder), POLICY)
    expected = objects(FolderStore(folder))
    for number, copy in enumerate(copies):
        store = FolderStore(copy)
        assert_whole(store)
        assert len([name for name in objects(store) if name not in expected]) == DELETES - number + 1  # and its lease
        with pytest.raises(StoreError, match="another cleanup is running"):
            clean(store, POLICY)
        later = clean(store, POLICY, clock=lambda: utc_now() + timedelta(hours=1, minutes=5))
        assert (later.failed, later.errors) == (False, [])
        assert objects(store) == expected


class Refusing(FolderStore):
    """Refuses to delete some objects, like a bucket with a retention policy."""

    def __init__(self, path: Path, refused: set[str]) -> None:
        super().__init__(path)
        self._refused = refused

    def delete(self, name: str, generation: str) -> None:
        if name in self._refused:
            raise StoreError(f"deleting {name} failed: a retention policy keeps the object")
        super().delete(name, generation)


def test_refused_delete_is_reported_and_cleanup_continues(folder: Path) -> None:
    doomed = [name for name in objects(FolderStore(folder)) if "old" in name or "orphan" in name]
    assert len(doomed) == DELETES
    first = Refusing(folder, {name for name in doomed if "old0.manifest" in name or "old1.sql" in name})
    outcome = clean(first, POLICY)
    assert outcome.failed
    assert {name.id for name in outcome.deleted} == {"old1"}
    assert len(outcome.errors) == 3  # old0 is kept; two artifacts of old1 remain
    assert "old0" in ids(first)
    assert_whole(first)
    assert len(outcome.swept) == 2 - sum("orphan" in line for line in outcome.errors)
    clean(FolderStore(folder), POLICY)
    assert not any(name in objects(FolderStore(folder)) for name in doomed)


def test_store_refusing_all_deletes_is_unchanged_except_for_the_lease(folder: Path) -> None:
    before = objects(FolderStore(folder))
    refusing = Refusing(folder, before | {lock_names.lease("cleanup", 1), lock_names.lease("cleanup", 2)})
    outcome = clean(refusing, POLICY)
    assert outcome.failed
    assert objects(refusing) - before == {lock_names.lease("cleanup", 1)}
    later = clean(refusing, POLICY, clock=lambda: utc_now() + timedelta(hours=2))
    assert len(later.errors) == len(outcome.errors) == 4
    assert objects(refusing) - before == {lock_names.lease("cleanup", 1), lock_names.lease("cleanup", 2)}
