"""`litekeep verify`, which is also what the verify job runs, and with `--drill` the drill job."""

from typing import Any

import click

from shared.errors import UsageError
from shared.terminal.flags import VerifyFlags
from shared.terminal.options import common, database, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--backup", "ref", metavar="REF", help="An id, an artifact's file name, latest, or latest-verified.")
@click.option("--all", "every", is_flag=True, help="Every backup in the store, newest first.")
@click.option("--since", metavar="24h", help="Every backup taken since then: 24h, 7d, or a time.")
@click.option("--again", is_flag=True, help="With --all or --since: also those that were good before.")
@click.option("--file", "file", metavar="F", type=click.Path(), help="A .sql, .sql.gz, .sqlite or .sqlite.zst file.")
@click.option("--drill", is_flag=True, hidden=True)
@click.option("--now", is_flag=True, hidden=True)
@click.option("--full", is_flag=True, hidden=True)
@click.option("--scenario", "scenarios", multiple=True, hidden=True)
@database
@store
@common
def verify(as_json: bool, drill: bool, now: bool, **flags: Any) -> int:
    """Verify backups by restoring them into a scratch database.

    Without a flag, verifies the latest backup of DATABASE_URL. In a store of several databases, --backup latest and
    latest-verified mean the newest of each, unless --database names one. Exits with 3 if one is not good, and with 1
    if one could not be verified. Cloud Run tasks share the backups of --all and --since.

    \b
    Examples:
      litekeep verify
      litekeep verify --backup backup-2024-01-15-000000
      litekeep verify --since 24h
      litekeep verify --all --again
    """
    full, scenarios = flags.pop("full"), flags.pop("scenarios")
    if (now or full or scenarios) and not drill:
        raise UsageError("--now, --full and --scenario need --drill")
    if drill and any(flags[name] for name in ("ref", "every", "since", "again", "file")):
        raise UsageError("--drill chooses its own backups: leave out --backup, --all, --since, --again and --file")
    with progress_bars(wanted=not as_json) as progress:
        if drill:
            from jobs.verify.drill import run_drill
            from jobs.verify.drill_places import drill_request

            asked = drill_request(now=now, full=full, names=scenarios)
            return run_drill(flags["store"], flags["database"], asked=asked, as_json=as_json, progress=progress)
        from jobs.verify.main import run_verify

        return run_verify(VerifyFlags(**flags), as_json=as_json, progress=progress)
