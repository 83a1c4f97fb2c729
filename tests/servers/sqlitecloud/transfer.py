"""Transfers of databases: downloads, uploads and page-by-page backups. Each belongs to one connection."""

import os
import shutil
from pathlib import Path

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.catalog import Catalog, Database, check_name
from tests.servers.sqlitecloud.errors import GENERIC, Refusal, database_exists, not_a_database
from tests.servers.sqlitecloud.scramble import is_plain, opens, scramble
from tests.servers.sqlitecloud.snapshot import copy_database, page_size
from tests.servers.sqlitecloud.wire import Value

_HEADER_ROOM = 32
_NOTHING: tuple[memoryview, int, int] = (memoryview(b""), -1, -1)


def take(catalog: Catalog, database: Database, *, opaque: bool = True) -> Path:
    """Makes a file with one committed state of a database; with `opaque`, scrambled if the database is."""
    path = catalog.temporary()
    with database.gate.shared():
        if database.locked:
            shutil.copyfile(database.path, path)
            return path
        copy_database(database.path, path)
    if database.key is not None and opaque:
        scramble(path, database.key)
    return path


class Download:
    """A snapshot taken at `DOWNLOAD DATABASE` and sent in steps. The raft index is read before the
    snapshot is taken, so it never includes a commit that the snapshot lacks."""

    def __init__(self, catalog: Catalog, database: Database, *, opaque: bool = True) -> None:
        self.database = database
        self._catalog = catalog
        self._opaque = opaque
        self.raft = catalog.raft
        self._file = -1
        self._prepared = _NOTHING
        self.page_size = 4096 if database.locked else page_size(database.path)
        self.retake()
        self.size = os.fstat(self._file).st_size
        self.sent = 0
        self._buffer = bytearray()

    @property
    def pages(self) -> int:
        return self.size // self.page_size

    @property
    def finished(self) -> bool:
        return self.sent >= self.size

    def retake(self) -> None:
        """Continues with a newer state of the database, as a torn download would."""
        path = take(self._catalog, self.database, opaque=self._opaque)
        self.close()
        self._prepared = _NOTHING
        self._file = os.open(path, os.O_RDONLY)
        path.unlink()

    def step(self, limit: int) -> memoryview:
        """Returns the next blob with its header. The view is valid until the next step or prepare()."""
        self.prepare(limit)
        view, size, _ = self._prepared
        self._prepared = _NOTHING
        self.sent += size
        return view

    def prepare(self, limit: int) -> None:
        """Reads the next step in advance, while the client processes the last one."""
        size = min(limit, self.size - self.sent)
        if self._prepared[1:] == (size, self.sent) or self.finished:
            return
        header = b"$%d " % size
        if len(self._buffer) < size + _HEADER_ROOM:
            self._buffer = bytearray(size + _HEADER_ROOM)
        view = memoryview(self._buffer)[: len(header) + size]
        view[: len(header)] = header
        at = len(header)
        while at < len(view):
            got = os.preadv(self._file, [view[at:]], self.sent + at - len(header))
            if not got:
                view[at:] = bytes(len(view) - at)  # a torn download with a shorter newer state
                break
            at += got
        self._prepared = view, size, self.sent

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Upload:
    """An upload into a temporary file, which becomes a database when it is complete and valid."""

    def __init__(self, catalog: Catalog, name: str, *, key: str | None, replace: bool) -> None:
        check_name(name)
        if name in catalog.reserved:
            raise Refusal(GENERIC, f"Database {name} is reserved and cannot be uploaded.")
        if catalog.find(name) is not None and not replace:
            raise database_exists(name)
        self.name = name
        self._catalog = catalog
        self._key = key
        self._replace = replace
        self._path = catalog.temporary()
        self._file = self._path.open("wb")

    def write(self, content: bytes) -> None:
        self._file.write(content)

    def finish(self) -> Database:
        """Checks header and size, and publishes the database. Raises Refusal, and removes the file then."""
        self._file.close()
        try:
            self._check()
            return self._catalog.publish(self._path, self.name, key=self._key, replace=self._replace)
        finally:
            self._path.unlink(missing_ok=True)

    def _check(self) -> None:
        if self._key is not None and self._path.stat().st_size:
            if not opens(self._path, self._key):
                raise not_a_database()
            scramble(self._path, self._key)
        size = self._path.stat().st_size
        if not is_plain(self._path) or size % page_size(self._path) or 0 < size < 512:
            raise not_a_database()

    def abort(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class PageBackup:
    """`BACKUP INIT`: pages with their offsets, from its own snapshot, decrypted as SQLite's backup reads them."""

    def __init__(self, catalog: Catalog, database: Database) -> None:
        self._catalog = catalog
        self._database = database
        self._begin()
        self.page_size = self._download.page_size

    def _begin(self) -> None:
        self._download = Download(self._catalog, self._database, opaque=False)
        self.pages = self._download.pages
        self.remaining = self.pages

    def restart(self) -> None:
        """Restarts with a newer state, as SQLite does after a write by another connection."""
        self._download.close()
        self._begin()

    def step(self, count: int) -> list[Value]:
        """Returns the number of pages, and their records: 8 bytes of file offset, big-endian, then the page."""
        given = self.remaining if count < 0 else min(count, self.remaining)
        records = []
        for _ in range(given):
            offset = self._download.sent
            page = bytes(self._download.step(self.page_size))
            records.append(offset.to_bytes(8) + page[page.index(b" ") + 1 :])
        self.remaining -= given
        return [given, b"".join(records)]

    def close(self) -> None:
        self._download.close()


def announcement(download: Download) -> bytes:
    return wire.array([download.size, download.pages, download.raft])
