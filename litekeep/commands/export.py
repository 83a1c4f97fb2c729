"""`litekeep export`"""

from pathlib import Path
from typing import Any

import click

from shared.catalog.listing import LATEST, LATEST_VERIFIED
from shared.errors import UsageError
from shared.operations.transfer import check_export_name, export_backup
from shared.terminal.audit import audited
from shared.terminal.erasures import emit_erasures, erasure_options
from shared.terminal.options import common, database, erasures, settings_with, store
from shared.terminal.parts import catalog_of, database_of, event_log, key_of
from shared.terminal.restore_options import check_restorable_at, moment_of
from shared.terminal.screen import progress_bars, say, say_json


@click.command()
@click.option("--backup", "ref", metavar="REF", help="An id, latest, or latest-verified.")
@click.option(
    "--at", metavar="TIME", help="The newest backup taken at or before that time (UTC unless it has an offset)."
)
@click.option(
    "--output",
    required=True,
    metavar="F",
    type=click.Path(path_type=Path),
    help="Ends in .sql, .sql.gz, .sqlite or .db.",
)
@erasures
@database
@store
@common
def export(as_json: bool, ref: str | None, at: str | None, output: Path, **flags: Any) -> None:
    """Write a backup as a plain file that the stock sqlite3 opens. It is NOT encrypted.

    \b
    Examples:
      litekeep export --backup latest --output app.sql.gz
      gunzip -c app.sql.gz | sqlite3 -safe -bail -cmd ".dbconfig defensive off" new.db
      litekeep export --backup latest-verified --output app.sqlite
      litekeep export --at 2024-01-15T10:31:00Z --output then.sqlite
    """
    check_export_name(output)
    settings = settings_with(backup_store=flags["store"])
    erasures = erasure_options(settings, without=flags["without_erasures"], absent=flags["absent"])
    catalog = catalog_of(settings)
    if not (ref or at):
        raise UsageError("--backup REF is missing: an id, latest, or latest-verified; or --at TIME; see litekeep list")
    wanted, moment = ref or LATEST, moment_of(at)
    newest = wanted in (LATEST, LATEST_VERIFIED)
    backup = catalog.find(wanted, flags["database"] or (database_of(settings) if newest else None), moment)
    if moment is not None:
        check_restorable_at(catalog, backup, moment, lambda: key_of(settings))
    log, name = event_log(settings, result_on_stdout=as_json), backup.name
    about = {"database": name.database, "backup_id": name.id, "kind": name.kind}
    with (
        audited(log, settings, "export", str(output), **about),
        progress_bars(wanted=not as_json) as progress,
    ):
        done = export_backup(catalog, backup, key_of(settings), output, erasures=erasures, progress=progress)
        emit_erasures(log, name, name.id, str(output), done.erased)
    notes = [*(f"passed over: {why}" for why in backup.passed_over), *done.notes]
    if as_json:
        size = output.stat().st_size
        say_json({"id": done.manifest.id, "output": str(output), "size_bytes": size, "notes": notes})
        return
    say(f"Exported {done.manifest.id} to {output}, not encrypted: keep it as safe as the database")
    for note in notes:
        say(f"  note: {note}")
