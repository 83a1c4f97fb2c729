"""What a backup records about a schema: version, hash, tables, row counts."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.dump.schema import count_rows, schema_hash, schema_version, user_tables
from shared.dump.tables import affinity
from tests.dump.loading import built

DRIZZLE = "CREATE TABLE __drizzle_migrations(id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric);"

PRISMA = "CREATE TABLE _prisma_migrations(migration_name, started_at, finished_at);"
DJANGO = "CREATE TABLE django_migrations(id INTEGER PRIMARY KEY, app, name);"


def version_of(path: Path, sql: str) -> str:
    with closing(apsw.Connection(str(built(path, lambda db: db.execute(sql))))) as db:
        return schema_version(db)


@pytest.mark.parametrize(
    ("sql", "version"),
    [
        ("PRAGMA user_version=7", "7"),
        (f"{DRIZZLE} INSERT INTO __drizzle_migrations VALUES(1, 'new', 200), (2, 'old', 100)", "new"),
        (f"{DRIZZLE} PRAGMA user_version=3", "3"),
        (f"{DRIZZLE} INSERT INTO __drizzle_migrations VALUES(1, 'a' || char(10) || 'b', 1)", "a?b"),
        (f"{DRIZZLE} INSERT INTO __drizzle_migrations VALUES(1, x'FF00', 1); PRAGMA user_version=4", "4"),
        ("CREATE TABLE __drizzle_migrations(other); PRAGMA user_version=5", "5"),
        ("CREATE VIEW __drizzle_migrations AS SELECT * FROM nowhere; PRAGMA user_version=6", "6"),
        (f"{PRISMA} INSERT INTO _prisma_migrations VALUES('init', 1, 2), ('more', 3, 4), ('broken', 5, NULL)", "more"),
        (f"{DJANGO} INSERT INTO django_migrations VALUES(1, 'auth', '0001'), (2, 'shop', '0002')", "shop.0002"),
        ("CREATE TABLE alembic_version(version_num); INSERT INTO alembic_version VALUES('ae10')", "ae10"),
    ],
)
def test_the_schema_version_is_the_newest_migration(tmp_path: Path, sql: str, version: str) -> None:
    assert version_of(tmp_path / "a.db", sql) == version


def test_schema_version_has_at_most_100_characters(tmp_path: Path) -> None:
    sql = f"{DRIZZLE} INSERT INTO __drizzle_migrations VALUES(1, printf('%.*c', 5000, 'x'), 1)"
    assert len(version_of(tmp_path / "a.db", sql)) == 100


def hash_of(path: Path, sql: str) -> str:
    with closing(apsw.Connection(str(built(path, lambda db: db.execute(sql))))) as db:
        return schema_hash(db)


def test_schema_hash_ignores_only_order_and_rows(tmp_path: Path) -> None:
    one = hash_of(tmp_path / "1.db", "CREATE TABLE a(x); CREATE TABLE b(y)")
    assert one == hash_of(tmp_path / "2.db", "CREATE TABLE b(y); CREATE TABLE a(x); INSERT INTO a VALUES(1)")
    others = {
        hash_of(tmp_path / "3.db", "CREATE TABLE a(x); CREATE TABLE b(y )"),
        hash_of(tmp_path / "4.db", "CREATE TABLE a(x); CREATE TABLE B(y)"),
        hash_of(tmp_path / "5.db", "CREATE TABLE a(x); CREATE VIEW b(y) AS SELECT 1"),
        hash_of(tmp_path / "6.db", "CREATE TABLE a(x); CREATE TABLE b(y); ANALYZE"),
        hash_of(tmp_path / "7.db", ""),
    }
    assert len(others) == 5
    assert one not in others


def test_user_tables_exclude_shadow_and_internal_tables(tmp_path: Path) -> None:
    sql = "CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIRTUAL TABLE f USING fts5(x);"
    source = built(tmp_path / "a.db", lambda db: db.execute(f"{sql} CREATE VIEW v AS SELECT 1; ANALYZE"))
    with closing(apsw.Connection(str(source))) as db:
        assert user_tables(db) == ["t", "f"]
        assert set(count_rows(db)) == {"t", "f_data", "f_idx", "f_content", "f_docsize", "f_config"}


@pytest.mark.parametrize(
    "declared",
    """INT INTEGER tinyint BIGINT INT8 CHARACTER(20) VARCHAR(255) CLOB text BLOB REAL DOUBLE FLOAT NUMERIC
    DECIMAL(10,5) BOOLEAN DATE DATETIME CHARINT BLOBTEXT TEXTBLOB REALBLOB BLOBREAL ANY STRING POINT \u0131nt xdoub
    floatingpoint real_char""".split(),
)
def test_affinity_matches_sqlite_for_declared_types(declared: str) -> None:
    with closing(apsw.Connection(":memory:")) as db:
        db.execute(f"CREATE TABLE t(a {declared}); INSERT INTO t VALUES('1'), (1), (0.5), ('0.5')")
        seen = tuple(kind for (kind,) in db.execute("SELECT typeof(a) FROM t ORDER BY rowid"))
        whole = db.execute("SELECT typeof(a) FROM t WHERE rowid = 1").get
    expected = {
        "INTEGER": ("integer", "integer", "real", "real"),
        "NUMERIC": ("integer", "integer", "real", "real"),
        "REAL": ("real", "real", "real", "real"),
        "TEXT": ("text", "text", "text", "text"),
        "BLOB": ("text", "integer", "real", "text"),
    }
    assert seen == expected[affinity(declared)]
    assert whole == seen[0]
