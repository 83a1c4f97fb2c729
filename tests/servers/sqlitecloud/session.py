"""One connection: its user, current database and transfers, and the loop that serves its requests."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import apsw

from tests.servers.sqlitecloud import grammar, wire
from tests.servers.sqlitecloud.accounts import PRIVILEGES, User
from tests.servers.sqlitecloud.catalog import Database
from tests.servers.sqlitecloud.clientkeys import ClientKeys
from tests.servers.sqlitecloud.engine import Changes, Engine, Rows, refusal_of
from tests.servers.sqlitecloud.errors import (
    AUTH,
    COMMAND,
    GENERIC,
    INTERNAL,
    Hangup,
    Malformed,
    Refusal,
    no_such_database,
)
from tests.servers.sqlitecloud.outlet import Outlet, Record, close
from tests.servers.sqlitecloud.requests import Command, Piece, read_request
from tests.servers.sqlitecloud.rowsets import encode
from tests.servers.sqlitecloud.statements import split
from tests.servers.sqlitecloud.wire import Reply, Value

if TYPE_CHECKING:
    from datetime import datetime

    from tests.servers.sqlitecloud.server import Server
    from tests.servers.sqlitecloud.transfer import Download, PageBackup, Upload

MEMORY = ":memory:"
_KEPT_REQUESTS, _KEPT_CHARACTERS = 10_000, 2_000


class Session:
    """One connection. Only its own thread may use it, except for hang_up()."""

    def __init__(self, server: "Server", sock: socket.socket, address: str, record: Record) -> None:
        self.server = server
        self.record = record
        self.number = record.number
        self.address = address
        self.user: User | None = None
        self.database: Database | None = None
        self.in_memory = False
        self.client = ClientKeys(self.number, address)
        self.download: Download | None = None
        self.upload: Upload | None = None
        self.backups: dict[int, PageBackup] = {}
        self.since: datetime = server.clock.now()
        self.active: datetime = self.since
        self.closing = False
        self._socket = sock
        self._outlet = Outlet(sock, record, server.faults.budget())
        self._engine: Engine | None = None
        self._generation = -1
        self._granted: frozenset[str] = frozenset()

    def serve(self) -> None:
        """Serves requests until the client disconnects or is disconnected."""
        reset = False
        try:
            with self._socket.makefile("rb", buffering=1 << 16) as stream:
                while not self.closing:
                    request = read_request(stream, self.server.settings.number("request_limit"))
                    if request is None:
                        break
                    self._answer(request)
        except Hangup as hangup:
            reset = hangup.reset
        except (Malformed, OSError):
            pass  # a malformed request, or the client disconnected
        finally:
            self._release()
            close(self._socket, reset=reset)

    def hang_up(self) -> None:
        """Ends the connection and its running statement, from another thread."""
        self.closing = True
        if (engine := self._engine) is not None:
            with suppress(Exception):
                engine.interrupt()
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # below TLS, whose state belongs to the thread

    def _answer(self, request: Command | Piece) -> None:
        text = request.text
        if len(self.record.requests) < _KEPT_REQUESTS:
            self.record.requests.append(text[:_KEPT_CHARACTERS])
        self.active = self.server.clock.now()
        plan = self.server.faults.plan(text)
        for hook in plan.before:
            hook(self)
        reply = plan.instead if plan.instead is not None else self._reply(request)
        self._keep()
        for hook in plan.after:
            hook(self)
        for change in plan.alter:
            reply = change(b"".join(reply) if isinstance(reply, list) else bytes(reply))
        try:
            self._outlet.send(reply, cut=plan.cut, drip=plan.drip)
        except Hangup:
            raise Hangup(reset=plan.reset) from None
        if self.download is not None:
            self.download.prepare(self.server.settings.number("download_chunk_size"))

    def _keep(self) -> None:
        if self.database is not None:
            self.server.native.after_write(self.database)

    def _reply(self, request: Command | Piece) -> Reply:
        try:
            if isinstance(request, Piece):
                return self._piece(request.content)
            return self._command(request)
        except Refusal as refusal:
            return wire.error(refusal)
        except apsw.Error as failure:
            return wire.error(refusal_of(failure))
        except OSError as failure:
            return wire.error(Refusal(INTERNAL, f"{failure.strerror}."))

    def _command(self, request: Command) -> Reply:
        """Runs the statements of a request. The result of the last one is the reply."""
        statements = split(request.text)
        if not statements:
            raise Refusal(COMMAND, f"Unable to find command {request.text}")
        bindings = iter(request.bindings)
        for statement in statements[:-1]:
            self._run(statement, bindings)
        return self._encode(self._run(statements[-1], bindings))

    def _run(self, statement: str, bindings: Iterator[Value]) -> Reply | Rows | Changes | None:
        found = grammar.find(statement, bindings)
        if found is None:
            return self.sql(statement, bindings)
        entry, arguments = found
        entry.count += 1
        if not entry.before_auth:
            database = arguments.optional("db")
            self.require(entry.privileges, None if database == MEMORY else database)
        return entry.handler(self, arguments)

    def _encode(self, result: Reply | Rows | Changes | None) -> Reply:
        match result:
            case None:
                return wire.OK
            case Rows():
                return encode(result, self.client.shape(self.server.settings))
            case Changes():
                return wire.array([10, 0, result.rowid, result.changes, result.total, 1])
            case _:
                return result

    # Privileges

    def require(self, privileges: frozenset[str], database: str | None) -> None:
        """Raises Refusal unless the user has one of `privileges` on the database. None required means any user."""
        if self.user is None:
            raise Refusal(AUTH, "Authentication is required before this command.")
        if privileges and not privileges & self.server.accounts.granted(self.user, database):
            raise Refusal(AUTH, "The current user does not have the privilege to execute this command.")

    # The current database

    def use(self, name: str) -> None:
        """Changes the current database. If that fails, the old one remains current."""
        if name == MEMORY:
            engine = Engine(MEMORY, self._may, lambda: None, lambda: self.closing, 0)
            self.unuse()
            self._engine, self.in_memory = engine, True
            return
        database = self.server.catalog.usable(name)
        if database is self.database and not database.removed:
            return
        with database.gate.shared():
            engine = self._open(database)
        self.unuse()
        self._engine, self.database, self._generation = engine, database, database.generation

    def unuse(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine, self.database, self.in_memory = None, None, False

    def sql(self, statement: str, bindings: Iterator[Value]) -> Rows | Changes | None:
        """Runs one SQL statement on the current database."""
        self.require(frozenset(), None)
        if self.in_memory and self._engine is not None:
            self._granted = PRIVILEGES
            return self._engine.execute(statement, bindings)
        database = self.current()
        with database.gate.shared():
            self._granted = self._grants()
            return self._current_engine(database).execute(statement, bindings)

    def current(self) -> Database:
        """Returns the current database. Raises Refusal if there is none, or it was removed or disabled."""
        database = self.database
        if database is None:
            raise Refusal(GENERIC, "No database is in use: send USE DATABASE first.")
        if database.removed or database.disabled:
            self.unuse()
            raise no_such_database(database.name)
        return database

    def _current_engine(self, database: Database) -> Engine:
        engine = self._engine
        if engine is not None and self._generation == database.generation:
            return engine
        lost = engine is not None and engine.in_transaction
        if engine is not None:
            engine.close()
        self._engine = self._open(database)
        self._generation = database.generation
        if lost:
            raise Refusal(GENERIC, f"Database {database.name} was replaced and the transaction rolled back.")
        return self._engine

    def _open(self, database: Database) -> Engine:
        self._granted = PRIVILEGES
        return Engine(
            str(database.path),
            self._may,
            lambda: self.server.catalog.committed(database),
            lambda: self.closing,
            self.server.settings.number("dbbusy_timeout"),
        )

    def _grants(self) -> frozenset[str]:
        name = self.database.name if self.database is not None else None
        return self.server.accounts.granted(self.user, name) if self.user is not None else frozenset()

    def _may(self, privilege: str) -> bool:
        return privilege in self._granted

    # Transfers

    def tear_download(self) -> None:
        if self.download is not None:
            self.download.retake()

    def _piece(self, content: bytes) -> Reply:
        upload = self.upload
        if upload is None:
            raise Refusal(GENERIC, "No upload is in place.")
        if content:
            upload.write(content)
            return wire.OK
        self.upload = None
        upload.finish()
        return wire.OK

    def _release(self) -> None:
        self.unuse()
        if self.download is not None:
            self.download.close()
        if self.upload is not None:
            self.upload.abort()
        for backup in self.backups.values():
            backup.close()
