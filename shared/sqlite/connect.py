"""Opening SQLite files: how a path becomes a URI, and readers that change nothing."""

import os
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import apsw

UNREADABLE_SCHEMA = "has a schema that SQLite cannot read (it is damaged, or of a newer SQLite or another engine)"


def _share_no_counters() -> None:
    """Turns off SQLite's memory statistics: they take a lock that all threads wait for, and nothing reads them."""
    if not apsw.connections():  # it can only be told before it is used
        apsw.shutdown()
        apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
        apsw.initialize()


_share_no_counters()


def uri(path: Path, *options: str) -> str:
    """A `file:` URI of the real path, any byte in it escaped (https://sqlite.org/uri.html)."""
    escaped = quote(os.fsencode(path.resolve()), safe="/")
    return f"file:{escaped}" + ("?" + "&".join(options) if options else "")


def open_read_only(path: Path, *options: str) -> apsw.Connection:
    """Opens with `mode=ro` and further URI options; creates nothing, and distrusts the schema."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(uri(path, "mode=ro", *options), flags=flags)
    try:
        distrust(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_snapshot(path: Path) -> apsw.Connection:
    """Opens a file that has no writer: no lock is taken, and no `-wal` or `-shm` appears beside it.

    Only for private copies: on a file that changes meanwhile, SQLite would read nonsense.
    """
    return open_read_only(path, "immutable=1")


def distrust(connection: apsw.Connection) -> None:
    """The schema may come from anyone: it calls no function with side effects, and writes no shadow tables."""
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)


def why_schema_unreadable(path: Path) -> str | None:
    """What keeps SQLite from reading the schema, as the end of a sentence that begins with the file's name.

    None also where that cannot be seen without leaving a trace: after a crash, or while others write.
    """
    try:
        with closing(open_read_only(path, "readonly_shm=1")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except (apsw.CorruptError, apsw.SQLError, apsw.NotADBError) as error:
        return f"{UNREADABLE_SCHEMA}: {error}"
    except apsw.Error:
        return None
    return None
