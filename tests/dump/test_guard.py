"""A dump can create and fill one database and nothing else; a hostile dump is refused and leaves no file."""

import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.dump.guard import Bounds
from shared.dump.load import load_sql
from shared.errors import NotGood
from tests.dump.stock_shell import listing

SMALL = Bounds(
    steps=200_000,
    steps_per_byte=10,
    file_bytes=1 << 20,
    file_bytes_per_byte=2,
    value_bytes=1 << 20,
    value_bytes_per_byte=1,
)
COUNTING = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) "
CALLING_TRIGGER = """CREATE TABLE t(a);
CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT load_extension('x'); END;
INSERT INTO t VALUES(1);"""
WRITABLE = "CREATE TABLE t(a); PRAGMA writable_schema=ON; "


def refuse(sql: str, folder: Path, bounds: Bounds | None = None) -> str:
    """Loads a hostile dump beside a file that must not change. Returns the error message."""
    beside = folder / "victim.db"
    with closing(apsw.Connection(str(beside))) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS mine(a); INSERT INTO mine VALUES(1);")
    before = beside.read_bytes()
    with pytest.raises(NotGood) as caught:
        load_sql([sql.replace("FOLDER", str(folder)).encode()], folder / "new.db", bounds=bounds)
    assert listing(folder) == ["victim.db"]
    assert beside.read_bytes() == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("ATTACH 'FOLDER/victim.db' AS v; DELETE FROM v.mine;", "attaches"),
        ("SELECT 1;\nattach\n database 'FOLDER/evil.db' AS e;", "attaches .* near line 2"),
        ("DETACH main;", "attaches or detaches"),
        ("CREATE TABLE t(a); VACUUM;", "VACUUM"),
        ("CREATE TABLE t(a); VACUUM INTO 'FOLDER/evil.db';", "VACUUM"),
        ("SELECT load_extension('FOLDER/evil.so');", r"load_extension\(\)"),
        ("SELECT LOAD_EXTENSION('FOLDER/evil.so', 'x');", r"load_extension\(\)"),
        ("SELECT fts3_tokenizer('simple', x'4141414141414141');", r"fts3_tokenizer\(\)"),
        ("SELECT fts3_tokenizer('simple');", r"fts3_tokenizer\(\)"),
        ("SELECT readfile('/etc/passwd');", "readfile"),
        ("SELECT writefile('FOLDER/evil', 'x');", "writefile"),
        ("SELECT edit('x', 'touch FOLDER/evil');", "edit"),
        ("CREATE TABLE t(a DEFAULT (load_extension('x')));", "load_extension"),
        ("CREATE TABLE t(a CHECK (load_extension(a)));", "load_extension"),
        ("CREATE TABLE t(a, b AS (load_extension(a)));", "load_extension"),
        ("CREATE TABLE t(a); CREATE INDEX i ON t(load_extension(a));", "load_extension"),
        ("CREATE VIEW v AS SELECT load_extension('x') AS a; CREATE TABLE t AS SELECT a FROM v;", "load_extension"),
        (CALLING_TRIGGER, "load_extension"),
        ("CREATE VIRTUAL TABLE v USING csv(filename='/etc/passwd');", "module csv"),
        ("CREATE VIRTUAL TABLE v USING dbstat;", "module dbstat"),
        ("CREATE VIRTUAL TABLE v USING sqlite_dbpage;", "module sqlite_dbpage"),
        ("SELECT * FROM dbstat;", "no such table: dbstat"),
        ("SELECT * FROM sqlite_dbpage;", "sqlite_dbpage"),
        ("SELECT * FROM fsdir('/');", "no such table"),
        ("CREATE TEMP TABLE t(a);", "t as temporary"),
        ("CREATE TABLE t(a); CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;", "g as temporary"),
        ("CREATE TABLE t(a); SAVEPOINT s; INSERT INTO t VALUES(1); ROLLBACK TO s;", "ROLLBACK"),
    ],
)
def test_access_outside_the_database_is_refused_by_name(tmp_path: Path, sql: str, named: str) -> None:
    assert re.search(named, refuse(sql, tmp_path))


@pytest.mark.parametrize(
    "pragma",
    [
        *("soft_heap_limit=1", "hard_heap_limit=1", "temp_store_directory='/'", "data_store_directory='/'"),
        *("trusted_schema=1", "Trusted_Schema(1)", "query_only=1", "case_sensitive_like=1", "key='x'", "nonsense=1"),
        *("main.trusted_schema=1", '"trusted_schema"=1', "incremental_vacuum", "lock_proxy_file='x'"),
    ],
)
def test_pragma_that_is_not_allowed_is_refused_by_name(tmp_path: Path, pragma: str) -> None:
    name = pragma.removeprefix("main.").split("=")[0].split("(")[0].strip('"')
    assert f"PRAGMA {name}" in refuse(f"PRAGMA {pragma};", tmp_path)


def test_pragma_function_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    assert "soft_heap_limit" in refuse("SELECT * FROM pragma_soft_heap_limit;", tmp_path)


def test_names_in_error_messages_are_short_and_printable(tmp_path: Path) -> None:
    text = refuse(f'PRAGMA "a\x1b[31m\n{"x" * 500}";', tmp_path)
    assert "a?[31m?xxx" in text
    assert len(text) < 200


def test_dump_cannot_change_journal_mode_or_durability(tmp_path: Path) -> None:
    names = ["journal_mode=WAL", "synchronous=FULL", "locking_mode=NORMAL", "temp_store=2", "mmap_size=1000000"]
    sql = "".join(f"PRAGMA {name};" for name in names) + "CREATE TABLE t(a); INSERT INTO t VALUES(1);"
    load_sql([sql.encode()], tmp_path / "new.db")
    assert listing(tmp_path) == ["new.db"]
    assert (tmp_path / "new.db").read_bytes()[18:20] == b"\x01\x01"  # not WAL


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sqlite_schema SET rootpage=1; PRAGMA writable_schema=RESET; INSERT INTO t VALUES(1);",
        "UPDATE sqlite_schema SET rootpage=99; PRAGMA writable_schema=RESET; SELECT * FROM t;",
        "UPDATE sqlite_schema SET sql='CREATE TABL t(a)';",
        "INSERT INTO sqlite_schema VALUES('table','u','u',-1,'create table u(a)');",
        "INSERT INTO sqlite_schema VALUES(1,2,3,4,5);",
    ],
)
def test_invalid_rows_in_sqlite_schema_are_refused(tmp_path: Path, sql: str) -> None:
    assert "schema" in refuse(WRITABLE + sql, tmp_path) or "damages" in refuse(WRITABLE + sql, tmp_path)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (COUNTING + "SELECT count(*) FROM c;", "runs too long"),
        (COUNTING + "SELECT x FROM c;", "runs too long"),
        ("CREATE TABLE t(a);" + COUNTING + "INSERT INTO t SELECT x FROM c;", "runs too long|far larger"),
        ("CREATE TABLE t(a);" + COUNTING + "INSERT INTO t SELECT zeroblob(1000000) FROM c;", "far larger"),
        ("PRAGMA page_size=65536;" + "".join(f"CREATE TABLE t{n}(a);" for n in range(20)), "far larger"),
        ("CREATE TABLE t(a);" + "INSERT INTO t VALUES(zeroblob(900000));" * 9, "far larger"),
        ("CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(900000000));", "larger than SQLite allows"),
    ],
)
def test_endless_query_or_oversized_database_is_stopped(tmp_path: Path, sql: str, message: str) -> None:
    text = refuse(sql, tmp_path, SMALL)
    assert any(part in text for part in message.split("|")), text


def test_default_limits_stop_a_huge_insert_before_the_disk_is_full(tmp_path: Path) -> None:
    sql = "CREATE TABLE t(a);" + COUNTING + "INSERT INTO t SELECT zeroblob(16000000) FROM c;"
    assert "far larger than a dump" in refuse(sql, tmp_path)


def test_dump_loads_if_more_disk_is_free_than_the_reserve(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    bounds = Bounds(disk_bytes_left_free=disk.f_bavail * disk.f_frsize // 4)
    sql = "CREATE TABLE t(a);" + COUNTING + "INSERT INTO t SELECT x FROM c LIMIT 10;"
    load_sql([sql.encode()], tmp_path / "new.db", bounds=bounds)
    assert listing(tmp_path) == ["new.db"]


def test_ctrl_c_interrupts_a_long_statement_and_leaves_no_file(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from shared.dump.load import load_sql
def chunks():
    yield b"CREATE TABLE t(a);"
    print("loading", flush=True)
    yield b"{COUNTING}SELECT count(*) FROM c;"
try:
    load_sql(chunks(), Path(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
"""
    command = [sys.executable, "-c", script, str(tmp_path / "new.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
    assert listing(tmp_path) == []
