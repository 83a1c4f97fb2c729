"""One committed state of a database, copied page by page into a file of its own."""

from pathlib import Path

import apsw


def copy_database(source: Path, target: Path) -> None:
    """Copy what is committed at this moment, the write-ahead log's part included; writers go on."""
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
    """The page size an ordinary database names in its header, 4096 where there is none to read."""
    with path.open("rb") as file:
        header = file.read(18)
    size = int.from_bytes(header[16:18])
    if size == 1:
        return 65536
    return size if len(header) == 18 and size >= 512 and size & (size - 1) == 0 else 4096
