"""What was backed up once comes back, whatever was changed since."""

import shutil
from pathlib import Path

import pytest

from shared.catalog.listing import Catalog
from shared.keys import open_key
from shared.operations.restore import RestoreOrder, restore
from shared.operations.verify.ladder import verify_backup
from shared.sqlite.location import FileLocation
from shared.stores import open_store
from tests.dump.equality import assert_equal

FORMATS = sorted(path for path in Path(__file__).parent.glob("format-*"))


@pytest.fixture(params=FORMATS, ids=lambda path: path.name)
def frozen(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "frozen"
    shutil.copytree(request.param, folder)
    (folder / "frozen.key").chmod(0o600)  # a checkout does not keep modes
    return folder


def test_there_is_a_frozen_backup_of_each_format_ever_written() -> None:
    assert [path.name for path in FORMATS] == ["format-1"]


@pytest.mark.parametrize(("name", "setting"), [("sealed", "file:frozen.key"), ("plain", "none")])
def test_a_frozen_backup_verifies_and_comes_back_equal(
    frozen: Path, monkeypatch: pytest.MonkeyPatch, name: str, setting: str
) -> None:
    monkeypatch.chdir(frozen)
    catalog, key = Catalog(open_store("store")), open_key(setting)
    backup = catalog.find(name)
    verification = verify_backup(catalog, backup, key)
    assert [check for check in verification.checks if not check.ok] == []
    restore(RestoreOrder(catalog, backup, key, FileLocation(Path("back.db")), prove=True))
    assert_equal(frozen / "original.sqlite", frozen / "back.db")
