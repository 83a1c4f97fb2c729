"""`litekeep show`"""

from typing import Any

import click

from shared.terminal.options import common, database, settings_with, store


@click.command()
@click.argument("ref", metavar="REF")
@database
@store
@common
def show(as_json: bool, ref: str, database: str | None, store: str | None) -> None:
    """Show the manifest and the verdicts of a backup. Its seal and its artifacts are not checked.

    \b
    Examples:
      litekeep show latest
      litekeep show backup-2024-01-15-000000 --json
    """
    from litekeep.backup_screen import lines_of
    from shared.catalog.described import document_of
    from shared.catalog.listing import LATEST, LATEST_VERIFIED, Catalog
    from shared.stores import open_store
    from shared.terminal.parts import database_of
    from shared.terminal.screen import say, say_json

    settings = settings_with(backup_store=store)
    catalog = Catalog(open_store(settings.backup_store))
    backup = catalog.find(ref, database or (database_of(settings) if ref in (LATEST, LATEST_VERIFIED) else None))
    document: dict[str, Any] = document_of(catalog, backup)
    if as_json:
        say_json(document)
        return
    for line in lines_of(document):
        say(line)
