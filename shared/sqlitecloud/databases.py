"""Lists, uploads, replaces, encrypts and removes databases of a project. Calls with an Address connect and retry."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.failures import NOT_FOUND, CloudError, CommandRefused
from shared.sqlitecloud.names import quoted
from shared.sqlitecloud.replies import LISTING
from shared.sqlitecloud.retries import attempts
from shared.sqlitecloud.session import Session, Undecided, Value, Watcher

T = TypeVar("T")

STATUS_OK = 1
_MOST_DIGITS = 18
_DISABLED = 2
_STATES = {_DISABLED: "disabled", 3: "under maintenance", 4: "in error"}


@dataclass(frozen=True)
class Listed:
    """A row of LIST DATABASES DETAILED. Fields that the node omits are None; `writes` is its count of writes."""

    name: str
    size: int | None
    encrypted: bool
    status: int | None
    writes: int | None

    @property
    def disabled(self) -> bool:
        return self.status == _DISABLED

    @property
    def trouble(self) -> str | None:
        """Why the database cannot be used, as the node reports it; None if it can."""
        return _STATES.get(self.status or STATUS_OK)


def on_node(address: Address, work: Callable[[Session], T]) -> T:
    """Runs `work` on a new connection, and retries transient errors on another. `work` must be idempotent."""
    for attempt in attempts():
        with attempt, Session(address) as session:
            return work(session)
    raise AssertionError("the last attempt raises")


def names(session: Session) -> list[str]:
    """Returns the names of the databases that can be used now, sorted."""
    return sorted(
        str(row["name"]) for row in session.rows("LIST DATABASES", most=LISTING) if isinstance(row.get("name"), str)
    )


def listed(session: Session) -> list[Listed]:
    """Returns all databases, sorted by name. Only the names are set if the node refuses the details."""
    try:
        found = [_listed(row) for row in session.rows("LIST DATABASES DETAILED", most=LISTING)]
    except CommandRefused as error:
        if error.transient:
            raise
        found = [Listed(name, None, encrypted=False, status=None, writes=None) for name in names(session)]
    return sorted(found, key=lambda one: one.name)


def find(session: Session, name: str) -> Listed | None:
    """Returns the database of that name, or None."""
    return next((found for found in listed(session) if found.name == name), None)


def version(session: Session) -> str | None:
    """Returns the node's software version, or None if the role may not read it."""
    try:
        info = {row.get("key"): row.get("value") for row in session.rows("LIST INFO")}
    except CommandRefused:
        return None
    value = info.get("sqlitecloud_version")
    return value if isinstance(value, str) else None


def exists(address: Address, name: str) -> bool:
    """Returns whether a database of that name is listed. Raises CloudError."""
    return on_node(address, lambda session: name in names(session))


def put(address: Address, name: str, source: Path, watch: Watcher) -> bool:
    """Uploads the closed file `source` as the new database `name`.

    Returns True if the node confirmed the upload, False if its reply was lost and the name exists now.
    Raises CommandRefused if the name is taken or the node refuses; nothing was stored then. Raises Undecided if the
    database may be stored, now or later.
    """
    lost: Undecided | None = None
    try:
        for attempt in attempts():
            with attempt, Session(address) as session:
                if lost is not None and name in names(session):
                    return False
                try:
                    session.upload(name, source, watch)
                except Undecided as error:
                    lost = error
                    raise
                except CommandRefused:
                    if lost is not None and name in names(session):
                        return False  # the first upload was stored after all, but later
                    raise
                return True
    except CloudError as error:
        if lost is None or error is lost:
            raise
        raise Undecided(f"{lost}; after that: {error}") from None
    raise AssertionError("the last attempt raises")


def replace(address: Address, name: str, source: Path, watch: Watcher) -> bool:
    """Replaces the database `name` with the closed file `source` atomically, by UPLOAD … REPLACE.

    Returns True if the node confirmed it, False if the old database may still be in place. A complete upload is never
    repeated: that would discard writes made to the new database meanwhile. Raises CloudError if the old database is
    unchanged.
    """
    for attempt in attempts():
        with attempt, Session(address) as session:
            try:
                session.upload(name, source, watch, replace=True)
            except Undecided:
                return False
            return True
    raise AssertionError("the last attempt raises")


def encrypt(address: Address, name: str) -> None:
    """Encrypts a database on the node with the key of the connection string, unless it is encrypted already.

    Raises CloudError; the database may be encrypted or not then.
    """
    if address.key is None:
        raise ValueError("no key to encrypt with")
    for attempt in attempts():
        with attempt, Session(address) as session:
            if _is_encrypted(session, name):
                return
            session.ok(f"ENCRYPT DATABASE {quoted(name)} KEY ?", address.key.reveal(), patient=True)
            if not _is_encrypted(session, name):
                raise CloudError(f"{address.display} encrypted {name} but does not list it as encrypted: try again")
            return


def _is_encrypted(session: Session, name: str) -> bool:
    found = find(session, name)
    return found is not None and found.encrypted


def remove(address: Address, name: str) -> None:
    """Removes a database, if it exists. Raises CloudError; the database may exist or not then."""
    tried = False
    for attempt in attempts():
        with attempt, Session(address) as session:
            if tried and name not in names(session):
                return
            tried = True
            try:
                session.ok(f"REMOVE DATABASE {quoted(name)}", patient=True)
            except CommandRefused as error:
                if error.code != NOT_FOUND:
                    raise


def _listed(row: dict[str, Value]) -> Listed:
    return Listed(
        name=str(row.get("name") or ""),
        size=number_in(row.get("size")),
        encrypted=bool(row.get("encryption")),
        status=number_in(row.get("status")),
        writes=number_in(row.get("nwrite")),
    )


def number_in(value: Value) -> int | None:
    """Returns the integer in a cell, given as a number or as text; None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= _MOST_DIGITS:
        return int(value)
    return value if isinstance(value, int) else None
