"""`litekeep native`: SQLite Cloud's own continuous backups."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from shared.terminal.flags import RestoreFlags
from shared.terminal.options import common, settings_with, store
from shared.terminal.screen import progress_bars, say, say_json

if TYPE_CHECKING:
    from shared.sqlitecloud.location import CloudLocation
    from shared.sqlitecloud.native_backups import NativeInventory

_database = click.option("--database", metavar="NAME", help="Another database of that project. [as in DATABASE_URL]")


@click.group()
def native() -> None:
    """Manage SQLite Cloud's own continuous backups: show, enable and restore them.

    The platform stores them next to the database: use them in addition to backups elsewhere.

    \b
    Example:
      litekeep native status
    """


@native.command()
@click.option(
    "--watch", metavar="SECONDS", type=click.IntRange(1, 3600), help="Watch this long whether anything is written."
)
@_database
@common
def status(as_json: bool, watch: int | None, database: str | None) -> int:
    """Show retention, the newest point and its age. Exits with 1 if the newest point is too old while writes go on.

    \b
    Examples:
      litekeep native status
      litekeep native status --watch 60
    """
    from litekeep.native_screen import evaluate, say_state, to_json

    inventory, wrote = watched(_location(database), watch, time.sleep)
    found = evaluate(inventory, wrote=wrote)
    if as_json:
        say_json(to_json(inventory, found, wrote=wrote))
    else:
        say_state(inventory, found, wrote=wrote)
    return 1 if found.problem else 0


@native.command()
@click.option("--retention", default="7d", show_default=True, metavar="LENGTH", help="How far back a restore can go.")
@click.option("--interval", default="24h", show_default=True, metavar="LENGTH", help="Time between full snapshots.")
@click.option("--shorten", is_flag=True, help="Allow a retention below the one in force.")
@_database
@common
def enable(as_json: bool, retention: str, interval: str, shorten: bool, database: str | None) -> None:
    """Enable native backups, or change their retention.

    This also applies pending backup settings of the project's other databases.

    \b
    Example:
      litekeep native enable --retention 168h --interval 24h
    """
    from litekeep.native_screen import evaluate, say_state, to_json
    from shared.sqlitecloud.native_backups import enable as switch_on
    from shared.sqlitecloud.native_backups import given_length
    from shared.terminal.audit import audited
    from shared.terminal.parts import event_log

    kept, every = given_length(retention, "--retention"), given_length(interval, "--interval")
    settings, place = settings_with(), _location(database)
    log = event_log(settings, result_on_stdout=True)
    with audited(log, settings, "enable", place.display, database=place.database, kind="native"):
        inventory = switch_on(place.address, place.database, retention=kept, interval=every, may_shorten=shorten)
    # The platform takes a moment to make its first point, so a missing one is not a problem yet.
    found = replace(evaluate(inventory, wrote=None), problem=None)
    if as_json:
        say_json(to_json(inventory, found, wrote=None))
    else:
        say_state(inventory, found, wrote=None)


@native.command(name="list")
@_database
@common
def list_points(as_json: bool, database: str | None) -> None:
    """List the points that can be restored, newest first.

    \b
    Example:
      litekeep native list
    """
    from litekeep.native_screen import point_json, say_points
    from shared.sqlitecloud.native_backups import read_inventory

    place = _location(database)
    inventory = read_inventory(place.address, place.database)
    if as_json:
        say_json([point_json(point) for point in reversed(inventory.points)])
    elif inventory.points:
        say_points(inventory.points)
    else:
        why = f" ({inventory.refusal})" if inventory.refusal else ""
        say(f"No native backups of {place.database}{why}. Enable them: litekeep native enable")


@native.command()
@click.option("--at", metavar="TIME", required=True, help="The moment to restore (UTC unless it has an offset).")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@_database
@store
@common
def restore(as_json: bool, **flags: Any) -> int:
    """Restore the database to a moment, in place, after a safety backup of it.

    Stop the application first. In production this is refused: use litekeep restore --at --to.

    \b
    Examples:
      litekeep native restore --at 2024-01-15T12:00:00Z --dry-run
      litekeep native restore --at 2024-01-15T12:00:00Z
    """
    from jobs.restore.run_native import run_native

    with progress_bars(wanted=not as_json) as progress:
        return run_native(RestoreFlags(**flags), as_json=as_json, progress=progress)


def watched(
    place: "CloudLocation", seconds: int | None, pause: Callable[[float], None]
) -> tuple["NativeInventory", bool | None]:
    """Returns the native backups, and whether anything was written within `seconds`; None without `seconds`."""
    from shared.sqlitecloud.native_backups import read_inventory
    from shared.sqlitecloud.native_findings import wrote_between

    first = read_inventory(place.address, place.database)
    if seconds is None:
        return first, None
    pause(seconds)
    second = read_inventory(place.address, place.database)
    return second, wrote_between(first.writes, second.writes)


def _location(database: str | None) -> "CloudLocation":
    from jobs.restore.run_native import cloud_source

    return cloud_source(settings_with(), database)
