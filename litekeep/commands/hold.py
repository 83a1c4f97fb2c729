"""`litekeep hold` and `litekeep release`"""

from typing import TYPE_CHECKING

import click

from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import say, say_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.catalog.holds import Hold
    from shared.settings import Settings
    from shared.stores import Store
    from shared.terminal.audit import Operation


@click.command()
@click.argument("ref", metavar="REF")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why, in one line; shown to anyone who tries to delete it."
)
@database
@store
@common
def hold(as_json: bool, ref: str, reason: str, database: str | None, store: str | None) -> None:
    """Keep a backup at any age, until it is released.

    In a bucket, Cloud Storage holds its objects too.

    \b
    Examples:
      litekeep hold latest-verified --reason "before the migration"
      litekeep hold backup-2024-01-15-000000 --reason "evidence for incident 42"
    """
    from shared.catalog import holds
    from shared.terminal.identity import actor_of

    settings = settings_with(backup_store=store)

    def place_hold(place: "Store", operation: "Operation") -> "Hold":
        backup_id, own_database = _resolve(ref, database, place, settings)
        operation.backup_id = backup_id
        return holds.hold(place, backup_id, reason, actor_of(settings), database=own_database)

    made = _audited("hold", settings, ref, database, reason, place_hold, as_json=as_json)
    if as_json:
        say_json(made.to_json() | {"held": True})
        return
    say(f"Held {made.backup.id} of {made.backup.database}: {made.reason}")
    say(f"Release it: litekeep release {made.backup.id}")


@click.command()
@click.argument("backup_id", metavar="ID")
@database
@store
@common
def release(as_json: bool, backup_id: str, database: str | None, store: str | None) -> None:
    """End the hold of a backup: retention applies to it again.

    \b
    Example:
      litekeep release backup-2024-01-15-000000
    """
    from shared.catalog import holds

    settings = settings_with(backup_store=store)

    def end_hold(place: "Store", _: "Operation") -> "Hold":
        return holds.release(place, backup_id, database=database)

    ended = _audited("release", settings, backup_id, database, None, end_hold, as_json=as_json)
    if as_json:
        say_json(ended.to_json() | {"held": False})
        return
    say(f"Released {ended.backup.id} of {ended.backup.database}, held by {ended.held_by}: {ended.reason}")


def _audited(
    action: str,
    settings: "Settings",
    backup_id: str,
    database: str | None,
    reason: str | None,
    act: "Callable[[Store, Operation], Hold]",
    *,
    as_json: bool,
) -> "Hold":
    """Runs `act` on the store, and writes its audit event and the event of the hold. Returns what `act` returns."""
    from shared.events.log import Event
    from shared.stores import open_store
    from shared.terminal.audit import audited
    from shared.terminal.parts import event_log

    log, place = event_log(settings, result_on_stdout=as_json), open_store(settings.backup_store)
    with audited(log, settings, action, place.url, database=database, backup_id=backup_id, reason=reason) as operation:
        found = act(place, operation)
        operation.database, operation.kind = found.backup.database, found.backup.kind
        about = f"{operation.backup_id} of {operation.database}"
        if reason is None:
            operation.reason = f"was held by {found.held_by}: {found.reason}"
            operation.emit(
                Event.HOLD_RELEASED, f"{about} is released; it {operation.reason}", {"reason": operation.reason}
            )
        else:
            operation.emit(Event.HOLD_PLACED, f"{about} is held: {found.reason}", {"reason": found.reason})
    return found


def _resolve(ref: str, database: str | None, place: "Store", settings: "Settings") -> "tuple[str, str | None]":
    """Resolves REF to a backup id, and its database if REF names it. It finds damaged backups too: they can be held."""
    from shared.catalog.listing import LATEST, LATEST_VERIFIED, Catalog, id_in
    from shared.model import names
    from shared.terminal.parts import database_of

    if ref in (LATEST, LATEST_VERIFIED):
        found = Catalog(place).find(ref, database or database_of(settings)).name
        return found.id, found.database
    whole = names.parse("/".join(ref.split("/")[-3:]))
    return id_in(ref), database or (whole.backup.database if whole else None)
