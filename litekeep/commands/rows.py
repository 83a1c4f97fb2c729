"""`litekeep rows`: restores rows of one table."""

from pathlib import Path
from typing import Any

import click

from shared.terminal.more_flags import RowsFlags
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import progress_bars


@click.group()
def rows() -> None:
    """Restore rows from a backup, not the whole database.

    \b
    Example:
      litekeep rows restore --from latest --table orders --dry-run
    """


@rows.command()
@click.option("--from", "ref", metavar="REF", help="The backup: an id, latest, or latest-verified.")
@click.option("--at", metavar="TIME", help="Instead of --from: the newest good backup at or before that time.")
@click.option("--table", metavar="T", help="The table to restore rows of.")
@click.option("--where", metavar="SQL", help="Only rows that meet this condition in the backup.")
@click.option(
    "--keys",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Only rows with these keys: one per line, as JSON; a list for a key of several columns. - is stdin.",
)
@click.option("--to", metavar="URL", help="The live database. [DATABASE_URL]")
@click.option(
    "--triggers",
    type=click.Choice(["on", "off"]),
    default="off",
    show_default=True,
    help="Whether the application's triggers and foreign key actions run.",
)
@click.option("--values", is_flag=True, help="Show the rows' values in the plan, unmasked.")
@click.option("--request", metavar="ID", help="Carry out this request, after a second person has approved it.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and write nothing.")
@database
@store
@common
def restore(as_json: bool, **flags: Any) -> int:
    """Restore rows of a table that are missing or differ. Newer rows are kept.

    Without --where and --keys, restores every row of the table in the backup. All rows are written in one transaction,
    after a safety backup.

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
