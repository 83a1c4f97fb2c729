"""`litekeep requests`"""

import click

from shared.terminal.options import common, settings_with, store
from shared.terminal.screen import say, say_json, table


@click.command()
@store
@common
def requests(as_json: bool, store: str | None) -> None:
    """List requests, newest first: who asked, who decided, and until when the approval is valid.

    \b
    Example:
      litekeep requests --json
    """
    from shared.terminal.approvals import desk_of

    states = desk_of(settings_with(backup_store=store)).states()
    if as_json:
        say_json([state.to_json() for state in states])
        return
    if not states:
        say("No requests")
        return
    rows = []
    for state in states:
        document = state.to_json()
        rows.append(
            (
                state.id,
                state.state,
                document["action"] or "",
                document["requester"] or "",
                document["approved_by"] or (f"refused by {state.refused_by}" if state.refused_by else ""),
                document["expires_at"] or "",
                str((document["plan"] or {}).get("target") or ""),
            )
        )
    columns = ("request", "state", "what", "asked by", "approved by", "until", "target")
    table(columns, rows, droppable=("what", "until", "target"), shortened=("asked by", "approved by"))
    for state in states:
        for problem in state.problems:
            say(f"{state.id}: {problem}")
