"""`litekeep monitor`, which is also what the monitor job runs."""

import click

from shared.terminal.options import common, database, store


@click.command()
@database
@store
@common
def monitor(as_json: bool, database: str | None, store: str | None) -> int:
    """Look for what is missing, and write an event for each finding: what the hourly job does.

    Judges by what the stores hold: ages, sizes, rows, verifications, drills, the copy; and tries key and stores.
    Exits with 1 when anything needs attention. In a Cloud Run job it is the events that say so, and the exit code
    only whether it could look at everything.

    \b
    Examples:
      litekeep monitor
      BACKUP_SCHEDULES='daily=0 0 * * *' litekeep monitor --json
    """
    from jobs.monitor.main import run_monitor

    return run_monitor(store, database, as_json=as_json)
