"""Comparison of two files: rows added, removed and changed, counted by key, for every kind of table."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.compare.rows import Counts
from shared.errors import NotGood, SourceError, UsageError
from shared.operations.diff.compare import Comparison, TableDiff, compare, open_pair
from shared.operations.diff.script import write_script


def make(path: Path, script: str) -> Path:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(script)
    return path


def compared(tmp_path: Path, before: str, after: str) -> Comparison:
    with open_pair(make(tmp_path / "a.db", before), make(tmp_path / "b.db", after)) as both:
        return compare(both)


def table(found: Comparison, name: str) -> TableDiff:
    return next(each for each in found.tables if each.name == name)


TABLES = {
    "an integer key": ("CREATE TABLE t (k INTEGER PRIMARY KEY, v)", "k"),
    "a text key": ("CREATE TABLE t (k TEXT PRIMARY KEY, v)", "k"),
    "a case-blind key": ("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v)", "k"),
    "a key of two columns": ("CREATE TABLE t (k, l DEFAULT 'x', v, PRIMARY KEY (l, k))", "l, k"),
    "no rowid": ("CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID", "k"),
    "no key": ("CREATE TABLE t (k, v)", "rowid"),
    "strict types": ("CREATE TABLE t (k TEXT PRIMARY KEY, v ANY) STRICT", "k"),
    "a generated column": ("CREATE TABLE t (k TEXT PRIMARY KEY, g AS (v || 'x') STORED, v)", "k"),
    "a collation nobody has": ("CREATE TABLE t (k TEXT PRIMARY KEY, v)", "k"),
}
BEFORE = "INSERT INTO t (k, v) VALUES ('1', 'a'), ('2', 'b'), ('3', 'c'), ('4', 'd');"
AFTER = "INSERT INTO t (k, v) VALUES ('1', 'a'), ('2', 'B'), ('3', 'c'), ('4', 4), ('5', 'e'), ('6', 'f');"


@pytest.mark.parametrize("kind", TABLES)
def test_changed_rows_are_counted_by_table_key(tmp_path: Path, kind: str) -> None:
    create, by = TABLES[kind]
    found = table(compared(tmp_path, f"{create};{BEFORE}", f"{create};{AFTER}"), "t")
    assert (found.counts, found.by, found.change) == (Counts(added=2, changed=2), by, "same")


def test_removed_rows_are_counted(tmp_path: Path) -> None:
    create = TABLES["a text key"][0]
    found = table(compared(tmp_path, f"{create};{AFTER}", f"{create};{BEFORE}"), "t")
    assert found.counts == Counts(removed=2, changed=2)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "1.0"), ("'1'", "1"), ("0.0", "-0.0"), ("NULL", "''"), ("X'61'", "'a'"), ("'a'", "'A'"), ("'a'", "'a '")],
)
def test_values_that_compare_equal_in_sqlite_are_distinguished(tmp_path: Path, one: str, other: str) -> None:
    create = "CREATE TABLE t (k INTEGER PRIMARY KEY, v COLLATE NOCASE); INSERT INTO t VALUES (1, "
    assert table(compared(tmp_path, f"{create}{one});", f"{create}{other});"), "t").counts == Counts(changed=1)


def test_table_with_null_in_key_is_matched_by_rowid(tmp_path: Path) -> None:
    create = "CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (NULL, 1), (NULL, 2), "
    found = table(compared(tmp_path, f"{create}(3, 3);", f"{create}(3, 4);"), "t")
    assert (found.counts, found.by) == (Counts(changed=1), "rowid")


def test_full_text_table_is_compared_by_its_content(tmp_path: Path) -> None:
    for module in ("fts3(a)", "fts4(a)", "fts5(a)"):
        folder = tmp_path / module
        folder.mkdir()
        create = f"CREATE VIRTUAL TABLE t USING {module}; INSERT INTO t (a) VALUES ('one'), "
        found = table(compared(folder, f"{create}('two');", f"{create}('three'), ('four');"), "t")
        assert found.counts == Counts(added=1, changed=1)


@pytest.mark.parametrize("module", ["fts5(a, content='')", "fts5(a, content='x')", "rtree(id, x0, x1)"])
def test_virtual_table_without_own_rows_is_reported_as_not_compared(tmp_path: Path, module: str) -> None:
    found = table(compared(tmp_path, *[f"CREATE TABLE x (a); CREATE VIRTUAL TABLE t USING {module};"] * 2), "t")
    assert found.counts is None
    assert "virtual table" in found.because


def test_schema_changes_are_described_in_words(tmp_path: Path) -> None:
    before = "CREATE TABLE t (a, b); CREATE TABLE gone (x); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT 1;"
    after = "CREATE TABLE t (a, c TEXT); CREATE TABLE neu (x); CREATE INDEX i ON t (c); CREATE VIEW v AS SELECT 1;"
    words = [change.words() for change in compared(tmp_path, before, after).changes]
    assert words == [
        "table gone removed",
        "table neu added",
        "table t changed: column c added; column b removed",
        "index i changed",
    ]


def test_table_with_changed_schema_is_compared_on_common_columns(tmp_path: Path) -> None:
    before = "CREATE TABLE t (k INTEGER PRIMARY KEY, v, old); INSERT INTO t VALUES (1, 1, 1), (2, 2, 2);"
    after = "CREATE TABLE t (k INTEGER PRIMARY KEY, v, new); INSERT INTO t VALUES (1, 1, 9), (2, 3, 9);"
    found = table(compared(tmp_path, before, after), "t")
    assert (found.change, found.counts) == ("schema", Counts(changed=1))


def test_different_text_encodings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="UTF-8 and the other UTF-16le"):
        compared(tmp_path, "CREATE TABLE t (a);", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a);")


def test_endless_view_is_not_queried(tmp_path: Path) -> None:
    endless = "CREATE VIEW v AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c;"
    assert compared(tmp_path, endless, endless).equal


VALUES = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(alphabet="aA'\r\n;/.\0é", max_size=5),
    st.binary(max_size=4),
)
KEYS = st.one_of(st.integers(0, 6), st.text(alphabet="abAB'", max_size=2))
ROWS = st.dictionaries(KEYS, st.tuples(VALUES, VALUES), max_size=8)
SCHEMAS = [
    "CREATE TABLE t (k PRIMARY KEY, v, u UNIQUE)",
    "CREATE TABLE t (k PRIMARY KEY, v, u) WITHOUT ROWID",
    "CREATE TABLE t (k, v, u)",
    "CREATE TABLE t (k PRIMARY KEY, v TEXT, u REAL, g AS (v || 1) STORED)",
]
TRIGGER = "CREATE TRIGGER tr AFTER DELETE ON t BEGIN DELETE FROM t; END"


@settings(max_examples=120, deadline=None)
@given(schema=st.sampled_from(SCHEMAS), before=ROWS, after=ROWS)
def test_diff_sql_turns_b_into_a(
    tmp_path_factory: pytest.TempPathFactory,
    schema: str,
    before: dict[object, tuple[object, object]],
    after: dict[object, tuple[object, object]],
) -> None:
    folder = tmp_path_factory.mktemp("diff")
    for name, rows in (("a.db", before), ("b.db", after)):
        with closing(apsw.Connection(str(folder / name))) as connection:
            connection.execute(f"{schema}; {TRIGGER}")
            for key, (value, unique) in rows.items():
                connection.execute("INSERT OR REPLACE INTO t (k, v, u) VALUES (?, ?, ?)", (key, value, unique))
    with open_pair(folder / "a.db", folder / "b.db") as both:
        found = compare(both)
        write_script(both, found, folder / "out.sql", folder)  # raises NotGood when the result is not A
    with closing(apsw.Connection(str(folder / "b.db"))) as connection:
        connection.execute((folder / "out.sql").read_text(errors="surrogateescape"))
    with open_pair(folder / "a.db", folder / "b.db") as both:
        assert compare(both).equal


def test_diff_sql_that_fails_its_test_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = "CREATE TABLE t (k INTEGER PRIMARY KEY, v);"
    a, b = make(tmp_path / "a.db", f"{create} INSERT INTO t VALUES (1, 1);"), make(tmp_path / "b.db", create)
    monkeypatch.setattr("shared.operations.diff.script._inserts", lambda *_: iter(()))
    with open_pair(a, b) as both, pytest.raises(NotGood, match="would still differ"):
        write_script(both, compare(both), tmp_path / "out.sql", tmp_path)
    assert not (tmp_path / "out.sql").exists()


def test_diff_sql_refuses_text_that_a_shell_would_change(tmp_path: Path) -> None:
    create = "CREATE VIEW v AS SELECT 1\n/\n2 AS x"
    a, b = make(tmp_path / "a.db", create), make(tmp_path / "b.db", "CREATE TABLE t (x)")
    with open_pair(a, b) as both, pytest.raises(SourceError, match="would not pass through a shell"):
        write_script(both, compare(both), tmp_path / "out.sql", tmp_path)
