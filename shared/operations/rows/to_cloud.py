"""Writes the planned rows to a database on SQLite Cloud, by SQL in one transaction.

The node has neither the backup nor the plan, so both are sent as literals, some rows at a time. Inside the transaction
each group is compared before it is written, with the rows in the plan, and after it, with the rows in the backup. If
the connection breaks before COMMIT, the node rolls back. Without triggers, the table's triggers are dropped inside the
transaction and created again from their own text before it commits.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.compare.literals import CODECS, fetched, fetched_sql, literals
from shared.compare.rows import pair
from shared.errors import LitekeepError, SourceError
from shared.operations.rows.apply import Conflict, RowWritten, Writing
from shared.operations.rows.selection import on_plan
from shared.runtime.so_far import unsure
from shared.sqlite.connect import uri
from shared.sqlite.names import quote_name
from shared.sqlitecloud.failures import CloudError, CommandRefused
from shared.sqlitecloud.location import CloudLocation
from shared.sqlitecloud.names import quoted
from shared.sqlitecloud.replies import CONTENT
from shared.sqlitecloud.session import Session

if TYPE_CHECKING:
    import apsw

    from shared.operations.rows.prepared import Prepared

_ROWS_TOGETHER = 50
_BYTES_TOGETHER = 256 << 10


@dataclass(frozen=True)
class _Row:
    """One planned row as SQL: its key, and its values in the target (None if missing) and in the backup."""

    key: list[Any]
    where: str
    before: str | None
    after: str
    statement: str


class CloudRows:
    """Implements `RowsTarget`."""

    def __init__(self, location: CloudLocation) -> None:
        self._location = location

    def check(self) -> None:
        """Checks nothing: the node reports errors when rows are written."""

    def write(self, prepared: "Prepared") -> None:
        write_cloud(self._location, prepared)


def write_cloud(target: CloudLocation, prepared: "Prepared") -> None:
    """Writes the rows. Raises RowWritten, Conflict or CloudError; nothing is changed unless the error says so."""
    table = prepared.writing.match.table
    with Session(target.address) as session:
        session.ok(f"USE DATABASE {quoted(target.database)}")
        session.write("BEGIN IMMEDIATE")
        try:
            triggers = [] if prepared.writing.triggers else _triggers(session, table)
            for name, _ in triggers:
                session.write(f"DROP TRIGGER {quote_name(name)}")
            for group in _groups(_rows(prepared)):
                _write_group(session, prepared, group)
            for _, sql in triggers:
                session.write(sql)
        except BaseException as error:
            with suppress(CloudError):
                session.write("ROLLBACK")
            if isinstance(error, CommandRefused):
                raise Conflict(f"cannot write rows of {table}: {error}; nothing was changed") from None
            raise
        _commit(session, target, table)


def _commit(session: Session, target: CloudLocation, table: str) -> None:
    done = f"the rows of {table} are committed to {target.display}"
    open_question = f"whether the rows of {table} were written to {target.display} is not known"
    try:
        with unsure("rows", f"{open_question}: litekeep rows restore --dry-run shows what is still missing", done):
            session.write("COMMIT")
    except CommandRefused as error:
        raise Conflict(f"cannot write rows of {table}: {error}; nothing was changed") from None
    except LitekeepError as error:
        raise SourceError(
            f"{error}; {open_question}: litekeep rows restore --dry-run shows what is still missing"
        ) from None


def _triggers(session: Session, table: str) -> list[tuple[str, str]]:
    rows = session.rows("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'", most=CONTENT)
    return [(str(row["name"]), str(row["sql"])) for row in rows if str(row["tbl_name"]).lower() == table.lower()]


def _write_group(session: Session, prepared: "Prepared", group: Sequence[_Row]) -> None:
    table = quote_name(prepared.writing.match.table)
    for row in _changed_since(session, table, group):
        raise RowWritten(prepared.writing.match.table, 1, [row.key])
    session.write(";".join(row.statement for row in group))
    written = " OR ".join(f"({row.after})" for row in group)
    if session.rows(f"SELECT count(*) AS n FROM {table} WHERE {written}")[0]["n"] != len(group):
        raise Conflict(
            f"rows of {prepared.writing.match.table} would not be as in the backup: the application's triggers or "
            "column types change them; nothing was changed"
        )


def _changed_since(session: Session, table: str, group: Sequence[_Row]) -> Iterator[_Row]:
    """Yields the first row of the group that was written since the plan, if any."""
    expected = sum(row.before is not None for row in group)
    existing = " OR ".join(f"({row.where})" for row in group)
    same = " OR ".join(f"({row.before})" for row in group if row.before is not None) or "0"
    found = session.rows(f"SELECT count(*) AS n, total({same}) AS same FROM {table} WHERE {existing}")[0]
    if found["n"] == expected and int(float(str(found["same"]))) == expected:
        return
    for row in group:
        n = session.rows(f"SELECT count(*) AS n FROM {table} WHERE {row.before or row.where}")[0]["n"]
        if n != (row.before is not None):
            yield row
            return


def _groups(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    group: list[_Row] = []
    size = 0
    for row in rows:
        length = len(row.statement) + len(row.after) + len(row.before or "")
        if group and (len(group) >= _ROWS_TOGETHER or size + length > _BYTES_TOGETHER):
            yield group
            group, size = [], 0
        group.append(row)
        size += length
    if group:
        yield group


def _rows(prepared: "Prepared") -> Iterator[_Row]:
    match = prepared.writing.match
    table, codec = quote_name(match.table), CODECS[prepared.encoding]
    then, now = fetched("x", match.columns), fetched("y", match.columns)
    keys = fetched_sql("x", match.key.columns)
    with pair(prepared.backup, prepared.target, prepared.encoding) as connection:
        connection.execute("ATTACH ? AS p", (uri(prepared.keys, "mode=ro", "immutable=1"),))
        rows: apsw.Cursor = connection.execute(
            f"SELECT p.action, {', '.join([*keys, *then, *now])} FROM p.plan p CROSS JOIN a.{table} x"
            f" ON {on_plan(match, 'x')} LEFT JOIN b.{table} y ON {on_plan(match, 'y')} ORDER BY p.n"
        )
        for action, *cells in rows:
            key = literals(cells[: len(keys)], codec)
            rest = cells[len(keys) :]
            before = literals(rest[len(then) :], codec) if action == "update" else None
            shown = [_shown(cells[at], cells[at + 1], codec) for at in range(0, len(keys), 2)]
            yield _row(
                prepared.writing,
                shown,
                key,
                _classes(rest[: len(then)]),
                literals(rest[: len(then)], codec),
                None if before is None else (_classes(rest[len(then) :]), before),
            )


def _shown(storage_class: str, value: Any, codec: str) -> Any:
    return bytes(value).decode(codec, "replace") if storage_class == "text" else value


def _classes(cells: list[Any]) -> list[str]:
    return [f"'{cells[at]}'" for at in range(0, len(cells), 2)]


def _row(
    writing: Writing,
    shown: list[Any],
    key: list[str],
    classes: list[str],
    values: list[str],
    before: tuple[list[str], list[str]] | None,
) -> _Row:
    """Returns the statement that writes one row, with the conditions that are checked before and after it."""
    match = writing.match
    where = " AND ".join(f"{column}={text}" for column, text in zip(match.key.columns, key, strict=True))
    table = quote_name(match.table)
    names = [quote_name(name) for name in match.columns]
    if before is None:
        rowid = {match.key.columns[0]: key[0]} if match.key.is_rowid and writing.hidden_rowid else {}
        into = ", ".join([*rowid, *names])
        statement = f"INSERT INTO {table} ({into}) VALUES ({', '.join([*rowid.values(), *values])})"
    else:
        compared = set(match.compared)
        changes = ", ".join(
            f"{name} = {value}"
            for plain, name, value in zip(match.columns, names, values, strict=True)
            if plain in compared
        )
        statement = f"UPDATE {table} SET {changes} WHERE {where}"
    return _Row(
        key=shown,
        where=where,
        before=None if before is None else f"{where} AND {_has_values(names, *before)}",
        after=f"{where} AND {_has_values(names, classes, values)}",
        statement=statement,
    )


def _has_values(names: list[str], classes: list[str], values: list[str]) -> str:
    """Returns the condition that a row has these values in these storage classes, flat for any number of columns."""
    if len(names) == 1:
        return f"typeof({names[0]}) = {classes[0]} AND {names[0]} COLLATE BINARY IS {values[0]}"
    types = ", ".join(f"typeof({name})" for name in names)
    binary = ", ".join(f"{name} COLLATE BINARY" for name in names)
    return f"({types}) = ({', '.join(classes)}) AND ({binary}) IS ({', '.join(values)})"
