"""`litekeep hold`"""

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
    from shared.catalog import holds
    from shared.events.log import Event
    from shared.stores import open_store
    from shared.terminal.audit import audited
    from shared.terminal.identity import actor_of
    from shared.terminal.options import settings_with
    from shared.terminal.parts import event_log

    settings = settings_with(backup_store=store)
    log, place = event_log(settings, result_on_stdout=as_json), open_store(settings.backup_store)
    named = {"database": database, "backup_id": backup_id, "reason": reason}
    with audited(log, settings, "hold", place.url, **named) as deed:
        made = holds.hold(place, backup_id, reason, actor_of(settings), database=database)
        deed.database, deed.kind = made.backup.database, made.backup.kind
        fields = {"database": deed.database, "backup_id": backup_id, "kind": deed.kind, "reason": made.reason}
        log.emit(Event.HOLD_PLACED, f"{backup_id} of {deed.database} is held: {made.reason}", fields)
    if as_json:
        say_json(made.to_json() | {"held": True})
        return
    say(f"Held {made.backup.id} of {made.backup.database}: {made.reason}")
    say(f"Release it: litekeep release {made.backup.id}")
