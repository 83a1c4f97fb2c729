"""`litekeep sample`, which `make backup` calls if there is no database yet."""

import click

from litekeep.sample import make_sample
from shared.settings import SAMPLE_DATABASE, read_settings
from shared.terminal.screen import say
from shared.text import count


@click.command(hidden=True)
def sample() -> None:
    """Make the sample database, unless DATABASE_URL is set or the file exists."""
    if read_settings().database_url is None and not SAMPLE_DATABASE.exists():
        rows = make_sample(SAMPLE_DATABASE)
        say(f"Made {SAMPLE_DATABASE}: a sample database of {count(rows, 'row')}, as DATABASE_URL is not set")
