"""Any reply of a node is parsed or raises an error of Litekeep, in bounded time and memory."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.sqlitecloud import frames
from shared.sqlitecloud.connection_string import Address, Login, Secret
from shared.sqlitecloud.driver import ErrorReply, HardenedDriver
from shared.sqlitecloud.failures import CloudError, Garbled, Lost, TimedOut
from shared.sqlitecloud.replies import FEW_ROWS, LISTING, SHORT, Most

CHUNK_END = b"/6 0 0 0 "
NOWHERE = Address("nowhere", 1, Login("APIKEY", Secret("k")), insecure=True, timeout=20.0)


class Wired(HardenedDriver):
    """A driver on one end of a socket pair, without login."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(NOWHERE)
        self._sock = sock

    def _internal_connect(self, *_: object) -> socket.socket:
        return self._sock

    def _internal_config_apply(self, *_: object) -> None:
        pass


@contextmanager
def answering(*pieces: bytes) -> Iterator[Callable[..., Any]]:
    """Yields a function that sends a command. It gets these bytes as its reply; then the node disconnects."""
    ours, theirs = socket.socketpair()

    def play() -> None:
        with closing(theirs):
            theirs.recv(100)
            for piece in pieces:
                theirs.sendall(piece)

    driver = Wired(ours)
    connection = driver.open()
    thread = threading.Thread(target=play)
    thread.start()

    def ask(most: Most | None = None) -> object:
        if most is None:
            return driver.execute("PING", connection)
        driver.send(connection, "PING")
        return driver.receive(connection, most)

    try:
        yield ask
    finally:
        driver.disconnect(connection)
        thread.join()


@pytest.mark.parametrize(
    ("reply", "data"),
    [
        (b"+12 Hello World!", ["Hello World!"]),
        (b"+0 ", [""]),
        (b"!3 ab\0", ["ab"]),
        (b":-42 ", [-42]),
        (b",3.5 ", [3.5]),
        (b"_ ", []),
        (b"$3 a\0c", [b"a\0c"]),
        (b"=18 3 :888832 :868 :7 ", [[888832, 868, 7]]),
        (b"*29 0:1 2 2 +2 id+1 n:1 +1 a:2 _ ", [1, "a", 2, None]),
        (b"*95 0:2 2 2 +2 id+1 n+7 INTEGER+4 TEXT+4 main+4 main+1 t+1 t+2 id+1 n:1 :0 :1 :0 :1 :0 :1 +1 a:2 _ ",
         [1, "a", 2, None]),
        (b"*13 0:1 0 1 +2 id", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_every_kind_of_reply_is_parsed_however_it_is_split(reply: bytes, data: list[object], size: int) -> None:
    with answering(*(reply[at : at + size] for at in range(0, len(reply), size))) as ask:
        assert ask().data == data


def test_5000_chunks_are_read_without_recursion() -> None:
    chunks = [b"/24 1:1 1 1 +3 key+7 REINDEX"]
    bodies = [b"%d:1 1 1 +7 INDEXED" % number for number in range(2, 5001)]
    chunks += [b"/%d %b" % (len(body), body) for body in bodies]
    with answering(b"".join(chunks) + CHUNK_END) as ask:
        found = ask()
    assert (found.nrows, found.data[0], found.data[-1]) == (5000, "REINDEX", "INDEXED")


def test_large_reply_is_read_in_linear_time() -> None:
    content = bytes(range(256)) * (1 << 17)  # 32 MiB: the driver's own loop takes half a minute
    with answering(b"$%d " % len(content), content) as ask:
        assert ask().data == [content]


@pytest.mark.parametrize(
    "reply",
    [
        b"^20 REMOVE DATABASE prod",
        b"|10 PAUTH u s1",
        b"@3 a:1",
        b'{"a":1}',
        b"%35 18 16 /0 1:1 1 1 ",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x15\x03\x03\0\2\2F",
        b"+",
        b"+x Hello",
        b"+-5 Hello",
        b"+99999999999999999 x",
        b"$%d x" % (frames.LARGEST_FRAME + 1),
        b"+" + b"1" * 40,
        b":" + b"1" * 40,
        b":x ",
        b"=5 9 :1 ",
        b"*13 0:1 9 1 +2 id",
        b"*40 0:1 0 99999999999 +2 id" + b"x" * 20,
        b"*13 0:3 0 1 +2 id",
        b"/13 2:1 0 1 +2 id",
        CHUNK_END,
        b"/24 1:1 1 1 +3 key+7 REINDEX+2 OK",
        b"/24 1:1 1 1 +3 key+7 REINDEX-7 1:0:0 x",
        b"#3 {{{",
        b"-5 hello",
        b"+2 OK+2 OK",
        b"+3 \xff\xff\xff",
    ],
)
def test_malformed_reply_is_refused_and_closes_the_connection(reply: bytes) -> None:
    with answering(reply) as ask:
        with pytest.raises((Garbled, Lost)):
            _twice(ask)
        with pytest.raises(Lost, match="closed"):
            ask()


def _twice(ask: Callable[[], object]) -> None:
    """Sends two commands: surplus bytes are detected with the second."""
    ask()
    ask()


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (b"-50 10001:0:-1 Database missing.sqlite does not exist.", 10001, "Database missing.sqlite does not exist."),
        (b"-28 10004 Authentication failed.", 10004, "Authentication failed."),
        (b"-8 1:1:7 \xff\xff", 1, "\N{REPLACEMENT CHARACTER}" * 2),
    ],
)
def test_error_reply_is_parsed_in_both_forms(reply: bytes, code: int, text: str) -> None:
    with answering(reply) as ask, pytest.raises(ErrorReply) as caught:
        ask()
    assert (caught.value.code, caught.value.text[: len(text)]) == (code, text)


@given(st.binary(max_size=80) | st.from_regex(rb"[-+!$#=*/:,_%^][0-9:. ]{1,12}[a-z0-9 :+]{0,30}"))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_parsed_or_raise_an_error(reply: bytes) -> None:
    with answering(reply) as ask, suppress(CloudError, ErrorReply):
        ask()


def test_too_slow_reply_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("shared.sqlitecloud.frames.time.monotonic", lambda: now[0])

    def later() -> Iterator[bytes]:
        for _ in range(100):
            now[0] += 1.0  # below the timeout for each byte
            yield b"x"

    ours, theirs = socket.socketpair()
    with closing(theirs), closing(ours):
        reader = frames.Frames(ours, 20.0)
        reader.expect()
        theirs.sendall(b"+100 ")
        drip = later()
        receive = ours.recv_into

        class Dripping:
            def settimeout(self, seconds: float) -> None:
                ours.settimeout(seconds)

            def recv_into(self, view: memoryview) -> int:
                theirs.sendall(next(drip))
                return receive(view[:1])

        reader._socket = Dripping()  # type: ignore[assignment]
        with pytest.raises(TimedOut, match="too slow"):
            reader.frame()
    assert 20 < now[0] < 40


@pytest.mark.parametrize("parts", [1, 2])
def test_rowset_with_too_many_cells_is_refused(monkeypatch: pytest.MonkeyPatch, parts: int) -> None:
    monkeypatch.setattr("shared.sqlitecloud.driver.CONTENT", Most(1 << 20, 100))
    rows = 101 // parts + 1
    body = b"%d 1 +1 n" % rows + b":1 " * rows
    whole = [b"0:1 " + body] if parts == 1 else [b"1:1 " + body, b"2:1 " + body]
    reply = b"".join(b"%b%d %b" % (b"*" if parts == 1 else b"/", len(each), each) for each in whole)
    with answering(reply + (b"" if parts == 1 else CHUNK_END)) as ask, pytest.raises(Garbled):
        ask()


def rowset(values: int) -> bytes:
    body = b"0:1 %d 1 +1 n" % values + b":1 " * values
    return b"*%d %b" % (len(body), body)


@pytest.mark.parametrize(
    ("most", "reply"),
    [
        (SHORT, b"+65537 " + b"x" * 65537),
        (SHORT, b"-65540 10 " + b"x" * 65537),
        (SHORT, rowset(200)),
        (FEW_ROWS, rowset(10_001)),
        (FEW_ROWS, b"+1048577 x"),
        (LISTING, b"*33554433 0:1 1 1 "),
    ],
)
def test_reply_above_the_limit_of_its_command_is_refused(most: Most, reply: bytes) -> None:
    with answering(reply) as ask, pytest.raises(Garbled, match=r"above the limit|more than"):
        ask(most)


def test_reply_up_to_the_limit_of_its_command_is_read() -> None:
    for most, reply in ((SHORT, b"+65000 " + b"x" * 65000), (FEW_ROWS, rowset(9_000)), (LISTING, rowset(100_000))):
        with answering(reply) as ask:
            assert ask(most)


def test_array_announcing_more_values_than_bytes_is_refused() -> None:
    with answering(b"=13 900000000 :1 ") as ask, pytest.raises(Garbled):
        ask()
