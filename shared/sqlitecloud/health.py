"""Is a database on SQLite Cloud in reach, and does this login have what backups and restores need?

Nobody can ask a node for one's own privileges without being an administrator, so each is found by a command that
needs it and changes nothing: on a name that nobody has (DOWNLOAD with IF EXISTS, REMOVE with IF EXISTS, RESTORE of a
moment before the platform existed), or that cannot be taken twice (UPLOAD without REPLACE, of which no data follows).
That a node looks at privileges before it looks for the database is not documented; see docs/sqlitecloud.md.
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
# What a refusal for lack of a privilege says on a real node is not documented, nor is its code.
_DENIAL = re.compile(r"privilege|permission|authori[sz]|not allowed|access denied", re.IGNORECASE)
_THERE = re.compile(r"exist", re.IGNORECASE)


@dataclass(frozen=True)
class Health:
    """The result of one check. `ok` is None if it is unknown or not needed; `detail` ends with what fixes it."""

    name: str
    ok: bool | None
    detail: str


def check(address: Address, database: str, now: datetime, *, restores: bool = False) -> Iterator[Health]:
    """Looks, a line at a time, and stops where going on makes no sense. Nothing on the node is changed.

    With `restores` what only a restore needs must be there too; without, its absence is merely said.
    """
    try:
        session = _connected(address)
    except CommandRefused as error:
        yield Health("source", ok=True, detail=f"{address.display} answers")
        yield Health("login", ok=False, detail=f"{error}; make another key: CREATE APIKEY USER … NAME …")
        return
    except CloudError as error:
        yield Health("source", ok=False, detail=str(error))
        return
    with session:
        yield Health("source", ok=True, detail=f"{address.display} answers")
        yield _tls(session, now)
        yield _caught("login", lambda: _login(session))
        found: list[Listed] = []
        yield _caught("database", lambda: _database(session, database, found))
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
        return Health("tls", ok=None, detail="none, as insecure=true says: keys and data go over the network in clear")
    version, end = session.tls
    try:
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC)
    except ValueError:
        return Health("tls", ok=None, detail=f"{version}; when the node's certificate ends cannot be read")
    left = ends - now
    detail = f"{version}, and the node's certificate ends on {ends:%Y-%m-%d}, in {count(left.days, 'day')}"
    if left < _RENEW_WITHIN:
        return Health("tls", ok=False, detail=f"{detail}: have it renewed, or nothing connects from then on")
    return Health("tls", ok=True, detail=detail)


def _login(session: Session) -> Health:
    user = session.value("GET USER")
    how = {"APIKEY": "an API key", "TOKEN": "a token", "PASSWORD": "a password"}[session.address.login.kind]
    return Health("login", ok=True, detail=f"{user}, by {how}" if isinstance(user, str) and user else f"by {how}")


def _database(session: Session, name: str, found: list[Listed]) -> Health:
    listed = databases.find(session, name)
    if listed is None:
        mend = "check the name, or bring it back with litekeep restore --backup latest --to"
        return Health("database", ok=False, detail=f"{name} is not there, or this role may not see it: {mend}")
    found.append(listed)
    size = "of unknown size" if listed.size is None else count(listed.size, "byte")
    if listed.trouble:
        mend = f"ENABLE DATABASE {quoted(name)}" if listed.trouble == "disabled" else "ask SQLite Cloud"
        return Health("database", ok=False, detail=f"{name}: {size}, {listed.trouble}: {mend}")
    return Health("database", ok=True, detail=f"{name}: {size}, status OK{', encrypted' if listed.encrypted else ''}")


def _encryption(address: Address, name: str, *, restores: bool) -> Health:
    """Has the node copy one page: whether it comes decrypted, nothing but that page tells."""
    try:
        first = databases.on_node(address, lambda session: pages.first_page(session, name))
    except CloudError as error:
        mend = "give the role READ and BACKUP, and the node the key of the database"
        return Health("encryption", ok=False, detail=f"it cannot be copied page by page: {error}: {mend}")
    if not first.startswith(MAGIC):
        mend = "decrypt a copy and back that up, or use the platform's own backups"
        return Health("encryption", ok=False, detail=f"its pages come encrypted, or not at once: {mend}")
    if restores and address.key is None:
        mend = "add key= with its key to the connection string"
        return Health("encryption", ok=False, detail=f"pages come decrypted, and a restore needs the key: {mend}")
    return Health("encryption", ok=True, detail="pages come decrypted")


@dataclass(frozen=True)
class _Case:
    """A session, and the database where it is there."""

    session: Session
    database: str | None


def _privilege(address: Address, database: str | None, privilege: str, *, needed: bool) -> Health:
    try:
        # A session for each: a node may close one after a refusal.
        told = databases.on_node(address, lambda session: _PROBES[privilege](_Case(session, database)))
    except CommandRefused as error:
        if not _denied(error):
            return Health(privilege, ok=None, detail=f"cannot be told: {error}")
        told = False
    except CloudError as error:
        return Health(privilege, ok=False if needed else None, detail=f"cannot be told: {error}")
    use = "" if privilege in FOR_BACKUPS else ", for restores"
    if told is None:
        return Health(privilege, ok=None, detail=f"cannot be told while the database is not there{use}")
    if told:
        return Health(privilege, ok=True, detail=f"granted{use}")
    mend = f"GRANT PRIVILEGE {privilege} ROLE <the role of this login> DATABASE *"
    if needed:
        return Health(privilege, ok=False, detail=f"missing{use}; as an administrator: {mend}")
    return Health(privilege, ok=None, detail=f"missing, and backups do without; for restores: {mend}")


def _download(case: _Case) -> bool | None:
    """A name that nobody has costs the node nothing.

    A role for one database is refused there: only then a download of that one is begun, and ended at once.
    """
    try:
        case.session.start_download(_nobodys(), if_exists=True)
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
    """Without REPLACE, and with the name taken, an upload is refused before it begins."""
    if case.database is None:
        return None
    try:
        case.session.ok(f"UPLOAD DATABASE {quoted(case.database)}")
    except CommandRefused as error:
        if _denied(error) or not _THERE.search(_said(error)):
            raise
        return True
    case.session.ok("UPLOAD ABORT")  # it was removed just now; without its last piece no upload becomes a database
    return True


def _drop(case: _Case) -> bool | None:
    case.session.ok(f"REMOVE DATABASE {quoted(_nobodys())} IF EXISTS")
    return True


def _restore(case: _Case) -> bool | None:
    try:
        case.session.ok(f"RESTORE BACKUP DATABASE {quoted(_nobodys())} TIMESTAMP {_BEFORE_ALL}")
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


def _nobodys() -> str:
    return f"litekeep-health-{secrets.token_hex(16)}"


def _denied(error: CommandRefused) -> bool:
    return error.code == AUTH or bool(_DENIAL.search(_said(error)))


def _said(error: CommandRefused) -> str:
    """The node's own words: what stands before them names the node, which could be called anything."""
    return str(error).partition(": ")[2]


def _caught(name: str, look: Callable[[], Health]) -> Health:
    try:
        return look()
    except CloudError as error:
        return Health(name, ok=False, detail=str(error))
