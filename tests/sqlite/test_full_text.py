"""Full-text tables that cannot be checked without the application, or do not match their content, are not damage."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from shared.sqlite.checks import check_integrity
from tests.dump.loading import dumped, load_by_litekeep


def renamed_content(db: apsw.Connection) -> None:
    db.execute("CREATE TABLE doc(t, u); INSERT INTO doc VALUES('a b', 'c')")
    db.execute("CREATE VIRTUAL TABLE f USING fts4(content='doc', t, u); INSERT INTO f(f) VALUES('rebuild')")
    db.execute("ALTER TABLE doc RENAME COLUMN t TO renamed")


def renamed_in_the_shadow(db: apsw.Connection) -> None:
    db.execute("CREATE VIRTUAL TABLE f USING fts3(a, b); INSERT INTO f VALUES('one two', 'three')")
    db.execute("ALTER TABLE f_content RENAME COLUMN c0a TO renamed")


def compressed(db: apsw.Connection) -> None:
    db.create_scalar_function("zip", lambda text: str(text).encode()[::-1], 1)
    db.create_scalar_function("unzip", lambda raw: bytes(raw)[::-1].decode(), 1)
    db.execute("CREATE VIRTUAL TABLE f USING fts4(a, compress=zip, uncompress=unzip); INSERT INTO f VALUES('one two')")


def content_of_a_view(db: apsw.Connection) -> None:
    db.create_scalar_function("own", lambda value: value, 1, deterministic=True)
    db.execute("CREATE TABLE doc(id INTEGER PRIMARY KEY, t); INSERT INTO doc(t) VALUES('a b')")
    db.execute("CREATE VIEW v AS SELECT id AS docid, own(t) AS t FROM doc")
    db.execute("CREATE VIRTUAL TABLE f USING fts4(content='v', t); INSERT INTO f(docid, t) SELECT docid, t FROM v")


@pytest.mark.parametrize("build", [renamed_content, renamed_in_the_shadow, compressed, content_of_a_view])
def test_full_text_table_that_cannot_be_checked_is_good_and_survives(
    tmp_path: Path, build: Callable[[apsw.Connection], None]
) -> None:
    with closing(apsw.Connection(str(tmp_path / "app.db"))) as db:
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        build(db)
    sql = dumped(tmp_path / "app.db")
    load_by_litekeep(sql, tmp_path / "back.db")
    assert dumped(tmp_path / "back.db") == sql
    for path in (tmp_path / "app.db", tmp_path / "back.db"):
        for quick in (True, False):
            assert check_integrity(path, quick=quick).good
