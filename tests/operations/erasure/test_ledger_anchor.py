"""A truncated ledger without a copy store is detected by the checkpoints of the audit trail."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from shared.audit.take import CheckpointOptions, take_checkpoint
from shared.errors import NotErased
from shared.keys.keyfile import KeyFile
from shared.model import report_names
from shared.model.manifest import Manifest
from shared.operations.erasure.ledger import append, read_ledger
from tests.operations.erasure.yard import NOON, ErasureYard

HOUR = timedelta(hours=1)
ENTRIES = [report_names.erasure(number) for number in (1, 2, 3)]


@pytest.fixture
def yard(tmp_path: Path) -> ErasureYard:
    """Three erasures, covered by a checkpoint."""
    yard = ErasureYard(tmp_path, KeyFile.create(tmp_path / "app.key"))
    for number in range(1, 4):
        yard.erase(number, NOON + number * HOUR)
    checkpoint(yard)
    return yard


def checkpoint(yard: ErasureYard) -> list[str]:
    """Takes a checkpoint and returns its problems with erasures."""
    taken = take_checkpoint(CheckpointOptions(yard.store, frozenset()))
    return [f"{each.object} {each.what}" for each in taken.problems if each.object.startswith("erasures/")]


def refused(yard: ErasureYard, made: Manifest, why: str) -> None:
    with pytest.raises(NotErased, match=why):
        yard.restored(made, yard.folder / "back.db")
    assert not (yard.folder / "back.db").exists()


@pytest.mark.parametrize("left", [2, 1, 0])
def test_entries_removed_from_ledger_end_stop_restore(yard: ErasureYard, left: int) -> None:
    made = yard.backup(NOON)
    for name in ENTRIES[left:]:
        yard.file(name).unlink()
    refused(yard, made, f"{ENTRIES[left]} of .* is missing, but the newest checkpoint of the audit trail has it")


def test_missing_ledger_stops_restore(yard: ErasureYard) -> None:
    made = yard.backup(NOON)
    shutil.move(yard.file("erasures"), yard.folder / "taken")
    for _ in range(3):
        problems = checkpoint(yard)
        assert f"{ENTRIES[0]} is gone since it was under a checkpoint" in problems
        refused(yard, made, "is missing, but the newest checkpoint")
    shutil.move(yard.folder / "taken", yard.file("erasures"))
    assert checkpoint(yard) == []
    assert yard.restored(made, yard.folder / "back.db").erased is not None


def test_ledger_rolled_back_and_extended_stops_restore(yard: ErasureYard) -> None:
    made = yard.backup(NOON)
    for name in ENTRIES[1:]:
        yard.file(name).unlink()
    (yard.file("audit")).rename(yard.folder / "aside")  # recorded by somebody who does not check the trail
    ledger = read_ledger(yard.store, yard.key)
    assert ledger is not None
    for number in (2, 3):
        append(yard.store, ledger, ledger.entries[0].model_copy(update={"number": number}))
    (yard.folder / "aside").rename(yard.file("audit"))
    refused(yard, made, f"{ENTRIES[1]} of .* differs from the one in the newest checkpoint")


def test_truncated_ledger_accepts_no_new_entry(yard: ErasureYard) -> None:
    yard.file(ENTRIES[2]).unlink()
    shutil.rmtree(yard.folder / "copies")
    with pytest.raises(NotErased, match="is missing, but the newest checkpoint"):
        yard.erase(4, NOON + 4 * HOUR)


def test_entries_recorded_after_checkpoint_are_accepted(yard: ErasureYard) -> None:
    made = yard.backup(NOON)
    yard.erase(4, NOON + 4 * HOUR)
    done = yard.restored(made, yard.folder / "back.db")
    assert done.erased is not None
    assert len(done.erased.entries) == 4
