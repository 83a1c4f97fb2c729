"""Scratch folders are private, and removed after their run, even if it was killed."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from shared.errors import SourceError
from shared.runtime.workspace import scratch_folder

HOLDER = """
import sys
from pathlib import Path
from shared.runtime.workspace import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").mkdir()
    (folder / "half" / "file").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


def start(place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def folder_of(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_scratch_folder_is_private_and_removed_after_its_block(place: Path) -> None:
    with scratch_folder(place) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        (folder / "file").write_bytes(b"x")
    assert list(place.iterdir()) == []


def test_error_in_the_block_passes_through_and_the_folder_is_removed(place: Path) -> None:
    with pytest.raises(OSError, match="of the block"), scratch_folder(place):
        raise OSError(5, "of the block")
    assert list(place.iterdir()) == []


def test_folder_of_a_killed_run_is_removed_by_the_next(place: Path) -> None:
    with start(place) as process:
        folder = folder_of(process)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert (folder / "half" / "file").exists()
    with scratch_folder(place) as mine:
        assert list(place.iterdir()) == [mine]
    assert list(place.iterdir()) == []


def test_folder_of_a_running_process_is_kept(place: Path) -> None:
    with start(place) as process:
        folder = folder_of(process)
        with scratch_folder(place):
            assert (folder / "half" / "file").exists()
        assert (folder / "half" / "file").exists()
        process.communicate("")
    assert list(place.iterdir()) == []


def test_concurrent_scratch_folders_do_not_interfere(place: Path) -> None:
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(30):
                with scratch_folder(place) as folder:
                    (folder / "file").write_bytes(b"x")
                    assert (folder / "file").read_bytes() == b"x"
        except BaseException as error:  # noqa: BLE001 - a thread's error must reach the test
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", ["new-x", "run-x"])
def test_folder_without_a_lock_is_removed_only_if_old(place: Path, name: str) -> None:
    (place / name).mkdir(parents=True)
    with scratch_folder(place):
        assert (place / name).exists()
    os.utime(place / name, (1, 1))
    with scratch_folder(place):
        assert not (place / name).exists()


def test_foreign_files_and_links_are_kept(place: Path) -> None:
    outside = place.parent / "outside"
    outside.mkdir(parents=True)
    (outside / "file").write_bytes(b"theirs")
    (outside / ".lock").touch()
    place.mkdir()
    (place / "run-link").symlink_to(outside)
    (place / "run-file").touch()
    (place / "other").mkdir()
    os.utime(place / "other", (1, 1))
    with scratch_folder(place):
        pass
    assert (outside / "file").read_bytes() == b"theirs"
    assert {path.name for path in place.iterdir()} == {"run-link", "run-file", "other"}


def test_parent_folder_that_is_a_link_is_refused(place: Path) -> None:
    (place.parent / "elsewhere").mkdir()
    place.symlink_to(place.parent / "elsewhere")
    with pytest.raises(SourceError, match="is a link"), scratch_folder(place):
        pass


@pytest.mark.parametrize("below", [False, True])
def test_parent_folder_that_cannot_be_created_is_named(place: Path, below: bool) -> None:
    place.write_bytes(b"a file")
    where = place / "sub" if below else place
    with pytest.raises(SourceError, match=str(where)), scratch_folder(where):
        pass


def test_default_parent_is_the_users_folder_below_tmpdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as folder:
        assert folder.parent == tmp_path / f"litekeep-{os.getuid()}"
    folder.parent.chmod(0o755)
    with scratch_folder() as another:
        assert another.parent == folder.parent, "others may read the folder, but not write"


@pytest.mark.parametrize("planted", ["link", "file", "writable by others"])
def test_default_parent_taken_by_another_user_is_avoided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    usual = tmp_path / f"litekeep-{os.getuid()}"
    outside = tmp_path / "outside"
    outside.mkdir()
    if planted == "link":
        usual.symlink_to(outside)
    elif planted == "file":
        usual.touch()
    else:
        usual.mkdir()
        usual.chmod(0o777)
    with scratch_folder() as first:
        assert first.parent.parent == tmp_path
        assert first.parent.name.startswith(f"{usual.name}-")
        assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    with scratch_folder() as second:
        assert second.parent == first.parent, "otherwise folders of killed runs would never be removed"
    assert list(outside.iterdir()) == []
    assert planted != "writable by others" or list(usual.iterdir()) == []


def test_leftovers_are_removed_from_the_alternative_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"litekeep-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with scratch_folder() as folder:
        first = folder.parent
    left = first / "run-left"
    left.mkdir()
    (left / ".lock").touch()
    with scratch_folder() as folder:
        assert folder.parent == first
        assert not left.exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []
