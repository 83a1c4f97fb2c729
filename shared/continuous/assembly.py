"""A database file put together newest first: each page is written once, and hashed from memory as it is written.

The page hashes go to a private file beside it, so that memory does not grow with the database: of each page there is
one bit that says whether it is there. A page that no step has leaves a gap in the hashes, and so another identity.
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
    """The file `image` of so many pages; `hashes` is the open file of their hashes. One thread puts pages into it."""

    def __init__(
        self, image: BinaryIO, hashes: BinaryIO, page_size: int, page_count: int, pool: ThreadPoolExecutor
    ) -> None:
        self._image, self._hashes, self._pool = image.fileno(), hashes.fileno(), pool
        self._page_size, self._page_count, self._limit = page_size, page_count, page_count
        self._there = bytearray(page_count // 8 + 1)
        self._waiting: deque[tuple[Sequence[Run], Future[bytes]]] = deque()
        os.ftruncate(self._image, page_size * page_count)
        os.ftruncate(self._hashes, HASH * page_count)

    def put(self, numbers: Sequence[int], pages: memoryview, key: bytes) -> None:
        """The next pages, of these ascending numbers: those that no newer step has, nor cut off."""
        runs = list(self._missing(numbers))
        size = self._page_size
        for place, number, count in runs:
            _write(self._image, pages[place * size : (place + count) * size], (number - 1) * size)
        if runs:
            self._waiting.append((runs, self._pool.submit(hash_runs, pages, runs, size, key)))
        self._settle(_AT_ONCE)

    def cut(self, page_count: int) -> None:
        """The step that was put had so many pages: what older ones have beyond is no longer there."""
        self._limit = min(self._limit, page_count)

    def state(self, path: Path, key: bytes) -> State:
        """What the file holds, when all is put; `path` is that of the hashes."""
        self._settle(0)
        return state_of(path, self._page_size, self._page_count, key)

    def _missing(self, numbers: Sequence[int]) -> Iterator[Run]:
        there, limit = self._there, self._limit
        first = count = 0
        for place, number in enumerate(numbers):
            if number > limit:
                break
            byte, bit = number >> 3, 1 << (number & 7)
            if there[byte] & bit:
                continue
            there[byte] |= bit
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
    """All of it; a system may take less at a time."""
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written
