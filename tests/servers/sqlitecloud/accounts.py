"""Users, API keys, access tokens, roles and privileges."""

import base64
import hashlib
import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime

from tests.servers.sqlitecloud.errors import AUTH, GENERIC, NOT_FOUND, Refusal

READWRITE = frozenset({"READ", "INSERT", "UPDATE", "DELETE"})
DBADMIN = READWRITE | {
    *("READWRITE", "PRAGMA", "CREATE_TABLE", "CREATE_INDEX", "CREATE_VIEW", "CREATE_TRIGGER", "DROP_TABLE"),
    *("DROP_INDEX", "DROP_VIEW", "DROP_TRIGGER", "ALTER_TABLE", "ANALYZE", "ATTACH", "DETACH"),
}
HOSTADMIN = frozenset({"BACKUP", "RESTORE", "DOWNLOAD", "CREATE_DATABASE", "DROP_DATABASE"})
USE = DBADMIN
COMPOSED = {"READWRITE": READWRITE, "DBADMIN": DBADMIN, "HOSTADMIN": HOSTADMIN, "PUBSUB": {"PUB", "SUB"}}
PRIVILEGES = (
    DBADMIN
    | HOSTADMIN
    | {"NONE", "DBADMIN", "HOSTADMIN", "SUB", "PUB", "PUBSUB", "PLUGIN", "SETTINGS", "USERADMIN", "WEBLITE"}
    | {"CLUSTERADMIN", "CLUSTERMONITOR", "SWITCH_USER", "ADMIN"}
)
KEY_ALPHABET = string.ascii_letters + string.digits
ANY = "*"


def expand(names: str) -> frozenset[str]:
    """Parses a comma-separated list of privileges, and expands composed ones."""
    found: set[str] = set()
    for name in (part.strip().upper() for part in names.split(",")):
        if name not in PRIVILEGES:
            raise Refusal(NOT_FOUND, f"Privilege {name} does not exist.")
        found |= {name} | set(PRIVILEGES if name == "ADMIN" else COMPOSED.get(name, ()))
    return frozenset(found)


def new_key() -> str:
    return "".join(secrets.choice(KEY_ALPHABET) for _ in range(43))


@dataclass(frozen=True)
class Role:
    """Privileges, and the database that they apply to. If it is None, the grant to a user must name one."""

    name: str
    privileges: frozenset[str]
    database: str | None = None
    table: str | None = None
    builtin: bool = False


@dataclass
class User:
    name: str
    password: bytes | None = None
    enabled: bool = True
    roles: list[tuple[str, str | None, str | None]] = field(default_factory=list)


@dataclass
class ApiKey:
    value: str
    user: str
    name: str
    created: datetime
    expires: datetime | None = None


class Accounts:
    def __init__(self) -> None:
        builtin = PRIVILEGES - {"NONE"}
        self.roles = {
            name: Role(name, expand(name), ANY if name in {"ADMIN", "HOSTADMIN"} else None, builtin=True)
            for name in sorted(builtin)
        }
        self.users: dict[str, User] = {}
        self.keys: dict[str, ApiKey] = {}
        self.tokens: dict[str, str] = {}

    def add_user(self, name: str, password: str | None, privileges: str = "ADMIN", database: str = ANY) -> User:
        """Adds a user with its own role: these privileges on one database, or on any."""
        role = Role(f"{name}-role", expand(privileges), database)
        self.roles[role.name] = role
        user = User(name, digest(password) if password is not None else None, roles=[(role.name, None, None)])
        self.users[name] = user
        return user

    def user(self, name: str) -> User:
        if name not in self.users:
            raise Refusal(NOT_FOUND, f"User {name} does not exist.")
        return self.users[name]

    def role(self, name: str) -> Role:
        found = self.roles.get(name) or self.roles.get(name.upper())
        if found is None:
            raise Refusal(NOT_FOUND, f"Role {name} does not exist.")
        return found

    def by_password(self, name: str, password: bytes) -> User:
        """Returns the user with this SHA-256 of a password. Raises Refusal."""
        user = self.users.get(name)
        if user is None or user.password is None or not secrets.compare_digest(user.password, password):
            raise refused()
        return self._enabled(user)

    def by_key(self, value: str, now: datetime) -> User:
        key = self.keys.get(value)
        if key is None or (key.expires is not None and key.expires <= now) or key.user not in self.users:
            raise refused()
        return self._enabled(self.users[key.user])

    def by_token(self, value: str) -> User:
        name = self.tokens.get(value)
        if name is None or name not in self.users:
            raise refused()
        return self._enabled(self.users[name])

    def _enabled(self, user: User) -> User:
        if not user.enabled:
            raise refused()
        return user

    def granted(self, user: User, database: str | None) -> frozenset[str]:
        """Returns the user's privileges on a database; without one, those on any database."""
        found: set[str] = set()
        for name, scope, _ in user.roles:
            role = self.roles.get(name)
            where = None if role is None else scope or role.database
            if role is not None and where is not None and (database is None or where in {ANY, database}):
                found |= role.privileges
        return frozenset(found)


def digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()


def from_hash(text: str) -> bytes:
    """Decodes the base64 SHA-256 of `AUTH USER .. HASH`."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise refused() from None


def refused() -> Refusal:
    return Refusal(AUTH, "Authentication failed.")


def credential(text: str) -> tuple[str, str]:
    """Parses `VALUE[=PRIVILEGE,...]` of the command line. The value may contain `=` too."""
    found = re.fullmatch(r"(.+)=([A-Z_]+(?:,[A-Z_]+)*)", text)
    if found and all(name in PRIVILEGES for name in found[2].split(",")):
        return found[1], found[2]
    return text, "ADMIN"


def check_unused(taken: bool, what: str, name: str) -> None:
    if taken:
        raise Refusal(GENERIC, f"{what} {name} already exists.")
