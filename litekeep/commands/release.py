"""`litekeep release`"""

import click

from shared.terminal.options import common, database, store
from shared.terminal.screen import say, say_json


@click.command()
@click.argument("backup_id", metavar="ID")
@database
@store
@common
def release(as_json: bool, backup_id: str, database: str | None, store: str | None) -> None:
    """End the hold of a backup: from now on its age decides again.

    \b
    Example:
      litekeep release backup-2024-01-15-000000
    """
    from shared import holds  # noqa: PLC0415 - `--help` must not wait for these
    from shared.stores import open_store  # noqa: PLC0415
    from shared.terminal.options import settings_with  # noqa: PLC0415

    place = open_store(settings_with(backup_store=store).backup_store)
    ended = holds.release(place, backup_id, database=database)
    if as_json:
        say_json(ended.to_json() | {"held": False})
        return
    say(f"Released {ended.backup.id} of {ended.backup.database}, held by {ended.held_by}: {ended.reason}")
