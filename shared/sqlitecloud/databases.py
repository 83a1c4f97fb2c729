"""What a project holds, and bringing a database there or away. Each call opens its own connection, and tries again."""

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
    """A row of LIST DATABASES DETAILED; what a node leaves out is None. `writes` counts them, as the node does."""

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
        """Why it cannot be used, if the node says so."""
        return _STATES.get(self.status or STATUS_OK)


def on_node(address: Address, work: Callable[[Session], T]) -> T:
    """Runs `work` on a new connection, and on another when what went wrong may pass. It must bear repetition."""
    for attempt in attempts():
        with attempt, Session(address) as session:
            return work(session)
    raise AssertionError("the last attempt raises")


def names(session: Session) -> list[str]:
    """The databases that can be used now, by name."""
    return sorted(
        str(row["name"]) for row in session.rows("LIST DATABASES", most=LISTING) if isinstance(row.get("name"), str)
    )


def listed(session: Session) -> list[Listed]:
    """All databases with what the node says of them, by name; where it refuses the details, names alone."""
    try:
        found = [_listed(row) for row in session.rows("LIST DATABASES DETAILED", most=LISTING)]
    except CommandRefused as error:
        if error.transient:
            raise
        found = [Listed(name, None, encrypted=False, status=None, writes=None) for name in names(session)]
    return sorted(found, key=lambda one: one.name)


def find(session: Session, name: str) -> Listed | None:
    return next((found for found in listed(session) if found.name == name), None)


def version(session: Session) -> str | None:
    """The node's software, where the role may ask for it."""
    try:
        found = {row.get("key"): row.get("value") for row in session.rows("LIST INFO")}
    except CommandRefused:
        return None
    told = found.get("sqlitecloud_version")
    return told if isinstance(told, str) else None


def exists(address: Address, name: str) -> bool:
    return on_node(address, lambda session: name in names(session))


def put(address: Address, name: str, source: Path, watch: Watcher) -> bool:
    """Makes the new database `name` of the closed file `source`.

    Returns True when the node said that it is stored, False when its answer was lost and the name is there now.
    Raises Refused when the name is taken or the node does not want it, and nothing of ours is there then. Raises
    Undecided when it may be there, or may come yet.
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
                        return False  # the first upload was stored after all, only later
                    raise
                return True
    except CloudError as error:
        if lost is None or error is lost:
            raise
        raise Undecided(f"{lost}; after that: {error}") from None
    raise AssertionError("the last attempt raises")


def replace(address: Address, name: str, source: Path, watch: Watcher) -> bool:
    """Puts the closed file `source` in the place of the database `name` in one step, by UPLOAD … REPLACE.

    Returns as `put` does; False means that the old may be there still. Nothing that has been sent whole is sent again:
    whoever wrote to the new one meanwhile would lose it. Raises CloudError, and the old is as it was then.
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
    """Has the node encrypt a database with the key of the connection string; one that is encrypted is left as it is.

    Raises CloudError, and then it may be encrypted or not.
    """
    if address.key is None:
        raise ValueError("no key to encrypt with")
    for attempt in attempts():
        with attempt, Session(address) as session:
            if _is_encrypted(session, name):
                return
            session.ok(f"ENCRYPT DATABASE {quoted(name)} KEY ?", address.key.reveal(), patient=True)
            if not _is_encrypted(session, name):
                raise CloudError(f"{address.display} was told to encrypt {name}, and does not list it as encrypted")
            return


def _is_encrypted(session: Session, name: str) -> bool:
    found = find(session, name)
    return found is not None and found.encrypted


def remove(address: Address, name: str) -> None:
    """Removes a database; that it is gone already is as good. Raises CloudError, and then it may be there or not."""
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
    """Returns the number that a cell holds, as a number or as text; None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= _MOST_DIGITS:
        return int(value)
    return value if isinstance(value, int) else None
