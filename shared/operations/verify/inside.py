"""The functions that run in the confined process. Each takes its `Call` first; arguments and results are JSON."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apsw

from shared.dump.dump import DumpHeader, dump
from shared.dump.load import load_sql
from shared.dump.schema import count_rows, user_tables
from shared.errors import NoMemory, NotGood, UsageError
from shared.model.names import Format
from shared.operations.verify import judge
from shared.operations.verify.allowances import Allowances
from shared.operations.verify.expected import ExpectedDatabase
from shared.runtime.confined_child import Call
from shared.sqlite.checks import check_integrity
from shared.sqlite.sqlite_failures import kind_of

_STEP = 1 << 20


def load(call: Call, target: str, journal_mode: str, allowed: dict[str, Any]) -> None:
    """Loads the SQL of the stream into the new database `target`. The limits grow with the bytes received."""
    load_sql(_growing(call, Allowances(**allowed)), Path(target))
    judge.restore_journal_mode(Path(target), journal_mode)


def check_quick(_call: Call, target: str, expected: dict[str, Any]) -> list[dict[str, Any]]:
    """Checks the schema and the rows of each table against what the manifest records."""
    with _read_errors():
        return [asdict(check) for check in judge.compare(Path(target), ExpectedDatabase.from_json(expected))]


def prove(call: Call, target: str, expected: dict[str, Any], form: str) -> dict[str, Any]:
    """Runs all checks of a rebuilt database."""
    with _read_errors():
        proof = judge.prove(Path(target), ExpectedDatabase.from_json(expected), Format(form), progress=call.progress)
    return {
        "checks": [asdict(check) for check in proof.checks],
        "integrity": asdict(proof.integrity),
    }


def summarize(_call: Call, target: str) -> dict[str, Any]:
    """Counts the tables and rows of a database that no manifest describes, and runs SQLite's full check."""
    with _read_errors():
        with closing(apsw.Connection(target, flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            tables, rows = user_tables(connection), count_rows(connection)
        integrity = check_integrity(Path(target))
    total = sum(rows.get(table, 0) for table in tables)
    return {"tables": len(tables), "rows": total, "integrity": asdict(integrity)}


def take_part(
    _call: Call, whole: str, part: str, expected: dict[str, Any], tables: list[str], schema_only: bool
) -> None:
    """Dumps only the schema, or only some tables, and loads them into the new database `part`."""
    its = ExpectedDatabase.from_json(expected)
    header = DumpHeader(its.database, its.created_at, its.schema_version)
    with _read_errors(), closing(apsw.Connection(whole, flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        existing = user_tables(connection)
        if unknown := set(tables).difference(existing):
            raise UsageError(f"--table {min(unknown)!r} is not in {its.id}, which holds {', '.join(existing)}")
        load_sql(dump(connection, header, rows=not schema_only, tables=frozenset(tables) or None), Path(part))
    judge.restore_journal_mode(Path(part), its.settings.journal_mode)


def _growing(call: Call, allowed: Allowances) -> Iterator[bytes]:
    done, known = 0, 0
    for piece in call.stream():
        done += len(piece)
        if done - known >= _STEP:
            known = done
            call.allow(allowed.of(done))
        yield piece


@contextmanager
def _read_errors() -> Iterator[None]:
    try:
        yield
    except apsw.NoMemError:
        raise NoMemory("no memory") from None
    except apsw.Error as error:
        raise NotGood(f"the database cannot be read: {kind_of(error)}") from None
