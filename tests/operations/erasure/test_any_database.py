"""After a replay no byte of an erased value is in the file, and every other row is unchanged."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.operations.erasure.replay import replay
from tests.operations.erasure.builders import HASHER, recorded, traces

_LETTERS = st.text("abcdefghijklmnopqrstuvwxyz0123456789äöüßéλж", min_size=1, max_size=20)
_PEOPLE = st.lists(_LETTERS, min_size=2, max_size=30, unique=True)

_USERS = {
    "rowid": "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT{collation}, bio TEXT)",
    "autoincrement": "CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT{collation} UNIQUE, bio TEXT)",
    "no key": "CREATE TABLE users(id INTEGER, email TEXT{collation}, bio TEXT)",
    "without rowid": "CREATE TABLE users(id INTEGER, email TEXT{collation}, bio TEXT,"
    " PRIMARY KEY(email, id)) WITHOUT ROWID",
    "generated": "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT{collation}, bio TEXT,"
    " low TEXT AS (lower(email)) STORED, both TEXT AS (email || bio) VIRTUAL)",
    "strict": "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT{collation}, bio TEXT) STRICT",
    "blobs": "CREATE TABLE users(id INTEGER PRIMARY KEY, email BLOB, bio TEXT)",
}
_INDEXES = [
    "CREATE INDEX by_email ON users(email)",
    "CREATE UNIQUE INDEX by_both ON users(email, id)",
    "CREATE INDEX by_expression ON users(substr(email, 2))",
    "CREATE INDEX partial ON users(email) WHERE id > 2",
    "CREATE INDEX no_case ON users(email COLLATE NOCASE)",
]
_FULL_TEXT = {
    "fts5 external": "CREATE VIRTUAL TABLE found USING fts5(email, content='users', content_rowid='id')",
    "fts4 external": 'CREATE VIRTUAL TABLE found USING fts4(content="users", email)',
    "fts5 own": "CREATE VIRTUAL TABLE found USING fts5(email, number UNINDEXED)",
    "fts4 own": "CREATE VIRTUAL TABLE found USING fts4(email, number)",
    "fts3 own": "CREATE VIRTUAL TABLE found USING fts3(email, number)",
    "none": None,
}


@st.composite
def _databases(draw: st.DrawFn) -> dict[str, Any]:
    shape = draw(st.sampled_from(sorted(_USERS)))
    full_text = draw(st.sampled_from(sorted(_FULL_TEXT)))
    if shape in ("no key", "without rowid") and full_text.endswith("external"):
        full_text = "none"
    return {
        "shape": shape,
        "collation": draw(st.sampled_from(["", " COLLATE NOCASE", " COLLATE RTRIM"])) if shape != "blobs" else "",
        "encoding": draw(st.sampled_from(["UTF-8", "UTF-16le", "UTF-16be"])) if shape != "blobs" else "UTF-8",
        "page_size": draw(st.sampled_from([512, 1024, 4096])),
        "wal": draw(st.booleans()),
        "people": draw(_PEOPLE),
        "erased": draw(st.integers(1, 3)),
        "indexes": draw(st.lists(st.sampled_from(_INDEXES), unique=True, max_size=3)),
        "full_text": full_text,
        "on_delete": draw(st.sampled_from(["CASCADE", "SET NULL", "NO ACTION", "SET DEFAULT"])),
        "analyze": draw(st.booleans()),
        "churn": draw(st.integers(0, 20)),
        "long": draw(st.booleans()),
    }


def _email(person: str, number: int, *, long: bool) -> str:
    """Returns an address long enough to be in no file by chance; some do not fit in a page."""
    return f"{person}-{number:04d}-zq7w@people.example" + (
        "+" + f"x{number:04d}tail" * 150 if long and number % 3 == 0 else ""
    )


def _make(path: Path, spec: dict[str, Any]) -> list[str]:
    emails = [_email(person, number, long=spec["long"]) for number, person in enumerate(spec["people"])]
    with closing(apsw.Connection(str(path))) as db:
        db.execute(f"PRAGMA page_size={spec['page_size']}")
        db.execute(f"PRAGMA encoding='{spec['encoding']}'")
        if spec["wal"]:
            db.execute("PRAGMA journal_mode=WAL").fetchall()
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN")
        db.execute(_USERS[spec["shape"]].format(collation=spec["collation"]))
        db.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, owner, note TEXT)")
        db.execute(
            "CREATE TABLE posts(id INTEGER PRIMARY KEY, author INTEGER DEFAULT NULL"
            f" REFERENCES users(id) ON DELETE {spec['on_delete']}, body TEXT)"
            if spec["shape"] not in ("no key", "without rowid")
            else "CREATE TABLE posts(id INTEGER PRIMARY KEY, author INTEGER, body TEXT)"
        )
        db.execute("CREATE TABLE replies(id INTEGER PRIMARY KEY, post INTEGER REFERENCES posts(id), body TEXT)")
        db.execute("CREATE TABLE log(line TEXT)")
        db.execute("CREATE TRIGGER gone AFTER DELETE ON users BEGIN INSERT INTO log VALUES(old.email); END")
        for sql in spec["indexes"]:
            db.execute(sql)
        for number, email in enumerate(emails):
            value: Any = email.encode() if spec["shape"] == "blobs" else email
            db.execute("INSERT INTO users(id, email, bio) VALUES(?, ?, ?)", (number + 1, value, f"bio {number}"))
            db.execute("INSERT INTO orders(owner, note) VALUES(?, ?)", (value, f"order {number}"))
            db.execute("INSERT INTO posts(author, body) VALUES(?, ?)", (number + 1, f"post {number}"))
            db.execute("INSERT INTO replies(post, body) VALUES(?, ?)", (number + 1, f"reply {number}"))
        if _FULL_TEXT[spec["full_text"]]:
            db.execute(_FULL_TEXT[spec["full_text"]])
            if spec["full_text"].endswith("own"):  # filled twice: the first contents stay in segments
                for _ in range(2):
                    db.execute("DELETE FROM found")
                    db.executemany(
                        "INSERT INTO found(email, number) VALUES(?, ?)", [(e, i) for i, e in enumerate(emails)]
                    )
            db.execute("INSERT INTO found(found) VALUES('rebuild')")
        for number in range(spec["churn"]):  # free pages and slack space that keep old contents
            db.execute("INSERT INTO orders(owner, note) VALUES(?, ?)", (emails[0], "y" * 400 + str(number)))
        db.execute("DELETE FROM orders WHERE note LIKE 'yyy%'")
        if spec["analyze"]:
            db.execute("ANALYZE")
        db.execute("COMMIT")
    return emails


def _kept(path: Path, erased: set[str]) -> dict[str, list[Any]]:
    with closing(apsw.Connection(str(path))) as db:
        has_rowid = "WITHOUT ROWID" not in str(
            db.execute("SELECT sql FROM sqlite_schema WHERE name='users'").fetchone()
        )
        people = db.execute(
            f"SELECT {'rowid' if has_rowid else 'id'}, id, CAST(email AS TEXT), bio FROM users"
        ).fetchall()
        orders = db.execute("SELECT rowid, CAST(owner AS TEXT), note FROM orders").fetchall()
        return {
            "users": sorted(row for row in people if row[2] not in erased),
            "orders": sorted(row for row in orders if row[1] not in erased),
            "log": db.execute("SELECT * FROM log").fetchall(),
        }


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(_databases())
def test_replay_removes_every_byte_of_erased_values_and_nothing_else(spec: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "app.db"
        emails = _make(path, spec)
        erased = emails[: spec["erased"]]
        wanted = _kept(path, set(erased))
        entry = recorded(
            path,
            "users",
            "email",
            erased,
            also=["orders.owner", *(["found.email"] if spec["full_text"].endswith("own") else [])],
        )
        done = replay(path, [entry], HASHER, what="a backup")
        for email in erased:
            assert traces(path, email) == [], spec
            assert traces(path, email[:24]) == [], spec
        assert _kept(path, set(erased)) == wanted
        assert done.deleted["users"] == len(erased)
        with closing(apsw.Connection(str(path))) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            assert db.execute("PRAGMA freelist_count").fetchone() == (0,)
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal" if spec["wal"] else "delete",)
            assert db.execute("PRAGMA encoding").fetchone() == (spec["encoding"],)
            if _FULL_TEXT[spec["full_text"]]:
                left = db.execute("SELECT count(*) FROM found WHERE found MATCH 'people'").fetchone()
                assert left == (len(emails) - len(erased),)
