"""Snapshots of idle and crashed databases: complete, and without a change of the source."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.sqlite.sqlite_file import snapshot_file
from tests.sqlite.processes import (
    DIES_WITH_HOT_JOURNAL,
    DIES_WITH_WAL,
    TOTAL,
    WAL_READER_AND_WRITER,
    WRITES_AND_WAITS,
    assert_consistent,
    make_bank,
    query,
    run_to_death,
    running,
    state_of,
)

_COUNTERS = {*range(24, 28), *range(92, 100)}


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_snapshot_equals_its_source_except_for_the_write_counters(
    source_folder: Path, copy: Path, journal_mode: str
) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    before = state_of(source_folder)

    found = snapshot_file(source, copy)

    assert state_of(source_folder) == before
    image, original = copy.read_bytes(), source.read_bytes()
    assert len(image) == len(original)
    assert {at for at, (a, b) in enumerate(zip(image, original, strict=True)) if a != b} <= _COUNTERS
    assert (found.journal_mode, found.size_bytes) == (journal_mode, len(image))
    assert found.page_size * found.page_count == len(image)
    assert found.sqlite_version == apsw.sqlite_lib_version()


@pytest.mark.parametrize("page_size", [512, 1024, 65536])
def test_snapshot_keeps_page_size_vacuum_mode_and_schema_version(
    source_folder: Path, copy: Path, page_size: int
) -> None:
    source = make_bank(source_folder / "app.db", page_size=page_size, auto_vacuum=2, user_version=7, application_id=-5)
    with closing(apsw.Connection(str(source))) as connection:
        connection.pragma("schema_version", 4_000_000_000 - 2**32)

    assert snapshot_file(source, copy).page_size == page_size

    for setting, wanted in {"auto_vacuum": 2, "user_version": 7, "application_id": -5}.items():
        assert query(copy, f"PRAGMA {setting}") == wanted
    assert query(copy, "PRAGMA schema_version") == query(source, "PRAGMA schema_version")


def test_snapshot_keeps_reserved_bytes_of_pages(source_folder: Path, copy: Path) -> None:
    source = source_folder / "app.db"
    with closing(apsw.Connection(str(source))) as connection:
        connection.reserve_bytes(reserve=32)
        connection.execute("CREATE TABLE t(x)")
        connection.execute("INSERT INTO t VALUES (1)")
    snapshot_file(source, copy)
    assert copy.read_bytes()[20] == source.read_bytes()[20] == 32


def test_snapshot_is_one_private_file(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    run_to_death(DIES_WITH_WAL, source)
    snapshot_file(source, copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert list(copy.parent.iterdir()) == [copy]


def test_system_sqlite_reads_a_snapshot(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    snapshot_file(source, copy)
    with closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_wal_left_by_a_killed_writer_is_read_and_not_changed(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    run_to_death(DIES_WITH_WAL, source)
    before = state_of(source_folder)
    assert before.keys() == {"app.db", "app.db-wal", "app.db-shm"}

    found = snapshot_file(source, copy)

    assert state_of(source_folder) == before
    assert found.journal_mode == "wal"
    assert_consistent(copy)
    assert query(copy, "SELECT count(*) FROM only_in_wal") == 0


def test_wal_without_shm_is_read_and_no_shm_is_created(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    run_to_death(DIES_WITH_WAL, source)
    (source_folder / "app.db-shm").unlink()
    before = state_of(source_folder)

    snapshot_file(source, copy)

    assert state_of(source_folder) == before
    assert query(copy, "SELECT count(*) FROM only_in_wal") == 0
    assert_consistent(copy)


def test_hot_journal_is_rolled_back_in_the_copy_only(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    run_to_death(DIES_WITH_HOT_JOURNAL, source)
    before = state_of(source_folder)
    assert before.keys() == {"app.db", "app.db-journal"}

    snapshot_file(source, copy)

    assert state_of(source_folder) == before
    assert_consistent(copy)
    assert query(copy, "SELECT count(*) FROM ballast WHERE filler = zeroblob(3000)") == 0


def test_hot_journal_of_a_two_file_transaction_uses_its_super_journal(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    other = make_bank(source_folder / "other.db")
    run_to_death(
        f"""
        run(connection, "ATTACH '{other}' AS other")
        class Vfs(apsw.VFS):
            def __init__(self):
                super().__init__("dies", "")
            def xDelete(self, name, syncdir):
                os.kill(os.getpid(), 9)  # when it deletes the super-journal: everything is written, nothing committed
        vfs = Vfs()
        connection.close()
        connection = apsw.Connection(path, vfs="dies")
        run(connection, "ATTACH '{other}' AS other")
        run(connection, "BEGIN")
        run(connection, "UPDATE main.savings SET amount = 0")
        run(connection, "UPDATE other.savings SET amount = 0")
        run(connection, "COMMIT")
        """,
        source,
    )
    before = state_of(source_folder)
    assert {"app.db-journal", "other.db-journal"} < before.keys()
    assert len(before) == 5

    snapshot_file(source, copy)

    assert state_of(source_folder) == before
    assert_consistent(copy)
    assert_consistent(source)


def test_snapshot_of_an_open_wal_database_includes_uncheckpointed_commits(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    with running(WAL_READER_AND_WRITER, source):
        before = state_of(source_folder)
        found = snapshot_file(source, copy)
        assert state_of(source_folder) == before
    assert found.journal_mode == "wal"
    assert query(copy, "SELECT count(*) FROM only_in_wal") == 0
    assert_consistent(copy)


def test_uncommitted_changes_are_not_in_the_snapshot(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    with running(WRITES_AND_WAITS, source):
        before = state_of(source_folder)
        assert "app.db-journal" in before
        snapshot_file(source, copy)
        assert state_of(source_folder) == before
    assert_consistent(copy)


def test_symbolic_link_is_followed_to_the_file_and_its_wal(source_folder: Path, tmp_path: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    run_to_death(DIES_WITH_WAL, source)
    link = tmp_path / "link.db"
    link.symlink_to(source)
    snapshot_file(link, copy)
    assert query(copy, "SELECT count(*) FROM only_in_wal") == 0


@pytest.mark.parametrize("name", ["wi th?query=1#x&mode=rwc.db", "per%cent%20.db", "ünï\udcff.db", "'q\"uote.db"])
def test_source_may_have_any_file_name(source_folder: Path, copy: Path, name: str) -> None:
    plain = make_bank(source_folder / "plain.db")
    source = source_folder / name
    plain.rename(source)
    snapshot_file(source, copy)
    assert list(source_folder.iterdir()) == [source]
    assert_consistent(copy)


def test_progress_ends_at_the_total_size(source_folder: Path, copy: Path) -> None:
    for journal_mode in ("delete", "wal"):
        source = make_bank(source_folder / f"{journal_mode}.db", journal_mode)
        calls: list[tuple[int, int]] = []
        snapshot_file(source, copy, progress=lambda done, total, calls=calls: calls.append((done, total)))
        assert calls[-1] == (source.stat().st_size, source.stat().st_size)
        copy.unlink()


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_interrupted_snapshot_leaves_no_files(source_folder: Path, copy: Path, journal_mode: str) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    before = state_of(source_folder)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snapshot_file(source, copy, progress=interrupt)
    assert not list(copy.parent.iterdir())
    assert state_of(source_folder) == before


def test_database_with_a_schema_that_does_not_parse_is_copied(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    with closing(apsw.Connection(str(source))) as connection:
        connection.pragma("writable_schema", True)
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE nonsense(' WHERE name = 'giro'")
    snapshot_file(source, copy)
    assert copy.read_bytes()[100:] == source.read_bytes()[100:]


def test_invariant_of_the_tests_detects_a_changed_row(source_folder: Path) -> None:
    source = make_bank(source_folder / "app.db")
    with closing(apsw.Connection(str(source))) as connection:
        connection.execute("UPDATE savings SET amount = amount + 1 WHERE id = 1")
    assert query(source, "SELECT sum(amount) FROM savings") + query(source, "SELECT sum(amount) FROM giro") != TOTAL
