"""A local receiver of notifications and heartbeats. Records the requests, and has configurable responses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Receiver:
    """`status` is the response status, `location` the redirect target, `endless` a body that never ends."""

    port: int = 0
    status: int = 200
    location: str | None = None
    endless: bool = False
    requests: list[tuple[str, str, Any]] = field(default_factory=list)

    @property
    def notify(self) -> str:
        """An Apprise URL with credentials in its path and before the host."""
        return f"json://someone:Pa55w0rdOfSomeone@127.0.0.1:{self.port}/hook/T0kenOfTheHook"

    @property
    def heartbeat(self) -> str:
        return f"http://127.0.0.1:{self.port}/ping/T0kenOfTheHeartbeat"

    @property
    def messages(self) -> list[dict[str, str]]:
        return [body for method, _, body in self.requests if method == "POST"]

    @property
    def beats(self) -> list[str]:
        return [path for method, path, _ in self.requests if method == "GET"]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            receiver.requests.append((self.command, self.path, body))
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()
            try:
                while receiver.endless:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass  # the client disconnected

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        server.daemon_threads = True
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield receiver
        finally:
            receiver.endless = False
            server.shutdown()
