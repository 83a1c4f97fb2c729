"""`litekeep delete`"""

import click

from shared.terminal.options import common, database, store
from shared.terminal.screen import say, say_json, size


@click.command()
@click.argument("backup_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in a line: it goes into the audit trail.")
@click.option("--force", is_flag=True, help="Even if it is the last good backup of its database.")
@database
@store
@common
def delete(as_json: bool, backup_id: str, reason: str, force: bool, database: str | None, store: str | None) -> None:
    """Delete one backup before its time. A held one is never deleted.

    \b
    Example:
      litekeep delete backup-2024-01-15-000000 --reason "taken of the wrong database"
    """
    from shared.retention.removal import delete_backup  # noqa: PLC0415 - `--help` must not wait for these
    from shared.stores import open_store  # noqa: PLC0415
    from shared.terminal.audit import audited  # noqa: PLC0415
    from shared.terminal.options import settings_with  # noqa: PLC0415
    from shared.terminal.parts import event_log  # noqa: PLC0415

    settings = settings_with(backup_store=store)
    log, place = event_log(settings, result_on_stdout=as_json), open_store(settings.backup_store)
    with audited(log, settings, "delete", place.url, database=database, backup_id=backup_id, reason=reason) as deed:
        gone = delete_backup(place, backup_id, database=database, force=force)
        deed.database, deed.kind, deed.backup_id = gone.backup.database, gone.backup.kind, gone.backup.id
    if as_json:
        name = gone.backup
        say_json({"id": name.id, "database": name.database, "kind": name.kind.value, "freed_bytes": gone.size_bytes})
        return
    say(f"Deleted {gone.backup.id} of {gone.backup.database}: {gone.objects} objects, {size(gone.size_bytes)}")
