"""Commands for the node: ping, sleep, info, connections, command list."""

import platform
from typing import TYPE_CHECKING

import apsw

from tests.servers.sqlitecloud import wire
from tests.servers.sqlitecloud.accounts import HOSTADMIN
from tests.servers.sqlitecloud.clock import spaced
from tests.servers.sqlitecloud.engine import Rows
from tests.servers.sqlitecloud.errors import GENERIC, NOT_FOUND, Refusal
from tests.servers.sqlitecloud.grammar import Arguments, command, entries
from tests.servers.sqlitecloud.rowsets import table
from tests.servers.sqlitecloud.wire import Reply, Value

if TYPE_CHECKING:
    from tests.servers.sqlitecloud.session import Session

VERSION = "1.0.0-local"
_CLUSTER = ("CLUSTERADMIN", "CLUSTERMONITOR")
_CONNECTION = ["id", "address", "username", "database", "connection_date", "last_activity"]


@command("PING", before_auth=True)
def ping(session: "Session", given: Arguments) -> Reply:
    return wire.string("PONG")


@command("SLEEP <ms>")
def sleep(session: "Session", given: Arguments) -> Reply:
    session.server.stopping.wait(given.number("ms") / 1000)
    return wire.OK


@command("GET USER")
def user(session: "Session", given: Arguments) -> Reply:
    return wire.string(session.user.name if session.user else "")


@command("GET CONNECTION STATUS", reserved=True)
def status(session: "Session", given: Arguments) -> Reply:
    database = session.database.name if session.database else None
    return wire.array([session.user.name if session.user else None, database, 0, 0])


@command("CLOSE CONNECTION <id> [NODE <node>]", *_CLUSTER)
def close_connection(session: "Session", given: Arguments) -> Reply:
    other = session.server.sessions.get(given.number("id"))
    if other is None:
        raise Refusal(NOT_FOUND, f"Connection {given.text('id')} does not exist.")
    if other is session:
        session.closing = True
    else:
        other.hang_up()
    return wire.OK


@command("LIST CONNECTIONS [NODE <node>]", *_CLUSTER)
def connections(session: "Session", given: Arguments) -> Rows:
    return table(_CONNECTION, [_connection(one) for one in _sessions(session)])


@command("LIST DATABASE <db> CONNECTIONS [ID]", "HOSTADMIN", *HOSTADMIN)
def database_connections(session: "Session", given: Arguments) -> Rows:
    wanted = given.text("db")
    found = [
        _connection(one)
        for one in _sessions(session)
        if one.database is not None and wanted == (str(one.database.ident) if given.has("ID") else one.database.name)
    ]
    return table(_CONNECTION, found)


def _sessions(session: "Session") -> "list[Session]":
    return [one for _, one in sorted(session.server.sessions.copy().items())]


def _connection(one: "Session") -> tuple[Value, ...]:
    name = one.user.name if one.user else None
    database = one.database.name if one.database else None
    return one.number, one.address, name, database, spaced(one.since), spaced(one.active)


def _facts(session: "Session") -> dict[str, str]:
    return {
        "sqlitecloud_version": VERSION,
        "sqlite_version": apsw.sqlite_lib_version(),
        "os": platform.system(),
        "architecture": platform.machine(),
        "tls": session.record.tls or "none",
        "node_id": "1",
        "listening_port": str(session.server.port),
        "num_connections": str(len(session.server.sessions)),
        "num_databases": str(len(session.server.catalog.names())),
    }


@command("LIST INFO", *_CLUSTER)
def info(session: "Session", given: Arguments) -> Rows:
    return table(["key", "value"], list(_facts(session).items()))


@command("GET INFO <key> [NODE <node>]", *_CLUSTER)
def one_fact(session: "Session", given: Arguments) -> Reply:
    found = _facts(session).get(given.text("key"))
    if found is None:
        raise Refusal(NOT_FOUND, f"Unknown info {given.text('key')}.")
    return wire.string(found)


@command("LIST NODES", *_CLUSTER)
def nodes(session: "Session", given: Arguments) -> Rows:
    server = session.server
    row = (1, f"{server.host}:{server.port}", f"{server.host}:9860", "Leader", "Replicate", server.catalog.raft)
    columns = ["id", "node", "cluster", "status", "progress", "match", "last_activity"]
    return table(columns, [(*row, spaced(server.clock.now()))])


@command("GET LEADER [ID]", *_CLUSTER)
def leader(session: "Session", given: Arguments) -> Reply:
    if given.has("ID"):
        return wire.integer(1)
    return wire.string(f"{session.server.host}:{session.server.port}")


@command("LIST COMMANDS [DETAILED]")
def list_commands(session: "Session", given: Arguments) -> Rows:
    return _commands(given, reserved=(False,))


@command("LIST RESERVED COMMANDS [DETAILED]", reserved=True)
def list_reserved(session: "Session", given: Arguments) -> Rows:
    return _commands(given, reserved=(False, True))


@command("LIST ONLY RESERVED COMMANDS [DETAILED]", reserved=True)
def list_only_reserved(session: "Session", given: Arguments) -> Rows:
    return _commands(given, reserved=(True,))


def _commands(given: Arguments, reserved: tuple[bool, ...]) -> Rows:
    shown = [entry for entry in entries() if entry.reserved in reserved]
    rows: list[tuple[Value, ...]] = [(entry.syntax, entry.count, 0.0) for entry in shown]
    if not given.has("DETAILED"):
        return table(["command", "count", "avgtime"], rows)
    names = [",".join(sorted(entry.privileges)) or "NONE" for entry in shown]
    rows = [(*row, name) for row, name in zip(rows, names, strict=True)]
    return table(["command", "count", "avgtime", "privileges"], rows)


@command("LIST LOG [FROM <from>] [TO <to>] [LEVEL <level>] [TYPE <type>] [ID] [LIMIT <limit>]", *_CLUSTER)
def log(session: "Session", given: Arguments) -> Rows:
    """Returns an empty log: the server does not log requests, so nothing needs to be masked."""
    if given.has("LIMIT") and given.number("limit") < 1:
        raise Refusal(GENERIC, "Invalid LIMIT.")
    return table(["datetime", "log_type", "log_level", "description"], [])
