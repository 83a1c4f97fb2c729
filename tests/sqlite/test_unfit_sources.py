"""Sources without a good snapshot give a one-line error and the right exit code, and leave no files."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from shared.databases.snapshot import check_readable
from shared.errors import CorruptSource, LitekeepError, NotGood, SourceError
from shared.operations.verify.rebuild import write_foreign_pages
from shared.sqlite.connect import UNREADABLE_SCHEMA
from shared.sqlite.location import FileLocation
from shared.sqlite.sqlite_file import snapshot_file
from tests.sqlite.mounts import read_only, tiny_disk
from tests.sqlite.processes import DIES_WITH_WAL, assert_consistent, make_bank, run_to_death, state_of


def _refusal(source: Path, copy: Path) -> LitekeepError:
    with pytest.raises(LitekeepError) as caught:
        snapshot_file(source, copy)
    assert list(copy.parent.iterdir()) == [], "files were left behind"
    assert "\n" not in str(caught.value)
    return caught.value


def test_missing_file_is_refused_and_not_created(source_folder: Path, copy: Path) -> None:
    error = _refusal(source_folder / "missing.db", copy)
    assert "missing.db does not exist" in str(error)
    assert error.exit_code == 1
    assert not list(source_folder.iterdir())


def test_a_folder_is_refused(source_folder: Path, copy: Path) -> None:
    assert "is a folder" in str(_refusal(source_folder, copy))


def test_symbolic_link_loop_is_refused(source_folder: Path, copy: Path) -> None:
    (source_folder / "a.db").symlink_to("b.db")
    (source_folder / "b.db").symlink_to("a.db")
    assert "loop" in str(_refusal(source_folder / "a.db", copy))


def test_pipe_is_refused_without_waiting_for_a_writer(source_folder: Path, copy: Path) -> None:
    os.mkfifo(source_folder / "pipe.db")
    assert "not a regular file" in str(_refusal(source_folder / "pipe.db", copy))


def test_empty_file_is_refused(source_folder: Path, copy: Path) -> None:
    source = source_folder / "app.db"
    source.touch()
    error = _refusal(source, copy)
    assert "is empty (0 bytes)" in str(error)
    assert isinstance(error, CorruptSource)


@pytest.mark.parametrize(
    "content", [b"x", b"hello, " * 999, bytes(range(255, -1, -1)) * 32, b"SQLite format 3\0" + bytes(8176)]
)
def test_other_or_encrypted_file_is_refused(source_folder: Path, copy: Path, content: bytes) -> None:
    source = source_folder / "app.db"
    source.write_bytes(content)
    error = _refusal(source, copy)
    assert "is not a SQLite database, or it is encrypted" in str(error)
    assert error.exit_code == 3
    assert source.read_bytes() == content


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("missing", [1, 4096, 500_000])
def test_truncated_file_is_refused_with_both_sizes(
    source_folder: Path, copy: Path, journal_mode: str, missing: int
) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    size = source.stat().st_size
    os.truncate(source, size - missing)
    error = _refusal(source, copy)
    assert f"is truncated: {size - missing} bytes where its header promises {size}" in str(error)
    assert isinstance(error, CorruptSource)


def test_file_truncated_in_its_header_is_refused(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    os.truncate(source, 60)
    assert isinstance(_refusal(source, copy), CorruptSource)


def test_file_whose_last_pages_are_in_the_wal_is_not_called_truncated(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    run_to_death(
        """
        run(connection, "PRAGMA wal_autocheckpoint = 0")
        run(connection, "INSERT INTO ballast SELECT id + 1000, filler FROM ballast")
        os.kill(os.getpid(), 9)
        """,
        source,
    )
    snapshot_file(source, copy)
    assert_consistent(copy)
    assert copy.stat().st_size > source.stat().st_size


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_allow_corrupt_copies_a_damaged_file_byte_for_byte(source_folder: Path, copy: Path, journal_mode: str) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    os.truncate(source, source.stat().st_size - 4096)
    before = state_of(source_folder)
    found = snapshot_file(source, copy, allow_corrupt=True)
    assert copy.read_bytes() == source.read_bytes()
    assert found.size_bytes == copy.stat().st_size
    assert state_of(source_folder) == before


def test_allow_corrupt_copies_a_damaged_file_that_has_a_wal(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db", "wal")
    run_to_death('run(connection, "UPDATE savings SET amount = 1 WHERE id = 1")\nos.kill(os.getpid(), 9)', source)
    with source.open("r+b") as file:
        file.write(b"SQLite format 3\0" + b"\x10\0\2\2\0\xff\xff\xff")  # invalid payload fractions
    before = state_of(source_folder)
    assert isinstance(_refusal(source, copy), CorruptSource)
    snapshot_file(source, copy, allow_corrupt=True)
    assert copy.read_bytes() == source.read_bytes()
    assert list(copy.parent.iterdir()) == [copy]
    assert state_of(source_folder) == before


def test_allow_corrupt_copies_a_file_that_is_not_a_database(source_folder: Path, copy: Path) -> None:
    (source_folder / "app.db").write_bytes(b"hello" * 1000)
    snapshot_file(source_folder / "app.db", copy, allow_corrupt=True)
    assert copy.read_bytes() == b"hello" * 1000


def test_existing_destination_is_not_changed(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    copy.write_text("mine")
    with pytest.raises(SourceError):
        snapshot_file(source, copy)
    assert copy.read_text() == "mine"


def test_file_without_read_permission_is_refused(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    source.chmod(0)
    message = _without_privileges(source, copy)
    assert message == f"SourceError: {source} cannot be read by this user: permission denied"
    assert not list(copy.parent.iterdir())


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_source_in_a_folder_without_write_permission_works(source_folder: Path, copy: Path, journal_mode: str) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    if journal_mode == "wal":
        run_to_death(DIES_WITH_WAL, source)
    source_folder.chmod(0o500)
    try:
        assert _without_privileges(source, copy) == "done"
    finally:
        source_folder.chmod(0o700)
    assert_consistent(copy)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_source_on_a_read_only_file_system_works(source_folder: Path, copy: Path, journal_mode: str) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    with read_only(source_folder):
        with pytest.raises(OSError, match="Read-only"):
            (source_folder / "new").touch()
        snapshot_file(source, copy)
    assert_consistent(copy)


def test_too_little_disk_space_is_reported_before_the_copy(source_folder: Path, copy: Path) -> None:
    source = make_bank(source_folder / "app.db")
    with tiny_disk(copy.parent, "1m"):
        error = _refusal(source, copy)
    assert re.search(rf"no room in {copy.parent} for .*app\.db \(1\.0 MB free, \d\.\d MB needed\).* TMPDIR", str(error))


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_disk_that_fills_up_during_the_copy_is_named(source_folder: Path, copy: Path, journal_mode: str) -> None:
    source = make_bank(source_folder / "app.db", journal_mode)
    with closing(apsw.Connection(str(source))) as connection:  # more than two steps of the copy
        connection.execute("INSERT INTO ballast VALUES (1000, randomblob(20000000))")

    def fill(done: int, total: int) -> None:
        with (copy.parent / "filler").open("ab", buffering=0) as file, suppress(OSError):
            for _ in range(40):
                file.write(bytes(1 << 20))

    with tiny_disk(copy.parent, "30m"):
        with pytest.raises(SourceError, match=f"no room in {copy.parent} .*TMPDIR"):
            snapshot_file(source, copy, progress=fill)
        assert [file.name for file in copy.parent.iterdir()] == ["filler"]


def _without_privileges(source: Path, copy: Path) -> str:
    """Takes the snapshot without capabilities, so that permissions apply even to root."""
    code = f"""
import ctypes, sys
from pathlib import Path
from shared.sqlite.sqlite_file import snapshot_file
from shared.errors import LitekeepError
none = (ctypes.c_uint32 * 6)()
version = (ctypes.c_uint32 * 2)(0x20080522, 0)
assert ctypes.CDLL(None).capset(version, none) == 0
try:
    snapshot_file(Path({str(source)!r}), Path({str(copy)!r}))
except LitekeepError as error:
    print(f"{{type(error).__name__}}: {{error}}", end="")
else:
    print("done", end="")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _put(at: int, new: bytes) -> Callable[[bytes], bytes]:
    return lambda pages: pages[:at] + new + pages[at + len(new) :]


FOREIGN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "SQLCipher with a clear header": (
        lambda pages: pages[:32] + bytes(random.Random(1).randbytes(len(pages) - 32)),
        "is encrypted, except for the beginning of its header",
    ),
    "SQLCipher with 16 bytes in clear": (_put(21, b"\x9c\x03\x77"), "is encrypted, except for the beginning"),
    "MVCC": (_put(18, b"\xff\xff"), "is in the MVCC journal mode of another engine"),
    "a newer file format": (_put(18, b"\x03\x03"), "is of file format 3, which is newer than SQLite's"),
    "a newer schema": (_put(47, b"\x05"), "has a schema of format 5, which is newer than SQLite's"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_file_that_this_sqlite_cannot_read_is_not_called_damaged(source_folder: Path, copy: Path, kind: str) -> None:
    change, words = FOREIGN[kind]
    source = make_bank(source_folder / "app.db", "delete")
    source.write_bytes(change(source.read_bytes()))
    error = _refusal(source, copy)
    assert f"app.db {words}" in str(error)
    assert "--allow-corrupt" in str(error)
    assert "damaged" not in str(error)
    with pytest.raises(CorruptSource, match=words):
        check_readable(FileLocation(source))
    kept = snapshot_file(source, copy, allow_corrupt=True)
    assert kept.path.read_bytes() == source.read_bytes()
    with pytest.raises(NotGood, match=words):
        write_foreign_pages([source.read_bytes()], copy.parent / "imported.db", source.stat().st_size, "dump.sqlite")


def test_unreadable_schema_may_be_of_another_engine(source_folder: Path) -> None:
    source = source_folder / "app.db"
    with closing(apsw.Connection(str(source))) as connection:
        connection.execute("CREATE TABLE t (a); PRAGMA writable_schema = ON").fetchall()
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a) WITHOUT GRAVITY'").fetchall()
    before = sorted(source_folder.iterdir())
    with pytest.raises(CorruptSource, match=re.escape(UNREADABLE_SCHEMA)):
        check_readable(FileLocation(source))
    assert sorted(source_folder.iterdir()) == before
