"""A ledger that was cut at its end, without a copy store: the checkpoints of the audit trail tell of it."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from shared.audit.take import Order, take_checkpoint
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
    """Three erasures, which a checkpoint has."""
    yard = ErasureYard(tmp_path, KeyFile.create(tmp_path / "app.key"))
    for number in range(1, 4):
        yard.erase(number, NOON + number * HOUR)
    checkpoint(yard)
    return yard


def checkpoint(yard: ErasureYard) -> list[str]:
    """Returns what it says of erasures."""
    taken = take_checkpoint(Order(yard.store, frozenset()))
    return [f"{each.object} {each.what}" for each in taken.problems if each.object.startswith("erasures/")]


def refused(yard: ErasureYard, made: Manifest, why: str) -> None:
    with pytest.raises(NotErased, match=why):
        yard.restored(made, yard.folder / "back.db")
    assert not (yard.folder / "back.db").exists()


@pytest.mark.parametrize("left", [2, 1, 0])
def test_entries_that_were_removed_from_the_end_stop_a_restore(yard: ErasureYard, left: int) -> None:
    made = yard.backup(NOON)
    for name in ENTRIES[left:]:
        yard.file(name).unlink()
    refused(yard, made, f"{ENTRIES[left]} of .* is missing, and the newest checkpoint of the audit trail has it")


def test_a_ledger_that_is_gone_altogether_stops_a_restore_hours_later_too(yard: ErasureYard) -> None:
    made = yard.backup(NOON)
    shutil.move(yard.file("erasures"), yard.folder / "taken")
    for _ in range(3):
        told = checkpoint(yard)
        assert f"{ENTRIES[0]} is gone since it was under a checkpoint" in told
        refused(yard, made, "is missing, and the newest checkpoint")
    shutil.move(yard.folder / "taken", yard.file("erasures"))
    assert checkpoint(yard) == []
    assert yard.restored(made, yard.folder / "back.db").erased is not None


def test_a_ledger_that_was_set_back_and_went_on_stops_a_restore(yard: ErasureYard) -> None:
    made = yard.backup(NOON)
    for name in ENTRIES[1:]:
        yard.file(name).unlink()
    (yard.file("audit")).rename(yard.folder / "aside")  # as somebody records who does not look
    ledger = read_ledger(yard.store, yard.key)
    assert ledger is not None
    for number in (2, 3):
        append(yard.store, ledger, ledger.entries[0].model_copy(update={"number": number}))
    (yard.folder / "aside").rename(yard.file("audit"))
    refused(yard, made, f"{ENTRIES[1]} of .* is another than the newest checkpoint")


def test_nothing_more_is_recorded_in_a_ledger_that_was_cut(yard: ErasureYard) -> None:
    yard.file(ENTRIES[2]).unlink()
    shutil.rmtree(yard.folder / "copies")
    with pytest.raises(NotErased, match="is missing, and the newest checkpoint"):
        yard.erase(4, NOON + 4 * HOUR)


def test_what_was_recorded_since_the_checkpoint_changes_nothing(yard: ErasureYard) -> None:
    made = yard.backup(NOON)
    yard.erase(4, NOON + 4 * HOUR)
    done = yard.restored(made, yard.folder / "back.db")
    assert done.erased is not None
    assert len(done.erased.entries) == 4
