"""The SQL that turns database B into database A, written in pieces and tried on a copy of B before anyone sees it.

Triggers and views of B are dropped first, so that nothing fires and nothing stands in the way, and those of A are
created last. A table whose schema differs is made anew; of the others only the rows that differ are written: removed
first, then inserted, so that values of UNIQUE columns may change places.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import apsw

from shared.compare.literals import fetched, literals
from shared.compare.rows import Match, changed, only_in
from shared.compare.shapes import Shape
from shared.dump.identifiers import spellings, survives_shells
from shared.dump.schema import SchemaObject
from shared.dump.tables import Table
from shared.errors import NotGood, SourceError
from shared.operations.diff.compare import Comparison, Pair, TableDiff, compare, open_pair
from shared.operations.verify.rebuild import private_file
from shared.sqlite.names import quote_name
from shared.sqlite.sqlite_failures import kind_of
from shared.text import printable

_DROPPED = ("trigger", "view", "index", "table")
_CREATED = ("table", "index", "view", "trigger")
_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}


def write_script(both: Pair, found: Comparison, target: Path, scratch: Path) -> None:
    """Writes the script to the new file `target`, after it turned a copy of B into A in the folder `scratch`.

    Raises SourceError for what SQL cannot express, NotGood when the result of the script is not A.
    """
    written = scratch / "script.sql"
    with written.open("x", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for piece in statements(both, found):
            file.write(piece)
    _try(both, written, scratch, frozenset(table.name for table in found.tables))
    with private_file(target) as published, written.open("rb") as file:
        shutil.copyfileobj(file, published)
        published.flush()
        os.fsync(published.fileno())


def statements(both: Pair, found: Comparison) -> Iterator[str]:
    """The script, a statement or a comment a piece."""
    yield "-- Turns database B into database A, as compared by litekeep diff A B.\n"
    for table in found.tables:
        if table.because:
            yield f"-- not compared: {_comment(table.name)}: {table.because}\n"
    yield "PRAGMA foreign_keys=OFF;\nBEGIN IMMEDIATE;\n"
    differing = [table for table in found.tables if table.differs and not table.because]
    remade = {table.name for table in differing if table.change != "same"}
    yield from _drops(both, found, remade)
    for table in differing:
        yield from _rows(both, table)
    yield from _creates(both, found, remade)
    for name in ("user_version", "application_id"):
        if getattr(both.a, name) != getattr(both.b, name):
            yield f"PRAGMA {name}={getattr(both.a, name)};\n"
    yield "COMMIT;\n"


def _drops(both: Pair, found: Comparison, remade: set[str]) -> Iterator[str]:
    """Triggers, views and indexes that stand in the way, then the tables that are gone or made anew."""
    for kind, name in sorted(both.b.objects, key=lambda key: (_DROPPED.index(key[0]), key)):
        if kind != "table" and _goes(both.b.objects[(kind, name)], both.a, found, remade):
            yield f"DROP {kind.upper()} IF EXISTS {quote_name(name)};\n"
    for name in sorted(remade):
        if ("table", name) in both.b.objects:
            yield f"DROP TABLE IF EXISTS {quote_name(name)};\n"


def _creates(both: Pair, found: Comparison, remade: set[str]) -> Iterator[str]:
    """The indexes, views and triggers of A that `_drops` took or that B never had."""
    for kind, name in sorted(both.a.objects, key=lambda key: (_CREATED.index(key[0]), key)):
        entry = both.a.objects[(kind, name)]
        if kind != "table" and entry.sql is not None and _goes(entry, both.b, found, remade):
            yield _create(entry)


def _goes(entry: SchemaObject, others: Shape, found: Comparison, remade: set[str]) -> bool:
    """Returns whether an index, view or trigger is dropped from B and, where A has it, created again."""
    if entry.sql is None:
        return False
    other = others.objects.get((entry.kind, entry.name))
    differs = other is None or other.sql != entry.sql
    chosen = {table.name for table in found.tables}
    if entry.kind == "trigger" and entry.table in chosen:
        return True
    if entry.kind == "index":
        return entry.table in chosen and (differs or entry.table in remade)
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
    if diff.change == "added":
        return
    stored = diff.name if diff.name in both.a.tables else both.a.virtual[diff.name].content
    if stored is None:
        raise SourceError(f"cannot write the SQL: {diff.name!r} holds no rows of its own; restore the backup")
    table = both.a.tables[stored]
    if diff.change != "same":
        yield _create(both.a.objects[("table", diff.name)])
        yield from _inserts(both, diff.name, table, _every(both, table))
        return
    match = both.match(diff.name)
    if isinstance(match, str):
        raise SourceError(f"cannot write the SQL: the rows of {diff.name!r} cannot be matched: {match}")
    yield from _deletes(both, diff.name, table, match)
    keyed = fetched("x", _stored(table))
    rows = list_of(keyed, table)
    yield from _inserts(both, diff.name, table, only_in(both.connection, match, "a", rows))
    yield from _inserts(both, diff.name, table, changed(both.connection, match, rows))


def _deletes(both: Pair, name: str, table: Table, match: Match) -> Iterator[str]:
    codec = _CODECS[both.a.encoding]
    columns = match.key.columns if name == table.name else ("rowid",)
    wanted = _key_expressions("x", match)
    old = _key_expressions("y", match)
    for row in _chain(only_in(both.connection, match, "b", wanted), changed(both.connection, match, old)):
        # The key's own index finds the row; IS would not use it everywhere, and keys hold no NULL.
        where = " AND ".join(f"{column}={text}" for column, text in zip(columns, literals(row, codec), strict=True))
        yield f"DELETE FROM {quote_name(name)} WHERE {where};\n"


def _key_expressions(alias: str, match: Match) -> list[str]:
    expressions = []
    for column in match.key.columns:
        named = f"{alias}.{column}"
        expressions += [f"typeof({named})", f"iif(typeof({named}) = 'text', CAST({named} AS BLOB), {named})"]
    return expressions


def list_of(keyed: list[str], table: Table) -> list[str]:
    """What to select of a row so that it can be inserted again: its rowid where no column is it, and its columns."""
    rowid = _rowid(table)
    return [f"typeof(x.{rowid})", f"x.{rowid}", *keyed] if rowid else keyed


def _rowid(table: Table) -> str | None:
    return None if table.alias is not None or table.without_rowid else table.rowid


def _stored(table: Table) -> list[str]:
    return [column.name for column in table.columns if not column.generated]


def _every(both: Pair, table: Table) -> Iterator[tuple[object, ...]]:
    wanted = list_of(fetched("x", _stored(table)), table)
    try:
        yield from both.connection.execute(f"SELECT {', '.join(wanted)} FROM a.{quote_name(table.name)} x")
    except apsw.Error as error:
        raise SourceError(f"table {table.name!r} cannot be read: {kind_of(error)}; verify the backup") from None


def _inserts(both: Pair, name: str, table: Table, rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    codec = _CODECS[both.a.encoding]
    if name == table.name:
        rowid = _rowid(table)
        columns = [rowid] if rowid else []
        columns += [quote_name(column) for column in _stored(table)]
    else:  # a full-text table: its content's first column is the rowid, and the others follow in order
        columns = ["rowid", *(quote_name(column) for column in _declared(both, name))]
    into = f"INSERT INTO {quote_name(name)}({','.join(columns)}) VALUES("
    for row in rows:
        yield f"{into}{','.join(literals(row, codec)[: len(columns)])});\n"


def _declared(both: Pair, name: str) -> list[str]:
    with closing(apsw.Connection(str(both.a.path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        rows = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid", (name,))
        return [str(found) for (found,) in rows]


def _chain(*many: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    for one in many:
        yield from one


def _comment(text: str) -> str:
    return printable(text, "?")


def _try(both: Pair, script: Path, scratch: Path, chosen: frozenset[str]) -> None:
    """Runs the script on a copy of B and compares with A: what is written has been seen to work."""
    copy = scratch / "tried.sqlite"
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
