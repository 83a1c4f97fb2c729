"""`litekeep diff` as a person calls it."""

import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import Workplace


@pytest.fixture
def changed(workplace: Workplace) -> Workplace:
    """A backup, and a live database that lost ten rows and got one since."""
    workplace.good("backup", "--name", "before")
    with closing(sqlite3.connect(workplace.database)) as connection, connection:
        connection.execute("DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 10)")
        connection.execute("UPDATE messages SET body = 'SECRET' WHERE id = (SELECT min(id) FROM messages)")
    return workplace


def test_diff_counts_what_changed_since_the_backup(changed: Workplace) -> None:
    tables = {each["name"]: each for each in changed.good("diff", "before", "--json").json["tables"]}
    assert (tables["events"]["rows_removed"], tables["messages"]["rows_changed"]) == (10, 1)
    assert (tables["events"]["change"], tables["users"]["rows_changed"]) == ("same", 0)


def test_diff_of_two_backups_needs_no_live_database(changed: Workplace) -> None:
    changed.good("backup", "--name", "after")
    found = changed.good("diff", "before", "after", "--json", DATABASE_URL="gone.db").json
    assert (found["a"], found["b"]) == ("before", "after")
    assert {each["name"] for each in found["tables"] if each["rows_changed"]} == {"messages"}


def test_values_are_shown_only_when_asked_for(changed: Workplace) -> None:
    keys = changed.good("diff", "latest", "--table", "messages")
    assert "SECRET" not in keys.out + keys.err
    assert "~ " in keys.out
    assert "SECRET" in changed.good("diff", "latest", "--table", "messages", "--values").out


def test_the_sql_of_a_diff_repairs_the_live_database(changed: Workplace) -> None:
    changed.good("diff", "before", "--sql", "repair.sql")
    with closing(sqlite3.connect(changed.database)) as connection:
        connection.executescript((changed.folder / "repair.sql").read_text())
    assert "No difference" in changed.good("diff", "before").out


def test_sql_never_overwrites_a_file(changed: Workplace) -> None:
    (changed.folder / "repair.sql").write_text("mine")
    outcome = changed.run("diff", "before", "--sql", "repair.sql")
    assert (outcome.code, (changed.folder / "repair.sql").read_text()) == (2, "mine")


def test_an_unknown_table_is_wrong_usage(changed: Workplace) -> None:
    outcome = changed.run("diff", "before", "--table", "nope")
    assert outcome.code == 2
    assert "'nope' is in neither database" in outcome.err


def test_a_moment_before_the_first_backup_is_no_difference_of_anything(changed: Workplace) -> None:
    outcome = changed.run("diff", "2001-01-01T00:00:00Z")
    assert outcome.code == 1
    assert "the oldest is before" in outcome.err
