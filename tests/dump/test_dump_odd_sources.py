"""Databases of other SQLite versions and builds, and unusually large schemas, survive a dump."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.dump.identifiers import survives_shells
from shared.dump.literals import text_literal
from shared.dump.schema import count_rows, table_facts
from tests.dump.equality import assert_equal
from tests.dump.loading import LOADERS, built, dumped, edit_schema, load_by_shell, round_trip
from tests.dump.test_dump_objects import integrity_with_extras, with_extras

_OLD_FORMAT = apsw.SQLITE_DBCONFIG_LEGACY_FILE_FORMAT


def load_as_newer_shells_do(sql: bytes, target: Path) -> None:
    """Loads like a shell from 3.41 on, which rejects "text" as a string, with `.dbconfig defensive off`."""
    with closing(apsw.Connection(str(target))) as db:
        for setting in (
            apsw.SQLITE_DBCONFIG_DQS_DDL,
            apsw.SQLITE_DBCONFIG_DQS_DML,
            apsw.SQLITE_DBCONFIG_DEFENSIVE,
            apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA,
        ):
            db.config(setting, 0)
        db.execute(sql.decode())


def test_double_quoted_strings_load_in_shells_that_reject_them(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute(
            'CREATE TABLE t(a, b DEFAULT "hello", c CHECK(c <> "zz"), d AS (a || "x")); INSERT INTO t(a) VALUES(1)'
        )
        db.execute('CREATE INDEX i ON t("a", "no such"); CREATE INDEX j ON t(b) WHERE c > "word"')

    sql = round_trip(tmp_path, build)
    load_as_newer_shells_do(sql, tmp_path / "newer.db")
    assert_equal(tmp_path / "source.db", tmp_path / "newer.db")


def test_sqlite_stat4_older_than_sqlite_stat1_survives(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE a(x, y); CREATE INDEX ai ON a(x); CREATE INDEX aj ON a(y, x)")
        with db:
            db.executemany("INSERT INTO a VALUES(?, ?)", ((number % 7, number) for number in range(300)))
        db.execute("ANALYZE; DROP TABLE sqlite_stat1; ANALYZE")

    assert b'INSERT INTO "sqlite_stat4"' in round_trip(tmp_path, build)


@pytest.mark.parametrize("data", ["'{a:1}'", "jsonb('{\"a\":1}')"])
def test_indexes_on_json_that_old_shells_cannot_read_survive(tmp_path: Path, data: str) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute(f"CREATE TABLE t(d); INSERT INTO t VALUES({data}); CREATE INDEX i ON t(json_extract(d, '$.a'))")
        db.execute(
            f"CREATE TABLE u(d, v AS (d ->> 'a') UNIQUE); INSERT INTO u VALUES({data}); CREATE INDEX j ON u(v, d)"
        )

    round_trip(tmp_path, build)
    for loader in LOADERS:
        with closing(apsw.Connection(str(tmp_path / f"{loader}.db"))) as db:
            assert db.execute("SELECT count(*) FROM u INDEXED BY j WHERE v = 1").get == 1


def test_indexes_on_ordinary_json_are_dumped_as_ordinary_sql(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(d, n, v AS (d ->> 'a')); INSERT INTO t VALUES('{\"a\":1}', 2), (NULL, 3), ('[]', 4)")
        db.execute("CREATE INDEX i ON t(v); CREATE INDEX j ON t(json_extract(d, '$.b'))")

    assert b"writable_schema" not in round_trip(tmp_path, build)


def test_descending_indexes_of_file_format_1_are_built_descending(tmp_path: Path) -> None:
    """Format 1 stores every index ascending (https://sqlite.org/fileformat2.html#schema_format_number)."""

    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.config(_OLD_FORMAT, 1)
        db.execute("CREATE TABLE a(x, y, UNIQUE(y DESC)); CREATE TABLE b(x, s AS (x) STORED, UNIQUE(x DESC, s))")
        db.execute("CREATE TABLE c(x); CREATE INDEX ci ON c(foo(x) DESC); CREATE INDEX cj ON c(x DESC)")
        for number in range(50):
            db.execute(
                "INSERT INTO a VALUES(?1, ?1); INSERT INTO b VALUES(?1); INSERT INTO c VALUES(?1)", [str(number)] * 3
            )
        edit_schema(db, "a", "CREATE TABLE a(x INTEGER, y, UNIQUE(y DESC))")  # the texts in x are trapped now

    round_trip(tmp_path, build)
    assert (tmp_path / "source.db").read_bytes()[47] == 1
    for loader in LOADERS:
        assert set(integrity_with_extras(tmp_path / f"{loader}.db")) == {"TEXT value in a.x"}


def test_descending_primary_key_of_file_format_1_survives(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.config(_OLD_FORMAT, 1)
        db.execute("CREATE TABLE w(x, y, PRIMARY KEY(x DESC)) WITHOUT ROWID; CREATE INDEX wi ON w(foo(y) DESC)")
        db.execute("INSERT INTO w VALUES(1, 'a'), (2, 'b'), (3, 'c')")

    source = built(tmp_path / "source.db", build)
    sql = dumped(source)
    for name, load in LOADERS.items():
        copy = tmp_path / f"{name}.db"
        load(sql, copy)
        assert dumped(copy) == sql
        assert integrity_with_extras(copy) == ["ok"]
        with closing(apsw.Connection(str(copy))) as db:
            assert db.execute("SELECT group_concat(x || y) FROM w NOT INDEXED").get == "3c,2b,1a"


def test_order_of_index_entries_does_not_depend_on_an_unknown_collation(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.execute("CREATE TABLE w(x, y, PRIMARY KEY(x)) WITHOUT ROWID; CREATE INDEX wi ON w(foo(y) COLLATE backwards)")
        db.execute("INSERT INTO w VALUES(1, 'a'), (2, 'b'), (3, 'c')")

    round_trip(tmp_path, build)


def test_index_on_an_unknown_function_is_dumped_in_wal_mode(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.execute("PRAGMA journal_mode=WAL").fetchall()
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1); CREATE INDEX i ON t(foo(a))")

    source = built(tmp_path / "source.db", build)
    load_by_shell(dumped(source), tmp_path / "copy.db")
    assert_equal(source, tmp_path / "copy.db")
    with closing(apsw.Connection(str(source))) as db:
        assert db.pragma("journal_mode") == "wal"


def test_row_counts_do_not_depend_on_indexes(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.execute("CREATE TABLE t(a TEXT COLLATE backwards UNIQUE, b); INSERT INTO t VALUES('x', 1), ('y', 2)")
        # An empty index on a function that only another program knows.
        db.execute(
            "CREATE TABLE v(e); CREATE TABLE empty(e); CREATE INDEX vi ON empty(e); INSERT INTO v VALUES(1), (2)"
        )
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_schema SET tbl_name='v', sql='CREATE INDEX vi ON v(foo(e))' WHERE name='vi'")

    with closing(apsw.Connection(str(built(tmp_path / "a.db", build)))) as db:
        assert count_rows(db) == {"t": 2, "v": 2, "empty": 0}
    round_trip(tmp_path, build)


@pytest.mark.parametrize("columns", [101, 1990])
def test_wide_tables_of_every_type_survive(tmp_path: Path, columns: int) -> None:
    types = ("INT", "TEXT", "REAL", "BLOB")

    def build(db: apsw.Connection) -> None:
        db.execute(f"CREATE TABLE t({','.join(f'c{n} {types[n % 4]}' for n in range(columns))})")
        for row in (1, 2, -(2**40)):
            values = ["NULL" if n % 7 == 0 else f"{row / 3}" if n % 4 == 2 else str(row) for n in range(columns)]
            db.execute(f"INSERT INTO t VALUES({','.join(values)})")
        db.execute("UPDATE t SET c1 = char(13, 10) || '\\r' WHERE rowid = 2; DELETE FROM t WHERE rowid = 1")

    round_trip(tmp_path, build)


def test_reading_table_facts_does_not_expand_views(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a INT) STRICT; CREATE VIEW v0 AS SELECT a FROM t")
        for level in range(1, 11):
            db.execute(f"CREATE VIEW v{level} AS SELECT x.a FROM v{level - 1} x, v{level - 1} y")

    calls: list[int] = []

    def count_call() -> bool:
        calls.append(1)
        return False

    with closing(apsw.Connection(str(built(tmp_path / "a.db", build)))) as db:
        db.set_progress_handler(count_call, 1)
        facts = table_facts(db)
        db.set_progress_handler(None)
        assert (facts["t"].kind, facts["t"].strict, facts["v10"].kind) == ("table", True, "view")
        assert db.execute("SELECT count(*) FROM v2").get == 0, "views can be read afterwards"
    assert len(calls) < 2000
    round_trip(tmp_path, build)


def test_text_with_every_cr_marker_is_written_as_bytes() -> None:
    text = "\r\\r" + "".join(f"\\r{number}\\" for number in range(100_000))
    assert text_literal(text.encode()) == f"CAST(X'{text.encode().hex().upper()}' AS TEXT)"
    assert text_literal(text.replace("\\r9\\", "").encode()).endswith(",'\\r9\\',char(13))")


def test_survives_shells_accepts_a_long_trigger_and_rejects_two_statements() -> None:
    lines = "UPDATE t SET a = 1 WHERE b = ';';\n" * 50_000
    assert survives_shells(f"CREATE TRIGGER x AFTER INSERT ON t BEGIN\n{lines}END;\n")
    assert not survives_shells("CREATE VIEW v AS SELECT 1;\nDROP TABLE t;\n")
    assert not survives_shells("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END;\nSELECT 2;\n")
