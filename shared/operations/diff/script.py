"""Writes the SQL that turns database B into database A, and tests it on a copy of B before publishing it.

Triggers and views of B are dropped first, so that no trigger fires and no view depends on a changed table; those of A
are created last. A table whose schema differs is recreated. In the other tables only rows that differ are written:
deleted first, then inserted, so that values of UNIQUE columns may change places.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import apsw

from shared.compare.literals import CODECS, fetched, fetched_sql, literals
from shared.compare.rows import Match, changed, only_in
from shared.compare.shapes import Shape
from shared.dump.identifiers import spellings, survives_shells
from shared.dump.schema import SchemaObject
from shared.dump.tables import Table
from shared.errors import NotGood, SourceError
from shared.operations.diff.compare import Comparison, Pair, TableDiff, compare, open_pair
from shared.operations.verify.rebuild import private_file
from shared.sqlite.beside import scratch_beside
from shared.sqlite.names import quote_name
from shared.sqlite.publish import publish_new
from shared.sqlite.sqlite_failures import kind_of
from shared.text import printable

_DROPPED = ("trigger", "view", "index", "table")
_CREATED = ("table", "index", "view", "trigger")


def write_script(both: Pair, found: Comparison, target: Path, scratch: Path) -> None:
    """Writes the script to the new file `target`, once it has passed its test on a copy of B in the folder `scratch`.

    Raises SourceError for what SQL cannot express, NotGood if the script turns B into something else than A, UsageError
    if `target` exists.
    """
    with scratch_beside(target) as beside:
        written = beside / "script.sql"
        with private_file(written) as file:
            file.writelines(piece.encode("utf-8", "surrogateescape") for piece in statements(both, found))
        _test(both, written, scratch, frozenset(table.name for table in found.tables))
        publish_new(written, target)


def statements(both: Pair, found: Comparison) -> Iterator[str]:
    """Yields the script, one statement or comment at a time."""
    yield "-- Turns database B into database A, as compared by litekeep diff A B.\n"
    for table in found.tables:
        if table.because:
            yield f"-- not compared: {_comment(table.name)}: {table.because}\n"
    yield "PRAGMA foreign_keys=OFF;\nBEGIN IMMEDIATE;\n"
    differing = [table for table in found.tables if table.differs and not table.because]
    recreated = {table.name for table in differing if table.change != "same"}
    yield from _drops(both, found, recreated)
    for table in differing:
        yield from _rows(both, table)
    yield from _creates(both, found, recreated)
    for name in ("user_version", "application_id"):
        if getattr(both.a, name) != getattr(both.b, name):
            yield f"PRAGMA {name}={getattr(both.a, name)};\n"
    yield "COMMIT;\n"


def _drops(both: Pair, found: Comparison, recreated: set[str]) -> Iterator[str]:
    """Drops triggers, views and indexes, then the tables that A does not have or that are recreated."""
    for kind, name in sorted(both.b.objects, key=lambda key: (_DROPPED.index(key[0]), key)):
        if kind != "table" and _is_replaced(both.b.objects[(kind, name)], both.a, found, recreated):
            yield f"DROP {kind.upper()} IF EXISTS {quote_name(name)};\n"
    for name in sorted(recreated):
        if ("table", name) in both.b.objects:
            yield f"DROP TABLE IF EXISTS {quote_name(name)};\n"


def _creates(both: Pair, found: Comparison, recreated: set[str]) -> Iterator[str]:
    """Creates the indexes, views and triggers of A that `_drops` dropped or that B never had."""
    for kind, name in sorted(both.a.objects, key=lambda key: (_CREATED.index(key[0]), key)):
        entry = both.a.objects[(kind, name)]
        if kind != "table" and entry.sql is not None and _is_replaced(entry, both.b, found, recreated):
            yield _create(entry)


def _is_replaced(entry: SchemaObject, others: Shape, found: Comparison, recreated: set[str]) -> bool:
    """Returns whether an index, view or trigger is dropped from B and, where A has it, created again."""
    if entry.sql is None:
        return False
    other = others.objects.get((entry.kind, entry.name))
    differs = other is None or other.sql != entry.sql
    chosen = {table.name for table in found.tables}
    if entry.kind == "trigger" and entry.table in chosen:
        return True
    if entry.kind == "index":
        return entry.table in chosen and (differs or entry.table in recreated)
    return differs and found.whole


def _create(entry: SchemaObject) -> str:
    text = next((each for each in spellings(entry.sql or "") if survives_shells(each)), None)
    if text is None:
        raise SourceError(
            f"cannot write the SQL: the text of {entry.title} would not pass through a shell unchanged; "
            "restore the backup into a new database instead"
        )
    return text


def _rows(both: Pair, diff: TableDiff) -> Iterator[str]:
    """Writes the rows of one table that differ, or all rows of a table that is recreated."""
    if diff.change == "added":
        return
    stored = diff.name if diff.name in both.a.tables else both.a.virtual[diff.name].content
    if stored is None:
        raise SourceError(f"cannot write the SQL: {diff.name!r} holds no rows of its own; restore the backup")
    table = both.a.tables[stored]
    if diff.change != "same":
        yield _create(both.a.objects[("table", diff.name)])
        yield from _inserts(both, diff.name, table, _all_rows(both, table))
        return
    match = both.match(diff.name)
    if isinstance(match, str):
        raise SourceError(f"cannot write the SQL: the rows of {diff.name!r} cannot be matched: {match}")
    yield from _deletes(both, diff.name, table, match)
    wanted = _whole_row(table)
    yield from _inserts(both, diff.name, table, only_in(both.connection, match, "a", wanted))
    yield from _inserts(both, diff.name, table, changed(both.connection, match, wanted))


def _deletes(both: Pair, name: str, table: Table, match: Match) -> Iterator[str]:
    codec = CODECS[both.a.encoding]
    columns = match.key.columns if name == table.name else ("rowid",)
    removed = only_in(both.connection, match, "b", fetched_sql("x", match.key.columns))
    replaced = changed(both.connection, match, fetched_sql("y", match.key.columns))
    for row in chain(removed, replaced):
        # `=` uses the key's index, which IS does not always do; keys hold no NULL.
        where = " AND ".join(f"{column}={text}" for column, text in zip(columns, literals(row, codec), strict=True))
        yield f"DELETE FROM {quote_name(name)} WHERE {where};\n"


def _whole_row(table: Table) -> list[str]:
    """Returns the expressions to select so that a row can be inserted again: a hidden rowid, and its columns."""
    rowid, columns = _rowid(table), fetched("x", _stored(table))
    return [f"typeof(x.{rowid})", f"x.{rowid}", *columns] if rowid else columns


def _rowid(table: Table) -> str | None:
    return None if table.alias is not None or table.without_rowid else table.rowid


def _stored(table: Table) -> list[str]:
    return [column.name for column in table.columns if not column.generated]


def _all_rows(both: Pair, table: Table) -> Iterator[tuple[object, ...]]:
    try:
        yield from both.connection.execute(f"SELECT {', '.join(_whole_row(table))} FROM a.{quote_name(table.name)} x")
    except apsw.Error as error:
        raise SourceError(f"table {table.name!r} cannot be read: {kind_of(error)}; verify the backup") from None


def _inserts(both: Pair, name: str, table: Table, rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    codec = CODECS[both.a.encoding]
    if name == table.name:
        rowid = _rowid(table)
        columns = [rowid] if rowid else []
        columns += [quote_name(column) for column in _stored(table)]
    else:  # a full-text table: the columns of its content are the rowid and then its own, in order
        columns = ["rowid", *(quote_name(column) for column in _declared(both, name))]
    into = f"INSERT INTO {quote_name(name)}({','.join(columns)}) VALUES("
    for row in rows:
        yield f"{into}{','.join(literals(row, codec)[: len(columns)])});\n"


def _declared(both: Pair, name: str) -> list[str]:
    with closing(apsw.Connection(str(both.a.path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        rows = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid", (name,))
        return [str(found) for (found,) in rows]


def _comment(text: str) -> str:
    return printable(text, "?")


def _test(both: Pair, script: Path, scratch: Path, chosen: frozenset[str]) -> None:
    """Runs the script on a copy of B and compares the result with A. Raises SourceError or NotGood."""
    copy = scratch / "tested.sqlite"
    shutil.copyfile(both.b.path, copy)
    try:
        with closing(apsw.Connection(str(copy))) as connection:
            connection.pragma("journal_mode", "delete")
            connection.execute(script.read_bytes().decode("utf-8", "surrogateescape")).fetchall()
    except (apsw.Error, UnicodeError) as error:
        raise SourceError(
            f"cannot write the SQL: it did not run on a copy of B ({type(error).__name__}); restore the backup instead"
        ) from None
    with open_pair(both.a.path, copy) as result:
        tables = [table for table in compare(result).tables if table.name in chosen]
    left = [table for table in tables if table.differs and not table.because]
    copy.unlink()
    if left:
        raise NotGood(f"cannot write the SQL: after it {left[0].name!r} would still differ; restore the backup instead")
