"""Encrypted databases of SQLite Cloud: copied page by page and checked, and their keys never shown."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from shared.databases.snapshot import take_snapshot
from shared.errors import CorruptSource, SourceError
from shared.sqlitecloud.failures import CloudError, Garbled
from shared.sqlitecloud.health import check
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.snapshot import unchanged_since
from tests.dump.equality import assert_equal
from tests.servers.sqlitecloud import Server, wire
from tests.servers.sqlitecloud.session import Session as ServerSession
from tests.sqlitecloud.conftest import NAME, make_database
from tests.sqlitecloud.encrypted import KEY, MOMENT, Located, asked, snapshot
from tests.sqlitecloud_server.raw import Raw


def test_snapshot_of_an_encrypted_database_is_decrypted_and_marked_encrypted(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.settings["download_chunk_size"] = "7"
    found = take_snapshot(located(), tmp_path / "s.db")
    assert_equal(locked.data / NAME, found.path)
    origin = found.origin.model_dump()
    assert origin["encrypted"] is True
    assert origin["raft_index"] > 1
    assert "DOWNLOAD STEP" in asked(locked)
    assert unchanged_since(located(), found.origin)
    assert KEY not in repr(located().address) + found.origin.model_dump_json()


def test_unencrypted_database_is_downloaded_and_not_marked_encrypted(
    server: Server, located: Located, tmp_path: Path
) -> None:
    assert "encrypted" not in take_snapshot(located(), tmp_path / "s.db").origin.model_dump()
    assert not any(text.startswith("BACKUP") for text in asked(server))


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_page_copy_works_with_every_page_size(server: Server, located: Located, tmp_path: Path, page_size: int) -> None:
    make_database(
        server.data / "big.db",
        f"PRAGMA page_size = {page_size}; CREATE TABLE b (c); INSERT INTO b VALUES (randomblob(9000000));",
    )
    with Raw(server) as raw:
        raw.ask("ENCRYPT DATABASE 'big.db' KEY k")
    assert_equal(server.data / "big.db", snapshot(located("big.db"), tmp_path / "s.db"))
    assert sum(text.startswith("BACKUP STEP") for text in asked(server)) >= 3


def test_short_writes_to_disk_are_completed(
    locked: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, page, offset: whole(file, page[:1000], offset))
    assert_equal(locked.data / NAME, snapshot(located(), tmp_path / "s.db"))


def test_page_copy_restarted_by_a_write_has_the_new_pages(
    locked: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.sqlitecloud.pages._STEP_BYTES", 1024)

    def write(session: ServerSession) -> None:
        with Raw(locked, NAME) as raw:
            raw.ask(
                "WITH RECURSIVE c(i) AS (VALUES (100) UNION ALL SELECT i + 1 FROM c LIMIT 400)"
                "INSERT INTO t SELECT i, i FROM c"
            )
        session.backups[0].restart()

    locked.faults.before("BACKUP STEP", write, nth=3)
    found = snapshot(located(), tmp_path / "s.db")
    with closing(sqlite3.connect(found)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (460,)


def test_page_copy_fails_when_writes_never_stop(
    locked: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.sqlitecloud.pages._STEP_BYTES", 2048)
    locked.faults.before("BACKUP STEP", lambda session: session.backups[0].restart(), times=None)
    with pytest.raises(CloudError, match="cannot finish while the database is written to"):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


STEP = [41, 0, 0, 5, 0, 0, b""]
NOT_A_STEP = [
    [40, 0, 0, 5, 0, 0, b""],
    [41, 1, 0, 5, 0, 0, b""],
    [41, 0, 0, 5, 0, 1, b""],
    [41, 0, 0, 5, 0, -1, b""],
    [41, 0, 0, 0, 0, 0, b""],
    [41, 0, 0, 5, -1, 0, b""],
    [41, 0, 101, 5, 0, 0, b""],
    [41, 0, 1, 5, 0, 0, b""],
    [41, 0, 0, 5, 0, b""],
    [41, 0, 0, 5, 0, 0, 7],
    STEP,  # repeated for ever
]


@pytest.mark.parametrize("reply", [b"+2 OK", b"_ ", *map(wire.array, NOT_A_STEP)])
def test_invalid_reply_to_backup_step_is_an_error(
    locked: Server, located: Located, tmp_path: Path, reply: bytes
) -> None:
    locked.faults.reply("BACKUP STEP", reply, times=None)
    with pytest.raises(SourceError):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


@pytest.mark.parametrize("reply", [b"+2 OK", *map(wire.array, ([40, 0, 1000, 5], [41, 0, 512, 5], [40, 0, 512, 0]))])
def test_invalid_reply_to_backup_init_is_an_error(
    locked: Server, located: Located, tmp_path: Path, reply: bytes
) -> None:
    locked.faults.reply("BACKUP INIT", reply)
    with pytest.raises(Garbled):
        snapshot(located(), tmp_path / "s.db")


def test_too_many_pages_for_the_disk_are_refused_before_allocating_memory(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.faults.reply("BACKUP INIT", wire.array([40, 0, 512, 1 << 50]))
    with pytest.raises(SourceError, match="no room"):
        snapshot(located(), tmp_path / "s.db")
    locked.faults.reply("BACKUP STEP", wire.array([41, 0, 0, 1 << 50, 0, 0, b""]))
    with pytest.raises(SourceError, match="no room"):
        snapshot(located(), tmp_path / "s.db")


def test_misplaced_or_missing_page_is_an_error(locked: Server, located: Located, tmp_path: Path) -> None:
    def elsewhere(offset: int) -> Callable[[bytes], bytes]:
        return lambda reply: reply.replace((1024).to_bytes(8) + blob_at(reply, 1024), offset.to_bytes(8) + bytes(1024))

    def blob_at(reply: bytes, offset: int) -> bytes:
        at = reply.index(offset.to_bytes(8)) + 8
        return reply[at : at + 1024]

    for offset in (1 << 40, 1025, 0):  # outside, not at a page boundary, and a duplicate
        locked.faults.clear()
        locked.faults.alter("BACKUP STEP", elsewhere(offset))
        with pytest.raises((Garbled, CorruptSource)):
            snapshot(located(), tmp_path / "s.db")


def test_pages_that_are_still_encrypted_are_refused(locked: Server, located: Located, tmp_path: Path) -> None:
    locked.faults.alter("BACKUP STEP", lambda reply: reply.replace(b"SQLite format 3\0", b"x" * 16))
    with pytest.raises(CorruptSource, match="the node does not decrypt it"):
        snapshot(located(), tmp_path / "s.db")


def test_refused_page_copy_names_the_remedies(locked: Server, located: Located, tmp_path: Path) -> None:
    locked.faults.error("BACKUP INIT", 10004, "no privilege")
    with pytest.raises(CorruptSource, match=r"READ and BACKUP, or decrypt a copy on the node"):
        snapshot(located(), tmp_path / "s.db")
    with Raw(locked) as raw:
        raw.ask(f"REMOVE DATABASE '{NAME}' KEY database_key")
    with pytest.raises(CorruptSource, match="SET DATABASE … KEY database_key TO"):
        snapshot(located(), tmp_path / "s.db")


def test_page_copy_is_retried_after_a_broken_connection_or_a_lock(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.faults.cut("BACKUP STEP", 700)
    locked.faults.reply("BACKUP STEP", wire.array([41, 0, 5, 5, 5, 0, b""]), nth=2)
    assert_equal(locked.data / NAME, snapshot(located(), tmp_path / "s.db"))


def test_health_reports_whether_pages_are_decrypted(locked: Server, located: Located, keyed: Located) -> None:
    def encryption(location: CloudLocation, *, restores: bool = False) -> tuple[bool | None, str]:
        found = {one.name: one for one in check(location.address, NAME, MOMENT, restores=restores)}
        return found["encryption"].ok, found["encryption"].detail

    assert encryption(located()) == (True, "pages are decrypted")
    assert encryption(keyed(), restores=True)[0] is True
    without = encryption(located(), restores=True)
    assert without[0] is False
    assert "add key=" in without[1]
    locked.faults.error("BACKUP INIT", 10004, "no privilege")
    refused = encryption(located())
    assert refused[0] is False
    assert "READ and BACKUP" in refused[1]
    locked.faults.clear()
    locked.faults.alter("BACKUP STEP", lambda reply: reply.replace(b"SQLite format 3\0", b"x" * 16))
    assert encryption(located())[0] is False
