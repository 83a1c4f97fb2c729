"""Untrusted SQL and pages that would run forever or fill the disk are stopped, and so are their processes."""

import os
import select
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
import zstandard

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.errors import NotGood
from shared.model.kinds import Kind
from shared.model.names import Format
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import take_backup
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.run import restore
from shared.operations.transfer import import_file
from shared.operations.verify import allowances
from shared.operations.verify.ladder import verify_backup, verify_file
from shared.sqlite.location import FileLocation
from shared.stores.folder import FolderStore
from tests.cli.conftest import Outcome, Workplace
from tests.cli.test_interruptions import start

if TYPE_CHECKING:
    from subprocess import Popen

OneLine = Callable[[Outcome, int], str]
ENDLESS = "instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1')"  # one opcode that takes an hour
DUMP = f"CREATE TABLE t(a); INSERT INTO t VALUES({ENDLESS});"


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "ALLOWED", replace(allowances.ALLOWED, cpu_seconds=1, cpu_seconds_per_mb=0))


def hostile(path: Path) -> None:
    """Writes an index whose expression was changed after the row was inserted: only a restore evaluates it."""
    with closing(apsw.Connection(str(path))) as db:
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1); CREATE INDEX i ON t(a + 0); PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'i'", (f"CREATE INDEX i ON t({ENDLESS})",))


def taken(folder: Path, form: Format) -> tuple[Catalog, Backup]:
    hostile(folder / "source.db")
    store = FolderStore(folder / "backups")
    take_backup(
        BackupOptions(
            location=FileLocation(folder / "source.db"),
            store=store,
            key=None,
            kind=Kind.ON_DEMAND,
            formats=(form,),
            keep_for=timedelta(days=1),
            environment="test",
        )
    )
    catalog = Catalog(store)
    (backup,) = catalog.backups()
    return catalog, backup


@pytest.mark.usefixtures("lowered")
@pytest.mark.parametrize("form", [Format.SQL, Format.SQLITE])
def test_verify_stops_endless_sql_as_not_good(tmp_path: Path, form: Format) -> None:
    catalog, backup = taken(tmp_path, form)
    found = verify_backup(catalog, backup, None)
    assert not found.ok
    assert (
        "took more than 1 s of CPU time, more than its size can need"
        in next(c for c in found.checks if not c.ok).detail
    )


@pytest.mark.usefixtures("lowered")
@pytest.mark.parametrize("form", [Format.SQL, Format.SQLITE])
def test_restore_with_verify_stops_endless_sql(tmp_path: Path, form: Format) -> None:
    catalog, backup = taken(tmp_path, form)
    order = RestoreOptions(catalog, backup, None, FileLocation(tmp_path / "new.db"), prove=True)
    with pytest.raises(NotGood, match="took more than 1 s of CPU time"):
        restore(order)
    assert not list(tmp_path.glob("new*"))


@pytest.mark.usefixtures("lowered")
def test_import_and_verify_file_stop_endless_sql(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_text(DUMP)
    with pytest.raises(NotGood, match=r"x\.sql took more than 1 s of CPU time"):
        import_file(tmp_path / "x.sql", FileLocation(tmp_path / "new.db"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.sql"]
    assert [check.name for check in verify_file(tmp_path / "x.sql").checks if not check.ok] == ["sql"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("command", [("import", "--to", "new.db"), ("verify",)])
def test_signal_ends_endless_sql_and_its_process(
    workplace: Workplace, how: signal.Signals, command: tuple[str, ...]
) -> None:
    (workplace.folder / "x.sql").write_text(DUMP)
    with (
        start(workplace, *command, "--file", "x.sql") as running,
        os.fdopen(os.pidfd_open(child_at_work(running))) as ended,
    ):
        running.send_signal(how)
        _, err = running.communicate(timeout=60)
        assert select.select([ended], [], [], 60)[0], "the process goes on without the one that started it"
    if how is signal.SIGKILL:
        assert running.returncode == -signal.SIGKILL
    else:
        assert (running.returncode, err.count("error: interrupted")) == (1, 1)
    assert not (workplace.folder / "new.db").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_signal_ends_endless_where_condition(workplace: Workplace, how: signal.Signals) -> None:
    workplace.good("backup", "--name", "before")
    arguments = ("--from", "before", "--table", "messages", "--where", f"{ENDLESS} > 0", "--dry-run")
    with (
        start(workplace, "rows", "restore", *arguments) as running,
        os.fdopen(os.pidfd_open(child_at_work(running, "plan"))) as ended,
    ):
        running.send_signal(how)
        _, err = running.communicate(timeout=60)
        assert select.select([ended], [], [], 60)[0], "the process goes on without the one that started it"
    assert (running.returncode, err.count("error: interrupted")) == ((1, 1) if how == signal.SIGTERM else (-how, 0))


def child_at_work(running: "Popen[str]", name: str = "") -> int:
    """Waits until a child process has a database file (of this name) open. Returns its id."""
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    while True:
        assert running.poll() is None, running.communicate()
        for child in map(int, children.read_text().split()):
            with suppress(FileNotFoundError, ProcessLookupError):  # the file was closed, or the process has ended
                opened = [one.readlink() for one in Path(f"/proc/{child}/fd").iterdir() if one.is_symlink()]
                if any(one.suffix == ".sqlite" and one.stem == (name or one.stem) for one in opened):
                    return child


def bomb(size: int, *, counted: bool = True) -> bytes:
    """Returns a compressed database of a few pages, followed by zeros up to `size` bytes."""
    with closing(apsw.Connection(":memory:")) as db:
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
        pages = db.serialize("main")
    if not counted:
        pages = pages[:28] + bytes(4) + pages[32:]
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    zeros, parts = bytes(1 << 20), [packer.compress(pages)]
    parts += [packer.compress(zeros) for _ in range((size - len(pages)) // len(zeros))]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("command", [("import", "--to", "new.db"), ("verify",)])
def test_page_image_larger_than_its_header_is_refused(
    workplace: Workplace, command: tuple[str, ...], counted: bool
) -> None:
    """The header counts a few pages, the zstd frame holds gigabytes. It is refused before these are written."""
    packed = bomb((2 << 30) if counted else (4 << 30), counted=counted)
    (workplace.folder / "x.sqlite.zst").write_bytes(packed)
    limit = ("prlimit", f"--fsize={(64 << 20) if counted else (2 << 30)}")
    outcome = workplace.run(*command, "--file", "x.sqlite.zst", under=limit)
    assert outcome.code == 3, outcome.err
    assert "unpacks to more than the" in outcome.err + outcome.out
    assert not (workplace.folder / "new.db").exists()


def test_file_size_limit_of_the_machine_is_reported_as_such(workplace: Workplace) -> None:
    (workplace.folder / "x.sql").write_text("CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(6000000));")
    outcome = workplace.run("import", "--file", "x.sql", "--to", "new.db", under=("prlimit", "--fsize=4194304"))
    assert outcome.code == 1, outcome.err
    assert "loading x.sql takes a larger file than this process may write: raise its limit (ulimit -f)" in outcome.err
    assert not list(workplace.folder.glob("new*"))


def test_data_after_the_last_page_of_a_file_is_accepted(workplace: Workplace) -> None:
    without = workplace.good("import", "--file", "app.db", "--to", "without.db", "--json").json
    with workplace.database.open("ab") as file:
        file.truncate(workplace.database.stat().st_size + (8 << 20))
    found = workplace.good("import", "--file", "app.db", "--to", "new.db", "--json").json
    assert (found["rows"], found["tables"]) == (without["rows"], without["tables"])
