"""What the confined process is asked to do. Each function takes its `Call` first; arguments and results are JSON."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apsw

from shared.clock import rfc3339
from shared.dump.dump import DumpHeader, dump
from shared.dump.load import load_sql
from shared.dump.schema import count_rows, user_tables
from shared.errors import NoMemory, NotGood, UsageError
from shared.model.manifest import Manifest
from shared.model.names import Format
from shared.operations.verify import judge
from shared.operations.verify.allowances import Allowances
from shared.runtime.confined_child import Call
from shared.sqlite.checks import check_integrity
from shared.sqlite.sqlite_failures import kind_of

_STEP = 1 << 20


def load(call: Call, target: str, journal_mode: str, allowed: dict[str, Any]) -> None:
    """Makes the new database `target` of the SQL in the stream. What it may take grows with what has come of it."""
    load_sql(_growing(call, Allowances(**allowed)), Path(target))
    judge.restore_journal_mode(Path(target), journal_mode)


def hold(_call: Call, target: str, manifest: str) -> list[dict[str, Any]]:
    """The quick rungs."""
    with _read_errors():
        return [asdict(check) for check in judge.hold_to_manifest(Path(target), _manifest(manifest))]


def prove(call: Call, target: str, manifest: str, form: str) -> dict[str, Any]:
    """All rungs above the archive."""
    with _read_errors():
        proof = judge.prove(Path(target), _manifest(manifest), Format(form), progress=call.progress)
    return {
        "checks": [asdict(check) for check in proof.checks],
        "integrity": proof.integrity.model_dump(mode="json"),
    }


def look(_call: Call, target: str) -> dict[str, Any]:
    """What can be said of a database that no manifest describes: how many tables and rows, and SQLite's full check."""
    with _read_errors():
        with closing(apsw.Connection(target, flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            tables, rows = user_tables(connection), count_rows(connection)
        integrity = check_integrity(Path(target))
    total = sum(rows.get(table, 0) for table in tables)
    return {"tables": len(tables), "rows": total, "integrity": integrity.model_dump(mode="json")}


def take_part(_call: Call, whole: str, part: str, manifest: str, tables: list[str], schema_only: bool) -> None:
    """Only the schema, or only some tables: dumped out of the whole and loaded again."""
    its = _manifest(manifest)
    header = DumpHeader(its.database, rfc3339(its.created_at), its.schema_version)
    with _read_errors(), closing(apsw.Connection(whole, flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        there = user_tables(connection)
        if unknown := set(tables).difference(there):
            raise UsageError(f"--table {min(unknown)!r} is not in {its.id}, which holds {', '.join(there)}")
        load_sql(dump(connection, header, rows=not schema_only, tables=frozenset(tables) or None), Path(part))
    judge.restore_journal_mode(Path(part), its.sqlite.journal_mode)


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


def _manifest(text: str) -> Manifest:
    return Manifest.model_validate_json(text)
