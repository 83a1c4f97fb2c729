"""Snapshots of a database on SQLite Cloud: downloaded, counted, and looked at before anyone relies on them.

The node makes a snapshot when a download begins and hands it out in steps. That it is one committed state is not
promised anywhere, so what arrives has to show it: the announced size to the byte, pages that fill it, a header that
agrees, and SQLite's quick_check. What does not is never a snapshot.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.cloud import databases
from shared.cloud.session import Announced, Session, Watcher
from shared.databases.checks import check_integrity
from shared.databases.header import Header, read_header
from shared.databases.image import FileSnapshot, create_image
from shared.databases.location import CloudLocation
from shared.databases.sqlite_failures import from_system, megabytes
from shared.errors import CorruptSource, SourceError
from shared.manifest import Source

_SPARE_BYTES = 1 << 20


def snapshot_cloud(
    location: CloudLocation, destination: Path, *, allow_corrupt: bool = False, watch: Watcher
) -> tuple[FileSnapshot, Source]:
    """Downloads the database into the new file `destination`, mode 0600; what may pass is tried again, from scratch.

    The manifest's source gets the node's version, the position of its log (`raft_index`) and its count of writes. With
    `allow_corrupt` a damaged database is taken as it is. Raises CorruptSource for what is no whole database (an
    encrypted one is not to us), CloudError or SourceError when it cannot be had. Nothing is left then.
    """
    create_image(destination)
    try:
        found = databases.on_node(location.address, lambda session: _download(session, location, destination, watch))
        announced = found.announced
        header = _checked_header(location, destination, announced)
        if not allow_corrupt:
            _check_pages(location, destination)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
    image = FileSnapshot(
        path=destination,
        journal_mode=header.journal_mode,
        page_size=header.page_size,
        page_count=announced.pages,
        size_bytes=announced.size,
        sqlite_version=header.sqlite_version,
    )
    return image, _origin(location, header, found)


def look_at(location: CloudLocation) -> str:
    """What the node says of a database, without copying it. Raises SourceError when it cannot be used."""
    found = databases.on_node(location.address, lambda session: databases.find(session, location.database))
    if found is None:
        raise SourceError(f"{location.display} is not there, or this role may not see it: check the name")
    if found.trouble:
        raise SourceError(f"{location.display} is {found.trouble}: mend that on the node first")
    return f"reachable, {found.size} bytes"


def unchanged_since(location: CloudLocation, origin: Source) -> bool:
    """Whether nothing was written since the snapshot of that `origin`, as far as the node can tell.

    The position of the log, the count of writes and the size must all be as they were. The log is the whole
    cluster's, so a write to another database makes this one look changed; a count that the node does not give does
    too. Raises CloudError.
    """
    then = origin.model_dump()
    if then["type"] != "sqlitecloud" or then["host"] != location.address.host or then.get("writes") is None:
        return False

    def now(session: Session) -> tuple[int | None, Announced]:
        listed = databases.find(session, location.database)
        return listed.writes if listed else None, session.start_download(location.database)

    writes, announced = databases.on_node(location.address, now)
    found = {"writes": writes, "raft_index": announced.raft_index, "size_bytes": announced.size}
    return all(then.get(name) == value for name, value in found.items())


@dataclass(frozen=True)
class _Downloaded:
    announced: Announced
    version: str | None
    writes: int | None


def _origin(location: CloudLocation, header: Header, found: _Downloaded) -> Source:
    return Source.model_validate(
        {
            "type": "sqlitecloud",
            "host": location.address.host,
            "sqlite_version": header.sqlite_version,
            "size_bytes": found.announced.size,
            "node_version": found.version or "unknown",
            "raft_index": found.announced.raft_index,
            "writes": found.writes,
        }
    )


def _download(session: Session, location: CloudLocation, destination: Path, watch: Watcher) -> _Downloaded:
    version = databases.version(session)
    # Counted before the snapshot is taken: what is written meanwhile makes it look changed, never unchanged.
    listed = databases.find(session, location.database)
    announced = session.start_download(location.database)
    if not announced.size:
        raise CorruptSource(f"{location.display} is empty (0 bytes) and holds no database: find out what emptied it")
    free = shutil.disk_usage(destination.parent).free
    if free < announced.size + _SPARE_BYTES:
        raise SourceError(
            f"no room in {destination.parent} for {location.display} ({megabytes(free)} free, "
            f"{megabytes(announced.size)} needed): free some, or set TMPDIR to a larger place"
        )
    with _own_disk(location, destination), destination.open("r+b") as file:
        file.truncate()

        def save(piece: memoryview) -> None:
            with _own_disk(location, destination):
                file.write(piece)

        session.save_download(announced, save, watch)
    return _Downloaded(announced, version, listed.writes if listed else None)


@contextmanager
def _own_disk(location: CloudLocation, destination: Path) -> Iterator[None]:
    """A full disk here is no broken connection."""
    try:
        yield
    except OSError as error:
        raise from_system(error, Path(location.database), destination.parent) from None


def _checked_header(location: CloudLocation, image: Path, announced: Announced) -> Header:
    with image.open("rb") as file:
        header = read_header(file.fileno())
    if header is None:
        raise CorruptSource(
            f"{location.display} came without SQLite's header: it is encrypted (decrypt a copy on the node and back "
            "that up, or use the platform's own backups), or damaged"
        )
    count = header.page_count or announced.pages
    if announced.size != announced.pages * header.page_size or count != announced.pages:
        raise CorruptSource(
            f"{location.display} came torn: {announced.size} bytes and {announced.pages} pages were announced, "
            f"and its header says {count} pages of {header.page_size} bytes; try again"
        )
    return header


def _check_pages(location: CloudLocation, image: Path) -> None:
    integrity = check_integrity(image, quick=True)
    if not integrity.good:
        raise CorruptSource(
            f"{location.display} came damaged, quick_check says: {integrity.problems[0]}; try again, and if it stays "
            "so, add --allow-corrupt to keep its pages as they are"
        )
