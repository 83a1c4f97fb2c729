"""Backups of every released format verify and restore with this version."""

import shutil
from pathlib import Path

import pytest

from shared.catalog.listing import Catalog
from shared.keys import open_key
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.run import restore
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


def frozen_format(folder: Path) -> str:
    return "format-1" if (folder / "original.sqlite").exists() else "format-2"


def test_every_format_has_a_frozen_backup() -> None:
    assert [path.name for path in FORMATS] == ["format-1", "format-2"]


@pytest.mark.parametrize(("name", "setting"), [("sealed", "file:frozen.key"), ("plain", "none")])
def test_frozen_backup_verifies_and_restores_equal(
    frozen: Path, monkeypatch: pytest.MonkeyPatch, name: str, setting: str
) -> None:
    monkeypatch.chdir(frozen)
    catalog, key = Catalog(open_store("store")), open_key(setting)
    chained = frozen_format(frozen) == "format-2"
    backup = catalog.find("latest", f"{name}.sqlite") if chained else catalog.find(name)
    verification = verify_backup(catalog, backup, key)
    assert [check for check in verification.checks if not check.ok] == []
    restore(RestoreOptions(catalog, backup, key, FileLocation(Path("back.db")), prove=True))
    original = frozen / (f"{name}.sqlite" if chained else "original.sqlite")
    assert_equal(original, frozen / "back.db")


@pytest.mark.parametrize("name", ["sealed", "plain"])
def test_frozen_chain_has_a_base_and_two_increments(name: str) -> None:
    backups = Catalog(open_store(str(FORMATS[-1] / "store"))).backups(database=f"{name}.sqlite")
    assert [backup.chain.cycle for backup in backups] == [2, 1, 0]
