import shutil
from pathlib import Path

import pytest

from shared.keys.keyfile import KeyFile
from shared.stores.folder import FolderStore
from tests.operations.rekey.builders import Place, publish
from tests.servers.kms.fixture import kms

__all__ = ["kms"]

FROZEN = Path(__file__).parents[2] / "frozen" / "format-1"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A store with six encrypted backups under an old key, and a new key."""
    old, new = tmp_path / "old.key", tmp_path / "new.key"
    KeyFile.create(old)
    KeyFile.create(new)
    place = Place(FolderStore(tmp_path / "store"), old, new)
    for number in range(6):
        publish(place.store, f"backup-{number}", place.old())
    return place


@pytest.fixture
def frozen(tmp_path: Path) -> Place:
    """A store with complete backups of the oldest format, one encrypted and one in clear."""
    shutil.copytree(FROZEN, tmp_path / "frozen")
    old, new = tmp_path / "frozen" / "frozen.key", tmp_path / "new.key"
    old.chmod(0o600)
    KeyFile.create(new)
    return Place(FolderStore(tmp_path / "frozen" / "store"), old, new)
