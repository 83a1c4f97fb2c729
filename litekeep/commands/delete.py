"""`litekeep delete`"""

import click

from shared.terminal.options import common, database, settings_with, store


@click.command()
@click.argument("backup_id", metavar="[ID]", required=False)
@click.option("--reason", metavar="TEXT", help="Why, in one line, for the audit trail.")
@click.option("--force", is_flag=True, help="Even if it is the last good backup of its database.")
@click.option("--request", metavar="ID", help="Carry out this request, after a second person has approved it.")
@database
@store
@common
def delete(
    as_json: bool,
    backup_id: str | None,
    reason: str | None,
    force: bool,
    request: str | None,
    database: str | None,
    store: str | None,
) -> None:
    """Delete one backup before its retention ends. A held backup is never deleted.

    \b
    Examples:
      litekeep delete backup-2024-01-15-000000 --reason "taken of the wrong database"
      litekeep delete --request 20240115T120000Z-k3v9q2mx
    """
    from litekeep.deleting import delete_alone, delete_requested
    from shared.errors import UsageError

    if request is not None:
        if backup_id or reason or force or database:
            raise UsageError("--request defines the whole deletion: only --store goes with it")
        delete_requested(settings_with(backup_store=store), request, as_json=as_json)
    elif backup_id is None or reason is None:
        raise UsageError(f"{'ID' if backup_id is None else '--reason'} is missing; see: litekeep delete --help")
    else:
        settings = settings_with(backup_store=store)
        delete_alone(settings, backup_id, reason, database, force=force, as_json=as_json)
