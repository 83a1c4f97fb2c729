"""Each snapshot taken while other processes write is one committed state."""

from pathlib import Path

import pytest

from shared.errors import SourceError
from shared.sqlite.sqlite_file import snapshot_file
from tests.sqlite.processes import (
    HOLDS_EXCLUSIVELY,
    IDLES,
    TRANSFERS,
    WRITES_AND_WAITS,
    assert_consistent,
    make_bank,
    query,
    running,
)

_SNAPSHOTS = 15


@pytest.mark.parametrize("journal_mode", ["delete", "truncate", "persist", "wal"])
def test_snapshots_during_writes_are_consistent(source_folder: Path, copy: Path, journal_mode: str) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    code = f'run(connection, "PRAGMA journal_mode = {journal_mode}")\n' + TRANSFERS
    sums = set()
    with running(code, source), running(code, source):
        for _ in range(_SNAPSHOTS):
            snapshot_file(source, copy)
            assert_consistent(copy)
            sums.add(query(copy, "SELECT sum(id * amount) FROM giro"))
            copy.unlink()
    assert len(sums) > 1, "no process wrote meanwhile, so this test proved nothing"


def test_snapshots_of_a_database_that_is_repeatedly_opened_and_closed_are_consistent(
    source_folder: Path, copy: Path
) -> None:
    """Each close removes -wal and -shm and each open creates them, so the method changes during a snapshot."""
    source = make_bank(source_folder / "app.db", "wal")
    code = """
    for count in range(100000):
        connection = apsw.Connection(path)
        connection.set_busy_timeout(20000)
        run(connection, "PRAGMA synchronous = OFF")
        run(connection, "BEGIN IMMEDIATE")
        run(connection, "UPDATE savings SET amount = amount - 3 WHERE id = ?", count % 50)
        run(connection, "UPDATE giro SET amount = amount + 3 WHERE id = ?", count % 49)
        run(connection, "UPDATE ballast SET filler = randomblob(3000) WHERE id = ?", count % 400)
        run(connection, "COMMIT")
        connection.close()
        if count == 2:
            ready()
    """
    with running(code, source):
        for _ in range(_SNAPSHOTS):
            snapshot_file(source, copy)
            assert_consistent(copy)
            copy.unlink()
    assert_consistent(source)


def test_commit_during_the_copy_of_a_wal_database_is_not_blocked_and_not_copied(
    source_folder: Path, copy: Path
) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    code = 'run(connection, "CREATE TABLE IF NOT EXISTS meanwhile(x)")\nready()\nsys.stdin.read()'

    def commit(done: int, total: int) -> None:
        with running(code, source):
            pass

    with running(IDLES, source):
        snapshot_file(source, copy, progress=commit)
    counting = "SELECT count(*) FROM sqlite_schema WHERE name = 'meanwhile'"
    assert (query(copy, counting), query(source, counting)) == (0, 1)
    assert_consistent(copy)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_source_that_stays_locked_is_an_error_after_the_timeout(
    source_folder: Path, copy: Path, journal_mode: str
) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    with running(HOLDS_EXCLUSIVELY, source), pytest.raises(SourceError, match=r"app\.db is locked by another"):
        snapshot_file(source, copy, patience_seconds=0.05)
    assert not list(copy.parent.iterdir())


def test_snapshot_waits_for_a_lock_that_is_released_in_time(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    code = """
    run(connection, "BEGIN EXCLUSIVE")
    ready()
    sys.stdin.readline()
    run(connection, "COMMIT")
    """
    with running(code, source) as holder:
        with pytest.raises(SourceError, match="locked"):
            snapshot_file(source, copy, patience_seconds=0.02)
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
        snapshot_file(source, copy)
    assert_consistent(copy)


def test_snapshot_does_not_drop_locks_of_other_processes(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    second_writer = """
    connection.set_busy_timeout(0)
    try:
        run(connection, "BEGIN IMMEDIATE")
    except apsw.BusyError:
        ready()
    """
    with running(WRITES_AND_WAITS, source):
        snapshot_file(source, copy)
        with running(second_writer, source):
            pass
