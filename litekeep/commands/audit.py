"""`litekeep audit`"""

from typing import Any

import click

from shared.terminal.more_flags import AuditFlags
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import progress_bars


@click.group(invoke_without_command=True)
@click.option("--since", metavar="24h", help="Only events of this period: 24h, 7d, or since a time.")
@click.option("--until", metavar="TIME", help="Only events up to this time.")
@click.option("--actor", metavar="NAME", help="Only events of this account or person.")
@click.option("--action", metavar="VERB", help="Only this action: restore, delete, approve, and so on.")
@click.option("--outcome", type=click.Choice(["succeeded", "failed", "refused"]), help="Only events with this outcome.")
@click.option("--backup", "backup_id", metavar="ID", help="Only events of this backup.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Maximum number of events."
)
@database
@store
@common
@click.pass_context
def audit(context: click.Context, /, as_json: bool, **flags: Any) -> None:
    """List the audit trail in the store, newest first: who did what, and when.

    On a narrow terminal, reason and outcome are left out first; --json shows all fields.

    \b
    Examples:
      litekeep audit --since 7d --action restore
      litekeep audit --backup backup-2024-01-15-000000 --json
      litekeep audit verify
    """
    if context.invoked_subcommand is not None:
        return
    from litekeep.auditing import run_audit

    run_audit(settings_with(backup_store=flags["store"]), AuditFlags(**flags), as_json=as_json)


@audit.command()
@click.option("--since", metavar="24h", help="Only checkpoints and events of this period: 24h, 7d, or since a time.")
@store
@common
def verify(as_json: bool, since: str | None, store: str | None) -> int:
    """Check that the audit trail is whole: nothing removed, changed or added later. Exits with 3 if it is not.

    Checks events against their checkpoints, and checkpoints against each other, the monitor's key in the policy, the
    copy store and the log of BACKUP_EVENTS.

    \b
    Examples:
      litekeep audit verify
      litekeep audit verify --since 30d --json
    """
    from litekeep.auditing import run_verify

    with progress_bars(wanted=not as_json) as progress:
        return run_verify(settings_with(backup_store=store), since, as_json=as_json, progress=progress)
