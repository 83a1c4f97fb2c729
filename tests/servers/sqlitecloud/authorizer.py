"""The SQLite authorizer: checks the privilege for each action of a statement while it is compiled."""

from collections.abc import Callable

import apsw

_READ = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_READ})
_NEEDS = {
    apsw.SQLITE_INSERT: "INSERT",
    apsw.SQLITE_UPDATE: "UPDATE",
    apsw.SQLITE_DELETE: "DELETE",
    apsw.SQLITE_CREATE_TABLE: "CREATE_TABLE",
    apsw.SQLITE_CREATE_VTABLE: "CREATE_TABLE",
    apsw.SQLITE_CREATE_INDEX: "CREATE_INDEX",
    apsw.SQLITE_CREATE_VIEW: "CREATE_VIEW",
    apsw.SQLITE_CREATE_TRIGGER: "CREATE_TRIGGER",
    apsw.SQLITE_DROP_TABLE: "DROP_TABLE",
    apsw.SQLITE_DROP_VTABLE: "DROP_TABLE",
    apsw.SQLITE_DROP_INDEX: "DROP_INDEX",
    apsw.SQLITE_DROP_VIEW: "DROP_VIEW",
    apsw.SQLITE_DROP_TRIGGER: "DROP_TRIGGER",
    apsw.SQLITE_ALTER_TABLE: "ALTER_TABLE",
    apsw.SQLITE_ANALYZE: "ANALYZE",
}
_READING_PRAGMAS = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}
    | {"integrity_check", "quick_check", "foreign_key_check"}
)
# These would disable write-ahead logging, or the server's control of the pages.
_NEVER_SET = frozenset({"journal_mode", "locking_mode", "writable_schema", "wal_autocheckpoint"})


class Authorizer:
    """Allows or denies each action by calling `may` with the privilege that it needs."""

    def __init__(self, may: Callable[[str], bool]) -> None:
        self._may = may

    def __call__(
        self, action: int, one: str | None, two: str | None, _database: str | None, _trigger: str | None
    ) -> int:
        if action in (apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH):
            return apsw.SQLITE_DENY
        if action == apsw.SQLITE_PRAGMA:
            allowed = self._pragma(str(one).lower(), two)
        elif action in _READ:
            allowed = self._may("READ")
        elif action in _NEEDS:
            # SQLite writes its own tables while it creates and drops others.
            allowed = str(one).startswith("sqlite_") or self._may(_NEEDS[action])
        else:
            allowed = True
        return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY

    def _pragma(self, name: str, argument: str | None) -> bool:
        if argument is None or name in _READING_PRAGMAS:
            return self._may("READ") or self._may("PRAGMA")
        return name not in _NEVER_SET and self._may("PRAGMA")
