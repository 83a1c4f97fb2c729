"""Implements `litekeep rows restore`."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from shared.approvals.actions import Action
from shared.approvals.desk import Permit
from shared.catalog.listing import LATEST, LATEST_VERIFIED
from shared.clock import parse_time
from shared.errors import NotGood, UsageError
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.operations.rows.apply import RowWritten
from shared.operations.rows.options import RowsOptions, RowsPlan, RowsRestored
from shared.operations.rows.restore import plan_rows, restore_rows
from shared.runtime.progress import Progress
from shared.settings import Settings
from shared.terminal.approvals import check_alone, emit_break_glass, permit_of
from shared.terminal.audit import audited
from shared.terminal.erasures import emit_erasures, erasure_options
from shared.terminal.flags import given_flags
from shared.terminal.more_flags import RowsFlags
from shared.terminal.parts import (
    catalog_of,
    database_of,
    event_log,
    key_of,
    location_of,
    source_of,
)
from shared.terminal.screen import say, say_json
from shared.text import count, printable

_SHOWN = 20
_LONGEST_KEYS = 64 << 20  # bytes of a file of keys


def run_rows_restore(settings: Settings, flags: RowsFlags, *, as_json: bool, progress: Progress) -> Callable[[], int]:
    """Plans or restores the rows. Returns a function that shows the result, to call after the progress bars end."""
    permit = None
    if flags.request:
        permit = permit_of(settings, flags.request, Action.ROWS)
        flags = flags_of_request(permit, flags)
    options = replace(rows_options(settings, flags), permit=permit)
    name = options.backup.name
    log = event_log(settings, result_on_stdout=as_json)
    shown = options.target.display
    options = replace(options, on_erased=lambda erased: emit_erasures(log, name, name.id, shown, erased))
    with audited(
        log,
        settings,
        "rows plan" if flags.dry_run else "rows restore",
        f"{options.target.display}, table {options.table}",
        database=name.database,
        backup_id=name.id,
        kind=name.kind.value,
    ) as operation:
        if flags.dry_run:
            plan = plan_rows(options, values=flags.values, progress=progress)
            return lambda: _show_plan(plan, as_json=as_json)
        if permit is None:
            how = f"litekeep request rows --from {name.id} --table {options.table} --reason R"
            check_alone(settings, ["in_place"], f"restoring rows into {options.target.display}", how)
        emit_break_glass(log, permit, options.target.display)
        try:
            done = restore_rows(options, progress=progress)
        except RowWritten as error:
            # Keys are row values: they are shown to the caller only, not in events and errors.
            click.echo(f"written since the plan: {printable(', '.join(map(repr, error.keys)))}", err=True)
            raise
        operation.reason = f"{done.inserted} inserted, {done.updated} updated, {done.unchanged} unchanged"
    return lambda: _show_done(done, options, as_json=as_json)


def flags_of_request(permit: Permit, flags: RowsFlags) -> RowsFlags:
    """Returns the flags that the request describes. Keys come from --keys again: the request holds only their hash."""
    for name in ("ref", "at", "table", "where", "to", "database"):
        if name in given_flags(flags):
            raise UsageError("--request defines the whole restore: only --keys FILE and --store go with it")
    plan = permit.request.plan
    try:
        backup = BackupName(Kind(str(plan["kind"])), str(plan["database"]), str(plan["backup_id"]))
        table, where = (None if plan[name] is None else str(plan[name]) for name in ("table", "where"))
        meant: dict[str, Any] = {
            "ref": backup.manifest,
            "to": plan["target"],
            "triggers": "on" if plan["triggers"] else "off",
        }
        return replace(flags, **meant, table=table, where=where)
    except (KeyError, ValueError):
        raise NotGood(f"request {permit.request.id} is incomplete: make a new one") from None


def rows_options(settings: Settings, flags: RowsFlags, *, with_key: bool = True) -> RowsOptions:
    """Returns the options. Raises UsageError for flags that clash."""
    if not flags.table:
        raise UsageError("--table T is missing: the table whose rows come back")
    if (flags.ref is None) == (flags.at is None):
        raise UsageError("give --from REF or --at TIME, one of the two; see litekeep list")
    if flags.where is not None and flags.keys is not None:
        raise UsageError("--where and --keys exclude each other: give one")
    catalog = catalog_of(settings)
    target = location_of(flags.to, settings) if flags.to else source_of(settings)
    ref = flags.ref or LATEST
    database = flags.database or (_database(settings, flags) if ref in (LATEST, LATEST_VERIFIED) else None)
    return RowsOptions(
        catalog=catalog,
        backup=catalog.find(ref, database, _time(flags.at)),
        key=key_of(settings) if with_key else None,
        table=flags.table,
        target=target,
        where=flags.where,
        keys=None if flags.keys is None else _keys(flags.keys),
        triggers=flags.triggers == "on",
        environment=settings.environment.value,
        keep_safety_for=settings.retention_of(Kind.ON_DEMAND),
        erasures=erasure_options(settings, without=False, absent=()),
    )


def _database(settings: Settings, flags: RowsFlags) -> str | None:
    """Returns the database that `latest` refers to: that of DATABASE_URL, else that of --to."""
    if settings.database_url is None and flags.to:
        return location_of(flags.to, settings).database
    return database_of(settings)


def _time(text: str | None) -> Any:
    try:
        return None if text is None else parse_time(text)
    except ValueError:
        raise UsageError(f"--at {text!r} is not a time: write 2024-01-15T12:00:00Z") from None


def _keys(path: Path) -> list[list[Any]]:
    """Reads one key per line; a line that is not JSON is a text. Raises UsageError."""
    try:
        raw = sys.stdin.buffer.read(_LONGEST_KEYS + 1) if str(path) == "-" else _read(path)
    except OSError as error:
        raise UsageError(f"--keys {path} cannot be read: {error.strerror}") from None
    if len(raw) > _LONGEST_KEYS:
        raise UsageError(f"--keys {path} has more than {_LONGEST_KEYS} bytes: give fewer keys, or use --where")
    try:
        return [_key(line) for line in raw.decode().splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise UsageError(f"--keys {path} is not UTF-8 text") from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LONGEST_KEYS + 1)


def _key(line: str) -> list[Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return [line]
    values = found if isinstance(found, list) else [found]
    if any(isinstance(value, dict | list | bool) or value is None for value in values):
        raise UsageError("--keys: a key is a number, a text, or a list of these; NULL is not a key")
    return values


def _show_plan(plan: RowsPlan, *, as_json: bool) -> int:
    if as_json:
        say_json(plan.to_json() | {"dry_run": True})
        return 1 if plan.conflicts else 0
    say(f"Would restore rows of {plan.table} from {plan.id}, taken {plan.taken_at}")
    say(f"  to {plan.target}, matched by {', '.join(plan.by)}")
    missing = count(plan.inserted, "missing row")
    say(f"  {missing} to insert, {plan.updated} to change, {plan.unchanged} as in the backup")
    for row in plan.rows[:_SHOWN]:
        sign = "+" if row.action == "insert" else "~"
        hashes = row.hash_then[:12] if row.hash_now is None else f"{row.hash_now[:12]} -> {row.hash_then[:12]}"
        say(f"  {sign} {', '.join(map(_text, row.key))}  ({hashes})")
        for label, values in (("now", row.now), ("then", row.then)):
            if values is not None:
                say(f"      {label}: {', '.join(f'{name}={_text(value)}' for name, value in values.items())}")
    if plan.inserted + plan.updated > _SHOWN:
        say(f"  … and {plan.inserted + plan.updated - _SHOWN} more; --json lists the first 1000")
    for note in plan.notes:
        say(f"  note: {note}")
    for conflict in plan.conflicts:
        say(f"  conflict: {conflict}")
    say("Nothing was written." if not plan.conflicts else "Nothing was written: resolve the conflicts first.")
    return 1 if plan.conflicts else 0


def _show_done(done: RowsRestored, options: RowsOptions, *, as_json: bool) -> int:
    if as_json:
        say_json(asdict(done) | {"duration_seconds": round(done.duration_seconds, 3)})
        return 0
    say(f"Restored rows of {done.table} from {done.id}: {done.inserted} inserted, {done.updated} changed")
    say(f"  {done.unchanged} were as in the backup already")
    say(f"  to {options.target.display}")
    if done.safety:
        say(f"  what was there before: {done.safety}")
    for note in done.notes:
        say(f"  note: {note}")
    return 0


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return f"X'{value['blob']}'"
    return "NULL" if value is None else repr(value) if isinstance(value, str) else str(value)
