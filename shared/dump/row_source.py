"""Describes the INSERTs of a table's rows, and decides whether its own declaration accepts them."""

from typing import NamedTuple

import apsw

from shared.dump.tables import Column, Table, qualified, seek_name
from shared.dump.values import joined, trapped
from shared.sqlite.names import quote_name


class Rows(NamedTuple):
    """The rows to read from a source, and the table to insert them into.

    `seek` is the rowid's name in the source, None if the rows can only be read in a single pass.
    """

    title: str
    source: str
    into: str
    columns: tuple[Column, ...]
    seek: str | None
    writes_seek: bool = False
    only_trapped: bool = False
    into_names: tuple[str, ...] = ()  # the columns' names while loading, if they differ
    only: str = ""  # an SQL condition on the rows
    table: str = ""  # the source's name where it is a table
    collations: tuple[str, ...] = ()  # needed by SQLite to read the rows, but not used to compare
    order: str = ""  # SQL, for rows without `seek` whose order in the file may change

    @property
    def head(self) -> str:
        names = [quote_name(name) for name in self.into_names or [column.name for column in self.columns]]
        if self.writes_seek and self.seek:
            names.insert(0, self.seek)
        return f"INSERT INTO {self.into}({','.join(names)}) VALUES\n"


def rows_of(table: Table) -> Rows:
    """Returns the rows of a table that is restored under its own declaration."""
    return Rows(
        title=f"table {table.name!r}",
        source=qualified(table),
        into=quote_name(table.name),
        columns=tuple(column for column in table.columns if not column.generated),
        seek=seek_name(table),
        table=table.name,
        writes_seek=table.alias is None and table.rowid is not None,
        collations=table.required_collations,
    )


def needs_stand_in(connection: apsw.Connection, table: Table) -> bool:
    """Returns whether the table's rows cannot be inserted under its own declaration.

    Stored generated values may differ from what their expression gives now. Virtual ones are computed on insert, and
    may fail or violate a constraint if the column was added to existing rows. Without a name for the rowid, trapped
    rows could not be inserted at their rowids.
    """
    if table.has_stored or table.required_collations:
        return True
    virtual = [place for place, column in enumerate(table.columns) if column.generated]
    if not virtual and (table.without_rowid or seek_name(table)):
        return False
    named = [(f"c{place}", column) for place, column in enumerate(table.columns)]
    inner = ",".join(f"{quote_name(column.name)} COLLATE BINARY AS {name}" for name, column in named)
    computed = joined([f"c{place}" for place in virtual] or ["1"])
    query = f"SELECT max({trapped(named)}),count({computed}) FROM (SELECT {inner} FROM {qualified(table)} NOT INDEXED)"
    try:
        return any(bool(found[0]) for found in connection.execute(query))
    except apsw.Error:
        return True
