"""The platform's own Python driver, unchanged, works with the server."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlitecloud
from sqlitecloud.download import download_db
from sqlitecloud.exceptions import (
    SQLiteCloudError,
    SQLiteCloudIntegrityError,
    SQLiteCloudOperationalError,
)
from sqlitecloud.upload import upload_db

from tests.servers.sqlitecloud import Server


@pytest.fixture
def connection(secure: Server) -> Iterator[sqlitecloud.Connection]:
    with closing(sqlitecloud.connect(secure.url("x.db"))) as opened:
        yield opened


def test_rows_are_inserted_and_selected_with_bindings(connection: sqlitecloud.Connection) -> None:
    values: list[Any] = [(10, "text"), (11, None), (12, 3.5), (13, b"\0\1blob"), (14, 2**62)]
    cursor = connection.executemany("INSERT INTO t (id, n) VALUES (?, ?)", values)
    assert (cursor.rowcount, cursor.lastrowid) == (1, 14)
    found = connection.execute("SELECT id, n FROM t WHERE id >= :first ORDER BY id", {"first": 10}).fetchall()
    assert found == [(10, "text"), (11, None), (12, "3.5"), (13, b"\0\1blob"), (14, str(2**62))]


def test_columns_are_described(connection: sqlitecloud.Connection) -> None:
    cursor = connection.execute("SELECT id, n AS other FROM t")
    assert cursor.description is not None
    assert [column[0] for column in cursor.description] == ["id", "other"]
    assert cursor.rowcount == 2


def test_errors_carry_code_and_text(connection: sqlitecloud.Connection) -> None:
    with pytest.raises(SQLiteCloudOperationalError, match="no such column: nope") as error:
        connection.execute("SELECT nope FROM t")
    assert error.value.errcode == 1
    with pytest.raises(SQLiteCloudIntegrityError, match="UNIQUE"):
        connection.execute("INSERT INTO t (id) VALUES (1)")
    with pytest.raises(SQLiteCloudError, match=r"missing\.db does not exist"):
        connection.execute("USE DATABASE missing.db")


def test_transactions_are_rolled_back(connection: sqlitecloud.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("DELETE FROM t")
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)


def test_large_and_compressed_rowsets_arrive(connection: sqlitecloud.Connection) -> None:
    sql = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 60000) SELECT i, 'row ' || i FROM n"
    found = connection.execute(sql).fetchall()
    assert len(found) == 60000
    assert found[-1] == (60000, "row 60000")


# The driver leaves its socket open after a refused login.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_wrong_key_is_refused(secure: Server) -> None:
    with pytest.raises(SQLiteCloudError):
        sqlitecloud.connect(secure.url("x.db", apikey="wrong"))


def test_driver_downloads_and_uploads(secure: Server, connection: sqlitecloud.Connection, tmp_path: Path) -> None:
    link = connection.sqlitecloud_connection
    download_db(link, "x.db", str(tmp_path / "down.db"))
    with closing(sqlite3.connect(tmp_path / "down.db")) as copy:
        assert copy.execute("SELECT count(*) FROM t").fetchone() == (2,)
    upload_db(link, "up.db", None, str(tmp_path / "down.db"))
    assert "up.db" in secure.catalog.names()
    assert connection.execute("USE DATABASE up.db") is not None
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)
