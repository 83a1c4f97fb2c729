"""`litekeep list`"""

import click

from shared.catalog.listing import Backup, Catalog
from shared.clock import utc_now
from shared.model.kinds import Kind
from shared.stores import open_store
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import BAD, GOOD, age, say, say_json, size, table


@click.command(name="list")
@click.option(
    "--kind",
    type=click.Choice(["continuous", "daily", "weekly", "pre-deployment", "on-demand", "milestone"]),
    help="Only backups of this kind.",
)
@database
@store
@common
def list_backups(as_json: bool, kind: str | None, database: str | None, store: str | None) -> None:
    """List the backups in a store, newest first.

    \b
    Examples:
      litekeep list
      litekeep list --kind daily --database app.db
      litekeep list --store gs://my-backups --json
    """
    catalog = Catalog(open_store(settings_with(backup_store=store).backup_store))
    backups = catalog.backups(Kind(kind) if kind else None, database)
    if as_json:
        say_json([backup.to_json() for backup in backups])
    elif not backups:
        say(f"No backups in {catalog.store.url}. Take one: litekeep backup")
    else:
        _draw(backups)


def _draw(backups: list[Backup]) -> None:
    now = utc_now()
    columns = ("", "id", "database", "kind", "age", "size", "rows", "schema", "verified", "kept until")
    rows = [
        (
            GOOD if backup.good else BAD,
            backup.name.id,
            backup.name.database,
            backup.name.kind.value,
            age((now - backup.created_at).total_seconds()),
            size(sum(int(artifact["size_bytes"]) for artifact in backup.summary.get("artifacts", []))),
            str(backup.summary.get("rows", "")),
            str(backup.summary.get("schema_version", "")),
            {True: "yes", False: "NO", None: "not yet"}[backup.verified],
            str(backup.summary.get("keep_until", ""))[:10],
        )
        for backup in backups
    ]
    table(columns, rows, right=frozenset({4, 5, 6}))
    for backup in backups:
        if backup.damaged:
            click.echo(f"{BAD} {backup.damaged}", err=True)
