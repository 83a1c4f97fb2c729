"""Fetches a database from SQLite Cloud into a local file: as a download, or page by page.

A download has the bytes on the node's disk. If its first bytes show that they are ciphertext, the database is copied
page by page instead, which returns the pages as SQLite reads them.
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
_NOT_A_DATABASE = 26  # SQLITE_NOTADB: SQLite's error for ciphertext without its key


@dataclass(frozen=True)
class Fetched:
    """The content of the fetched file: `size` bytes in `pages` pages, as the node reported.

    `announced`, `version` and `writes` are what the node reported before anything was read.
    """

    announced: Announced
    size: int
    pages: int
    version: str | None
    writes: int | None
    encrypted: bool = False


class _CipherText(Exception):
    """The download does not begin with SQLite's header. `found` describes it."""

    def __init__(self, found: Fetched) -> None:
        super().__init__()
        self.found = found


def fetch(location: CloudLocation, destination: Path, watch: Watcher) -> Fetched:
    """Fetches the database into the existing file `destination`. Retries transient errors, from scratch.

    Raises CorruptSource for a database that is empty or cannot be decrypted, CloudError for errors of the node,
    SourceError for the local disk.
    """
    attempts, transfer = 0, Transfer(location.address.timeout)

    def download(session: Session) -> Fetched:
        nonlocal attempts
        attempts += 1
        return _download(session, location, destination, watch, transfer, one_by_one=attempts > 1)

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
    """Downloads the database. Raises _CipherText if it is encrypted, CorruptSource if it is empty."""
    version = databases.version(session)
    # Read before the snapshot is taken: a write in between makes the database look changed, never unchanged.
    listed = databases.find(session, location.database)
    announced = session.start_download(location.database)
    if not announced.size:
        raise CorruptSource(f"{location.display} is empty (0 bytes) and holds no database: find out what emptied it")
    _check_room(location, destination, announced.size)
    found = Fetched(announced, announced.size, announced.pages, version, listed.writes if listed else None)
    with _emptied(location, destination) as file:
        save = _saving(location, destination, file)
        save = _checking_header(save, found) if _may_be_encrypted(listed) else save
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
    """Copies the database page by page, after a download that was ciphertext."""
    with _emptied(location, destination) as file:

        def write(offset: int, page: memoryview) -> None:
            with _disk_errors(location, destination):
                while page:  # a full disk may accept a part before it reports the error
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
        f"{location.display} is encrypted, so its download is ciphertext, and copying it page by page failed: {error}; "
        "grant the privileges READ and BACKUP, or decrypt a copy on the node and back that up, or use the platform's "
        "own backups"
    )


def _may_be_encrypted(listed: Listed | None) -> bool:
    """False if the node lists it as not encrypted: a download without SQLite's header is then damaged."""
    return listed is None or listed.encrypted or listed.size is None


def _checking_header(save: Callable[[memoryview], None], found: Fetched) -> Callable[[memoryview], None]:
    """Wraps `save`: raises _CipherText if the data does not begin with SQLite's header."""
    head = b""

    def check_and_save(piece: memoryview) -> None:
        nonlocal head
        if len(head) < len(MAGIC):
            head += piece[: len(MAGIC) - len(head)]
            if not MAGIC.startswith(head):
                raise _CipherText(found)
        save(piece)

    return check_and_save


def _saving(location: CloudLocation, destination: Path, file: int) -> Callable[[memoryview], None]:
    def save(piece: memoryview) -> None:
        try:  # not `_disk_errors`, which would be too slow: this runs twice for every 64 KiB
            while piece:
                piece = piece[os.write(file, piece) :]
        except OSError as error:
            raise from_system(error, Path(location.database), destination.parent) from None

    return save


@contextmanager
def _emptied(location: CloudLocation, destination: Path) -> Iterator[int]:
    """Truncates the file, which may hold data of an earlier attempt, and yields its descriptor."""
    with _disk_errors(location, destination):
        file = os.open(destination, os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def _disk_errors(location: CloudLocation, destination: Path) -> Iterator[None]:
    """Raises an OSError of the local disk as a SourceError, so that it is not taken for a broken connection."""
    try:
        yield
    except OSError as error:
        raise from_system(error, Path(location.database), destination.parent) from None


def _check_room(location: CloudLocation, destination: Path, size: int) -> None:
    check_room(destination.parent, size + _SPARE_BYTES, location.display)
