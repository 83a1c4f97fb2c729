"""`litekeep hold`"""

import os
import pwd

import click

from shared.terminal.options import common, database, store
from shared.terminal.screen import say, say_json


@click.command()
@click.argument("backup_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in a line: whoever wants to delete it reads it.")
@database
@store
@common
def hold(as_json: bool, backup_id: str, reason: str, database: str | None, store: str | None) -> None:
    """Keep a backup whatever its age, until it is released.

    In a bucket, its objects are held by Cloud Storage too.

    \b
    Example:
      litekeep hold backup-2024-01-15-000000 --reason "evidence for incident 42"
    """
    from shared import holds  # noqa: PLC0415 - `--help` must not wait for these
    from shared.stores import open_store  # noqa: PLC0415
    from shared.terminal.options import settings_with  # noqa: PLC0415

    place = open_store(settings_with(backup_store=store).backup_store)
    made = holds.hold(place, backup_id, reason, _user(), database=database)
    if as_json:
        say_json(made.to_json() | {"held": True})
        return
    say(f"Held {made.backup.id} of {made.backup.database}: {made.reason}")
    say(f"Release it: litekeep release {made.backup.id}")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user id {os.getuid()}"
