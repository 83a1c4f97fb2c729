"""Checks that a database on SQLite Cloud is reachable and that the login has the privileges for backups and restores.

Only administrators can list privileges. So each privilege is probed with a command that needs it and changes nothing:
on a random name that does not exist (DOWNLOAD with IF EXISTS, REMOVE with IF EXISTS, RESTORE of a time before the
platform existed), or on the name of the existing database (UPLOAD without REPLACE, to which no data is sent).
It is not documented that a node checks privileges before it looks for the database; see docs/sqlitecloud.md.
"""

import re
import secrets
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.sqlitecloud import databases, pages
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.databases import Listed
from shared.sqlitecloud.failures import AUTH, COMMAND, CloudError, CommandRefused
from shared.sqlitecloud.names import quoted
from shared.sqlitecloud.pages import MAGIC
from shared.sqlitecloud.replies import LISTING
from shared.sqlitecloud.retries import attempts
from shared.sqlitecloud.session import Session
from shared.text import count

FOR_BACKUPS = ("DOWNLOAD", "READ", "BACKUP")
FOR_RESTORES = ("CREATE_DATABASE", "DROP_DATABASE", "RESTORE")

_RENEW_WITHIN = timedelta(days=14)
_BEFORE_ALL = "1970-01-01T00:00:00Z"
# The text and the code of a refusal for a missing privilege are not documented.
_DENIAL = re.compile(r"privilege|permission|authori[sz]|not allowed|access denied", re.IGNORECASE)
_EXISTS = re.compile(r"exist", re.IGNORECASE)


@dataclass(frozen=True)
class Health:
    """The result of one check. `ok` is None if it is unknown or not needed; `detail` ends with the remedy.

    `missing` is True if the check failed because the database does not exist, or is not visible to the login.
    """

    name: str
    ok: bool | None
    detail: str
    missing: bool = False


def check(address: Address, database: str, now: datetime, *, restores: bool = False) -> Iterator[Health]:
    """Yields the results one by one; stops early if the node or the login fails. Changes nothing on the node.

    With `restores`, a missing privilege that only restores need is a failure; otherwise it is a note.
    """
    try:
        session = _connected(address)
    except CommandRefused as error:
        yield Health("source", ok=True, detail=f"{address.display} answers")
        yield Health("login", ok=False, detail=f"{error}; create another key: CREATE APIKEY USER … NAME …")
        return
    except CloudError as error:
        yield Health("source", ok=False, detail=str(error))
        return
    with session:
        yield Health("source", ok=True, detail=f"{address.display} answers")
        yield _tls(session, now)
        yield _checked("login", lambda: _login(session))
        found: list[Listed] = []
        yield _checked("database", lambda: _database(session, database, found))
    if found and found[0].encrypted:
        yield _encryption(address, database, restores=restores)
    for privilege in (*FOR_BACKUPS, *FOR_RESTORES):
        needed = restores or privilege in FOR_BACKUPS
        yield _privilege(address, database if found else None, privilege, needed=needed)


def _connected(address: Address) -> Session:
    for attempt in attempts():
        with attempt:
            return Session(address)
    raise AssertionError("the last attempt raises")


def _tls(session: Session, now: datetime) -> Health:
    if session.tls is None:
        return Health("tls", ok=None, detail="none, because of insecure=true: keys and data are sent unencrypted")
    version, end = session.tls
    try:
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC)
    except ValueError:
        return Health("tls", ok=None, detail=f"{version}; the expiry date of the node's certificate cannot be read")
    left = ends - now
    detail = f"{version}, and the node's certificate expires on {ends:%Y-%m-%d}, in {count(left.days, 'day')}"
    if left < _RENEW_WITHIN:
        return Health("tls", ok=False, detail=f"{detail}: have it renewed, or connections fail after that")
    return Health("tls", ok=True, detail=detail)


def _login(session: Session) -> Health:
    user = session.value("GET USER")
    how = {"APIKEY": "an API key", "TOKEN": "a token", "PASSWORD": "a password"}[session.address.login.kind]
    return Health("login", ok=True, detail=f"{user}, by {how}" if isinstance(user, str) and user else f"by {how}")


def _database(session: Session, name: str, found: list[Listed]) -> Health:
    listed = databases.find(session, name)
    if listed is None:
        remedy = "check the name, or bring it back with litekeep restore --backup latest --to"
        detail = f"{name} does not exist, or this role may not see it: {remedy}"
        return Health("database", ok=False, detail=detail, missing=True)
    found.append(listed)
    size = "of unknown size" if listed.size is None else count(listed.size, "byte")
    if listed.trouble:
        remedy = f"ENABLE DATABASE {quoted(name)}" if listed.trouble == "disabled" else "ask SQLite Cloud"
        return Health("database", ok=False, detail=f"{name}: {size}, {listed.trouble}: {remedy}")
    return Health("database", ok=True, detail=f"{name}: {size}, status OK{', encrypted' if listed.encrypted else ''}")


def _encryption(address: Address, name: str, *, restores: bool) -> Health:
    """Copies one page, because only a page shows whether the node decrypts it."""
    try:
        first = databases.on_node(address, lambda session: pages.first_page(session, name))
    except CloudError as error:
        remedy = "grant the role READ and BACKUP, and give the node the key of the database"
        return Health("encryption", ok=False, detail=f"it cannot be copied page by page: {error}: {remedy}")
    if not first.startswith(MAGIC):
        remedy = "decrypt a copy and back that up, or use the platform's own backups"
        return Health("encryption", ok=False, detail=f"the node sends its pages encrypted, or not at once: {remedy}")
    if restores and address.key is None:
        remedy = "add key= with its key to the connection string"
        return Health("encryption", ok=False, detail=f"pages are decrypted, but a restore needs the key: {remedy}")
    return Health("encryption", ok=True, detail="pages are decrypted")


@dataclass(frozen=True)
class _Case:
    """A session, and the database, or None if it does not exist."""

    session: Session
    database: str | None


def _privilege(address: Address, database: str | None, privilege: str, *, needed: bool) -> Health:
    """Checks one privilege by a command that needs it. A missing one is a failure only if it is `needed`."""
    try:
        # One session for each privilege: a node may close it after a refusal.
        granted = databases.on_node(address, lambda session: _PROBES[privilege](_Case(session, database)))
    except CommandRefused as error:
        if not _denied(error):
            return Health(privilege, ok=None, detail=f"unknown: {error}")
        granted = False
    except CloudError as error:
        return Health(privilege, ok=False if needed else None, detail=f"unknown: {error}")
    use = "" if privilege in FOR_BACKUPS else ", for restores"
    if granted is None:
        return Health(privilege, ok=None, detail=f"unknown while the database does not exist{use}")
    if granted:
        return Health(privilege, ok=True, detail=f"granted{use}")
    remedy = f"GRANT PRIVILEGE {privilege} ROLE <the role of this login> DATABASE *"
    if needed:
        return Health(privilege, ok=False, detail=f"missing{use}; as an administrator: {remedy}")
    return Health(privilege, ok=None, detail=f"missing, not needed for backups; for restores: {remedy}")


def _download(case: _Case) -> bool | None:
    """Downloads a name that does not exist, which makes no snapshot on the node.

    A role limited to one database is refused that name; then the download of this database is begun and aborted.
    """
    try:
        case.session.start_download(_unused_name(), if_exists=True)
    except CommandRefused as error:
        if not _denied(error) or case.database is None:
            raise
        case.session.start_download(case.database)
        case.session.ok("DOWNLOAD ABORT")
    return True


def _read(case: _Case) -> bool | None:
    if case.database is None:
        return None
    case.session.ok(f"USE DATABASE {quoted(case.database)}")
    case.session.rows("SELECT count(*) FROM sqlite_schema WHERE 0")
    return True


def _backup(case: _Case) -> bool | None:
    case.session.rows("LIST BACKUP SETTINGS", most=LISTING)
    return True


def _create(case: _Case) -> bool | None:
    """Uploads without REPLACE to the existing name, which the node refuses before data is sent."""
    if case.database is None:
        return None
    try:
        case.session.ok(f"UPLOAD DATABASE {quoted(case.database)}")
    except CommandRefused as error:
        if _denied(error) or not _EXISTS.search(_reason(error)):
            raise
        return True
    case.session.ok("UPLOAD ABORT")  # the database was just removed; an upload without its last piece stores nothing
    return True


def _drop(case: _Case) -> bool | None:
    case.session.ok(f"REMOVE DATABASE {quoted(_unused_name())} IF EXISTS")
    return True


def _restore(case: _Case) -> bool | None:
    try:
        case.session.ok(f"RESTORE BACKUP DATABASE {quoted(_unused_name())} TIMESTAMP {_BEFORE_ALL}")
    except CommandRefused as error:
        if _denied(error) or error.code == COMMAND:
            raise
    return True


_PROBES: dict[str, Callable[[_Case], bool | None]] = {
    "DOWNLOAD": _download,
    "READ": _read,
    "BACKUP": _backup,
    "CREATE_DATABASE": _create,
    "DROP_DATABASE": _drop,
    "RESTORE": _restore,
}


def _unused_name() -> str:
    return f"litekeep-health-{secrets.token_hex(16)}"


def _denied(error: CommandRefused) -> bool:
    return error.code == AUTH or bool(_DENIAL.search(_reason(error)))


def _reason(error: CommandRefused) -> str:
    """Returns the node's own text, without the prefix: that has the host name, which could match a pattern."""
    return str(error).partition(": ")[2]


def _checked(name: str, run: Callable[[], Health]) -> Health:
    try:
        return run()
    except CloudError as error:
        return Health(name, ok=False, detail=str(error))
