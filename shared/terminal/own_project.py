"""A database of one's own SQLite Cloud project, named without its key.

Arguments are kept: by a shell's history, by Cloud Run in its audit logs. So `--to sqlitecloud://HOST/NAME` does without
a credential where DATABASE_URL, which comes from a secret, has one for the same host.
"""

from urllib.parse import urlsplit

_SCHEME = "sqlitecloud"
_PORT = 8860


def with_own_key(url: str, own: str | None) -> str:
    """`url`; with the credentials and options of `own`, when both name the same host and port, and it has none."""
    try:
        wanted, known = urlsplit(url), urlsplit(own or "")
        where = [(part.scheme.lower(), (part.hostname or "").lower(), part.port or _PORT) for part in (wanted, known)]
    except ValueError:
        return url  # whoever reads it says what is wrong with it
    if where[0] != where[1] or where[0][0] != _SCHEME or "@" in wanted.netloc or wanted.query or wanted.fragment:
        return url
    return known._replace(path=wanted.path).geturl()
