"""`litekeep backup`, which is also what the backup job runs."""

from typing import Any

import click

from shared.terminal.flags import BackupFlags
from shared.terminal.options import common, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--name", help="The backup's id instead of backup-YYYY-MM-DD-HHMMSS.")
@click.option(
    "--kind",
    type=click.Choice(["continuous", "daily", "weekly", "pre-deployment", "on-demand", "milestone"]),
    help="Why it is taken; this decides how long it is kept. [on-demand, or the prefix of --name]",
)
@click.option("--format", "formats", multiple=True, type=click.Choice(["sql", "sqlite"]), help="[BACKUP_FORMATS]")
@store
@click.option("--copy-to", metavar="URL", help="A second store for the backup. [BACKUP_COPY_STORE]")
@click.option("--upload-gcs", is_flag=True, help="Copy to the bucket of --bucket or BACKUP_COPY_STORE.")
@click.option("--bucket", metavar="NAME", help="The bucket of --upload-gcs.")
@click.option("--note", metavar="TEXT", help="One line about the backup, shown by litekeep show. It is not encrypted.")
@click.option("--verify", "prove", is_flag=True, help="Verify it by a restore into a scratch database.")
@click.option(
    "--skip-unchanged",
    is_flag=True,
    help="Take none if nothing was written since the last one. [BACKUP_SKIP_UNCHANGED]",
)
@click.option("--allow-corrupt", is_flag=True, help="Back up the pages of a damaged database, marked as not good.")
@common
def backup(as_json: bool, prove: bool, **flags: Any) -> int:
    """Take a backup of DATABASE_URL.

    \b
    Examples:
      litekeep backup
      litekeep backup --name pre-deployment-v1.5.0 --verify
      litekeep backup --kind daily --upload-gcs --bucket my-backups
    """
    from jobs.backup.main import run_backup

    with progress_bars(wanted=not as_json) as progress:
        return run_backup(BackupFlags(**flags), prove=prove, as_json=as_json, progress=progress)
