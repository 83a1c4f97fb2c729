"""The lock of a folder store: one process deletes at a time, and waiting for the lock has a limit."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import StoreError
from shared.stores.folder import FolderStore
from tests.stores.contract import names, put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root)


def test_delete_holds_the_lock(store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = put(store, "daily/one")
    held: list[bool] = []
    real = os.unlink

    def unlink(path: str, **options: object) -> None:
        with (root / ".lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append(False)
            except BlockingIOError:
                held.append(True)
        real(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "unlink", unlink)
    store.delete("daily/one", generation)
    assert held == [True]


@pytest.mark.parametrize("way", ["LOCK_SH", "LOCK_EX"])
def test_lock_held_by_another_process_ends_the_wait_with_an_error(store: FolderStore, root: Path, way: str) -> None:
    generation = put(store, "daily/one")
    (root / ".lock").touch()
    code = (
        "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, getattr(fcntl, sys.argv[2]));"
        " print(1, flush=True); input()"
    )
    holder = [sys.executable, "-c", code, str(root / ".lock"), way]
    impatient = FolderStore(root, lock_patience_seconds=0)
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        with pytest.raises(StoreError, match=r"\.lock is locked by another process for over 0 s"):
            impatient.delete("daily/one", generation)
        assert names(store) == ["daily/one"]
        process.communicate("\n", timeout=60)
    impatient.delete("daily/one", generation)
    assert names(store) == []


def test_fifo_in_place_of_the_lock_file_is_an_error(root: Path) -> None:
    store = FolderStore(root)
    stored = store.create("a", b"content", {})
    os.mkfifo(root / ".lock")
    with pytest.raises(StoreError, match="not a plain file"):
        store.delete("a", stored.generation)
