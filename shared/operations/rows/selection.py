"""Chooses the wanted rows of the backup, and plans those that differ in the target: keys in a private plan file.

The plan file is a SQLite database, so that memory does not grow with the number of rows.

    wanted   the keys that --where or --keys chose
    plan     n, action (insert or update), and the key's columns
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from shared.compare.rows import Match, number_of
from shared.errors import NotPermitted, UsageError
from shared.operations.verify import allowances
from shared.runtime.confined import Confined, CpuTimeExceeded
from shared.runtime.confined_child import Call
from shared.sqlite.connect import open_snapshot, uri
from shared.sqlite.names import quote_name
from shared.text import count

_READS = frozenset({apsw.SQLITE_READ, apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE})
_REFUSED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "edit", "readfile", "writefile", "fsdir"})


def attach_plan(connection: apsw.Connection, path: Path, match: Match) -> None:
    """Creates the plan file and attaches it as `p`."""
    path.touch(0o600)
    connection.execute("ATTACH ? AS p", (uri(path, "mode=rw"),))
    columns = ", ".join(plan_columns(match))
    connection.execute(f"CREATE TABLE p.wanted ({columns})")
    connection.execute(f"CREATE TABLE p.plan (n INTEGER PRIMARY KEY, action TEXT, {columns})")


def plan_columns(match: Match) -> list[str]:
    """Returns the key's columns in the plan file. They have no type, so that values stay as they are."""
    return [f"k{number}" for number in range(len(match.key.columns))]


def on_plan(match: Match, alias: str, plan: str = "p") -> str:
    """Returns the SQL condition that a row of `alias` has the key of a row of the plan."""
    pairs = zip(match.key.columns, plan_columns(match), strict=True)
    return " AND ".join(f"{alias}.{column} = {plan}.{planned}" for column, planned in pairs)


def choose_where(backup: Path, plan: Path, match: Match, where: str) -> None:
    """Evaluates the caller's condition on the backup, and keeps the keys of the rows that meet it.

    Runs in a process with limits, because one function call in the condition or in the backup's schema may take hours.
    Raises UsageError when the condition is invalid or takes too long, NotPermitted when it does more than read.
    """
    limits = allowances.ALLOWED.of(backup.stat().st_size)
    keys, width = match.key.of(quote_name(match.table)), len(match.key.columns)
    what = "the condition of --where"
    with Confined() as child:
        try:
            child.call(
                keep_chosen,
                backup.absolute(),
                plan.absolute(),
                match.table,
                keys,
                width,
                where,
                limits=limits,
                what=what,
            )
        except CpuTimeExceeded:
            raise UsageError(
                f"--where took more than {limits.cpu_seconds:g} s of CPU time on the backup:"
                " write it by the key or an indexed column"
            ) from None


def keep_chosen(_call: Call, backup: str, plan: str, table: str, keys: str, width: int, where: str) -> None:
    """Runs in that process: reads the rows that meet the condition, under an authorizer, and keeps their keys."""
    refusal: list[str] = []

    def allow(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in _READS or (action == apsw.SQLITE_FUNCTION and (second or "").lower() not in _REFUSED_FUNCTIONS):
            return apsw.SQLITE_OK
        refusal.append(second or first or "something")
        return apsw.SQLITE_DENY

    with (
        closing(open_snapshot(Path(backup))) as source,
        closing(apsw.Connection(plan, flags=apsw.SQLITE_OPEN_READWRITE)) as kept,
    ):
        source.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
        source.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)  # a misspelt column must not become a text
        source.authorizer = allow
        try:
            rows = source.execute(f"SELECT {keys} FROM {quote_name(table)} WHERE (\n{where}\n)")
            _keep(kept, "main", width, rows)
        except apsw.AuthError:
            raise NotPermitted(f"--where may only read: {refusal[-1]!r} is not allowed in it") from None
        except apsw.NoMemError:
            raise
        except apsw.Error as error:
            raise UsageError(f"--where is not a condition on {table}: {error}") from None


def choose_keys(connection: apsw.Connection, match: Match, keys: Sequence[Sequence[Any]]) -> None:
    """Keeps the given keys. Raises UsageError for one with another number of columns."""
    width = len(match.key.columns)
    for number, key in enumerate(keys, start=1):
        if len(key) != width:
            names = ", ".join(match.key.names)
            raise UsageError(
                f"--keys, line {number}: {count(len(key), 'value')}, and the key of {match.table} is ({names})"
            )
    _keep(connection, "p", width, (tuple(key) for key in keys))


def _keep(connection: apsw.Connection, schema: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
    marks = ",".join("?" * width)
    with connection:
        connection.executemany(f"INSERT INTO {schema}.wanted VALUES ({marks})", rows)


def make_plan(connection: apsw.Connection, match: Match, *, everything: bool) -> tuple[int, int, int, int]:
    """Fills the plan. Returns the number of rows to insert, to update, equal already, and not in the backup."""
    table, columns = quote_name(match.table), ", ".join(plan_columns(match))
    key = match.key.of("x")
    chosen = f"a.{table} x" if everything else f"w CROSS JOIN a.{table} x ON {on_plan(match, 'x', 'w')}"
    distinct = f"WITH w AS (SELECT DISTINCT {columns} FROM p.wanted)" if not everything else ""
    insert = f"INSERT INTO p.plan (action, {columns}) {distinct} SELECT"
    same_key = match.key.match("y", "x")
    with connection:
        connection.execute(
            f"{insert} 'update', {key} FROM {chosen} CROSS JOIN b.{table} y ON {same_key} WHERE {match.differs()}"
        )
        connection.execute(
            f"{insert} 'insert', {key} FROM {chosen} WHERE NOT EXISTS (SELECT 1 FROM b.{table} y WHERE {same_key})"
        )
    total = number_of(connection, f"{distinct} SELECT count(*) FROM {chosen}")
    inserted = number_of(connection, "SELECT count(*) FROM p.plan WHERE action = 'insert'")
    updated = number_of(connection, "SELECT count(*) FROM p.plan WHERE action = 'update'")
    asked = total if everything else number_of(connection, f"{distinct} SELECT count(*) FROM w")
    return inserted, updated, total - inserted - updated, asked - total
