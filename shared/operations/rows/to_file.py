"""Writes the planned rows to a SQLite file, in one transaction."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from shared.errors import SourceError
from shared.operations.rows.apply import prepare, write_rows
from shared.operations.rows.prepared import Prepared
from shared.runtime.so_far import note
from shared.sqlite.connect import uri
from shared.sqlite.location import FileLocation
from shared.sqlite.neighbours import refuse_foreign_place
from shared.sqlite.sqlite_file import regular_file

_BUSY_MILLISECONDS = 10_000


class FileRows:
    """Implements `RowsTarget`."""

    def __init__(self, location: FileLocation) -> None:
        self._location = location

    def check(self) -> None:
        regular_file(self._location.path)
        refuse_foreign_place(self._location.path)

    def write(self, prepared: Prepared) -> None:
        done = f"the rows of {prepared.plan.table} are committed to {self._location.display}"
        write_file(regular_file(self._location.path), prepared, lambda: note("rows", done))


def write_file(path: Path, prepared: Prepared, committed: Callable[[], None] = lambda: None) -> None:
    """Writes the rows. Calls `committed` after the commit, even if an interruption arrives at that moment.

    Raises RowWritten, Conflict or SourceError, with nothing changed.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    try:
        with closing(apsw.Connection(uri(path, "mode=rw"), flags=flags)) as connection:
            connection.set_busy_timeout(_BUSY_MILLISECONDS)
            prepare(connection, triggers=prepared.writing.triggers)
            for name, file in (("a", prepared.backup), ("b", prepared.target), ("p", prepared.keys)):
                connection.execute(f"ATTACH ? AS {name}", (uri(file, "mode=ro", "immutable=1"),))
            connection.execute("BEGIN IMMEDIATE")
            try:
                write_rows(connection, prepared.writing)
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                elif not isinstance(error, Exception):
                    committed()
                raise
            committed()
    except apsw.BusyError:
        raise SourceError(f"{path} is locked by another program: nothing was changed, try again") from None
    except apsw.Error as error:
        raise SourceError(f"cannot write rows into {path}: {error}; nothing was changed") from None
