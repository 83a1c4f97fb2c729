"""The way out of one connection: whole replies, cut ones, slow ones."""

import socket
import struct
from collections.abc import Callable

from tests.servers.sqlitecloud.errors import Hangup
from tests.servers.sqlitecloud.wire import Reply


class Outlet:
    """Counts what was sent, in bytes of the protocol (before TLS). `budget` ends the connection."""

    def __init__(self, sock: socket.socket, budget: int | None = None) -> None:
        self._socket = sock
        self._budget = budget
        self.sent = 0

    def send(
        self, reply: Reply, *, cut: int | None = None, drip: tuple[int, Callable[[int], None]] | None = None
    ) -> None:
        """Send a reply, or its first `cut` bytes and hang up. With `drip` = (bytes, hook), hook(position)
        runs before each piece of that many bytes."""
        view = memoryview(b"".join(reply) if isinstance(reply, list) else reply)
        end = len(view) if cut is None else min(cut, len(view))
        if self._budget is not None and self._budget - self.sent < end:
            end = cut = self._budget - self.sent
        step, hook = drip or (end, None)
        at = 0
        while at < end:
            if hook is not None:
                hook(at)
            piece = view[at : min(at + step, end)]
            self._socket.sendall(piece)
            at += len(piece)
        self.sent += end
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
