"""`litekeep copy`"""

from typing import Any

import click

from shared.terminal.more_flags import CopyFlags
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--to", metavar="URL", help="The other store: gs://BUCKET[/PREFIX] or a folder. [BACKUP_COPY_STORE]")
@click.option("--backup", "ref", metavar="REF", help="Only this backup: an id, latest, or latest-verified.")
@click.option("--missing", is_flag=True, help="Every backup that the other store lacks. This is the default.")
@database
@store
@common
def copy(as_json: bool, **flags: Any) -> int:
    """Bring another store up to date: artifacts, manifests, verdicts, holds and drill reports.

    Existing objects are left unchanged. Each artifact is checked while it is copied. After an interruption, run it
    again.

    \b
    Examples:
      litekeep copy --to /mnt/other/backups
      litekeep copy --to gs://my-backups-eu --backup latest
    """
    from litekeep.copying import run_copy

    settings = settings_with(backup_store=flags["store"])
    with progress_bars(wanted=not as_json) as progress:
        return run_copy(settings, CopyFlags(**flags), as_json=as_json, progress=progress)
