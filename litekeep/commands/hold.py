"""`litekeep hold`"""

from typing import TYPE_CHECKING

import click

from shared.terminal.options import common, database, store
from shared.terminal.screen import say, say_json

if TYPE_CHECKING:
    from shared.settings import Settings
    from shared.stores import Store


@click.command()
@click.argument("ref", metavar="REF")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in a line: whoever wants to delete it reads it.")
@database
@store
@common
def hold(as_json: bool, ref: str, reason: str, database: str | None, store: str | None) -> None:
    """Keep a backup whatever its age, until it is released.

    In a bucket, its objects are held by Cloud Storage too.

    \b
    Examples:
      litekeep hold latest-verified --reason "before the migration"
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
    with audited(log, settings, "hold", place.url, database=database, backup_id=ref, reason=reason) as deed:
        backup_id, database = _meant(ref, database, place, settings)
        deed.backup_id = backup_id
        made = holds.hold(place, backup_id, reason, actor_of(settings), database=database)
        deed.database, deed.kind = made.backup.database, made.backup.kind
        fields = {"database": deed.database, "backup_id": backup_id, "kind": deed.kind, "reason": made.reason}
        log.emit(Event.HOLD_PLACED, f"{backup_id} of {deed.database} is held: {made.reason}", fields)
    if as_json:
        say_json(made.to_json() | {"held": True})
        return
    say(f"Held {made.backup.id} of {made.backup.database}: {made.reason}")
    say(f"Release it: litekeep release {made.backup.id}")


def _meant(ref: str, database: str | None, place: "Store", settings: "Settings") -> "tuple[str, str | None]":
    """Returns the id that REF means, and its database where REF says it; a damaged backup can be held too."""
    from shared.catalog.listing import LATEST, LATEST_VERIFIED, Catalog, id_in
    from shared.model import names
    from shared.terminal.parts import database_of

    if ref in (LATEST, LATEST_VERIFIED):
        found = Catalog(place).find(ref, database or database_of(settings)).name
        return found.id, found.database
    whole = names.parse("/".join(ref.split("/")[-3:]))
    return id_in(ref), database or (whole.backup.database if whole else None)
