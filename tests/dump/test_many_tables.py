"""Loading and planning take linear time in the number of tables, measured in steps of SQLite's virtual machine."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.dump.guard import Bounds
from shared.dump.load import load_sql
from shared.dump.replay import Replay
from shared.dump.schema import SchemaObject
from shared.dump.short_schema import BATCH
from shared.errors import NotGood
from tests.dump.loading import HEADER, counted, dumped, round_trip

MANY = 3 * BATCH + 50
TEXTS = (
    "CREATE TABLE t{0}(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE, b REFERENCES t0(id))",
    "CREATE TABLE t{0}(id, a, PRIMARY KEY(id, a)) WITHOUT ROWID",
    "CREATE TABLE t{0}(id, a DEFAULT 'x', CHECK(a <> 'y'))",
)


def of_many_kinds(db: apsw.Connection) -> None:
    with db:
        for number in range(MANY):
            db.execute(TEXTS[number % 3].format(number))
            db.execute(f"INSERT INTO t{number}(id, a) VALUES({number}, {number}), ({number + 1}, -1)")
        db.execute("CREATE TABLE odd(a INTEGER, b AS (a + 1) STORED); INSERT INTO odd(a) VALUES(1)")
        for number in range(0, MANY, 7):
            db.execute(f"CREATE INDEX i{number} ON t{number}(a DESC)")
        db.execute("CREATE VIEW v AS SELECT * FROM t1; CREATE TRIGGER r AFTER INSERT ON t2 BEGIN SELECT 1; END")
        db.execute("CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES('one')")


@pytest.mark.parametrize("auto_vacuum", [0, 1])
def test_many_tables_of_every_kind_survive(tmp_path: Path, auto_vacuum: int) -> None:
    def build(db: apsw.Connection) -> None:
        db.pragma("auto_vacuum", auto_vacuum)
        of_many_kinds(db)

    round_trip(tmp_path, build)
    assert len(counted(tmp_path / "source.db").row_counts) == MANY + 6


def test_schema_rows_keep_the_rowids_that_sqlite_assigns(tmp_path: Path) -> None:
    with closing(apsw.Connection(str(tmp_path / "source.db"))) as db:
        of_many_kinds(db)
    sql = dumped(tmp_path / "source.db")
    load_sql([sql], tmp_path / "litekeep.db")
    with closing(apsw.Connection(str(tmp_path / "plain.db"))) as db:
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        db.execute(sql.decode())
    (loaded, pages), (plain, as_many) = schema_of(tmp_path / "litekeep.db"), schema_of(tmp_path / "plain.db")
    assert loaded == plain
    assert pages <= as_many + 10  # some pages of sqlite_schema were written twice


def schema_of(path: Path) -> tuple[list[tuple[object, ...]], int]:
    with closing(apsw.Connection(str(path))) as db:
        rows = db.execute("SELECT rowid, type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        return rows, int(str(db.pragma("page_count")))


def simple(count: int) -> Iterator[bytes]:
    """Yields the dump of a database with `count` tables."""
    yield f"-- Litekeep SQL dump, format 2\n-- database: {HEADER.database}\nBEGIN;\n".encode()
    for number in range(count):
        yield f'CREATE TABLE t{number}(id INTEGER PRIMARY KEY);\nINSERT INTO "t{number}"("id") VALUES\n(1);\n'.encode()
    yield f"COMMIT;\n-- whole: {count} tables, {count} rows\n".encode()


@pytest.mark.parametrize("count", [1000, 4000])
def test_loading_steps_are_linear_in_the_number_of_tables(tmp_path: Path, count: int) -> None:
    load_sql(simple(count), tmp_path / "new.db", bounds=Bounds(steps=0, steps_per_byte=STEPS_A_BYTE))


STEPS_A_BYTE = 25


@pytest.mark.parametrize("count", [1000, 4000])
def test_planning_steps_are_linear_in_the_number_of_tables(count: int) -> None:
    replay, steps = Replay("utf-8"), 0

    def count_steps() -> bool:
        nonlocal steps
        steps += 100
        return False

    with closing(replay):
        replay.connection.set_progress_handler(count_steps, 100)
        for number in range(count):
            name, sql = f"t{number}", f"CREATE TABLE t{number}(id INTEGER PRIMARY KEY)"
            assert replay.is_plain(SchemaObject("table", name, name, 1, sql), f"{sql};\n", frozenset())
        assert replay.has("t0")
        assert replay.has(f"t{count - 1}")
    assert steps < 2000 * count


def test_table_created_twice_far_apart_is_an_error(tmp_path: Path) -> None:
    sql = b"".join(simple(BATCH + 10)).replace(b"CREATE TABLE t205(", b"CREATE TABLE t1(")
    with pytest.raises(NotGood):
        load_sql([sql], tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()
