"""Snapshots of a database on SQLite Cloud: fetched and then checked.

The node takes a snapshot when a download begins and sends it in steps. It is not documented that a snapshot is one
committed state, so each is checked: the announced size to the byte, whole pages, a consistent header, and SQLite's
quick_check. A download that fails a check is not used.

An encrypted database is downloaded as ciphertext, which cannot be checked. It is copied page by page instead, which
the node decrypts, and passes the same checks.
"""

from pathlib import Path

from shared.errors import CorruptSource, SourceError
from shared.model.manifest import Source
from shared.sqlite.checks import check_integrity
from shared.sqlite.header import Header, read_header
from shared.sqlite.image import FileSnapshot, create_image
from shared.sqlitecloud import databases
from shared.sqlitecloud.fetch import Fetched, fetch
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.session import Announced, Session, Watcher
from shared.text import count


def snapshot_cloud(
    location: CloudLocation, destination: Path, *, allow_corrupt: bool = False, watch: Watcher
) -> tuple[FileSnapshot, Source]:
    """Fetches the database into the new file `destination`, mode 0600. Retries transient errors, from scratch.

    Returns the snapshot and the manifest's source: node version, log position (`raft_index`) and count of writes.
    `allow_corrupt` accepts a damaged database. Raises CorruptSource for a damaged or truncated database, or pages that
    the node does not decrypt; CloudError or SourceError if it cannot be fetched. The file is removed then.
    """
    create_image(destination)
    try:
        found = fetch(location, destination, watch)
        header = _checked_header(location, destination, found)
        if not allow_corrupt:
            _check_pages(location, destination)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
    image = FileSnapshot(
        path=destination,
        journal_mode=header.journal_mode,
        page_size=header.page_size,
        page_count=found.pages,
        size_bytes=found.size,
        sqlite_version=header.sqlite_version,
    )
    return image, _origin(location, header, found)


def describe(location: CloudLocation) -> str:
    """Returns one line on a database, without copying it. Raises SourceError if it cannot be used."""
    found = databases.on_node(location.address, lambda session: databases.find(session, location.database))
    if found is None:
        raise SourceError(f"{location.display} does not exist, or this role may not see it: check the name")
    if found.trouble:
        raise SourceError(f"{location.display} is {found.trouble}: fix that on the node first")
    size = "of unknown size" if found.size is None else count(found.size, "byte")
    return f"reachable, {size}{', encrypted' if found.encrypted else ''}"


def unchanged_since(location: CloudLocation, origin: Source) -> bool:
    """Returns whether nothing was written since the snapshot of that `origin`, as far as the node reports.

    Log position, count of writes and size must all be the same. The log is the whole cluster's, so a write to another
    database makes this one look changed, and so does a missing position or count. Raises CloudError.
    """
    then = origin.model_dump()
    if then["type"] != "sqlitecloud" or then["host"] != location.address.host or not then.get("raft_index"):
        return False
    if then.get("writes") is None:
        return False

    def now(session: Session) -> tuple[int | None, Announced]:
        listed = databases.find(session, location.database)
        return listed.writes if listed else None, session.start_download(location.database)

    writes, announced = databases.on_node(location.address, now)
    found = {"writes": writes, "raft_index": announced.raft_index, "size_bytes": announced.size}
    return all(then.get(name) == value for name, value in found.items())


def _origin(location: CloudLocation, header: Header, found: Fetched) -> Source:
    return Source.model_validate(
        {
            "type": "sqlitecloud",
            "host": location.address.host,
            "sqlite_version": header.sqlite_version,
            "size_bytes": found.announced.size,
            "node_version": found.version or "unknown",
            "raft_index": found.announced.raft_index,
            "writes": found.writes,
            **({"encrypted": True} if found.encrypted else {}),
        }
    )


def _checked_header(location: CloudLocation, image: Path, found: Fetched) -> Header:
    with image.open("rb") as file:
        header = read_header(file.fileno())
    if header is None:
        raise CorruptSource(
            f"{location.display} has no SQLite header: it is damaged, or encrypted and the node does not decrypt it "
            "(then back up a decrypted copy, or use the platform's own backups)"
        )
    count = header.page_count or found.pages
    if found.size != found.pages * header.page_size or count != found.pages:
        raise CorruptSource(
            f"the snapshot of {location.display} is inconsistent: {found.size} bytes and {found.pages} pages were "
            f"announced, and its header says {count} pages of {header.page_size} bytes; try again"
        )
    return header


def _check_pages(location: CloudLocation, image: Path) -> None:
    integrity = check_integrity(image, quick=True)
    if not integrity.good:
        raise CorruptSource(
            f"{location.display} is damaged, quick_check says: {integrity.problems[0]}; try again, and if that does "
            "not help, add --allow-corrupt to back up its pages as they are"
        )
