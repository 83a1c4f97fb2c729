"""Bringing a restored database in place of one that is there.

A database that SQLite can read is overwritten through SQLite, in one transaction of its own, and not replaced by
renaming: a process that opened the old file while it waited for our lock would go on in a file without a name, and,
worse, take the new one's `-wal` and `-journal` (they go by name) for its own. Overwritten, it simply sees the next
transaction. Owner, mode, hard links and mounts of single files stay as they are, too.

The order of effects, and what a crash leaves behind:

    locked          exclusively; a hot journal or a WAL is recovered first, as on any opening    the old
    safety copy     made by the caller, through the locked connection                            the old
    WAL left        all of it is in the main file now, and -wal and -shm are gone                the old
    pages written   each old page is in the rollback journal, on disk, before it is overwritten  the old, rolled back
    committed       the journal is invalid from here on                                          the new
    compared        every page is read back                                                      the new

A file that SQLite cannot read is replaced by renaming; nobody can be at work in it:

    locked          by SQLite's lock bytes, without SQLite
    kept            main file, -wal and -journal, byte for byte, beside the target               the old
    cleared         -wal, -journal and -shm are gone, on disk, before the new file can meet      the old, also kept
                    them: it would take them for its own
    renamed                                                                                      the new
"""

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from shared.errors import SourceError, UsageError
from shared.runtime.disk import check_room
from shared.runtime.files import sync
from shared.runtime.so_far import note
from shared.sqlite.connect import distrust, open_snapshot, uri
from shared.sqlite.file_locks import held_exclusively
from shared.sqlite.header import read_header
from shared.sqlite.holders import described, processes_holding
from shared.sqlite.image import FileSnapshot, copy_pages, create_image, finish_image, run_backup
from shared.sqlite.neighbours import SIDECARS, open_regular, refuse_foreign_place, refuse_odd_sidecars
from shared.sqlite.publish import check_new, publish_new
from shared.sqlite.raw_copy import Progress
from shared.sqlite.read_back import first_difference
from shared.sqlite.sqlite_failures import sqlite_errors

__all__ = ["InPlace", "check_new", "publish_new"]

_PATIENCE_SECONDS = 2.0
_SPARE_BYTES = 1 << 20
_PIECE = 1 << 20


def _nothing(name: str) -> None:
    """Ignores the steps."""


class InPlace:
    """Holds the database at `target` for its replacement: no other process reads or writes it inside the `with`.

    Raises UsageError when there is nothing to replace, SourceError while another process has it open.
    `step` is called after each step, by name, so that tests can stop there.
    """

    def __init__(
        self,
        target: Path,
        moment: datetime,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        step: Callable[[str], None] = _nothing,
    ) -> None:
        self._target = target
        self._moment = moment
        self._patience_seconds = patience_seconds
        self._step = step
        self._stack = ExitStack()
        self._connection: apsw.Connection | None = None
        self._descriptor = -1
        self._kept = False
        self._left_wal = False

    @property
    def damaged(self) -> bool:
        """Whether SQLite cannot read the file: then `keep_bytes` is the safety copy, else `snapshot`."""
        return self._connection is None

    def __enter__(self) -> Self:
        if not self._target.exists():
            raise UsageError(f"{self._target} is not there, so nothing can be replaced: leave out --in-place")
        if not self._target.is_file():
            raise UsageError(f"{self._target} is not a file: name the database file to replace")
        refuse_foreign_place(self._target)
        # -wal and -journal lie beside the real file, and a link is to stay one.
        self._target = self._target.resolve()
        refuse_odd_sidecars(self._target)
        with ExitStack() as opening, sqlite_errors(self._target, self._target.parent):
            # Closed after the connection: a descriptor that is closed sooner takes the connection's locks along.
            self._descriptor = os.open(self._target, os.O_RDONLY | os.O_CLOEXEC)
            opening.callback(os.close, self._descriptor)
            try:
                self._connection = opening.enter_context(closing(self._open()))
                self._lock(self._connection)
            except (apsw.NotADBError, apsw.CorruptError):
                opening.close()
                self._connection = None
                self._refuse_holders()
                opening.enter_context(held_exclusively(self._target, self._patience_seconds))
            except (apsw.BusyError, SourceError):
                self._refuse_holders()
                raise
            self._refuse_holders()
            self._stack = opening.pop_all()
        note("file", f"{self._target} is as it was")
        self._step("locked")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._left_wal and self._connection is not None:
            with suppress(apsw.Error):  # best effort: in either mode the content is the same
                self._connection.pragma("journal_mode", "wal")
        self._stack.close()
        self._step("closed")

    def snapshot(self, destination: Path, *, progress: Progress | None = None) -> FileSnapshot:
        """The safety copy, through the locked connection: nothing can be written after it."""
        if self._connection is None:
            raise RuntimeError("a damaged file has no snapshot: keep_bytes() is its safety copy")
        with sqlite_errors(self._target, destination.parent):
            create_image(destination)
            copy_pages(self._connection, destination, progress)
            found = finish_image(destination)
        self._kept = True
        return found

    def keep_bytes(self) -> Path:
        """The safety copy of a damaged file: `TARGET.before-restore-TIME`, its `-wal` and `-journal`, as they lie."""
        kept = Path(f"{self._target}.before-restore-{self._moment:%Y%m%dT%H%M%SZ}")
        with sqlite_errors(self._target, self._target.parent):
            for suffix in ("", "-wal", "-journal"):
                self._keep(Path(f"{self._target}{suffix}"), Path(f"{kept}{suffix}"))
            sync(kept.parent)
        note("safety", f"what was there before is kept as {kept}")
        self._kept = True
        self._step("kept")
        return kept

    @staticmethod
    def _keep(source: Path, kept: Path) -> None:
        """Copies `source`, if it exists, into the new file `kept`, and syncs it.

        Both are opened once and without following links, so that no name can be swapped in between.
        """
        try:
            descriptor = open_regular(source)
        except FileNotFoundError:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(descriptor, "rb") as reader, os.fdopen(os.open(kept, flags, 0o600), "wb") as writer:
            shutil.copyfileobj(reader, writer, _PIECE)
            writer.flush()
            os.fsync(writer.fileno())

    def swap(self, temporary: Path, *, progress: Progress | None = None) -> None:
        """Brings the content of the closed file `temporary`, beside the target, in place, and on disk.

        Raises SourceError, and the old content is there as before. `temporary` stays the caller's to remove.
        """
        if not self._kept:
            raise RuntimeError("no safety copy was taken")
        with sqlite_errors(self._target, self._target.parent):
            if self._connection is None:
                self._rename(temporary)
            else:
                self._overwrite(self._connection, temporary, progress)

    def _open(self) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(uri(self._target, "mode=rw"), flags=flags)
        distrust(connection)
        connection.set_busy_timeout(int(self._patience_seconds * 1000))
        # Else SQLite, on closing a file that it could not read, would remove the -wal that belongs to it.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return connection

    def _lock(self, connection: apsw.Connection) -> None:
        # Set before the first access, so that a WAL is opened without -shm and nobody else can be connected.
        connection.pragma("locking_mode", "exclusive")
        connection.pragma("synchronous", "extra")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("PRAGMA schema_version").get  # noqa: B018  reads and checks the header
        connection.execute("COMMIT")
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)

    def _refuse_holders(self) -> None:
        if holders := processes_holding(self._target):
            who = ", ".join(described(process) for process in holders[:5])
            raise SourceError(f"{self._target} is open in {who}: stop it, and try again")

    def _overwrite(self, connection: apsw.Connection, temporary: Path, progress: Progress | None) -> None:
        self._leave_wal(connection)
        self._refuse_little_room(temporary)

        def watched(done: int, total: int) -> None:
            self._step("pages")
            if progress is not None:
                progress(done, total)

        with closing(open_snapshot(temporary)) as reader:
            run_backup(reader, connection, watched, lambda: note("file", f"{self._target} holds the restored database"))
        self._left_wal = False  # the new content brings its own journal mode
        self._step("committed")
        self._compare(temporary)
        self._step("compared")

    def _refuse_little_room(self, temporary: Path) -> None:
        """The rollback journal takes as much as the old database, and the new one may be larger."""
        old, new = self._target.stat().st_size, temporary.stat().st_size
        needed = old + old // 64 + max(0, new - old) + _SPARE_BYTES
        check_room(self._target.parent, needed, str(self._target), otherwise=None)

    def _compare(self, temporary: Path) -> None:
        with temporary.open("rb") as wanted:
            header = read_header(wanted.fileno())
            size = os.fstat(wanted.fileno()).st_size
            page_size = header.page_size if header else 512
            page = first_difference(self._descriptor, wanted.fileno(), page_size, size // page_size)
        if page is not None:
            raise SourceError(
                f"{self._target} reads back differently from what was written, at page {page}: "
                "do not use it, check the disk, and restore elsewhere"
            )

    def _leave_wal(self, connection: apsw.Connection) -> None:
        self._left_wal = connection.pragma("journal_mode") == "wal"
        if self._left_wal and connection.pragma("journal_mode", "delete") != "delete":
            raise SourceError(f"{self._target} cannot leave WAL mode: close what has it open, and try again")
        for suffix in ("-wal", "-shm"):  # the lock keeps everyone away from them
            Path(f"{self._target}{suffix}").unlink(missing_ok=True)
        sync(self._target.parent)
        self._step("wal-left")

    def _now_is(self, own: os.stat_result) -> str:
        there = self._target.stat()
        return "holds the restored database" if os.path.samestat(own, there) else "is as it was, without its -wal"

    def _rename(self, temporary: Path) -> None:
        self._refuse_holders()
        old = self._target.stat()
        with suppress(PermissionError):  # only root gives files away
            os.chown(temporary, old.st_uid, old.st_gid)
        temporary.chmod(old.st_mode & 0o7777)
        sync(temporary)
        for suffix in SIDECARS:
            Path(f"{self._target}{suffix}").unlink(missing_ok=True)
        sync(self._target.parent)
        self._step("cleared")
        own = temporary.stat()
        note("file", lambda: f"{self._target} {self._now_is(own)}")
        temporary.replace(self._target)
        sync(self._target.parent)
        self._step("renamed")
