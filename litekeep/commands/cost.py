"""`litekeep cost`"""

from pathlib import Path
from typing import Any

import click

from shared.terminal.more_flags import CostFlags
from shared.terminal.options import Function, common, settings_with, store


def _terms(function: Function) -> Function:
    for option in (
        click.option(
            "--prices",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Your own price file, in the format of prices.json.",
        ),
        click.option("--location", default="us-central1", show_default=True, help="Where the bucket is."),
        click.option(
            "--run-seconds",
            type=click.FloatRange(0, 604_800),
            help="Duration of a backup run on Cloud Run (2 vCPU, 4 GiB). Without it, runs are not counted.",
        ),
    ):
        function = option(function)
    return function


@click.group(invoke_without_command=True)
@_terms
@store
@common
@click.pass_context
def cost(context: click.Context, /, as_json: bool, **flags: Any) -> None:
    """Show what the store costs per month, now and in 30 days at this rate, and what each change would save.

    Computed from the store's listing and a dated file of list prices. Items without a price are named and not counted.
    A folder is priced as if it were a bucket.

    \b
    Examples:
      litekeep cost --location europe-west1
      litekeep cost review --location europe-west1
    """
    if context.invoked_subcommand is not None:
        return
    from litekeep.costs import run_cost

    run_cost(settings_with(backup_store=flags["store"]), CostFlags(**flags), as_json=as_json)


@cost.command()
@_terms
@store
@common
def review(as_json: bool, **flags: Any) -> None:
    """Write the costs as a page into the store, for the quarterly review.

    \b
    Example:
      litekeep cost review --location europe-west1
    """
    from litekeep.costs import run_review

    run_review(settings_with(backup_store=flags["store"]), CostFlags(**flags), as_json=as_json)
