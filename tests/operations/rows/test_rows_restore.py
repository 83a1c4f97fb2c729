"""Rows are restored as in the backup, newer rows stay, and nothing else changes: all or nothing."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalog.listing import Catalog
from shared.clock import Clock
from shared.compare.rows import Counts
from shared.errors import NotPermitted, SourceError, UsageError
from shared.model.kinds import Kind
from shared.operations.backup.options import BackupOptions
from shared.operations.backup.safety import SafetyBackup
from shared.operations.backup.take import take_backup
from shared.operations.diff.compare import compare, open_pair
from shared.operations.rows import to_file
from shared.operations.rows.apply import Conflict, RowWritten
from shared.operations.rows.options import RowsOptions
from shared.operations.rows.restore import plan_rows, restore_rows
from shared.operations.verify import allowances
from shared.runtime.progress import Progress
from shared.sqlite.location import FileLocation
from shared.stores import open_store
from tests.operations.rows.conftest import MakeOptions, rows_of

TABLE = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, n INTEGER); INSERT INTO t VALUES (1,'a',1), (2,'b',2), (3,'c',3);"
)
SINCE = "DELETE FROM t WHERE id = 1; UPDATE t SET v = 'X' WHERE id = 2; INSERT INTO t VALUES (4, 'new', 4);"


def test_missing_and_changed_rows_are_restored_and_newer_rows_stay(make_options: MakeOptions) -> None:
    options = make_options(TABLE, SINCE)
    done = restore_rows(options)
    assert (done.inserted, done.updated, done.unchanged) == (1, 1, 1)
    assert rows_of(options) == [(1, "a", 1), (2, "b", 2), (3, "c", 3), (4, "new", 4)]


def test_safety_backup_contains_rows_before_restore(make_options: MakeOptions) -> None:
    options = make_options(TABLE, SINCE)
    before = rows_of(options)
    done = restore_rows(options)
    assert done.safety is not None
    again = replace(options, backup=options.catalog.find(done.safety))
    assert restore_rows(again).updated == 1
    assert [row for row in rows_of(options) if row[0] != 1] == before


def test_dry_run_writes_nothing_and_shows_hashes_not_values(make_options: MakeOptions) -> None:
    options = make_options(TABLE, SINCE)
    before = rows_of(options)
    plan = plan_rows(options)
    assert rows_of(options) == before
    assert [(row.action, row.key, row.then) for row in plan.rows] == [("update", [2], None), ("insert", [1], None)]
    assert plan.rows[0].hash_now != plan.rows[0].hash_then
    assert plan_rows(options, values=True).rows[0].then == {"id": 2, "v": "b", "n": 2}


def test_where_and_keys_select_rows_of_the_backup(make_options: MakeOptions) -> None:
    options = make_options(TABLE, "DELETE FROM t;", where="n > 1")
    assert restore_rows(options).inserted == 2
    assert restore_rows(replace(options, where=None, keys=[[1], [99]])).inserted == 1
    assert len(rows_of(options)) == 3


def test_endless_where_condition_is_stopped(make_options: MakeOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single function call, which SQLite cannot interrupt."""
    monkeypatch.setattr(allowances, "ALLOWED", replace(allowances.ALLOWED, cpu_seconds=1, cpu_seconds_per_mb=0))
    endless = "n = instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1')"
    with pytest.raises(UsageError, match="--where took more than 1 s of CPU time on the backup: write it by the key"):
        plan_rows(make_options(TABLE, "DELETE FROM t;", where=endless))


@pytest.mark.parametrize(
    "where", ["1); DELETE FROM t; --", "id IN (SELECT id FROM v)", "load_extension('x')", "1; DROP TABLE t"]
)
def test_where_condition_can_only_read_tables(make_options: MakeOptions, where: str) -> None:
    endless = "CREATE VIEW v AS WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM c) SELECT id FROM c;"
    options = make_options(TABLE + endless, SINCE, where=where)
    before = rows_of(options)
    with pytest.raises((UsageError, NotPermitted)):
        restore_rows(options)
    assert rows_of(options) == before


def test_triggers_fire_only_on_request(make_options: MakeOptions) -> None:
    log = "CREATE TABLE log (x); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END;"
    options = make_options(TABLE + log, SINCE)
    restore_rows(options)
    assert rows_of(options, "SELECT * FROM log") == [(4,)]
    with closing(apsw.Connection(str(options.target.display))) as connection:
        connection.execute("DELETE FROM t WHERE id = 1")
    restore_rows(replace(options, triggers=True))
    assert rows_of(options, "SELECT * FROM log") == [(4,), (1,)]


def test_rows_can_swap_unique_values(make_options: MakeOptions) -> None:
    create = "CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO t VALUES (1, 'a'), (2, 'b');"
    options = make_options(
        create,
        "UPDATE t SET u = 'x' WHERE id = 1; UPDATE t SET u = 'a' WHERE id = 2; UPDATE t SET u = 'b' WHERE id = 1;",
    )
    restore_rows(options)
    assert rows_of(options) == [(1, "a"), (2, "b")]


def test_unique_value_taken_by_newer_row_is_a_conflict(make_options: MakeOptions) -> None:
    create = "CREATE TABLE t (id INTEGER PRIMARY KEY, email UNIQUE); INSERT INTO t VALUES (1, 'a@b');"
    options = make_options(create, "DELETE FROM t; INSERT INTO t VALUES (2, 'a@b');")
    assert "UNIQUE constraint failed: t.email" in plan_rows(options).conflicts[0]
    with pytest.raises(Conflict, match=r"UNIQUE constraint failed: t\.email"):
        restore_rows(options)
    assert rows_of(options) == [(2, "a@b")]


def test_row_without_parent_is_a_conflict(make_options: MakeOptions) -> None:
    create = "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1), (2);"
    create += "CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES p); INSERT INTO t VALUES (1, 1), (2, 2);"
    options = make_options(create, "DELETE FROM t; DELETE FROM p WHERE id = 1;")
    with pytest.raises(Conflict, match="1 row of t would have no parent row"):
        restore_rows(options)
    restore_rows(replace(options, table="p"))
    assert restore_rows(options).inserted == 2


def test_row_written_since_the_plan_stops_restore(make_options: MakeOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    options = make_options(TABLE, SINCE)
    real = SafetyBackup.take

    def take_and_write(safety: SafetyBackup, clock: Clock, progress: Progress) -> str:
        with closing(apsw.Connection(options.target.display)) as connection:
            connection.execute("UPDATE t SET v = 'newest' WHERE id = 2")
        return real(safety, clock, progress)

    monkeypatch.setattr(SafetyBackup, "take", take_and_write)
    with pytest.raises(RowWritten) as raised:
        restore_rows(options)
    assert raised.value.keys == [[2]]
    assert "newest" not in str(raised.value)
    assert rows_of(options) == [(2, "newest", 2), (3, "c", 3), (4, "new", 4)]


def test_production_database_needs_approval(make_options: MakeOptions) -> None:
    options = make_options(TABLE, SINCE, environment="production")
    with pytest.raises(NotPermitted, match="second person"):
        restore_rows(options)


@pytest.mark.parametrize(
    ("table", "message"),
    [("nope", "is not in"), ("f", "virtual table"), ("v", "is not in"), ("f_content", "is not in")],
)
def test_only_ordinary_tables_can_be_restored(make_options: MakeOptions, table: str, message: str) -> None:
    options = make_options(
        f"{TABLE} CREATE VIRTUAL TABLE f USING fts5(a); CREATE VIEW v AS SELECT 1;", SINCE, table=table
    )
    with pytest.raises(UsageError, match=message):
        restore_rows(options)


def test_newer_row_keeps_its_hidden_rowid(make_options: MakeOptions) -> None:
    create = "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1);"
    options = make_options(create, "DELETE FROM t; INSERT INTO t VALUES ('b', 2);")
    restore_rows(options)
    assert rows_of(options) == [("a", 1), ("b", 2)]


def test_columns_missing_in_backup_keep_their_values(make_options: MakeOptions) -> None:
    options = make_options(
        TABLE, SINCE + "ALTER TABLE t ADD COLUMN extra DEFAULT 'd'; UPDATE t SET extra = 'mine' WHERE id = 2;"
    )
    restore_rows(options)
    assert rows_of(options, "SELECT id, v, extra FROM t WHERE id < 3") == [(1, "a", "d"), (2, "b", "mine")]


def test_locked_database_is_not_changed(make_options: MakeOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    options = make_options(f"PRAGMA journal_mode=WAL; {TABLE}", SINCE)
    monkeypatch.setattr(to_file, "_BUSY_MILLISECONDS", 1)
    with closing(apsw.Connection(options.target.display)) as writer:
        writer.execute("BEGIN IMMEDIATE; DELETE FROM t WHERE id = 3")
        with pytest.raises(SourceError, match="is locked by another program"):
            restore_rows(options)
        writer.execute("ROLLBACK")
    assert (3, "c", 3) in rows_of(options)


def test_kill_inside_transaction_changes_nothing(make_options: MakeOptions) -> None:
    options = make_options(f"PRAGMA journal_mode=WAL; {TABLE}", SINCE)
    before = rows_of(options)
    program = """
import os, sys
from pathlib import Path
from datetime import timedelta
from shared.catalog.listing import Catalog
from shared.operations.rows import apply
from shared.operations.rows.options import RowsOptions
from shared.operations.rows.restore import restore_rows
from shared.sqlite.location import FileLocation
from shared.stores import open_store
catalog = Catalog(open_store(sys.argv[1]))
real, calls = apply._check_written, []
def kill(*arguments):
    calls.append(1)
    if len(calls) == 2:  # the first is the trial on the copy
        os.kill(os.getpid(), 9)
    real(*arguments)
apply._check_written = kill
restore_rows(RowsOptions(catalog, catalog.find("latest"), None, "t", FileLocation(Path(sys.argv[2]))))
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program, options.catalog.store.url, options.target.display],
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert rows_of(options) == before


VALUES = st.one_of(
    st.none(), st.integers(-5, 5), st.floats(allow_nan=False), st.text("aA'é", max_size=3), st.binary(max_size=3)
)
KEYS = st.one_of(st.integers(0, 8), st.text("abAB", max_size=2))
ROWS = st.dictionaries(KEYS, st.tuples(VALUES, VALUES), max_size=10)
SCHEMAS = [
    "CREATE TABLE t (k PRIMARY KEY, v, w)",
    "CREATE TABLE t (k PRIMARY KEY, v, w) WITHOUT ROWID",
    "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v INTEGER, w REAL)",
    "CREATE TABLE t (k PRIMARY KEY, v, w, g AS (v || 'g') STORED, UNIQUE (k, v))",
]
HOSTILE = """CREATE TABLE other (x); INSERT INTO other VALUES (1);
CREATE TRIGGER t_ AFTER INSERT ON t BEGIN DELETE FROM other; DELETE FROM t; END;
CREATE TRIGGER d_ BEFORE DELETE ON t BEGIN DELETE FROM other; END;"""


@settings(max_examples=60, deadline=None)
@given(
    schema=st.sampled_from(SCHEMAS), before=ROWS, after=ROWS, chosen=st.sets(KEYS, max_size=6), everything=st.booleans()
)
def test_selected_rows_equal_backup_and_no_other_row_changes(
    tmp_path_factory: pytest.TempPathFactory,
    schema: str,
    before: dict[object, tuple[object, object]],
    after: dict[object, tuple[object, object]],
    chosen: set[object],
    everything: bool,
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    then, live, was = folder / "then.db", folder / "live.db", folder / "was.db"
    for path, rows in ((then, before), (live, after), (was, after)):
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute(schema)
            for key, pair in rows.items():
                connection.execute("INSERT OR REPLACE INTO t (k, v, w) VALUES (?, ?, ?)", (key, *pair))
            connection.execute(HOSTILE)
    store = open_store(str(folder / "store"))
    take_backup(BackupOptions(FileLocation(then), store, None, Kind.DAILY, timedelta(days=7), "test"))
    catalog = Catalog(store)
    keys = None if everything else [[key] for key in chosen]
    done = restore_rows(RowsOptions(catalog, catalog.find("latest"), None, "t", FileLocation(live), keys=keys))
    with open_pair(was, live) as both:
        tables = {table.name: table.counts for table in compare(both).tables}
    assert tables == {"t": Counts(added=done.inserted, changed=done.updated), "other": Counts()}
    left = RowsOptions(catalog, catalog.find("latest"), None, "t", FileLocation(live), keys=keys)
    plan = plan_rows(left)
    assert (plan.inserted, plan.updated) == (0, 0)
