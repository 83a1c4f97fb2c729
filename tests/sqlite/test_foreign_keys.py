"""The faster count of violated foreign keys equals that of SQLite's own check."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sqlite.foreign_keys import ForeignKeys, count_violations

VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.sampled_from([1.0, 1.5, -2.0, 9e18, "1", " 2", "2.0", "x", "", b"1", b"", 1 << 62, "01"]),
)
SCHEMAS = {
    "its rowid": "CREATE TABLE parent(id INTEGER PRIMARY KEY, x)",
    "a key counted down": "CREATE TABLE parent(id INTEGER PRIMARY KEY DESC, x)",
    "an INT": "CREATE TABLE parent(id INT PRIMARY KEY, x)",
    "another unique column": "CREATE TABLE parent(x INTEGER PRIMARY KEY, id UNIQUE)",
    "a key without rowid": "CREATE TABLE parent(id INTEGER PRIMARY KEY, x) WITHOUT ROWID",
    "a text": "CREATE TABLE parent(id TEXT PRIMARY KEY, x)",
}
INDEXES = ("", "CREATE INDEX by_ref ON child(ref, other)", "CREATE INDEX some ON child(ref) WHERE ref > 0")


@pytest.mark.parametrize("parent", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("declared", ["ref", "ref INTEGER", "ref TEXT COLLATE NOCASE", "ref BLOB"])
@given(parents=st.sets(st.integers(-2, 2)), children=st.lists(VALUES, max_size=8), index=st.sampled_from(INDEXES))
def test_violations_are_counted_as_by_foreign_key_check(
    parent: str, declared: str, parents: set[int], children: list[object], index: str
) -> None:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute(f"{parent}; CREATE TABLE child({declared} REFERENCES Parent(ID), other); {index}")
        connection.executemany("INSERT INTO parent(id) VALUES (?)", ((key,) for key in parents))
        connection.executemany("INSERT INTO child(ref) VALUES (?)", ((value,) for value in children))
        assert count_violations(connection, "child") == _reported(connection)


def test_foreign_keys_of_all_kinds_in_one_table_are_counted() -> None:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute(
            """
            CREATE TABLE "odd ""parent"(id INTEGER PRIMARY KEY, a, b, UNIQUE(a, b));
            CREATE TABLE child(
                "odd ""column" REFERENCES "odd ""parent",
                gone REFERENCES nowhere(id),
                itself REFERENCES child,
                a, b, id INTEGER PRIMARY KEY,
                FOREIGN KEY (a, b) REFERENCES "odd ""parent"(a, b)
            );
            INSERT INTO "odd ""parent" VALUES (1, 2, 3);
            INSERT INTO child VALUES (1, NULL, 1, 2, 3, 1), (7, 7, 7, 7, 7, 2);
            """
        ).fetchall()
        assert count_violations(connection, "child") == _reported(connection) == 4


def test_violations_are_counted_despite_an_index_with_an_unknown_collation() -> None:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.create_collation("theirs", lambda a, b: (a > b) - (a < b))
        connection.execute(
            """
            CREATE TABLE parent(id INTEGER PRIMARY KEY);
            CREATE TABLE child(ref REFERENCES parent);
            CREATE INDEX by_ref ON child(ref COLLATE theirs);
            INSERT INTO child VALUES (5);
            """
        ).fetchall()
        connection.create_collation("theirs", None)
        assert count_violations(connection, "child") == 1


def _reported(connection: apsw.Connection) -> int:
    return len(connection.execute("PRAGMA foreign_key_check(child)").fetchall())


def test_facts_about_all_tables_are_read_once(tmp_path: Path) -> None:
    with closing(apsw.Connection(str(tmp_path / "a.db"))) as db:
        for number in range(50):
            db.execute(f"CREATE TABLE t{number}(id INTEGER PRIMARY KEY, b REFERENCES t0(id))")
        asked: list[str] = []
        db.exec_trace = lambda _cursor, sql, _bindings: asked.append(sql) or True
        keys = ForeignKeys(db)
        assert sum(keys.violations(f"t{number}") for number in range(50)) == 0
    assert sum("pragma_table_list" in sql for sql in asked) == 1
    assert sum("pragma_table_info" in sql for sql in asked) == 1
