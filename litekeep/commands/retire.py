"""`litekeep retire`"""

import click

from shared.terminal.options import common, store
from shared.terminal.screen import say, say_json


@click.command()
@click.option("--database", required=True, metavar="NAME", help="The database that no longer exists.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in one line, for the audit trail.")
@store
@common
def retire(as_json: bool, database: str, reason: str, store: str | None) -> None:
    """Retire a database that no longer exists: its backups are deleted when their retention ends, without alerts.

    A later backup of it ends the retirement.

    \b
    Example:
      litekeep retire --database old.db --reason "merged into app.db"
    """
    from shared.events.log import Event
    from shared.retention.retired import retire as record
    from shared.stores import open_store
    from shared.terminal.audit import audited
    from shared.terminal.identity import actor_of
    from shared.terminal.options import settings_with
    from shared.terminal.parts import event_log

    settings = settings_with(backup_store=store)
    log, place = event_log(settings, result_on_stdout=as_json), open_store(settings.backup_store)
    with audited(log, settings, "retire", place.url, database=database, reason=reason):
        made = record(place, database, reason, actor_of(settings))
        log.emit(Event.RETIRE, f"{database} is retired: {made['reason']}", {"database": database, "reason": reason})
    if as_json:
        say_json(made)
        return
    say(f"Retired {database}: its backups are deleted when their retention ends")
