"""Reads the text that says where a database is: a SQLite file, or a database of a SQLite Cloud project."""

import re
from pathlib import Path

from shared.errors import UsageError
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.connection_string import parse_connection_string
from shared.sqlitecloud.location import CloudLocation

_ALLOWED = "allowed are file:PATH, a path, or sqlitecloud://HOST[:PORT]/NAME"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=//)")


Location = FileLocation | CloudLocation


def parse_location(url: str, *, allow_insecure: bool = False) -> Location:
    """Reads a `DATABASE_URL` or `--to`. With `allow_insecure` a SQLite Cloud node may be spoken to without TLS.

    `file:PATH` takes the path as it is written (`file:///abs`, `file:/abs`, `file:rel`); nothing in it is
    percent-decoded and nothing is an option. A text without a scheme is a path.
    Raises UsageError, which repeats nothing of a text that could hold a credential.
    """
    if not url.strip():
        raise UsageError(f"the database location is empty: {_ALLOWED}")
    if "\0" in url:
        raise UsageError(f"the database location holds a NUL: {_ALLOWED}")
    if url[:12].lower() == "sqlitecloud:":
        return _cloud(url, allow_insecure=allow_insecure)
    if url[:5].lower() == "file:":
        return _file(url)
    if _SCHEME.match(url):
        raise UsageError(f"the database location has an unknown scheme: {_ALLOWED}")
    return _file_at(url)


def _file(url: str) -> FileLocation:
    rest = url[5:]
    if "?" in rest or "#" in rest:
        raise UsageError("a file: location takes no ?options and no #fragment: give the bare path")
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        if authority not in ("", "localhost") or not slash:
            raise UsageError("a file: location names no host: write file:///ABSOLUTE/PATH or file:PATH")
        rest = "/" + path
    return _file_at(rest)


def _file_at(text: str) -> FileLocation:
    path = Path(text)
    if not path.name or path.name == ".." or text.endswith(("/", "/.")):
        raise UsageError(f"the database location names no file: {_ALLOWED}")
    return FileLocation(path)


def _cloud(url: str, *, allow_insecure: bool) -> CloudLocation:
    found = parse_connection_string(url, allow_insecure=allow_insecure)
    if found.database is None:
        raise UsageError("the sqlitecloud:// location names no database: write sqlitecloud://HOST[:PORT]/NAME?apikey=…")
    return CloudLocation(found.address, found.database)
