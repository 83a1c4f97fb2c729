"""Dumps an index as its entries when its values cannot be computed here.

An index on an unknown function still holds the function's results. A WITHOUT ROWID table has the same page format as an
index, so such a table is declared over the index's root page in a transaction that is rolled back, and read. On load
the entries fill a helper table with the same rowids (or the same primary key), an ordinary index is created on it and
assigned to the real table, and the helper is dropped.

The order of an unknown collation is unknown: such an index is built in binary order and reported, so that REINDEX
rebuilds it where the collation exists.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import apsw

from shared.dump.row_source import Rows
from shared.dump.rows import register_literals
from shared.dump.schema import SchemaObject
from shared.dump.standins import as_text, key_term
from shared.dump.tables import KNOWN_COLLATIONS, Column, KeyColumn, Table
from shared.errors import SourceError
from shared.sqlite.names import quote_name


class IndexEntries(NamedTuple):
    """An index that is dumped as its entries. `assign` goes into a `schema_edit`, `drop` after it."""

    create: str
    rows: Rows
    make: str
    assign: str
    drop: str
    root: int
    imposter: str
    helper: str


def has_unknown_collation(columns: tuple[KeyColumn, ...]) -> bool:
    """Returns whether the order of an index's entries depends on a collation that SQLite does not have."""
    return any(key.is_key and key.collation.upper() not in KNOWN_COLLATIONS for key in columns)


def index_entries(
    index: SchemaObject, table: Table, columns: tuple[KeyColumn, ...], encoding: str, helper: str
) -> IndexEntries:
    """Returns the statements that dump `index` as its entries. `helper` is a name that no object has yet."""
    names = [_name(place, key) for place, key in enumerate(columns)]
    kept = dict.fromkeys(names)  # a column may occur twice in an index
    definition = ",".join(quote_name(name) for name in kept if name != "rowid")
    if table.without_rowid:
        primary = next(constraint for constraint in table.constraints if constraint.is_primary)
        terms = [key_term(quote_name(f"p{key.place}"), key) for key in primary.columns if key.is_key]
        definition = f"{definition},PRIMARY KEY({','.join(terms)})"
    keys = [key_term(quote_name(name), key) for name, key in zip(names, columns, strict=True) if key.is_key]
    helper_index = f"{helper}_index"
    true_table, true_name = as_text(table.name, encoding), as_text(index.name, encoding)
    all_names = ",".join(f"i{place}" for place in range(len(names)))
    # The plus keeps SQLite from using the index's own order: by an unknown collation it would not be reproducible.
    order = f"i{names.index('rowid')}" if "rowid" in names else ",".join(f"+i{place}" for place in range(len(names)))
    first = {name: names.index(name) for name in kept}
    return IndexEntries(
        create=f"CREATE TABLE {quote_name(helper)}({definition})" + (" WITHOUT ROWID" if table.without_rowid else ""),
        rows=Rows(
            title=f"index {index.name!r}",
            source=quote_name(helper),
            into=quote_name(helper),
            columns=tuple(Column(f"i{place}", "BLOB", not_null=False) for place in first.values()),
            into_names=tuple(first),
            seek=None,
            order=order,
        ),
        make=f"CREATE INDEX {quote_name(helper_index)} ON {quote_name(helper)}({','.join(keys)})",
        assign=f"UPDATE sqlite_schema SET name={true_name}, tbl_name={true_table},"
        f" sql={as_text(index.sql, encoding)} WHERE type='index' AND name='{helper_index}'",
        drop=f"DROP TABLE {quote_name(helper)}",
        root=index.root,
        imposter=f"CREATE TABLE {quote_name(helper)}({all_names},PRIMARY KEY({all_names})) WITHOUT ROWID",
        helper=helper,
    )


def _name(place: int, key: KeyColumn) -> str:
    if key.place == -1:
        return "rowid"
    return f"e{place}" if key.place == -2 else f"p{key.place}"


@contextmanager
def imposter(connection: apsw.Connection, index: IndexEntries, encoding: str) -> Iterator[apsw.Connection]:
    """Yields a connection on which the helper's name reads the index's entries. The file is not changed."""
    other = apsw.Connection(connection.filename) if connection.filename else connection
    try:
        other.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        register_literals(other, encoding)
        # These changes stay in memory, so their rollback needs no journal on disk. WAL mode has none and is kept.
        if other.pragma("journal_mode") != "wal":
            other.pragma("journal_mode", "memory")
        other.execute("BEGIN; PRAGMA writable_schema=ON")
        try:
            other.execute(
                "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES('table', ?1, ?1, ?2, ?3)",
                (index.helper, index.root, index.imposter),
            )
            other.execute("PRAGMA writable_schema=RESET")
            yield other
        finally:
            other.execute("ROLLBACK")
    except apsw.ReadOnlyError:
        raise SourceError(
            f"{index.rows.title} can only be read from a snapshot that may be written to; take the backup"
            " from a copy in a folder with write permission"
        ) from None
    finally:
        if other is not connection:
            other.close()
