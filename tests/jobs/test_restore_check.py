"""`--check` of the restore job reports what a restore lacks, and changes nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.sqlitecloud.health import FOR_BACKUPS, FOR_RESTORES
from tests.jobs.runs import Job, Run
from tests.servers.sqlitecloud import Server
from tests.terraform.approved_runs import under_a_policy

ALL = ",".join((*FOR_BACKUPS, *FOR_RESTORES))


@pytest.fixture
def node(job: Job) -> Iterator[Server]:
    folder = job.folder / "node"
    folder.mkdir()
    (folder / "shop.db").write_bytes(job.database.read_bytes())
    assert job.run("backup", "--name=one").code == 0
    with Server(folder, plain=True) as server:
        yield server


def stored(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def held(node: Server) -> dict[str, list[str]]:
    """Returns each database of the node as SQL, because the node may change the files' journal mode."""
    found = {}
    for path in sorted(node.data.rglob("*.db")):
        with closing(sqlite3.connect(path)) as connection:
            found[path.name] = list(connection.iterdump())
    return found


def checked(job: Job, node: Server, privileges: str = ALL, database: str = "shop.db", login: str = "job:secret") -> Run:
    """Runs the check, and asserts that node and store are unchanged."""
    node.accounts.add_user("job", "secret", privileges, "*")
    url = f"sqlitecloud://{login}@{node.host}:{node.port}/{database}?insecure=true"
    before = held(node), stored(job.store)
    run = job.run("restore", "--check", DATABASE_URL=url)
    assert (held(node), stored(job.store)) == before
    assert "secret" not in run.out + run.err
    return run


@pytest.mark.parametrize("database", ["shop.db", "not-there-yet.db"])
def test_login_with_all_privileges_passes_without_existing_database(job: Job, node: Server, database: str) -> None:
    run = checked(job, node, database=database)
    assert (run.code, run.events) == (0, ["restore.check_succeeded"])


@pytest.mark.parametrize("missing", ["CREATE_DATABASE", "DROP_DATABASE", "DOWNLOAD"])
def test_missing_privilege_is_named(job: Job, node: Server, missing: str) -> None:
    run = checked(job, node, ",".join(name for name in ALL.split(",") if name != missing))
    assert run.code == 1
    assert missing in run.line("restore.check_failed")["message"]


def test_refused_login_is_named(job: Job, node: Server) -> None:
    run = checked(job, node, login="job:wrong")
    assert run.code == 1
    assert "login: " in run.line("restore.check_failed")["message"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"DATABASE_URL": "sqlitecloud://127.0.0.1:9/x?apikey=k&insecure=true"}, "target: "),
        ({"DATABASE_URL": "sqlitecloud:/x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "no/such/folder.db"}, "make it"),
        ({"BACKUP_STORE": "empty"}, "store: "),
        ({"BACKUP_KEY": "file:lost.key"}, "key: "),
        ({"ENVIRONMENT": "prod"}, "ENVIRONMENT"),
    ],
)
def test_obstacle_to_a_restore_fails_the_check(job: Job, settings: dict[str, str], message: str) -> None:
    job.run("backup", "--name=one")
    run = job.run("restore", "--check", **settings)
    assert run.code in (1, 2)
    assert message in run.line("restore.check_failed")["message"]
    assert "restore.failed" not in run.events


def test_check_refuses_targets_outside_the_policy(job: Job) -> None:
    strict = under_a_policy(job)
    assert strict.run("restore", "--check").events == ["restore.check_succeeded"]
    run = strict.run("restore", "--check", DATABASE_URL="elsewhere.db")
    assert run.code == 4
    assert "targets" in run.line("restore.check_failed")["message"]


def test_check_accepts_no_other_flags(job: Job) -> None:
    run = job.run("restore", "--check", "--to=sqlitecloud://elsewhere.example/x")
    assert run.code == 2
    assert "--to does not go with --check" in run.err
