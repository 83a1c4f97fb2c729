"""`litekeep rows restore` on a file and on a SQLite Cloud server."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Workplace
from tests.servers.sqlitecloud import Server


def spoil(path: Path) -> None:
    """Deletes ten events, and overwrites every message."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 10)")
        connection.execute("UPDATE messages SET body = 'oops'")


def test_rows_restore_into_a_file(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "before")
    spoil(workplace.database)
    plan = workplace.good("rows", "restore", "--from", "before", "--table", "events", "--dry-run", "--json").json
    assert (plan["inserted"], plan["updated"], plan["dry_run"]) == (10, 0, True)
    done = workplace.good("rows", "restore", "--from", "before", "--table", "events", "--json").json
    assert done["id"] == "before"
    assert done["safety"].startswith("before-restore-")
    assert {name: done[name] for name in ("table", "inserted", "updated")} == {
        "table": "events",
        "inserted": 10,
        "updated": 0,
    }
    workplace.good("rows", "restore", "--from", "before", "--table", "messages")
    assert "No difference" in workplace.good("diff", "before").out


def test_rows_restore_reads_keys_from_a_file(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "before")
    with closing(sqlite3.connect(workplace.database)) as connection:
        keys = [key for (key,) in connection.execute("SELECT id FROM messages ORDER BY id LIMIT 3")]
    spoil(workplace.database)
    (workplace.folder / "keys").write_text(f"{keys[0]}\n{json.dumps(keys[1])}\n[{json.dumps(keys[2])}]\n")
    done = workplace.good("rows", "restore", "--from", "before", "--table", "messages", "--keys", "keys", "--json").json
    assert done["updated"] == 3


def test_rows_restore_logs_no_values(workplace: Workplace) -> None:
    workplace.good("backup", "--name", "before")
    spoil(workplace.database)
    outcome = workplace.good("rows", "restore", "--from", "before", "--table", "messages")
    assert "oops" not in outcome.out + outcome.err


def test_rows_restore_into_sqlite_cloud_keeps_concurrent_writes(workplace: Workplace, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "app.db").write_bytes(workplace.database.read_bytes())
    with Server(folder, plain=True) as server:
        url = {"DATABASE_URL": server.url(database="app.db")}
        workplace.good("backup", "--name", "before", **url)
        spoil(folder / "app.db")
        with closing(sqlite3.connect(folder / "app.db")) as connection, connection:
            connection.execute("INSERT INTO users (email, name, created_at) VALUES ('new@example.com', 'New', 'now')")
        for table in ("events", "messages"):
            workplace.good("rows", "restore", "--from", "before", "--table", table, **url)
        found = {each["name"]: each for each in workplace.good("diff", "before", "--json", **url).json["tables"]}
        assert found["users"]["rows_added"] == 1
        for table in ("events", "messages"):
            assert (found[table]["rows_removed"], found[table]["rows_changed"]) == (0, 0)


def test_rows_restore_recreates_triggers_on_sqlite_cloud(workplace: Workplace, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "app.db").write_bytes(workplace.database.read_bytes())
    with Server(folder, plain=True) as server:
        url = {"DATABASE_URL": server.url(database="app.db")}
        workplace.good("backup", "--name", "before", **url)
        with closing(sqlite3.connect(folder / "app.db")) as connection, connection:
            connection.execute("DELETE FROM users WHERE id = 1")
        workplace.good("rows", "restore", "--from", "before", "--table", "users", **url)
        assert "No difference" in workplace.good("diff", "before", **url).out
