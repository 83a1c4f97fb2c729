"""Opens SQLite files: URIs of paths, and connections that change nothing."""

import os
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import apsw

UNREADABLE_SCHEMA = "has a schema that SQLite cannot read (it is damaged, or of a newer SQLite or another engine)"


def _disable_memory_statistics() -> None:
    """Turns off SQLite's memory statistics: they need a global lock, and nothing reads them."""
    if not apsw.connections():  # the setting is only allowed before the first use
        apsw.shutdown()
        apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
        apsw.initialize()


_disable_memory_statistics()


def uri(path: Path, *options: str) -> str:
    """Returns a `file:` URI of the resolved path, with every byte escaped (https://sqlite.org/uri.html)."""
    escaped = quote(os.fsencode(path.resolve()), safe="/")
    return f"file:{escaped}" + ("?" + "&".join(options) if options else "")


def open_read_only(path: Path, *options: str) -> apsw.Connection:
    """Opens with `mode=ro` and more URI options. Creates no file, and does not trust the schema."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(uri(path, "mode=ro", *options), flags=flags)
    try:
        distrust(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_snapshot(path: Path) -> apsw.Connection:
    """Opens a file that has no writer, without locks, `-wal` or `-shm`.

    Only for private copies: SQLite reads garbage from a file that changes meanwhile.
    """
    return open_read_only(path, "immutable=1")


def distrust(connection: apsw.Connection) -> None:
    """Forbids the schema, which may come from anyone, functions with side effects and writes to shadow tables."""
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)


def why_schema_unreadable(path: Path) -> str | None:
    """Returns why SQLite cannot read the schema, as the end of a sentence that begins with the file's name.

    Returns None if it can, and also if a check would change files: after a crash, or while others write.
    """
    try:
        with closing(open_read_only(path, "readonly_shm=1")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except (apsw.CorruptError, apsw.SQLError, apsw.NotADBError) as error:
        return f"{UNREADABLE_SCHEMA}: {error}"
    except apsw.Error:
        return None
    return None
