"""Replaying erasures on a private database file, before it gets its name.

    1. The erased columns are read once; rows whose hash is in an entry are found, then the rows that refer to them.
    2. Those rows are deleted, or their reference is set to NULL; triggers do not fire, foreign keys are checked after.
    3. What deleted rows leave behind goes: full-text indexes are rebuilt, samples of sqlite_stat3/4 are emptied, and
       the file is written anew without free pages and slack (VACUUM INTO, which keeps rowids).
    4. The new file is read again: no erased value is left in the columns, no foreign key is violated that was not.

What cannot be done so stops the restore, and says which table and what to do.
"""

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from shared.dump.identifiers import quote_name
from shared.dump.schema import TableFacts, folded, table_facts
from shared.dump.tables import Table, read_table, seek_name
from shared.errors import NotErased, SourceError
from shared.operations.erasure.entry import Erasure, Hasher, Link, Place, without_case
from shared.operations.erasure.plan import closure, foreign_keys
from shared.operations.erasure.residue import check_forgets, forget_residue
from shared.sqlite.connect import distrust


@dataclass
class Replayed:
    """What was erased. `deleted` and `changed` are rows by table; `entries` the ids that were replayed."""

    entries: list[str] = field(default_factory=list)
    deleted: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)  # places that are not in this backup, as somebody said
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.deleted.values()) + sum(self.changed.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "entries": self.entries,
            "deleted": self.deleted,
            "changed": self.changed,
            "passed_over": self.passed_over,
            "notes": self.notes,
        }


def replay(
    path: Path,
    entries: Sequence[Erasure],
    hasher: Hasher,
    *,
    what: str,
    absent: Collection[str] = (),
) -> Replayed:
    """Makes the closed private file at `path` forget what the entries say. `what` names the backup in errors.

    `absent`: tables and TABLE.COLUMNs that are known not to be in this backup. Raises NotErased when an erasure cannot
    be replayed, SourceError when there is no room for it.
    """
    done = Replayed([entry.id for entry in entries])
    if not entries:
        return done
    fresh = path.with_name(path.name + ".erased")
    known = frozenset(map(folded, absent))
    with _failures(what):
        with closing(_open(path)) as connection:
            before = _violations(connection)
            _erase(connection, entries, hasher, done, what, known)
            mode = str(connection.pragma("journal_mode"))
            done.notes += forget_residue(connection, what)
            _check_room(path)
            connection.execute("VACUUM INTO ?", (str(fresh),))
        fresh.chmod(0o600)
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        fresh.replace(path)
        _prove(path, entries, hasher, before, what)
        with closing(_open(path)) as connection:
            check_forgets(connection, what, erased=done.rows, absent=known)
            if mode == "wal":
                connection.pragma("journal_mode", "wal")
    return done


def count_matches(path: Path, entry: Erasure, hasher: Hasher) -> dict[str, int]:
    """How many rows of a private file hold a value of an entry now, by TABLE.COLUMN. Changes nothing of it."""
    found = {}
    with _failures("the database"), closing(_open(path)) as connection:
        tables = _Tables(connection, "the database")
        for place in entry.places:
            table = tables.find(place.table)
            if table is not None:
                found[f"{table.name}.{place.column}"] = _find(connection, tables, table, place, [entry], hasher)
    return {place: count for place, count in found.items() if count}


@contextmanager
def _failures(what: str) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        # The text of SQLite's error may quote a value; only names of functions and collations are passed on.
        said = str(error)
        known = next((word for word in ("no such collation", "no such function", "no such module") if word in said), "")
        detail = f" ({said[:200]})" if known else ""
        raise NotErased(
            f"the erasures cannot be replayed on {what}: {type(error).__name__}{detail}; use another backup, or "
            "--without-erasures where that is allowed"
        ) from None


def _open(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        distrust(connection)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
        connection.pragma("temp_store", 2)
        connection.pragma("secure_delete", 1)
    except BaseException:
        connection.close()
        raise
    return connection


class _Tables:
    """The tables of one database, and a temporary table of the keys of rows that go for each that has any."""

    def __init__(self, connection: apsw.Connection, what: str) -> None:
        self._connection = connection
        self._what = what
        self._facts: dict[str, tuple[str, TableFacts]] = {
            folded(name): (name, facts) for name, facts in table_facts(connection).items() if facts.kind == "table"
        }
        self._read: dict[str, Table] = {}
        self.going: dict[str, str] = {}  # folded table -> its temporary table

    def find(self, name: str) -> Table | None:
        if folded(name) not in self._facts:
            return None
        if folded(name) not in self._read:
            spelled, facts = self._facts[folded(name)]
            self._read[folded(name)] = read_table(self._connection, spelled, facts)
        return self._read[folded(name)]

    def keys(self, table: Table) -> tuple[str, ...]:
        """How SQL names the columns by which a row is known, quoted."""
        if not table.without_rowid:
            rowid = seek_name(table)
            if rowid is None:
                raise NotErased(
                    f"the erasures cannot be replayed on {self._what}: the columns of {table.name} hide its rowid; "
                    "use another backup, or --without-erasures where that is allowed"
                )
            return (rowid,)
        rows = self._connection.execute(
            "SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk", (table.name,)
        )
        return tuple(quote_name(name) for (name,) in rows)

    def goes(self, table: Table) -> str:
        """The temporary table of that table's rows that go."""
        if folded(table.name) not in self.going:
            name = f"temp.going_{len(self.going)}"
            count = len(self.keys(table))
            columns = ", ".join(f"k{number}" for number in range(count))
            self._connection.execute(f"CREATE TABLE {name}({columns}, PRIMARY KEY({columns})) WITHOUT ROWID")
            self.going[folded(table.name)] = name
        return self.going[folded(table.name)]

    def is_going(self, table: Table) -> str:
        """The SQL condition that a row of the table goes."""
        keys = self.keys(table)
        left = f"({', '.join(keys)})" if len(keys) > 1 else keys[0]
        right = ", ".join(f"k{number}" for number in range(len(keys)))
        return f"{left} IN (SELECT {right} FROM {self.goes(table)})"


def _erase(
    connection: apsw.Connection,
    entries: Sequence[Erasure],
    hasher: Hasher,
    done: Replayed,
    what: str,
    absent: frozenset[str],
) -> None:
    tables = _Tables(connection, what)
    for place, own in _by_place(entries):
        table = _there(tables, place.table, [place.column], done, what, absent)
        if table is not None:
            _find(connection, tables, table, place, own, hasher)
    links = _links(connection, entries, tables, done, what, absent)
    with connection:
        _spread(connection, links, tables)
        for link, child, parent in links:
            if link.action != "delete":
                _unlink(connection, link, child, parent, tables, done)
        for name in list(tables.going):
            table = tables.find(name)
            assert table is not None, "its rows were found in it"
            before = connection.total_changes()
            connection.execute(f"DELETE FROM main.{quote_name(table.name)} WHERE {tables.is_going(table)}")
            if count := connection.total_changes() - before:
                done.deleted[table.name] = count
    for temporary in tables.going.values():
        connection.execute(f"DROP TABLE {temporary}")


def _by_place(entries: Sequence[Erasure]) -> list[tuple[Place, list[Erasure]]]:
    """Each column once, with all entries that look at it: one pass, however many erasures there are."""
    found: dict[tuple[str, str, bool], tuple[Place, list[Erasure]]] = {}
    for entry in entries:
        for place in entry.places:
            key = (folded(place.table), folded(place.column), place.fold)
            found.setdefault(key, (place, []))[1].append(entry)
    return list(found.values())


def _there(
    tables: _Tables, name: str, columns: Sequence[str], done: Replayed, what: str, absent: frozenset[str]
) -> Table | None:
    """The table, when it and the columns are there. None when they are known to be absent. Raises NotErased."""
    table = tables.find(name)
    known = {folded(column.name) for column in table.columns} if table else set()
    missing = [column for column in columns if folded(column) not in known]
    if table is not None and not missing:
        return table
    place = name if table is None else f"{name}.{missing[0]}"
    if folded(place) in absent or folded(name) in absent:
        if place not in done.passed_over:
            done.passed_over.append(place)
        return None
    raise NotErased(
        f"an erasure cannot be replayed on {what}: it has no {place}; if that was renamed, record the erasure again "
        f"with the old name (--also), and if it did not exist yet, add --absent {place}"
    )


def _find(
    connection: apsw.Connection, tables: _Tables, table: Table, place: Place, entries: Sequence[Erasure], hasher: Hasher
) -> int:
    """One pass over a column: the keys of the rows whose value is in one of the entries. Returns how many they are."""
    hashes = {bytes.fromhex(each) for entry in entries for each in entry.hashes}
    coarse = {each for entry in entries for each in entry.filter}
    keys, column = tables.keys(table), quote_name(place.column)
    into = tables.goes(table)
    insert = f"INSERT OR IGNORE INTO {into} VALUES({', '.join('?' * len(keys))})"
    found: list[tuple[Any, ...]] = []
    for *key, value in _values(connection, table, keys, column):
        plain = without_case(value) if place.fold else value
        if hasher.coarse(plain) in coarse and hasher.hash(plain) in hashes:
            found.append(tuple(key))
    connection.executemany(insert, found)
    return len(found)


def _values(connection: apsw.Connection, table: Table, keys: Sequence[str], column: str) -> Iterator[Any]:
    """The keys and the value as bytes: text in UTF-8, numbers as SQLite writes them. NULLs are left out."""
    listed = ", ".join(keys)
    encoding = str(connection.pragma("encoding"))
    source = f"FROM main.{quote_name(table.name)} WHERE {column} IS NOT NULL"
    if encoding == "UTF-8":
        yield from connection.execute(f"SELECT {listed}, CAST({column} AS BLOB) {source}")
        return
    codec = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}[encoding]
    for *key, value, kind in connection.execute(f"SELECT {listed}, CAST({column} AS BLOB), typeof({column}) {source}"):
        plain = value if kind == "blob" else value.decode(codec, "surrogatepass").encode("utf-8", "surrogatepass")
        yield (*key, plain)


def _links(
    connection: apsw.Connection,
    entries: Sequence[Erasure],
    tables: _Tables,
    done: Replayed,
    what: str,
    absent: frozenset[str],
) -> list[tuple[Link, Table, Table]]:
    """The recorded links, and those that this backup's own schema declares besides."""
    recorded = [link for entry in entries for link in entry.links]
    roots = [place.table for entry in entries for place in entry.places]
    starts = [*roots, *(link.child for link in recorded if link.action == "delete")]
    wanted = [*recorded, *closure(foreign_keys(connection), starts)]
    found: list[tuple[Link, Table, Table]] = []
    for number, link in enumerate(wanted):
        if link in wanted[:number]:
            continue
        parent = _there(tables, link.parent, link.parent_columns, done, what, absent)
        child = _there(tables, link.child, link.child_columns, done, what, absent) if parent else None
        if parent is not None and child is not None:
            found.append((link, child, parent))
    return found


def _spread(connection: apsw.Connection, links: Sequence[tuple[Link, Table, Table]], tables: _Tables) -> None:
    """Adds the rows that refer to rows that go, until there are no more."""
    grows = True
    while grows:
        grows = False
        for link, child, parent in links:
            if link.action != "delete" or folded(parent.name) not in tables.going:
                continue
            before = connection.total_changes()
            connection.execute(
                f"INSERT OR IGNORE INTO {tables.goes(child)} SELECT {', '.join(tables.keys(child))} "
                f"FROM main.{quote_name(child.name)} WHERE {_refers(link, parent, tables)}"
            )
            grows = grows or connection.total_changes() > before


def _refers(link: Link, parent: Table, tables: _Tables) -> str:
    columns = [quote_name(column) for column in link.child_columns]
    left = f"({', '.join(columns)})" if len(columns) > 1 else columns[0]
    targets = ", ".join(quote_name(column) for column in link.parent_columns)
    return f"{left} IN (SELECT {targets} FROM main.{quote_name(parent.name)} WHERE {tables.is_going(parent)})"


def _unlink(
    connection: apsw.Connection, link: Link, child: Table, parent: Table, tables: _Tables, done: Replayed
) -> None:
    if folded(parent.name) not in tables.going:
        return
    columns = connection.execute("SELECT name, dflt_value FROM pragma_table_info(?, 'main')", (child.name,))
    defaults = {folded(str(name)): value for name, value in columns}
    new = {
        name: (defaults.get(folded(name)) or "NULL") if link.action == "default" else "NULL"
        for name in link.child_columns
    }
    assignments = ", ".join(f"{quote_name(name)} = ({value})" for name, value in new.items())
    before = connection.total_changes()
    connection.execute(f"UPDATE main.{quote_name(child.name)} SET {assignments} WHERE {_refers(link, parent, tables)}")
    if count := connection.total_changes() - before:
        done.changed[child.name] = done.changed.get(child.name, 0) + count


def _violations(connection: apsw.Connection) -> int:
    return sum(1 for _ in connection.execute("PRAGMA main.foreign_key_check"))


def _prove(path: Path, entries: Sequence[Erasure], hasher: Hasher, before: int, what: str) -> None:
    """Reads the new file once more. Raises NotErased when anything of the erased is left, or it is not sound."""
    with closing(_open(path)) as connection:
        tables = _Tables(connection, what)
        for place, own in _by_place(entries):
            table = tables.find(place.table)
            if table is None or all(folded(each.name) != folded(place.column) for each in table.columns):
                continue
            _find(connection, tables, table, place, own, hasher)
            left = connection.execute(f"SELECT count(*) FROM {tables.goes(table)}").fetchone()
            if left and left[0]:
                raise NotErased(f"{what}: {left[0]} rows of {table.name} hold erased values after the replay")
        if (now := _violations(connection)) > before:
            raise NotErased(
                f"the erasures cannot be replayed on {what}: {now - before} foreign keys would be violated; record the "
                "erasure again, with the tables that refer to these rows (--also)"
            )
        if connection.pragma("freelist_count"):
            raise NotErased(f"{what}: free pages are left after the replay")
        problems = [str(row[0]) for row in connection.execute("PRAGMA main.quick_check(1)")]
        if problems != ["ok"]:
            raise NotErased(f"{what} is not sound after the replay of erasures: use another backup")


def _check_room(path: Path) -> None:
    size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < size:
        raise SourceError(f"{path.parent} has {free} bytes free and replaying erasures needs {size}: make room")
