"""Encrypted databases of SQLite Cloud: copied and proven, and their keys seen by nobody."""

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


def test_its_snapshot_is_the_database_decrypted_and_says_that_it_was_encrypted(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.settings["download_chunk_size"] = "7"
    found = take_snapshot(located(), tmp_path / "s.db")
    assert_equal(locked.data / NAME, found.path)
    said = found.origin.model_dump()
    assert said["encrypted"] is True
    assert said["raft_index"] > 1
    assert "DOWNLOAD STEP" in asked(locked)
    assert unchanged_since(located(), found.origin)
    assert KEY not in repr(located().address) + found.origin.model_dump_json()


def test_one_that_is_not_encrypted_is_not_said_to_be(server: Server, located: Located, tmp_path: Path) -> None:
    assert "encrypted" not in take_snapshot(located(), tmp_path / "s.db").origin.model_dump()
    assert not any(text.startswith("BACKUP") for text in asked(server))


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_pages_of_every_size_in_many_steps(server: Server, located: Located, tmp_path: Path, page_size: int) -> None:
    make_database(
        server.data / "big.db",
        f"PRAGMA page_size = {page_size}; CREATE TABLE b (c); INSERT INTO b VALUES (randomblob(9000000));",
    )
    with Raw(server) as raw:
        raw.ask("ENCRYPT DATABASE 'big.db' KEY k")
    assert_equal(server.data / "big.db", snapshot(located("big.db"), tmp_path / "s.db"))
    assert sum(text.startswith("BACKUP STEP") for text in asked(server)) >= 3


def test_a_page_that_the_disk_takes_in_parts_is_written_whole(
    locked: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, page, offset: whole(file, page[:1000], offset))
    assert_equal(locked.data / NAME, snapshot(located(), tmp_path / "s.db"))


def test_pages_that_come_anew_because_somebody_wrote_are_the_ones_that_count(
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


def test_who_never_stops_writing_is_told_so(
    locked: Server, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.sqlitecloud.pages._STEP_BYTES", 2048)
    locked.faults.before("BACKUP STEP", lambda session: session.backups[0].restart(), times=None)
    with pytest.raises(CloudError, match="does not come to an end while somebody writes"):
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
    STEP,  # for ever
]


@pytest.mark.parametrize("reply", [b"+2 OK", b"_ ", *map(wire.array, NOT_A_STEP)])
def test_a_step_that_is_none_is_an_error(locked: Server, located: Located, tmp_path: Path, reply: bytes) -> None:
    locked.faults.reply("BACKUP STEP", reply, times=None)
    with pytest.raises(SourceError):
        snapshot(located(), tmp_path / "s.db")
    assert list(tmp_path.glob("s.db*")) == []


@pytest.mark.parametrize("reply", [b"+2 OK", *map(wire.array, ([40, 0, 1000, 5], [41, 0, 512, 5], [40, 0, 512, 0]))])
def test_a_beginning_that_is_none_is_an_error(locked: Server, located: Located, tmp_path: Path, reply: bytes) -> None:
    locked.faults.reply("BACKUP INIT", reply)
    with pytest.raises(Garbled):
        snapshot(located(), tmp_path / "s.db")


def test_more_pages_than_there_is_room_for_are_refused_before_any_memory_is_taken(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.faults.reply("BACKUP INIT", wire.array([40, 0, 512, 1 << 50]))
    with pytest.raises(SourceError, match="no room"):
        snapshot(located(), tmp_path / "s.db")
    locked.faults.reply("BACKUP STEP", wire.array([41, 0, 0, 1 << 50, 0, 0, b""]))
    with pytest.raises(SourceError, match="no room"):
        snapshot(located(), tmp_path / "s.db")


def test_a_page_outside_of_the_database_or_missing_is_an_error(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    def elsewhere(offset: int) -> Callable[[bytes], bytes]:
        return lambda reply: reply.replace((1024).to_bytes(8) + blob_at(reply, 1024), offset.to_bytes(8) + bytes(1024))

    def blob_at(reply: bytes, offset: int) -> bytes:
        at = reply.index(offset.to_bytes(8)) + 8
        return reply[at : at + 1024]

    for offset in (1 << 40, 1025, 0):  # far away, no page's offset, or another page's a second time
        locked.faults.clear()
        locked.faults.alter("BACKUP STEP", elsewhere(offset))
        with pytest.raises((Garbled, CorruptSource)):
            snapshot(located(), tmp_path / "s.db")


def test_pages_that_come_encrypted_are_never_taken_for_a_database(
    locked: Server, located: Located, tmp_path: Path
) -> None:
    locked.faults.alter("BACKUP STEP", lambda reply: reply.replace(b"SQLite format 3\0", b"x" * 16))
    with pytest.raises(CorruptSource, match="the node does not decrypt it"):
        snapshot(located(), tmp_path / "s.db")


def test_where_pages_are_refused_the_error_names_the_ways_out(locked: Server, located: Located, tmp_path: Path) -> None:
    locked.faults.error("BACKUP INIT", 10004, "no privilege")
    with pytest.raises(CorruptSource, match=r"READ and BACKUP; else decrypt a copy on the node"):
        snapshot(located(), tmp_path / "s.db")
    with Raw(locked) as raw:
        raw.ask(f"REMOVE DATABASE '{NAME}' KEY database_key")
    with pytest.raises(CorruptSource, match="SET DATABASE … KEY database_key TO"):
        snapshot(located(), tmp_path / "s.db")


def test_a_copy_that_breaks_off_or_has_to_wait_begins_again(locked: Server, located: Located, tmp_path: Path) -> None:
    locked.faults.cut("BACKUP STEP", 700)
    locked.faults.reply("BACKUP STEP", wire.array([41, 0, 5, 5, 5, 0, b""]), nth=2)
    assert_equal(locked.data / NAME, snapshot(located(), tmp_path / "s.db"))


def test_health_says_whether_pages_come_decrypted(locked: Server, located: Located, keyed: Located) -> None:
    def encryption(location: CloudLocation, *, restores: bool = False) -> tuple[bool | None, str]:
        found = {one.name: one for one in check(location.address, NAME, MOMENT, restores=restores)}
        return found["encryption"].ok, found["encryption"].detail

    assert encryption(located()) == (True, "pages come decrypted")
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
