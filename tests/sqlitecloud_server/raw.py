"""A client that only splits replies into frames, so that tests see the server's exact bytes."""

import re
import socket
import ssl
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import lz4.block

from tests.servers.sqlitecloud import APIKEY, Server

END = b"/6 0 0 0 "
WAIT_SECONDS = 20.0


class Gone(Exception):
    """The server closed the connection. `got` is the part of the reply received until then."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"the connection ended after {len(got)} bytes of a reply")
        self.got = got


class Raw:
    """One connection. With `login` it logs in with the API key; it uses `database`, if one is given."""

    def __init__(self, server: Server, database: str = "", *, login: bool = True) -> None:
        self._stack = ExitStack()
        sock = socket.create_connection(("127.0.0.1", server.port), WAIT_SECONDS)
        if not server.plain:
            # A failed handshake closes the socket.
            context = ssl.create_default_context(cafile=server.ca)
            sock = context.wrap_socket(sock, server_hostname="localhost")
        self._stack.enter_context(sock)
        self.socket = sock
        self._got = bytearray()
        try:
            if login:
                assert self.ask(f"AUTH APIKEY {APIKEY}") == b"+2 OK"
            if database:
                assert self.ask(f"USE DATABASE '{database}'") == b"+2 OK"
        except Gone:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def ask(self, text: str, *bindings: float | str | bytes | None) -> bytes:
        """Sends a command, as an array if it has bindings, and returns the whole reply."""
        return self.send(array(text, *bindings) if bindings else b"+%d %b" % (len(text.encode()), text.encode()))

    def piece(self, content: bytes) -> bytes:
        return self.send(b"$%d %b" % (len(content), content))

    def send(self, request: bytes) -> bytes:
        self.socket.sendall(request)
        return self.reply()

    def reply(self) -> bytes:
        """Reads one reply: a frame, or all chunks including the end chunk."""
        self._got.clear()
        whole = self._frame()
        while (whole.startswith((b"/", b"%")) and b"/" in whole[:24]) and not whole.endswith(END):
            whole += self._frame()
        return whole

    def _frame(self) -> bytes:
        header = b""
        while not header.endswith(b" "):
            header += self._exactly(1)
        if header[:1] in b":,_":
            return header
        return header + self._exactly(int(header[1:]))

    def _exactly(self, size: int) -> bytes:
        start = len(self._got)
        while len(self._got) - start < size:
            try:
                some = self.socket.recv(min(size - (len(self._got) - start), 1 << 20))
            except (ConnectionError, ssl.SSLEOFError):
                some = b""
            if not some:
                raise Gone(bytes(self._got))
            self._got += some
        return bytes(self._got[start:])

    def download(self, name: str) -> bytes:
        """Downloads a database step by step, up to the announced size, and returns its bytes."""
        size, _, _ = numbers(self.ask(f"DOWNLOAD DATABASE '{name}'"))
        content = b""
        while len(content) < size:
            content += blob(self.ask("DOWNLOAD STEP"))
        return content

    def upload(self, name: str, content: bytes, options: str = "", step: int = 4096) -> bytes:
        """Uploads in pieces. Returns the first reply that is not OK, else the reply to the end."""
        reply = self.ask(f"UPLOAD DATABASE '{name}'{options}")
        for at in range(0, len(content), step):
            if reply != b"+2 OK":
                return reply
            reply = self.piece(content[at : at + step])
        return self.piece(b"") if reply == b"+2 OK" else reply


def array(text: str, *bindings: float | str | bytes | None) -> bytes:
    items = [b"!%d %b\0" % (len(text.encode()) + 1, text.encode()), *map(_item, bindings)]
    body = b"%d " % len(items) + b"".join(items)
    return b"=%d %b" % (len(body), body)


def _item(value: float | str | bytes | None) -> bytes:
    match value:
        case None:
            return b"_ "
        case str():
            return b"!%d %b\0" % (len(value.encode()) + 1, value.encode())
        case bytes():
            return b"$%d %b" % (len(value), value)
        case int():
            return b":%d " % value
        case float():
            return b",%b " % repr(value).encode()


def numbers(reply: bytes) -> list[int]:
    """Returns the integers of an array reply."""
    assert reply.startswith(b"="), reply
    return [int(number) for number in re.findall(rb":(-?\d+) ", reply)]


def blob(reply: bytes) -> bytes:
    assert reply.startswith(b"$"), reply[:80]
    return reply[reply.index(b" ") + 1 :]


def code(reply: bytes) -> int:
    """Returns the code of an error reply."""
    assert reply.startswith(b"-"), reply[:80]
    return int(reply[reply.index(b" ") + 1 :].split(b":")[0])


def values(reply: bytes) -> list[str]:
    """Returns the column names and values of a rowset of expressions as text, in chunks or compressed or not."""
    found: list[str] = []
    for frame in frames(reply):
        body = frame[frame.index(b" ") + 1 :]
        data = body.split(b" ", 3)[3]
        if body.startswith(b"0:2") or body.split(b" ")[0].endswith(b":2"):
            raise AssertionError("a rowset without origins was expected")
        found += _scalars(data)
    return found


def frames(reply: bytes) -> list[bytes]:
    """Returns the frames of a reply, decompressed, without the end chunk."""
    found = []
    while reply and reply != END:
        length = int(reply[1 : reply.index(b" ")])
        start = reply.index(b" ") + 1
        frame, reply = reply[: start + length], reply[start + length :]
        found.append(plain(frame) if frame.startswith(b"%") else frame)
    return found


def plain(frame: bytes) -> bytes:
    """Returns a compressed frame in its uncompressed form."""
    packed, size, rest = frame[frame.index(b" ") + 1 :].split(b" ", 2)
    header, data = rest[: -int(packed)], rest[-int(packed) :]
    assert header[1:3] == b"0 "
    body = header[3:] + bytes(lz4.block.decompress(data, uncompressed_size=int(size)))
    return header[:1] + b"%d " % len(body) + body


def _scalars(data: bytes) -> list[str]:
    found = []
    while data:
        head, rest = data.split(b" ", 1)
        if head[:1] in b":,":
            found.append(head[1:].decode())
            data = rest
        elif head == b"_":
            found.append("NULL")
            data = rest
        else:
            size = int(head[1:])
            found.append(rest[:size].decode())
            data = rest[size:]
    return found
