"""`litekeep rekey`"""

from typing import Any

import click

from shared.model.kinds import Kind
from shared.terminal.more_flags import RekeyFlags
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--to", "to", required=True, metavar="KEY", help="The new key: gcp-kms://… or file:PATH.")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Only backups of this kind.")
@click.option("--dry-run", is_flag=True, help="Open each backup with the old key, and write nothing.")
@database
@store
@common
def rekey(as_json: bool, **flags: Any) -> int:
    """Wrap the data keys of all backups with another key, so that either key opens them.

    BACKUP_KEY is the old key. Manifests and artifacts stay unchanged: each backup gets an additional object, which is
    read back and unwrapped to check it. The copy store is re-wrapped too. Backups that the new key already opens are
    skipped, so run it again after an interruption. For a rotated Cloud KMS key, --to names the same key: backups are
    then wrapped by its newest version.

    \b
    Examples:
      litekeep keygen /etc/litekeep/new.key
      litekeep rekey --to file:/etc/litekeep/new.key --dry-run
      litekeep rekey --to gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/backups
    """
    from litekeep.rekeying import run_rekey

    settings = settings_with(backup_store=flags["store"])
    with progress_bars(wanted=not as_json) as progress:
        return run_rekey(settings, RekeyFlags(**flags), as_json=as_json, progress=progress)
