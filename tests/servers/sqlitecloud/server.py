"""The server: listens, runs each connection in a thread, and ends them all when it is closed."""

import selectors
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from tests.servers.sqlitecloud import commands  # noqa: F401 - fills the table of commands
from tests.servers.sqlitecloud.accounts import Accounts, ApiKey
from tests.servers.sqlitecloud.catalog import HIDDEN, Catalog
from tests.servers.sqlitecloud.certificates import Certificates, context
from tests.servers.sqlitecloud.clock import Clock
from tests.servers.sqlitecloud.faults import Faults
from tests.servers.sqlitecloud.native import NativeBackups
from tests.servers.sqlitecloud.outlet import Record, close
from tests.servers.sqlitecloud.session import Session
from tests.servers.sqlitecloud.settings import Settings

HANDSHAKE_SECONDS = 30.0
APIKEY = "LocalTestKeyLocalTestKeyLocalTestKeyLocal43"
USER, PASSWORD, TOKEN = "admin", "local-password", "local-token"


class Server:
    """A local SQLite Cloud node that serves the files of `data` (default: a temporary folder).

    `certificate` is a pair of PEM files; without it one is made, and its authority is the file `ca`.
    The admin has `USER`, `PASSWORD`, `APIKEY` and `TOKEN`, unless `accounts` are given."""

    def __init__(
        self,
        data: Path | None = None,
        *,
        host: str = "localhost",
        port: int = 0,
        plain: bool = False,
        certificate: tuple[Path, Path] | None = None,
        tls_maximum: str | None = None,
        accounts: Accounts | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._temporary = None if data else tempfile.TemporaryDirectory(prefix="sqlitecloud-")
        self.data = data or Path(self._temporary.name if self._temporary else "")
        self.host = host
        self.plain = plain
        self.settings = Settings()
        self.clock = clock or Clock()
        self.faults = Faults()
        self.catalog = Catalog(self.data)
        self.native = NativeBackups(self.catalog, self.clock)
        self.accounts = accounts or default_accounts(self.clock)
        self.tls_maximum = tls_maximum
        self.connections: list[Record] = []
        self.sessions: dict[int, Session] = {}
        self.stopping = threading.Event()
        self._certificate = certificate
        self._made = None if plain or certificate else Certificates(self.data / HIDDEN / "tls")
        self.ca = self._made.ca if self._made else None
        self._listeners = _listen(host, port)
        self.port: int = self._listeners[0].getsockname()[1]
        self._threads: set[threading.Thread] = set()
        self._handshakes: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._wake, self._woken = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name="sqlitecloud-accept", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def url(self, database: str = "", *, login: str = "", **options: str | int) -> str:
        """Returns a connection string with `login` (NAME:PASSWORD), or else the first API key. `options` are
        added, or replace the default ones."""
        known: dict[str, str | int] = {}
        if not login and not {"apikey", "token"} & options.keys():
            known["apikey"] = next(iter(self.accounts.keys), "")
        userinfo = f"{quote(login, safe=':')}@" if login else ""
        if self.plain:
            known["insecure"] = 1
        elif self.ca is not None:
            known["root_certificate"] = str(self.ca)
        query = urlencode(known | options, safe="/", quote_via=quote)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sqlitecloud://{userinfo}{host}:{self.port}/{quote(database)}?{query}"

    def close(self) -> None:
        """Stops listening, ends every connection and waits for their threads."""
        self.stopping.set()
        self._wake.close()
        self._acceptor.join()
        with self._lock:
            sessions, threads = list(self.sessions.values()), list(self._threads)
            for raw in self._handshakes:
                with suppress(OSError):
                    socket.socket.shutdown(raw, socket.SHUT_RDWR)
        for session in sessions:
            session.hang_up()
        for thread in threads:
            thread.join()
        self._woken.close()
        for listener in self._listeners:
            listener.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            while not self.stopping.is_set():
                for key, _ in selector.select():
                    if key.fileobj is not self._woken and isinstance(key.fileobj, socket.socket):
                        with suppress(OSError):
                            self._start(*key.fileobj.accept())

    def _start(self, sock: socket.socket, address: tuple[str, int]) -> None:
        with self._lock:
            record = Record(len(self.connections) + 1)
            self.connections.append(record)
            thread = threading.Thread(target=self._serve, args=(sock, address[0], record), daemon=True)
            self._threads.add(thread)
        thread.start()

    def _serve(self, raw: socket.socket, address: str, record: Record) -> None:
        try:
            sock = self._secured(raw, record)
            if sock is None:
                return
            session = Session(self, sock, address, record)
            with self._lock:
                self.sessions[record.number] = session
                stopping = self.stopping.is_set()
            try:
                if stopping:
                    session.hang_up()
                session.serve()
            finally:
                with self._lock:
                    self.sessions.pop(record.number, None)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _secured(self, raw: socket.socket, record: Record) -> socket.socket | None:
        """Returns the connection after its TLS handshake, or None if the handshake failed."""
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.faults.drops_handshake():
            close(raw)
            return None
        if self.plain:
            return raw
        raw.settimeout(HANDSHAKE_SECONDS)
        # The handshake is a separate step so that close() can end it: wrap_socket() detaches `raw`.
        sock = self._context().wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        try:
            with self._shaking_hands(sock):
                sock.do_handshake()
        except OSError:
            close(sock)
            return None
        record.tls = sock.version()
        sock.settimeout(None)
        return sock

    @contextmanager
    def _shaking_hands(self, sock: socket.socket) -> Iterator[None]:
        with self._lock:
            if self.stopping.is_set():
                raise ConnectionAbortedError
            self._handshakes.add(sock)
        try:
            yield
        finally:
            with self._lock:
                self._handshakes.discard(sock)

    def _context(self) -> ssl.SSLContext:
        maximum = self.faults.tls_maximum or self.tls_maximum
        with self._lock:
            pair = self._made.make(self.faults.certificate) if self._made else self._certificate
        assert pair is not None
        return context(*pair, maximum)


def default_accounts(clock: Clock) -> Accounts:
    accounts = Accounts()
    accounts.add_user(USER, PASSWORD)
    accounts.keys[APIKEY] = ApiKey(APIKEY, USER, "default", clock.now())
    accounts.tokens[TOKEN] = USER
    return accounts


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listens on the host; `localhost` means both its addresses, if the machine has IPv6."""
    if host != "localhost":
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return [socket.create_server((host, port), family=family)]
    first = socket.create_server(("127.0.0.1", port))
    with suppress(OSError):
        return [first, socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6)]
    return [first]
