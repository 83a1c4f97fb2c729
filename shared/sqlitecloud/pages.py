"""Copies a database page by page with SQLite's backup API, for databases whose download is ciphertext.

    USE DATABASE 'NAME'
    BACKUP INIT ? SOURCE ?           [40, index, page size, pages]
    BACKUP STEP index PAGES n        [41, index, result, pages, remaining, count, blob]
    BACKUP FINISH index              [42, 0, 0]

The blob has `count` records: a file offset (8 bytes, big-endian) and a page (sqcloud.c of sqlitecloud/sdk, and its
SQLiteBridge). It is not documented that a node decrypts these pages, as SQLite's backup API does, so callers check for
SQLite's header. If the database is written to during the copy, SQLite restarts it and sends pages again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from shared.sqlitecloud.failures import CloudError, CommandRefused, Garbled
from shared.sqlitecloud.names import quoted
from shared.sqlitecloud.pace import Transfer
from shared.sqlitecloud.replies import pages_of
from shared.sqlitecloud.session import Session, Value, Watcher

Writer = Callable[[int, memoryview], None]  # writes a page at an offset; raises disk errors as a LitekeepError
Room = Callable[[int], None]  # checks for room for that many bytes; raises a LitekeepError if there is not enough

MAGIC = b"SQLite format 3\0"  # the beginning of a decrypted page 1

_INIT, _STEP = 40, 41
_OK, _BUSY, _LOCKED, _DONE = 0, 5, 6, 101
_STEP_BYTES = 4 << 20
_OFFSET_BYTES = 8
_MOST_PASSES = 8  # over the whole database, before the copy fails because of writes
_MOST_IDLE_STEPS = 100
_PENDING_BYTE = 1 << 30  # the page with this byte is never written (SQLite, "File Format", the lock-byte page)


class CopiedPages(NamedTuple):
    """The result of a copy: `pages` pages of `page_size` bytes, from offset 0."""

    page_size: int
    pages: int

    @property
    def size(self) -> int:
        return self.page_size * self.pages


@dataclass(frozen=True)
class Copying:
    """A copy in progress. It ends with the connection."""

    session: Session
    index: int
    page_size: int
    pages: int

    def finish(self) -> None:
        self.session.array(f"BACKUP FINISH {self.index}")


def begin(session: Session, name: str) -> Copying:
    """Selects the database and begins a copy. Raises CommandRefused if the node refuses."""
    session.ok(f"USE DATABASE {quoted(name)}")
    found = session.array("BACKUP INIT ? SOURCE ?", "main", "main")
    kind, index, page_size, pages = _numbers(found, 4)
    if kind != _INIT or index < 0 or not 512 <= page_size <= 65536 or page_size & (page_size - 1) or pages < 1:
        raise _garbled()
    return Copying(session, index, page_size, pages)


def copy(copying: Copying, room: Room, write: Writer, watch: Watcher, transfer: Transfer | None = None) -> CopiedPages:
    """Passes each page to `write`. A page may come more than once: the last one is valid.

    `transfer` is the transfer that this is an attempt of. Raises Garbled for a missing or misplaced page,
    CommandRefused (transient) if the database is locked, CloudError if writes keep the copy from finishing.
    """
    size, pages = copying.page_size, copying.pages
    room(size * pages)
    received, taken, idle = bytearray(pages), 0, 0
    pace = (transfer or Transfer(copying.session.address.timeout)).attempt(size * pages * _MOST_PASSES)
    done = False
    while not done:
        result, pages, left, records = _step(copying)
        done = result == _DONE
        if pages > len(received):
            room(size * pages)
            received.extend(bytes(pages - len(received)))
        taken += _place(records, size, pages, received, write)
        if not done:
            pace.check(taken * size)
        idle = 0 if records else idle + 1
        if idle > _MOST_IDLE_STEPS and not done:
            raise _garbled()
        if taken > (pages + 1) * _MOST_PASSES:
            raise CloudError("copying page by page cannot finish while the database is written to: try again later")
        watch(max(0, pages - left) * size, pages * size)
    if received.find(0, 0, pages) not in (-1, _PENDING_BYTE // size) or received.count(0, 0, pages) > 1:
        raise Garbled("the copy page by page ended before all pages arrived")
    copying.finish()
    return CopiedPages(size, pages)


def first_page(session: Session, name: str) -> bytes:
    """Returns page 1 as one step sends it, or nothing if the node sends it only at the end. Raises CloudError."""
    copying = begin(session, name)
    _, _, _, records = _step(copying, 1)
    copying.finish()
    return bytes(records[_OFFSET_BYTES:]) if int.from_bytes(records[:_OFFSET_BYTES]) == 0 else b""


def _step(copying: Copying, most: int | None = None) -> tuple[int, int, int, memoryview]:
    """Runs one step. Returns the result code, the number of pages, how many of them are left, and the records."""
    wanted = most or max(1, _STEP_BYTES // copying.page_size)
    command, bound = f"BACKUP STEP {copying.index} PAGES {wanted}", pages_of(copying.page_size, wanted)
    *head, blob = copying.session.array(command, most=bound) or [None]
    kind, index, result, pages, left, count = _numbers(head, 6)
    if result in (_BUSY, _LOCKED):
        raise CommandRefused("copying page by page failed: the database is locked", result)
    if result not in (_OK, _DONE):
        raise CommandRefused(f"copying page by page failed on the node ({result})", result)
    if not isinstance(blob, bytes) or (kind, index) != (_STEP, copying.index) or pages < 1 or left < 0:
        raise _garbled()
    if len(blob) != count * (_OFFSET_BYTES + copying.page_size):
        raise _garbled()
    return result, pages, left, memoryview(blob)


def _place(records: memoryview, size: int, pages: int, received: bytearray, write: Writer) -> int:
    """Writes the records' pages at their offsets, and returns how many."""
    length = _OFFSET_BYTES + size
    for at in range(0, len(records), length):
        number, odd = divmod(int.from_bytes(records[at : at + _OFFSET_BYTES]), size)
        if odd or number >= pages:
            raise Garbled("a page lies outside of the database")
        write(number * size, records[at + _OFFSET_BYTES : at + length])
        received[number] = 1
    return len(records) // length


def _numbers(found: list[Value], count: int) -> list[int]:
    numbers = [number for number in found if isinstance(number, int)]
    if len(found) != count or len(numbers) != count:
        raise _garbled()
    return numbers


def _garbled() -> Garbled:
    return Garbled("copying page by page got an invalid reply")
