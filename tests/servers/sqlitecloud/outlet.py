"""The way out of one connection: whole replies, cut ones, slow ones."""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.servers.sqlitecloud.errors import Hangup
from tests.servers.sqlitecloud.wire import Reply


@dataclass
class Record:
    """What tests may ask about a connection: the texts of its requests (the first
    10,000, 2,000 letters of each) and how many bytes it was sent, counted before they leave."""

    number: int
    requests: list[str] = field(default_factory=list)
    sent: int = 0
    tls: str | None = None


class Outlet:
    """Counts what was sent, in bytes of the protocol (before TLS). `budget` ends the connection."""

    def __init__(self, sock: socket.socket, record: Record, budget: int | None = None) -> None:
        self._socket = sock
        self._budget = budget
        self._record = record

    def send(
        self, reply: Reply, *, cut: int | None = None, drip: tuple[int, Callable[[int], None]] | None = None
    ) -> None:
        """Send a reply, or its first `cut` bytes and hang up. With `drip` = (bytes, hook), hook(position)
        runs before each piece of that many bytes."""
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
            self._record.sent += len(piece)  # before whoever gets them can look
            self._socket.sendall(piece)
            at += len(piece)
        if cut is not None:
            raise Hangup


def close(sock: socket.socket, *, reset: bool = False) -> None:
    """Close without TLS's farewell; with `reset` the peer sees a connection reset."""
    try:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the peer was faster
    sock.close()
