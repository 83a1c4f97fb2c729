"""The rows that a replay deletes, those that stay, and what stops a replay."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.errors import NotErased, UsageError
from shared.operations.erasure.entry import MOST_VALUES, Erasure, forms_of, hash_values
from shared.operations.erasure.plan import plan_erasure
from shared.operations.erasure.record import read_values
from shared.operations.erasure.replay import replay
from tests.operations.erasure.builders import HASHER, database, recorded, rows, traces

PEOPLE = [
    "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT)",
    "INSERT INTO users VALUES(1, 'ana@people.example'), (2, 'ben@people.example'), (3, 'eve@people.example')",
]


def erase(path: Path, *values: str, column: str = "email", also: tuple[str, ...] = (), **more: object) -> Erasure:
    entry = recorded(path, "users", column, values, also=also)
    replay(path, [entry], HASHER, what="backup one", **more)  # type: ignore[arg-type]
    return entry


@pytest.mark.parametrize(
    ("on_delete", "left"),
    [
        ("", [(2, 2)]),
        ("ON DELETE CASCADE", [(2, 2)]),
        ("ON DELETE RESTRICT", [(2, 2)]),
        ("ON DELETE SET NULL", [(1, None), (2, 2)]),
        ("ON DELETE SET DEFAULT", [(1, 3), (2, 2)]),
    ],
)
def test_rows_referring_to_erased_row_are_deleted_or_lose_reference(
    tmp_path: Path, on_delete: str, left: list[tuple[object, ...]]
) -> None:
    path = database(
        tmp_path / "a.db",
        *PEOPLE,
        f"CREATE TABLE posts(id INTEGER PRIMARY KEY, author INTEGER DEFAULT 3 REFERENCES users {on_delete})",
        "INSERT INTO posts VALUES(1, 1), (2, 2)",
    )
    erase(path, "ana@people.example")
    assert rows(path, "SELECT id, author FROM posts ORDER BY id") == left


def test_chains_cycles_and_self_references_are_followed(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        *PEOPLE,
        "CREATE TABLE posts(id INTEGER PRIMARY KEY, author REFERENCES users(id), answers REFERENCES posts(id),"
        " newest REFERENCES likes(id))",
        "CREATE TABLE likes(id INTEGER PRIMARY KEY, post REFERENCES posts(id))",
        "INSERT INTO posts VALUES(1, 1, NULL, NULL), (2, 2, 1, NULL), (3, 2, 2, NULL), (4, 2, NULL, 11),"
        " (5, 3, NULL, NULL)",
        "INSERT INTO likes VALUES(10, 5), (11, 3)",
    )
    erase(path, "ana@people.example")
    # 2 answers 1, 3 answers 2, like 11 is of 3, and 4 has 11 as its newest
    assert rows(path, "SELECT id FROM posts") == [(5,)]
    assert rows(path, "SELECT id FROM likes") == [(10,)]


def test_composite_keys_and_tables_without_rowid_are_followed(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        "CREATE TABLE users(tenant TEXT, id INTEGER, email TEXT, PRIMARY KEY(tenant, id)) WITHOUT ROWID",
        "CREATE TABLE orders(no INTEGER, tenant TEXT, owner INTEGER, PRIMARY KEY(no, tenant),"
        " FOREIGN KEY(tenant, owner) REFERENCES users) WITHOUT ROWID",
        "INSERT INTO users VALUES('a', 1, 'ana@x'), ('a', 2, 'ben@x'), ('b', 1, 'eve@x')",
        "INSERT INTO orders VALUES(1, 'a', 1), (1, 'b', 1), (2, 'a', 2)",
    )
    erase(path, "ana@x")
    assert rows(path, "SELECT no, tenant FROM orders ORDER BY 1, 2") == [(1, "b"), (2, "a")]


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        (42, "42"),
        (42.0, "42"),
        ("42", "42"),
        (b"42", "42"),
        (-7, "-7"),
        (b"\x00\xff", "x'00ff'"),
        ("x'00ff'", "x'00ff'"),
    ],
)
def test_value_is_found_in_every_storage_class(tmp_path: Path, stored: object, given: str) -> None:
    path = database(tmp_path / "a.db", "CREATE TABLE users(email)")
    with closing(apsw.Connection(str(path))) as db:
        db.execute("INSERT INTO users VALUES(?), ('other'), (NULL), (420), (4.2)", (stored,))  # type: ignore[arg-type]
    erase(path, given)
    assert rows(path, "SELECT count(*) FROM users") == [(4,)]


def test_case_matters_unless_collation_ignores_it(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        *PEOPLE,
        "CREATE TABLE news(mail TEXT COLLATE NOCASE)",
        "INSERT INTO news VALUES('ANA@people.example')",
    )
    erase(path, "Ana@people.example", also=("news.mail",))
    assert rows(path, "SELECT count(*) FROM users") == [(3,)]
    assert rows(path, "SELECT count(*) FROM news") == [(0,)]


def test_foreign_key_only_in_backup_schema_is_followed(tmp_path: Path) -> None:
    now = database(tmp_path / "now.db", *PEOPLE)
    then = database(
        tmp_path / "then.db",
        *PEOPLE,
        "CREATE TABLE old(id INTEGER PRIMARY KEY, author REFERENCES users(id))",
        "INSERT INTO old VALUES(1, 1), (2, 2)",
    )
    entry = recorded(now, "users", "email", ["ana@people.example"])
    assert replay(then, [entry], HASHER, what="then").deleted == {"users": 1, "old": 1}


def test_many_erasures_are_replayed_in_one_pass(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", *PEOPLE)
    entries = [
        recorded(path, "users", "email", ["ana@people.example"], number=1),
        recorded(path, "users", "id", ["2"], number=2),
        recorded(path, "users", "email", ["nobody"], number=3),
    ]
    done = replay(path, entries, HASHER, what="one")
    assert (done.entries, done.deleted) == (["erase-1", "erase-2", "erase-3"], {"users": 2})
    assert rows(path, "SELECT id FROM users") == [(3,)]


def test_replay_clears_free_pages_of_rows_deleted_earlier(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", *PEOPLE, "PRAGMA secure_delete=0", "DELETE FROM users WHERE id = 1")
    assert traces(path, "ana@people.example") == ["utf-8"]
    erase(path, "ana@people.example")
    assert traces(path, "ana@people.example") == []


# Errors


def test_missing_column_or_table_stops_replay_with_remedy(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", *PEOPLE)
    entry = recorded(path, "users", "email", ["ana@people.example"])
    for change, missing in [
        ("ALTER TABLE users RENAME COLUMN email TO mail", "users.email"),
        ("ALTER TABLE users RENAME TO people", "users"),
    ]:
        database(path, change)
        before = path.read_bytes()
        with pytest.raises(NotErased, match=f"it has no {missing}; .*--absent {missing}"):
            replay(path, [entry], HASHER, what="one")
        assert path.read_bytes() == before
        assert replay(path, [entry], HASHER, what="one", absent={missing}).passed_over == [missing]


def test_contentless_full_text_table_stops_replay(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        *PEOPLE,
        "CREATE VIRTUAL TABLE words USING fts5(email, content='')",
        "INSERT INTO words(rowid, email) SELECT id, email FROM users",
    )
    entry = recorded(path, "users", "email", ["ana@people.example"])
    with pytest.raises(NotErased, match="the full-text table words has no content of its own"):
        replay(path, [entry], HASHER, what="one")


def test_unknown_collation_stops_replay(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(apsw.Connection(str(path))) as db:
        db.create_collation("klingon", lambda one, other: (one > other) - (one < other))
        for statement in [*PEOPLE, "CREATE INDEX i ON users(email COLLATE klingon)"]:
            db.execute(statement)
    entry = recorded(path, "users", "email", ["ana@people.example"])
    with pytest.raises(NotErased, match="no such collation sequence: klingon"):
        replay(path, [entry], HASHER, what="one")


def test_not_null_violation_stops_replay_without_value_in_error(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        *PEOPLE,
        "CREATE TABLE posts(author INTEGER NOT NULL REFERENCES users(id) ON DELETE SET NULL)",
        "INSERT INTO posts VALUES(1)",
    )
    entry = recorded(path, "users", "email", ["ana@people.example"])
    with pytest.raises(NotErased, match="ConstraintError") as stopped:
        replay(path, [entry], HASHER, what="one")
    assert "people.example" not in str(stopped.value)


# Ledger entries


def test_ledger_entry_contains_no_value(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", *PEOPLE)
    text = recorded(path, "users", "email", ["ana@people.example"]).model_dump_json()
    assert "ana" not in text
    assert "people" not in text


def test_hashes_are_keyed_and_sorted() -> None:
    hashes, coarse = hash_values(HASHER, ["b", "a", "42"], fold=False)
    assert hashes == sorted(hashes)
    assert len(hashes) == 4  # 42 is also searched as 42.0
    assert len(coarse) <= 4
    assert forms_of("042", fold=False) == {b"042"}


def test_views_shadow_and_index_tables_cannot_be_erased_from(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        *PEOPLE,
        "CREATE VIEW v AS SELECT * FROM users",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "CREATE VIRTUAL TABLE g USING fts5(x, content='users')",
        "CREATE VIRTUAL TABLE r USING rtree(id, x, y)",
    )
    with closing(apsw.Connection(str(path))) as db:
        assert plan_erasure(db, "f", "x", []).places[0].table == "f"  # it stores its rows itself
        for name in ("v", "g", "r", "f_content", "sqlite_nothing"):
            with pytest.raises(UsageError):
                plan_erasure(db, name, "x", [])


def test_erased_values_are_limited_in_number_and_length() -> None:
    import io  # noqa: PLC0415

    assert read_values(io.StringIO("a\r\n\nb\na\n")) == ["a", "b"]
    with pytest.raises(UsageError, match="more than 10,000 bytes"):
        read_values(io.StringIO("x" * 10_001))
    with pytest.raises(UsageError, match="more than 100000 values"):
        read_values(io.StringIO("\n".join(map(str, range(MOST_VALUES + 1)))))
