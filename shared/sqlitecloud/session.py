"""A connection to a SQLite Cloud node, with typed replies and Litekeep's own errors.

Errors never contain a command or a reply, except the node's own error text with credentials masked.
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
Saver = Callable[[memoryview], None]  # raises disk errors as a LitekeepError: an OSError means the socket
Watcher = Callable[[int, int], None]  # progress: bytes done, bytes in total

UPLOAD_PIECE = 512 << 10  # bytes, as in all drivers; the largest that a node accepts is not documented
# Factor for slow commands: storing an upload (on all nodes of a cluster), restoring or removing a database.
_PATIENT = 10
_CONNECTING = "connecting"


class Undecided(Lost):
    """The connection broke after a complete upload: the caller must check whether the database was stored."""


@dataclass(frozen=True)
class Announced:
    """The size of a download in bytes and pages, and the node's log position, which is 0 on some nodes."""

    size: int
    pages: int
    raft_index: int


class Session:
    """A logged-in connection. Use it in a `with` block, in one thread."""

    def __init__(self, address: Address) -> None:
        """Connects and logs in. Raises Unreachable, Lost, Garbled, or CommandRefused for a wrong credential."""
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
        """Whether the connection is closed. Every failure closes it, except a complete error reply."""
        return not self._driver.is_connected(self._connection)

    @property
    def tls(self) -> tuple[str, str] | None:
        """The TLS version and the expiry date of the node's certificate; None without TLS."""
        sock: object = self._connection.socket
        if not isinstance(sock, ssl.SSLSocket):
            return None
        certificate = sock.getpeercert() or {}
        return sock.version() or "", str(certificate.get("notAfter", ""))

    def ok(self, command: str, *bindings: str, patient: bool = False) -> None:
        """Runs a command that must reply OK."""
        if self._run(command, bindings, patient=patient).tag is not RESULT.RESULT_OK:
            raise self._unexpected(command)

    def write(self, sql: str) -> None:
        """Runs SQL that replies OK, or with the six numbers of a write, which are ignored."""
        if self._run(sql, ()).tag not in (RESULT.RESULT_OK, RESULT.RESULT_ARRAY):
            raise self._unexpected(sql)

    def rows(self, command: str, *bindings: str, most: Most = FEW_ROWS) -> list[dict[str, Value]]:
        """Runs a command or query and returns its rows as dictionaries by column."""
        result = self._run(command, bindings, most=most)
        if result.tag is not RESULT.RESULT_ROWSET:
            raise self._unexpected(command)
        columns, cells = result.colname, result.data
        width = len(columns)
        if len(cells) != width * result.nrows:
            raise self._unexpected(command)
        return [dict(zip(columns, cells[at : at + width], strict=True)) for at in range(0, len(cells), max(width, 1))]

    def value(self, command: str, *bindings: str) -> Value:
        """Runs a command and returns its single value."""
        result = self._run(command, bindings)
        if result.tag is RESULT.RESULT_NONE:
            return None
        if result.tag not in (RESULT.RESULT_STRING, RESULT.RESULT_INTEGER, RESULT.RESULT_FLOAT, RESULT.RESULT_BLOB):
            raise self._unexpected(command)
        found: Value = result.data[0]
        return found

    def array(self, command: str, *bindings: str, most: Most = SHORT) -> list[Value]:
        """Runs a command and returns its array."""
        result = self._run(command, bindings, most=most)
        if result.tag is not RESULT.RESULT_ARRAY:
            raise self._unexpected(command)
        found: list[Value] = result.data[0]
        return found

    def start_download(self, name: str, *, if_exists: bool = False) -> Announced:
        """Makes the node take a snapshot, which `save_download` fetches. Raises CommandRefused for a missing database.

        With `if_exists` a missing database has 0 bytes instead.
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
        """Passes exactly the announced bytes to `save`, in order. Raises Garbled if the node sends anything else.

        Requests are sent ahead unless `one_by_one`: see `shared.sqlitecloud.ahead`. `transfer` is the transfer that
        this is an attempt of, with its time limit. Raises TimedOut below the minimum rate.
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
                    done += _not_empty(size, done, announced)
                    pace.check(done)
                    watch(done, announced.size)
            except BaseException:
                self.close()
                raise
        if ahead is not None and ahead.waiting:
            self.close()  # the last steps were larger than the first: the pending replies are not needed

    def upload(self, name: str, source: Path, watch: Watcher, *, replace: bool = False) -> None:
        """Uploads the closed file `source` as the new database `name`; `replace` replaces the existing one.

        Raises CommandRefused, Lost or Garbled if nothing was stored: the node drops an unfinished upload. Raises
        Undecided if the reply to the last piece was lost, and with `replace` also if that piece was refused.
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
                raise CloudError(f"{source.name} changed during the upload to {self.address.display}: try again")
            try:
                self._piece(b"", patient=True)
            except (Lost, Garbled) as error:
                raise Undecided(str(error)) from None
            except CommandRefused as error:
                if replace:  # the old database may be gone anyway: the caller must check
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
        """Aborts the upload after an error in the block. The node drops it itself when the connection is closed."""
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
        return Garbled(f"{self.address.display} sent an invalid reply to {_verb(command)}")

    @contextmanager
    def _node_errors(self, action: str) -> Iterator[None]:
        """Raises errors of the driver, the socket and TLS in the block as a CloudError, without a cause."""
        try:
            yield
        except ErrorReply as reply:
            raise self._refused(action, reply) from None
        except CloudError as error:
            raise self._named(action, error) from None
        except LitekeepError:
            raise
        except OSError as error:
            what = f"{action} failed at {self.address.display}"
            raise from_socket(what, error, connecting=action == _CONNECTING) from None

    def _refused(self, action: str, reply: ErrorReply) -> CommandRefused:
        reason = masked(reply.text, self.address.secrets()) or "no reason given"
        what = f"{action} was refused by {self.address.display}: {reason} ({reply.code})"
        return CommandRefused(f"{what}{_HINTS.get(reply.code, '')}", reply.code)

    def _named(self, action: str, error: CloudError) -> CloudError:
        """Returns the error with action and node in its text."""
        text = str(error)
        if self.address.display in text:
            return error
        return type(error)(f"{action} failed at {self.address.display}: {text}")


_HINTS = {
    AUTH: "; check the key or password, and that its role has the privilege",
    NOT_FOUND: "; check the name",
}


def _not_empty(size: int, done: int, announced: Announced) -> int:
    """Returns the size of a step. Raises Garbled for an empty one: the download ended early."""
    if not size:
        raise Garbled(f"the download ended after {done} of {count(announced.size, 'byte')}")
    return size


def _verb(command: str) -> str:
    """Returns up to three words of a command before its first quote: no names and no credentials."""
    return " ".join(command.partition("'")[0].split()[:3])
