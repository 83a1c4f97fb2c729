"""Checks distinguish damage, content that violates its declarations, and what cannot be checked."""

import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import apsw
import apsw.fts5
import pytest

from shared.sqlite import checks
from shared.sqlite.checks import check_in_background, check_integrity
from shared.sqlite.connect import open_snapshot
from shared.sqlite.settings_of import describe
from tests.sqlite.processes import make_bank, state_of

_PAGE = 4096


def _made(path: Path, sql: str) -> Path:
    with closing(apsw.Connection(str(path))) as connection:
        connection.create_collation("theirs", lambda a, b: (a < b) - (a > b))
        connection.create_scalar_function("theirs", lambda x: x, deterministic=True)
        connection.register_fts5_tokenizer("theirs", apsw.fts5.UnicodeWordsTokenizer)
        connection.execute(sql).fetchall()
    return path


def _break_page(path: Path, number: int, offset: int = 0, size: int = 8) -> None:
    with path.open("r+b") as file:
        file.seek((number - 1) * _PAGE + offset)
        file.write(b"\xff" * size)


def _root(path: Path, name: str) -> int:
    with closing(open_snapshot(path)) as connection:
        return int(connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).get)


@pytest.fixture(autouse=True, params=["one thread", "several threads"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs each test also as for large databases, whose full check uses several threads."""
    if request.param == "several threads":
        monkeypatch.setattr(checks, "_PARALLEL_FROM", 0)


def test_good_database_has_no_problems(tmp_path: Path) -> None:
    for quick in (False, True):
        found = check_integrity(make_bank(tmp_path / f"{quick}.db"), quick=quick)
        assert (found.good, found.problems, found.foreign_key_violations) == (True, [], 0)


def test_check_changes_nothing_and_leaves_no_files(tmp_path: Path) -> None:
    make_bank(tmp_path / "app.db", "wal")
    before = state_of(tmp_path)
    assert check_integrity(tmp_path / "app.db").good
    assert state_of(tmp_path) == before


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("column", ["x TEXT UNIQUE", "x TEXT"])
def test_index_with_missing_entries_is_damage(tmp_path: Path, quick: bool, column: str) -> None:
    path = _made(tmp_path / "app.db", f'CREATE TABLE t({column}, y); CREATE INDEX "its "" y" ON t(y)')
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("INSERT INTO t VALUES ('a', 1); PRAGMA writable_schema = ON")
        entry = connection.execute("SELECT * FROM sqlite_schema WHERE name LIKE 'its%'").fetchall()[0]
        connection.execute("DELETE FROM sqlite_schema WHERE name LIKE 'its%'; PRAGMA writable_schema = RESET")
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("INSERT INTO t VALUES ('b', 2); PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", entry)
    found = check_integrity(path, quick=quick)
    assert not found.good
    assert any(problem == 'wrong # of entries in index its " y' for problem in found.problems)


def test_quick_check_accepts_indexes_of_every_kind(tmp_path: Path) -> None:
    sql = """
        CREATE TABLE t(x TEXT COLLATE theirs UNIQUE, y, z); CREATE INDEX part ON t(y) WHERE y > 1;
        CREATE INDEX computed ON t(y + 1); CREATE INDEX foreign_function ON t(theirs(y));
        CREATE TABLE w(x, y, PRIMARY KEY (x, y)) WITHOUT ROWID; CREATE INDEX w_y ON w(y);
        INSERT INTO t VALUES ('a', 1, 2), ('b', 2, NULL); INSERT INTO w VALUES (1, 2), (3, 4)
    """
    assert check_integrity(_made(tmp_path / "app.db", sql), quick=True).good


def test_quick_check_notes_what_the_full_check_cannot_check(tmp_path: Path) -> None:
    """Otherwise a backup with a quick check would seem worse after verification."""
    sql = """
        CREATE TABLE t(x, y); CREATE INDEX i ON t(theirs(x)); CREATE INDEX part ON t(y) WHERE theirs(x) > '';
        INSERT INTO t VALUES ('a', 1), (NULL, 2); CREATE TABLE v(x, g AS (theirs(x)) UNIQUE); INSERT INTO v VALUES (1)
    """
    path = _made(tmp_path / "app.db", sql)
    quick, full = check_integrity(path, quick=True), check_integrity(path)
    assert quick == full
    assert full.good
    assert [problem.partition(":")[0] for problem in full.problems] == [
        "indexes of t cannot be checked",
        "indexes of v cannot be checked",
    ]


@pytest.mark.parametrize("quick", [False, True])
def test_empty_index_on_an_unknown_function_is_not_damage(tmp_path: Path, quick: bool) -> None:
    path = _made(tmp_path / "app.db", "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2); CREATE TABLE u(x)")
    with closing(apsw.Connection(str(_made(path, "CREATE INDEX i ON u(x)")))) as connection:
        connection.pragma("writable_schema", True)
        text = "CREATE INDEX i ON t(their_vectors(x))"
        connection.execute("UPDATE sqlite_schema SET tbl_name = 't', sql = ? WHERE name = 'i'", (text,))
    assert check_integrity(path, quick=quick).good


@pytest.mark.parametrize("quick", [False, True])
def test_broken_page_is_damage_even_with_an_unknown_collation(tmp_path: Path, quick: bool) -> None:
    sql = "CREATE TABLE t(x TEXT COLLATE theirs UNIQUE); INSERT INTO t VALUES ('a'), ('b')"
    for name in ("t", "sqlite_autoindex_t_1"):
        path = _made(tmp_path / f"{name}.db", sql)
        assert check_integrity(path, quick=quick).good
        _break_page(path, _root(path, name))
        found = check_integrity(path, quick=quick)
        assert not found.good
        assert f"Tree {_root(path, name)} page" in found.problems[0]


def test_full_check_finds_a_row_missing_from_an_index(tmp_path: Path) -> None:
    path = _made(tmp_path / "app.db", "CREATE TABLE t(x); CREATE INDEX i ON t(x); INSERT INTO t VALUES (7), (8)")
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("writable_schema", True)
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'i'")
        page = connection.execute("PRAGMA page_count").get
    _made(path, "INSERT INTO t VALUES (9)")
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("writable_schema", True)
        connection.execute("INSERT INTO sqlite_schema VALUES ('index', 'i', 't', ?, 'CREATE INDEX i ON t(x)')", (page,))
    found = check_integrity(path)
    assert not found.good
    assert "row 3 missing from index i" in found.problems


def test_truncated_file_or_other_file_is_damage(tmp_path: Path) -> None:
    path = make_bank(tmp_path / "app.db")
    os.truncate(path, path.stat().st_size - _PAGE)
    assert check_integrity(path).problems == ["database disk image is malformed"]
    path.write_bytes(b"hello" * 2000)
    assert not check_integrity(path).good


def test_schema_that_does_not_parse_is_damage(tmp_path: Path) -> None:
    path = make_bank(tmp_path / "app.db")
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("writable_schema", True)
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE nonsense(' WHERE name = 'giro'")
    found = check_integrity(path)
    assert not found.good
    assert "malformed database schema (giro)" in found.problems[0]


def test_content_that_violates_its_declarations_is_recorded_and_good(tmp_path: Path) -> None:
    path = _made(tmp_path / "app.db", "CREATE TABLE t(x, y, z); INSERT INTO t VALUES (NULL, 1, 'secret'), (1, 1, 2)")
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("writable_schema", True)
        connection.execute(
            "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(x INT NOT NULL, y INT CHECK(y > 5), z INT) STRICT'"
        )
    found = check_integrity(path)
    assert found.good
    assert found.problems == ["CHECK constraint failed in t", "NULL value in t.x", "non-INT value in t.z"]
    assert "secret" not in str(found)


def test_damage_is_found_behind_many_violated_declarations(tmp_path: Path) -> None:
    path = _made(
        tmp_path / "app.db",
        """CREATE TABLE a(x); CREATE TABLE b(x);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO a SELECT NULL FROM n;
        INSERT INTO b VALUES (1), (2); CREATE INDEX i ON b(x)""",
    )
    page = _root(path, "i")
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("writable_schema", True)
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE a(x NOT NULL)' WHERE name = 'a'")
    with path.open("r+b") as file:  # changes the value 2 in the last cell of the index to 3
        file.seek(page * _PAGE - 20)
        cells = file.read(20)
        at = cells.index(bytes([3, 1, 1, 2, 2]))
        file.seek(page * _PAGE - 20 + at + 3)
        file.write(b"\x03")
    found = check_integrity(path)
    assert not found.good
    assert "index i" in found.problems[0]
    assert found.problems[-1] == "NULL value in a.x"


@pytest.mark.parametrize("version", ["fts4", "fts5"])
def test_full_text_index_that_does_not_match_its_external_content_is_good(tmp_path: Path, version: str) -> None:
    sql = f"""CREATE TABLE t(body); CREATE VIRTUAL TABLE f USING {version}(body, content="t");
    INSERT INTO t VALUES ('one'); INSERT INTO t VALUES ('two')"""
    found = check_integrity(_made(tmp_path / "app.db", sql))
    assert found.good
    assert found.problems == ([f"malformed inverted index for {version.upper()} table main.f"] * (version == "fts4"))


def test_full_text_index_that_does_not_match_its_own_content_is_damage(tmp_path: Path) -> None:
    sql = "CREATE VIRTUAL TABLE f USING fts4(body); INSERT INTO f VALUES ('one'); DELETE FROM f_content"
    found = check_integrity(_made(tmp_path / "app.db", sql))
    assert not found.good


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE t(x COLLATE theirs UNIQUE)", "no such collation sequence: theirs"),
        ("CREATE TABLE t(x); CREATE INDEX i ON t(theirs(x))", "unknown function: theirs()"),
        ("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = 'theirs')", "SQL logic error"),
    ],
)
def test_tables_that_need_the_application_are_noted_as_unchecked(tmp_path: Path, sql: str, reason: str) -> None:
    path = _made(tmp_path / "app.db", f"{sql}; INSERT INTO t VALUES ('b'), ('a'); CREATE TABLE other(x)")
    found = check_integrity(path)
    assert found.good
    assert found.problems == [f"indexes of t cannot be checked: {reason}"]
    _break_page(path, _root(path, "other"))
    assert not check_integrity(path).good


def test_all_violated_foreign_keys_are_counted(tmp_path: Path) -> None:
    sql = """CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(p REFERENCES parent);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO child SELECT i FROM n"""
    found = check_integrity(_made(tmp_path / "app.db", sql))
    assert (found.good, found.problems, found.foreign_key_violations) == (True, [], 2000)


def test_foreign_key_mismatch_does_not_hide_other_violations(tmp_path: Path) -> None:
    sql = """CREATE TABLE parent(id); CREATE TABLE "odd'one"(p REFERENCES parent(id)); INSERT INTO "odd'one" VALUES (1);
    CREATE TABLE good(id PRIMARY KEY); CREATE TABLE child(p REFERENCES good); INSERT INTO child VALUES (1), (2)"""
    found = check_integrity(_made(tmp_path / "app.db", sql))
    assert found.good
    assert found.foreign_key_violations == 2
    assert found.problems == [
        """foreign keys of odd'one cannot be checked: foreign key mismatch - "odd'one" referencing "parent\""""
    ]


def test_describe_reads_the_settings_of_a_database(tmp_path: Path) -> None:
    path = make_bank(
        tmp_path / "app.db", page_size=8192, auto_vacuum=1, user_version=3, application_id=9, encoding="UTF-16le"
    )
    with closing(open_snapshot(path)) as connection:
        found = describe(connection, "wal")
    assert asdict(found) == {
        "page_size": 8192,
        "page_count": path.stat().st_size // 8192,
        "encoding": "UTF-16le",
        "auto_vacuum": 1,
        "journal_mode": "wal",
        "user_version": 3,
        "application_id": 9,
    }


def test_primary_key_with_an_unknown_collation_is_not_damage(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.create_collation("WEIRD", lambda one, two: (one > two) - (one < two))
        connection.execute("CREATE TABLE t(a TEXT COLLATE WEIRD PRIMARY KEY, b) WITHOUT ROWID")
        connection.execute("INSERT INTO t VALUES('x', 1), ('y', 2)")
    for quick in (False, True):
        assert check_integrity(path, quick=quick).good


def test_leaving_the_block_cancels_the_check(tmp_path: Path) -> None:
    database = tmp_path / "large.db"
    with closing(apsw.Connection(str(database))) as connection:
        connection.execute("CREATE TABLE t(x); CREATE INDEX i ON t(x)")
        numbers = "WITH n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 100000) SELECT x FROM n"
        connection.execute(f"INSERT INTO t {numbers}")
    with pytest.raises(KeyboardInterrupt), check_in_background(database) as integrity:
        raise KeyboardInterrupt
    with pytest.raises(apsw.InterruptError):
        integrity.result()
