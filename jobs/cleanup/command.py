"""`litekeep cleanup`, which is also what the cleanup job runs."""

import click

from shared.terminal.options import common, database, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--dry-run", is_flag=True, help="Show what would be deleted or kept, and why; delete nothing.")
@click.option(
    "--force",
    is_flag=True,
    help="Also delete more than half of a database's backups, or by shorter rules than the last cleanup.",
)
@click.option(
    "--request", metavar="ID", help="Carry out this request for --force, after a second person has approved it."
)
@database
@store
@common
def cleanup(
    as_json: bool, dry_run: bool, force: bool, request: str | None, database: str | None, store: str | None
) -> int:
    """Delete backups whose retention has ended.

    Always kept: the newest verified backup of each database, its last good ones (BACKUP_MIN_KEEP), held ones, and
    all backups while newer ones are failing or unverified. The copy store (BACKUP_COPY_STORE) is cleaned by the same
    rules: a hold in either store protects both copies, and a copy is kept at least as long as its backup.

    Rules that delete sooner than those of the last cleanup are refused until a dry run has shown their effect. Exits
    with 1 if something needs attention; in a Cloud Run job only if something failed, and events report the rest.

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
