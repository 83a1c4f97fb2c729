"""Encodes SCSP replies: a type byte, for most types a length in bytes and a blank, then the content."""

import json
from collections.abc import Iterable

from tests.servers.sqlitecloud.errors import Refusal

Value = None | int | float | str | bytes
Reply = bytes | memoryview | list[bytes]


class RawText(bytes):
    """TEXT that is not UTF-8, sent as it is stored."""


OK = b"+2 OK"
NULL = b"_ "


def sized(kind: bytes, content: bytes) -> bytes:
    return b"%b%d %b" % (kind, len(content), content)


def string(text: str) -> bytes:
    return sized(b"+", text.encode())


def zero_string(text: str) -> bytes:
    """Encodes a string with a zero byte at its end, which its length includes."""
    return sized(b"!", text.encode() + b"\0")


def integer(number: int) -> bytes:
    return b":%d " % number


def real(number: float) -> bytes:
    return b",%b " % repr(number).encode()


def blob(content: bytes) -> bytes:
    return sized(b"$", content)


def json_text(content: object) -> bytes:
    return sized(b"#", json.dumps(content).encode())


def client_command(text: str) -> bytes:
    """Encodes a reply that makes the client send this command."""
    return sized(b"^", text.encode())


def value(content: Value, *, zero_text: bool = False) -> bytes:
    """Encodes a value by its storage class."""
    match content:
        case None:
            return NULL
        case str():
            return zero_string(content) if zero_text else string(content)
        case int():
            return integer(content)
        case float():
            return real(content)
        case RawText():
            return sized(b"+", content)
        case _:
            return blob(content)


def array(items: Iterable[Value]) -> bytes:
    encoded = [value(item) for item in items]
    return sized(b"=", b"%d " % len(encoded) + b"".join(encoded))


def error(refusal: Refusal) -> bytes:
    return sized(b"-", f"{refusal.code}:{refusal.ext}:{refusal.offset} {refusal.text}".encode(errors="replace"))
