"""Commands for the platform's continuous backups: settings, listing and restore."""

from typing import TYPE_CHECKING

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.clock import parse
from tests.servers.sqlitecloud.engine import Rows
from tests.servers.sqlitecloud.errors import GENERIC, Refusal
from tests.servers.sqlitecloud.grammar import Arguments, command
from tests.servers.sqlitecloud.native import BACKUP, INTERVAL, RETENTION
from tests.servers.sqlitecloud.rowsets import table
from tests.servers.sqlitecloud.wire import Reply

if TYPE_CHECKING:
    from datetime import datetime

    from tests.servers.sqlitecloud.session import Session

_COLUMNS = ["type", "replica", "generation", "index", "offset", "size", "created"]


@command("LIST BACKUPS", "BACKUP")
def list_backups(session: "Session", given: Arguments) -> Rows:
    return table(["name"], [(name,) for name in session.server.native.names()])


@command("LIST BACKUPS DATABASE <db>", "BACKUP")
def list_kept(session: "Session", given: Arguments) -> Rows:
    kept = session.server.native.kept(given.text("db"))
    return table(_COLUMNS, [one.row() for one in kept])


@command("LIST BACKUP SETTINGS", "BACKUP")
def list_settings(session: "Session", given: Arguments) -> Rows:
    rows = [
        (one.name, int(one.keys.get(BACKUP) == "1"), one.keys.get(RETENTION), one.keys.get(INTERVAL))
        for one in session.server.catalog.all()
    ]
    return table(["name", "enabled", RETENTION, INTERVAL], list(rows))


@command("APPLY BACKUP SETTINGS", "BACKUP")
def apply(session: "Session", given: Arguments) -> Reply:
    session.server.native.apply()
    return wire.OK


@command("RESTORE BACKUP DATABASE <db> [GENERATION <generation>] [INDEX <index>] [TIMESTAMP <at>]", "RESTORE")
def restore(session: "Session", given: Arguments) -> Reply:
    index = given.number("index") if given.has("INDEX") else None
    moment = _moment(given.optional("at"))
    session.server.native.restore(given.text("db"), moment, given.optional("generation"), index)
    return wire.OK


def _moment(text: str | None) -> "datetime | None":
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError:
        raise Refusal(GENERIC, f"Invalid timestamp {text}.") from None
