"""`litekeep audit`"""

from typing import Any

import click

from shared.terminal.flags import AuditFlags
from shared.terminal.options import common, database, settings_with, store
from shared.terminal.screen import progress_bars


@click.group(invoke_without_command=True)
@click.option("--since", metavar="24h", help="Only events since then: 24h, 7d, or a time.")
@click.option("--until", metavar="TIME", help="Only events up to then.")
@click.option("--actor", metavar="NAME", help="Only what this account or person did.")
@click.option("--action", metavar="VERB", help="Only this: restore, delete, approve, and so on.")
@click.option("--outcome", type=click.Choice(["succeeded", "failed", "refused"]), help="Only what ended so.")
@click.option("--backup", "backup_id", metavar="ID", help="Only what was done with this backup.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many.")
@database
@store
@common
@click.pass_context
def audit(context: click.Context, /, as_json: bool, **flags: Any) -> None:
    """List who did what, newest first: the audit trail that the store keeps.

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
@click.option("--since", metavar="24h", help="Only checkpoints and events since then: 24h, 7d, or a time.")
@store
@common
def verify(as_json: bool, since: str | None, store: str | None) -> int:
    """Check that the audit trail is whole: nothing removed, changed or added later. Exits with 3 if it is not.

    Holds each event to the checkpoint that covers it, the checkpoints to one another and to the policy's monitor, and
    the newest to the copy store.

    \b
    Examples:
      litekeep audit verify
      litekeep audit verify --since 30d --json
    """
    from litekeep.auditing import run_verify

    with progress_bars(wanted=not as_json) as progress:
        return run_verify(settings_with(backup_store=store), since, as_json=as_json, progress=progress)
