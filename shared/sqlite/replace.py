"""Replaces an existing database with a restored one.

A database that SQLite can read is overwritten through SQLite in one transaction, not replaced by a rename. A process
that had opened the old file while waiting for our lock would otherwise continue in an unlinked file and, worse, use the
new file's `-wal` and `-journal`, which are found by name. When the file is overwritten, that process just sees the next
transaction. Owner, mode, hard links and single-file mounts are also kept.

The order of effects, and the content after a crash at that point:

    locked          exclusively; a hot journal or a WAL is recovered first, as on any opening    old
    safety copy     made by the caller, through the locked connection                            old
    WAL left        the main file has all content, -wal and -shm are removed                     old
    pages written   each old page is in the rollback journal, on disk, before it is overwritten  old, rolled back
    committed       the journal is invalid from here on                                          new
    compared        every page is read back                                                      new

A file that SQLite cannot read is replaced by a rename, because no process can use it:

    locked          with SQLite's lock bytes, without SQLite                                     old
    kept            main file, -wal and -journal are copied byte by byte, beside the target      old
    cleared         -wal, -journal and -shm are removed, on disk, before the rename: SQLite      old, also kept
                    would use them with the new file
    renamed                                                                                      new
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


def _no_step(name: str) -> None:
    """Default for `step`: does nothing."""


class InPlace:
    """Locks the database at `target` and replaces it: no other process reads or writes it inside the `with`.

    Raises UsageError if there is nothing to replace, SourceError while another process has it open.
    `step` is called with the name of each completed step, so that tests can stop there.
    """

    def __init__(
        self,
        target: Path,
        moment: datetime,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        step: Callable[[str], None] = _no_step,
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
        """Whether SQLite cannot read the file. Then `keep_bytes` makes the safety copy, else `snapshot`."""
        return self._connection is None

    def __enter__(self) -> Self:
        if not self._target.exists():
            raise UsageError(
                f"cannot replace {self._target}: the file does not exist; leave out --in-place to create it"
            )
        if not self._target.is_file():
            raise UsageError(f"{self._target} is not a file: name the database file to replace")
        refuse_foreign_place(self._target)
        # -wal and -journal are beside the real file, and a link must stay a link.
        self._target = self._target.resolve()
        refuse_odd_sidecars(self._target)
        with ExitStack() as opening, sqlite_errors(self._target, self._target.parent):
            # Closed after the connection: closing the descriptor earlier would drop the connection's locks.
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
            with suppress(apsw.Error):  # best effort: the content is the same in either mode
                self._connection.pragma("journal_mode", "wal")
        self._stack.close()
        self._step("closed")

    def snapshot(self, destination: Path, *, progress: Progress | None = None) -> FileSnapshot:
        """Makes the safety copy through the locked connection: no other process can write after it."""
        if self._connection is None:
            raise RuntimeError("a damaged file has no snapshot: keep_bytes() is its safety copy")
        with sqlite_errors(self._target, destination.parent):
            create_image(destination)
            copy_pages(self._connection, destination, progress)
            found = finish_image(destination)
        self._kept = True
        return found

    def keep_bytes(self) -> Path:
        """Makes the safety copy of a damaged file with its `-wal` and `-journal`: `TARGET.before-restore-TIME`."""
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

        Both are opened once, without following links, so that no name can be swapped meanwhile.
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
        """Replaces the target's content with that of the closed file `temporary` beside it, durably.

        Raises SourceError, with the old content unchanged. The caller removes `temporary`.
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
        # Otherwise SQLite removes the -wal when it closes a file that it could not read.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return connection

    def _lock(self, connection: apsw.Connection) -> None:
        # Set before the first access, so that a WAL is opened without -shm and no other process can connect.
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
        self._check_free_space(temporary)

        def watched(done: int, total: int) -> None:
            self._step("pages")
            if progress is not None:
                progress(done, total)

        with closing(open_snapshot(temporary)) as reader:
            run_backup(reader, connection, watched, lambda: note("file", f"{self._target} holds the restored database"))
        self._left_wal = False  # the new content has its own journal mode
        self._step("committed")
        self._compare(temporary)
        self._step("compared")

    def _check_free_space(self, temporary: Path) -> None:
        """Checks the free space: the rollback journal is as large as the old database; the new one may be larger."""
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
        for suffix in ("-wal", "-shm"):  # safe under the exclusive lock
            Path(f"{self._target}{suffix}").unlink(missing_ok=True)
        sync(self._target.parent)
        self._step("wal-left")

    def _outcome(self, own: os.stat_result) -> str:
        there = self._target.stat()
        return "holds the restored database" if os.path.samestat(own, there) else "is as it was, without its -wal"

    def _rename(self, temporary: Path) -> None:
        """Replaces a file that SQLite cannot read by a rename, with its owner and mode."""
        self._refuse_holders()
        old = self._target.stat()
        with suppress(PermissionError):  # only root may change owners
            os.chown(temporary, old.st_uid, old.st_gid)
        temporary.chmod(old.st_mode & 0o7777)
        sync(temporary)
        for suffix in SIDECARS:
            Path(f"{self._target}{suffix}").unlink(missing_ok=True)
        sync(self._target.parent)
        self._step("cleared")
        own = temporary.stat()
        note("file", lambda: f"{self._target} {self._outcome(own)}")
        temporary.replace(self._target)
        sync(self._target.parent)
        self._step("renamed")
