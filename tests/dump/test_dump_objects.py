"""Tables, indexes, views, triggers and virtual tables survive a dump, however they are written."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.errors import SourceError
from tests.dump.equality import quoted
from tests.dump.loading import (
    LOADERS,
    built,
    counted,
    dumped,
    edit_schema,
    round_trip,
)

NAMES = ["", "a'b", 'q"q', "new\nline", "[x]", "two words", "üñí 漢", "select", "a;b", "--x", "/*", "go\n/\ngo", "`"]
NAMES += ["litekeep_helper", "%s {0}", "back\\slash", "a\rb", "c\r\nd", ".quit", "#", "rowid", "\ufeff", "\x1b[0m"]


def foo(value: object) -> object:
    return None if value is None else f"{value}!"


def backwards(left: str, right: str) -> int:
    return (left < right) - (left > right)


def with_extras(db: apsw.Connection) -> None:
    """Adds a function and a collation that only one application has."""
    db.create_scalar_function("foo", foo, 1, deterministic=True)
    db.create_collation("backwards", backwards)


def integrity_with_extras(path: Path) -> list[object]:
    with closing(apsw.Connection(str(path))) as db:
        with_extras(db)
        return [row[0] for row in db.execute("PRAGMA integrity_check")]


def test_ordinary_database_is_dumped_as_ordinary_sql(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT UNIQUE COLLATE NOCASE)")
        db.execute("CREATE TABLE posts(id PRIMARY KEY, author REFERENCES users, at DATETIME) WITHOUT ROWID")
        db.execute("CREATE INDEX by_author ON posts(author, at DESC) WHERE at > '2020'")
        db.execute("CREATE VIEW recent AS SELECT * FROM posts ORDER BY at")
        db.execute("CREATE TRIGGER tidy AFTER DELETE ON users BEGIN DELETE FROM posts WHERE author = old.id; END")
        db.execute("INSERT INTO users(email) VALUES('a@b.c'); INSERT INTO posts VALUES('x', 1, '2024-01-01')")

    sql = round_trip(tmp_path, build)
    assert b"writable_schema" not in sql
    assert sql.count(b"litekeep_helper") == 3  # the count of objects at the end


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_any_object_name_survives(tmp_path: Path, encoding: str) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute(f"PRAGMA encoding='{encoding}'")
        for name in NAMES:
            table, other = quoted(name), quoted(f"{name}2")
            db.execute(f"CREATE TABLE {table}({table}, {other} UNIQUE)")
            db.execute(f"INSERT INTO {table} VALUES('it''s', 2)")
            db.execute(f"CREATE INDEX {quoted(f'i{name}')} ON {table}({table})")
            db.execute(f"CREATE VIEW {quoted(f'v{name}')} AS SELECT {other} FROM {table}")
            db.execute(f"CREATE TRIGGER {quoted(f't{name}')} AFTER INSERT ON {table} BEGIN SELECT 1; END")

    round_trip(tmp_path, build)


def test_object_names_that_are_not_text_are_refused(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE bad_x(a)")
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_schema SET name=CAST(x'6261645FFF' AS TEXT), tbl_name=CAST(x'6261645FFF' AS TEXT)")

    with pytest.raises(SourceError, match=r"bad_"):
        dumped(built(tmp_path / "a.db", build))


def test_schema_text_with_windows_line_ends_is_kept(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(\r\n a INTEGER,\r\n b TEXT -- note\r\n, c DEFAULT 'x')\r\n")
        db.execute("CREATE INDEX i\r\nON t(a)")
        db.execute("CREATE VIEW v AS\r\nSELECT 1 -- x")
        db.execute("CREATE TRIGGER tr AFTER INSERT ON t\r\nBEGIN\r\nSELECT 1;\r\nEND")
        db.execute("INSERT INTO t VALUES(1, 'a\r\nb', NULL)")

    round_trip(tmp_path, build)


def test_cr_inside_names_literals_and_comments_is_kept(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute('CREATE TABLE "a\rb"("c\rd" PRIMARY KEY, "e\r\nf" UNIQUE, g); INSERT INTO "a\rb" VALUES(1, 2, 3)')
        db.execute('CREATE INDEX "i\r1" ON "a\rb"(g); CREATE VIEW "v\r" AS SELECT 1')
        db.execute('CREATE TRIGGER "t\r" AFTER INSERT ON "a\rb" BEGIN SELECT 1; END')
        db.execute("CREATE TABLE d(a DEFAULT 'x\r\ny', b CHECK(b <> '\r')); INSERT INTO d VALUES(1, 2)")
        db.execute(
            "CREATE INDEX di ON d(a) WHERE b = '\r'; CREATE TABLE e(a -- one\rtwo)\n, b); INSERT INTO e VALUES(1, 2)"
        )

    round_trip(tmp_path, build)


def test_schema_text_that_ends_in_a_comment_is_kept(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID -- end\n;")
        db.execute("CREATE VIEW v AS SELECT 1 -- end\n;")
        db.execute("CREATE VIEW w AS SELECT 1 /* no end")
        db.execute("CREATE INDEX i ON t(a) -- end\n")
        db.execute("CREATE INDEX j ON t(a) /* end */")
        edit_schema(db, "t", "CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID /* no end")

    round_trip(tmp_path, build)


def test_lines_that_end_a_statement_in_the_shell_are_kept(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(\ngo\n, b CHECK(b\n/\n2 > 0)); INSERT INTO t VALUES('\ngo\n/\n.quit\n', 2)")
        db.execute("CREATE INDEX i ON t(\ngo\n); CREATE VIEW v AS SELECT\ngo\nFROM t")

    round_trip(tmp_path, build)


def test_double_quoted_strings_are_kept(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute('CREATE TABLE t(a, b DEFAULT "hello", c CHECK(c <> "zz")); CREATE INDEX i ON t("a", "no such")')
        db.execute("INSERT INTO t VALUES(1, 2, 3)")

    round_trip(tmp_path, build)


def test_indexes_on_unknown_functions_and_collations_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.execute("CREATE TABLE t(a, b TEXT COLLATE backwards UNIQUE, c INTEGER UNIQUE, CHECK(foo(a) <> 'z'))")
        db.execute("CREATE INDEX i ON t(foo(a) DESC, c) WHERE foo(b) > ''; CREATE INDEX j ON t(c)")
        db.execute("CREATE INDEX k ON t(b, c); CREATE INDEX l ON t(a COLLATE backwards)")
        db.execute("INSERT INTO t VALUES(1, 'x', 5), (2, 'y', 6), (NULL, NULL, NULL), (X'00FF', 'z', 9)")
        db.execute("CREATE TABLE g(a, v AS (foo(a)) UNIQUE, w UNIQUE, s AS (foo(w)) STORED)")
        db.execute("INSERT INTO g(a, w) VALUES(5, 1), (6, 2); CREATE INDEX gi ON g(v, a)")
        db.execute(
            "CREATE TABLE w(a, b, c, PRIMARY KEY(b DESC, a)) WITHOUT ROWID; INSERT INTO w VALUES(1, 2, 3), (2, 3, 4)"
        )
        db.execute("CREATE INDEX wi ON w(foo(a), b); CREATE INDEX unhexed ON w(unhex(c))")

    round_trip(tmp_path, build)
    assert sorted(counted(tmp_path / "source.db").reindex) == ["k", "l", "sqlite_autoindex_t_1"]
    for loader in LOADERS:
        with closing(apsw.Connection(str(tmp_path / f"{loader}.db"))) as db:
            with_extras(db)
            db.execute("REINDEX k; REINDEX l; REINDEX t")
        assert integrity_with_extras(tmp_path / f"{loader}.db") == ["ok"]


def test_index_on_an_unknown_function_needs_no_reindex(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.execute("PRAGMA auto_vacuum=FULL; CREATE TABLE t(a, v AS (foo(a)) UNIQUE); CREATE INDEX i ON t(foo(a) DESC)")
        with db:
            db.executemany("INSERT INTO t(a) VALUES(?)", ((number * 7919 % 10007,) for number in range(2000)))

    round_trip(tmp_path, build)
    assert not counted(tmp_path / "source.db").reindex
    for loader in LOADERS:
        assert integrity_with_extras(tmp_path / f"{loader}.db") == ["ok"]


def test_primary_key_with_an_unknown_collation_is_refused_by_name(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.execute("CREATE TABLE words(w TEXT COLLATE backwards PRIMARY KEY) WITHOUT ROWID")

    with pytest.raises(SourceError, match=r"'words'.*'backwards'"):
        dumped(built(tmp_path / "a.db", build))


def test_columns_with_an_unknown_collation_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        with_extras(db)
        db.execute(
            "CREATE TABLE t(id INTEGER PRIMARY KEY COLLATE backwards, x INT COLLATE backwards,"
            " y REAL COLLATE backwards, z TEXT COLLATE backwards NOT NULL)"
        )
        db.execute("INSERT INTO t VALUES(5, 'x', 2.5, 'z'), (6, 3, 1e20, 'q'); CREATE INDEX i ON t(y, id)")

    round_trip(tmp_path, build)


def test_generated_columns_keep_their_stored_values(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE a(x, v AS (x * 2), s AS (x || 's') STORED NOT NULL)")
        db.execute(
            "INSERT INTO a(x) VALUES('{}'), (5), ('[1]'); CREATE INDEX av ON a(v); CREATE UNIQUE INDEX asx ON a(s)"
        )
        db.execute("CREATE TABLE p(v AS (x + 1) UNIQUE, x); INSERT INTO p(x) VALUES(1), (2)")
        db.execute("CREATE TABLE b(x); INSERT INTO b VALUES('{bad'), ('{}')")
        db.execute("ALTER TABLE b ADD COLUMN j AS (json_extract(x, '$.a')) VIRTUAL")
        edit_schema(db, "a", "CREATE TABLE a(x, v AS (x * 2), s AS (x || 'today otherwise') STORED NOT NULL)")

    sql = round_trip(tmp_path, build)
    assert b'"5s"' not in sql
    assert b"'5s'" in sql


def test_defaults_of_added_columns_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1); ALTER TABLE t ADD COLUMN r REAL NOT NULL DEFAULT 5")
        db.execute(
            "ALTER TABLE t ADD COLUMN s TEXT DEFAULT 'it''s'; ALTER TABLE t RENAME TO u; INSERT INTO u(a) VALUES(2)"
        )

    round_trip(tmp_path, build)


def test_rows_that_violate_constraints_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE a(x PRIMARY KEY REFERENCES b(y)); CREATE TABLE b(y PRIMARY KEY REFERENCES a(x))")
        db.execute("INSERT INTO a VALUES(1); INSERT INTO b VALUES(2); CREATE TABLE c(x CHECK(x > 0), y)")
        db.execute("PRAGMA ignore_check_constraints=ON; INSERT INTO c VALUES(-1, NULL)")
        edit_schema(db, "c", "CREATE TABLE c(x CHECK(x > 0), y NOT NULL)")

    round_trip(tmp_path, build)


def test_autoincrement_sequences_survive_even_without_a_table(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO a VALUES(5, 1); DELETE FROM a")
        db.execute("CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, y CHECK(y > 0)); INSERT INTO b VALUES(100, 1)")
        db.execute("UPDATE sqlite_sequence SET seq = 1000 WHERE name = 'a'")
        db.execute("INSERT INTO sqlite_sequence(rowid, name, seq) VALUES(77, 'ghost', 'x')")

    round_trip(tmp_path, build)


def test_autoincrement_sequences_survive_after_the_last_table_is_dropped(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a VALUES(5); DROP TABLE a")
        db.execute("INSERT INTO sqlite_sequence VALUES('ghost', 4)")

    round_trip(tmp_path, build)


@pytest.mark.parametrize("dropped", ["", "sqlite_stat4", "sqlite_stat1"])
def test_analyze_statistics_survive(tmp_path: Path, dropped: str) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE a(x, y); CREATE INDEX ai ON a(x); CREATE INDEX aj ON a(y, x)")
        with db:
            db.executemany("INSERT INTO a VALUES(?, ?)", ((number % 7, number) for number in range(300)))
        db.execute("ANALYZE")
        if dropped:
            db.execute(f"DROP TABLE {dropped}")

    round_trip(tmp_path, build)


def test_full_text_and_rtree_tables_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE VIRTUAL TABLE f5 USING fts5(a, b); INSERT INTO f5 VALUES('hello world', 'x'), ('y', 'z')")
        db.execute("CREATE VIRTUAL TABLE f4 USING fts4(a); INSERT INTO f4 VALUES('foo bar')")
        db.execute("CREATE VIRTUAL TABLE f3 USING fts3(q); INSERT INTO f3 VALUES('old\r\nstyle')")
        db.execute("CREATE TABLE notes(id INTEGER PRIMARY KEY, t); INSERT INTO notes VALUES(1, 'one two')")
        db.execute("CREATE VIRTUAL TABLE outside USING fts5(t, content='notes', content_rowid='id')")
        db.execute("INSERT INTO outside(outside) VALUES('rebuild')")
        db.execute(
            "CREATE TRIGGER follow AFTER INSERT ON notes BEGIN INSERT INTO outside(rowid, t) VALUES(new.id, new.t); END"
        )
        db.execute("CREATE VIRTUAL TABLE bare USING fts5(t, content=''); INSERT INTO bare(rowid, t) VALUES(5, 'ab cd')")
        db.execute("CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1); INSERT INTO boxes VALUES(1, 2, 3)")
        db.execute("CREATE VIEW found AS SELECT * FROM f5")

    round_trip(tmp_path, build)
    for loader in LOADERS:
        with closing(apsw.Connection(str(tmp_path / f"{loader}.db"))) as db:
            assert db.execute("SELECT a FROM f5('hello')").get == "hello world"
            assert db.execute("SELECT rowid FROM outside('two')").get == 1
            assert db.execute("SELECT rowid FROM bare('cd')").get == 5
            assert db.execute("SELECT id FROM boxes WHERE x0 > 1").get == 1
            assert db.execute("SELECT a FROM f4 WHERE f4 MATCH 'bar'").get == "foo bar"
            db.execute("INSERT INTO f5(f5) VALUES('integrity-check')")


def test_virtual_tables_of_unknown_modules_survive(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE x_data(a); INSERT INTO x_data VALUES('page'); CREATE TABLE y(a)")
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        db.execute("PRAGMA writable_schema=ON")
        db.execute(
            "INSERT INTO sqlite_schema VALUES('table', 'x', 'x', 0, 'CREATE VIRTUAL TABLE x USING nobodys(a, b)')"
        )

    round_trip(tmp_path, build)


def test_views_on_missing_tables_keep_their_order(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE VIEW a AS SELECT * FROM b; CREATE VIEW b AS SELECT * FROM nowhere; CREATE TABLE t(x)")
        db.execute("CREATE VIEW w AS SELECT x FROM t; CREATE VIEW c\r AS SELECT 2; CREATE VIEW d AS SELECT 3")
        db.execute("CREATE TRIGGER wt INSTEAD OF INSERT ON w BEGIN INSERT INTO t VALUES(new.x); END")
        db.execute("CREATE TRIGGER ct INSTEAD OF INSERT ON c BEGIN SELECT 1; END")

    sql = round_trip(tmp_path, build)
    assert sql.index(b"VIEW w") < sql.index(b"VIEW c") < sql.index(b"VIEW d")


def test_triggers_do_not_fire_on_restore(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(x); CREATE TABLE log(x); INSERT INTO t VALUES(1), (2)")
        db.execute("CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.x); END")

    round_trip(tmp_path, build)
    with closing(apsw.Connection(str(tmp_path / "shell.db"))) as db:
        assert db.execute("SELECT count(*) FROM log").get == 0


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize(("page_size", "auto_vacuum"), [(512, 1), (65536, 2), (4096, 0)])
def test_file_header_settings_survive(tmp_path: Path, encoding: str, page_size: int, auto_vacuum: int) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute(f"PRAGMA encoding='{encoding}'; PRAGMA page_size={page_size}; PRAGMA auto_vacuum={auto_vacuum}")
        db.execute(
            "PRAGMA user_version=-5; PRAGMA application_id=1234567; CREATE TABLE t(a); INSERT INTO t VALUES('é')"
        )

    round_trip(tmp_path, build)


def test_empty_database_survives(tmp_path: Path) -> None:
    round_trip(tmp_path, lambda db: db.execute("PRAGMA user_version=3"))


def test_hostile_schema_runs_no_statement_during_the_dump(tmp_path: Path) -> None:
    victim = tmp_path / "victim.db"

    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
        edit_schema(db, "t", f"CREATE TABLE t(a); ATTACH '{victim}' AS v; CREATE TABLE v.x(y)")

    source = built(tmp_path / "a.db", build)
    with pytest.raises(SourceError):
        dumped(source)
    assert not victim.exists()
