"""Implements `litekeep erase`. Erased values are never printed."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.catalog.holds import is_stored
from shared.catalog.listing import LATEST, Catalog
from shared.databases.snapshot import take_snapshot
from shared.errors import LitekeepError, NotPermitted, UsageError
from shared.events.log import Event
from shared.model.names import BackupName
from shared.operations.erasure.ledger import read_ledger
from shared.operations.erasure.pending import ErasureOptions
from shared.operations.erasure.record import EraseOptions, Recorded, find_entry, preview, read_values, record
from shared.operations.erasure.report import report
from shared.operations.erasure.rewrite import RewriteOptions, Rewritten, rewrite
from shared.operations.verify.whole import rebuild_backup
from shared.retention.removal import delete_backup
from shared.runtime.progress import Progress
from shared.runtime.workspace import scratch_folder
from shared.settings import Environment, Settings
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation
from shared.stores import Store, open_store
from shared.terminal.approvals import check_alone
from shared.terminal.audit import audited
from shared.terminal.identity import actor_of
from shared.terminal.more_flags import EraseFlags
from shared.terminal.parts import event_log, key_of, source_of
from shared.terminal.screen import BAD, say, say_json, say_what_to_type
from shared.text import count


def run_erase(settings: Settings, flags: EraseFlags, *, as_json: bool, progress: Progress) -> None:
    """Records an erasure; with --dry-run only shows it. Raises UsageError."""
    if not (flags.table and flags.column):
        raise UsageError("--table and --column are missing: name the column whose values you give")
    if flags.value_from != "-":
        raise UsageError("--value-from - is missing: values are read from stdin, one a line, and from nowhere else")
    live = _live(settings, flags.database)
    database = live.database if live else flags.database
    if database is None:
        raise UsageError("DATABASE_URL is not set, and --database is missing: name the database")
    say_what_to_type(
        f"Type the values of {flags.table}.{flags.column}, one per line; then Ctrl-D on a line of its own:"
    )
    values = read_values(sys.stdin)
    store, copies = open_store(settings.backup_store), _copy_store(settings)
    with scratch_folder() as scratch:
        schema = scratch / "schema.sqlite"
        _bring_schema(settings, live, database, store, schema, progress)
        options = EraseOptions(
            store=store,
            copy_store=copies,
            key=key_of(settings),
            database=database,
            schema=schema,
            table=flags.table,
            column=flags.column,
            values=values,
            also=flags.also,
            reason=flags.reason or "",
            by=actor_of(settings),
        )
        done = preview(options) if flags.dry_run else _recorded(options, settings, as_json=as_json)
    if as_json:
        say_json(_document(done, live=live is not None))
    else:
        _say(done, live=live is not None)


def run_report(settings: Settings, erasure_id: str, *, as_json: bool) -> None:
    """Shows a recorded erasure, how many backups still hold the data, and until when."""
    store, copies = open_store(settings.backup_store), _copy_store(settings)
    ledger = read_ledger(store, key_of(settings), copies)
    entry = find_entry(ledger, erasure_id)
    assert ledger is not None, "the entry is in it"
    document = report(ledger, entry, [store, *([copies] if copies else [])])
    if as_json:
        say_json(document)
        return
    say(f"Erasure {document['id']} in {document['database']}, recorded {document['recorded_at']}")
    say(f"  by          {document['recorded_by']}{f': {entry.reason}' if entry.reason else ''}")
    say(f"  values      {document['values']}, of which only keyed hashes are kept")
    say(f"  columns     {', '.join(document['places'])}")
    for link in document["closure"]:
        say(f"  with them   {link['table']}: rows that refer to {link['refers_to']} are {link['rows_are']}")
    say(f"  ledger      entry {document['ledger']['number']} of {document['ledger']['of']}")
    say(f"              SHA-256 {document['ledger']['sha256']}")
    for each in document["stores"]:
        until = f", the last until {each['kept_until']}" if each["kept_until"] else ""
        held = f", {each['of_these_held']} held" if each["of_these_held"] else ""
        kept = count(each["backups_taken_before"], "backup taken before is", "backups taken before are")
        say(f"  {each['store']}: {kept} kept{until}{held};")
    say("  the erasure is replayed on everything restored, exported or compared from them.")


def run_rewrite(settings: Settings, flags: EraseFlags, *, as_json: bool, progress: Progress) -> int:
    """Rewrites backups without the rows erased since they were taken. Returns 1 if one could not be, else 0."""
    if flags.table or flags.column or flags.value_from or flags.also:
        raise UsageError("--rewrite applies recorded erasures: record one first, then use --rewrite without a column")
    store, copies = open_store(settings.backup_store), _copy_store(settings)
    log = event_log(settings, result_on_stdout=as_json)

    def remove(name: BackupName) -> None:
        delete = f"litekeep delete {name.id} --reason R"
        if settings.environment is Environment.PRODUCTION:
            raise NotPermitted(f"in production the old backup must be deleted separately: {delete}")
        check_alone(settings, ["delete"], f"deleting {name.id}", f"litekeep request delete {name.id} --reason R")
        for place in (store, *([copies] if copies else [])):
            if is_stored(place, name.manifest):
                about = {"database": name.database, "backup_id": name.id, "kind": name.kind.value}
                with audited(log, settings, "delete", place.url, **about, reason="rewritten without erased rows"):
                    delete_backup(place, name.manifest, force=True)

    options = RewriteOptions(
        store=store,
        copy_store=copies,
        key=key_of(settings),
        database=flags.database,
        absent=frozenset(flags.absent),
        remove=remove,
        dry_run=flags.dry_run,
    )
    if flags.dry_run:
        done = rewrite(options, progress=progress)
    else:
        with audited(log, settings, "erase --rewrite", store.url, database=flags.database) as operation:
            done = rewrite(options, progress=progress)
            if done.failed:
                first, why = next(iter(done.failed.items()))
                operation.failed, operation.reason = True, f"{first}: {why}"
    if as_json:
        say_json(asdict(done))
    else:
        _say_rewritten(done, dry_run=flags.dry_run)
    return LitekeepError.exit_code if done.failed else 0


def _say_rewritten(done: Rewritten, *, dry_run: bool) -> None:
    for old, why in done.failed.items():
        say(f"{BAD} {old}: {why}")
    verb = "Would rewrite" if dry_run else "Rewrote"
    removed = "" if dry_run else f", and removed {count(len(done.removed), 'old one')}"
    say(f"{verb} {count(len(done.made), 'backup')}{removed}")
    for old, new in done.made.items():
        say(f"  {old} -> {new}")
    for old, why in done.kept.items():
        say(f"  {old} stays: {why}")
    if done.points:
        points = count(len(done.points), "point of the continuous chain stays", "points of the continuous chain stay")
        say(f"{points} until the retention ends; restores replay the erasures on them")
    if dry_run:
        say("Nothing was written.")


def _live(settings: Settings, database: str | None) -> FileLocation | CloudLocation | None:
    """Returns the live database; None if DATABASE_URL is not set or --database names another database."""
    try:
        found = source_of(settings)
    except UsageError:
        if settings.database_url is not None:
            raise
        return None
    return found if database in (None, found.database) else None


def _bring_schema(
    settings: Settings,
    live: FileLocation | CloudLocation | None,
    database: str,
    store: Store,
    target: Path,
    progress: Progress,
) -> None:
    """Makes the file `target` with the current schema: a copy of the live database, or else of its latest backup."""
    if live is not None:
        take_snapshot(live, target, progress=progress)
        return
    catalog = Catalog(store)
    # No erasure is replayed: only the schema is needed, and the scratch file is removed at the end.
    erasures = ErasureOptions(without=True)
    rebuild_backup(
        catalog, catalog.find(LATEST, database), key_of(settings), target, erasures=erasures, progress=progress
    )


def _copy_store(settings: Settings) -> Store | None:
    return open_store(settings.backup_copy_store) if settings.backup_copy_store else None


def _recorded(options: EraseOptions, settings: Settings, *, as_json: bool) -> Recorded:
    log = event_log(settings, result_on_stdout=as_json)
    target = f"{options.table}.{options.column}"
    with audited(log, settings, "erase", target, database=options.database, reason=options.reason or None) as operation:
        done = record(options)
        if done.copy_error:
            operation.failed, operation.reason = True, f"the copy store does not have it: {done.copy_error}"
        log.emit(
            Event.ERASE_RECORDED,
            f"erasure {done.entry.id} of {count(done.entry.values, 'value')} in {target} was recorded as {done.object}",
            {
                "database": options.database,
                "store": options.store.url,
                "table": options.table,
                "erasure": done.entry.id,
                "values": done.entry.values,
                "sha256": done.sha256,
            },
        )
    return done


def _document(done: Recorded, *, live: bool) -> dict[str, Any]:
    return {
        "id": done.entry.id if done.object else None,
        "database": done.entry.database,
        "values": done.entry.values,
        "closure": list(done.plan.lines()),
        "still_in_live_database": done.remaining if live else None,
        "object": done.object,
        "sha256": done.sha256,
        "copy_error": done.copy_error,
    }


def _say(done: Recorded, *, live: bool) -> None:
    many = count(done.entry.values, "value")
    say(f"{'Erasure' if done.object else 'Would record an erasure'} of {many} in {done.entry.database}:")
    for line in done.plan.lines():
        say(f"  {line}")
    if live and done.remaining:
        found = ", ".join(f"{count(rows, 'row')} by {place}" for place, rows in done.remaining.items())
        say(f"{BAD} The live database still has {found}: delete them there, or later backups will hold them again")
    if not done.object:
        say("Nothing was written.")
        return
    say(f"Recorded as {done.object}, SHA-256 {done.sha256}")
    if done.copy_error:
        say(f"{BAD} The copy store does not have it: {done.copy_error}; run litekeep copy")
    say(f"Report: litekeep erase --report {done.entry.id}")
