"""Restores rows, in an order that loses no data.

1. The backup is rebuilt and the target copied, both into a private folder; the plan compares these two.
2. The plan is tried on a copy of the target, so that conflicts are known before the target is changed.
3. A safety backup of the target is taken.
4. One transaction on the target compares each row again, writes, checks, and commits.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from shared.clock import Clock, rfc3339, utc_now
from shared.compare.keys import Key
from shared.compare.listing import shown
from shared.compare.literals import CODECS, fetched, literals
from shared.compare.rows import Match, match_tables, pair
from shared.compare.shapes import Shape, read_shape
from shared.databases.snapshot import take_snapshot
from shared.errors import UsageError
from shared.operations.rows.apply import Conflict, Writing
from shared.operations.rows.options import RowChange, RowsOptions, RowsPlan, RowsRestored
from shared.operations.rows.permitted import check_rows_permit, redeem_rows
from shared.operations.rows.prepared import Prepared
from shared.operations.rows.selection import attach_plan, choose_keys, choose_where, make_plan, on_plan
from shared.operations.rows.target import rows_target
from shared.operations.rows.to_file import write_file
from shared.operations.verify.whole import rebuild_backup
from shared.runtime.progress import Progress, silent
from shared.runtime.so_far import note
from shared.runtime.workspace import scratch_folder
from shared.sqlite.names import quote_name

if TYPE_CHECKING:
    from shared.operations.erasure.replayed import Replayed

_LISTED = 1000  # rows that a plan lists; it counts all


def plan_rows(options: RowsOptions, *, values: bool = False, progress: Progress = silent) -> RowsPlan:
    """Returns what `restore_rows` would do, with `values` including the rows' values. Writes nothing.

    Raises UsageError for a table, condition or key that does not fit, NotGood for the backup, SourceError for the
    target.
    """
    with _prepared(options, values=values, progress=progress) as prepared:
        return prepared.plan


def restore_rows(options: RowsOptions, *, clock: Clock = utc_now, progress: Progress = silent) -> RowsRestored:
    """Restores the rows and returns once they are committed and checked.

    Raises NotPermitted in production without an approval, Conflict when a row cannot be written, RowWritten when
    somebody wrote a planned row meanwhile, and what `plan_rows` raises. On an error nothing is changed.
    """
    started = clock()
    check_rows_permit(options)
    with _prepared(options, values=False, progress=progress) as prepared:
        plan, safety = prepared.plan, None
        if plan.conflicts:
            raise Conflict(f"cannot restore rows of {options.table}: {plan.conflicts[0]}")
        if plan.inserted or plan.updated:
            note("rows", f"nothing was changed in {options.target.display}")
            safety = options.safety_backup.take(clock, progress)
            redeem_rows(options)
            rows_target(options.target).write(prepared)
    return RowsRestored(
        id=plan.id,
        table=plan.table,
        inserted=plan.inserted,
        updated=plan.updated,
        unchanged=plan.unchanged,
        safety=safety,
        duration_seconds=(clock() - started).total_seconds(),
        notes=plan.notes,
    )


@contextmanager
def _prepared(options: RowsOptions, *, values: bool, progress: Progress) -> Iterator[Prepared]:
    rows_target(options.target).check()
    with scratch_folder() as scratch:
        backup, target, keys = scratch / "backup.sqlite", scratch / "target.sqlite", scratch / "plan.sqlite"
        erased: list[Replayed] = []
        manifest = rebuild_backup(
            options.catalog,
            options.backup,
            options.key,
            backup,
            erasures=options.erasures,
            erased=erased,
            progress=progress,
        )
        for each in erased:
            options.on_erased(each)
        take_snapshot(options.target, target, progress=progress)
        one, other = read_shape(backup), read_shape(target)
        _check_tables(options, manifest.id, one, other)
        with pair(backup, target, one.encoding) as connection:
            match = match_tables(connection, one.tables[options.table], other.tables[options.table])
            if isinstance(match, str):
                raise UsageError(f"cannot restore rows of {options.table}: {match}; restore the whole table with --to")
            writing = Writing(match, other.tables[options.table], options.triggers)
            attach_plan(connection, keys, match)
            _choose(options, connection, backup, keys, match)
            everything = options.where is None and options.keys is None
            inserted, updated, unchanged, absent = make_plan(connection, match, everything=everything)
            rows = list(_changes(connection, match, one.encoding, values=values))
        prepared = Prepared(
            RowsPlan(
                id=manifest.id,
                taken_at=rfc3339(manifest.created_at),
                table=options.table,
                target=options.target.display,
                by=list(match.key.names),
                inserted=inserted,
                updated=updated,
                unchanged=unchanged,
                notes=_notes(options, match.key, one, other, absent),
                rows=rows,
            ),
            writing,
            one.encoding,
            backup,
            target,
            keys,
        )
        prepared.plan.conflicts.extend(_try(prepared, scratch / "trial.sqlite"))
        yield prepared


def _check_tables(options: RowsOptions, backup_id: str, one: Shape, other: Shape) -> None:
    contents = {virtual.content for shape in (one, other) for virtual in shape.virtual.values()}
    for shape, where in ((one, backup_id), (other, options.target.display)):
        if options.table in shape.virtual:
            raise UsageError(
                f"--table {options.table!r} is a virtual table in {where}: restore the table that it is made of"
            )
        if options.table not in shape.tables or options.table in contents:
            there = ", ".join(sorted(shape.tables.keys() - contents))
            raise UsageError(f"--table {options.table!r} is not in {where}; there are: {there}")
    if one.encoding != other.encoding:
        raise UsageError(
            f"{backup_id} is {one.encoding} and {options.target.display} {other.encoding}: export the table"
        )


def _choose(options: RowsOptions, connection: apsw.Connection, backup: Path, plan: Path, match: Match) -> None:
    if options.where is not None:
        choose_where(backup, plan, match, options.where)
    if options.keys is not None:
        choose_keys(connection, match, options.keys)


def _changes(connection: apsw.Connection, match: Match, encoding: str, *, values: bool) -> Iterator[RowChange]:
    """Yields the first planned rows with their hashes, and with `values` also their values."""
    table, codec = quote_name(match.table), CODECS[encoding]
    then, now = fetched("x", match.columns), fetched("y", match.columns)
    keys = [f"p.k{number}" for number in range(len(match.key.columns))]
    rows = connection.execute(
        f"SELECT p.action, {', '.join([*keys, *then, *now])} FROM p.plan p CROSS JOIN a.{table} x"
        f" ON {on_plan(match, 'x')} LEFT JOIN b.{table} y ON {on_plan(match, 'y')} ORDER BY p.n LIMIT {_LISTED}"
    )
    for action, *cells in rows:
        key, rest = cells[: len(keys)], cells[len(keys) :]
        before = rest[len(then) :] if action == "update" else None
        yield RowChange(
            action=action,
            key=[shown(value) for value in key],
            hash_now=None if before is None else _hash(before, codec),
            hash_then=_hash(rest[: len(then)], codec),
            now=_values(match, before, codec) if values and before is not None else None,
            then=_values(match, rest[: len(then)], codec) if values else None,
        )


def _hash(cells: list[Any], codec: str) -> str:
    return sha256(",".join(literals(cells, codec)).encode()).hexdigest()


def _values(match: Match, cells: list[Any], codec: str) -> dict[str, Any]:
    values = [bytes(v).decode(codec, "replace") if c == "text" else shown(v) for c, v in _pairs(cells)]
    return dict(zip(match.columns, values, strict=True))


def _pairs(cells: list[Any]) -> list[tuple[str, Any]]:
    return [(cells[at], cells[at + 1]) for at in range(0, len(cells), 2)]


def _notes(options: RowsOptions, key: Key, one: Shape, other: Shape, absent: int) -> list[str]:
    notes = []
    if absent:
        notes.append(f"{absent} of the keys given are not in the backup")
    if key.is_rowid:
        notes.append("the table has no primary key: rows are matched by rowid, which VACUUM may have changed since")
    before, after = one.tables[options.table], other.tables[options.table]
    missing = {c.name for c in before.columns if not c.generated} - {c.name for c in after.columns}
    if missing:
        notes.append(f"columns that the target does not have are left out: {', '.join(sorted(missing))}")
    named = [entry.name for entry in other.objects.values() if entry.kind == "trigger" and entry.table == options.table]
    if named:
        fire = "fire" if options.triggers else "do not fire (--triggers on)"
        notes.append(f"triggers of the application {fire}: {', '.join(sorted(named))}")
    return notes


def _try(prepared: Prepared, trial: Path) -> list[str]:
    """Writes the rows into a copy of the target. Returns the conflicts, as sentences."""
    if not (prepared.plan.inserted or prepared.plan.updated):
        return []
    shutil.copyfile(prepared.target, trial)
    try:
        write_file(trial, prepared)
    except Conflict as error:
        return [str(error)]
    finally:
        trial.unlink()
    return []
