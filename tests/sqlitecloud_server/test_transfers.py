"""Downloads, uploads and page-by-page backups."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.sqlitecloud import Server
from tests.servers.sqlitecloud.catalog import HIDDEN
from tests.sqlitecloud_server.raw import Raw, blob, code, numbers, values


def rows(content: bytes, path: Path) -> list[tuple[object, ...]]:
    """Returns the rows of table t in a database with these bytes, after an integrity check."""
    path.write_bytes(content)
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT * FROM t ORDER BY id").fetchall()


def test_download_is_announced_and_sent_in_steps(server: Server, client: Raw, tmp_path: Path) -> None:
    server.settings["download_chunk_size"] = "5000"
    size, pages, raft = numbers(client.ask("DOWNLOAD DATABASE 'x.db'"))
    assert size == pages * 4096
    assert raft > 0
    steps = [blob(client.ask("DOWNLOAD STEP")) for _ in range(-(-size // 5000))]
    assert [len(step) for step in steps] == [5000] * (size // 5000) + [size % 5000]
    assert rows(b"".join(steps), tmp_path / "copy.db") == [(1, "a"), (2, None)]


def test_download_includes_what_is_only_in_the_wal(client: Raw, data: Path, tmp_path: Path) -> None:
    client.ask("INSERT INTO t VALUES (3, 'in the log')")
    assert (data / "x.db-wal").stat().st_size > 0
    assert rows(client.download("x.db"), tmp_path / "copy.db")[-1] == (3, "in the log")


def test_download_has_the_state_at_its_beginning(
    server: Server, client: Raw, connect: Callable[..., Raw], tmp_path: Path
) -> None:
    server.settings["download_chunk_size"] = "4096"
    size, _, raft = numbers(client.ask("DOWNLOAD DATABASE x.db"))
    content = blob(client.ask("DOWNLOAD STEP"))
    connect("x.db").ask("INSERT INTO t (n) VALUES (hex(zeroblob(9000)))")
    while len(content) < size:
        content += blob(client.ask("DOWNLOAD STEP"))
    assert rows(content, tmp_path / "copy.db") == [(1, "a"), (2, None)]
    assert numbers(client.ask("DOWNLOAD DATABASE x.db"))[2] == raft + 1


def test_download_during_writes_is_one_committed_state(server: Server, client: Raw, tmp_path: Path) -> None:
    client.ask("CREATE TABLE a (v); CREATE TABLE b (v); INSERT INTO a VALUES (0); INSERT INTO b VALUES (0)")
    stop = threading.Event()

    def write() -> None:
        with Raw(server, "x.db") as raw:
            while not stop.is_set():
                raw.ask("BEGIN IMMEDIATE; UPDATE a SET v = v + 1; UPDATE b SET v = v + 1; COMMIT")

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        contents = [client.download("x.db") for _ in range(8)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    for content in contents:
        rows(content, path := tmp_path / "copy.db")
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
            ((one,),) = connection.execute("SELECT v FROM a")
            ((other,),) = connection.execute("SELECT v FROM b")
        assert one == other


def test_raft_index_changes_only_with_writes(client: Raw) -> None:
    def raft() -> int:
        return numbers(client.ask("DOWNLOAD DATABASE x.db"))[2]

    before = raft()
    client.ask("SELECT * FROM t")
    assert raft() == before
    client.ask("UPDATE t SET n = 'b'")
    assert raft() > before


def test_step_without_a_download_replies_ok(client: Raw) -> None:
    assert client.ask("DOWNLOAD STEP") == b"+2 OK"
    client.ask("DOWNLOAD DATABASE x.db")
    assert client.ask("DOWNLOAD ABORT") == b"+2 OK"
    assert client.ask("DOWNLOAD STEP") == b"+2 OK"


def test_download_if_exists_of_a_missing_database_is_empty(client: Raw) -> None:
    size, pages, raft = numbers(client.ask("DOWNLOAD DATABASE none.db IF EXISTS"))
    assert (size, pages) == (0, 0)
    assert raft > 0
    assert client.ask("DOWNLOAD STEP") == b"+2 OK"


def test_upload_is_visible_only_when_complete(client: Raw, connect: Callable[..., Raw]) -> None:
    content, other = client.download("x.db"), connect()
    assert client.ask("UPLOAD DATABASE 'up load.db'") == b"+2 OK"
    assert client.piece(content[:1000]) == b"+2 OK"
    assert client.piece(content[1000:]) == b"+2 OK"
    assert "up load.db" not in values(other.ask("LIST DATABASES"))
    assert client.piece(b"") == b"+2 OK"
    assert values(other.ask("USE DATABASE 'up load.db'; SELECT count(*) FROM t"))[1:] == ["2"]
    assert client.download("up load.db")[100:] == content[100:]


@pytest.mark.parametrize("name", ["x.db", "reserved.db"])
def test_upload_to_an_existing_name_is_refused_before_any_data(client: Raw, name: str) -> None:
    client.ask("RESERVE DATABASE reserved.db UUID u")
    assert client.ask(f"UPLOAD DATABASE {name}").startswith(b"-")
    assert client.ask("UPLOAD ABORT") == b"+2 OK"
    client.ask("UNRESERVE DATABASE reserved.db UUID")
    assert client.ask("UPLOAD DATABASE reserved.db") == b"+2 OK"


def test_second_upload_of_a_connection_is_refused(client: Raw) -> None:
    client.ask("UPLOAD DATABASE one.db")
    assert b"another upload operation is in place" in client.ask("UPLOAD DATABASE two.db")
    assert client.ask("UPLOAD ABORT; UPLOAD DATABASE two.db") == b"+2 OK"


def test_upload_to_a_name_taken_meanwhile_is_refused_at_its_end(client: Raw, connect: Callable[..., Raw]) -> None:
    content = client.download("x.db")
    client.ask("UPLOAD DATABASE new.db")
    client.piece(content)
    connect().ask("CREATE DATABASE new.db")
    assert b"already exists" in client.piece(b"")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(500), b"x"])
def test_upload_that_is_not_a_database_is_refused(client: Raw, data: Path, content: bytes) -> None:
    assert code(client.upload("bad.db", content)) == 26
    assert values(client.ask("LIST DATABASES")) == ["name", "x.db"]
    assert not [file for file in (data / HIDDEN).iterdir() if file.name.startswith("tmp")]


def test_interrupted_upload_stores_nothing(server: Server, client: Raw, data: Path) -> None:
    with Raw(server) as raw:
        raw.ask("UPLOAD DATABASE gone.db")
        raw.piece(b"x" * 1000)
    client.upload("fine.db", client.download("x.db"))
    assert values(client.ask("LIST DATABASES")) == ["name", "fine.db", "x.db"]


def test_replace_changes_the_database_under_its_users(client: Raw, connect: Callable[..., Raw]) -> None:
    content, other = client.download("x.db"), connect("x.db")
    other.ask("DELETE FROM t")
    assert client.upload("x.db", content, " REPLACE") == b"+2 OK"
    assert values(other.ask("SELECT count(*) FROM t"))[1:] == ["2"]


def test_replace_ends_a_transaction_with_an_error(client: Raw, connect: Callable[..., Raw]) -> None:
    content, other = client.download("x.db"), connect("x.db")
    other.ask("BEGIN; DELETE FROM t")
    assert client.upload("x.db", content, " REPLACE") == b"+2 OK"
    assert b"rolled back" in other.ask("COMMIT")
    assert values(other.ask("SELECT count(*) FROM t"))[1:] == ["2"]


def test_piece_without_an_upload_is_refused(client: Raw) -> None:
    assert code(client.piece(b"abc")) == 10005


def test_encrypted_database_is_downloaded_as_ciphertext_and_uploaded_with_its_key(client: Raw, tmp_path: Path) -> None:
    assert client.ask("CREATE DATABASE e.db KEY k1; USE DATABASE e.db") == b"+2 OK"
    client.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 'hidden')")
    content = client.download("e.db")
    assert not content.startswith(b"SQLite")
    assert b"hidden" not in content
    assert code(client.upload("copy.db", content)) == 26
    assert code(client.upload("copy.db", content, " KEY wrong")) == 26
    assert client.upload("copy.db", content, " KEY 'k1'") == b"+2 OK"
    assert client.ask("USE DATABASE copy.db; SELECT n FROM t").endswith(b"+6 hidden")
    assert b"AES256" in client.ask("LIST DATABASES DETAILED")
    assert client.ask("DECRYPT DATABASE copy.db") == b"+2 OK"
    assert rows(client.download("copy.db"), tmp_path / "copy.db") == [(1, "hidden")]


def test_pages_of_an_encrypted_database_are_decrypted(client: Raw, tmp_path: Path) -> None:
    client.ask("ENCRYPT DATABASE x.db KEY k1")
    numbers(client.ask("BACKUP INIT ? SOURCE ?", "main", "main"))
    page = client.ask("BACKUP STEP 0 PAGES 1").partition(b"$")[2].partition(b" ")[2]
    assert page[:24] == bytes(8) + b"SQLite format 3\0"
    assert not client.download("x.db").startswith(b"SQLite")


def test_unencrypted_upload_with_a_key_is_refused(client: Raw) -> None:
    assert code(client.upload("copy.db", client.download("x.db"), " KEY k")) == 26


def test_encrypted_file_is_locked_until_its_key_is_set(client: Raw, connect: Callable[..., Raw]) -> None:
    client.ask("ENCRYPT DATABASE x.db KEY k1; UNUSE DATABASE")
    assert client.ask("GET DATABASE x.db KEY database_key") == b"+2 k1"
    assert client.ask("REMOVE DATABASE x.db KEY database_key") == b"+2 OK"
    other = connect()
    assert code(other.ask("USE DATABASE x.db")) == 26
    assert not other.download("x.db").startswith(b"SQLite")
    assert code(other.ask("SET DATABASE x.db KEY database_key TO wrong")) == 26
    assert other.ask("SET DATABASE x.db KEY database_key TO k1; USE DATABASE x.db") == b"+2 OK"
    assert values(other.ask("SELECT count(*) FROM t"))[1:] == ["2"]


def test_pages_with_their_offsets_rebuild_the_database(client: Raw, tmp_path: Path) -> None:
    kind, index, size, total = numbers(client.ask("BACKUP INIT ? SOURCE ?", "main", "main"))
    assert (kind, index, size) == (40, 0, 4096)
    image = bytearray(size * total)
    left = total
    while left:
        reply = client.ask(f"BACKUP STEP {index} PAGES 1")
        head, _, records = reply.partition(b"$")
        _, _, result, _, left, count = numbers(head)
        record = blob(b"$" + records)
        assert (count, len(record)) == (1, size + 8)
        offset = int.from_bytes(record[:8])
        image[offset : offset + size] = record[8:]
    assert result == 101
    assert client.ask("BACKUP REMAINING 0") == b":0 "
    assert client.ask("BACKUP FINISH 0") == b"=12 3 :42 :0 :0 "
    assert code(client.ask("BACKUP STEP 0 PAGES 1")) == 10005
    assert rows(bytes(image), tmp_path / "copy.db") == [(1, "a"), (2, None)]
