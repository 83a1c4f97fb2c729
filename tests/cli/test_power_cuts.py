"""Results survive a power cut: content is synced before a file gets its name, and the folder afterwards.

Checked in the system calls of real commands, for each file in the store and each key, target and export.
"""

import os

import pytest

from shared.stores.folder import FolderStore
from tests.cli.conftest import Workplace
from tests.cli.system_calls import Disk, traced
from tests.retention.cleanup.shelf import fill


def _replayed(workplace: Workplace, *arguments: str, **settings: str) -> Disk:
    disk = Disk(workplace.folder)
    disk.replay(traced(workplace, *arguments, **settings))
    return disk


def _names(disk: Disk, workplace: Workplace) -> set[str]:
    return {str(name.relative_to(workplace.folder)) for name in disk.names}


def test_first_backup_and_its_key_survive_a_power_cut(workplace: Workplace) -> None:
    disk = _replayed(workplace, "backup", "--name", "one")
    place = "backups/on-demand/app.db"
    assert _names(disk, workplace) >= {
        "litekeep.key",
        "backups",
        place,
        f"{place}/one.sql.gz.enc",
        f"{place}/one.sqlite.zst.enc",
        f"{place}/one.manifest.json",
    }
    assert disk.faults == []


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["restore", "--backup", "latest", "--to", "new.db"], "new.db"),
        (["copy", "--to", "elsewhere"], "elsewhere/on-demand/app.db/one.manifest.json"),
        (["export", "--backup", "latest", "--output", "out.sql.gz"], "out.sql.gz"),
        (["keygen", "keys/other.key"], "keys/other.key"),
        (["hold", "one", "--reason", "audit"], "backups/on-demand/app.db/one.hold.json"),
    ],
)
def test_result_of_a_command_survives_a_power_cut(workplace: Workplace, arguments: list[str], name: str) -> None:
    workplace.good("backup", "--name", "one")
    disk = _replayed(workplace, *arguments)
    assert name in _names(disk, workplace)
    assert disk.faults == []


def test_database_replaced_in_place_survives_a_power_cut(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    disk = _replayed(workplace, "restore", "--backup", "one", "--in-place")
    assert any("before-restore" in name for name in _names(disk, workplace))
    assert disk.faults == []


def test_safety_copy_of_damaged_database_survives_a_power_cut(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    workplace.database.write_bytes(b"no database" * 1000)
    disk = _replayed(workplace, "restore", "--backup", "one", "--in-place")
    assert "app.db" in _names(disk, workplace)
    assert disk.faults == []


@pytest.mark.parametrize(
    ("arguments", "gone"),
    [(["cleanup"], "old0"), (["delete", "b2", "--reason", "wrong one"], "b2")],
    ids=["cleanup", "delete"],
)
def test_deletion_removes_manifest_first_and_survives_a_power_cut(
    workplace: Workplace, arguments: list[str], gone: str
) -> None:
    """A manifest whose artifacts are lost in a power cut would be a backup that cannot be restored."""
    fill(FolderStore(workplace.store), old=1)
    disk = _replayed(workplace, *arguments, ENVIRONMENT="production")
    removed = [path.name for path in disk.removed if path.name.startswith(gone)]
    assert removed[0] == f"{gone}.manifest.json"
    assert {f"{gone}.sql.gz", f"{gone}.sqlite.zst"} <= set(removed)
    assert disk.faults == []


def test_retirement_survives_a_power_cut(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    disk = _replayed(workplace, "retire", "--database", "app.db", "--reason", "moved")
    assert [name for name in _names(disk, workplace) if "retired" in name]
    assert disk.faults == []


def test_missing_sync_after_a_removal_is_detected(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "one")
    lines = traced(workplace, "delete", "one", "--reason", "wrong one", "--force")
    place = str(workplace.store / "on-demand" / "app.db")
    disk = Disk(workplace.folder)
    disk.replay([line for line in lines if not ("fsync(" in line and f"<{place}>" in line)])
    assert any("went before the folder of its manifest" in fault for fault in disk.faults)
    assert any("was not synced after it went" in fault for fault in disk.faults)


def test_missing_sync_is_detected(workplace: Workplace) -> None:
    lines = traced(workplace, "backup", "--name", "one")
    syncs = [at for at, line in enumerate(lines) if "fsync(" in line and str(workplace.store) + "/on-demand" in line]
    content = [at for at, line in enumerate(lines) if "fsync(" in line and f"{os.sep}.staging{os.sep}" in line]
    for missing in (syncs, content):
        disk = Disk(workplace.folder)
        disk.replay([line for at, line in enumerate(lines) if at not in missing])
        assert disk.faults != []
