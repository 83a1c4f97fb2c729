"""One connection to a SQLite Cloud node, as the rest of Litekeep uses it: typed answers, errors of ours.

No command and no reply is ever part of an error, except a node's own words, and those masked.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlitecloud.resultset import SQLITECLOUD_RESULT_TYPE as RESULT
from sqlitecloud.resultset import SQLiteCloudResult

from shared.errors import LitekeepError
from shared.sqlitecloud.ahead import RequestsAhead
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.driver import ErrorReply, HardenedDriver
from shared.sqlitecloud.failures import (
    AUTH,
    NOT_FOUND,
    CloudError,
    CommandRefused,
    Garbled,
    Lost,
    masked,
)
from shared.sqlitecloud.names import quoted
from shared.sqlitecloud.pace import Transfer
from shared.sqlitecloud.replies import FEW_ROWS, SHORT, Most
from shared.sqlitecloud.socket_failures import from_socket
from shared.text import count

Value = str | int | float | bytes | None
Saver = Callable[[memoryview], None]  # raises its own disk's errors as a LitekeepError: an OSError is the socket's
Watcher = Callable[[int, int], None]

UPLOAD_PIECE = 512 << 10  # as all the drivers send them; the largest that a node takes is not documented
# Storing an upload may mean copying it to all nodes, and restoring or removing a database takes its time too.
_PATIENT = 10
_CONNECTING = "connecting"


class Undecided(Lost):
    """The connection broke when all was sent: whether the database was stored is to be looked up."""


@dataclass(frozen=True)
class Announced:
    """What the node says of a download: bytes, pages, and the position of its log, which is 0 on some nodes."""

    size: int
    pages: int
    raft_index: int


class Session:
    """A connection that is logged in; use it in a `with`, and in one thread."""

    def __init__(self, address: Address) -> None:
        """Connects. Raises Unreachable, Lost, Garbled, or Refused for a wrong credential."""
        self.address = address
        self._driver = HardenedDriver(address)
        with self._node_errors(_CONNECTING):
            self._connection = self._driver.open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._driver.disconnect(self._connection)

    @property
    def closed(self) -> bool:
        """Whether the connection is gone: every failure but a whole error reply ends it."""
        return not self._driver.is_connected(self._connection)

    @property
    def tls(self) -> tuple[str, str] | None:
        """TLS version and the day that the node's certificate ends; None without TLS."""
        sock: object = self._connection.socket
        if not isinstance(sock, ssl.SSLSocket):
            return None
        certificate = sock.getpeercert() or {}
        return sock.version() or "", str(certificate.get("notAfter", ""))

    def ok(self, command: str, *bindings: str, patient: bool = False) -> None:
        """Runs a command whose answer is OK and nothing else."""
        if self._run(command, bindings, patient=patient).tag is not RESULT.RESULT_OK:
            raise self._unexpected(command)

    def write(self, sql: str) -> None:
        """Runs SQL that answers with OK or with the six numbers of a write, which mean nothing here."""
        if self._run(sql, ()).tag not in (RESULT.RESULT_OK, RESULT.RESULT_ARRAY):
            raise self._unexpected(sql)

    def rows(self, command: str, *bindings: str, most: Most = FEW_ROWS) -> list[dict[str, Value]]:
        """Runs a command or query that answers with rows, each a dictionary by column."""
        result = self._run(command, bindings, most=most)
        if result.tag is not RESULT.RESULT_ROWSET:
            raise self._unexpected(command)
        columns, cells = result.colname, result.data
        width = len(columns)
        if len(cells) != width * result.nrows:
            raise self._unexpected(command)
        return [dict(zip(columns, cells[at : at + width], strict=True)) for at in range(0, len(cells), max(width, 1))]

    def value(self, command: str, *bindings: str) -> Value:
        """Runs a command that answers with a single value."""
        result = self._run(command, bindings)
        if result.tag is RESULT.RESULT_NONE:
            return None
        if result.tag not in (RESULT.RESULT_STRING, RESULT.RESULT_INTEGER, RESULT.RESULT_FLOAT, RESULT.RESULT_BLOB):
            raise self._unexpected(command)
        found: Value = result.data[0]
        return found

    def array(self, command: str, *bindings: str, most: Most = SHORT) -> list[Value]:
        """Runs a command that answers with an array."""
        result = self._run(command, bindings, most=most)
        if result.tag is not RESULT.RESULT_ARRAY:
            raise self._unexpected(command)
        found: list[Value] = result.data[0]
        return found

    def start_download(self, name: str, *, if_exists: bool = False) -> Announced:
        """Has the node make a snapshot; `save_download` fetches it. Raises Refused when there is no such database.

        With `if_exists` a database that is not there has 0 bytes.
        """
        command = f"DOWNLOAD DATABASE {quoted(name)}{' IF EXISTS' if if_exists else ''}"
        numbers = [number for number in self.array(command) if isinstance(number, int) and number >= 0]
        if len(numbers) != 3:
            raise self._unexpected(command)
        return Announced(*numbers)

    def save_download(
        self,
        announced: Announced,
        save: Saver,
        watch: Watcher,
        *,
        one_by_one: bool = False,
        transfer: Transfer | None = None,
    ) -> None:
        """Hands exactly the announced bytes to `save`, in order. Raises Garbled for fewer, more, or anything else.

        Steps are asked for ahead of time, unless `one_by_one`: see `shared.sqlitecloud.ahead`. `transfer` is what this
        is an attempt of; it has an end. Raises TimedOut below its pace.
        """
        driver, connection = self._driver, self._connection
        done, ahead = 0, None if one_by_one else RequestsAhead(announced.size)
        pace = (transfer or Transfer(self.address.timeout)).attempt(announced.size)
        with self._node_errors("downloading"):
            try:
                while done < announced.size:
                    if ahead is None or not ahead.waiting:
                        driver.send(connection, "DOWNLOAD STEP")
                        if ahead is not None:
                            ahead.sent()
                    size = driver.step(connection, announced.size - done, save, ahead)
                    done += _some(size, done, announced)
                    pace.check(done)
                    watch(done, announced.size)
            except BaseException:
                self.close()
                raise
        if ahead is not None and ahead.waiting:
            self.close()  # the last steps were larger than the first: replies to come that nobody needs

    def upload(self, name: str, source: Path, watch: Watcher, *, replace: bool = False) -> None:
        """Stores the closed file `source` as the new database `name`, or with `replace` in the place of the old.

        Raises Refused (nothing was stored) or Lost and Garbled (nothing was stored either, the node drops what is
        not finished), but Undecided when it was the answer to the very last piece that was lost; with `replace` also
        when that piece was refused.
        """
        total = source.stat().st_size
        self.ok(f"UPLOAD DATABASE {quoted(name)}{' REPLACE' if replace else ''}")
        with self._aborting():
            sent = 0
            with source.open("rb") as file:
                while piece := file.read(UPLOAD_PIECE):
                    self._piece(piece)
                    sent += len(piece)
                    watch(sent, total)
            if sent != total or not total:
                raise CloudError(f"{source.name} changed while it was sent to {self.address.display}: try again")
            try:
                self._piece(b"", patient=True)
            except (Lost, Garbled) as error:
                raise Undecided(str(error)) from None
            except CommandRefused as error:
                if replace:  # the old may be gone all the same: what is there now has to be looked at
                    raise Undecided(str(error)) from None
                raise

    def _piece(self, piece: bytes, *, patient: bool = False) -> None:
        with self._node_errors("uploading"):
            self._driver.send(self._connection, piece, self._timeout(patient=patient))
            tag = self._driver.receive(self._connection, SHORT).tag
        if tag is not RESULT.RESULT_OK:
            raise self._unexpected("a piece of an upload")

    @contextmanager
    def _aborting(self) -> Iterator[None]:
        """Has the node drop an unfinished upload; when the connection is gone, it does so by itself."""
        try:
            yield
        except Exception:
            if not self.closed:
                try:
                    self.ok("UPLOAD ABORT")
                except CloudError:
                    self.close()
            raise
        except BaseException:
            self.close()
            raise

    def _run(
        self, command: str, bindings: tuple[str, ...], *, patient: bool = False, most: Most = SHORT
    ) -> SQLiteCloudResult:
        content = [command, *bindings] if bindings else command
        with self._node_errors(_verb(command)):
            self._driver.send(self._connection, content, self._timeout(patient=patient))
            return self._driver.receive(self._connection, most)

    def _timeout(self, *, patient: bool) -> float | None:
        return self.address.timeout * _PATIENT if patient else None

    def _unexpected(self, command: str) -> Garbled:
        self.close()
        return Garbled(f"{self.address.display} answered {_verb(command)} with something else than was asked for")

    @contextmanager
    def _node_errors(self, doing: str) -> Iterator[None]:
        """Turns whatever comes out of the driver, the socket or TLS into a CloudError without a trace of its origin."""
        try:
            yield
        except ErrorReply as reply:
            raise self._refused(doing, reply) from None
        except CloudError as error:
            raise self._named(doing, error) from None
        except LitekeepError:
            raise
        except OSError as error:
            what = f"{doing} failed at {self.address.display}"
            raise from_socket(what, error, connecting=doing == _CONNECTING) from None

    def _refused(self, doing: str, reply: ErrorReply) -> CommandRefused:
        said = masked(reply.text, self.address.secrets())
        what = f"{doing} was refused by {self.address.display}: {said or 'no reason given'} ({reply.code})"
        return CommandRefused(f"{what}{_HINTS.get(reply.code, '')}", reply.code)

    def _named(self, doing: str, error: CloudError) -> CloudError:
        text = str(error)
        if self.address.display in text:
            return error
        return type(error)(f"{doing} failed at {self.address.display}: {text}")


_HINTS = {
    AUTH: "; check the key or password, and that its role has the privilege",
    NOT_FOUND: "; check the name",
}


def _some(size: int, done: int, announced: Announced) -> int:
    if not size:
        raise Garbled(f"the download ended after {done} of {count(announced.size, 'byte')}")
    return size


def _verb(command: str) -> str:
    """The words of a command that are not names: up to the first quote, and no credentials."""
    return " ".join(command.partition("'")[0].split()[:3])
