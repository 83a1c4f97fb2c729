"""`litekeep list`"""

from typing import NamedTuple

import click

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.catalog.verdicts import Trust
from shared.clock import utc_now
from shared.model.kinds import Kind
from shared.model.names import SAFETY_PREFIX
from shared.stores import open_store
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import BAD, GOOD, say, say_json, table
from shared.text import age, count, moment, printable, size

_FOLDED = 2  # a chain of at least this many points is shown as one line
_SHORT = 12  # characters of a schema version
_DROPPABLE = ("schema", "rows", "size", "database", "kept until", "kind", "age")


@click.command(name="list")
@click.option(
    "--kind",
    type=click.Choice(["continuous", "daily", "weekly", "pre-deployment", "on-demand", "milestone"]),
    help="Only backups of this kind.",
)
@click.option("--held", is_flag=True, help="Only held backups, with who holds them and why.")
@click.option("--wide", is_flag=True, help="Every column in full, at any width of the terminal.")
@database
@store
@common
def list_backups(
    as_json: bool, kind: str | None, held: bool, wide: bool, database: str | None, store: str | None
) -> None:
    """List the backups in a store, newest first.

    The points of a continuous chain are shown as one line per database; --kind continuous lists them all.

    \b
    Examples:
      litekeep list
      litekeep list --held
      litekeep list --kind continuous
      litekeep list --kind daily --database app.db
      litekeep list --store gs://my-backups --json
    """
    catalog = Catalog(open_store(settings_with(backup_store=store).backup_store))
    backups = catalog.backups(Kind(kind) if kind else None, database)
    if held:
        backups = [backup for backup in backups if backup.hold]
    if as_json:
        say_json(backup.to_json() for backup in backups)
    elif not backups and held:
        say(f"No held backups in {catalog.store.url}. Hold one: litekeep hold ID --reason WHY")
    elif not backups:
        say(f"No backups in {catalog.store.url}. Take one: litekeep backup")
    else:
        _draw(backups, wide=wide, folded=kind is None and not held)


def _draw(backups: list[Backup], *, wide: bool, folded: bool) -> None:
    now, lines = (
        utc_now(),
        fold(backups) if folded else [ListLine(backup, backup.name.id, backup.stored_bytes) for backup in backups],
    )
    columns = ("", "id", "database", "kind", "age", "size", "rows", "schema", "verified", "kept until")
    rows = [
        (
            GOOD if backup.good else BAD,
            label,
            backup.name.database,
            backup.name.kind.value,
            age((now - backup.created_at).total_seconds()),
            size(stored),
            "" if backup.rows is None else str(backup.rows),
            _schema_version(backup, wide=wide),
            {True: "yes", False: "NO", None: "not yet"}[backup.verified],
            "held" if backup.hold else f"{backup.keep_until:%Y-%m-%d}" if backup.keep_until else "",
        )
        for backup, label, stored in lines
    ]
    table(columns, rows, right=frozenset({4, 5, 6}), droppable=_DROPPABLE, wide=wide, all_columns="--wide, --json")
    for backup in backups:
        if backup.hold:
            since = f" since {moment(backup.hold.held_at)}" if backup.hold.held_at else ""
            say(f"{backup.name.id} is held by {backup.hold.held_by}{since}: {backup.hold.reason}")
    if any(backup.name.id.startswith(SAFETY_PREFIX) for backup in backups):
        say(f"{SAFETY_PREFIX}…: safety backups; latest, latest-verified and --at skip them")
    if any(backup.trust is Trust.UNCHECKED for backup in backups):
        say("verified: as recorded, seals not checked here; litekeep status and verify check them")
    for backup in [line.backup for line in lines]:
        if backup.doubt:
            doubt = f"{backup.name.id}: a verdict on it counts for nothing, {backup.doubt}"
            click.echo(f"{BAD} {printable(doubt)}", err=True)
        if backup.wrong:
            click.echo(f"{BAD} {printable(backup.name.id)}: {printable(backup.wrong)}", err=True)


class ListLine(NamedTuple):
    """A row: a backup with its id and stored bytes, or the newest point of a chain with those of the whole chain."""

    backup: Backup
    label: str
    stored_bytes: int


def fold(backups: list[Backup]) -> list[ListLine]:
    """Returns a line for each backup, and one for all good points of a database in place of the newest."""
    points: dict[str, list[Backup]] = {}
    for backup in backups:
        if backup.name.kind is Kind.CONTINUOUS and backup.good:
            points.setdefault(backup.name.database, []).append(backup)
    lines = []
    for backup in backups:
        own = points.get(backup.name.database, [])
        if backup.name.kind is not Kind.CONTINUOUS or len(own) < _FOLDED or not backup.good:
            lines.append(ListLine(backup, backup.name.id, backup.stored_bytes))
        elif backup is own[0]:
            stored = sum(point.stored_bytes for point in own)
            lines.append(ListLine(backup, f"{backup.name.id} + {count(len(own) - 1, 'point')}", stored))
    return lines


def _schema_version(backup: Backup, *, wide: bool) -> str:
    """Returns the schema version, shortened unless `wide`: the first digits of a migration hash are enough."""
    version = backup.schema_version or ""
    return version if wide or len(version) <= _SHORT else f"{version[: _SHORT - 1]}…"
