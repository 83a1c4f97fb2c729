"""Dumps a database as SQL that rebuilds it: format 2.

The dump is plain SQL in UTF-8, without shell commands. Each statement ends in `;` and LF. A loader may rely on this:

- the first line is `-- Litekeep SQL dump, format 2`; the last is `-- whole: N tables, M rows`, and
  nothing follows it; except for the first pragmas everything is in one transaction;
- rows come as `INSERT INTO "NAME"(COLUMNS) VALUES` at the beginning of a line, and after VALUES
  there are no comments, and single quotes only around literals;
- no literal and no name holds a CR or a NUL, which the stock shell would change;
- outside literals, no line looks like a command to the stock shell;
- a shell that continues after an error commits nothing: the last statement before COMMIT counts the objects.

Format 1 lacked the last two. It is still written to compare with a backup of that format.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

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
# -safe forbids shell commands, -bail stops at the first error, and full-text tables need `defensive off`.
LOAD_COMMAND = 'sqlite3 -safe -bail -cmd ".dbconfig defensive off"'
_LOAD_COMMAND_1 = 'sqlite3 -bail -cmd ".dbconfig defensive off"'


@dataclass(frozen=True)
class DumpHeader:
    """The values of the first comments. `created_at` is RFC 3339, in UTC."""

    database: str
    created_at: str
    schema_version: str
    format: int = FORMAT


@dataclass
class DumpCounts:
    """Counts that are filled while the dump is made.

    `row_counts` has every table with pages of its own, shadow tables included. `reindex` names the indexes that need
    REINDEX in an application that knows their collation.
    """

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
    """Yields the database as SQL, in chunks of whole statements of about 1 MiB at most. A longer row comes in pieces.

    Raises CorruptSource for damage, SourceError for a schema that cannot be read, and NoSql for an object that cannot
    be dumped or a row of more than `longest` bytes, which is found before its values are read.
    """
    counts = DumpCounts() if counts is None else counts
    try:
        _limit_values(connection)
        plan = make_plan(connection, rows=rows, tables=tables, dump_format=header.format)
    except apsw.CorruptError as error:
        raise CorruptSource(f"the schema is damaged: {error}; check it with PRAGMA integrity_check") from None
    except apsw.Error as error:
        raise SourceError(f"the schema cannot be read: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError):  # also text that is not UTF-8
        raise NoSql(
            "the schema is not as SQLite writes it (names in another case, or not text), so it cannot be dumped as SQL"
            ": back up the page image only (BACKUP_FORMATS=sqlite)"
        ) from None
    counts.reindex[:] = plan.reindex
    register_literals(connection, plan.encoding)
    # Otherwise SQLite replans a query whenever its bounds change, which takes longer the more columns there are.
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


def _limit_values(connection: apsw.Connection) -> None:
    """Limits the size of a value: a generated column of a few bytes can be gigabytes when it is read.

    A stored value is no larger than the file, and its literal at most twice as long.
    """
    pages, size = connection.pragma("page_count"), connection.pragma("page_size")
    most = _VALUE_BASE + _VALUE_TIMES * int(str(pages)) * int(str(size))
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, min(most, _LONGEST_VALUE))


def _table_rows(
    connection: apsw.Connection, step: TableRows, plan: DumpPlan, counts: DumpCounts, longest: int
) -> Iterator[bytes]:
    """Yields the INSERTs of a table, then its trapped rows through a stand-in. Raises CorruptSource, NoSql."""
    tally = RowTally()
    try:
        yield from statements(connection, step.rows, plan.encoding, tally, longest)
        if tally.trapped and step.declared:
            table, text = step.declared
            made = stand_in(table, text, plan.encoding, plan.helper)
            swap = set_sql("table", table.name, made.create, plan.encoding)
            yield schema_edit([swap]).encode()
            yield from statements(connection, step.rows._replace(only_trapped=True), plan.encoding, tally, longest)
            yield schema_edit(list(made.finish)).encode()
        elif tally.trapped:
            raise NoSql(f"{step.rows.title} holds values that cannot be dumped as SQL")
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
        *(_rollback_unless_complete(plan) if dump_format > 1 else ()),
        f"PRAGMA user_version={connection.pragma('user_version')};",
        f"PRAGMA application_id={connection.pragma('application_id')};",
        "COMMIT;",
        f"-- whole: {plan.tables} tables, {rows} rows",
        "",
    ]
    return "\n".join(lines).encode()


def _rollback_unless_complete(plan: DumpPlan) -> list[str]:
    """Returns statements that roll everything back if a shell has ignored a failure and an object is missing."""
    if plan.objects is None:
        return []
    helper = quote_name(plan.helper)
    count = "(SELECT count(*) AS n FROM sqlite_schema WHERE lower(substr(name,1,7))<>'sqlite_')"
    return [
        f"CREATE TABLE {helper}(whole NOT NULL);",
        f"INSERT OR ROLLBACK INTO {helper} SELECT NULL FROM {count} WHERE n<>{plan.objects + 1};",
        f"DROP TABLE {helper};",
    ]
