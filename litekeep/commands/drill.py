"""`litekeep drill`"""

import click

from shared.errors import UsageError
from shared.terminal.options import common, database, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--now", is_flag=True, help="Hold a drill whatever day it is.")
@click.option("--full", is_flag=True, help="Now, and with the four scenarios, as each quarter.")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="S",
    help="Play only this one, now: minor, instance, major, regional, all; may be given again.",
)
@click.option("--list", "listing", is_flag=True, help="Show past drills, and hold none.")
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
    """Rehearse recovery from what the store holds, with a report.

    On the first Sunday of a month (UTC), or with --now: restores the latest verified backup of each database, an
    older one by chance, and the latest from BACKUP_COPY_STORE, with nothing but the store and the key, into scratch
    databases. Checks them, also by the queries in BACKUP_DRILL_SQL; holds recovery time and age of the data to their
    targets; stores the report under drills/. Exits with 3 if a backup is not good, 1 if anything else was found.

    In January, April, July and October, or with --full, four scenarios are played from the first command to the
    application's checks: damaged pages, restored in place on a copy (minor); a new database on the platform (instance);
    an empty machine with store and key alone (major); the copy store, a self-hosted file and the way back (regional).
    With DATABASE_URL set, the copy is one of the live database, and new databases go on its project and are removed.

    \b
    Examples:
      litekeep drill --now
      litekeep drill --scenario minor --scenario major
      BACKUP_DRILL_SQL=checks.sql litekeep drill --now --database orders
      litekeep drill --list
    """
    if listing and (now or full or scenarios):
        raise UsageError("--list holds no drill: leave --now, --full and --scenario out")
    from jobs.verify.drill import run_drill, run_list
    from jobs.verify.drill_places import asked_for

    if listing:
        return run_list(store, database, as_json=as_json)
    with progress_bars(wanted=not as_json) as progress:
        asked = asked_for(now=now, full=full, names=scenarios)
        return run_drill(store, database, asked=asked, as_json=as_json, progress=progress)
