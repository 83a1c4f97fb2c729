"""The bytes of a database on SQLite Cloud, brought into a file of ours: as its download, or page by page.

A download is what the node has on its disk. Where that is ciphertext, which its first bytes tell, the node is asked for
pages instead, as SQLite reads them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from shared.errors import CorruptSource
from shared.runtime.disk import check_room
from shared.sqlite.header import MAGIC
from shared.sqlite.sqlite_failures import from_system
from shared.sqlitecloud import databases, pages
from shared.sqlitecloud.databases import Listed
from shared.sqlitecloud.failures import CloudError, CommandRefused
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.pace import Transfer
from shared.sqlitecloud.session import Announced, Session, Watcher

_SPARE_BYTES = 1 << 20
_NOT_A_DATABASE = 26  # SQLITE_NOTADB: what SQLite says of ciphertext without its key


@dataclass(frozen=True)
class Fetched:
    """What is in the file now: `size` bytes, and `pages` of them as the node said.

    `announced` and `writes` are what the node said of the database before anything was read.
    """

    announced: Announced
    size: int
    pages: int
    version: str | None
    writes: int | None
    encrypted: bool = False


class _CipherText(Exception):
    """The download does not begin like a database. `found` is what is known of it."""

    def __init__(self, found: Fetched) -> None:
        super().__init__()
        self.found = found


def fetch(location: CloudLocation, destination: Path, watch: Watcher) -> Fetched:
    """Fills the file `destination`; what may pass is tried again, from scratch.

    Raises CorruptSource for an empty database and one that cannot be decrypted, CloudError, SourceError for our disk.
    """
    tried, transfer = 0, Transfer(location.address.timeout)

    def download(session: Session) -> Fetched:
        nonlocal tried
        tried += 1
        return _download(session, location, destination, watch, transfer, one_by_one=tried > 1)

    try:
        return databases.on_node(location.address, download)
    except _CipherText as cipher:
        found = cipher.found
    transfer = Transfer(location.address.timeout)
    return databases.on_node(
        location.address, lambda session: _copy(session, location, destination, found, watch, transfer)
    )


def _download(
    session: Session,
    location: CloudLocation,
    destination: Path,
    watch: Watcher,
    transfer: Transfer,
    *,
    one_by_one: bool,
) -> Fetched:
    version = databases.version(session)
    # Counted before the snapshot is taken: what is written meanwhile makes it look changed, never unchanged.
    listed = databases.find(session, location.database)
    announced = session.start_download(location.database)
    if not announced.size:
        raise CorruptSource(f"{location.display} is empty (0 bytes) and holds no database: find out what emptied it")
    _check_room(location, destination, announced.size)
    found = Fetched(announced, announced.size, announced.pages, version, listed.writes if listed else None)
    with _emptied(location, destination) as file:
        save = _saving(location, destination, file)
        save = _first_looked_at(save, found) if _may_be_encrypted(listed) else save
        session.save_download(announced, save, watch, one_by_one=one_by_one, transfer=transfer)
    return found


def _copy(
    session: Session,
    location: CloudLocation,
    destination: Path,
    found: Fetched,
    watch: Watcher,
    transfer: Transfer,
) -> Fetched:
    with _emptied(location, destination) as file:

        def write(offset: int, page: memoryview) -> None:
            with _disk_errors(location, destination):
                while page:  # a full disk may take a part of it before it says so
                    written = os.pwrite(file, page, offset)
                    page, offset = page[written:], offset + written

        try:
            begun = pages.begin(session, location.database)
            copied = pages.copy(begun, partial(_check_room, location, destination), write, watch, transfer)
        except CommandRefused as error:
            if error.transient:
                raise
            _refuse(location, error)
        except CloudError as error:
            if location.address.display in str(error):
                raise
            raise type(error)(f"{error}: {location.display}, which is encrypted") from None
        with _disk_errors(location, destination):
            os.truncate(file, copied.size)
    return replace(found, size=copied.size, pages=copied.pages, encrypted=True)


def _refuse(location: CloudLocation, error: CommandRefused) -> NoReturn:
    if error.code == _NOT_A_DATABASE:
        raise CorruptSource(
            f"{location.display} is encrypted and the node has no key for it, or it is damaged: give the node its key "
            f"with SET DATABASE … KEY database_key TO …, which needs the privilege PRAGMA"
        )
    raise CorruptSource(
        f"{location.display} is encrypted, so that its download is ciphertext, and copying it page by page did not "
        f"work: {error}; it needs the privileges READ and BACKUP; else decrypt a copy on the node and back that up, or "
        "use the platform's own backups"
    )


def _may_be_encrypted(listed: Listed | None) -> bool:
    """Not when the node says that it is not: then a download without SQLite's header is a damaged one."""
    return listed is None or listed.encrypted or listed.size is None


def _first_looked_at(save: Callable[[memoryview], None], found: Fetched) -> Callable[[memoryview], None]:
    """Saves what begins like a database. Raises _CipherText for anything else."""
    head = b""

    def look(piece: memoryview) -> None:
        nonlocal head
        if len(head) < len(MAGIC):
            head += piece[: len(MAGIC) - len(head)]
            if not MAGIC.startswith(head):
                raise _CipherText(found)
        save(piece)

    return look


def _saving(location: CloudLocation, destination: Path, file: int) -> Callable[[memoryview], None]:
    def save(piece: memoryview) -> None:
        try:  # not `_disk_errors`: this runs twice for every 64 KiB
            while piece:
                piece = piece[os.write(file, piece) :]
        except OSError as error:
            raise from_system(error, Path(location.database), destination.parent) from None

    return save


@contextmanager
def _emptied(location: CloudLocation, destination: Path) -> Iterator[int]:
    """The file's descriptor. What an earlier attempt left in it is gone."""
    with _disk_errors(location, destination):
        file = os.open(destination, os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def _disk_errors(location: CloudLocation, destination: Path) -> Iterator[None]:
    """A full disk here is no broken connection."""
    try:
        yield
    except OSError as error:
        raise from_system(error, Path(location.database), destination.parent) from None


def _check_room(location: CloudLocation, destination: Path, size: int) -> None:
    check_room(destination.parent, size + _SPARE_BYTES, location.display)
