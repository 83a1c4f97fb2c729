"""The tables of a database during a replay, and their rows marked for erasure."""

import codecs
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import apsw

from shared.dump.schema import TableFacts, folded, table_facts
from shared.dump.tables import Table, read_table, seek_name
from shared.errors import NotErased
from shared.operations.erasure.entry import ComparedColumn, Erasure, Hasher, Rows, ValueOf
from shared.operations.erasure.replayed import Replayed
from shared.operations.erasure.residue import with_own_content
from shared.sqlite.names import quote_name


def own_content(connection: apsw.Connection) -> dict[str, tuple[str, TableFacts]]:
    """Returns full-text tables with content of their own; their rows are read and deleted like those of a table."""
    own = with_own_content(connection)
    facts = table_facts(connection).items()
    return {folded(name): (name, about) for name, about in facts if about.kind == "virtual" and folded(name) in own}


class Tables:
    """The tables of one database, each with a temporary table of the keys of its marked rows."""

    def __init__(self, connection: apsw.Connection, what: str) -> None:
        self._connection = connection
        self._what = what
        self._facts: dict[str, tuple[str, TableFacts]] = {
            folded(name): (name, facts) for name, facts in table_facts(connection).items() if facts.kind == "table"
        } | own_content(connection)
        self._read: dict[str, Table] = {}
        self.marked: dict[str, str] = {}  # folded name of a table -> its temporary table

    def find(self, name: str) -> Table | None:
        """Returns the table with that name in any case, or None."""
        if folded(name) not in self._facts:
            return None
        if folded(name) not in self._read:
            spelled, facts = self._facts[folded(name)]
            self._read[folded(name)] = read_table(self._connection, spelled, facts)
        return self._read[folded(name)]

    def keys(self, table: Table) -> tuple[str, ...]:
        """Returns the quoted names of the columns that identify a row. Raises NotErased if there are none."""
        if not table.without_rowid:
            rowid = seek_name(table)
            if rowid is None:
                raise NotErased(
                    f"the erasures cannot be replayed on {self._what}: the columns of {table.name} hide its rowid; "
                    "use another backup, or --without-erasures if that is allowed"
                )
            return (rowid,)
        rows = self._connection.execute(
            "SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk", (table.name,)
        )
        return tuple(quote_name(name) for (name,) in rows)

    def marked_table(self, table: Table) -> str:
        """Returns the name of the temporary table of marked rows, and creates it if needed."""
        if folded(table.name) not in self.marked:
            name = f"temp.marked_{len(self.marked)}"
            count = len(self.keys(table))
            columns = ", ".join(f"k{number}" for number in range(count))
            self._connection.execute(f"CREATE TABLE {name}({columns}, PRIMARY KEY({columns})) WITHOUT ROWID")
            self.marked[folded(table.name)] = name
        return self.marked[folded(table.name)]

    def is_marked(self, table: Table) -> str:
        """Returns the SQL condition that a row of the table is marked."""
        keys = self.keys(table)
        left = f"({', '.join(keys)})" if len(keys) > 1 else keys[0]
        right = ", ".join(f"k{number}" for number in range(len(keys)))
        return f"{left} IN (SELECT {right} FROM {self.marked_table(table)})"


def find_place(
    tables: Tables, name: str, columns: Sequence[str], done: Replayed, what: str, absent: frozenset[str]
) -> Table | None:
    """Returns the table, or None if it or a column is missing and named as absent. Raises NotErased otherwise."""
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
        f"with the old name (--also); if it did not exist yet, add --absent {place}"
    )


def find_rows(
    connection: apsw.Connection,
    tables: Tables,
    table: Table,
    place: ComparedColumn,
    entries: Sequence[Erasure],
    hasher: Hasher,
) -> int:
    """Marks the rows of one column whose value is in one of the entries. Returns how many there are."""
    hashes = {bytes.fromhex(each) for entry in entries for each in entry.hashes}
    coarse = {each for entry in entries for each in entry.filter}
    keys, column = tables.keys(table), quote_name(place.column)
    into = tables.marked_table(table)
    insert = f"INSERT OR IGNORE INTO {into} VALUES({', '.join('?' * len(keys))})"
    rows, value = _values(connection, table, keys, column)
    found = [row[: len(keys)] for row in hasher.matching(rows, value, hashes, coarse, fold=place.fold)]
    connection.executemany(insert, found)
    return len(found)


def _values(connection: apsw.Connection, table: Table, keys: Sequence[str], column: str) -> tuple[Rows, ValueOf]:
    """Returns the rows, which begin with their keys, and a function that reads the value of one. NULLs are left out.

    Text is in UTF-8, and numbers are in SQLite's text form.
    """
    listed = ", ".join(keys)
    encoding = str(connection.pragma("encoding"))
    source = f"FROM main.{quote_name(table.name)} WHERE {column} IS NOT NULL"
    if encoding == "UTF-8":
        return connection.execute(f"SELECT {listed}, CAST({column} AS BLOB) {source}"), itemgetter(-1)
    decode = {"UTF-16le": codecs.utf_16_le_decode, "UTF-16be": codecs.utf_16_be_decode}[encoding]

    def value(row: tuple[Any, ...]) -> bytes:
        if row[-1] == "blob":
            return bytes(row[-2])
        return decode(row[-2], "surrogatepass", True)[0].encode("utf-8", "surrogatepass")

    return connection.execute(f"SELECT {listed}, CAST({column} AS BLOB), typeof({column}) {source}"), value
