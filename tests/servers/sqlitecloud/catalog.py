"""The databases of the server: the files in its folder, and their settings.

A database is the file of its name. The server's own data (settings, unfinished uploads, copies for
point-in-time restores) is in the hidden folder `.sqlitecloud`."""

import json
import os
import re
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from tests.servers.sqlitecloud.errors import (
    GENERIC,
    Refusal,
    database_exists,
    no_such_database,
    not_a_database,
)
from tests.servers.sqlitecloud.gate import Gate
from tests.servers.sqlitecloud.scramble import is_plain, opens, scramble

HIDDEN = ".sqlitecloud"
KEY = "database_key"
_SIDES = ("-wal", "-shm", "-journal")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f;/\\'\"`]")
_ENCODINGS = {"UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE"}


@dataclass(eq=False)
class Database:
    name: str
    path: Path
    ident: int
    keys: dict[str, str] = field(default_factory=dict)
    disabled: bool = False
    removed: bool = False
    generation: int = 0
    commits: int = 0
    gate: Gate = field(default_factory=Gate)

    @property
    def key(self) -> str | None:
        return self.keys.get(KEY)

    @property
    def locked(self) -> bool:
        """Whether the file is scrambled and its key unknown."""
        return not is_plain(self.path)

    def size(self) -> int:
        return self.path.stat().st_size


class Catalog:
    """`raft` counts every commit of every database, as the log of a cluster would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hidden = folder / HIDDEN
        self.hidden.mkdir(parents=True, exist_ok=True)
        self.reserved: set[str] = set()
        self.raft = 1
        self._state = self.hidden / "state.json"
        self._known: dict[str, Database] = {}
        self._lock = threading.RLock()
        # Commits are counted inside statements, so not under the lock that waits for statements.
        self._counting = threading.Lock()
        self._idents = 0
        self._saved = json.loads(self._state.read_text()) if self._state.exists() else {}

    def temporary(self) -> Path:
        """Creates an empty file that is not listed as a database."""
        handle, path = tempfile.mkstemp(dir=self.hidden)
        os.close(handle)
        return Path(path)

    def names(self) -> list[str]:
        with os.scandir(self.folder) as files:
            return sorted(file.name for file in files if _serves(file.name) and file.is_file())

    def all(self) -> list[Database]:
        return [self.get(name) for name in self.names()]

    def find(self, name: str) -> Database | None:
        check_name(name)
        with self._lock:
            path = self.folder / name
            if not path.is_file():
                self._known.pop(name, None)
                return None
            if name not in self._known:
                self._idents += 1
                saved = self._saved.get(name, {})
                self._known[name] = Database(
                    name, path, self._idents, dict(saved.get("keys", {})), saved.get("disabled", False)
                )
            return self._known[name]

    def get(self, name: str) -> Database:
        database = self.find(name)
        if database is None:
            raise no_such_database(name)
        return database

    def usable(self, name: str) -> Database:
        """Returns a database that exists, is enabled and not locked. Raises Refusal."""
        database = self.get(name)
        if database.disabled:
            raise Refusal(GENERIC, f"Database {name} is disabled.")
        if database.locked:
            raise not_a_database()
        return database

    def committed(self, database: Database) -> None:
        with self._counting:
            self.raft += 1
            database.commits += 1

    def create(self, name: str, encoding: str | None, size: int | None, key: str | None) -> Database:
        check_name(name)
        if encoding is not None and encoding.upper() not in _ENCODINGS:
            raise Refusal(GENERIC, f"Invalid encoding {encoding}.")
        if size is not None and (not 512 <= size <= 65536 or size & (size - 1)):
            raise Refusal(GENERIC, f"Invalid page size {size}.")
        path = self.temporary()
        connection = apsw.Connection(str(path))
        try:
            if encoding is not None:
                connection.execute(f"PRAGMA encoding='{encoding.upper()}'")
            connection.pragma("page_size", size or 4096)
            # SQLite writes the file with its first table; page size and encoding are fixed from then on.
            connection.execute("CREATE TABLE first (a); DROP TABLE first; VACUUM")
        finally:
            connection.close()
        return self.publish(path, name, key=key)

    def publish(self, path: Path, name: str, *, key: str | None = None, replace: bool = False) -> Database:
        """Moves a finished plain file to a database name. Connections to an old database switch to the new file."""
        with self._lock:
            old = self.find(name)
            if old is not None and not replace:
                path.unlink()
                raise database_exists(name)
            if old is None:
                path.replace(self.folder / name)
                database = self.get(name)
            else:
                database = old
                with old.gate.alone():
                    self._drop_sides(old)
                    path.replace(old.path)
                    old.generation += 1
            if key is not None:
                database.keys[KEY] = key
            elif old is not None:
                database.keys.pop(KEY, None)
            self.save()
            self.committed(database)
            return database

    def remove(self, database: Database) -> None:
        with self._lock, database.gate.alone():
            database.removed = True
            self._drop_sides(database)
            database.path.unlink(missing_ok=True)
            self._known.pop(database.name, None)
            self._saved.pop(database.name, None)
            self.committed(database)
            self.save()

    def set_key(self, database: Database, name: str, content: str | None) -> None:
        """Sets or removes a database key. `database_key` also unlocks or locks the file."""
        with self._lock:
            if name == KEY:
                self._lock_or_unlock(database, content)
            if content is None:
                database.keys.pop(name, None)
            else:
                database.keys[name] = content
            self.save()

    def _lock_or_unlock(self, database: Database, key: str | None) -> None:
        with database.gate.alone():
            if key is not None and database.locked:
                if not opens(database.path, key):
                    raise not_a_database()
                scramble(database.path, key)
            elif key is not None and database.key != key:
                raise not_a_database()
            elif key is None and database.key is not None and not database.locked:
                self.checkpoint(database)
                scramble(database.path, database.key)
                database.generation += 1

    def checkpoint(self, database: Database) -> None:
        """Moves the write-ahead log into the file."""
        connection = apsw.Connection(str(database.path))
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
        self._drop_sides(database)

    def save(self) -> None:
        with self._lock:
            for name, database in self._known.items():
                self._saved[name] = {"keys": database.keys, "disabled": database.disabled}
            self._state.write_text(json.dumps(self._saved))

    def _drop_sides(self, database: Database) -> None:
        for side in _SIDES:
            Path(f"{database.path}{side}").unlink(missing_ok=True)


def _serves(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(_SIDES) and not _FORBIDDEN.search(name)


def check_name(name: str) -> None:
    """Raises Refusal for a name that cannot be a file in the folder."""
    if not name or len(name.encode()) > 200 or not _serves(name):
        raise Refusal(GENERIC, f"Database name contains invalid characters ({name}).")
