"""Assemble a database file, newest step first: each page is written once, and hashed from memory meanwhile.

The page hashes go to a private file, so that memory does not grow with the database; one bit per page records whether
it was written. A page that no step has leaves a gap in the hashes, so the identity differs.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from shared.continuous.index import HASH, Run, State, hash_runs, state_of

_AT_ONCE = 4  # batches whose pages wait in memory for their hashes


class Assembly:
    """The database file `image`, and the open file of its page `hashes`. Only one thread may put pages."""

    def __init__(
        self, image: BinaryIO, hashes: BinaryIO, page_size: int, page_count: int, pool: ThreadPoolExecutor
    ) -> None:
        self._image, self._hashes, self._pool = image.fileno(), hashes.fileno(), pool
        self._page_size, self._page_count, self._limit = page_size, page_count, page_count
        self._written = bytearray(page_count // 8 + 1)
        self._waiting: deque[tuple[Sequence[Run], Future[bytes]]] = deque()
        os.ftruncate(self._image, page_size * page_count)
        os.ftruncate(self._hashes, HASH * page_count)

    def put(self, numbers: Sequence[int], pages: memoryview, key: bytes) -> None:
        """Writes pages with these ascending numbers, except those that a newer step wrote or cut off."""
        runs = list(self._missing(numbers))
        size = self._page_size
        for place, number, count in runs:
            _write(self._image, pages[place * size : (place + count) * size], (number - 1) * size)
        if runs:
            self._waiting.append((runs, self._pool.submit(hash_runs, pages, runs, size, key)))
        self._settle(_AT_ONCE)

    def cut(self, page_count: int) -> None:
        """Limits older steps to the page count of the newer step."""
        self._limit = min(self._limit, page_count)

    def state(self, path: Path, key: bytes) -> State:
        """Returns the state of the complete file; `path` is the file of the hashes."""
        self._settle(0)
        return state_of(path, self._page_size, self._page_count, key)

    def _missing(self, numbers: Sequence[int]) -> Iterator[Run]:
        """Yields runs of the pages in `numbers` that are not written yet, and marks them as written."""
        written, limit = self._written, self._limit
        first = count = 0
        for place, number in enumerate(numbers):
            if number > limit:
                break
            byte, bit = number >> 3, 1 << (number & 7)
            if written[byte] & bit:
                continue
            written[byte] |= bit
            if count and place == first + count and number == numbers[first] + count:
                count += 1
                continue
            if count:
                yield first, numbers[first], count
            first, count = place, 1
        if count:
            yield first, numbers[first], count

    def _settle(self, may_wait: int) -> None:
        while len(self._waiting) > may_wait:
            runs, found = self._waiting.popleft()
            hashes, at = memoryview(found.result()), 0
            for _, number, count in runs:
                _write(self._hashes, hashes[at : at + count * HASH], (number - 1) * HASH)
                at += count * HASH


def _write(descriptor: int, content: memoryview, offset: int) -> None:
    """Writes all of `content`; the system may accept less at a time."""
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written
