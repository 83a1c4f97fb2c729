"""`litekeep verify`, which is also what the verify job runs."""

from typing import Any

import click

from shared.terminal.options import common, database, store
from shared.terminal.screen import progress_bars


@click.command()
@click.option("--backup", "ref", metavar="REF", help="An id, an artifact's file name, latest, or latest-verified.")
@click.option("--all", "every", is_flag=True, help="Every backup in the store.")
@click.option("--since", metavar="24h", help="Every backup taken since then: 24h, 7d, or a time.")
@click.option("--file", "file", metavar="F", type=click.Path(), help="A .sql, .sql.gz, .sqlite or .sqlite.zst file.")
@database
@store
@common
def verify(as_json: bool, **flags: Any) -> int:
    """Prove backups good by restoring them into a scratch database.

    Without a flag, the latest backup of DATABASE_URL. Exits with 3 if any is not good.

    \b
    Examples:
      litekeep verify
      litekeep verify --backup backup-2024-01-15-000000
      litekeep verify --since 24h
    """
    from jobs.verify.main import run_verify  # noqa: PLC0415 - `--help` must not wait for it

    with progress_bars(wanted=not as_json) as progress:
        return run_verify(flags, as_json=as_json, progress=progress)
