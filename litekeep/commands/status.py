"""`litekeep status`"""

from typing import Any

import click

from shared.terminal.options import common, database, store


@click.command()
@database
@store
@common
def status(as_json: bool, database: str | None, store: str | None) -> int:
    """Show how the backups of one database stand, or of all: fresh, proven, drilled, and what to do.

    Exits with 1 when anything needs attention.

    \b
    Examples:
      litekeep status
      litekeep status --database app.db --json
    """
    from litekeep.native_screen import look_natively
    from litekeep.retention_screen import retention_document, retention_lines
    from litekeep.status_screen import finding_lines, screen
    from shared.terminal.cloud_project import cloud_project
    from shared.terminal.options import settings_with
    from shared.terminal.overall import overall, take_look
    from shared.terminal.screen import say, say_json

    settings = settings_with()
    look = take_look(store, database)
    native = look_natively(cloud_project(settings), [each.database for each in look.statuses])
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
            say(f"⚠️ Native backups: not known, as {native.failed}")
    return 1 if look.needs_attention or native.alerts else 0


def _document(documents: list[dict[str, Any]], whole: dict[str, Any]) -> dict[str, Any]:
    """Of one database its own, as the contract has it; of several the same fields for all, and each one below."""
    return documents[0] | {"alerts": whole["alerts"]} if len(documents) == 1 else whole | {"databases": documents}
