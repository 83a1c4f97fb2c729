"""DOWNLOAD, UPLOAD and the page-by-page BACKUP. A connection has one download and one upload at a time."""

from typing import TYPE_CHECKING

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.errors import GENERIC, Refusal, no_such_database
from tests.servers.sqlitecloud.grammar import Arguments, command
from tests.servers.sqlitecloud.transfer import Download, PageBackup, Upload, announcement
from tests.servers.sqlitecloud.wire import Reply

if TYPE_CHECKING:
    from tests.servers.sqlitecloud.session import Session

_DONE = 101
_MOST_PAGES_BYTES = 64 << 20


@command("DOWNLOAD DATABASE <db> [IF EXISTS]", "DOWNLOAD", reserved=True)
def start_download(session: "Session", given: Arguments) -> Reply:
    server, name = session.server, given.text("db")
    _drop_download(session)
    database = server.catalog.find(name)
    if database is None:
        if given.has("IF EXISTS"):
            return wire.array([0, 0, server.catalog.raft])
        raise no_such_database(name)
    if database.disabled:
        raise Refusal(GENERIC, f"Database {name} is disabled.")
    session.download = Download(server.catalog, database)
    return announcement(session.download)


@command("DOWNLOAD STEP", reserved=True)
def download_step(session: "Session", given: Arguments) -> Reply:
    download = session.download
    if download is None or download.finished:
        _drop_download(session)
        return wire.OK
    return download.step(session.server.settings.number("download_chunk_size"))


@command("DOWNLOAD ABORT", reserved=True)
def download_abort(session: "Session", given: Arguments) -> Reply:
    _drop_download(session)
    return wire.OK


def _drop_download(session: "Session") -> None:
    if session.download is not None:
        session.download.close()
        session.download = None


@command("UPLOAD DATABASE <db> [KEY <key>] [REPLACE]", "CREATE_DATABASE", reserved=True)
def start_upload(session: "Session", given: Arguments) -> Reply:
    if session.upload is not None:
        raise Refusal(GENERIC, "Unable to start the upload: another upload operation is in place.")
    replace = given.has("REPLACE")
    if replace:
        session.require(frozenset({"DROP_DATABASE"}), given.text("db"))
    catalog = session.server.catalog
    session.upload = Upload(catalog, given.text("db"), key=given.optional("key"), replace=replace)
    return wire.OK


@command("UPLOAD ABORT", reserved=True)
def upload_abort(session: "Session", given: Arguments) -> Reply:
    if session.upload is not None:
        session.upload.abort()
        session.upload = None
    return wire.OK


@command("BACKUP INIT [SOURCE <source>]", "BACKUP", reserved=True)
@command("BACKUP INIT <target> [SOURCE <source>]", "BACKUP", reserved=True)
def backup_init(session: "Session", given: Arguments) -> Reply:
    source = given.optional("source") or "main"
    if source != "main":
        raise Refusal(GENERIC, f"Unable to back up {source}: only main is served.")
    backup = PageBackup(session.server.catalog, session.current())
    index = next(number for number in range(len(session.backups) + 1) if number not in session.backups)
    session.backups[index] = backup
    return wire.array([40, index, backup.page_size, backup.pages])


@command("BACKUP STEP <index> PAGES <pages>", reserved=True)
def backup_step(session: "Session", given: Arguments) -> Reply:
    index, backup = _backup(session, given)
    most = _MOST_PAGES_BYTES // backup.page_size
    wanted = given.number("pages")
    count, records = backup.step(most if wanted < 0 else min(wanted, most))
    result = _DONE if not backup.remaining else 0
    return wire.array([41, index, result, backup.pages, backup.remaining, count, records])


@command("BACKUP REMAINING <index>", reserved=True)
def backup_remaining(session: "Session", given: Arguments) -> Reply:
    return wire.integer(_backup(session, given)[1].remaining)


@command("BACKUP PAGECOUNT <index>", reserved=True)
def backup_pages(session: "Session", given: Arguments) -> Reply:
    return wire.integer(_backup(session, given)[1].pages)


@command("BACKUP FINISH <index>", reserved=True)
def backup_finish(session: "Session", given: Arguments) -> Reply:
    index, backup = _backup(session, given)
    backup.close()
    del session.backups[index]
    return wire.array([42, 0, 0])


def _backup(session: "Session", given: Arguments) -> tuple[int, PageBackup]:
    index = given.number("index")
    if index not in session.backups:
        raise Refusal(GENERIC, f"Backup {index} is not in place or already deallocated.")
    return index, session.backups[index]
