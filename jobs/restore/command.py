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
@click.option("--native", is_flag=True, help="Restore SQLite Cloud's own backup of the moment of --at, in place.")
@click.option("--or-older", is_flag=True, help="If the latest is not good, restore the newest good one before it.")
@click.option("--migrations", metavar="FOLDER", help="Drizzle's folder: list the migrations that the backup lacks.")
@click.option(
    "--nearest", is_flag=True, help="With --at: if that point is not good, restore the nearest one before it."
)
@click.option("--request", metavar="ID", help="Carry out this request, after a second person has approved it.")
@erasures
@click.option("--check", is_flag=True, help="Check whether a restore could reach and write DATABASE_URL.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@database
@store
@common
def restore(as_json: bool, **flags: Any) -> int:
    """Restore a backup into a new database or in place.

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
