"""`litekeep approve` and `litekeep refuse`"""

import click

from shared.terminal.options import common, settings_with, store

_yes = click.option("--yes", "sure", is_flag=True, help="Do not ask for confirmation; for scripts.")
_id = click.argument("request_id", metavar="ID")


@click.command()
@_id
@click.option("--reason", metavar="TEXT", help="What you have checked, in one line.")
@_yes
@store
@common
def approve(as_json: bool, request_id: str, reason: str | None, sure: bool, store: str | None) -> int:
    """Approve a request of another person: shows the plan and what has changed since, then signs.

    An approval is valid for 4 hours and for one run. A break-glass key approves alone, and raises an alert.

    \b
    Example:
      litekeep approve 20240115T120000Z-k3v9q2mx
    """
    from litekeep.deciding import decide

    return decide(settings_with(backup_store=store), request_id, "approved", reason or "", sure=sure, as_json=as_json)


@click.command()
@_id
@click.option("--reason", required=True, metavar="TEXT", help="Why, in one line.")
@_yes
@store
@common
def refuse(as_json: bool, request_id: str, reason: str, sure: bool, store: str | None) -> int:
    """Refuse a request. Approved ones and your own can be refused too.

    \b
    Example:
      litekeep refuse 20240115T120000Z-k3v9q2mx --reason "wrong backup"
    """
    from litekeep.deciding import decide

    return decide(settings_with(backup_store=store), request_id, "refused", reason, sure=sure, as_json=as_json)
