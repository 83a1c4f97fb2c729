"""`litekeep drill`"""

import click

from shared.errors import UsageError
from shared.terminal.options import common, database, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--now", is_flag=True, help="Hold a drill whatever day it is.")
@click.option("--list", "listing", is_flag=True, help="Show past drills, and hold none.")
@database
@store
@common
def drill(as_json: bool, now: bool, listing: bool, database: str | None, store: str | None) -> int:
    """Rehearse recovery from what the store holds, with a report.

    On the first Sunday of a month (UTC), or with --now: restores the latest verified backup of each database, an
    older one by chance, and the latest from BACKUP_COPY_STORE, with nothing but the store and the key, into scratch
    databases. Checks them, also by the queries in BACKUP_DRILL_SQL; holds recovery time and age of the data to their
    targets; stores the report under drills/. Exits with 3 if a backup is not good, 1 if anything else was found.

    \b
    Examples:
      litekeep drill --now
      BACKUP_DRILL_SQL=checks.sql litekeep drill --now --database orders
      litekeep drill --list
    """
    if now and listing:
        raise UsageError("--now and --list exclude each other: give one")
    from jobs.verify.drill import run_drill, run_list  # noqa: PLC0415 - `--help` must not wait for it

    if listing:
        return run_list(store, database, as_json=as_json)
    with progress_bars(wanted=not as_json) as progress:
        return run_drill(store, database, now=now, as_json=as_json, progress=progress)
