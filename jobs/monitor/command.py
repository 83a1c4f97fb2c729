"""`litekeep monitor`, which is also what the monitor job runs."""

import click

from shared.terminal.options import common, database, store


@click.command()
@database
@store
@common
def monitor(as_json: bool, database: str | None, store: str | None) -> int:
    """Check the stores, and emit an event for each finding. This is what the hourly job runs.

    Checks ages, sizes, rows, verifications, drills and the copy store, and tries the key and the stores. Exits with 1
    if anything needs attention; in a Cloud Run job only if something could not be checked, and events report the
    findings.

    \b
    Examples:
      litekeep monitor
      BACKUP_SCHEDULES='daily=0 0 * * *' litekeep monitor --json
    """
    from jobs.monitor.main import run_monitor

    return run_monitor(store, database, as_json=as_json)
