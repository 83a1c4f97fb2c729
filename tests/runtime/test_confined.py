"""Confined processes for untrusted input: they have limits, no secrets, and are gone afterwards."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from shared.errors import NotGood, SourceError
from shared.operations.verify import allowances
from shared.operations.verify.child import load, summarize
from shared.runtime.confined import Confined, CpuTimeExceeded

SOUND = b"CREATE TABLE t(a); INSERT INTO t VALUES(1);"
# One opcode that takes an hour, during which SQLite calls no progress handler.
ENDLESS = b"CREATE TABLE t(a); INSERT INTO t VALUES(instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1'));"
TWENTY_LARGE_VALUES = (
    b"CREATE TABLE t(a); INSERT INTO t SELECT length(" + b" || ".join([b"hex(zeroblob(700000))"] * 20) + b");"
)


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowers the CPU limit, so that the tests end soon."""
    monkeypatch.setattr(allowances, "ALLOWED", replace(allowances.ALLOWED, cpu_seconds=1, cpu_seconds_per_mb=0))


def gone(pid: int) -> bool:
    """Returns whether a process has ended, including zombies."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.usefixtures("lowered")
def test_endless_statement_is_killed_and_leaves_no_file(tmp_path: Path) -> None:
    with Confined() as child, pytest.raises(CpuTimeExceeded, match=r"^loading x\.sql took more than 1 s of CPU time"):
        load(child, [ENDLESS], tmp_path / "new.db", "delete", "x.sql")
    assert gone(child.pid)
    assert not list(tmp_path.iterdir())


def test_one_process_runs_several_calls(tmp_path: Path) -> None:
    with Confined() as child:
        load(child, [SOUND[:20], SOUND[20:]], tmp_path / "new.db", "wal", "x.sql")
        found = summarize(child, tmp_path / "new.db", "x.sql")
        other = summarize(child, tmp_path / "new.db", "x.sql")
    assert (found.tables, found.rows, found.integrity.good) == (1, 1, True)
    assert found == other
    assert gone(child.pid)


def test_dump_that_exceeds_the_memory_limit_is_not_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "ALLOWED", replace(allowances.ALLOWED, memory_bytes=90 << 20))
    with Confined() as child:
        load(child, [SOUND], tmp_path / "sound.db", "delete", "x.sql")
        with pytest.raises(NotGood, match=r"^loading x\.sql takes more than 90 MiB of memory, more than its size"):
            load(child, [TWENTY_LARGE_VALUES], tmp_path / "new.db", "delete", "x.sql")
    assert [path.name for path in tmp_path.iterdir()] == ["sound.db"]


def test_dump_that_exceeds_the_file_size_limit_is_not_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "ALLOWED", replace(allowances.ALLOWED, file_bytes=4 << 20, file_per_byte=0))
    two = b"CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(3000000)), (zeroblob(3000000));"
    message = r"^loading x\.sql takes a file of more than 4 MiB, more than its size can need"
    with Confined() as child, pytest.raises(NotGood, match=message):
        load(child, [two], tmp_path / "new.db", "delete", "x.sql")
    assert not list(tmp_path.iterdir())


def test_limits_grow_with_the_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 30 MB of SQL, a statement may take more memory than at the beginning."""
    allowed = replace(allowances.ALLOWED, memory_bytes=90 << 20, memory_per_byte=20)
    monkeypatch.setattr(allowances, "ALLOWED", allowed)
    comment = b"-- " + b"x" * (1 << 20) + b"\n"
    target = tmp_path / "new.db"
    with Confined() as child:
        load(child, [*[comment + b"SELECT 1;\n"] * 30, TWENTY_LARGE_VALUES], target, "delete", "x.sql")
    with closing(apsw.Connection(str(target))) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [(20 * 1_400_000,)]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGBUS])
def test_process_killed_by_a_signal_is_reported(tmp_path: Path, number: signal.Signals) -> None:
    """A crash is caused by the dump; a kill, for example for lack of memory, is not."""

    def pieces() -> Iterator[bytes]:
        yield SOUND
        os.kill(child.pid, number)
        while True:
            yield b"SELECT 1;\n" * 10_000

    kind, message = {
        signal.SIGSEGV: (NotGood, "crashed"),
        signal.SIGKILL: (SourceError, "ended by SIGKILL"),
        signal.SIGBUS: (SourceError, "the disk failed"),
    }[number]
    with Confined() as child, pytest.raises(kind, match=message):
        load(child, pieces(), tmp_path / "new.db", "delete", "x.sql")
    assert not list(tmp_path.iterdir())


def test_error_of_the_stream_is_raised_unchanged(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield SOUND
        raise NotGood("the store's bytes are others")

    with Confined() as child, pytest.raises(NotGood, match="the store's bytes are others"):
        load(child, pieces(), tmp_path / "new.db", "delete", "x.sql")
    assert not list(tmp_path.iterdir())


def test_refused_dump_is_not_read_to_its_end(tmp_path: Path) -> None:
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        yield b"ATTACH 'x' AS y;\n"
        while True:
            read += 1
            yield b"SELECT 1;\n" * 10_000

    with Confined() as child, pytest.raises(NotGood, match="the dump attaches or detaches another database file"):
        load(child, pieces(), tmp_path / "new.db", "delete", "x.sql")
    assert read < 1000


def test_confined_process_has_no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlitecloud://h/d?apikey=QX7SECRET")
    with Confined() as child:
        load(child, [SOUND], tmp_path / "new.db", "delete", "x.sql")
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        command = Path(f"/proc/{child.pid}/cmdline").read_bytes()
    assert b"QX7SECRET" not in environment + command


def test_modules_in_the_working_folder_are_not_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("json.py", "apsw.py", "sitecustomize.py"):
        (tmp_path / name).write_text("open('planted', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Confined() as child:
        load(child, [SOUND], tmp_path / "new.db", "delete", "x.sql")
    assert not (tmp_path / "planted").exists()
