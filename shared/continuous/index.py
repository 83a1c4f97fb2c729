"""The page index: a keyed hash of each page of a state, and the difference between two states.

The hashes of a state are in a private file, 16 bytes per page in page order, so that memory does not grow with the
database. The hash is BLAKE2b with a random key of the base, which its increments share: someone who writes rows must
not be able to make a changed page look unchanged. The page with the byte at 1 GiB has no content (SQLite's lock page).
Its hash is zeros, and no increment contains it.

A stored index has a head, followed by the hash of every page (base) or the number and hash of each of its pages
(increment).
"""

import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from shared.archive.damage import Damaged

HASH = 16  # bytes
KEY = 32
_MAGIC = b"litekeep index 1"
_HEAD = struct.Struct(">16sLLQQ32s")  # magic, page size, 1 of an increment, pages of the state, entries, hash key
_ENTRY = struct.Struct(f">Q{HASH}s")
_LOCK_BYTE = 1 << 30
_NO_HASH = bytes(HASH)
_BLOCK = 4 << 10  # bytes of hashes that are compared at once before single ones are
_HASHED_AT_ONCE = 4  # chunks
_CHUNK = 1 << 20  # bytes; a multiple of every page size and of HASH

Run = tuple[int, int, int]  # consecutive pages: position of the first in a batch, its page number, count


@dataclass(frozen=True)
class State:
    """The page hashes of a state, in the file `path`. `identity` is the hash of all of them, in hex."""

    path: Path
    page_size: int
    page_count: int
    key: bytes
    identity: str

    @property
    def lock_page(self) -> int:
        """The number of the page without content."""
        return lock_page(self.page_size)


class Head(NamedTuple):
    """The head of a stored index."""

    page_size: int
    page_count: int
    entries: int
    key: bytes
    changes_only: bool

    @property
    def size_of_entries(self) -> int:
        """The size of what follows the head, in bytes."""
        return self.entries * (_ENTRY.size if self.changes_only else HASH)


def lock_page(page_size: int) -> int:
    """Returns the number of the page without content; pages are numbered from 1."""
    return _LOCK_BYTE // page_size + 1


def hash_pages(image: Path, page_size: int, key: bytes, target: Path) -> State:
    """Hashes every page of a database file into the new file `target`, in two threads."""
    page_count, first = image.stat().st_size // page_size, 1
    waiting: deque[Future[bytes]] = deque()
    with image.open("rb") as pages, target.open("xb") as hashes, ThreadPoolExecutor(2, "hashes") as pool:
        while piece := pages.read(_CHUNK):
            waiting.append(pool.submit(_hashes, piece, first, page_size, key))
            first += len(piece) // page_size
            if len(waiting) > _HASHED_AT_ONCE:
                hashes.write(waiting.popleft().result())
        hashes.writelines(each.result() for each in waiting)
    return State(target, page_size, page_count, key, _identity(target, page_size, page_count, key))


def hash_runs(pages: memoryview, runs: Iterable[Run], page_size: int, key: bytes) -> bytes:
    """Returns the hashes of the pages in `runs`, in order, out of a batch of pages."""
    found, locked = [], lock_page(page_size)
    for place, number, count in runs:
        own = pages[place * page_size : (place + count) * page_size]
        hashes = [
            blake2b(own[start : start + page_size], digest_size=HASH, key=key, person=b"litekeep page").digest()
            for start in range(0, len(own), page_size)
        ]
        if number <= locked < number + count:
            hashes[locked - number] = _NO_HASH
        found += hashes
    return b"".join(found)


def state_of(path: Path, page_size: int, page_count: int, key: bytes) -> State:
    """Returns the state whose hashes are in the file `path`."""
    return State(path, page_size, page_count, key, _identity(path, page_size, page_count, key))


def changed_pages(before: State, after: State) -> Iterator[int]:
    """Yields the numbers of new or changed pages of `after`, in order and without the lock page."""
    number, locked = 1, after.lock_page
    with before.path.open("rb") as old, after.path.open("rb") as new:
        while new_hashes := new.read(_CHUNK):
            old_hashes = old.read(_CHUNK)
            if old_hashes != new_hashes:
                found = (number + place for place in _differing(old_hashes, new_hashes))
                yield from (page for page in found if page != locked)
            number += len(new_hashes) // HASH


def whole_index(state: State) -> Iterator[bytes]:
    """Yields the stored form of the index of a base."""
    yield _HEAD.pack(_MAGIC, state.page_size, 0, state.page_count, state.page_count, state.key)
    with state.path.open("rb") as hashes:
        while piece := hashes.read(_CHUNK):
            yield piece


def index_of_changes(state: State, numbers: Iterable[int], count: int) -> Iterator[bytes]:
    """Yields the stored form of the index of an increment with these pages of the state."""
    yield _HEAD.pack(_MAGIC, state.page_size, 1, state.page_count, count, state.key)
    with state.path.open("rb") as hashes:
        for number in numbers:
            hashes.seek((number - 1) * HASH)
            yield _ENTRY.pack(number, hashes.read(HASH))


def read_head(stream: "Bytes") -> Head:
    """Reads the head of a stored index. Raises Damaged if it is not one."""
    magic, page_size, changes_only, page_count, entries, key = _HEAD.unpack(stream.exactly(_HEAD.size))
    sized = 512 <= page_size <= 65536 and page_size & (page_size - 1) == 0
    counted = entries <= page_count if changes_only else entries == page_count
    if magic != _MAGIC or not sized or changes_only > 1 or not counted:
        raise Damaged("is not a page index")
    return Head(page_size, page_count, entries, key, bool(changes_only))


def entries_of(head: Head, stream: "Bytes") -> Iterator[tuple[int, bytes]]:
    """Yields the page numbers of an increment and their hashes, in order. Raises Damaged for an impossible number."""
    last = 0
    for _ in range(head.entries):
        number, found = _ENTRY.unpack(stream.exactly(_ENTRY.size))
        if not last < number <= head.page_count or number == lock_page(head.page_size):
            raise Damaged("names pages that its state does not have")
        last = number
        yield number, found
    stream.end()


def write_whole(head: Head, stream: "Bytes", hashes: BinaryIO) -> None:
    """Copies the hashes of a base's index to a file. Raises Damaged if there are more or fewer."""
    hashes.writelines(stream.pieces(head.size_of_entries))
    stream.end()


def overlay(entries: Iterable[tuple[int, bytes]], page_count: int, hashes: BinaryIO) -> None:
    """Updates the hashes of a state to those of its successor, with `page_count` pages and these changed entries."""
    descriptor = hashes.fileno()
    os.ftruncate(descriptor, page_count * HASH)
    for number, found in entries:
        os.pwrite(descriptor, found, (number - 1) * HASH)


class Bytes:
    """Reads exact numbers of bytes from pieces of any size."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = memoryview(b"")

    def exactly(self, size: int) -> bytes:
        """Returns the next `size` bytes. Raises Damaged if there are fewer."""
        return bytes(self.view(size))

    def view(self, size: int) -> memoryview:
        """Returns the next `size` bytes, without a copy if they are in one piece. Raises Damaged if there are fewer."""
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        if len(self._left) >= size:
            taken, self._left = self._left[:size], self._left[size:]
            return taken
        found, self._left = bytearray(self._left), memoryview(b"")
        while (wanted := size - len(found)) > 0:
            piece = next(self._pieces, None)
            if piece is None:
                raise Damaged("ends early")
            found += piece[:wanted] if len(piece) > wanted else piece
            self._left = memoryview(piece)[wanted:]
        return memoryview(found)

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yields the next `size` bytes in pieces. Raises Damaged if there are fewer."""
        while size:
            piece = self.view(min(size, _CHUNK))
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Discard the next `size` bytes. Raises Damaged if there are fewer."""
        for _ in self.pieces(size):
            pass

    def end(self) -> None:
        """Raises Damaged if there are more bytes."""
        if self._left or any(self._pieces):
            raise Damaged("has more bytes than its head says")


def _differing(old: bytes, new: bytes) -> Iterator[int]:
    """Yields the positions in `new` whose hash differs from `old`, or which `old` does not have."""
    for block in range(0, len(new), _BLOCK):
        if old[block : block + _BLOCK] != new[block : block + _BLOCK]:
            for start in range(block, min(block + _BLOCK, len(new)), HASH):
                if old[start : start + HASH] != new[start : start + HASH]:
                    yield start // HASH


def _hashes(piece: bytes, first: int, page_size: int, key: bytes) -> bytes:
    """Returns the hashes of the pages in `piece`, the first of which has the number `first`."""
    return hash_runs(memoryview(piece), [(0, first, -(-len(piece) // page_size))], page_size, key)


def _identity(path: Path, page_size: int, page_count: int, key: bytes) -> str:
    digest = blake2b(struct.pack(">LQ", page_size, page_count), digest_size=32, key=key, person=b"litekeep state")
    with path.open("rb") as hashes:
        while piece := hashes.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
