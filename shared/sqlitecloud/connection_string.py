"""`sqlitecloud://` connection strings, read strictly.

    sqlitecloud://[USER:PASSWORD@]HOST[:PORT]/[NAME][?OPTION=VALUE&…]

User, password, name and values are percent-encoded UTF-8; a `+` is a plus sign. The driver's own parser takes
`insecure=false` for true, loses options that it does not know, turns a key of digits into a number and shows parts
of a password in its errors (driver 0.0.84, datatypes.py:180-236), so no string of a user's ever reaches it.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.errors import UsageError
from shared.redaction import keep_secret
from shared.sqlitecloud.names import check_name

DEFAULT_PORT = 8860

_FORM = "allowed is sqlitecloud://HOST[:PORT]/NAME?apikey=…"
_SCHEME = re.compile(r"sqlitecloud://", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})", re.ASCII)
_IPV6 = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\]", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_KEY = re.compile(r"[!-~]{1,4096}", re.ASCII)
_LONGEST_DATABASE_KEY = 256  # characters
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
# Options of the public drivers that would change what a backup reads, or who may listen in.
_UNWANTED = {
    "create": "databases are made by a restore only",
    "memory": "there is nothing to back up in memory",
    "non_linearizable": "a backup reads from the leader",
    "nonlinearizable": "a backup reads from the leader",
    "noblob": "a backup leaves nothing out",
    "maxdata": "a backup leaves nothing out",
    "maxrows": "a backup leaves nothing out",
    "maxrowset": "a backup leaves nothing out",
    "zerotext": "it changes nothing in a backup",
    "password_hashed": "give the password itself",
    "usewebsocket": "only the protocol's own port is spoken",
    "verbose": "commands are never printed",
}


class Secret:
    """A text that shows itself only when asked to."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True)
class Login:
    """One kind of credential: an API key, a token, or a user's password."""

    kind: str  # "APIKEY", "TOKEN" or "PASSWORD"
    secret: Secret
    user: str = ""


@dataclass(frozen=True)
class Address:
    """A project's node, how to reach it, and as whom. Times are seconds."""

    host: str
    port: int | None
    login: Login = field(repr=False)
    insecure: bool = False
    root_certificate: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    timeout: float = 60.0
    connect_timeout: float = 15.0
    key: Secret | None = field(default=None, repr=False)  # what restores have the node encrypt a database with

    @property
    def display(self) -> str:
        """`sqlitecloud://HOST[:PORT]`: no user, no password, no key."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sqlitecloud://{host}{'' if self.port is None else f':{self.port}'}"

    def secrets(self) -> list[str]:
        """What must not appear in any text."""
        return [secret.reveal() for secret in (self.login.secret, self.key) if secret is not None]


@dataclass(frozen=True)
class ConnectionString:
    """What a connection string says: a node, and the database on it if one is named."""

    address: Address
    database: str | None


def parse_connection_string(
    text: str, *, allow_insecure: bool = False, what: str = "the sqlitecloud:// location"
) -> ConnectionString:
    """Reads a connection string. `insecure=true` (TCP without TLS) has to be allowed by the caller.

    `what` is the setting or flag that errors name. Raises UsageError, which repeats nothing that could be a credential.
    """
    try:
        found = _parse(text, allow_insecure=allow_insecure)
    except _Unusable as error:
        raise UsageError(f"{what} cannot be used: {error}; {_FORM}") from None
    for secret in found.address.secrets():
        keep_secret(secret)
    return found


def _parse(text: str, *, allow_insecure: bool) -> ConnectionString:
    if not _SCHEME.match(text) or not text.isprintable() or " " in text:
        raise _wrong("it has no sqlitecloud:// in front, or a blank in it")
    if "#" in text:
        raise _wrong("it holds a #, which is written %23")
    main, _, query = text[len("sqlitecloud://") :].partition("?")
    authority, _, path = main.partition("/")
    who, at, where = authority.rpartition("@")
    host, port = _host_and_port(where)
    options = _options(query)
    values = {name: _value(name, raw) for name, raw in options.items() if name in _READERS}
    settings = {name: value for name, value in values.items() if name not in _WITHOUT_EFFECT}
    address = Address(host, port, _login(who if at else None, options), **settings)
    _check(address, allow_insecure=allow_insecure)
    if not path:
        return ConnectionString(address, None)
    try:
        name = check_name(_decoded(path, "the database's name"))
    except UsageError:
        # Not repeated: a password with a / in it would end up here.
        raise _wrong("its database name is not allowed, with a quote, backslash, slash or ; in it") from None
    return ConnectionString(address, name)


def _host_and_port(where: str) -> tuple[str, int | None]:
    if ipv6 := _IPV6.match(where):
        host, rest = ipv6[1], where[ipv6.end() :]
    else:
        host, colon, number = where.partition(":")
        rest = colon + number
        if not _HOST.fullmatch(host):
            raise _wrong("HOST is missing or cannot be one")
    if not rest:
        return host.lower(), None
    if not _PORT.fullmatch(rest[1:]) or rest[0] != ":" or int(rest[1:]) > 65535:
        raise _wrong("PORT is no number from 1 to 65535, or a password before it holds a / or ? (write %2F, %3F)")
    return host.lower(), int(rest[1:])


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, equals, raw = pair.partition("=")
        name = name.lower()
        if name in _UNWANTED:
            raise _wrong(f"its option {name} has no place in it: {_UNWANTED[name]}")
        if name not in _READERS and name not in _KEYS:
            # Not repeated: it may be the rest of a key that was not percent-encoded.
            raise _wrong(f"it has an unknown option; known are {', '.join([*_KEYS, *_READERS])}")
        if not equals or not raw:
            raise _wrong(f"its option {name} has no value")
        if name in options:
            raise _wrong(f"its option {name} is given twice")
        options[name] = _decoded(raw, f"the option {name}")
    return options


def _login(who: str | None, options: dict[str, str]) -> Login:
    given = [name for name in _KEYS if name in options]
    if len(given) + (who is not None) != 1:
        raise _wrong("it must name exactly one of USER:PASSWORD@, apikey= and token=")
    if who is None:
        if not _KEY.fullmatch(options[given[0]]):
            raise _wrong(f"its option {given[0]} holds a character that no key has")
        return Login(given[0].upper(), Secret(options[given[0]]))
    user, colon, password = who.partition(":")
    if "@" in who or not colon or not user or not password:
        raise _wrong("in front of the @ stands USER:PASSWORD, with any @, : or / in them percent-encoded")
    return Login("PASSWORD", Secret(_decoded(password, "the password")), _decoded(user, "the user"))


def _check(address: Address, *, allow_insecure: bool) -> None:
    if address.insecure and not allow_insecure:
        raise _wrong("insecure=true sends keys and data in clear, and is refused in production")
    if address.certificate_key and not address.certificate:
        raise _wrong("its option certificate_key goes with certificate")


def _decoded(text: str, what: str) -> str:
    """Percent-decoding that refuses what is not UTF-8, and anything that is no printable text afterwards."""
    if any(not escape[1] for escape in _ESCAPE.finditer(text)):
        raise _wrong(f"{what} holds a % that is not followed by two hex digits: write %25")
    raw = b"".join(_bytes_of(text))
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        decoded = "\0"
    if not decoded.isprintable():
        raise _wrong(f"{what} is not printable text once it is percent-decoded")
    return decoded


def _bytes_of(text: str) -> Iterator[bytes]:
    at = 0
    for escape in _ESCAPE.finditer(text):
        yield text[at : escape.start()].encode()
        yield bytes.fromhex(escape[1])
        at = escape.end()
    yield text[at:].encode()


def _value(name: str, raw: str) -> Any:
    try:
        return _READERS[name](raw)
    except ValueError as error:
        raise _wrong(f"its option {name} {error}") from None


def _boolean(raw: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if raw.lower() not in known:
        raise ValueError("is neither true nor false")
    return known[raw.lower()]


def _never(raw: str) -> bool:
    if _boolean(raw):
        raise ValueError("must not be true: name your own authority by root_certificate=FILE")
    return False


def _database_key(raw: str) -> Secret:
    if len(raw) > _LONGEST_DATABASE_KEY:
        raise ValueError(f"is longer than {_LONGEST_DATABASE_KEY} characters")
    return Secret(raw)


def _seconds(raw: str) -> float:
    seconds = float(raw) if _SECONDS.fullmatch(raw) else math.nan
    if not 0 < seconds <= 86_400:
        raise ValueError("is no number of seconds above 0 and up to 86400")
    return seconds


class _Unusable(Exception):
    """Why a connection string cannot be used."""


def _wrong(why: str) -> _Unusable:
    return _Unusable(why)


_KEYS = ("apikey", "token")
_READERS: dict[str, Callable[[str], Any]] = {
    "timeout": _seconds,
    "connect_timeout": _seconds,
    "root_certificate": Path,
    "certificate": Path,
    "certificate_key": Path,
    "insecure": _boolean,
    "no_verify_certificate": _never,
    "compression": _boolean,
    "key": _database_key,
}
# Databases come and go uncompressed whatever it says, and what else is asked for is small.
_WITHOUT_EFFECT = frozenset({"no_verify_certificate", "compression"})
