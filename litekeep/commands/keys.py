"""`litekeep keys`"""

from pathlib import Path
from typing import Any

import click

from shared.terminal.options import common, settings_with, store
from shared.terminal.screen import progress_bars


@click.group(invoke_without_command=True)
@store
@common
@click.pass_context
def keys(context: click.Context, as_json: bool, store: str | None) -> None:
    """Show which key versions wrap how many backups, until when each is needed, and how many would be lost with it.

    A re-wrapping counts only if BACKUP_KEY opens the backup, so that it can be checked.

    \b
    Examples:
      litekeep keys
      litekeep keys sheet --output sheet.txt
    """
    if context.invoked_subcommand is not None:
        return
    from litekeep.keys_screen import run_keys

    with progress_bars(wanted=not as_json) as progress:
        run_keys(settings_with(backup_store=store), as_json=as_json, progress=progress)


@keys.command()
@click.option("--output", metavar="F", type=click.Path(path_type=Path), help="A new file, mode 0600. [stdout]")
@store
@common
def sheet(as_json: bool, **flags: Any) -> None:
    """Print the recovery sheet: stores, key, and the commands of a restore on a new machine.

    It contains the key file as text: with the sheet and the store anyone can read the data. Lock it away.

    \b
    Examples:
      litekeep keys sheet | lpr
      litekeep keys sheet --output sheet.txt
    """
    from litekeep.keys_sheet import run_sheet

    run_sheet(settings_with(backup_store=flags["store"]), flags["output"], as_json=as_json)


@keys.command()
@click.argument("path", type=click.Path(path_type=Path))
@common
def enter(as_json: bool, path: Path) -> None:
    """Make the key file at PATH from the lines of a recovery sheet, typed on stdin.

    \b
    Example:
      litekeep keys enter litekeep.key
    """
    from litekeep.keys_sheet import run_enter

    run_enter(path, as_json=as_json)
