"""The command `litekeep diff`."""

import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import Workplace


@pytest.fixture
def changed(workplace: Workplace) -> Workplace:
    """A backup, and a live database with ten rows deleted and one changed since."""
    workplace.good("backup", "--name", "before")
    with closing(sqlite3.connect(workplace.database)) as connection, connection:
        connection.execute("DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 10)")
        connection.execute("UPDATE messages SET body = 'SECRET' WHERE id = (SELECT min(id) FROM messages)")
    return workplace


def test_diff_counts_changes_since_the_backup(changed: Workplace) -> None:
    tables = {each["name"]: each for each in changed.good("diff", "before", "--json").json["tables"]}
    assert (tables["events"]["rows_removed"], tables["messages"]["rows_changed"]) == (10, 1)
    assert (tables["events"]["change"], tables["users"]["rows_changed"]) == ("same", 0)


def test_diff_of_two_backups_needs_no_live_database(changed: Workplace) -> None:
    changed.good("backup", "--name", "after")
    found = changed.good("diff", "before", "after", "--json", DATABASE_URL="gone.db").json
    assert (found["a"], found["b"]) == ("before", "after")
    assert {each["name"] for each in found["tables"] if each["rows_changed"]} == {"messages"}


def test_diff_shows_values_only_with_values_flag(changed: Workplace) -> None:
    keys = changed.good("diff", "latest", "--table", "messages")
    assert "SECRET" not in keys.out + keys.err
    assert "~ " in keys.out
    assert "SECRET" in changed.good("diff", "latest", "--table", "messages", "--values").out


def test_diff_sql_repairs_the_live_database(changed: Workplace) -> None:
    changed.good("diff", "before", "--sql", "repair.sql")
    with closing(sqlite3.connect(changed.database)) as connection:
        connection.executescript((changed.folder / "repair.sql").read_text())
    assert "No difference" in changed.good("diff", "before").out


def test_diff_sql_never_overwrites_a_file(changed: Workplace) -> None:
    (changed.folder / "repair.sql").write_text("mine")
    outcome = changed.run("diff", "before", "--sql", "repair.sql")
    assert (outcome.code, (changed.folder / "repair.sql").read_text()) == (2, "mine")
    assert outcome.err == "error: cannot write --sql repair.sql: the file exists; use another name\n"
    missing = changed.run("diff", "before", "--sql", "nowhere/repair.sql")
    assert (missing.code, "folder nowhere does not exist" in missing.err) == (2, True)


def test_diff_of_unknown_table_exits_2(changed: Workplace) -> None:
    outcome = changed.run("diff", "before", "--table", "nope")
    assert outcome.code == 2
    assert "'nope' is in neither database" in outcome.err


def test_diff_at_time_before_the_first_backup_fails(changed: Workplace) -> None:
    outcome = changed.run("diff", "2001-01-01T00:00:00Z")
    assert outcome.code == 1
    assert "the oldest is before" in outcome.err
