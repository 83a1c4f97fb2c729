"""Faults are injected exactly where and as often as a test requests."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.sqlitecloud import Server
from tests.servers.sqlitecloud.session import Session
from tests.sqlitecloud_server.raw import Gone, Raw, blob, code, numbers


def test_connection_can_be_cut_at_every_byte_of_a_download(server: Server, client: Raw) -> None:
    server.settings["download_chunk_size"] = "3000"
    expected = client.download("x.db")
    with Raw(server) as raw:
        raw.download("x.db")
    total = _sent(server, 2)
    for after in [*range(60), *range(60, total, 997), total - 1]:
        server.faults.cut_connection(after)
        with pytest.raises(Gone), Raw(server) as raw:
            raw.download("x.db")
    assert client.download("x.db") == expected


def _sent(server: Server, number: int) -> int:
    return server.connections[number - 1].sent


@pytest.mark.parametrize("reset", [False, True])
def test_single_reply_can_be_cut(server: Server, client: Raw, connect: Callable[..., Raw], *, reset: bool) -> None:
    server.faults.cut("DOWNLOAD STEP", 100, reset=reset, nth=2)
    server.settings["download_chunk_size"] = "4096"
    client.ask("DOWNLOAD DATABASE x.db")
    assert len(blob(client.ask("DOWNLOAD STEP"))) == 4096
    with pytest.raises(Gone) as gone:
        client.ask("DOWNLOAD STEP")
    assert len(gone.value.got) == 100 or reset
    assert len(connect().download("x.db")) > 8000


def test_error_is_sent_for_the_named_request_only(server: Server, client: Raw) -> None:
    server.faults.error("select 7", 10006, "RAFT leader change.", nth=2, times=2)
    found = [client.ask("SELECT 7")[:1] for _ in range(5)]
    assert found == [b"*", b"-", b"-", b"*", b"*"]
    assert client.ask("SELECT 8").startswith(b"*")


def test_injected_reply_is_sent_unchanged(server: Server, client: Raw) -> None:
    server.faults.reply("PING", b"^20 REMOVE DATABASE prod")
    assert client.ask("PING") == b"^20 REMOVE DATABASE prod"
    assert client.ask("PING") == b"+4 PONG"


def test_steps_can_be_short_long_and_torn(server: Server, client: Raw, connect: Callable[..., Raw]) -> None:
    server.settings["download_chunk_size"] = "4096"
    server.faults.short_step(nth=1, by=5)
    client.ask("DOWNLOAD DATABASE x.db")
    assert len(blob(client.ask("DOWNLOAD STEP"))) == 4091
    server.faults.clear()
    server.faults.long_step(nth=1, by=5)
    client.ask("DOWNLOAD DATABASE x.db")
    assert len(blob(client.ask("DOWNLOAD STEP"))) == 4101

    server.faults.clear()
    before = client.download("x.db")
    other = connect("x.db")

    def change(_: Session) -> None:
        other.ask("UPDATE t SET n = 'torn'")

    server.faults.before("DOWNLOAD STEP", change, nth=2)
    server.faults.torn_step(nth=2)
    torn = client.download("x.db")
    assert torn[:4096] == before[:4096]
    assert torn[4096:] == client.download("x.db")[4096:] != before[4096:]


def test_announced_size_can_be_wrong(server: Server, client: Raw) -> None:
    size, pages, raft = numbers(client.ask("DOWNLOAD DATABASE x.db"))
    server.faults.announce(size=size + 1, raft=0)
    assert numbers(client.ask("DOWNLOAD DATABASE x.db")) == [size + 1, pages, 0]
    assert numbers(client.ask("DOWNLOAD DATABASE x.db")) == [size, pages, raft]


def test_reply_drips_under_control_of_the_test(server: Server, client: Raw) -> None:
    let = threading.Semaphore(0)
    seen: list[int] = []

    def hook(position: int) -> None:
        seen.append(position)
        let.acquire()

    server.faults.drip("PING", hook, size=2)
    client.socket.sendall(b"+4 PING")
    for _ in range(4):
        let.release()
    assert client.reply() == b"+4 PONG"
    assert seen == [0, 2, 4, 6]


def test_database_can_vanish_during_a_download(server: Server, client: Raw) -> None:
    client.ask("CREATE DATABASE y.db")
    server.faults.before("DOWNLOAD STEP", lambda _: server.catalog.remove(server.catalog.get("y.db")))
    server.faults.error("DOWNLOAD STEP", 10001, "Database y.db does not exist.")
    client.ask("DOWNLOAD DATABASE y.db")
    assert code(client.ask("DOWNLOAD STEP")) == 10001
    assert code(client.ask("DOWNLOAD DATABASE y.db")) == 10001


def test_upload_can_exceed_the_quota(server: Server, client: Raw) -> None:
    content = client.download("x.db")
    server.faults.upload_quota(nth=2)
    assert b"quota" in client.upload("y.db", content, step=1000)
    assert client.ask("UPLOAD ABORT") == b"+2 OK"


def test_quota_counts_pieces_and_not_the_command(server: Server, client: Raw) -> None:
    server.faults.upload_quota(nth=2)
    assert client.ask("UPLOAD DATABASE y.db") == b"+2 OK"
    assert client.piece(b"x" * 100) == b"+2 OK"
    assert b"quota" in client.piece(b"x" * 100)
    assert b"quota" in client.piece(b"x" * 100)


def test_sent_bytes_are_counted_before_the_reply_arrives(server: Server, client: Raw) -> None:
    for _ in range(200):
        before = _sent(server, 1)
        reply = client.ask("PING")
        assert _sent(server, 1) == before + len(reply)


def test_upload_piece_can_get_a_wrong_reply(server: Server, client: Raw) -> None:
    server.faults.reply("UPLOAD END", b":0 ")
    client.ask("UPLOAD DATABASE y.db")
    assert client.piece(b"") == b":0 "


def test_requests_can_be_read_back(server: Server, client: Raw) -> None:
    client.ask("PING")
    assert server.connections[0].requests[1:] == ["USE DATABASE 'x.db'", "PING"]


def _read_to_the_end(raw: Raw) -> None:
    """Reads error replies until the connection ends: the interrupted statement may still report one."""
    while raw.reply()[:1] == b"-":
        pass
    pytest.fail("the interrupted statement returned a result")


@pytest.mark.parametrize("plain", [True, False])
def test_server_stops_while_clients_wait(data: Path, *, plain: bool) -> None:
    slow = "WITH RECURSIVE r(i) AS (VALUES (0) UNION ALL SELECT i FROM r) SELECT count(*) FROM r"
    started = threading.Event()
    with Server(data, plain=plain) as server, Raw(server, "x.db") as busy, Raw(server) as idle:
        with socket.create_connection(("127.0.0.1", server.port)):
            server.faults.before("RECURSIVE", lambda _: started.set())
            busy.socket.sendall(b"+%d %b" % (len(slow), slow.encode()))
            started.wait()
            server.close()
        with pytest.raises(Gone):
            idle.reply()
        with pytest.raises(Gone):
            _read_to_the_end(busy)
