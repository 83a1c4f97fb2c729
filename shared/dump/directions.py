"""The direction of index columns in files of SQLite's older formats.

Formats 1 to 3 keep every index ascending, also one whose text says DESC
(https://sqlite.org/fileformat2.html#schema_format_number). A dump is loaded into a file of format 4, where DESC
works. An index that is built before it gets its text must therefore be built in the direction that the text declares.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import apsw

from shared.dump.standins import key_term
from shared.dump.tables import KeyColumn, Table, key_columns
from shared.sqlite.names import quote_name

Directions = Mapping[str, tuple[bool, ...]]  # index name -> for each of its columns, whether it descends


def reversed_indexes(source: apsw.Connection, loaded: apsw.Connection, indexes: Iterable[str]) -> Directions:
    """Returns the declared directions of each index that `source` stores in another direction than `loaded`."""
    found = {}
    for index in indexes:
        here, there = key_columns(source, index), key_columns(loaded, index)
        declared = tuple(key.descending for key in there)
        stored = tuple(key.descending for key in here)
        if [key.place for key in here] == [key.place for key in there] and declared != stored:
            found[index] = declared
    return found


def declared_keys(columns: tuple[KeyColumn, ...], index: str, directions: Directions) -> tuple[KeyColumn, ...]:
    """Returns the columns of an index with the directions that its text declares."""
    if index not in directions:
        return columns
    return tuple(key._replace(descending=descends) for key, descends in zip(columns, directions[index], strict=True))


def declared_table(table: Table, directions: Directions) -> Table:
    """Returns the table with the directions that its text declares."""
    constraints = tuple(
        replace(each, columns=declared_keys(each.columns, each.index, directions)) for each in table.constraints
    )
    return table._replace(constraints=constraints)


def row_order(table: Table, directions: Directions) -> str:
    """Returns the ORDER BY terms of the row order after loading; empty if the rows are already in that order."""
    if table.without_rowid:
        for constraint in table.constraints:
            if constraint.is_primary and constraint.index in directions:
                keys = [key for key in constraint.columns if key.is_key]
                return ",".join(key_term(quote_name(table.columns[key.place].name), key) for key in keys)
    return ""
