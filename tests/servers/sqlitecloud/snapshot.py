"""Copies one committed state of a database into a file, page by page."""

from pathlib import Path

import apsw


def copy_database(source: Path, target: Path) -> None:
    """Copies the current committed state, including the write-ahead log, without blocking writers."""
    reader = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    writer = apsw.Connection(str(target))
    try:
        reader.set_busy_timeout(5000)
        writer.pragma("synchronous", "off")
        writer.pragma("journal_mode", "off")
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(-1)
    finally:
        writer.close()
        reader.close()


def page_size(path: Path) -> int:
    """Returns the page size in the header of an ordinary database, or 4096 without a valid header."""
    with path.open("rb") as file:
        header = file.read(18)
    size = int.from_bytes(header[16:18])
    if size == 1:
        return 65536
    return size if len(header) == 18 and size >= 512 and size & (size - 1) == 0 else 4096
