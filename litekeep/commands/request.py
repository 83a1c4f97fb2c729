"""`litekeep request`"""

from pathlib import Path
from typing import Any

import click

from shared.terminal.flags import RestoreFlags
from shared.terminal.more_flags import RowsFlags
from shared.terminal.options import common, database, erasures, settings_with, store, what_and_where

_reason = click.option("--reason", required=True, metavar="TEXT", help="Why, in one line, for the person who decides.")


@click.group()
def request() -> None:
    """Request an operation that needs two persons by the policy. BACKUP_SIGNING_KEY signs in your name.

    \b
    Example:
      litekeep request delete backup-2024-01-15-000000 --reason "taken of the wrong database"
    """


@request.command()
@what_and_where
@click.option("--upload-replace", is_flag=True, help="In place on SQLite Cloud in one step.")
@click.option("--native", is_flag=True, help="Restore SQLite Cloud's own backup of the moment of --at, in place.")
@_reason
@erasures
@database
@store
@common
def restore(as_json: bool, reason: str, **flags: Any) -> int:
    """Request a restore. Once another person has approved it, `litekeep restore --request ID` carries it out, once.

    \b
    Examples:
      litekeep request restore --backup latest-verified --in-place --reason "orders lost at 10:40, ticket 4711"
      litekeep request restore --at 2024-01-15T12:00:00Z --to /srv/app/old.db --reason "to compare"
    """
    from litekeep.requesting import request_restore

    settings = settings_with(backup_store=flags["store"])
    return request_restore(settings, RestoreFlags(**flags), reason, as_json=as_json)


@request.command()
@click.option("--from", "ref", metavar="REF", help="The backup: an id, latest, or latest-verified.")
@click.option("--at", metavar="TIME", help="Instead of --from: the newest good backup at or before that time.")
@click.option("--table", required=True, metavar="T", help="The table to restore rows of.")
@click.option("--where", metavar="SQL", help="Only the rows that meet this condition; it is stored in the request.")
@click.option("--keys", metavar="FILE", type=click.Path(path_type=Path), help="Only the rows with these keys.")
@click.option("--to", metavar="URL", help="The live database. [DATABASE_URL]")
@click.option("--triggers", type=click.Choice(["on", "off"]), default="off", help="Whether triggers fire.")
@_reason
@database
@store
@common
def rows(as_json: bool, reason: str, **flags: Any) -> int:
    """Request rows of a table. Once approved, `litekeep rows restore --request ID` carries it out, once.

    \b
    Example:
      litekeep request rows --from latest --table orders --where "day = '2024-01-15'" --reason "ticket 4711"
    """
    from litekeep.requesting import request_rows

    return request_rows(settings_with(backup_store=flags["store"]), RowsFlags(**flags), reason, as_json=as_json)


@request.command()
@click.argument("backup_id", metavar="ID")
@click.option("--force", is_flag=True, help="Even if it is the last good backup of its database.")
@_reason
@database
@store
@common
def delete(as_json: bool, backup_id: str, force: bool, reason: str, database: str | None, store: str | None) -> int:
    """Request the deletion of a backup. Once approved, `litekeep delete --request ID` carries it out.

    \b
    Example:
      litekeep request delete backup-2024-01-15-000000 --reason "taken of the wrong database"
    """
    from litekeep.requesting import request_delete

    settings = settings_with(backup_store=store)
    return request_delete(settings, backup_id, database, reason, force=force, as_json=as_json)


@request.command()
@_reason
@database
@store
@common
def cleanup(as_json: bool, reason: str, database: str | None, store: str | None) -> int:
    """Request a cleanup --force by the current rules. Once approved, `litekeep cleanup --request ID` carries it out.

    \b
    Example:
      litekeep request cleanup --reason "retention cut to 30 days, see the decision of 12 January"
    """
    from litekeep.requesting import request_cleanup

    return request_cleanup(settings_with(backup_store=store), database, reason, as_json=as_json)
