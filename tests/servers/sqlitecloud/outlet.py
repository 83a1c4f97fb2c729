"""Sends the replies of one connection: whole, cut off or slowly."""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.servers.sqlitecloud.errors import Hangup
from tests.servers.sqlitecloud.wire import Reply


@dataclass
class Record:
    """What tests can read about a connection: the texts of its requests (the first 10,000,
    2,000 characters of each) and the number of bytes sent, counted before they are sent."""

    number: int
    requests: list[str] = field(default_factory=list)
    sent: int = 0
    tls: str | None = None


class Outlet:
    """Counts the bytes sent (before TLS). `budget` is the number of bytes after which the connection is cut."""

    def __init__(self, sock: socket.socket, record: Record, budget: int | None = None) -> None:
        self._socket = sock
        self._budget = budget
        self._record = record

    def send(
        self, reply: Reply, *, cut: int | None = None, drip: tuple[int, Callable[[int], None]] | None = None
    ) -> None:
        """Sends a reply, or its first `cut` bytes and then raises Hangup. With `drip` = (bytes, hook),
        hook(position) runs before each piece of that many bytes."""
        view = memoryview(b"".join(reply) if isinstance(reply, list) else reply)
        end = len(view) if cut is None else min(cut, len(view))
        if self._budget is not None and self._budget - self._record.sent < end:
            end = cut = self._budget - self._record.sent
        step, hook = drip or (end, None)
        at = 0
        while at < end:
            if hook is not None:
                hook(at)
            piece = view[at : min(at + step, end)]
            self._record.sent += len(piece)  # before the receiver can check
            self._socket.sendall(piece)
            at += len(piece)
        if cut is not None:
            raise Hangup


def close(sock: socket.socket, *, reset: bool = False) -> None:
    """Closes without TLS's close_notify; with `reset` the peer gets a connection reset."""
    try:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the peer has already closed
    sock.close()
