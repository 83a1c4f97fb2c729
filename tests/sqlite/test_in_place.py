"""Replacement in place: no other process uses the database, it is copied first, and no crash mixes old and new."""

import os
import stat
import subprocess
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from shared.errors import SourceError, UsageError
from shared.sqlite.replace import InPlace
from tests.sqlite.mounts import tiny_disk
from tests.sqlite.processes import (
    DIES_WITH_HOT_JOURNAL,
    DIES_WITH_WAL,
    HOLDS_EXCLUSIVELY,
    IDLES,
    assert_consistent,
    make_bank,
    query,
    run_to_death,
    running,
    state_of,
)

_MOMENT = datetime(2024, 1, 15, 12, tzinfo=UTC)


@pytest.fixture(params=["delete", "wal"])
def target(source_folder: Path, request: pytest.FixtureRequest) -> Path:
    path = make_bank(source_folder / "app.db", request.param)
    _label(path, "old")
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """The new database: larger than the target and with another page size, so that each page differs."""
    path = make_bank(tmp_path / "new.sqlite", "wal", page_size=8192, user_version=5)
    _label(path, "new")
    with closing(apsw.Connection(str(path))) as connection, connection:
        connection.executemany("INSERT INTO ballast VALUES (?, randomblob(9000))", ((n,) for n in range(1000, 2000)))
    return path


def _label(path: Path, text: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"CREATE TABLE label AS SELECT '{text}' AS text")


def _replace(target: Path, new: Path, copy: Path) -> None:
    with InPlace(target, _MOMENT, patience_seconds=0.05) as held:
        held.snapshot(copy)
        held.swap(new)


def test_target_has_the_new_content_and_the_safety_copy_the_old(target: Path, new: Path, copy: Path) -> None:
    _replace(target, new, copy)
    assert_consistent(target)
    assert (query(target, "SELECT text FROM label"), query(copy, "SELECT text FROM label")) == ("new", "old")
    for setting in ("journal_mode", "page_size", "user_version"):
        assert query(target, f"PRAGMA {setting}") == query(new, f"PRAGMA {setting}")
    assert target.stat().st_size == new.stat().st_size
    assert_consistent(copy)
    assert [file.name for file in target.parent.iterdir()] == ["app.db"]


def test_owner_mode_and_hard_links_are_kept(target: Path, new: Path, copy: Path) -> None:
    target.chmod(0o640)
    if os.getuid() == 0:
        os.chown(target, 1234, 4321)
    other = target.with_name("other-name.db")
    os.link(target, other)
    before = target.stat()
    _replace(target, new, copy)
    after = target.stat()
    assert (after.st_mode, after.st_uid, after.st_gid, after.st_ino) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
        before.st_ino,
    )
    assert query(other, "SELECT text FROM label") == "new"


def test_symbolic_link_to_the_target_is_kept(target: Path, new: Path, copy: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(target)
    _replace(link, new, copy)
    assert link.is_symlink()
    assert query(target, "SELECT text FROM label") == "new"


@pytest.mark.parametrize("code", [IDLES, HOLDS_EXCLUSIVELY])
def test_database_open_in_another_process_is_refused_and_the_process_named(
    target: Path, new: Path, copy: Path, code: str
) -> None:
    with running(code, target) as holder:
        before = state_of(target.parent)
        with pytest.raises(SourceError, match=rf"app\.db is open in process {holder.pid} \(python.*\): stop it"):
            _replace(target, new, copy)
        assert state_of(target.parent) == before
    assert query(target, "SELECT text FROM label") == "old"


def test_other_processes_are_locked_out_until_the_end(target: Path, new: Path, copy: Path) -> None:
    outsider = """
    connection.set_busy_timeout(0)
    try:
        run(connection, "SELECT * FROM label")
    except apsw.BusyError:
        ready()
    """
    with InPlace(target, _MOMENT) as held:
        held.snapshot(copy)
        with running(outsider, target):
            pass
        held.swap(new)
        with running(outsider, target):
            pass
    assert query(target, "SELECT text FROM label") == "new"


def test_process_that_waited_for_the_lock_continues_with_the_new_content(target: Path, new: Path, copy: Path) -> None:
    waiter = """
    try:
        connection.set_busy_timeout(0)
        run(connection, "SELECT * FROM label")
    except apsw.BusyError:
        ready()
    sys.stdin.readline()
    connection.set_busy_timeout(20000)
    assert run(connection, "SELECT text FROM label") == [("new",)]
    run(connection, "UPDATE label SET text = 'newer'")
    ready()
    sys.stdin.readline()
    """
    with InPlace(target, _MOMENT) as held:
        held.snapshot(copy)
        with running(waiter, target) as process:
            held.swap(new)
            held.__exit__(None, None, None)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
    assert query(target, "SELECT text FROM label") == "newer"
    assert_consistent(target)


def test_safety_copy_includes_wal_and_journal_left_by_a_crash(source_folder: Path, new: Path, copy: Path) -> None:
    for journal_mode, dies in (("wal", DIES_WITH_WAL), ("delete", DIES_WITH_HOT_JOURNAL)):
        target = make_bank(source_folder / f"{journal_mode}.db", journal_mode)
        run_to_death(dies, target)
        image = copy.with_name(journal_mode)
        _replace(target, new, image)
        assert_consistent(image)
        assert_consistent(target)
        assert query(target, "SELECT text FROM label") == "new"
        assert query(image, "SELECT count(*) FROM sqlite_schema WHERE name = 'only_in_wal'") == (journal_mode == "wal")
    assert {file.name for file in source_folder.iterdir()} == {"wal.db", "delete.db"}


def test_old_shm_is_removed(source_folder: Path, new: Path, copy: Path) -> None:
    target = make_bank(source_folder / "app.db", "wal")
    run_to_death(DIES_WITH_WAL, target)
    _replace(target, new, copy)
    assert [file.name for file in source_folder.iterdir()] == ["app.db"]


def test_interrupted_replacement_leaves_the_old_database(target: Path, new: Path, copy: Path) -> None:
    mode = query(target, "PRAGMA journal_mode")

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with InPlace(target, _MOMENT) as held:
        held.snapshot(copy)
        with pytest.raises(KeyboardInterrupt):
            held.swap(new, progress=interrupt)
    assert query(target, "SELECT text FROM label") == "old"
    assert query(target, "PRAGMA journal_mode") == mode
    assert_consistent(target)


def test_too_little_disk_space_is_reported_before_a_page_is_written(tmp_path: Path, new: Path, copy: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with tiny_disk(disk, "6m"):
        target = make_bank(disk / "app.db", "wal")
        before = state_of(disk)
        with InPlace(target, _MOMENT) as held:
            held.snapshot(copy)
            with pytest.raises(SourceError, match=rf"no room in {disk} for .*needed\): free some$"):
                held.swap(new)
        assert state_of(disk).keys() == before.keys()
        assert query(target, "PRAGMA journal_mode") == "wal"
        assert_consistent(target)


def test_disk_that_fills_up_during_the_replacement_leaves_the_old_database(
    tmp_path: Path, new: Path, copy: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()

    def fill(done: int, total: int) -> None:
        with (disk / "filler").open("ab", buffering=0) as file, suppress(OSError):
            for _ in range(40):
                file.write(bytes(1 << 20))

    with tiny_disk(disk, "24m"):
        target = make_bank(disk / "app.db")
        _label(target, "old")
        with InPlace(target, _MOMENT) as held:
            held.snapshot(copy)
            with pytest.raises(SourceError, match=f"no room in {disk}"):
                held.swap(new, progress=fill)
        assert query(target, "SELECT text FROM label") == "old"
        assert_consistent(target)


def test_nothing_is_replaced_without_a_safety_copy(target: Path, new: Path) -> None:
    with InPlace(target, _MOMENT) as held, pytest.raises(RuntimeError, match="no safety copy"):
        held.swap(new)
    assert query(target, "SELECT text FROM label") == "old"


def test_missing_target_or_folder_is_a_usage_error(source_folder: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        InPlace(source_folder / "app.db", _MOMENT).__enter__()
    with pytest.raises(UsageError, match="is not a file"):
        InPlace(source_folder, _MOMENT).__enter__()


_KILLED = """
import os, sys
from datetime import datetime, timezone
from pathlib import Path
from shared.sqlite.replace import InPlace
target, new, copy, where, count = sys.argv[1:]
reached = 0
def step(name):
    global reached
    reached += name == where
    if reached == int(count):
        os._exit(99)
with InPlace(Path(target), datetime(2024, 1, 15, 12, tzinfo=timezone.utc), step=step) as held:
    held.keep_bytes() if held.damaged else held.snapshot(Path(copy))
    held.swap(Path(new))
"""


def _kill_at(step: str, target: Path, new: Path, copy: Path, count: int = 1) -> None:
    command = [sys.executable, "-c", _KILLED, *map(str, (target, new, copy, step, count))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 99, f"{step} was never reached: {done.stderr}"


@pytest.mark.parametrize(
    ("step", "count", "left"),
    [
        ("locked", 1, "old"),
        ("wal-left", 1, "old"),
        ("pages", 1, "old"),
        ("pages", 2, "old"),
        ("committed", 1, "new"),
        ("compared", 1, "new"),
        ("closed", 1, "new"),
    ],
)
def test_kill_at_any_step_leaves_the_old_or_the_new_database_complete(
    target: Path, new: Path, copy: Path, step: str, count: int, left: str
) -> None:
    _kill_at(step, target, new, copy, count)
    assert query(target, "SELECT text FROM label") == left
    assert_consistent(target)


def test_kill_during_the_copy_happens_after_pages_were_overwritten(source_folder: Path, new: Path, copy: Path) -> None:
    """Otherwise the test above would not prove the rollback."""
    target = make_bank(source_folder / "app.db")
    before = target.read_bytes()
    _kill_at("pages", target, new, copy)
    assert target.read_bytes()[: len(before)] != before
    assert (source_folder / "app.db-journal").stat().st_size > len(before) // 2


def _damaged(folder: Path) -> Path:
    target = folder / "app.db"
    target.write_bytes(b"no database at all" * 1000)
    for suffix in ("-wal", "-journal", "-shm"):
        Path(f"{target}{suffix}").write_text(f"old{suffix}")
    target.chmod(0o640)
    return target


def test_damaged_file_is_kept_byte_for_byte_and_replaced(source_folder: Path, new: Path) -> None:
    target = _damaged(source_folder)
    before = target.read_bytes()
    with InPlace(target, _MOMENT) as held:
        assert held.damaged
        kept = held.keep_bytes()
        held.swap(new)
    assert kept == source_folder / "app.db.before-restore-20240115T120000Z"
    assert kept.read_bytes() == before
    for suffix in ("-wal", "-journal"):
        assert Path(f"{kept}{suffix}").read_text() == f"old{suffix}"
        assert not Path(f"{target}{suffix}").exists()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert query(target, "SELECT text FROM label") == "new"


@pytest.mark.parametrize("damage", ["truncated", "torn header"])
def test_database_that_sqlite_cannot_open_can_be_replaced(source_folder: Path, new: Path, damage: str) -> None:
    target = make_bank(source_folder / "app.db")
    if damage == "truncated":
        os.truncate(target, target.stat().st_size - 4096)
    else:
        target.write_bytes(b"\0" * 4096 + target.read_bytes()[4096:])
    with InPlace(target, _MOMENT) as held:
        assert held.damaged
        held.keep_bytes()
        held.swap(new)
    assert_consistent(target)


def test_wal_beside_a_damaged_main_file_is_not_removed(source_folder: Path) -> None:
    """It may be all that is left of the database."""
    target = make_bank(source_folder / "app.db", "wal")
    run_to_death('run(connection, "UPDATE savings SET amount = 1 WHERE id = 1")\nos.kill(os.getpid(), 9)', target)
    target.write_bytes(b"\0" * 4096 + target.read_bytes()[4096:])
    before = state_of(source_folder)
    assert before["app.db-wal"][3]
    with InPlace(target, _MOMENT) as held:
        assert held.damaged
    assert state_of(source_folder) == before


def test_damaged_file_open_in_another_process_is_refused(source_folder: Path, new: Path) -> None:
    target = _damaged(source_folder)
    with running("file = open(path, 'rb')\nready()\nsys.stdin.read()", target) as holder:
        before = state_of(source_folder)
        with pytest.raises(SourceError, match=f"is open in process {holder.pid}"):
            InPlace(target, _MOMENT).__enter__()
        assert state_of(source_folder) == before


@pytest.mark.parametrize("step", ["locked", "kept", "cleared", "renamed"])
def test_kill_while_a_damaged_file_is_replaced_loses_and_mixes_nothing(
    source_folder: Path, new: Path, copy: Path, step: str
) -> None:
    target = _damaged(source_folder)
    before = target.read_bytes()
    _kill_at(step, target, new, copy)
    if step == "renamed":
        assert query(target, "SELECT text FROM label") == "new"
    else:
        assert target.read_bytes() == before
    kept = source_folder / "app.db.before-restore-20240115T120000Z"
    wal = Path(f"{target}-wal" if step == "locked" else f"{kept}-wal")
    assert wal.read_text() == "old-wal"
    if step in ("cleared", "renamed"):
        assert kept.read_bytes() == before
        assert {file.name for file in source_folder.iterdir()} >= {"app.db", kept.name}
        assert not [file for file in source_folder.iterdir() if file.name in ("app.db-wal", "app.db-journal")]
