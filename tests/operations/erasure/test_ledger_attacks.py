"""Attacks on the ledger of erasures: none leads to a restore without the erasures."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.errors import KeyProblem, NotErased
from shared.keys.keyfile import KeyFile
from shared.model import report_names
from shared.model.manifest import Manifest
from shared.operations.erasure.ledger import LARGEST, Ledger, append, key_object, read_ledger
from shared.stores.folder import FolderStore
from tests.operations.erasure.builders import traces
from tests.operations.erasure.yard import NOON, ErasureYard, Harm

HOUR = timedelta(hours=1)


@pytest.fixture
def yard(tmp_path: Path) -> ErasureYard:
    """Three erasures in the ledger of the store and of the copy store."""
    yard = ErasureYard(tmp_path, KeyFile.create(tmp_path / "app.key"))
    for number in range(1, 4):
        yard.erase(number, NOON + number * HOUR)
    return yard


@pytest.fixture
def made(yard: ErasureYard) -> Manifest:
    return yard.backup(NOON)


def entry(number: int) -> str:
    return report_names.erasure(number)


def changed(number: int, change: Callable[[bytes], bytes]) -> Harm:
    def harm(yard: ErasureYard) -> None:
        path = yard.file(entry(number))
        path.write_bytes(change(path.read_bytes()))

    return harm


def edited(place: int, **fields: Any) -> Harm:
    return changed(place, lambda raw: json.dumps(json.loads(raw) | fields).encode())


def removed(*objects: str) -> Harm:
    def harm(yard: ErasureYard) -> None:
        for name in objects:
            yard.file(name).unlink()

    return harm


def put(number: int, source: int) -> Harm:
    """Replaces an entry by another one of the same ledger."""
    return lambda yard: shutil.copyfile(yard.file(entry(source)), yard.file(entry(number))) and None


def _flip(raw: bytes) -> bytes:
    place = raw.index(b'"sealed": "') + 40
    return raw[:place] + (b"A" if raw[place : place + 1] != b"A" else b"B") + raw[place + 1 :]


def _swap(yard: ErasureYard) -> None:
    one, two = yard.file(entry(1)), yard.file(entry(2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def _from_an_older_state(yard: ErasureYard) -> None:
    """Puts back the third entry from before the ledger was rolled back to one entry and extended."""
    third = yard.file(entry(3)).read_bytes()
    for number in (2, 3):
        yard.file(entry(number)).unlink()
        (yard.folder / "copies" / entry(number)).unlink()
    yard.erase(9, NOON + 9 * HOUR)
    yard.file(entry(3)).write_bytes(third)


def _of_another_store(yard: ErasureYard) -> FolderStore:
    """Returns another store under the same wrapping key, with as many erasures."""
    other = yard.store_at("other")
    for number in range(1, 4):
        yard.erase(number + 50, NOON + number * HOUR, other)
    return other


def _entry_of_another_store(yard: ErasureYard) -> None:
    _of_another_store(yard)
    shutil.copyfile(yard.folder / "other" / entry(2), yard.file(entry(2)))


def _next_entry_of_another_database(yard: ErasureYard) -> None:
    """Records an entry for another database of this store, and copies it as the next one."""
    ledger = read_ledger(yard.store, yard.key)
    assert ledger is not None
    other = ledger.entries[-1].model_copy(update={"database": "other.db", "number": 4})
    append(yard.store, ledger, other)
    yard.file(entry(5)).write_bytes(yard.file(entry(4)).read_bytes())


def _sealed_with_another_secret(yard: ErasureYard) -> None:
    ledger = read_ledger(yard.store, yard.key)
    assert ledger is not None
    forged = Ledger(bytes(68), ledger.entries, ledger.head, ledger.heads)
    append(yard.store, forged, ledger.entries[0].model_copy(update={"number": 4, "values": 0, "hashes": []}))


def _too_large(yard: ErasureYard) -> None:
    with yard.file(entry(2)).open("r+b") as file:
        file.truncate(LARGEST + 1)


def _beyond_every_number(yard: ErasureYard) -> None:
    shutil.copyfile(yard.file(entry(3)), yard.file(entry(100_001)))


BRING_BACK = "bring it back from the copy store (litekeep copy)"


@pytest.mark.parametrize(
    ("harm", "what_to_do"),
    [
        pytest.param(changed(1, lambda raw: raw[:-60]), BRING_BACK, id="cut"),
        pytest.param(changed(3, lambda raw: raw[: len(raw) // 2]), BRING_BACK, id="newest cut"),
        pytest.param(changed(2, lambda _: b""), BRING_BACK, id="emptied"),
        pytest.param(changed(2, lambda _: b"[" * 100_000), BRING_BACK, id="nested without end"),
        pytest.param(changed(2, _flip), BRING_BACK, id="changed"),
        pytest.param(edited(2, sealed=""), BRING_BACK, id="seal removed"),
        pytest.param(edited(2, previous="0" * 64), BRING_BACK, id="other predecessor"),
        pytest.param(edited(3, number=4), BRING_BACK, id="renumbered inside"),
        pytest.param(removed(entry(1)), BRING_BACK, id="first removed"),
        pytest.param(removed(entry(2)), BRING_BACK, id="one between removed"),
        pytest.param(removed(report_names.erasure_key(1)), BRING_BACK, id="secret removed"),
        pytest.param(put(2, 1), BRING_BACK, id="first once more as second"),
        pytest.param(put(4, 3), BRING_BACK, id="newest once more as next"),
        pytest.param(_swap, BRING_BACK, id="renumbered by name"),
        pytest.param(_from_an_older_state, BRING_BACK, id="replayed from an older state"),
        pytest.param(_entry_of_another_store, BRING_BACK, id="copied from another store"),
        pytest.param(_next_entry_of_another_database, BRING_BACK, id="copied from another database"),
        pytest.param(_sealed_with_another_secret, BRING_BACK, id="sealed with another secret"),
        pytest.param(_too_large, "more than any entry", id="larger than any entry"),
        pytest.param(_beyond_every_number, "remove objects that are not yours", id="number beyond all"),
    ],
)
def test_tampered_ledger_stops_restore_with_remedy(
    yard: ErasureYard, made: Manifest, tmp_path: Path, harm: Harm, what_to_do: str
) -> None:
    harm(yard)
    with pytest.raises(NotErased, match=re.escape(what_to_do)):
        yard.restored(made, tmp_path / "back.db")
    assert not (tmp_path / "back.db").exists()


def _as_another_store_has_it(yard: ErasureYard) -> None:
    """Replaces the whole ledger by one of other persons, under the same wrapping key."""
    _of_another_store(yard)
    shutil.rmtree(yard.file("erasures"))
    shutil.copytree(yard.folder / "other/erasures", yard.file("erasures"))


def _set_back_and_gone_on(yard: ErasureYard) -> None:
    """Replaces the newest entries by others under the same secret."""
    for number in (2, 3):
        yard.file(entry(number)).unlink()
    ledger = read_ledger(yard.store, yard.key)
    assert ledger is not None
    for number in (2, 3):
        append(yard.store, ledger, ledger.entries[0].model_copy(update={"number": number}))


@pytest.mark.parametrize(
    ("harm", "what_to_do"),
    [
        pytest.param(removed(entry(3)), "bring them back with litekeep copy", id="newest removed"),
        pytest.param(removed(entry(3), entry(2)), "bring them back with litekeep copy", id="two newest removed"),
        pytest.param(removed(*map(entry, (1, 2, 3))), "bring them back with litekeep copy", id="all entries removed"),
        pytest.param(
            removed(*map(entry, (1, 2, 3)), report_names.erasure_key(1)),
            "bring them back with litekeep copy",
            id="no ledger left",
        ),
        pytest.param(_as_another_store_has_it, "find out which", id="the ledger of another store"),
        pytest.param(_set_back_and_gone_on, "find out which", id="set back and gone on from there"),
    ],
)
def test_ledger_that_differs_from_copy_store_stops_restore_with_remedy(
    yard: ErasureYard, made: Manifest, tmp_path: Path, harm: Harm, what_to_do: str
) -> None:
    harm(yard)
    with pytest.raises(NotErased, match=what_to_do):
        yard.restored(made, tmp_path / "back.db", witness=yard.copies)
    assert not (tmp_path / "back.db").exists()


def test_copy_store_behind_the_ledger_does_not_stop_restore(yard: ErasureYard, made: Manifest, tmp_path: Path) -> None:
    (yard.folder / "copies" / entry(3)).unlink()
    done = yard.restored(made, tmp_path / "back.db", witness=yard.copies)
    assert done.erased is not None
    assert done.erased.deleted == {"users": 3}


@pytest.mark.parametrize("wrapped_by", ["another key file", "nothing"])
def test_secret_not_wrapped_by_the_key_is_never_used(
    yard: ErasureYard, made: Manifest, tmp_path: Path, wrapped_by: str
) -> None:
    other = KeyFile.create(tmp_path / "other.key") if wrapped_by == "another key file" else None
    path = yard.file(report_names.erasure_key(1))
    whole = path.read_bytes()
    path.write_bytes(key_object(bytes(68), other))
    with pytest.raises(KeyProblem, match=r"BACKUP_KEY is another: set it to that one, or run litekeep rekey"):
        yard.restored(made, tmp_path / "back.db")
    assert not (tmp_path / "back.db").exists()
    path.write_bytes(whole)  # next to the genuine one it has no effect
    yard.file(report_names.erasure_key(2)).write_bytes(key_object(bytes(68), other))
    yard.restored(made, tmp_path / "back.db")
    assert traces(tmp_path / "back.db", "person1@people.example") == []


def test_second_secret_under_same_key_is_used_only_if_it_opens_entries(
    yard: ErasureYard, made: Manifest, tmp_path: Path
) -> None:
    yard.file(report_names.erasure_key(2)).write_bytes(key_object(bytes(68), yard.key))
    yard.restored(made, tmp_path / "back.db")
    assert traces(tmp_path / "back.db", "person1@people.example") == []
    yard.file(report_names.erasure_key(1)).write_bytes(key_object(bytes(68), yard.key))
    with pytest.raises(NotErased, match="is not authentic"):
        yard.restored(made, tmp_path / "again.db")


def test_entry_of_another_database_is_not_replayed(yard: ErasureYard, made: Manifest, tmp_path: Path) -> None:
    ledger = read_ledger(yard.store, yard.key)
    assert ledger is not None
    other = yard.erase(77, NOON + 4 * HOUR, yard.store_at("scratch")).entry
    forged = other.model_copy(update={"database": "other.db", "number": 4})
    append(yard.store, ledger, forged)
    done = yard.restored(made, tmp_path / "back.db")
    assert done.erased is not None
    assert len(done.erased.entries) == 3
