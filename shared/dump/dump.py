"""A whole database as SQL that rebuilds it: format 2.

Plain SQL in UTF-8, without commands of any shell. Each statement ends in `;` and LF. What a loader may count on:

- the first line is `-- Litekeep SQL dump, format 2`; the last is `-- whole: N tables, M rows`, and
  nothing follows it; everything that changes the file but the first pragmas is in one transaction;
- rows come as `INSERT INTO "NAME"(COLUMNS) VALUES` at the beginning of a line, and after VALUES
  there are no comments, and single quotes only around literals;
- no literal and no name holds a CR or a NUL: what the stock shell would change is spelled another way;
- no line is one that the stock shell would take for a command, unless it is inside a literal;
- a shell that goes on after an error commits nothing: the last statement before COMMIT counts the objects.

Format 1 lacked the last two. It is still written where a backup of that format is dumped again to be compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import apsw

from shared.dump.entries import imposter
from shared.dump.plan import make_plan
from shared.dump.reading import LONGEST, RowTally
from shared.dump.rows import register_literals, statements
from shared.dump.schema import one_line
from shared.dump.standins import schema_edit, set_sql, stand_in
from shared.dump.steps import DumpPlan, Sql, TableRows
from shared.errors import CorruptSource, NoSql, SourceError
from shared.sqlite.names import quote_name

FORMAT = 2
_VALUE_BASE = 16 << 20  # bytes
_VALUE_TIMES = 4
_LONGEST_VALUE = 1_000_000_000  # SQLite's own limit
# -safe keeps the shell from running commands, -bail ends it at the first error, and full-text tables need the last.
LOAD_COMMAND = 'sqlite3 -safe -bail -cmd ".dbconfig defensive off"'
_LOAD_COMMAND_1 = 'sqlite3 -bail -cmd ".dbconfig defensive off"'


@dataclass(frozen=True)
class DumpHeader:
    """What the first comments say. `created_at` is RFC 3339, in UTC."""

    database: str
    created_at: str
    schema_version: str
    format: int = FORMAT


@dataclass
class DumpCounts:
    """Filled while the dump is made: rows of each table with pages of its own, shadow tables too, and
    the indexes to REINDEX where their collation is known."""

    row_counts: dict[str, int] = field(default_factory=dict)
    reindex: list[str] = field(default_factory=list)


def dump(
    connection: apsw.Connection,
    header: DumpHeader,
    *,
    counts: DumpCounts | None = None,
    rows: bool = True,
    tables: frozenset[str] | None = None,
    longest: int = LONGEST,
) -> Iterator[bytes]:
    """The database as SQL, in chunks of whole statements: about 1 MiB at most. A longer row comes in pieces.

    Raises NoSql for a row that takes more than `longest` bytes, before its values are read.
    """
    counts = DumpCounts() if counts is None else counts
    try:
        _bound_values(connection)
        plan = make_plan(connection, rows=rows, tables=tables, dump_format=header.format)
    except apsw.CorruptError as error:
        raise CorruptSource(f"the schema is damaged: {error}; check it with PRAGMA integrity_check") from None
    except apsw.Error as error:
        raise SourceError(f"the schema cannot be read: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError):  # also text that is not UTF-8
        raise NoSql(
            "the schema is not as SQLite writes it (names in other letters, or not text), so a dump cannot carry it: "
            "back up the page image only (BACKUP_FORMATS=sqlite)"
        ) from None
    counts.reindex[:] = plan.reindex
    register_literals(connection, plan.encoding)
    # Or SQLite plans a query anew whenever its bounds change, in a time that grows with the columns.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    yield _prologue(connection, header)
    for step in plan.steps:
        if isinstance(step, Sql):
            yield step.text.encode()
        elif isinstance(step, TableRows):
            yield from _table_rows(connection, step, plan, counts, longest)
        else:
            with imposter(connection, step.index, plan.encoding) as reading:
                yield from statements(reading, step.index.rows, plan.encoding, RowTally(), longest)
    yield _epilogue(connection, plan, sum(counts.row_counts.values()), header.format)


def _bound_values(connection: apsw.Connection) -> None:
    """Lets no value grow out of proportion: a generated column of a few bytes can be gigabytes when it is read.

    What is stored is no larger than the file, and its literal at most twice as long.
    """
    pages, size = connection.pragma("page_count"), connection.pragma("page_size")
    most = _VALUE_BASE + _VALUE_TIMES * int(str(pages)) * int(str(size))
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, min(most, _LONGEST_VALUE))


def _table_rows(
    connection: apsw.Connection, step: TableRows, plan: DumpPlan, counts: DumpCounts, longest: int
) -> Iterator[bytes]:
    tally = RowTally()
    try:
        yield from statements(connection, step.rows, plan.encoding, tally, longest)
        if tally.trapped and step.declared:
            table, text = step.declared
            made = stand_in(table, text, plan.encoding, plan.helper)
            swap = set_sql("table", table.name, made.create, plan.encoding)
            yield schema_edit([swap]).encode()
            yield from statements(connection, replace(step.rows, only_trapped=True), plan.encoding, tally, longest)
            yield schema_edit(list(made.finish)).encode()
        elif tally.trapped:
            raise NoSql(f"{step.rows.title} holds values that a dump cannot carry")
    except apsw.CorruptError as error:
        raise CorruptSource(f"{step.rows.title} is damaged: {error}; check it with PRAGMA integrity_check") from None
    except apsw.Error as error:
        raise NoSql(
            f"{step.rows.title} cannot be read: {error}; the page image can be backed up (BACKUP_FORMATS=sqlite)"
        ) from None
    if step.counted_as is not None:
        counts.row_counts[step.counted_as] = tally.rows


def _prologue(connection: apsw.Connection, header: DumpHeader) -> bytes:
    lines = [
        f"-- Litekeep SQL dump, format {header.format}",
        f"-- database: {one_line(header.database)}",
        f"-- created at: {one_line(header.created_at)}",
        f"-- schema version: {one_line(header.schema_version)}",
        f"-- to load: {LOAD_COMMAND if header.format > 1 else _LOAD_COMMAND_1} NEW.db < THIS.sql",
        f"PRAGMA encoding='{connection.pragma('encoding')}';",
        f"PRAGMA page_size={connection.pragma('page_size')};",
        f"PRAGMA auto_vacuum={connection.pragma('auto_vacuum')};",
        "PRAGMA foreign_keys=OFF;",
        "PRAGMA ignore_check_constraints=ON;",
        "BEGIN;",
        "",
    ]
    return "\n".join(lines).encode()


def _epilogue(connection: apsw.Connection, plan: DumpPlan, rows: int, dump_format: int) -> bytes:
    lines = [
        *(_whole_or_nothing(plan) if dump_format > 1 else ()),
        f"PRAGMA user_version={connection.pragma('user_version')};",
        f"PRAGMA application_id={connection.pragma('application_id')};",
        "COMMIT;",
        f"-- whole: {plan.tables} tables, {rows} rows",
        "",
    ]
    return "\n".join(lines).encode()


def _whole_or_nothing(plan: DumpPlan) -> list[str]:
    """Statements that roll everything back where a shell has passed over the failure of one that makes an object."""
    if plan.objects is None:
        return []
    helper = quote_name(plan.helper)
    count = "(SELECT count(*) AS n FROM sqlite_schema WHERE lower(substr(name,1,7))<>'sqlite_')"
    return [
        f"CREATE TABLE {helper}(whole NOT NULL);",
        f"INSERT OR ROLLBACK INTO {helper} SELECT NULL FROM {count} WHERE n<>{plan.objects + 1};",
        f"DROP TABLE {helper};",
    ]
