"""`litekeep timeline`"""

from datetime import datetime

import click

from shared.errors import UsageError
from shared.terminal.options import common, database, settings_with, store


@click.command()
@click.option("--from", "since", metavar="TIME", help="Only moments from this time on (UTC unless it has an offset).")
@click.option("--to", "until", metavar="TIME", help="Only moments up to this time. [now]")
@database
@store
@common
def timeline(as_json: bool, since: str | None, until: str | None, database: str | None, store: str | None) -> None:
    """Show the moments that can be restored, and the gaps.

    \b
    Examples:
      litekeep timeline
      litekeep timeline --database app.db --from 2024-01-15T00:00:00Z --json
      litekeep restore --at 2024-01-15T10:31:00Z --to then.db
    """
    from litekeep.timeline_screen import screen
    from shared.catalog.listing import Catalog
    from shared.clock import is_future, utc_now
    from shared.continuous import timeline as of
    from shared.model.kinds import Kind
    from shared.model.lock_names import marks_prefix, parse_unchanged
    from shared.stores import open_store
    from shared.terminal.screen import say, say_json

    catalog, now = Catalog(open_store(settings_with(backup_store=store).backup_store)), utc_now()
    begins, ends = _time("--from", since), _time("--to", until) or now
    backups = catalog.backups(database=database)
    found = []
    for name in sorted({backup.name.database for backup in backups}):
        parsed = map(parse_unchanged, (i.name for i in catalog.store.list_objects(marks_prefix(Kind.CONTINUOUS, name))))
        marks = [mark.at for mark in parsed if mark is not None and not is_future(mark.at, now)]
        own = [backup for backup in backups if backup.name.database == name]
        found.append(of.timeline(name, own, marks, begins, min(ends, now)))
    if as_json:
        say_json([each.to_json() for each in found])
        return
    if not found:
        say(f"No backups in {catalog.store.url}. Take one: litekeep backup")
    for each in found:
        for line in screen(each):
            say(line)


def _time(flag: str, text: str | None) -> datetime | None:
    from shared.clock import parse_time

    try:
        return None if text is None else parse_time(text)
    except ValueError:
        raise UsageError(f"{flag} {text!r} is not a time: write 2024-01-15T12:00:00Z") from None
