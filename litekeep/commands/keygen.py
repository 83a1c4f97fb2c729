"""`litekeep keygen`"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.terminal.options import common
from shared.terminal.screen import say, say_json

if TYPE_CHECKING:
    from shared.settings import Settings


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--signing", is_flag=True, help="Make a pair of signing keys, and print the public one on stdout.")
@common
def keygen(as_json: bool, path: Path, signing: bool) -> None:
    """Make a key file at PATH: mode 0600, never over an existing file.

    \b
    Example:
      litekeep keygen /etc/litekeep/backup.key
      export BACKUP_KEY=file:/etc/litekeep/backup.key
      litekeep keygen --signing ~/.config/litekeep/signing.key
    """
    from shared.settings import read_settings

    (_signing if signing else _wrapping)(path, read_settings(), as_json=as_json)


def _wrapping(path: Path, settings: "Settings", *, as_json: bool) -> None:
    from shared.keys.keyfile import KeyFile
    from shared.terminal.audit import audited
    from shared.terminal.parts import event_log

    with audited(event_log(settings, result_on_stdout=as_json, trail=False), settings, "keygen", str(path)):
        key = KeyFile.create(path)
    if as_json:
        say_json({"path": str(path), "name": key.name})
        return
    say(f"Made {path}. Copy it to a safe place now: without it no backup made with it can be read.")
    say(f"Use it: export BACKUP_KEY=file:{path}")


def _signing(path: Path, settings: "Settings", *, as_json: bool) -> None:
    from shared.keys.signing import SigningFile
    from shared.terminal.audit import audited
    from shared.terminal.parts import event_log

    with audited(event_log(settings, result_on_stdout=as_json, trail=False), settings, "keygen --signing", str(path)):
        key = SigningFile.create(path)
    if as_json:
        say_json({"path": str(path), "key_id": key.public.id, "public_key": key.public.pem})
        return
    click.echo(f"Made {path}: it signs in your name, so keep it secret. Use it: export ", err=True, nl=False)
    click.echo(f"BACKUP_SIGNING_KEY=file:{path}. The public key, for the policy file:", err=True)
    for line in key.public.pem.splitlines():
        say(line)
