"""A proxy between Google's client and the server: records every request, and injects faults."""

import http.client
import json
import re
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.gcs.rules import Rules

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True)
class Seen:
    """One request as the client sent it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urllib.parse.urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.target).query))

    @property
    def is_upload(self) -> bool:
        return self.path.startswith("/upload/") or "upload_id" in self.query

    @property
    def is_chunk(self) -> bool:
        return self.method == "PUT" and self.is_upload

    @property
    def is_media(self) -> bool:
        return self.query.get("alt") == "media"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Fault:
    """A fault for the next `times` requests that match (negative: all). Subclasses define it."""

    def __init__(self, matches: Callable[[Seen], bool], times: int = 1) -> None:
        self._matches = matches
        self._left = times
        self._lock = threading.Lock()

    def takes(self, seen: Seen) -> bool:
        """Returns whether the fault applies to this request, and counts it."""
        with self._lock:
            if self._left and self._matches(seen):
                self._left -= 1
                return True
            return False

    def strike(self, seen: Seen, forward: Callable[[], Answer]) -> Answer | None:
        """Returns the response, or None to close the connection without one."""
        raise NotImplementedError


class Refuse(Fault):
    """Responds with `status`; with `after`, once the server has executed the request."""

    def __init__(
        self,
        matches: Callable[[Seen], bool],
        status: int,
        times: int = 1,
        *,
        after: bool = False,
        reason: str = "forbidden",
    ) -> None:
        super().__init__(matches, times)
        self._status = status
        self._after = after
        self._reason = reason

    def strike(self, seen: Seen, forward: Callable[[], Answer]) -> Answer:
        if self._after:
            forward()
        return refusal(self._status, self._reason, f"{seen.target} SECRET-SESSION")


class Drop(Fault):
    """Closes the connection; with `after`, once the server has executed the request."""

    def __init__(self, matches: Callable[[Seen], bool], times: int = 1, *, after: bool = False) -> None:
        super().__init__(matches, times)
        self._after = after

    def strike(self, seen: Seen, forward: Callable[[], Answer]) -> None:
        if self._after:
            forward()


class Change(Fault):
    """Forwards the request, and changes the response."""

    def __init__(self, matches: Callable[[Seen], bool], change: Callable[[Answer], Answer], times: int = 1) -> None:
        super().__init__(matches, times)
        self._change = change

    def strike(self, seen: Seen, forward: Callable[[], Answer]) -> Answer:
        return self._change(forward())


class Damage(Fault):
    """Flips a bit of the object's bytes before they reach the server and its checks."""

    def strike(self, seen: Seen, forward: Callable[..., Answer]) -> Answer:
        body = bytearray(seen.body)
        last = len(body) if seen.is_chunk else body.rindex(b"\r\n--")  # the end of a multipart upload
        body[last - 1] ^= 1
        return forward(bytes(body))


def cut_short(answer: Answer) -> Answer:
    """Truncates the body to half, with the Content-Length of the whole, as a broken connection does."""
    whole = {**answer.headers, "content-length": str(len(answer.body))}
    return Answer(answer.status, whole, answer.body[: len(answer.body) // 2])


def shortened(answer: Answer) -> Answer:
    """Truncates the body to half, with a matching Content-Length."""
    return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2])


def flipped(answer: Answer) -> Answer:
    """Flips a bit in the middle of the body."""
    body = bytearray(answer.body)
    body[len(body) // 2] ^= 1
    return Answer(answer.status, answer.headers, bytes(body))


def holding(answer: Answer) -> Answer:
    """Adds `temporaryHold`, which Cloud Storage returns for a hold and the test server omits."""
    body = json.dumps(json.loads(answer.body) | {"temporaryHold": True}).encode()
    return Answer(answer.status, {**answer.headers, "content-length": str(len(body))}, body)


def refusal(status: int, reason: str, message: str) -> Answer:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return Answer(status, {"content-type": "application/json"}, json.dumps({"error": error}).encode())


@dataclass
class Proxy:
    """The proxy's URL for STORAGE_EMULATOR_HOST, the requests it saw, and the faults to inject."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def asked(self, matches: Callable[[Seen], bool]) -> list[Seen]:
        """Returns the requests that match."""
        return [seen for seen in list(self.seen) if matches(seen)]


@contextmanager
def running_proxy(server_port: int) -> Iterator[Proxy]:
    proxy = Proxy()
    rules = Rules(server_port)

    class Handler(_Handler):
        pass

    Handler.proxy, Handler.rules, Handler.server_port, Handler.finished = proxy, rules, server_port, {}
    with _Server(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores errors: some tests make the client hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # send headers and body together
    proxy: Proxy
    rules: Rules
    server_port: int
    finished: dict[str, Answer]

    def log_message(self, *args: Any) -> None:
        """Logs nothing: tests read `Proxy.seen`."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body)
        self.proxy.seen.append(seen)
        fault = next((fault for fault in list(self.proxy.faults) if fault.takes(seen)), None)

        def forward(changed: bytes = seen.body) -> Answer:
            return self._forward(seen, changed)

        answer = forward() if fault is None else fault.strike(seen, forward)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._reply(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - names of http.server

    def _forward(self, seen: Seen, body: bytes) -> Answer:
        with self.rules.lock:
            stored = self.rules.is_repeated(seen.target, seen.headers, body)
            if stored is not None:
                partial = Answer(308, {"range": f"bytes=0-{stored - 1}"}, b"")
                return self.finished.get(seen.query["upload_id"], partial)
            refused = self.rules.refusal(seen.method, seen.target, seen.headers, body)
            if refused is not None:
                return refusal(refused, "conditionNotMet", "refused by the rules")
            answer = self._ask_server(seen, body)
            if "location" in answer.headers and seen.query.get("uploadType") == "resumable":
                self.rules.note_session(seen.target, body, answer.headers["location"])
            if seen.is_chunk and answer.status == 200:
                self.finished[seen.query["upload_id"]] = answer
        location = answer.headers.get("location")
        if location:
            moved = re.sub(r"^https?://[^/]+", self.proxy.url, location)
            return Answer(answer.status, {**answer.headers, "location": moved}, answer.body)
        return answer

    def _ask_server(self, seen: Seen, body: bytes) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server_port, timeout=30)
        try:
            headers = {key: value for key, value in seen.headers.items() if key not in _HOP_BY_HOP}
            connection.request(seen.method, seen.target, body=body, headers=headers)
            got = connection.getresponse()
            content = got.read()
            kept = {key.lower(): value for key, value in got.getheaders() if key.lower() not in _HOP_BY_HOP}
            return Answer(got.status, kept, content)
        finally:
            connection.close()

    def _reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            if key not in {"content-length", "date", "server"}:
                self.send_header(key, value)
        length = answer.headers.get("content-length", str(len(answer.body)))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        if int(length) != len(answer.body):
            self.close_connection = True
