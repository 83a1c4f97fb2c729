"""Rows that refer to erased rows: find them, and delete or unlink them."""

from collections.abc import Sequence

import apsw

from shared.dump.schema import folded
from shared.dump.tables import Table
from shared.operations.erasure.entry import Erasure, Link
from shared.operations.erasure.plan import closure, foreign_keys
from shared.operations.erasure.replayed import Replayed
from shared.operations.erasure.tables import Tables, find_place
from shared.sqlite.names import quote_name


def links_of(
    connection: apsw.Connection,
    entries: Sequence[Erasure],
    tables: Tables,
    done: Replayed,
    what: str,
    absent: frozenset[str],
) -> list[tuple[Link, Table, Table]]:
    """Returns the recorded links, and further ones that the schema of the backup declares, with their tables."""
    recorded = [link for entry in entries for link in entry.links]
    roots = [place.table for entry in entries for place in entry.places]
    starts = [*roots, *(link.child for link in recorded if link.action == "delete")]
    wanted = [*recorded, *closure(foreign_keys(connection), starts)]
    found: list[tuple[Link, Table, Table]] = []
    for number, link in enumerate(wanted):
        if link in wanted[:number]:
            continue
        parent = find_place(tables, link.parent, link.parent_columns, done, what, absent)
        child = find_place(tables, link.child, link.child_columns, done, what, absent) if parent else None
        if parent is not None and child is not None:
            found.append((link, child, parent))
    return found


def spread(connection: apsw.Connection, links: Sequence[tuple[Link, Table, Table]], tables: Tables) -> None:
    """Marks rows that refer to marked rows, until there are no more."""
    grows = True
    while grows:
        grows = False
        for link, child, parent in links:
            if link.action != "delete" or folded(parent.name) not in tables.marked:
                continue
            before = connection.total_changes()
            connection.execute(
                f"INSERT OR IGNORE INTO {tables.marked_table(child)} SELECT {', '.join(tables.keys(child))} "
                f"FROM main.{quote_name(child.name)} WHERE {_refers(link, parent, tables)}"
            )
            grows = grows or connection.total_changes() > before


def _refers(link: Link, parent: Table, tables: Tables) -> str:
    columns = [quote_name(column) for column in link.child_columns]
    left = f"({', '.join(columns)})" if len(columns) > 1 else columns[0]
    targets = ", ".join(quote_name(column) for column in link.parent_columns)
    return f"{left} IN (SELECT {targets} FROM main.{quote_name(parent.name)} WHERE {tables.is_marked(parent)})"


def unlink(
    connection: apsw.Connection, link: Link, child: Table, parent: Table, tables: Tables, done: Replayed
) -> None:
    """Sets the reference of rows that refer to marked rows to NULL or its default."""
    if folded(parent.name) not in tables.marked:
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
