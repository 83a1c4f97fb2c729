"""The direction of index columns in files of SQLite's older formats.

Formats 1 to 3 keep every index ascending, also one whose text says DESC
(https://sqlite.org/fileformat2.html#schema_format_number). A dump is loaded into a file of format 4, which takes the
text at its word, so whatever is built first and given its text later has to be built as the text says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import apsw

from shared.dump.standins import key_term
from shared.dump.tables import KeyColumn, Table, key_columns
from shared.sqlite.names import quote_name

Directions = Mapping[str, tuple[bool, ...]]  # of an index: for each of its columns, whether it descends


def turned(source: apsw.Connection, loaded: apsw.Connection, indexes: Iterable[str]) -> Directions:
    """What the text of an index says on `loaded`, for each whose columns run the other way on `source`."""
    found = {}
    for index in indexes:
        here, there = key_columns(source, index), key_columns(loaded, index)
        said = tuple(key.descending for key in there)
        if [key.place for key in here] == [key.place for key in there] and said != tuple(k.descending for k in here):
            found[index] = said
    return found


def keys_as_said(columns: tuple[KeyColumn, ...], index: str, directions: Directions) -> tuple[KeyColumn, ...]:
    """The columns of an index with the directions of its text."""
    if index not in directions:
        return columns
    return tuple(replace(key, descending=descends) for key, descends in zip(columns, directions[index], strict=True))


def table_as_said(table: Table, directions: Directions) -> Table:
    """The table with the directions of its text."""
    constraints = tuple(
        replace(each, columns=keys_as_said(each.columns, each.index, directions)) for each in table.constraints
    )
    return replace(table, constraints=constraints)


def row_order(table: Table, directions: Directions) -> str:
    """SQL for the order in which a table's rows will lie once loaded; empty where they lie so already."""
    if table.without_rowid:
        for constraint in table.constraints:
            if constraint.is_primary and constraint.index in directions:
                keys = [key for key in constraint.columns if key.is_key]
                return ",".join(key_term(quote_name(table.columns[key.place].name), key) for key in keys)
    return ""
