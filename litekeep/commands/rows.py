"""`litekeep rows`: rows of one table, brought back without the rest of the database."""

from pathlib import Path
from typing import Any

import click

from shared.terminal.flags import RowsFlags
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import progress_bars


@click.group()
def rows() -> None:
    """Bring rows back from a backup, not the whole database.

    \b
    Example:
      litekeep rows restore --from latest --table orders --dry-run
    """


@rows.command()
@click.option("--from", "ref", metavar="REF", help="The backup: an id, latest, or latest-verified.")
@click.option("--at", metavar="TIME", help="Instead of --from: the newest good backup at or before that time.")
@click.option("--table", metavar="T", help="The table whose rows come back.")
@click.option("--where", metavar="SQL", help="Only the rows that meet this condition in the backup.")
@click.option(
    "--keys",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Only the rows with these keys: one a line, as JSON; a list for a key of several columns. - is stdin.",
)
@click.option("--to", metavar="URL", help="The live database. [DATABASE_URL]")
@click.option(
    "--triggers",
    type=click.Choice(["on", "off"]),
    default="off",
    show_default=True,
    help="Whether the application's triggers fire and its foreign keys act.",
)
@click.option("--values", is_flag=True, help="Show the rows' values in the plan. They are not masked.")
@click.option("--request", metavar="ID", help="What that request asks for, once a second person has approved it.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and write nothing.")
@database
@store
@common
def restore(as_json: bool, **flags: Any) -> int:
    """Bring back the rows of a table that are missing or differ; newer rows stay.

    Without --where and --keys, every row of the table that the backup has. All rows are written in one
    transaction, or none. A safety backup is taken first.

    \b
    Examples:
      litekeep rows restore --from latest --table orders --dry-run
      litekeep rows restore --at 2024-01-15T12:00:00Z --table orders --to /srv/app/app.db
      litekeep rows restore --from latest --table orders --where "customer_id = 42" --to /srv/app/app.db
    """
    from litekeep.rows_restore import run_rows_restore

    settings = settings_with(backup_store=flags["store"])
    with progress_bars(wanted=not as_json) as progress:
        finish = run_rows_restore(settings, RowsFlags(**flags), as_json=as_json, progress=progress)
    return finish()
