"""Parses the location of a database: a SQLite file, or a database of a SQLite Cloud project."""

import re
from pathlib import Path

from shared.errors import UsageError
from shared.redaction import why_no_path
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.connection_string import parse_connection_string
from shared.sqlitecloud.location import CloudLocation

_ALLOWED = "allowed are file:PATH, a path, or sqlitecloud://HOST[:PORT]/NAME"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=//)")


Location = FileLocation | CloudLocation


def on_cloud(location: Location) -> CloudLocation | None:
    """Returns the location if it is on SQLite Cloud, for features of that platform; None for a file."""
    return location if isinstance(location, CloudLocation) else None


def parse_location(url: str, *, allow_insecure: bool = False, what: str = "the database location") -> Location:
    """Parses a `DATABASE_URL` or `--to`. `allow_insecure` permits a SQLite Cloud node without TLS.

    `file:PATH` takes the path as it is (`file:///abs`, `file:/abs`, `file:rel`), without percent-decoding or options. A
    text without a scheme is a path. `what`: the setting or flag that errors name.
    Raises UsageError, which repeats nothing of a text that could hold a credential.
    """
    if not url.strip():
        raise UsageError(f"{what} is empty: {_ALLOWED}")
    if url[:12].lower() == "sqlitecloud:":
        return _cloud(url, what, allow_insecure=allow_insecure)
    if url[:5].lower() == "file:":
        return _file(url, what)
    if _SCHEME.match(url):
        raise UsageError(f"{what} has an unknown scheme: {_ALLOWED}")
    return _file_at(url, what)


def _file(url: str, what: str) -> FileLocation:
    rest = url[5:]
    if "?" in rest or "#" in rest:
        raise UsageError(f"{what}: a file: location takes no ?options and no #fragment: give the bare path")
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        if authority not in ("", "localhost") or not slash:
            raise UsageError(f"{what}: a file: location names no host: write file:///ABSOLUTE/PATH or file:PATH")
        rest = "/" + path
    return _file_at(rest, what)


def _file_at(text: str, what: str) -> FileLocation:
    if why := why_no_path(text):
        raise UsageError(f"{what} is wrong: {why}; {_ALLOWED}")
    path = Path(text)
    if not path.name or path.name == ".." or text.endswith(("/", "/.")):
        raise UsageError(f"{what} names no file: {_ALLOWED}")
    return FileLocation(path)


def _cloud(url: str, what: str, *, allow_insecure: bool) -> CloudLocation:
    found = parse_connection_string(url, allow_insecure=allow_insecure, what=what)
    if found.database is None:
        raise UsageError(f"{what} names no database: write sqlitecloud://HOST[:PORT]/NAME?apikey=…")
    return CloudLocation(found.address, found.database)
