"""Uploads: an upload succeeds and the database exists, or it fails and stores nothing."""

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from shared.sqlitecloud import databases
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.failures import CloudError, CommandRefused, Lost
from shared.sqlitecloud.session import UPLOAD_PIECE, Session, Undecided
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME

PIECE = "UPLOAD DATA$"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of two full pieces and a short one."""
    path = tmp_path / "source.db"
    path.write_bytes(b"SQLite format 3\0\x04\0\x01\x01" + bytes(2 * UPLOAD_PIECE + 1024 - 20))
    return path


def put(address: Address, source: Path, name: str = "new.db") -> bool:
    return databases.put(address, name, source, lambda *_: None)


def requests(server: Server) -> list[str]:
    """Returns the node's requests, without logins and listings."""
    return [text for one in server.connections for text in one.requests if not re.match("AUTH|LIST", text)]


def test_upload_sends_pieces_and_an_end(server: Server, address: Address, source: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert databases.put(address, "new.db", source, lambda *far: seen.append(far)) is True
    assert requests(server) == ["UPLOAD DATABASE 'new.db'", *["UPLOAD DATA"] * 3, "UPLOAD END"]
    assert (server.data / "new.db").read_bytes() == source.read_bytes()
    assert seen[-1] == (source.stat().st_size, source.stat().st_size)


def test_existing_name_is_refused_before_any_data(server: Server, address: Address, source: Path) -> None:
    before = (server.data / NAME).read_bytes()
    with pytest.raises(CommandRefused, match="already exists"):
        put(address, source, NAME)
    assert "UPLOAD DATA" not in requests(server)
    assert (server.data / NAME).read_bytes() == before


@pytest.mark.parametrize("reply", [b"+5 wrong", b"_ ", b":0 ", b"$0 ", b"+0 ", b"^4 PING"])
@pytest.mark.parametrize("step", ["UPLOAD DATABASE", PIECE, "UPLOAD END"])
def test_any_reply_but_ok_is_an_error(server: Server, address: Address, source: Path, step: str, reply: bytes) -> None:
    server.faults.reply(step, reply, times=None)
    with pytest.raises(CloudError):
        put(address, source)
    assert not databases.exists(address, "new.db")


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_exceeded_quota_aborts_the_upload(server: Server, address: Address, source: Path, nth: int) -> None:
    server.faults.error(PIECE, 10005, "Storage quota exceeded.", nth=nth)
    with pytest.raises(CommandRefused, match="quota"):
        put(address, source)
    assert requests(server)[-1] == "UPLOAD ABORT"
    assert len(server.connections) == 1
    assert not databases.exists(address, "new.db")


def test_file_that_is_not_a_database_is_refused(server: Server, address: Address, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no database" * 1000)
    with pytest.raises(CommandRefused, match="not a database"):
        put(address, tmp_path / "x")
    assert not databases.exists(address, "new.db")


def test_empty_file_is_refused(server: Server, address: Address, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(CloudError):
        put(address, tmp_path / "x")
    assert not databases.exists(address, "new.db")


def test_file_truncated_during_upload_aborts_it(server: Server, address: Address, source: Path) -> None:
    def shrink(_: object) -> None:
        with source.open("r+b") as file:
            file.truncate(UPLOAD_PIECE + 10)

    server.faults.before(PIECE, shrink)
    with pytest.raises(CloudError, match="changed during the upload"):
        put(address, source)
    assert requests(server)[-1] == "UPLOAD ABORT"
    assert not databases.exists(address, "new.db")


@pytest.mark.parametrize("step", ["UPLOAD DATABASE", PIECE])
@pytest.mark.parametrize("reset", [False, True])
def test_upload_is_retried_after_a_broken_connection(
    server: Server, address: Address, source: Path, step: str, *, reset: bool
) -> None:
    server.faults.cut(step, 1, reset=reset)
    assert put(address, source) is True
    assert (server.data / "new.db").read_bytes() == source.read_bytes()


def test_lost_last_reply_with_the_database_listed_is_success(server: Server, address: Address, source: Path) -> None:
    server.faults.cut("UPLOAD END", 2)
    assert put(address, source) is False
    assert requests(server).count("UPLOAD END") == 1
    assert (server.data / "new.db").read_bytes() == source.read_bytes()


def test_lost_last_reply_without_the_database_listed_is_retried(server: Server, address: Address, source: Path) -> None:
    server.faults.reply("UPLOAD END", b"")
    server.faults.cut("UPLOAD END", 0)
    assert put(address, source) is True
    assert requests(server).count("UPLOAD END") == 2


def test_timeout_of_the_last_reply_is_decided_by_the_listing(server: Server, address: Address, source: Path) -> None:
    let = threading.Event()
    server.faults.drip("UPLOAD END", lambda _: let.wait() and None)
    assert put(replace(address, timeout=0.03), source) is False
    let.set()


def test_upload_that_appears_after_the_listing_is_success(server: Server, address: Address, source: Path) -> None:
    server.faults.reply("UPLOAD END", b"")
    server.faults.cut("UPLOAD END", 0)

    def appear(_: object) -> None:
        (server.data / "new.db").write_bytes(source.read_bytes())

    server.faults.before("UPLOAD DATABASE", appear, nth=2)
    assert put(address, source) is False


def test_unknown_outcome_is_undecided(server: Server, address: Address, source: Path) -> None:
    server.faults.reply("UPLOAD END", b"", times=None)
    server.faults.cut("UPLOAD END", 0, times=None)
    with pytest.raises(Undecided):
        put(address, source)


def test_failed_abort_does_not_hide_the_cause(server: Server, address: Address, source: Path) -> None:
    server.faults.error(PIECE, 10005, "Storage quota exceeded.")
    server.faults.cut("UPLOAD ABORT", 0)
    with pytest.raises(CommandRefused, match="quota"):
        put(address, source)


def test_interrupted_upload_leaves_no_database(server: Server, address: Address, source: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        databases.put(address, "new.db", source, interrupt)
    assert not databases.exists(address, "new.db")


def test_removal_is_checked_after_a_lost_reply(server: Server, address: Address) -> None:
    server.faults.cut("REMOVE DATABASE", 0)
    databases.remove(address, NAME)
    assert not databases.exists(address, NAME)
    assert requests(server).count(f"REMOVE DATABASE '{NAME}'") == 1


def test_removing_a_missing_database_succeeds(address: Address) -> None:
    databases.remove(address, "never.db")
    assert databases.exists(address, NAME)
    assert not databases.exists(address, "never.db")


def test_connection_lost_at_any_byte_of_an_upload_stores_all_or_nothing(
    server: Server, address: Address, source: Path
) -> None:
    source.write_bytes(source.read_bytes()[:2048])
    for after in range(100):
        server.faults.cut_connection(after)
        try:
            with Session(address) as session:
                session.upload("new.db", source, lambda *_: None)
        except Undecided:
            assert (server.data / "new.db").read_bytes() == source.read_bytes()
            databases.remove(address, "new.db")
        except Lost:
            assert not databases.exists(address, "new.db")
        else:
            break
    assert 15 < after < 30  # four replies of five bytes
    assert (server.data / "new.db").read_bytes() == source.read_bytes()
