"""A strict parser for `sqlitecloud://` connection strings.

    sqlitecloud://[USER:PASSWORD@]HOST[:PORT]/[NAME][?OPTION=VALUE&…]

User, password, name and values are percent-encoded UTF-8; a `+` is a plus sign. The driver's own parser is not used:
it reads `insecure=false` as true, drops unknown options, turns an all-digit key into a number and shows parts of a
password in its errors (driver 0.0.84, datatypes.py:180-236).
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
# Options of the public drivers that would change what a backup reads, or weaken the connection.
_UNWANTED = {
    "create": "only a restore creates databases",
    "memory": "a database in memory cannot be backed up",
    "non_linearizable": "a backup reads from the leader",
    "nonlinearizable": "a backup reads from the leader",
    "noblob": "a backup leaves nothing out",
    "maxdata": "a backup leaves nothing out",
    "maxrows": "a backup leaves nothing out",
    "maxrowset": "a backup leaves nothing out",
    "zerotext": "it changes nothing in a backup",
    "password_hashed": "give the password itself",
    "usewebsocket": "only the protocol's own port is supported",
    "verbose": "commands are never printed",
}


class Secret:
    """A secret text: its `repr` hides it, and `reveal` returns it."""

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
    """The address of a project's node, its TLS options and the login. Times are in seconds."""

    host: str
    port: int | None
    login: Login = field(repr=False)
    insecure: bool = False
    root_certificate: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    timeout: float = 60.0
    connect_timeout: float = 15.0
    key: Secret | None = field(default=None, repr=False)  # the encryption key for restored databases

    @property
    def display(self) -> str:
        """`sqlitecloud://HOST[:PORT]`: no user, no password, no key."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sqlitecloud://{host}{'' if self.port is None else f':{self.port}'}"

    def secrets(self) -> list[str]:
        """The texts that must not appear in any output."""
        return [secret.reveal() for secret in (self.login.secret, self.key) if secret is not None]


@dataclass(frozen=True)
class ConnectionString:
    """A parsed connection string: a node, and the database if one is named."""

    address: Address
    database: str | None


def parse_connection_string(
    text: str, *, allow_insecure: bool = False, what: str = "the sqlitecloud:// location"
) -> ConnectionString:
    """Parses a connection string. `allow_insecure` permits `insecure=true`, TCP without TLS.

    `what` is the setting or flag that errors name. Raises UsageError, whose text has no part that may be a credential.
    """
    try:
        parsed = _parse(text, allow_insecure=allow_insecure)
    except _Unusable as error:
        raise UsageError(f"{what} cannot be used: {error}; {_FORM}") from None
    for secret in parsed.address.secrets():
        keep_secret(secret)
    return parsed


def _parse(text: str, *, allow_insecure: bool) -> ConnectionString:
    if not _SCHEME.match(text) or not text.isprintable() or " " in text:
        raise _wrong("it does not begin with sqlitecloud://, or contains a blank")
    if "#" in text:
        raise _wrong("it contains a #: write %23")
    main, _, query = text[len("sqlitecloud://") :].partition("?")
    authority, _, path = main.partition("/")
    userinfo, at, location = authority.rpartition("@")
    host, port = _host_and_port(location)
    options = _options(query)
    values = {name: _value(name, raw) for name, raw in options.items() if name in _READERS}
    settings = {name: value for name, value in values.items() if name not in _WITHOUT_EFFECT}
    address = Address(host, port, _login(userinfo if at else None, options), **settings)
    _check(address, allow_insecure=allow_insecure)
    if not path:
        return ConnectionString(address, None)
    try:
        name = check_name(_decoded(path, "the database's name"))
    except UsageError:
        # The name is not repeated: a password that contains a / would end up here.
        raise _wrong("its database name contains a quote, backslash, slash or ;, or is not a valid name") from None
    return ConnectionString(address, name)


def _host_and_port(location: str) -> tuple[str, int | None]:
    if ipv6 := _IPV6.match(location):
        host, rest = ipv6[1], location[ipv6.end() :]
    else:
        host, colon, number = location.partition(":")
        rest = colon + number
        if not _HOST.fullmatch(host):
            raise _wrong("HOST is missing or not a valid host name")
    if not rest:
        return host.lower(), None
    if not _PORT.fullmatch(rest[1:]) or rest[0] != ":" or int(rest[1:]) > 65535:
        raise _wrong("PORT is not a number from 1 to 65535, or a password contains a / or ? (write %2F, %3F)")
    return host.lower(), int(rest[1:])


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, equals, raw = pair.partition("=")
        name = name.lower()
        if name in _UNWANTED:
            raise _wrong(f"its option {name} is not allowed: {_UNWANTED[name]}")
        if name not in _READERS and name not in _KEYS:
            # The name is not repeated: it may be part of a key that was not percent-encoded.
            raise _wrong(f"it has an unknown option; known are {', '.join([*_KEYS, *_READERS])}")
        if not equals or not raw:
            raise _wrong(f"its option {name} has no value")
        if name in options:
            raise _wrong(f"its option {name} is given twice")
        options[name] = _decoded(raw, f"the option {name}")
    return options


def _login(userinfo: str | None, options: dict[str, str]) -> Login:
    given = [name for name in _KEYS if name in options]
    if len(given) + (userinfo is not None) != 1:
        raise _wrong("it must name exactly one of USER:PASSWORD@, apikey= and token=")
    if userinfo is None:
        if not _KEY.fullmatch(options[given[0]]):
            raise _wrong(f"its option {given[0]} contains a character that is not allowed in keys")
        return Login(given[0].upper(), Secret(options[given[0]]))
    user, colon, password = userinfo.partition(":")
    if "@" in userinfo or not colon or not user or not password:
        raise _wrong("before the @ it needs USER:PASSWORD, with any @, : or / in them percent-encoded")
    return Login("PASSWORD", Secret(_decoded(password, "the password")), _decoded(user, "the user"))


def _check(address: Address, *, allow_insecure: bool) -> None:
    if address.insecure and not allow_insecure:
        raise _wrong("insecure=true sends keys and data unencrypted, and is refused in production")
    if address.certificate_key and not address.certificate:
        raise _wrong("its option certificate_key needs the option certificate too")


def _decoded(text: str, what: str) -> str:
    """Percent-decodes `text`. Raises _Unusable if the result is not UTF-8 or not printable."""
    if any(not escape[1] for escape in _ESCAPE.finditer(text)):
        raise _wrong(f"{what} contains a % that is not followed by two hex digits: write %25")
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
        raise ValueError("must not be true: name your own certificate authority with root_certificate=FILE")
    return False


def _database_key(raw: str) -> Secret:
    if len(raw) > _LONGEST_DATABASE_KEY:
        raise ValueError(f"is longer than {_LONGEST_DATABASE_KEY} characters")
    return Secret(raw)


def _seconds(raw: str) -> float:
    seconds = float(raw) if _SECONDS.fullmatch(raw) else math.nan
    if not 0 < seconds <= 86_400:
        raise ValueError("is not a number of seconds above 0 and up to 86400")
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
# Databases are always transferred uncompressed, and all other replies are small.
_WITHOUT_EFFECT = frozenset({"no_verify_certificate", "compression"})
