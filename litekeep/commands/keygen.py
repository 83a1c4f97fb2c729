"""`litekeep keygen`"""

from pathlib import Path

import click

from shared.terminal.options import common
from shared.terminal.screen import say, say_json


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@common
def keygen(as_json: bool, path: Path) -> None:
    """Make a key file at PATH: mode 0600, never over an existing file.

    \b
    Example:
      litekeep keygen /etc/litekeep/backup.key
      export BACKUP_KEY=file:/etc/litekeep/backup.key
    """
    from shared.keys.keyfile import KeyFile  # noqa: PLC0415 - Tink takes its time to import
    from shared.settings import read_settings  # noqa: PLC0415
    from shared.terminal.audit import audited  # noqa: PLC0415
    from shared.terminal.parts import event_log  # noqa: PLC0415

    settings = read_settings()
    with audited(event_log(settings, result_on_stdout=as_json), settings, "keygen", str(path)):
        key = KeyFile.create(path)
    if as_json:
        say_json({"path": str(path), "name": key.name})
        return
    say(f"Made {path}. Copy it to a safe place now: without it no backup made with it can be read.")
    say(f"Use it: export BACKUP_KEY=file:{path}")
