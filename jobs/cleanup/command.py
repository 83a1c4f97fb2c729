"""`litekeep cleanup`, which is also what the cleanup job runs."""

import click

from shared.terminal.options import common, database, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--dry-run", is_flag=True, help="Show what would go and why, and what stays; delete nothing.")
@click.option(
    "--force",
    is_flag=True,
    help="Also delete more than half of a database's backups, or by shorter rules than the last cleanup.",
)
@click.option("--request", metavar="ID", help="--force as that request asks, once a second person has approved it.")
@database
@store
@common
def cleanup(
    as_json: bool, dry_run: bool, force: bool, request: str | None, database: str | None, store: str | None
) -> int:
    """Delete the backups whose time is over.

    Always kept: the newest verified backup of each database, its last good ones (BACKUP_MIN_KEEP), held ones, and
    everything while newer backups are failing or unverified. The copy store (BACKUP_COPY_STORE) is cleaned
    by the same rules: a hold in either store protects in both, and a copy stays at least as long as its backup. Exits
    with 1 when something needs attention; in a Cloud Run job only when something failed, and events say the rest.
    Rules that delete sooner than those of the last cleanup are refused until a dry run has shown what would go.

    \b
    Examples:
      litekeep cleanup --dry-run
      litekeep cleanup
      BACKUP_RETENTION=daily=60d litekeep cleanup --dry-run --json
    """
    from jobs.cleanup.main import CleanupFlags, run_cleanup

    with progress_bars(wanted=not as_json) as progress:
        wanted = CleanupFlags(database, dry_run=dry_run, force=force, request=request)
        return run_cleanup(store, wanted, as_json=as_json, progress=progress)
