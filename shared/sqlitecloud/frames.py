"""Splits the stream of a node's replies into frames, in linear time and bounded memory.

A frame is a type byte, a decimal LEN, a blank, and LEN bytes; integers, floats and NULL end at the blank
(PROTOCOL.md of sqlitecloud/sdk). The node is not trusted: a frame of another type, a header or LEN above its limit,
and unrequested bytes after a reply are errors.
"""

import socket
import time
from collections.abc import Callable

from shared.sqlitecloud.failures import Garbled, Lost, TimedOut

LARGEST_FRAME = 64 << 20  # bytes of one rowset, chunk, array or text: 10,000 databases take 2 MB
_WITH_LENGTH = frozenset(b"+-!$#=*/")
_WITHOUT_LENGTH = frozenset(b":,_")
# Refused: `^` makes the client send a command of the node, `|` and `@` make it connect elsewhere, `%` is compressed.
_LONGEST_HEADER = 32
_CAPACITY = 256 << 10  # bytes; fits a core's cache; a TLS record is at most 16 KiB
_SLOWEST = 16 << 10  # bytes a second; a slower reply times out even if it is steady
_GRACE_SECONDS = 5.0


class Frames:
    """Reads the replies of one connection. `timeout` is the longest silence, in seconds."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._socket = sock
        self._usual = self._timeout = timeout
        self._buffer = bytearray(_CAPACITY)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._deadline = 0.0

    def expect(self, timeout: float | None = None) -> None:
        """Prepares for the reply to a request, to begin within `timeout`. Raises Garbled for unread bytes."""
        self._refuse_leftover()
        self._timeout = timeout or self._usual
        self._socket.settimeout(self._timeout)
        self._deadline = self._next_deadline()

    def frame(self, most: int = LARGEST_FRAME) -> bytes:
        """Returns the next frame with its header. Raises Garbled for a frame of more than `most` bytes."""
        header, length = self._header()
        if length > min(most, LARGEST_FRAME):
            raise Garbled(
                f"a reply of {length} bytes was announced, above the limit of {min(most, LARGEST_FRAME)} bytes"
            )
        if header + length <= _CAPACITY:
            self._fill(header + length)
            return bytes(self._take(header + length))
        whole = bytearray(header + length)
        got = min(header + length, self._end - self._start)
        whole[:got] = self._take(got)
        with memoryview(whole) as view:
            while got < len(whole):
                got += self._receive(view[got:])
        return bytes(whole)

    def at_blob(self) -> bool:
        """Returns whether the next frame is a blob."""
        self._fill(1)
        return self._buffer[self._start] == ord("$")

    def blob(self, most: int, save: Callable[[memoryview], None], ask: Callable[[int], bool]) -> int:
        """Passes a blob's bytes to `save` as they arrive, and returns the blob's size. A view is valid during the call.

        Calls `ask` as soon as the size is known, to send more requests; it returns whether more replies are pending.
        Raises Garbled for a blob of more than `most` bytes.
        """
        header, length = self._header()
        if length > most:
            raise Garbled(f"the download is longer than announced: {length} bytes instead of the last {most}")
        self._take(header)
        more = ask(length)
        if more:
            self._deadline = self._next_deadline() + length / _SLOWEST
        left = length
        while left:
            if self._start == self._end:
                self._fill(min(left, _CAPACITY))
            piece = self._take(min(left, self._end - self._start))
            left -= len(piece)
            save(piece)
        if not more:
            self._refuse_leftover()
        return length

    def _next_deadline(self) -> float:
        return time.monotonic() + self._timeout + _GRACE_SECONDS

    def _header(self) -> tuple[int, int]:
        """Reads the next frame's header; returns the sizes of header and content. LEN extends the deadline."""
        wanted = 2
        while True:
            self._fill(wanted)
            end = self._buffer.find(b" ", self._start, min(self._end, self._start + _LONGEST_HEADER))
            kind = self._buffer[self._start]
            if kind not in _WITH_LENGTH and kind not in _WITHOUT_LENGTH:
                raise Garbled(f"the reply has the unexpected type byte {kind}")
            if end >= 0:
                break
            if self._end - self._start >= _LONGEST_HEADER:
                raise Garbled("the reply's header is too long")
            wanted = self._end - self._start + 1
        size = end + 1 - self._start
        if kind in _WITHOUT_LENGTH:
            return size, 0
        digits = self._buffer[self._start + 1 : end]
        if not digits.isdigit() or len(digits) > 15:
            raise Garbled("the reply's length is not a number")
        self._deadline += int(digits) / _SLOWEST
        return size, int(digits)

    def _fill(self, size: int) -> None:
        """Receives until `size` bytes are in the buffer."""
        if self._start == self._end:
            self._start = self._end = 0
        if self._start + size > _CAPACITY:
            # A copy, because the two may overlap.
            self._view[: self._end - self._start] = bytes(self._view[self._start : self._end])
            self._start, self._end = 0, self._end - self._start
        while self._end - self._start < size:
            self._end += self._receive(self._view[self._end :])

    def _take(self, size: int) -> memoryview:
        piece = self._view[self._start : self._start + size]
        self._start += size
        return piece

    def _receive(self, view: memoryview) -> int:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimedOut("the reply is too slow")
        self._socket.settimeout(min(self._timeout, remaining))
        count = self._socket.recv_into(view)
        if not count:
            raise Lost("the node closed the connection during a reply")
        return count

    def _refuse_leftover(self) -> None:
        if self._start != self._end:
            raise Garbled("the node sent more than was requested")
