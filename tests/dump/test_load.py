"""A dump is loaded completely or not at all."""

import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.dump.load import Loaded, load_sql
from shared.errors import LitekeepError, NotGood, SourceError
from tests.dump.stock_shell import contents, dump_with_shell, listing, make_rich, needs_shell

OURS = b"""-- Litekeep SQL dump, format 1
-- database: app
PRAGMA encoding='UTF-8';
PRAGMA page_size=1024;
BEGIN;
CREATE TABLE "t"("a" INTEGER PRIMARY KEY, "b" TEXT);
INSERT INTO "t"("a","b") VALUES
(1,'x;
y'),
(2,'it''s');
CREATE TRIGGER w AFTER INSERT ON t BEGIN DELETE FROM t; END;
PRAGMA user_version=7;
COMMIT;
-- whole: 1 tables, 2 rows
"""

_TEXTS = "SELECT sql FROM sqlite_schema WHERE name <> 'sqlite_stat4'"


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return connection.execute(sql).fetchall()


def load(sql: str | bytes, target: Path) -> Loaded:
    return load_sql([sql.encode() if isinstance(sql, str) else sql], target)


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every type of object. Use it only in tests that need the shell."""
    path = tmp_path_factory.mktemp("rich") / "rich.db"
    make_rich(path)
    return path


def test_litekeep_dump_loads_with_its_settings_into_one_private_file(tmp_path: Path) -> None:
    progress: list[int] = []
    loaded = load_sql([OURS[:70], OURS[70:]], tmp_path / "new.db", progress=progress.append)
    assert loaded == Loaded(statements=8)
    assert progress == [70, len(OURS)]
    assert listing(tmp_path) == ["new.db"]
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600
    assert rows(tmp_path / "new.db", "SELECT * FROM t") == [(1, "x;\ny"), (2, "it's")]
    assert rows(tmp_path / "new.db", "SELECT * FROM pragma_user_version, pragma_page_size") == [(7, 1024)]


@needs_shell
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_stock_shell_dump_of_every_object_type_loads_completely(rich: Path, tmp_path: Path, size: int) -> None:
    dump = dump_with_shell(rich)
    load_sql((dump[at : at + size] for at in range(0, len(dump), size)), tmp_path / "new.db")
    assert contents(tmp_path / "new.db") == contents(rich)
    assert rows(tmp_path / "new.db", "SELECT title FROM notes('body')") == [("first; note",)]
    assert rows(tmp_path / "new.db", "SELECT id FROM boxes WHERE x0 > 3") == [(2,)]


@needs_shell
def test_stock_shell_dump_with_crlf_and_byte_order_mark_loads(rich: Path, tmp_path: Path) -> None:
    dump = dump_with_shell(rich)
    # The only literal with a raw line end then has CRLF, and is loaded as the dump has it.
    load_sql([b"\xef\xbb\xbf" + dump.replace(b"\n", b"\r\n")], tmp_path / "new.db")
    loaded, source = contents(tmp_path / "new.db"), contents(rich)
    assert loaded.keys() == source.keys()
    same = [name for name in source if name and loaded[name] == source[name]]
    assert set(source) - set(same) <= {"", "people"}
    texts = [sql.replace("\r\n", "\n") for (sql,) in rows(tmp_path / "new.db", _TEXTS) if sql]
    assert sorted(texts) == sorted(sql for (sql,) in rows(rich, _TEXTS) if sql)


@needs_shell
def test_load_gives_the_same_database_as_the_stock_shell(rich: Path, tmp_path: Path) -> None:
    dump = dump_with_shell(rich)
    shell = shutil.which("sqlite3")
    assert shell is not None
    subprocess.run([shell, str(tmp_path / "shell.db")], input=dump, check=True)
    load_sql([dump], tmp_path / "litekeep.db")
    assert contents(tmp_path / "litekeep.db") == contents(tmp_path / "shell.db")


def test_sql_of_newer_shells_and_hand_written_sql_loads(tmp_path: Path) -> None:
    sql = """/* WARNING: Script requires that SQLITE_DBCONFIG_DEFENSIVE be disabled */
    PRAGMA foreign_keys=OFF; BEGIN TRANSACTION; -- begun; not over
    CREATE TABLE [t;](`a` text default "double;", b); INSERT
    INTO [t;] VALUES(unistr('a\\u000ab'), /* ; */ replace('x\\ny','\\n',char(10)));
    INSERT INTO [t;](b) VALUES("DQS; text");
    PRAGMA synchronous=OFF; PRAGMA journal_mode = WAL;
    COMMIT"""
    assert load(sql, tmp_path / "new.db") == Loaded(statements=8)
    expected = [("a\nb", "x\ny"), ("double;", "DQS; text")]
    assert rows(tmp_path / "new.db", "SELECT * FROM [t;]") == expected
    assert rows(tmp_path / "new.db", "PRAGMA journal_mode") == [("delete",)]


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("page_size", 512),
        ("page_size", 65536),
        ("auto_vacuum", 2),
        ("encoding", "UTF-16le"),
        ("user_version", -5),
        ("application_id", 77),
    ],
)
def test_header_pragmas_of_a_dump_are_applied(tmp_path: Path, pragma: str, value: str | int) -> None:
    load(f"PRAGMA {pragma}='{value}'; CREATE TABLE t(a); INSERT INTO t VALUES('x');", tmp_path / "new.db")
    assert rows(tmp_path / "new.db", f"PRAGMA {pragma}") == [(value,)]


def test_text_that_is_not_utf8_loads_byte_for_byte(tmp_path: Path) -> None:
    sql = b"CREATE TABLE t(a TEXT,b,c);/*'*/ INSERT INTO t VALUES('\xff''\x00;\xc3\xa9', x'ff27', 'fine \xc3\xa9');"
    load(sql, tmp_path / "new.db")
    query = "SELECT typeof(a), hex(CAST(a AS BLOB)), hex(b), c FROM t"
    assert rows(tmp_path / "new.db", query) == [("text", "FF27003BC3A9", "FF27", "fine é")]


@pytest.mark.parametrize(
    "sql",
    [
        b"CREATE TABLE t(a DEFAULT '\xff');",
        b'CREATE TABLE t(a);\nINSERT INTO "\xff" VALUES(1);',
        b"CREATE TABLE t(a);\x00\n",
        b"PRAGMA encoding='UTF-16';CREATE TABLE t(a);INSERT INTO t VALUES('\xed\xa0\x80');",
    ],
)
def test_undecodable_bytes_that_cannot_be_kept_are_refused(tmp_path: Path, sql: bytes) -> None:
    with pytest.raises(NotGood, match=r"near line [12] holds bytes that are not UTF-8"):
        load(sql, tmp_path / "new.db")
    assert listing(tmp_path) == []


def test_litekeep_dump_truncated_at_any_byte_is_refused(tmp_path: Path) -> None:
    for length in range(len(OURS) - 1):
        with pytest.raises(NotGood):
            load(OURS[:length], tmp_path / "new.db")
        assert listing(tmp_path) == [], length
    assert load(OURS[:-1], tmp_path / "new.db") == Loaded(statements=8)


@needs_shell
def test_stock_shell_dump_truncated_before_commit_is_refused(tmp_path: Path) -> None:
    with closing(apsw.Connection(str(tmp_path / "small.db"))) as connection:
        connection.execute("CREATE TABLE t(a); INSERT INTO t VALUES('x;y'); CREATE VIEW v AS SELECT 1;")
    dump = dump_with_shell(tmp_path / "small.db").rstrip()
    assert dump.endswith(b"COMMIT;")
    for length in range(len(dump) - 1):
        with pytest.raises(NotGood):
            load(dump[:length], tmp_path / "new.db")
    load(dump[:-1], tmp_path / "new.db")
    assert contents(tmp_path / "new.db") == contents(tmp_path / "small.db")


def test_stock_shell_dump_that_ends_in_rollback_is_refused(tmp_path: Path) -> None:
    sql = "BEGIN TRANSACTION; CREATE TABLE t(a);\n/**** ERROR: (11) *****/\nROLLBACK; -- due to errors\n"
    with pytest.raises(NotGood, match=r"ROLLBACK.*near line 3"):
        load(sql, tmp_path / "new.db")


def test_newer_dump_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotGood, match="newer Litekeep"):
        load(OURS.replace(b"format 1", b"format 12"), tmp_path / "new.db")


@pytest.mark.parametrize("sql", ["", "\n\n", "-- only a comment", "PRAGMA user_version=3;", "garbage", "%PDF-1.4"])
def test_input_that_is_not_a_dump_is_refused(tmp_path: Path, sql: str) -> None:
    with pytest.raises(NotGood):
        load(sql, tmp_path / "new.db")
    assert listing(tmp_path) == []


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("CREATE TABLE t(a);\n\nINSERT INTO t VALUES(1,\n2 3,\n'secret');", "line 4 fails: a syntax error"),
        ("CREATE TABLE t(a UNIQUE);\nINSERT INTO t VALUES('secret'),('secret');", "line 2 .*UNIQUE.*: t.a$"),
        ("CREATE TABLE t(a);\nINSERT INTO t VALUES(secret);", "line 2 .*names a column that does not exist"),
        ("SELECT json('secret');", "line 1 fails"),
        ("INSERT INTO t VALUES('secret');", "no such table: t$"),
        ("INSERT INTO \"a\nb\x1b[1m\" VALUES('secret');", r"no such table: a\?b\?\[1m$"),
        ("SELECT ?; -- secret", "has parameters"),
        (".read secret\nCREATE TABLE t(a);", "line 1 is a command to the sqlite3 shell"),
        ("CREATE TABLE t(a);\n-- so\n.shell secret\n;", "line 3 is a command to the sqlite3 shell"),
        ("CREATE TABLE t(a); BEGIN; INSERT INTO t VALUES('secret');", "ends inside its transaction"),
    ],
)
def test_failing_statement_reports_line_and_reason_but_no_values(tmp_path: Path, sql: str, message: str) -> None:
    with pytest.raises(NotGood, match=message) as caught:
        load(sql, tmp_path / "new.db")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert listing(tmp_path) == []


def test_a_row_of_many_megabytes_loads(tmp_path: Path) -> None:
    size = 40_000_000

    def chunks() -> Iterator[bytes]:
        yield b"CREATE TABLE t(a); INSERT INTO t VALUES('"
        for _ in range(size // 1_000_000):
            yield b"x" * 1_000_000
        yield b"');"

    load_sql(chunks(), tmp_path / "new.db")
    assert rows(tmp_path / "new.db", "SELECT length(a) FROM t") == [(size,)]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_existing_target_is_never_changed(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "there.db"
    if kind == "file":
        target.write_bytes(b"mine")
    else:
        target.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(SourceError, match="cannot create"):
        load("CREATE TABLE t(a);", target)
    assert listing(tmp_path) == ["there.db"]
    assert kind == "link" or target.read_bytes() == b"mine"


def test_missing_target_folder_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot create"):
        load("CREATE TABLE t(a);", tmp_path / "missing" / "new.db")


@pytest.mark.parametrize("error", [KeyboardInterrupt, NotGood, RuntimeError, MemoryError])
def test_error_while_reading_the_dump_leaves_no_file(tmp_path: Path, error: type[BaseException]) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"CREATE TABLE t(a); BEGIN; INSERT INTO t VALUES(1);"
        raise error

    with pytest.raises(SourceError if error is MemoryError else error):
        load_sql(chunks(), tmp_path / "new.db")
    assert listing(tmp_path) == []


def test_file_size_limit_is_a_source_error_and_leaves_no_file(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from shared.dump.load import load_sql
from shared.errors import SourceError
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
rows = ",".join("(zeroblob(1000))" for _ in range(3000))
try:
    load_sql([f"CREATE TABLE t(a); INSERT INTO t VALUES{rows};".encode()], Path(sys.argv[1]))
except SourceError as error:
    print(error)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "new.db")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "the disk or the machine failed" in done.stdout
    assert listing(tmp_path) == []


def test_schema_broken_between_two_chunks_is_refused(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"CREATE TABLE t(a); PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE TABL';"
        yield b"PRAGMA writable_schema=RESET;"
        for _ in range(3):
            yield b"--" + b"x" * 1_000_000 + b"\n"
        yield b"SELECT 1;"

    for number in range(2, 7):
        with pytest.raises(NotGood):
            load_sql(list(chunks())[:number], tmp_path / "new.db")
        assert listing(tmp_path) == []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_dump_loads_or_is_refused_without_leaving_files(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    sql = bytearray(OURS + b"PRAGMA writable_schema=ON;UPDATE sqlite_schema SET rootpage=rootpage+1;" + HOSTILE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(sql) - 1))
        sql[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=3))
    folder = tmp_path_factory.mktemp("damaged")
    try:
        load(bytes(sql).replace(b"Litekeep", b"Some"), folder / "new.db")
    except LitekeepError:
        assert listing(folder) == []
    else:
        assert listing(folder) == ["new.db"]
    shutil.rmtree(folder)


HOSTILE = b"""
PRAGMA writable_schema=RESET;
INSERT INTO sqlite_schema VALUES('table','u','u',2,'CREATE TABLE u(a,b,c,PRIMARY KEY(a)) WITHOUT ROWID');
INSERT INTO sqlite_schema VALUES('table','f','f',0,'CREATE VIRTUAL TABLE f USING fts5(a)');
PRAGMA writable_schema=RESET;
INSERT INTO u VALUES(1,2,3);
SELECT * FROM f('x');
DROP TABLE t;
"""
