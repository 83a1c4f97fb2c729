"""An interrupted command reports what is done and what is unchanged.

Each command is a process that gets a signal when it calls a given function for the n-th time.
"""

import json
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from shutil import copytree

import apsw
import pytest

from shared.sqlite.image import run_backup
from shared.stores.folder import FolderStore
from tests import forker
from tests.cli.conftest import Workplace
from tests.retention.cleanup.shelf import fill, ids

_PROGRAM = """
import importlib, os, signal, sys

place, call, number, *sys.argv[1:] = sys.argv[1:]
module, _, path = place.partition(":")
*holders, name = path.split(".")
holder = importlib.import_module(module)
for each in holders:
    holder = getattr(holder, each)
original, calls = getattr(holder, name), 0


def stopping(*arguments, **named):
    global calls
    calls += 1
    if calls == int(call):
        os.kill(os.getpid(), int(number))
    return original(*arguments, **named)


setattr(holder, name, stopping)
from litekeep.app import litekeep
from shared.terminal.run import run

run(litekeep, "litekeep")
"""


def stopped(
    workplace: Workplace, place: str, *arguments: str, call: int = 1, how: signal.Signals = signal.SIGTERM
) -> str:
    """Runs a command that gets a signal when it calls the function `place` (`module:name`). Returns its error line."""
    done = forker.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM, place, str(call), str(int(how)), *arguments],
        cwd=workplace.folder,
        env=workplace.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: interrupted: ")
    return line


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM users").fetchone()[0])


@pytest.fixture
def backed_up(workplace: Workplace) -> Workplace:
    workplace.good("backup", "--name", "one")
    return workplace


def change(workplace: Workplace) -> int:
    """Deletes some users. Returns how many there were before."""
    before = rows(workplace.database)
    with closing(sqlite3.connect(workplace.database)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM users WHERE rowid IN (SELECT rowid FROM users LIMIT 3)")
        connection.commit()
    return before


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupted_in_place_restore_reports_replaced_database_and_safety_backup(
    backed_up: Workplace, how: signal.Signals
) -> None:
    before = change(backed_up)
    message = stopped(
        backed_up, "shared.sqlite.replace:InPlace._compare", "restore", "--backup=one", "--in-place", how=how
    )
    assert f"{backed_up.database} holds the restored database" in message
    (safety,) = (each["id"] for each in backed_up.good("list", "--json").json if each["id"] != "one")
    assert f"safety backup {safety} of app.db is stored in backups" in message
    assert rows(backed_up.database) == before


def test_interrupted_in_place_restore_reports_unchanged_database(backed_up: Workplace) -> None:
    before = change(backed_up)
    message = stopped(backed_up, "shared.sqlite.replace:InPlace.swap", "restore", "--backup=one", "--in-place")
    assert f"{backed_up.database} is as it was" in message
    assert "safety backup before-restore-" in message
    assert rows(backed_up.database) == before - 3


@pytest.mark.parametrize("at_the_end", [True, False])
def test_interruption_before_and_during_commit_are_distinguished(tmp_path: Path, *, at_the_end: bool) -> None:
    with closing(apsw.Connection(str(tmp_path / "new"))) as new, closing(apsw.Connection(str(tmp_path / "old"))) as old:
        new.execute("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(5000000)), (zeroblob(5000000))")
        committed = []

        def interrupt(done: int, total: int) -> None:
            if not at_the_end or done == total:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_backup(new, old, interrupt, lambda: committed.append(True))
        there = old.execute("SELECT count(*) FROM sqlite_schema").get
    assert (committed, there) == (([True], 1) if at_the_end else ([], 0))


def test_interrupted_in_place_restore_names_the_kept_damaged_file(backed_up: Workplace) -> None:
    backed_up.database.write_bytes(b"no database" * 1000)
    message = stopped(
        backed_up, "shared.sqlite.replace:sync", "restore", "--backup=one", "--in-place", "--database=app.db", call=4
    )
    assert f"{backed_up.database} holds the restored database" in message
    (kept,) = backed_up.folder.glob("app.db.before-restore-*")
    assert f"what was there before is kept as {kept}" in message
    assert rows(backed_up.database) > 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["restore", "--backup=one", "--to=new.db"],
        ["export", "--backup=one", "--output=new.db"],
        ["import", "--file=dump.sql", "--to=new.db"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_interruption_reports_whether_new_file_was_made(backed_up: Workplace, arguments: list[str]) -> None:
    backed_up.good("export", "--backup", "one", "--output", "dump.sql")
    message = stopped(backed_up, "shared.runtime.files:give_name", *arguments)
    assert "new.db was not made" in message
    assert not (backed_up.folder / "new.db").exists()
    message = stopped(backed_up, "shared.runtime.files:sync", *arguments, call=2)
    assert "new.db is whole" in message
    assert rows(backed_up.folder / "new.db") == rows(backed_up.database)


def test_interrupted_backup_reports_stored_backup_and_missing_copy(workplace: Workplace) -> None:
    workplace.good("keygen", "litekeep.key")
    message = stopped(
        workplace,
        "shared.operations.backup.publish:publish",
        "backup",
        "--name=one",
        "--copy-to=copies",
    )
    assert "backup one of app.db is stored in backups; the copy of one is not in copies: litekeep copy" in message
    assert [each["id"] for each in workplace.good("list", "--json").json] == ["one"]
    assert workplace.good("list", "--store", "copies", "--json").json == []


def test_interrupted_cleanup_reports_deletions_per_store(workplace: Workplace) -> None:
    workplace.environment.update(ENVIRONMENT="production", BACKUP_COPY_STORE="copies")
    main, copies = FolderStore(workplace.store), FolderStore(workplace.folder / "copies")
    fill(main)
    copytree(workplace.store, workplace.folder / "copies")
    message = stopped(workplace, "shared.retention.cleanup:_Run._recheck", "cleanup", call=3)
    assert "2 of 3 backups deleted from backups" in message
    assert ids(main) == {"b1", "b2", "b3", "b4", "b5", "old2"}
    message = stopped(workplace, "shared.retention.cleanup:_Run._recheck", "cleanup", call=3)
    assert "1 of 1 backup deleted from backups; 1 of 3 backups deleted from copies" in message
    assert len(ids(copies)) == 7


def test_cleanup_interrupted_in_a_deletion_names_that_backup(workplace: Workplace) -> None:
    workplace.environment.update(ENVIRONMENT="production")
    fill(FolderStore(workplace.store))
    message = stopped(workplace, "shared.stores.folder:FolderStore.delete", "cleanup")
    assert "0 of 3 backups, and old0 perhaps, deleted from backups" in message


def test_interrupted_copy_reports_number_of_copies(backed_up: Workplace) -> None:
    backed_up.good("backup", "--name", "two")
    message = stopped(backed_up, "shared.operations.copy:_copy_backup", "copy", "--to=copies", call=2)
    assert "1 backup copied to copies: run it again for the rest" in message
    assert [each["id"] for each in backed_up.good("list", "--store", "copies", "--json").json] == ["one"]


def test_interrupted_verify_all_reports_good_and_bad_so_far(backed_up: Workplace) -> None:
    for name in ("two", "three"):
        backed_up.good("backup", "--name", name)
    artifact = next((backed_up.store / "on-demand/app.db").glob("three.sqlite*"))
    artifact.write_bytes(artifact.read_bytes()[:-1] + b"?")
    message = stopped(backed_up, "jobs.verify.main:verify_backup", "verify", "--all", call=3)
    assert "3 backups: 1 proven good, 1 found NOT good" in message
    verdicts = {each["id"]: each["verified"] for each in backed_up.good("list", "--json").json}
    assert verdicts == {"one": None, "two": True, "three": False}


def test_interrupted_verify_reports_backup_as_not_verified(backed_up: Workplace) -> None:
    assert "one was not verified" in stopped(backed_up, "jobs.verify.main:verify_backup", "verify", "--backup=one")


@pytest.mark.parametrize(
    ("place", "words", "missing"),
    [
        ("shared.operations.rows.to_file:write_rows", "nothing was changed in app.db", 3),
        ("shared.operations.rows.restore:RowsRestored", "the rows of users are committed to app.db", 0),
    ],
    ids=["before", "after"],
)
def test_interrupted_rows_restore_reports_whether_rows_were_committed(
    backed_up: Workplace, place: str, words: str, missing: int
) -> None:
    before = change(backed_up)
    call = 2 if place.endswith("write_rows") else 1  # the first call is the trial on a copy
    message = stopped(backed_up, place, "rows", "restore", "--from=one", "--table=users", "--to=app.db", call=call)
    assert words in message.replace(f"{backed_up.folder}/", "")
    assert "safety backup before-restore-" in message
    assert rows(backed_up.database) == before - missing


@pytest.mark.parametrize(
    ("command", "place", "call", "words"),
    [
        ("delete one --reason=r --force", "shared.retention.removal:unsure", 1, "one was not deleted"),
        ("delete one --reason=r --force", "shared.stores.folder:FolderStore.delete", 2, "one is deleted"),
        ("hold one --reason=r", "shared.catalog.holds:is_stored", 1, "one is held"),
        ("retire --database=app.db --reason=r", "litekeep.commands.retire:say", 1, "app.db is retired"),
        ("keygen made.key", "shared.runtime.files:sync", 2, "made.key is whole"),
    ],
)
def test_interruption_of_a_single_step_reports_done_or_not(
    backed_up: Workplace, command: str, place: str, call: int, words: str
) -> None:
    assert words in stopped(backed_up, place, *command.split(), call=call)


def test_interruption_is_reported_in_json_and_in_the_job_event(backed_up: Workplace) -> None:
    change(backed_up)
    backed_up.environment.update(CLOUD_RUN_JOB="restore")
    command = ["restore", "--backup=one", "--in-place", "--json"]
    place = "shared.sqlite.replace:InPlace._compare"
    done = forker.run(
        [sys.executable, "-c", _PROGRAM, place, "1", str(int(signal.SIGTERM)), *command],
        cwd=backed_up.folder,
        env=backed_up.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "holds the restored database" in json.loads(done.stdout)["error"]
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (failed,) = [event for event in events if event["event"] == "restore.failed"]
    assert "interrupted; " in failed["message"]
    assert "holds the restored database" in failed["message"]


@pytest.mark.parametrize("place", ["operations.diff.script:publish_new", "runtime.files:give_name"])
def test_interrupted_diff_leaves_no_part_of_the_sql(backed_up: Workplace, place: str) -> None:
    before = set(backed_up.folder.iterdir())
    line = stopped(backed_up, f"shared.{place}", "diff", "one", "--sql", "x.sql")
    assert place.startswith("operations") or "x.sql was not made" in line
    assert set(backed_up.folder.iterdir()) == before
