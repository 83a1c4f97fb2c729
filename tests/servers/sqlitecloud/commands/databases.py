"""Commands for databases: use, create, remove, disable, encrypt, and their keys."""

from typing import TYPE_CHECKING

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.accounts import HOSTADMIN, USE
from tests.servers.sqlitecloud.catalog import KEY
from tests.servers.sqlitecloud.engine import Rows
from tests.servers.sqlitecloud.errors import GENERIC, Refusal, database_exists
from tests.servers.sqlitecloud.grammar import Arguments, command
from tests.servers.sqlitecloud.rowsets import table
from tests.servers.sqlitecloud.wire import Reply

if TYPE_CHECKING:
    from tests.servers.sqlitecloud.session import Session


@command("USE DATABASE <db>", *USE)
@command("SWITCH DATABASE <db>", *USE, reserved=True)
def use(session: "Session", given: Arguments) -> Reply:
    session.use(given.text("db"))
    return wire.OK


@command("UNUSE DATABASE")
def unuse(session: "Session", given: Arguments) -> Reply:
    session.unuse()
    return wire.OK


@command(
    "CREATE DATABASE <db> [KEY <key>] [ENCODING <encoding>] [PAGESIZE <size>] [IF NOT EXISTS]",
    "CREATE_DATABASE",
)
def create(session: "Session", given: Arguments) -> Reply:
    catalog, name = session.server.catalog, given.text("db")
    if catalog.find(name) is not None:
        if given.has("IF NOT EXISTS"):
            return wire.OK
        raise database_exists(name)
    size = given.number("size") if given.has("PAGESIZE") else None
    catalog.create(name, given.optional("encoding"), size, given.optional("key"))
    return wire.OK


@command("REMOVE DATABASE <db> [IF EXISTS]", "DROP_DATABASE")
@command("DROP DATABASE <db> [IF EXISTS]", "DROP_DATABASE")
def remove(session: "Session", given: Arguments) -> Reply:
    catalog, name = session.server.catalog, given.text("db")
    database = catalog.find(name)
    if database is None:
        if given.has("IF EXISTS"):
            return wire.OK
        catalog.get(name)
    elif database is session.database:
        raise Refusal(GENERIC, f"Database {name} is in use by this connection: send UNUSE DATABASE first.")
    else:
        catalog.remove(database)
    return wire.OK


@command("ENABLE DATABASE <db>", "DBADMIN")
def enable(session: "Session", given: Arguments) -> Reply:
    return _switch(session, given, disabled=False)


@command("DISABLE DATABASE <db>", "DBADMIN")
def disable(session: "Session", given: Arguments) -> Reply:
    return _switch(session, given, disabled=True)


def _switch(session: "Session", given: Arguments, *, disabled: bool) -> Reply:
    catalog = session.server.catalog
    catalog.get(given.text("db")).disabled = disabled
    catalog.save()
    return wire.OK


@command("ENCRYPT DATABASE <db> KEY <key>", "CREATE_DATABASE")
@command("ENCRYPT DATABASE <db> WITH KEY <key>", "CREATE_DATABASE")
def encrypt(session: "Session", given: Arguments) -> Reply:
    database = session.server.catalog.usable(given.text("db"))
    database.keys[KEY] = given.text("key")
    return _rewritten(session, given)


@command("DECRYPT DATABASE <db>", "CREATE_DATABASE")
def decrypt(session: "Session", given: Arguments) -> Reply:
    database = session.server.catalog.usable(given.text("db"))
    database.keys.pop(KEY, None)
    return _rewritten(session, given)


def _rewritten(session: "Session", given: Arguments) -> Reply:
    catalog = session.server.catalog
    catalog.committed(catalog.get(given.text("db")))
    catalog.save()
    return wire.OK


@command("SET DATABASE <db> KEY <key> TO <value>", "PRAGMA")
def set_key(session: "Session", given: Arguments) -> Reply:
    catalog = session.server.catalog
    catalog.set_key(catalog.get(given.text("db")), given.text("key"), given.text("value"))
    return wire.OK


@command("REMOVE DATABASE <db> KEY <key>", "PRAGMA")
def remove_key(session: "Session", given: Arguments) -> Reply:
    catalog = session.server.catalog
    catalog.set_key(catalog.get(given.text("db")), given.text("key"), None)
    return wire.OK


@command("GET DATABASE <db> KEY <key>", "PRAGMA")
def get_key(session: "Session", given: Arguments) -> Reply:
    return wire.value(session.server.catalog.get(given.text("db")).keys.get(given.text("key")))


@command("LIST DATABASE <db> KEYS", "PRAGMA")
def list_keys(session: "Session", given: Arguments) -> Rows:
    keys = session.server.catalog.get(given.text("db")).keys
    return table(["key", "value"], sorted(keys.items()))


@command("GET DATABASE [ID] [SIZE] [NAME]", "HOSTADMIN", *HOSTADMIN)
def current(session: "Session", given: Arguments) -> Reply:
    database = session.current()
    if given.has("ID"):
        return wire.integer(database.ident)
    if given.has("SIZE"):
        return wire.integer(database.size())
    return wire.string(database.name)


@command("DATABASE FILENAME <schema>", reserved=True)
def filename(session: "Session", given: Arguments) -> Reply:
    if given.text("schema") != "main":
        raise Refusal(GENERIC, f"Unknown schema {given.text('schema')}.")
    return wire.string(f"/data/8860/databases/{session.current().name}")


@command("RESERVE DATABASE <db> [UUID <uuid>]", "CREATE_DATABASE", reserved=True)
def reserve(session: "Session", given: Arguments) -> Reply:
    session.server.catalog.reserved.add(given.text("db"))
    return wire.OK


@command("UNRESERVE DATABASE <db> [UUID <uuid>] [UUID]", "CREATE_DATABASE", reserved=True)
def unreserve(session: "Session", given: Arguments) -> Reply:
    session.server.catalog.reserved.discard(given.text("db"))
    return wire.OK
