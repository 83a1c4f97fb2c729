"""`litekeep drill`"""

import click

from shared.errors import UsageError
from shared.terminal.options import common, database, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--now", is_flag=True, help="Run a drill now, on any day.")
@click.option("--full", is_flag=True, help="Run a drill now, with the four scenarios of the quarterly drill.")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="S",
    help="Run only this scenario, now: minor, instance, major, regional, all; may be repeated.",
)
@click.option("--list", "listing", is_flag=True, help="List past drills, and run none.")
@database
@store
@common
def drill(
    as_json: bool,
    now: bool,
    full: bool,
    scenarios: tuple[str, ...],
    listing: bool,
    database: str | None,
    store: str | None,
) -> int:
    """Rehearse recovery from the store, with a report.

    On the first Sunday of a month (UTC), or with --now, restores three backups of each database into scratch
    databases, with only the store and the key: the latest verified one, a random older one, and the latest one in
    BACKUP_COPY_STORE. Checks the results, also with the queries in BACKUP_DRILL_SQL, compares recovery time and age of
    the data with their targets, and stores the report under drills/. Exits with 3 if a backup is not good, with 1 for
    any other finding.

    In January, April, July and October, or with --full, it also runs four scenarios, from the first command to the
    application's checks: damaged pages, restored in place on a copy (minor); a new database on the platform (instance);
    an empty machine with only the store and the key (major); the copy store, a self-hosted file, and back to the
    platform (regional). With DATABASE_URL set, the copy is made from the live database, and new databases are created
    in its project and removed afterwards.

    \b
    Examples:
      litekeep drill --now
      litekeep drill --scenario minor --scenario major
      BACKUP_DRILL_SQL=checks.sql litekeep drill --now --database orders
      litekeep drill --list
    """
    if listing and (now or full or scenarios):
        raise UsageError("--list runs no drill: leave out --now, --full and --scenario")
    from jobs.verify.drill import run_drill, run_list
    from jobs.verify.drill_places import drill_request

    if listing:
        return run_list(store, database, as_json=as_json)
    with progress_bars(wanted=not as_json) as progress:
        asked = drill_request(now=now, full=full, names=scenarios)
        return run_drill(store, database, asked=asked, as_json=as_json, progress=progress)
