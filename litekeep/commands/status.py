"""`litekeep status`"""

from typing import Any

import click

from shared.terminal.options import common, database, store


@click.command()
@database
@store
@common
def status(as_json: bool, database: str | None, store: str | None) -> int:
    """Show the state of the backups of one database, or of all: age, verification, drills, and what to do.

    Exits with 1 when anything needs attention.

    \b
    Examples:
      litekeep status
      litekeep status --database app.db --json
    """
    from litekeep.native_screen import look_at_native_backups
    from litekeep.retention_screen import retention_document, retention_lines
    from litekeep.status_screen import finding_lines, screen
    from shared.terminal.cloud_project import cloud_project
    from shared.terminal.options import settings_with
    from shared.terminal.overall import overall, take_look
    from shared.terminal.screen import say, say_json

    settings = settings_with()
    look = take_look(store, database)
    native = look_at_native_backups(cloud_project(settings), [each.database for each in look.statuses])
    if as_json:
        documents = [each | {"native": native.documents.get(each["database"])} for each in look.documents]
        whole = overall(look)
        document = _document(documents, whole | {"alerts": [*whole["alerts"], *native.alerts]})
        say_json(document | {"retention": retention_document(settings, look.retired)})
    else:
        for each in look.statuses:
            lines = screen(each, look.next_deletion(each.database))
            kept = [native.lines[each.database]] if each.database in native.lines else []
            for line in [*lines, *kept, *finding_lines(each.findings), ""]:
                say(line)
        for line in [*finding_lines(look.others), *retention_lines(settings, look.retired)]:
            say(line)
        if native.failed:
            say(f"⚠️ Native backups: unknown, {native.failed}")
    return 1 if look.needs_attention or native.alerts else 0


def _document(documents: list[dict[str, Any]], whole: dict[str, Any]) -> dict[str, Any]:
    """Returns the document of one database; for several, the fields for all and each document in `databases`."""
    return documents[0] | {"alerts": whole["alerts"]} if len(documents) == 1 else whole | {"databases": documents}
