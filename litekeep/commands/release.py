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
    from shared.catalog import holds
    from shared.events.log import Event
    from shared.stores import open_store
    from shared.terminal.audit import audited
    from shared.terminal.options import settings_with
    from shared.terminal.parts import event_log

    settings = settings_with(backup_store=store)
    log, place = event_log(settings, result_on_stdout=as_json), open_store(settings.backup_store)
    with audited(log, settings, "release", place.url, database=database, backup_id=backup_id) as deed:
        ended = holds.release(place, backup_id, database=database)
        deed.database, deed.kind = ended.backup.database, ended.backup.kind
        deed.reason = f"was held by {ended.held_by}: {ended.reason}"
        fields = {"database": deed.database, "backup_id": backup_id, "kind": deed.kind, "reason": deed.reason}
        log.emit(Event.HOLD_RELEASED, f"{backup_id} of {deed.database} is released; it {deed.reason}", fields)
    if as_json:
        say_json(ended.to_json() | {"held": False})
        return
    say(f"Released {ended.backup.id} of {ended.backup.database}, held by {ended.held_by}: {ended.reason}")
