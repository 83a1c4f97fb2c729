"""Adds the credentials of DATABASE_URL to a location in the same SQLite Cloud project.

A shell's history and Cloud Run's audit logs keep command-line arguments. So `--to sqlitecloud://HOST/NAME` needs no
credential if DATABASE_URL, which comes from a secret, has one for the same host.
"""

from urllib.parse import urlsplit

_SCHEME = "sqlitecloud"
_PORT = 8860


def with_project_credentials(url: str, own: str | None) -> str:
    """Returns `url` with the credentials and options of `own` if both name the same host and port and `url` has none.

    Otherwise returns `url` unchanged.
    """
    try:
        wanted, known = urlsplit(url), urlsplit(own or "")
        where = [(part.scheme.lower(), (part.hostname or "").lower(), part.port or _PORT) for part in (wanted, known)]
    except ValueError:
        return url  # the parser that reads it next reports the error
    if where[0] != where[1] or where[0][0] != _SCHEME or "@" in wanted.netloc or wanted.query or wanted.fragment:
        return url
    return known._replace(path=wanted.path).geturl()
