"""`litekeep erase`"""

from typing import Any

import click

from shared.terminal.more_flags import EraseFlags
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--table", metavar="T", help="The table with the person's rows.")
@click.option("--column", metavar="C", help="The column that the values are compared with.")
@click.option(
    "--value-from", metavar="-", help="- reads the values from stdin, one per line. Never on the command line."
)
@click.option("--also", multiple=True, metavar="T.C", help="Another column with the same values; may be repeated.")
@click.option("--reason", metavar="TEXT", help="Such as a ticket number; no personal data.")
@click.option("--report", "report_id", metavar="ID", help="Report on a recorded erasure.")
@click.option("--rewrite", is_flag=True, help="Rewrite every backup that still has the rows, and remove the old ones.")
@click.option(
    "--absent", multiple=True, metavar="T[.C]", help="With --rewrite: a table or column old backups never had."
)
@click.option("--dry-run", is_flag=True, help="Show which other rows are affected, and record nothing.")
@database
@store
@common
def erase(as_json: bool, **flags: Any) -> int:
    """Record an erasure, so that no restore of a backup taken until now brings these rows back.

    Backups stay unchanged. Restores, exports, drills, `diff` and `rows restore` replay the erasure before they put
    anything in place. The live database is not changed: delete the rows there first. See docs/privacy.md.

    \b
    Examples:
      echo 42 | litekeep erase --table users --column id --value-from - --dry-run
      litekeep erase --table users --column email --value-from - --also newsletter.address < emails.txt
      litekeep erase --report erase-2024-01-15-000000-1a2b
      litekeep erase --rewrite --dry-run
    """
    from litekeep.erasing import run_erase, run_report, run_rewrite

    given = EraseFlags(**flags)
    settings = settings_with(backup_store=given.store)
    if given.report_id:
        run_report(settings, given.report_id, as_json=as_json)
        return 0
    with progress_bars(wanted=not as_json) as progress:
        if given.rewrite:
            return run_rewrite(settings, given, as_json=as_json, progress=progress)
        run_erase(settings, given, as_json=as_json, progress=progress)
    return 0
