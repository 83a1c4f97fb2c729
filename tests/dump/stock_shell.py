"""Dumps made by the stock sqlite3 shell, as input for loading, and the contents of a database."""

import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import apsw
import pytest

SHELL = shutil.which("sqlite3")
needs_shell = pytest.mark.skipif(SHELL is None, reason="the stock sqlite3 shell is not installed")

# ANALYZE in a dump creates an empty sqlite_stat4, except in Debian's SQLite.
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'sqlite_stat4'"
RICH = """
CREATE TABLE people(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, note DEFAULT 'it''s; fine');
INSERT INTO people(name) VALUES('Ada'),('O''Brien; -- not a comment'),('two
lines /* no comment */'),('"quoted" [x] `y`'),('');
DELETE FROM people WHERE id = 4;
CREATE TABLE "odd ""name; -- x"("a;b" INTEGER, [c d] REAL, `e` BLOB, f);
INSERT INTO "odd ""name; -- x" VALUES(-9223372036854775808, 1e308, x'00ff3b27', NULL), (1, 0.1, zeroblob(3000), 'z');
CREATE TABLE pairs(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID;
INSERT INTO pairs VALUES('x', 1), ('y', 2.5);
CREATE TABLE made(a INTEGER, twice AS (a * 2) STORED, thrice INTEGER AS (a * 3));
INSERT INTO made(a) VALUES(7);
CREATE TABLE parent(id INTEGER PRIMARY KEY);
CREATE TABLE child(id INTEGER PRIMARY KEY, parent REFERENCES parent(id));
INSERT INTO child VALUES(1, 99);
CREATE TABLE log(what);
CREATE VIRTUAL TABLE notes USING fts5(title, body);
INSERT INTO notes VALUES('first; note', 'it''s a body'), ('second', 'begin end; case');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1);
INSERT INTO boxes VALUES(1, 0, 1, 0, 1), (2, 5, 6, 5, 6);
CREATE INDEX by_name ON people(name COLLATE NOCASE) WHERE name <> ';';
CREATE VIEW named AS SELECT name, CASE WHEN id > 1 THEN 'late' ELSE 'early' END AS "when;" FROM people;
CREATE TRIGGER watch AFTER UPDATE ON people WHEN new.name <> ';END;' BEGIN
  INSERT INTO log VALUES(CASE new.id WHEN 1 THEN 'one;' ELSE 'other' END); -- END;
  SELECT 1; /* ;END; */
END;
ANALYZE;
"""


def make_rich(path: Path) -> None:
    # Made by the shell: our own SQLite also writes sqlite_stat4, which Debian's does not know.
    assert SHELL is not None
    subprocess.run([SHELL, "-bail", str(path)], input=RICH.encode(), check=True)


def dump_with_shell(path: Path) -> bytes:
    assert SHELL is not None
    return subprocess.run([SHELL, str(path), ".dump"], check=True, capture_output=True).stdout


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(path: Path) -> dict[str, list[object]]:
    """Returns the schema and every table's rows with the types of their values, sorted."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        schema = connection.execute(_SCHEMA).fetchall()
        held: dict[str, list[object]] = {"": sorted(schema, key=repr)}
        for kind, name, _table, _sql in schema:
            if kind == "table":
                quoted = '"' + name.replace('"', '""') + '"'
                cursor = connection.execute(f"SELECT * FROM {quoted}")
                count = len(cursor.getdescription()) if (first := cursor.fetchone()) else 0
                rows = [first, *cursor] if first else []
                held[name] = sorted(([(type(v).__name__, v) for v in row[:count]] for row in rows), key=repr)
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        return held
