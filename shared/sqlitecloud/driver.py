"""The `sqlitecloud` driver 0.0.84 with its unsafe and slow parts replaced.

Each override names the lines of that version's driver.py that it replaces, and their fault. A test compares the source
of those lines with a digest, so that a new version of the driver must be reviewed.
"""

import socket
import ssl
from collections.abc import Callable
from typing import Any

from sqlitecloud.datatypes import SQLiteCloudAccount, SQLiteCloudConfig, SQLiteCloudConnect
from sqlitecloud.driver import Driver
from sqlitecloud.resultset import SQLITECLOUD_RESULT_TYPE, SQLiteCloudResult

from shared.sqlitecloud.ahead import RequestsAhead
from shared.sqlitecloud.connection_string import DEFAULT_PORT, Address
from shared.sqlitecloud.failures import Garbled, Lost, Unreachable
from shared.sqlitecloud.frames import Frames
from shared.sqlitecloud.replies import CONTENT, SHORT, Most

DRIVER_VERSION = "0.0.84"
_MOST_DIGITS = 15  # of a number in a header
_STEP = b"+13 DOWNLOAD STEP"
_MORE = object()  # returned by a nested read: the outer loop continues


class ErrorReply(Exception):
    """An error reply of the node (`-`). `text` is unchecked and may contain anything."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__()
        self.code = code
        self.text = text


class HardenedDriver(Driver):
    """One connection, for one thread. Every failure closes it, except a complete error reply."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address
        self._frames: Frames | None = None
        self._reading = False
        self._most = CONTENT

    def open(self) -> SQLiteCloudConnect:
        """Connects and logs in. Raises OSError, CloudError or ErrorReply, and leaves no socket open then."""
        config = SQLiteCloudConfig()
        config.account = SQLiteCloudAccount(hostname=self._address.host, port=self._address.port or DEFAULT_PORT)
        config.compression = False
        return self.connect(config.account.hostname, config.account.port, config)

    def connect(self, hostname: str, port: int, config: SQLiteCloudConfig) -> SQLiteCloudConnect:
        """Replaces 41-66, where a failed login leaves the socket open."""
        connection = SQLiteCloudConnect()  # type: ignore[no-untyped-call]
        connection.config = config
        connection.socket = self._internal_connect(hostname, port, config)
        try:
            self._frames = Frames(connection.socket, self._address.timeout)
            self._internal_config_apply(connection, config)
        except BaseException:
            self.disconnect(connection)
            raise
        return connection

    def is_connected(self, connection: SQLiteCloudConnect, main_socket: bool = True) -> bool:
        """Replaces 122-137, which writes zero bytes: that does not detect a closed connection."""
        return connection.socket is not None

    def step(
        self, connection: SQLiteCloudConnect, most: int, save: Callable[[memoryview], None], ahead: RequestsAhead | None
    ) -> int:
        """Reads the reply to a DOWNLOAD STEP and returns its size. Meanwhile sends the requests due by `ahead`.

        Replaces 402-418, which accepts any reply as data, copies it three times, and leaves the node idle between
        requests. Raises Garbled for any reply but a blob of at most `most` bytes, ErrorReply for an error.
        """
        frames = self._open_frames()
        try:
            if frames.at_blob():
                sock: socket.socket = connection.socket

                def ask(length: int) -> bool:
                    if ahead is None:
                        return False
                    for _ in range(ahead.arriving(length)):
                        sock.sendall(_STEP)  # each in its own TLS record, as if it had been sent alone
                    return ahead.waiting > 0

                return frames.blob(most, save, ask)
        except BaseException:
            self.disconnect(connection)
            raise
        result = self.receive(connection, SHORT)
        raise self._wrong(connection, f"the reply is a {_kind(result)} instead of a part of the database")

    def send(
        self, connection: SQLiteCloudConnect, command: str | list[str] | bytes, timeout: float | None = None
    ) -> None:
        """Sends a command, a command with bindings, or a piece of an upload. The caller reads the reply."""
        content = self._internal_serialize_command(command, zero_string=isinstance(command, list))
        self._internal_socket_write(connection, content, timeout=timeout)

    def receive(self, connection: SQLiteCloudConnect, most: Most | None = None) -> SQLiteCloudResult:
        """Reads the reply. Raises Garbled if it exceeds the limit `most`, by default CONTENT."""
        self._most = most or CONTENT
        try:
            result: SQLiteCloudResult = self._internal_socket_read(connection)
            return result
        finally:
            self._most = CONTENT

    def _internal_connect(self, hostname: str, port: int, config: SQLiteCloudConfig) -> socket.socket:
        """Replaces 139-175, which speaks only IPv4, allows TLS 1.2, and leaves the socket open after a failure."""
        context = None if self._address.insecure else _context(self._address)
        sock = socket.create_connection((hostname, port), self._address.connect_timeout)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                return context.wrap_socket(sock, server_hostname=hostname)
        except BaseException:
            sock.close()
            raise
        return sock

    def _internal_config_apply(self, connection: SQLiteCloudConnect, config: SQLiteCloudConfig) -> None:
        """Replaces 425-471, which pastes credentials and names into a command. Here they are bound."""
        login = self._address.login
        secret = login.secret.reveal()
        if login.kind == "PASSWORD":
            command = ["AUTH USER ? PASSWORD ?", login.user, secret]
        else:
            command = [f"AUTH {login.kind} ?", secret]
        self.send(connection, command)
        if self.receive(connection, SHORT).tag is not SQLITECLOUD_RESULT_TYPE.RESULT_OK:
            raise Garbled("the reply to the login is neither OK nor an error")

    def _internal_run_command(
        self, connection: SQLiteCloudConnect, command: bytes, main_socket: bool = True
    ) -> SQLiteCloudResult:
        """Replaces 473-487, where after a timeout the next command gets the reply to this one."""
        self._internal_socket_write(connection, command)
        return self.receive(connection)

    def _internal_socket_write(
        self,
        connection: SQLiteCloudConnect,
        command: bytes,
        main_socket: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Replaces 489-514, where a failure leaves the connection open."""
        frames = self._open_frames()
        try:
            frames.expect(timeout)
            sock: socket.socket = connection.socket
            sock.sendall(command)
        except BaseException:
            self.disconnect(connection)
            raise

    def _internal_socket_read(self, connection: SQLiteCloudConnect, main_socket: bool = True) -> Any:
        """Replaces 516-595 and 768, which take quadratic time, have no limits, and recurse for every chunk."""
        if self._reading:
            return _MORE
        self._reading = True
        try:
            return self._read(connection)
        except ErrorReply:
            raise
        except BaseException:
            self.disconnect(connection)
            raise
        finally:
            self._reading = False
            self._rowset: Any = None

    def _internal_setup_pubsub(self, connection: SQLiteCloudConnect, buffer: bytes) -> bool:
        """Replaces 180-215, where a reply makes the client connect to another address."""
        raise Garbled("the node asked for a second connection")

    def disconnect(self, conn: SQLiteCloudConnect, only_main_socket: bool = False) -> None:
        """Replaces 68-82; also discards the part of a reply that was read."""
        self._frames = None
        super().disconnect(conn, only_main_socket)

    def _read(self, connection: SQLiteCloudConnect) -> SQLiteCloudResult:
        taken, cells, chunks = 0, 0, False
        while True:
            frame = self._open_frames().frame(self._most.size - taken)
            taken += len(frame)
            if frame[:1] == b"-":
                if chunks:
                    raise Garbled("a rowset is interrupted by an error reply")
                raise _error_reply(frame)
            if chunks and frame[:1] != b"/":
                raise Garbled("a rowset continues with a reply that is not a chunk")
            cells += _cells_of(frame)
            if cells > self._most.values:
                raise Garbled(f"a reply has more than {self._most.values} values, the limit for this command")
            try:
                result = self._internal_parse_buffer(connection, frame, len(frame))
            except Exception as error:  # noqa: BLE001 - the driver's parser raises anything for a malformed reply
                raise Garbled(f"a reply cannot be read ({type(error).__name__})") from None
            if result is None:
                raise Garbled("a rowset ends that has not begun")
            if result is not _MORE:
                return result
            chunks = True

    def _open_frames(self) -> Frames:
        if self._frames is None:
            raise Lost("the connection is closed")
        return self._frames

    def _wrong(self, connection: SQLiteCloudConnect, what: str) -> Garbled:
        self.disconnect(connection)
        return Garbled(what)


def _context(address: Address) -> ssl.SSLContext:
    """Returns a TLS 1.3 context that verifies certificate and host name, by root_certificate or the system's CAs."""
    try:
        context = ssl.create_default_context(cafile=address.root_certificate)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if address.certificate:
            context.load_cert_chain(address.certificate, address.certificate_key)
    except (OSError, ssl.SSLError):
        raise Unreachable(
            "the file of root_certificate, certificate or certificate_key cannot be read as PEM"
        ) from None
    return context


def _error_reply(frame: bytes) -> ErrorReply:
    """Parses an error frame: `-LEN CODE[:EXT[:OFFSET]] TEXT`. Raises Garbled for one without a code."""
    _, _, content = frame.partition(b" ")
    codes, _, text = content.partition(b" ")
    code = codes.split(b":")[0]
    if not code.isdigit() or len(code) > 9:
        raise Garbled("an error reply has no code")
    return ErrorReply(int(code), text.decode(errors="replace"))


def _cells_of(frame: bytes) -> int:
    """Returns how many values the header of a rowset, chunk or array announces; 1 for any other frame.

    Protects 905-1006, which parses a frame again and again if its header announces too many values.
    The headers are `*LEN 0:VERSION ROWS COLUMNS …` and `=LEN COUNT …`. Raises Garbled for a malformed header, or one
    that announces more values than fit the frame: a value takes at least two bytes.
    """
    kind = frame[:1]
    if kind == b"=":
        cells = _numbers(frame, skipped=1, count=1)[0]
    elif kind in b"*/":
        rows, columns = _numbers(frame, skipped=2, count=2)
        cells = (rows + 1) * columns
    else:
        return 1
    if cells * 2 > len(frame):
        raise Garbled("a reply announces more values than fit its length")
    return cells


def _numbers(frame: bytes, *, skipped: int, count: int) -> list[int]:
    """Returns `count` numbers of a frame's header, after `skipped` words. Raises Garbled for anything else."""
    words = frame.split(b" ", skipped + count)[skipped : skipped + count]
    if len(words) != count or not all(word.isdigit() and len(word) <= _MOST_DIGITS for word in words):
        raise Garbled("a reply's header has no valid sizes")
    return [int(word) for word in words]


def _kind(result: SQLiteCloudResult) -> str:
    return SQLITECLOUD_RESULT_TYPE(result.tag).name.removeprefix("RESULT_").lower()
