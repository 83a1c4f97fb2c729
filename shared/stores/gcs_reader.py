"""A stored object as a stream, fetched in ranges ahead of its reader.

Two ranges are fetched while a third is read: one connection does not saturate a link, and
without read-ahead the reader would wait for the first byte of every range.
"""

import io
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import google_crc32c

from shared.errors import StoreError
from shared.text import count

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

RANGE_SIZE = 8 << 20  # bytes; up to three are in memory
_AHEAD = 2


class RangeReader(io.RawIOBase):
    """Reads `size` bytes through `fetch(start, end)`, which returns the bytes start to end, without end.

    Raises StoreError for a range of the wrong length, and, before the last bytes are returned,
    for a wrong CRC32C of the whole. `crc32c` None means that it is unknown.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, crc32c: int | None, what: str) -> None:
        super().__init__()
        self._fetch = fetch
        self._size = size
        self._crc32c = crc32c
        self._what = what
        self._asked = 0
        self._received = 0
        self._found_crc32c = 0
        self._coming: deque[tuple[int, Future[bytes]]] = deque()
        self._current = memoryview(b"")
        self._pool = ThreadPoolExecutor(_AHEAD, "download")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if not self._current and self._received < self._size:
            self._current = memoryview(self._next_range())
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._current))
        target[:count] = self._current[:count]
        self._current = self._current[count:]
        return count

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()
        super().close()

    def _next_range(self) -> bytes:
        while len(self._coming) < _AHEAD and self._asked < self._size:
            end = min(self._asked + RANGE_SIZE, self._size)
            self._coming.append((end - self._asked, self._pool.submit(self._fetch, self._asked, end)))
            self._asked = end
        expected, future = self._coming.popleft()
        content = future.result()
        if len(content) != expected:
            raise StoreError(f"{self._what} came back short, {len(content)} of {count(expected, 'byte')}: try again")
        self._received += expected
        self._found_crc32c = google_crc32c.extend(self._found_crc32c, content)
        if self._received == self._size and self._crc32c not in {None, self._found_crc32c}:
            raise StoreError(f"{self._what} was damaged on the way (its CRC32C differs): try again")
        return content
