"""`litekeep restore`, which is also what the restore job runs."""

from typing import Any

import click

from shared.terminal.flags import RestoreFlags
from shared.terminal.options import common, database, erasures, store, what_and_where
from shared.terminal.screen import progress_bars


@click.command()
@what_and_where
@click.option(
    "--upload-replace", is_flag=True, help="In place on SQLite Cloud in one step, by an undocumented command."
)
@click.option("--native", is_flag=True, help="By SQLite Cloud's own backups, in place, to the moment that --at names.")
@click.option(
    "--or-older", is_flag=True, help="If the latest turns out not good, the newest before it that holds; it says so."
)
@click.option("--migrations", metavar="FOLDER", help="Drizzle's folder: name the migrations that the backup lacks.")
@click.option(
    "--nearest", is_flag=True, help="With --at: if that point turns out not good, the nearest before it; it says so."
)
@click.option("--request", metavar="ID", help="What that request asks for, once a second person has approved it.")
@erasures
@click.option("--check", is_flag=True, help="Look whether a restore would reach DATABASE_URL and may write there.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@database
@store
@common
def restore(as_json: bool, **flags: Any) -> int:
    """Bring a backup back, into a new database or in place.

    \b
    Examples:
      litekeep restore --backup latest
      litekeep restore --backup latest-verified --to /srv/app/new.db --verify
      litekeep restore --at 2024-01-15T12:00:00Z --table users --to users.db
      litekeep restore --backup backup-2024-01-15-000000 --in-place
      litekeep restore --backup latest --to new.db --migrations ./drizzle
      litekeep restore --at 2024-01-15T12:00:00Z --native
      litekeep restore --request 20240115T120000Z-k3v9q2mx
      litekeep restore --check
    """
    from jobs.restore.main import run_restore

    with progress_bars(wanted=not as_json) as progress:
        return run_restore(RestoreFlags(**flags), as_json=as_json, progress=progress)
