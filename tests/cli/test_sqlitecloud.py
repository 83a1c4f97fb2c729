"""Commands on a SQLite Cloud node: backup, verify, restore, whole projects, and no secret in any output."""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import forker
from tests.cli.conftest import Outcome, Workplace
from tests.dump.equality import assert_equal
from tests.servers.sqlitecloud import APIKEY, PASSWORD, USER, Server
from tests.sqlitecloud_server.raw import Raw

OneLine = Callable[[Outcome, int], str]
NAME = "my app.v2.db"


@pytest.fixture
def node(workplace: Workplace) -> Iterator[Server]:
    folder = workplace.folder / "node"
    folder.mkdir()
    (folder / NAME).write_bytes(workplace.database.read_bytes())
    with Server(folder) as server:
        workplace.environment["DATABASE_URL"] = server.url(NAME)
        yield server


def on_disk(node: Server, name: str = NAME) -> Path:
    """Returns the node's database file, with its WAL checkpointed."""
    with closing(sqlite3.connect(node.data / name)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return node.data / name


@pytest.mark.parametrize("form", ["sql", "sqlite"])
def test_backup_and_restore_on_sqlite_cloud_are_equal(workplace: Workplace, node: Server, form: str) -> None:
    document = workplace.good("backup", "--name", "one", "--format", form, "--verify", "--json").json
    assert (document["database"], document["verified"]) == (NAME, True)
    assert document["source"]["type"] == "sqlitecloud"
    assert document["source"]["node_version"] == "1.0.0-local"
    assert document["source"]["raft_index"] >= 1
    workplace.good("restore", "--backup", "one", "--to", "copy.db", "--verify")
    assert_equal(on_disk(node), workplace.folder / "copy.db")
    workplace.good("restore", "--backup", "one", "--to", node.url("a copy.db"))
    assert_equal(on_disk(node), on_disk(node, "a copy.db"))


def test_in_place_restore_on_the_node_takes_a_safety_backup(workplace: Workplace, node: Server) -> None:
    workplace.good("backup", "--name", "good")
    with closing(sqlite3.connect(node.data / NAME)) as connection, connection:
        connection.execute("DELETE FROM events")
    document = workplace.good("restore", "--backup", "good", "--in-place", "--json").json
    assert_equal(workplace.database, on_disk(node))
    workplace.good("restore", "--backup", document["safety"], "--to", "before.db")
    with closing(sqlite3.connect(workplace.folder / "before.db")) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    assert node.catalog.names() == [NAME]


def test_in_place_restore_over_damaged_database_keeps_its_pages(workplace: Workplace, node: Server) -> None:
    workplace.good("backup", "--name", "good")
    pages = bytearray((node.data / NAME).read_bytes())
    pages[20_000:24_000] = bytes(4_000)
    (node.data / NAME).write_bytes(pages)
    document = workplace.good("restore", "--backup", "good", "--in-place", "--json").json
    assert_equal(workplace.database, on_disk(node))
    assert document["safety"] in " ".join(workplace.stored())


def test_in_place_restore_on_the_node_is_refused_in_production(workplace: Workplace, node: Server) -> None:
    workplace.good("backup", "--name", "good")
    assert workplace.run("restore", "--backup", "good", "--in-place", ENVIRONMENT="production").code == 4
    assert all("REMOVE" not in text for one in node.connections for text in one.requests)


def test_restore_without_to_makes_a_new_database_on_the_node(workplace: Workplace, node: Server) -> None:
    workplace.good("backup", "--name", "one")
    assert workplace.good("restore", "--backup", "one", "--json").json["target"].endswith("/my app.v2-one.db")
    assert_equal(on_disk(node), on_disk(node, "my app.v2-one.db"))


def test_one_table_is_restored_to_the_node(workplace: Workplace, node: Server) -> None:
    workplace.good("backup", "--name", "one")
    workplace.good("restore", "--backup", "one", "--table", "users", "--to", node.url("users.db"))
    with closing(sqlite3.connect(node.data / "users.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        assert tables.fetchall() == [("users",)]


def test_restore_dry_run_changes_nothing_on_the_node(workplace: Workplace, node: Server) -> None:
    workplace.good("backup", "--name", "one")
    workplace.good("restore", "--backup", "one", "--to", node.url("new.db"), "--dry-run")
    assert node.catalog.names() == [NAME]


def test_transient_fault_is_retried_silently(workplace: Workplace, node: Server) -> None:
    node.settings["download_chunk_size"] = "20000"
    node.faults.cut("DOWNLOAD STEP", 5000, nth=2)
    outcome = workplace.good("backup", "--name", "one", BACKUP_KEY="none")
    assert all(" backup.succeeded:" in line or " audit:" in line for line in outcome.err.splitlines())
    assert len(node.connections) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"apikey": "x" * 43}, "check the key or password"),
        ({"login": f"{USER}:wrong-{PASSWORD}"}, "check the key or password"),
        ({"root_certificate": "/nowhere/ca.pem"}, "root_certificate"),
        ({"insecure": "false", "wrong": "option"}, "unknown option"),
    ],
)
def test_wrong_location_is_reported_without_its_secret(
    workplace: Workplace, node: Server, options: dict[str, str], message: str
) -> None:
    url = node.url(NAME, **options)
    command = [sys.executable, "-m", "litekeep", "backup", "--debug"]
    environment = workplace.environment | {"DATABASE_URL": url}
    done = forker.run(command, cwd=workplace.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" in done.stderr
    for secret in (APIKEY, "x" * 43, f"wrong-{PASSWORD}"):
        assert secret not in done.stderr + done.stdout


def test_plain_tcp_is_refused_only_in_production(workplace: Workplace) -> None:
    folder = workplace.folder / "node"
    folder.mkdir()
    (folder / NAME).write_bytes(workplace.database.read_bytes())
    with Server(folder, plain=True) as server:
        url = server.url(NAME)
        assert workplace.run("backup", DATABASE_URL=url, ENVIRONMENT="production").code == 2
        assert server.connections == []
        workplace.good("backup", DATABASE_URL=url)


def test_all_databases_of_a_project_are_backed_up(workplace: Workplace, node: Server) -> None:
    for name in ("b.db", "c.db"):
        (node.data / name).write_bytes(workplace.database.read_bytes())
    documents = workplace.good("backup", "--name", "all", "--verify", "--json", BACKUP_DATABASES="*").json
    assert sorted(document["database"] for document in documents) == sorted([NAME, "b.db", "c.db"])
    assert all(document["verified"] for document in documents)
    workplace.good("backup", BACKUP_DATABASES="b.db, c.db", DATABASE_URL=node.url())
    assert len(workplace.good("list", "--json").json) == 5


def test_failed_database_does_not_stop_the_others(workplace: Workplace, node: Server) -> None:
    (node.data / "b.db").write_bytes(workplace.database.read_bytes())
    (node.data / "a bad one.db").write_bytes(b"SQLite format 3\0" + bytes(20_000))
    outcome = workplace.run("backup", "--name", "all", BACKUP_DATABASES="*")
    assert outcome.code == 1
    assert "no new backup of 1 database (a bad one.db)" in outcome.err
    assert len([name for name in workplace.stored() if name.endswith("manifest.json")]) == 2
    document = workplace.run("backup", "--json", BACKUP_DATABASES="*,x")
    assert document.code == 2
    failed = workplace.run("backup", "--json", BACKUP_DATABASES="missing.db,b.db")
    assert failed.code == 1
    assert [(one["database"], "error" in one) for one in json.loads(failed.out)] == [
        ("b.db", False),
        ("missing.db", True),
    ]


def test_tasks_share_the_databases_of_a_project(workplace: Workplace, node: Server) -> None:
    for number in range(5):
        (node.data / f"{number}.db").write_bytes(workplace.database.read_bytes())
    found: list[str] = []
    for index in ("0", "1"):
        share = workplace.good(
            "backup", "--json", BACKUP_DATABASES="*", CLOUD_RUN_TASK_INDEX=index, CLOUD_RUN_TASK_COUNT="2"
        ).json
        assert len(share) == 3
        found += [document["database"] for document in share]
    assert sorted(found) == node.catalog.names()


def test_disabled_database_is_skipped_and_named(workplace: Workplace, node: Server) -> None:
    (node.data / "off.db").write_bytes(workplace.database.read_bytes())
    node.catalog.get("off.db").disabled = True
    outcome = workplace.good("backup", BACKUP_DATABASES="*", LOG_FORMAT="json")
    assert "off.db was left out: disabled" in outcome.out
    events = [json.loads(line) for line in outcome.err.splitlines() if line.startswith("{")]
    (skipped,) = [event for event in events if event["event"] == "backup.skipped"]
    assert {name: skipped[name] for name in ("database", "kind", "reason")} == {
        "database": "off.db",
        "kind": "on-demand",
        "reason": "disabled",
    }
    named = workplace.run("backup", BACKUP_DATABASES="off.db")
    assert named.code == 1
    assert "off.db failed" in named.err


def test_damaged_database_on_the_node_fails_the_run(workplace: Workplace, node: Server) -> None:
    (node.data / "bad.db").write_bytes(b"SQLite format 3\0" + bytes(20_000))
    outcome = workplace.run("backup", BACKUP_DATABASES="*")
    assert outcome.code == 1
    assert "no new backup of 1 database (bad.db)" in outcome.err


def test_file_is_imported_to_the_node_and_verified(workplace: Workplace, node: Server) -> None:
    workplace.good("backup", "--name", "one")
    workplace.good("export", "--backup", "one", "--output", "plain.sql.gz")
    url = node.url("imported one.db")
    document = workplace.good("import", "--file", "plain.sql.gz", "--to", url, "--json").json
    assert_equal(on_disk(node), on_disk(node, "imported one.db"))
    assert document["target"] == f"sqlitecloud://localhost:{node.port}/imported one.db"
    assert document["verified"] is True
    taken = workplace.run("import", "--file", "plain.sql.gz", "--to", url)
    assert taken.code == 2
    assert "the database exists; use another --to" in taken.err
    assert APIKEY not in taken.err + (workplace.folder / "state" / "litekeep" / "audit.jsonl").read_text()


def test_import_that_reads_back_differently_is_removed(workplace: Workplace, node: Server) -> None:
    (workplace.folder / "d.sql").write_text("CREATE TABLE t (a); INSERT INTO t VALUES ('as it was sent');")
    node.faults.alter("DOWNLOAD STEP", lambda reply: reply.replace(b"as it was sent", b"as it came back"[:14]))
    outcome = workplace.run("import", "--file", "d.sql", "--to", node.url("new.db"))
    assert outcome.code == 3
    assert "was removed again" in outcome.err
    assert node.catalog.names() == [NAME]
    (workplace.folder / "bad.sql").write_text("CREATE TABLE t (a); INSERT INTO")
    assert workplace.run("import", "--file", "bad.sql", "--to", node.url("new.db")).code == 3
    assert node.catalog.names() == [NAME]


def test_key_of_an_encrypted_database_is_used_and_never_shown(workplace: Workplace, node: Server) -> None:
    key = "Xk9-secret-of-the-database"
    with Raw(node) as raw:
        assert raw.ask(f"ENCRYPT DATABASE '{NAME}' KEY ?", key) == b"+2 OK"
    url = f"{node.url(NAME)}&key={key}"
    outcomes = [workplace.good("backup", "--name", "one", "--verify", "--debug", DATABASE_URL=url)]
    outcomes += [workplace.good("health", "--restores", DATABASE_URL=url)]
    outcomes += [workplace.good("restore", "--backup", "one", DATABASE_URL=url)]
    outcomes += [workplace.good("restore", "--backup", "one", "--in-place", "--json", DATABASE_URL=url)]
    plain = workplace.good("restore", "--backup", "one", "--to", "copy.db", DATABASE_URL=url)
    assert "this file is not" in plain.out
    node.faults.error("ENCRYPT", 10002, f"Unable to find command ENCRYPT KEY {key}", times=None)
    outcomes += [workplace.run("restore", "--backup", "one", "--to", f"{node.url('n.db')}&key={key}")]
    assert outcomes[-1].code == 1
    outcomes += [workplace.run("restore", "--backup", "one", "--to", node.url("n.db")), plain]
    assert outcomes[-2].code == 2
    assert "add key=" in outcomes[-2].err
    assert node.catalog.get("my app.v2-one.db").key == key
    assert node.catalog.get(NAME).key == key
    assert_equal(on_disk(node), workplace.folder / "copy.db")
    for one in outcomes:
        assert key not in one.out + one.err
    for path in workplace.folder.rglob("*"):
        if path.is_file() and node.data not in path.parents:
            assert key.encode() not in path.read_bytes(), path


def test_upload_replace_needs_in_place_on_sqlite_cloud(workplace: Workplace, node: Server) -> None:
    workplace.good("backup", "--name", "one")
    for arguments in (("--to", node.url("n.db")), ("--in-place",)):
        outcome = workplace.run("restore", "--backup", "one", "--upload-replace", *arguments, DATABASE_URL="app.db")
        assert outcome.code == 2
        assert "--upload-replace" in outcome.err
    with closing(sqlite3.connect(node.data / NAME)) as connection, connection:
        connection.execute("DELETE FROM events")
    workplace.good("restore", "--backup", "one", "--in-place", "--upload-replace")
    assert_equal(workplace.database, on_disk(node))


def test_unchanged_database_gets_no_scheduled_backup(workplace: Workplace, node: Server) -> None:
    quiet = {"BACKUP_SKIP_UNCHANGED": "true"}
    first = workplace.good("backup", "--kind", "daily", "--json", **quiet).json
    second = workplace.good("backup", "--kind", "daily", "--json", **quiet)
    assert second.json == {"skipped": "unchanged", "backup_id": first["id"]}
    assert "backup.skipped" in second.err
    assert "unchanged since" in workplace.good("backup", "--kind", "daily", "--skip-unchanged").out
    assert "id" in workplace.good("backup", "--json", **quiet).json
    assert "id" in workplace.good("backup", "--kind", "daily", "--name", "mine", "--json", **quiet).json
    assert workplace.run("backup", "--skip-unchanged").code == 2
    assert workplace.good("status", "--json").json["status"] == "ok"


def test_backup_databases_needs_a_sqlite_cloud_project(workplace: Workplace) -> None:
    outcome = workplace.run("backup", BACKUP_DATABASES="*")
    assert outcome.code == 2
    assert "sqlitecloud://" in outcome.err
