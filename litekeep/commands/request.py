"""`litekeep request`"""

from typing import Any

import click

from shared.terminal.options import common, database, settings_with, store

_reason = click.option("--reason", required=True, metavar="TEXT", help="Why, in a line: whoever decides reads it.")


@click.group()
def request() -> None:
    """Ask for what needs two persons by the policy. BACKUP_SIGNING_KEY signs in your name."""


@request.command()
@click.option("--backup", "ref", metavar="REF", help="An id, an artifact's file name, latest, or latest-verified.")
@click.option("--at", metavar="TIME", help="The newest backup taken at or before that time (UTC unless it says so).")
@click.option("--to", metavar="URL", help="A new database. [beside the source, named after the backup]")
@click.option("--in-place", is_flag=True, help="Over the source, after a safety backup of what is there.")
@click.option("--verify", "prove", is_flag=True, help="The whole proof before it goes into place, not the quick one.")
@click.option("--schema-only", is_flag=True, help="Tables, indexes, views and triggers without rows.")
@click.option("--table", "tables", multiple=True, metavar="T", help="Only this table; may be given again.")
@click.option("--upload-replace", is_flag=True, help="In place on SQLite Cloud in one step.")
@click.option("--native", is_flag=True, help="By SQLite Cloud's own backups, in place, to the moment that --at names.")
@_reason
@database
@store
@common
def restore(as_json: bool, reason: str, **flags: Any) -> int:
    """Ask for a restore: another person approves it, and `litekeep restore --request ID` carries it out, once.

    \b
    Examples:
      litekeep request restore --backup latest-verified --in-place --reason "orders lost at 10:40, ticket 4711"
      litekeep request restore --at 2024-01-15T12:00:00Z --to /srv/app/old.db --reason "to compare"
    """
    from litekeep.requesting import request_restore  # noqa: PLC0415 - `--help` must not wait for it

    settings = settings_with(backup_store=flags["store"])
    return request_restore(settings, flags, reason, as_json=as_json)
