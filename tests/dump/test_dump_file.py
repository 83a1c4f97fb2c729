"""The dump as a file: format, options, errors."""

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from shared.dump.dump import DumpCounts, DumpHeader, dump
from shared.dump.schema import count_rows, user_tables
from shared.errors import CorruptSource, SourceError
from tests.dump.equality import assert_equal
from tests.dump.loading import HEADER, LOADERS, built, dumped, load_by_shell

GOLDEN = Path(__file__).parent / "golden"

APP = """
CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE, balance REAL, joined DATETIME);
INSERT INTO users VALUES(1, 'ann@example.org', 19.99, '2024-01-15 10:00:00'), (7, 'o''neil@example.org', -0.1, NULL);
INSERT INTO users VALUES(8, 'pi@example.org', 3.141592653589793, 1700000000);
CREATE TABLE notes(body, raw BLOB);
INSERT INTO notes VALUES('two' || char(10) || 'lines', x'00FF'), ('windows' || char(13, 10), NULL);
INSERT INTO notes VALUES('nul' || char(0), 9e999);
CREATE TABLE tags(name TEXT PRIMARY KEY COLLATE NOCASE, uses INTEGER) WITHOUT ROWID, STRICT;
INSERT INTO tags VALUES('b', 2), ('A', 1);
CREATE TABLE odd(n INTEGER);
CREATE VIRTUAL TABLE search USING fts5(body);
INSERT INTO search VALUES('two lines');
CREATE INDEX by_joined ON users(joined DESC) WHERE joined IS NOT NULL;
CREATE INDEX by_hex ON notes(unhex(body));
CREATE VIEW rich AS SELECT * FROM users WHERE balance > 10 -- or so
;
CREATE TRIGGER greet AFTER INSERT ON users BEGIN INSERT INTO notes(body) VALUES('hello ' || new.email); END;
PRAGMA user_version=42;
"""


def app(db: apsw.Connection) -> None:
    db.execute(APP)


@pytest.mark.parametrize("number", [1, 2])
def test_each_format_matches_its_golden_file(tmp_path: Path, number: int) -> None:
    sql = dumped(built(tmp_path / "a.db", app), header=replace(HEADER, format=number))
    assert sql == (GOLDEN / f"format-{number}.sql").read_bytes()


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("loader", LOADERS)
def test_a_dump_of_each_format_still_loads(tmp_path: Path, loader: str, number: int) -> None:
    copy = tmp_path / "copy.db"
    LOADERS[loader]((GOLDEN / f"format-{number}.sql").read_bytes(), copy)
    assert_equal(built(tmp_path / "a.db", app), copy)


def test_the_same_content_in_other_pages_gives_the_same_dump(tmp_path: Path) -> None:
    source = built(tmp_path / "a.db", app)
    before = dumped(source)
    with closing(apsw.Connection(str(source))) as db:
        db.execute("CREATE TABLE gone(a); INSERT INTO gone VALUES(zeroblob(90000)); DROP TABLE gone; VACUUM")
        db.execute("DELETE FROM notes; INSERT INTO notes(rowid, body, raw) VALUES(3, 'nul' || char(0), 9e999)")
        db.execute("INSERT INTO notes(rowid, body, raw) VALUES(2, 'windows' || char(13, 10), NULL)")
        db.execute("INSERT INTO notes(rowid, body, raw) VALUES(1, 'two' || char(10) || 'lines', x'00FF')")
    assert dumped(source) == before


def test_header_values_cannot_leave_their_comments(tmp_path: Path) -> None:
    header = DumpHeader("a\nDROP TABLE users;\r\n.quit", "2024\x1b[0m", "1\u2028;\0")
    with closing(apsw.Connection(str(built(tmp_path / "a.db", app)))) as db:
        sql = b"".join(dump(db, header))
    assert all(line.startswith(b"--") for line in sql.split(b"\n")[:5])
    assert b"\nDROP TABLE users" not in sql
    load_by_shell(sql, tmp_path / "b.db")
    assert_equal(tmp_path / "a.db", tmp_path / "b.db")


def test_the_last_line_counts_tables_and_rows(tmp_path: Path) -> None:
    source = built(tmp_path / "a.db", app)
    counts = DumpCounts()
    last = dumped(source, counts=counts).rstrip(b"\n").rsplit(b"\n", 1)[-1]
    with closing(apsw.Connection(str(source))) as db:
        assert counts.row_counts == count_rows(db)
        assert last == b"-- whole: %d tables, %d rows" % (len(user_tables(db)), sum(count_rows(db).values()))


def test_every_chunk_consists_of_whole_statements(tmp_path: Path) -> None:
    with closing(apsw.Connection(str(built(tmp_path / "a.db", app)))) as db:
        chunks = list(dump(db, HEADER))
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    assert all(apsw.complete(chunk.decode()) for chunk in chunks)


def test_truncated_dump_loads_as_an_empty_database(tmp_path: Path) -> None:
    sql = dumped(built(tmp_path / "a.db", app))
    ends = [found.end() for found in re.finditer(rb";\n", sql)]
    for number, end in enumerate(ends[6:-1:2]):
        copy = tmp_path / f"{number}.db"
        load_by_shell(sql[:end], copy)
        with closing(apsw.Connection(str(copy))) as db:
            assert db.execute("SELECT count(*) FROM sqlite_schema").get == 0


def test_schema_only_dump_has_no_rows(tmp_path: Path) -> None:
    source = built(tmp_path / "a.db", app)
    copy = tmp_path / "copy.db"
    load_by_shell(dumped(source, rows=False), copy)
    with closing(apsw.Connection(str(copy))) as db, closing(apsw.Connection(str(source))) as original:
        names = "SELECT type, name FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY 1, 2"
        assert db.execute(names).fetchall() == original.execute(names).fetchall()
        assert not any(count_rows(db)[name] for name in ("users", "notes", "tags"))
        assert db.execute("SELECT count(*) FROM search").get == 0
        db.execute("INSERT INTO search VALUES('works')")
        assert db.execute("SELECT body FROM search('works')").get == "works"
        assert db.execute("PRAGMA integrity_check").get == "ok"


def test_dump_of_chosen_tables_includes_their_indexes_and_triggers(tmp_path: Path) -> None:
    source = built(tmp_path / "a.db", app)
    copy = tmp_path / "copy.db"
    load_by_shell(dumped(source, tables=frozenset({"users", "search"})), copy)
    with closing(apsw.Connection(str(copy))) as db:
        assert user_tables(db) == ["users", "search"]
        assert {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")} == {"greet"}
        assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'by_joined'").get == 1
        assert db.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'view' OR name = 'by_hex'").get == 0
        assert db.execute("SELECT body FROM search('lines')").get == "two lines"
        assert db.execute("SELECT name, seq FROM sqlite_sequence").fetchall() == [("users", 8)]


def test_missing_chosen_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"'usres'"):
        dumped(built(tmp_path / "a.db", app), tables=frozenset({"usres"}))


def test_damaged_table_is_named_in_the_error(tmp_path: Path) -> None:
    def build(db: apsw.Connection) -> None:
        db.execute("CREATE TABLE papers(a)")
        with db:
            db.executemany("INSERT INTO papers VALUES(?)", (("x" * 500,) for _ in range(2000)))

    source = built(tmp_path / "a.db", build)
    raw = bytearray(source.read_bytes())
    raw[4096 * 60 : 4096 * 61] = b"\xff" * 4096
    source.write_bytes(raw)
    with pytest.raises(CorruptSource, match="papers"):
        dumped(source)


def test_abandoned_dump_does_not_change_the_snapshot(tmp_path: Path) -> None:
    source = built(tmp_path / "a.db", app)
    before = source.read_bytes()
    with closing(apsw.Connection(str(source))) as db:
        for stop in range(30):
            for number, _ in enumerate(chunks := dump(db, HEADER)):
                if number == stop:
                    break
            chunks.close()
        assert db.execute("PRAGMA integrity_check").get == "ok"
    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]
