"""Checks a database file against the manifest of its backup. Runs in the confined process, see `inside.py`.

The database is untrusted: reading it runs expressions of its schema, such as generated columns, checks and indexes.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw

from shared.archive.tally import Tally
from shared.dump.dump import DumpCounts, DumpHeader, dump
from shared.dump.schema import count_rows, schema_hash
from shared.errors import NotGood
from shared.model.names import Format
from shared.operations.verify.check import Check, Proof
from shared.operations.verify.expected import ExpectedDatabase
from shared.runtime.progress import Progress, silent
from shared.sqlite.checks import check_in_background
from shared.sqlite.facts import Soundness
from shared.sqlite.remedies import damage_line
from shared.sqlite.settings_of import describe
from shared.sqlite.sqlite_failures import kind_of
from shared.text import count

SOURCE_DAMAGE = "the backup is faithful, and the source itself is damaged"


def restore_journal_mode(target: Path, journal_mode: str) -> None:
    """Sets WAL mode, which the database file records and a dump cannot carry."""
    if journal_mode == "wal":
        with closing(apsw.Connection(str(target))) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()


def compare(target: Path, expected: ExpectedDatabase) -> list[Check]:
    """Checks the schema and the rows of each table against what the manifest records, as every restore does."""
    with closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        try:
            return [_schema(connection, expected), _rows(connection, expected)]
        except apsw.NoMemError:
            raise
        except apsw.Error as error:
            return [Check("schema", ok=False, detail=f"the database cannot be read: {kind_of(error)}")]


def prove(target: Path, expected: ExpectedDatabase, form: Format, *, progress: Progress = silent) -> Proof:
    """Runs the full proof of a rebuilt database: schema, rows and SQLite's checks, and for SQL a second dump.

    `form` is the artifact from which `target` was made; its bytes have the recorded hash.

    A page image equals the source byte for byte, and the recorded SQL was dumped from the same bytes. Only SQLite's
    full check is left. Damage that it finds is damage of the source: it is reported, and the backup is good.

    A database loaded from SQL is dumped again: if the hash is the recorded one, nothing was lost in either direction.
    SQLite has just built its indexes, so the quick check suffices. It may find nothing that the source did not have.
    """
    from_sql = form is Format.SQL
    with _kept_open(target), check_in_background(target, quick=from_sql) as integrity:
        checks = compare(target, expected)
        schema, data = checks[0], checks[1:]
        if from_sql:
            data.append(_same_sql(target, expected, progress))
        found = integrity.result()
        data.append(_no_new_damage(found, expected.soundness) if from_sql else _source_integrity(found))
    failed = [check for check in data if not check.ok]
    detail = "; ".join(check.detail for check in failed or data)
    return Proof([schema, Check("data", ok=not failed, detail=detail)], found, form)


@contextmanager
def _kept_open(target: Path) -> Iterator[None]:
    """Keeps a connection open during the block: closing the last one of a WAL database locks out new ones."""
    with closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        with suppress(apsw.Error):  # the checks report it
            connection.pragma("schema_version")
        yield


def _schema(connection: apsw.Connection, expected: ExpectedDatabase) -> Check:
    found, wanted = describe(connection, expected.settings.journal_mode), expected.settings
    wrong = [
        f"{name} is {getattr(found, name)}, was {getattr(wanted, name)}"
        for name in ("page_size", "encoding", "auto_vacuum", "user_version", "application_id")
        if getattr(found, name) != getattr(wanted, name)
    ]
    if schema_hash(connection) != expected.schema_hash:
        wrong.append("the schema differs from the one backed up")
    return Check("schema", ok=not wrong, detail="; ".join(wrong) or f"{count(expected.tables, 'table')}, as backed up")


def _rows(connection: apsw.Connection, expected: ExpectedDatabase) -> Check:
    found = count_rows(connection)
    wrong = [
        f"{table} has {_rows_in(found.get(table))}, had {expected.row_counts.get(table, 'no')}"
        for table in sorted(found.keys() | expected.row_counts.keys())
        if found.get(table) != expected.row_counts.get(table)
    ]
    return Check("rows", ok=not wrong, detail="; ".join(wrong[:5]) or f"{count(expected.rows, 'row')}, as backed up")


def _rows_in(rows: int | None) -> str:
    return "no rows" if rows is None else count(rows, "row")


def _source_integrity(found: Soundness) -> Check:
    damage = None if found.good else f"{SOURCE_DAMAGE}: {damage_line(found.problems)}"
    return Check("integrity", ok=True, detail=damage or "integrity_check and foreign keys as in the source")


def _no_new_damage(found: Soundness, before: Soundness) -> Check:
    """Checks that a database loaded from SQL has no damage or foreign key violation that the source did not have."""
    new = [problem for problem in found.problems if problem not in before.problems]
    if found.foreign_key_violations > before.foreign_key_violations:
        new.append(
            f"{count(found.foreign_key_violations, 'foreign key violation')}, {before.foreign_key_violations} before"
        )
    detail = "; ".join(new[:3]) if new else "quick_check and foreign keys as in the source"
    return Check("integrity", ok=not new and (found.good or not before.good), detail=detail)


def _same_sql(target: Path, expected: ExpectedDatabase, progress: Progress) -> Check:
    """Checks that a second dump with the recorded header gives the same SQL, byte for byte."""
    if expected.sql_sha256 is None:
        raise NotGood(f"{expected.id} has no SQL to compare with")
    header = DumpHeader(expected.database, expected.created_at, expected.schema_version, expected.dump_format)
    tally = Tally()
    with closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        for chunk in dump(connection, header, counts=DumpCounts()):
            tally.add(chunk)
            progress("compare", min(tally.size, expected.sql_bytes), expected.sql_bytes)
    same = tally.sha256 == expected.sql_sha256
    return Check("same-sql", ok=same, detail="dumped again: the same SQL" if same else "dumped again: other SQL")
