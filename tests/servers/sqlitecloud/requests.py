"""Parses requests: a command, a command with bindings, or a piece of an upload.

There are three forms: `+LEN TEXT` (or `!LEN TEXT\\0`), `$LEN DATA`, and `=LEN N !LEN sql\\0 item...`.
Anything else, a length that does not fit, or a length above the limit raises Malformed."""

from dataclasses import dataclass
from typing import Protocol

from tests.servers.sqlitecloud.errors import Malformed
from tests.servers.sqlitecloud.wire import Value

HEADER_LIMIT = 32


class Stream(Protocol):
    """Reads exactly `size` bytes, fewer only at the end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Command:
    text: str
    bindings: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A piece of an upload; an empty one means its end."""

    content: bytes

    @property
    def text(self) -> str:
        """The text of the piece, for faults and records."""
        return "UPLOAD DATA" if self.content else "UPLOAD END"


def read_request(stream: Stream, limit: int) -> Command | Piece | None:
    """Reads the next request; None if the client has disconnected. Raises Malformed."""
    kind = stream.read(1)
    if not kind:
        return None
    if kind not in b"+!$=":
        raise Malformed(f"no request starts with {kind!r}")
    body = _exactly(stream, _length(stream, limit))
    if kind == b"$":
        return Piece(body)
    if kind == b"=":
        return _with_bindings(body)
    return Command(_text(body, zero=kind == b"!"))


def _length(stream: Stream, limit: int) -> int:
    header = b""
    while len(header) < HEADER_LIMIT:
        byte = stream.read(1)
        if byte == b" ":
            return _decimal(header, limit)
        if not byte:
            break
        header += byte
    raise Malformed("a length without its blank")


def _decimal(header: bytes, limit: int) -> int:
    if not header.isdigit() or int(header) > limit:
        raise Malformed("a length that is not a number, or too large")
    return int(header)


def _exactly(stream: Stream, size: int) -> bytes:
    body = stream.read(size)
    if len(body) != size:
        raise Malformed("the client disconnected within a request")
    return body


def _text(body: bytes, *, zero: bool) -> str:
    if zero:
        if not body.endswith(b"\0"):
            raise Malformed("a zero string without its zero")
        body = body[:-1]
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Malformed("text that is not UTF-8") from None


def _with_bindings(body: bytes) -> Command:
    digits, at = _number(body, 0)
    items: list[Value] = []
    for _ in range(_decimal(digits, len(body))):
        item, at = _item(body, at)
        items.append(item)
    if at != len(body) or not items or not isinstance(items[0], str):
        raise Malformed("an array that does not hold a command and its bindings")
    return Command(items[0], tuple(items[1:]))


def _number(body: bytes, at: int) -> tuple[bytes, int]:
    end = body.find(b" ", at, at + HEADER_LIMIT)
    if end < 0:
        raise Malformed("a number without its blank")
    return body[at:end], end + 1


def _item(body: bytes, at: int) -> tuple[Value, int]:
    kind = body[at : at + 1]
    digits, start = _number(body, at + 1)
    try:
        match kind:
            case b"_" if not digits:
                return None, start
            case b":":
                return int(digits), start
            case b",":
                return float(digits), start
    except ValueError:
        raise Malformed("an invalid number") from None
    end = start + _decimal(digits, len(body))
    if end > len(body):
        raise Malformed("an item longer than its array")
    match kind:
        case b"$":
            return body[start:end], end
        case b"+" | b"!":
            return _text(body[start:end], zero=kind == b"!"), end
    raise Malformed("an unknown kind of item")
