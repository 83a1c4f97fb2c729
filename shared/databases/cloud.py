"""Snapshots of a database on SQLite Cloud: downloaded, counted, and looked at before anyone relies on them.

The node makes a snapshot when a download begins and hands it out in steps. That it is one committed state is not
promised anywhere, so what arrives has to show it: the announced size to the byte, pages that fill it, a header that
agrees, and SQLite's quick_check. What does not is never a snapshot.
"""

import shutil
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

    The manifest's source gets the node's version and, as `raft_index`, the position of its log. With
    `allow_corrupt` a damaged database is taken as it is. Raises CorruptSource for what is no whole database (an
    encrypted one is not to us), CloudError or SourceError when it cannot be had. Nothing is left then.
    """
    create_image(destination)
    try:
        announced, version = databases.on_node(
            location.address, lambda session: _download(session, location, destination, watch)
        )
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
    return image, _origin(location, header, announced, version)


def look_at(location: CloudLocation) -> str:
    """What the node says of a database, without copying it. Raises SourceError when it cannot be used."""
    found = databases.on_node(location.address, lambda session: databases.find(session, location.database))
    if found is None:
        raise SourceError(f"{location.display} is not there, or this role may not see it: check the name")
    if found.trouble:
        raise SourceError(f"{location.display} is {found.trouble}: mend that on the node first")
    return f"reachable, {found.size} bytes"


def _origin(location: CloudLocation, header: Header, announced: Announced, version: str | None) -> Source:
    return Source.model_validate(
        {
            "type": "sqlitecloud",
            "host": location.address.host,
            "sqlite_version": header.sqlite_version,
            "size_bytes": announced.size,
            "node_version": version or "unknown",
            "raft_index": announced.raft_index,
        }
    )


def _download(
    session: Session, location: CloudLocation, destination: Path, watch: Watcher
) -> tuple[Announced, str | None]:
    version = databases.version(session)
    announced = session.start_download(location.database)
    if not announced.size:
        raise CorruptSource(f"{location.display} is empty (0 bytes) and holds no database: find out what emptied it")
    free = shutil.disk_usage(destination.parent).free
    if free < announced.size + _SPARE_BYTES:
        raise SourceError(
            f"no room in {destination.parent} for {location.display} ({megabytes(free)} free, "
            f"{megabytes(announced.size)} needed): free some, or set TMPDIR to a larger place"
        )
    with destination.open("r+b") as file:
        file.truncate()

        def save(piece: memoryview) -> None:
            try:
                file.write(piece)
            except OSError as error:
                raise from_system(error, Path(location.database), destination.parent) from None

        session.save_download(announced, save, watch)
    return announced, version


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
