"""Writes the planned rows into a database on one connection, all or nothing.

On the connection, `main` is the database to write to, `a` the backup, `b` the copy of the target that was planned on,
and `p` the plan. The caller has begun a transaction. The order of effects:

1. Each planned row is compared with its state in the plan. If somebody wrote one since, nothing is written.
2. Rows that differ are updated, then missing rows are inserted. Without triggers a row is deleted and inserted again
   under its rowid instead of updated, so that values of UNIQUE columns may change places.
3. Each planned row is compared with the backup, and foreign keys are counted again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

from shared.compare.rows import Match, number_of
from shared.dump.tables import Table
from shared.errors import SourceError
from shared.operations.rows.selection import on_plan
from shared.sqlite.foreign_keys import count_violations
from shared.sqlite.names import quote_name
from shared.text import count

_SHOWN = 5


class RowWritten(SourceError):
    """Planned rows were written since the plan was made. `keys`: the first few; the message holds no value."""

    def __init__(self, table: str, written: int, keys: list[list[Any]]) -> None:
        rows = count(written, "row was", "rows were")
        super().__init__(
            f"cannot restore rows of {table}: {rows} written since the plan was made; nothing was changed, run it again"
        )
        self.keys = keys


class Conflict(SourceError):
    """The rows cannot be written as they are."""


@dataclass(frozen=True)
class Writing:
    """How rows are written: the target's table, how its rows are matched, and whether triggers fire."""

    match: Match
    target: Table
    triggers: bool

    @property
    def columns(self) -> list[str]:
        """The columns that come from the backup."""
        return [quote_name(name) for name in self.match.columns]

    @property
    def target_only(self) -> list[str]:
        """The target's columns that the backup does not have."""
        known = {name.lower() for name in self.match.columns}
        return [
            quote_name(column.name)
            for column in self.target.columns
            if not column.generated and column.name.lower() not in known
        ]

    @property
    def hidden_rowid(self) -> str | None:
        """The rowid's name if it is not a column of the table."""
        return self.target.rowid if self.target.alias is None and not self.target.without_rowid else None


def prepare(connection: apsw.Connection, *, triggers: bool) -> None:
    """Sets whether triggers fire and foreign keys act. To be called before the transaction."""
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, int(triggers))
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, int(triggers))
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)


def write_rows(connection: apsw.Connection, writing: Writing) -> None:
    """Writes the planned rows and checks them. Raises RowWritten, Conflict, or SourceError."""
    _check_unwritten(connection, writing.match)
    related = [writing.match.table, *_children(connection, writing.match.table)]
    before = _violations(connection, related)
    with _write_errors(writing.match.table):
        _update(connection, writing)
        _insert(connection, writing)
    _check_written(connection, writing.match)
    for table, now in _violations(connection, related).items():
        if now > before[table]:
            raise Conflict(
                f"{count(now - before[table], 'row')} of {table} would have no parent row: first restore the rows "
                f"of the table that {table} refers to"
            )


def changed_since(connection: apsw.Connection, match: Match) -> tuple[int, list[list[Any]]]:
    """Returns how many planned rows were written since the plan, and the keys of the first few."""
    table = quote_name(match.table)
    condition = (
        f"FROM p.plan p LEFT JOIN main.{table} x ON {on_plan(match, 'x')}"
        f" LEFT JOIN b.{table} y ON {on_plan(match, 'y')}"
        f" WHERE (x.{match.key.columns[0]} IS NULL) <> (y.{match.key.columns[0]} IS NULL) OR {match.differs()}"
    )
    count = number_of(connection, f"SELECT count(*) {condition}")
    keys = ", ".join(f"p.k{number}" for number in range(len(match.key.columns)))
    rows = connection.execute(f"SELECT {keys} {condition} LIMIT {_SHOWN}").fetchall() if count else []
    return count, [list(row) for row in rows]


def _check_unwritten(connection: apsw.Connection, match: Match) -> None:
    count, keys = changed_since(connection, match)
    if count:
        raise RowWritten(match.table, count, keys)


def _check_written(connection: apsw.Connection, match: Match) -> None:
    table = quote_name(match.table)
    wrong = number_of(
        connection,
        f"SELECT count(*) FROM p.plan p JOIN a.{table} x ON {on_plan(match, 'x')} LEFT JOIN main.{table} y"
        f" ON {on_plan(match, 'y')} WHERE y.{match.key.columns[0]} IS NULL OR {match.differs()}",
    )
    if wrong:
        raise Conflict(
            f"{count(wrong, 'row')} of {match.table} would not be as in the backup: "
            "the application's triggers or column types change them"
        )


def _update(connection: apsw.Connection, writing: Writing) -> None:
    """Updates the rows that differ; without triggers by deleting and inserting them."""
    match, table = writing.match, quote_name(writing.match.table)
    if writing.triggers:
        changes = ", ".join(f"{quote_name(name)} = x.{quote_name(name)}" for name in match.compared)
        connection.execute(
            f"UPDATE main.{table} AS m SET {changes} FROM p.plan p CROSS JOIN a.{table} x ON {on_plan(match, 'x')}"
            f" WHERE p.action = 'update' AND {on_plan(match, 'm')}"
        )
        return
    connection.execute(
        f"DELETE FROM main.{table} WHERE EXISTS (SELECT 1 FROM p.plan p WHERE p.action = 'update'"
        f" AND {on_plan(match, f'main.{table}')})"
        if len(match.key.columns) > 1
        else f"DELETE FROM main.{table} WHERE {match.key.columns[0]} IN (SELECT k0 FROM p.plan WHERE action = 'update')"
    )
    rowid = [writing.hidden_rowid] if writing.hidden_rowid else []
    into = ", ".join([*rowid, *writing.columns, *writing.target_only])
    values = ", ".join(
        [
            *(f"y.{name}" for name in rowid),
            *(f"x.{name}" for name in writing.columns),
            *(f"y.{n}" for n in writing.target_only),
        ]
    )
    connection.execute(
        f"INSERT INTO main.{table} ({into}) SELECT {values} FROM p.plan p CROSS JOIN a.{table} x"
        f" ON {on_plan(match, 'x')} CROSS JOIN b.{table} y ON {on_plan(match, 'y')} WHERE p.action = 'update'"
    )


def _insert(connection: apsw.Connection, writing: Writing) -> None:
    match, table = writing.match, quote_name(writing.match.table)
    # A hidden rowid gets a new value unless it is the key, because a newer row may have the old one.
    rowid = [match.key.columns[0]] if match.key.is_rowid and writing.hidden_rowid else []
    into = ", ".join([*rowid, *writing.columns])
    values = ", ".join(f"x.{name}" for name in [*rowid, *writing.columns])
    connection.execute(
        f"INSERT INTO main.{table} ({into}) SELECT {values} FROM p.plan p CROSS JOIN a.{table} x"
        f" ON {on_plan(match, 'x')} WHERE p.action = 'insert' ORDER BY p.n"
    )


def _children(connection: apsw.Connection, table: str) -> list[str]:
    """Returns the tables whose foreign keys refer to this one."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT DISTINCT s.name FROM main.sqlite_schema s, pragma_foreign_key_list(s.name, 'main') k"
        " WHERE s.type = 'table' AND s.rootpage <> 0 AND k.\"table\" = ? COLLATE NOCASE AND s.name <> ?",
        (table, table),
    ).fetchall()
    return [str(name) for (name,) in rows]


def _violations(connection: apsw.Connection, tables: Sequence[str]) -> dict[str, int]:
    found = {}
    for table in tables:
        try:
            found[table] = count_violations(connection, table)
        except apsw.SQLError:  # SQLite enforces no foreign key that it cannot resolve
            found[table] = 0
    return found


@contextmanager
def _write_errors(table: str) -> Iterator[None]:
    try:
        yield
    except apsw.ConstraintError as error:
        # The text of a RAISE may hold values of the row.
        by_trigger = getattr(error, "extendedresult", 0) == apsw.SQLITE_CONSTRAINT_TRIGGER
        what = "a trigger refuses" if by_trigger else str(error)
        raise Conflict(f"{what}: a newer row of {table} has that value, or a rule of the table forbids it") from None
    except apsw.SQLError as error:
        raise SourceError(
            f"cannot write rows of {table}: {error}; the table needs something that only the application has"
        ) from None
