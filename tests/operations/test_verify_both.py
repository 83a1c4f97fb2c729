"""Verification of both artifacts: in parallel with enough memory, else in sequence, with the same verdicts."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from threading import Barrier
from typing import BinaryIO

import apsw
import pytest

from shared.catalog.listing import Catalog
from shared.errors import StoreError
from shared.keys.keyfile import KeyFile
from shared.model.names import Format
from shared.operations.verify import artifacts
from shared.operations.verify.ladder import Verification, verify_backup
from shared.stores.folder import FolderStore
from tests.operations.place import Place

ENOUGH, TOO_LITTLE = 1 << 50, 1 << 20
BOTH = ("sqlite.zst.enc", "sql.gz.enc")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with closing(apsw.Connection(str(tmp_path / "app.db"))) as db:
        db.execute("CREATE TABLE t(a UNIQUE)")
        db.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(2000)])
    found = Place(tmp_path, KeyFile.create(tmp_path / "own.key"))
    found.back_up(formats=(Format.SQL, artifacts.Format.SQLITE))
    return found


@pytest.fixture(params=[ENOUGH, TOO_LITTLE], ids=["at once", "one after the other"])
def _room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    set_room(monkeypatch, request.param)


def set_room(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    monkeypatch.setattr(artifacts, "free_memory", lambda: memory)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


def details(found: Verification) -> dict[str, str]:
    return {check.name: check.detail for check in found.checks}


@pytest.mark.usefixtures("_room")
def test_each_artifact_gets_its_own_checks(place: Place) -> None:
    found = place.verify()
    assert found.ok
    assert details(found)["data"] == (
        "2000 rows, as backed up; integrity_check and foreign keys as in the source; "
        "dumped again: the same SQL; quick_check and foreign keys as in the source"
    )
    assert details(found)["checksum"].startswith("sqlite: ")


@pytest.mark.usefixtures("_room")
@pytest.mark.parametrize("which", BOTH)
def test_damaged_artifact_does_not_stop_verification_of_the_other(place: Place, which: str) -> None:
    stored = place.folder / "store/daily/app.db" / f"one.{which}"
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    found = place.verify()
    assert not found.ok
    assert [check.name for check in found.checks if not check.ok] == ["checksum"]
    assert {"image", "sql"} & set(details(found)) == {"sql" if which == BOTH[0] else "image"}


class Watched(FolderStore):
    """Calls `opening` with the name of each object that is opened."""

    def __init__(self, root: Path, opening: Callable[[str], None]) -> None:
        super().__init__(root)
        self.opening = opening

    def open(self, name: str, generation: str | None = None) -> AbstractContextManager[BinaryIO]:
        self.opening(name)
        return super().open(name, generation)


def verify(place: Place, opening: Callable[[str], None], stages: list[str]) -> Verification:
    catalog = Catalog(Watched(place.folder / "store", opening))
    return verify_backup(
        catalog, catalog.find("one"), place.key, progress=lambda stage, _done, _total: stages.append(stage)
    )


def test_artifacts_are_verified_in_parallel_with_enough_memory(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    set_room(monkeypatch, ENOUGH)
    meeting = Barrier(2)

    def opening(name: str) -> None:
        if name.endswith(BOTH):
            meeting.wait(timeout=60)

    assert verify(place, opening, []).ok


def test_artifacts_are_verified_in_sequence_with_too_little_memory(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_room(monkeypatch, TOO_LITTLE)
    stages: list[str] = []
    assert verify(place, lambda _name: None, stages).ok
    assert list(dict.fromkeys(stages)) == ["fetch sqlite", "sqlite", "fetch sql", "sql", "compare"]


@pytest.mark.usefixtures("_room")
@pytest.mark.parametrize("which", BOTH)
def test_store_error_ends_verification_without_verdict(place: Place, which: str) -> None:
    def opening(name: str) -> None:
        if name.endswith(which):
            raise StoreError("the store is out of reach")

    with pytest.raises(StoreError, match="out of reach"):
        verify(place, opening, [])
    assert place.find().verdicts == ()
