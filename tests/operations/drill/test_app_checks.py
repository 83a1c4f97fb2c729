"""The application's own checks: the syntax of the file, and queries that only read and show no values."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.errors import UsageError
from shared.operations.drill.app_checks import AppCheck, Expected, parse_app_checks, read_app_checks
from shared.operations.drill.app_run import run_app_checks
from shared.operations.verify.check import Check

SECRET = "Q7-NEVER-SHOWN"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(
            f"""PRAGMA journal_mode=WAL;
            CREATE TABLE t (a INTEGER, b TEXT);
            INSERT INTO t VALUES (1, '{SECRET}'), (2, '{SECRET} 2'), (3, NULL);
            CREATE VIRTUAL TABLE places USING rtree (id, x0, x1);
            INSERT INTO places VALUES (1, 2, 3);
            CREATE VIRTUAL TABLE words USING fts5 (body);
            INSERT INTO words VALUES ('hello world');
            CREATE TABLE odd (x TEXT);
            INSERT INTO odd VALUES (CAST(x'ff41' AS TEXT));"""
        ).fetchall()
    return path


def run_check(database: Path, sql: str, expect: str, *, seconds: float = 30) -> Check:
    checks = parse_app_checks(f"-- name: it\n-- expect: {expect}\n{sql}", "checks.sql")
    (verdict,) = run_app_checks(database, checks, seconds_each=seconds)
    assert SECRET not in repr(verdict)
    return verdict


def test_check_file_parses_as_documented() -> None:
    text = (
        "-- The checks of our shop.\n\n-- name: no order is lost\n-- expect: 0\n"
        "SELECT count(*) FROM orders\n-- in between\nWHERE lost;\n\n"
        "--name: billing only\n-- database: billing\n-- Expect: no rows\nSELECT 1 WHERE 0;\n"
    )
    first, second = parse_app_checks(text, "f")
    assert first.name == "no order is lost"
    assert first.sql == "SELECT count(*) FROM orders\n-- in between\nWHERE lost;"
    assert (first.expected, first.database) == (Expected("is", 0), None)
    assert second == AppCheck("billing only", "SELECT 1 WHERE 0;", Expected("no rows"), "billing")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("SELECT 1;", 1, "without a name"),
        ("-- name: x\nSELECT 1;", 1, "expect"),
        ("-- name: x\n-- expect: 1\n", 1, "query is missing"),
        ("-- name:\n-- expect: 1\nSELECT 1;", 1, "name"),
        ("-- name: \x07\n-- expect: 1\nSELECT 1;", 1, "printable"),
        (f"-- name: {'x' * 101}\n-- expect: 1\nSELECT 1;", 1, "100"),
        ("\n-- name: x\n-- expect: about 3\nSELECT 1;", 2, "is wrong: allowed are"),
        ("-- name: x\n-- expect: 'a\nSELECT 1;", 1, "is wrong: allowed are"),
        ("-- name: x\n-- expect: > 'a'\nSELECT 1;", 1, "is wrong: allowed are"),
        ("-- name: x\n-- expect:\nSELECT 1;", 1, "is wrong: allowed are"),
        ("-- name: x\n-- expect: 1\n-- expect: 2\nSELECT 1;", 1, "twice"),
        ("-- name: x\n-- expect: 1\nSELECT 1;\n-- name: x\n-- expect: 1\nSELECT 1;", 4, "second check"),
    ],
)
def test_check_file_error_names_line(text: str, line: int, message: str) -> None:
    with pytest.raises(UsageError, match=rf"checks\.sql, line {line}: .*{message}"):
        parse_app_checks(text, "checks.sql")


@pytest.mark.parametrize("content", [b"", b"-- only words\n", b"\xff\xfe", b"-- name: x\n" + b"x" * (1 << 20)])
def test_check_file_without_checks_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checks.sql"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="BACKUP_DRILL_SQL"):
        read_app_checks(path)


def test_missing_check_file_is_a_setting_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"BACKUP_DRILL_SQL.*No such file"):
        read_app_checks(tmp_path / "none.sql")


@pytest.mark.parametrize(
    ("sql", "expect"),
    [
        ("SELECT count(*) FROM t", "3"),
        ("SELECT count(*) FROM t;", "3.0"),
        ("SELECT count(*) FROM t; -- all of them", ">= 3"),
        ("SELECT avg(a) FROM t", "2"),
        ("SELECT 0.5", "< 1"),
        ("SELECT -3", "-3"),
        ("SELECT b FROM t WHERE a = 3", "NULL"),
        ("SELECT 'it''s'", "'it''s'"),
        ("SELECT a FROM t WHERE a > 9", "no rows"),
        ("WITH big AS (SELECT * FROM t WHERE a > 1) SELECT count(*) FROM big", "<= 2"),
        ("SELECT count(*) FROM places WHERE x0 > 1", "1"),
        ("SELECT count(*) FROM words WHERE words MATCH 'hello'", "1"),
        ("SELECT integrity_check FROM pragma_integrity_check", "'ok'"),
    ],
)
def test_expected_result_passes(database: Path, sql: str, expect: str) -> None:
    assert run_check(database, sql, expect) == Check("it", ok=True, detail="as expected")


@pytest.mark.parametrize(
    ("sql", "expect", "message"),
    [
        ("SELECT count(*) FROM t", "4", "other than expected"),
        ("SELECT b FROM t WHERE a = 1", "'x'", "other than expected"),
        ("SELECT '1'", "1", "other than expected"),
        ("SELECT 1", "'1'", "other than expected"),
        ("SELECT NULL", "0", "other than expected"),
        ("SELECT NULL", "< 1", "other than expected"),
        ("SELECT b FROM t WHERE a = 1", "no rows", "other than expected"),
        ("SELECT a FROM t WHERE a > 9", "0", "gives no row"),
        ("SELECT a FROM t", "1", "more than one row"),
        ("SELECT a, b FROM t", "1", "2 columns"),
        ("SELECT a FROM nowhere", "1", "no such table: nowhere"),
        ("SELECT 1; SELECT 1", "1", "more than one statement"),
        ("-- nothing", "no rows", "no column"),
        ("SELECT x FROM odd", "1", "not UTF-8"),
        ("SELECT zeroblob(900000000)", "1", "failed while it ran"),
        # SQLite's messages for these quote the row.
        ("SELECT json(b) FROM t WHERE a = 1", "1", "failed while it ran"),
        ("SELECT count(*) FROM words WHERE words MATCH (SELECT b || '(' FROM t)", "1", "failed while it ran"),
    ],
)
def test_unexpected_result_fails_without_showing_values(database: Path, sql: str, expect: str, message: str) -> None:
    verdict = run_check(database, sql, expect)
    assert not verdict.ok
    assert message in verdict.detail


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "INSERT INTO t VALUES (9, 'x') RETURNING 1",
        "DELETE FROM places_node",
        "INSERT INTO places VALUES (7, 8, 9)",
        "CREATE TABLE other (x)",
        "CREATE TEMP TABLE other (x)",
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'other.db'",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA user_version=9",
        "SELECT load_extension('other.so')",
        "SELECT writable_schema FROM pragma_writable_schema",
        "BEGIN",
    ],
)
def test_query_can_only_read(database: Path, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(database.parent)
    before, files = database.read_bytes(), sorted(database.parent.iterdir())
    text = "\n".join(f"-- name: {expect}\n-- expect: {expect}\n{sql}" for expect in ("1", "no rows", "NULL"))
    assert [verdict.ok for verdict in run_app_checks(database, parse_app_checks(text, "f"))] == [False] * 3
    assert database.read_bytes() == before
    assert sorted(database.parent.iterdir()) == files


def test_endless_query_is_stopped(database: Path) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    verdict = run_check(database, endless, "1", seconds=0.1)
    assert verdict == Check("it", ok=False, detail="the query took longer than 0.1 s")


def test_endless_function_call_is_stopped_and_next_check_runs(database: Path) -> None:
    endless = "SELECT instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1')"
    text = f"-- name: a\n-- expect: 1\n{endless};\n-- name: b\n-- expect: 1\nSELECT 1;"
    first, second = run_app_checks(database, parse_app_checks(text, "f"), seconds_each=0.1)
    assert first == Check("a", ok=False, detail="the query took longer than 0.1 s")
    assert second.ok


def test_failed_check_does_not_stop_the_next(database: Path) -> None:
    text = "-- name: a\n-- expect: 1\nSELEKT;\n-- name: b\n-- expect: 1\nSELECT 1;"
    assert [verdict.ok for verdict in run_app_checks(database, parse_app_checks(text, "f"))] == [False, True]


def test_checks_fail_on_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"nothing of the kind" * 100)
    verdict = run_check(path, "SELECT 1", "1")
    assert not verdict.ok
    assert "cannot be read" in verdict.detail
