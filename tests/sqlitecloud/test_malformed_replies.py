"""A malformed reply is an error that names the node, or is ignored. It never surfaces as a Python exception."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import LitekeepError
from shared.sqlitecloud import databases, native_backups
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.session import Session
from shared.sqlitecloud.snapshot import snapshot_cloud
from tests.servers.sqlitecloud import Server, wire
from tests.sqlitecloud.conftest import NAME

PYTHON = re.compile(
    r"\b\w+Error\b|NoneType|Traceback|object has no|expected str|invalid literal|unpack|not subscriptable", re.ASCII
)


def rowset(columns: list[str], *cells: bytes) -> bytes:
    rows = len(cells) // max(len(columns), 1)
    names = b"".join(b"+%d %b" % (len(name), name.encode()) for name in columns)
    body = b"0:1 %d %d " % (rows, len(columns)) + names + b"".join(cells)
    return b"*%d %b" % (len(body), body)


HUGE = b"9" * 5000
REPLIES = {
    "null": wire.NULL,
    "number": wire.integer(7),
    "float": wire.real(0.5),
    "text": wire.string("what"),
    "ok": wire.OK,
    "blob": wire.blob(b"\xff\0"),
    "array": wire.array([1, 2]),
    "empty array": wire.array([]),
    "negative array": wire.array([-1, -2, -3]),
    "json": wire.json_text({"name": ["x"]}),
    "no rows": rowset(["other"]),
    "no columns": rowset([]),
    "other columns": rowset(["other"], b"+1 x"),
    "null cells": rowset(["name", "key", "type"], b"_ ", b"_ ", b"_ "),
    "numbers for names": rowset(["name", "key", "created"], b":1 ", b":2 ", b":3 "),
    "blobs for names": rowset(["name", "enabled", "size"], b"$2 \xff\xfe", b"$1 x", b"$1 y"),
    "huge number": rowset(["name", "created", "size"], b"+1 x", b"+20 2024-01-15T00:00:00Z", b"+5000 " + HUGE),
    "the same column twice": rowset(["name", "name"], b"+1 x", b"+1 y"),
    "an error without a code": b"-9 not sure!",
    "an error with a strange code": b"-12 abc:x:y boom",
    "an error of bytes": b"-10 1:2:3 \xff\xfe\xfd!",
    "an unknown kind": b"?3 abc",
    "an endless length": b"+99999999999999999999 x",
    "an invalid length": b"+x1 y",
    "a negative length": b"+-5 hello",
    "a command to send back": wire.client_command("REMOVE DATABASE prod"),
}


def _names(address: Address) -> object:
    return databases.exists(address, NAME)


def _details(address: Address) -> object:
    return databases.on_node(address, databases.listed)


def _version(address: Address) -> object:
    return databases.on_node(address, databases.version)


def _native(address: Address) -> object:
    return native_backups.read_inventory(address, NAME)


def _value(address: Address) -> object:
    with Session(address) as session:
        return session.value("PING")


def _write(address: Address) -> None:
    with Session(address) as session:
        session.ok("SWITCH DATABASE ?", NAME)


ASKED: dict[str, Callable[[Address], object]] = {
    "AUTH": _names,
    "LIST DATABASES$": _names,
    "LIST DATABASES DETAILED": _details,
    "LIST INFO": _version,
    "LIST BACKUP SETTINGS": _native,
    "LIST BACKUPS DATABASE": _native,
    "PING": _value,
    "SWITCH DATABASE": _write,
}


def error_of(act: Callable[[], object]) -> str | None:
    """Returns the text of a Litekeep error, or None if the reply was accepted. Any other error fails the test."""
    try:
        act()
    except LitekeepError as error:
        return str(error)
    return None


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("asked", ASKED)
def test_malformed_reply_is_an_error_that_names_the_node(
    server: Server, address: Address, asked: str, reply: str
) -> None:
    server.faults.reply(asked, REPLIES[reply], times=None)
    message = error_of(lambda: ASKED[asked](address))
    if message is not None:
        assert address.display in message
        assert not PYTHON.search(message), message
        assert message.isprintable()


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("asked", ["DOWNLOAD DATABASE", "DOWNLOAD STEP"])
def test_malformed_reply_to_a_download_is_an_error_that_names_the_node(
    server: Server, address: Address, tmp_path: Path, asked: str, reply: str
) -> None:
    server.faults.reply(asked, REPLIES[reply], times=None)
    location = CloudLocation(address, NAME)
    message = error_of(lambda: snapshot_cloud(location, tmp_path / "image", watch=lambda *_: None))
    assert message is not None
    assert address.display in message
    assert not PYTHON.search(message), message
