"""Commands that list databases, and the schema of the current one."""

from typing import TYPE_CHECKING

import apsw

from tests.servers.sqlitecloud.accounts import USE
from tests.servers.sqlitecloud.engine import Rows
from tests.servers.sqlitecloud.errors import NOT_FOUND, Refusal
from tests.servers.sqlitecloud.grammar import Arguments, command
from tests.servers.sqlitecloud.keywords import KEYWORDS
from tests.servers.sqlitecloud.native import BACKUP
from tests.servers.sqlitecloud.rowsets import table
from tests.servers.sqlitecloud.wire import Value

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.sqlitecloud.catalog import Database
    from tests.servers.sqlitecloud.session import Session

_OK, _DISABLED, _ERROR = 1, 2, 4
_DETAILS = ["name", "size", "connections", "encryption", "backup", "nread", "nwrite", "inbytes", "outbytes"]
_DETAILS += ["fragmentation", "pagesize", "encoding", "status", "wal_size", "shm_size", "cloudsync", "rls", "udf"]
_METADATA = """
SELECT c.name, c.type AS data_type, 'BINARY' AS col_seq, c."notnull" AS not_null, c.pk > 0 AS primary_key,
       c.pk > 0 AND lower(m.sql) LIKE '%autoincrement%' AS auto_inc, m.name AS tablename, 0 AS affinity_type
FROM sqlite_master m, pragma_table_info(m.name) c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' """


@command("LIST DATABASES")
def names(session: "Session", given: Arguments) -> Rows:
    catalog = session.server.catalog
    return table(["name"], [(one.name,) for one in catalog.all() if not one.disabled])


@command("LIST DATABASES DETAILED")
def detailed(session: "Session", given: Arguments) -> Rows:
    return table(_DETAILS, [_details(session, one) for one in session.server.catalog.all()])


def _details(session: "Session", database: "Database") -> tuple[Value, ...]:
    using = sum(one.database is database for one in session.server.sessions.copy().values())
    locked = database.locked
    size, encoding, waste = (None, None, "0.00") if locked else _inside(database.path)
    status = _ERROR if size is None else _DISABLED if database.disabled else _OK
    wal, shm = (_size(f"{database.path}{side}", database.path) for side in ("-wal", "-shm"))
    encryption = "AES256" if locked or database.key is not None else None
    watched = int(database.keys.get(BACKUP) == "1")
    counts = (0, database.commits, 0, 0)
    first = (database.name, database.size(), using, encryption, watched, *counts)
    return (*first, waste, size, encoding, status, wal, shm, None, 0, 0)


def _inside(path: "Path") -> tuple[int | None, str | None, str]:
    """Returns page size, encoding, and the percentage of free pages as text; None for those of a damaged file."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        pages, free = connection.pragma("page_count"), connection.pragma("freelist_count")
        waste = f"{100 * free / pages if pages else 0:.2f}"
        return connection.pragma("page_size"), connection.pragma("encoding"), waste
    except apsw.Error:
        return None, None, "0.00"
    finally:
        connection.close()


def _size(name: str, beside: "Path") -> int:
    path = beside.with_name(name.rsplit("/", 1)[-1])
    return path.stat().st_size if path.exists() else 0


@command("LIST TABLES", *USE)
def tables(session: "Session", given: Arguments) -> Rows:
    return _ask(session, "SELECT schema, name, type, ncol, wr, strict FROM pragma_table_list WHERE type='table'")


@command("LIST INDEXES", *USE)
def indexes(session: "Session", given: Arguments) -> Rows:
    return _ask(session, "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'")


@command("LIST METADATA [TABLE <table>]", *USE)
@command("LIST METADATA <schema> [TABLE <table>]", *USE)
def metadata(session: "Session", given: Arguments) -> Rows:
    name = given.optional("table")
    if name is None:
        return _ask(session, _METADATA)
    found = _ask(
        session,
        f"SELECT name, data_type, col_seq, not_null, primary_key, auto_inc FROM ({_METADATA}) "
        "WHERE tablename = ? COLLATE NOCASE",
        name,
    )
    if not found.rows:
        raise Refusal(NOT_FOUND, f"Table {name} does not exist.")
    return found


@command("LIST KEYWORDS")
def keywords(session: "Session", given: Arguments) -> Rows:
    return table(["key"], [(word,) for word in KEYWORDS])


@command("GET SQL <table>", *USE)
def sql(session: "Session", given: Arguments) -> Rows:
    found = _ask(session, "SELECT sql FROM sqlite_master WHERE name = ? COLLATE NOCASE", given.text("table"))
    if not found.rows:
        raise Refusal(NOT_FOUND, f"Table {given.text('table')} does not exist.")
    return found


def _ask(session: "Session", query: str, *bindings: Value) -> Rows:
    found = session.sql(query, iter(bindings))
    assert isinstance(found, Rows)
    return found
