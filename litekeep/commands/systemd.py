"""`litekeep systemd`"""

import os
from pathlib import Path

import click

from shared.errors import UsageError
from shared.terminal.options import common

_SYSTEM = Path("/etc/systemd/system")


@click.command()
@click.option("--print", "printing", is_flag=True, help="Show the units, and write nothing. This is the default.")
@click.option("--install", "installing", is_flag=True, help="Write the units, and enable their timers.")
@click.option("--user", "of_user", is_flag=True, help="Use your own service manager instead of the system's.")
@click.option("--run-as", metavar="NAME", help="The user that the system's units run as. [you]")
@common
def systemd(as_json: bool, printing: bool, installing: bool, of_user: bool, run_as: str | None) -> None:
    """Write systemd units for backup, verify, cleanup, monitor and drill on this machine.

    There is a service and a timer for each kind in BACKUP_SCHEDULES (daily and weekly if it is not set), and for
    verify, cleanup, monitor and drill. They run in the current folder with the settings in its .env or litekeep.toml.
    The services are hardened: they can write only to the stores and to the folder of the database.

    \b
    Examples:
      litekeep systemd --print
      litekeep systemd --user --install
      sudo litekeep systemd --install --run-as backup
    """
    from litekeep.systemd_machine import machine_of
    from shared.settings import config_folder
    from shared.systemd.units import tasks_of, units_of
    from shared.terminal.options import settings_with
    from shared.terminal.screen import say_json

    if printing and installing:
        raise UsageError("--print and --install exclude each other: give one")
    if of_user and run_as:
        raise UsageError("--run-as is for the system's units: with --user they run as you")
    settings = settings_with()
    machine = machine_of(settings, of_user=of_user, run_as=run_as)
    units = units_of(machine, tasks_of(settings.backup_schedules))
    folder = config_folder() / "systemd" / "user" if of_user else _SYSTEM
    document: dict[str, object] = {"folder": str(folder)}
    document["units"] = [{"name": name, "content": text} for name, text in units.items()]
    if installing:
        if not of_user and os.geteuid() != 0:
            raise UsageError(f"only root writes into {folder}: use sudo, or --user for units of your own")
        if machine.key_file is not None and not machine.key_file.exists():
            raise UsageError(
                f"key file {machine.key_file} does not exist: litekeep keygen {machine.key_file} makes one"
            )
        document |= _install(folder, units, of_user=of_user, as_json=as_json)
    elif not as_json:
        for name, text in units.items():
            click.echo(f"# {folder / name}\n{text}")
    if as_json:
        say_json(document)


def _install(folder: Path, units: dict[str, str], *, of_user: bool, as_json: bool) -> dict[str, object]:
    from shared.settings import read_settings
    from shared.systemd.install import install
    from shared.terminal.audit import audited
    from shared.terminal.parts import event_log
    from shared.terminal.screen import say
    from shared.text import count

    settings = read_settings()
    with audited(event_log(settings, result_on_stdout=as_json, trail=False), settings, "systemd", str(folder)):
        done = install(folder, units, of_user=of_user)
    timers = [name for name in units if name.endswith(".timer")]
    if not as_json:
        say(f"Wrote {count(len(units), 'unit')} into {folder}, and enabled {count(len(timers), 'timer')}:")
        for name in timers:
            say(f"  {name}")
        for name in done.removed:
            say(f"Removed {name}, which is no longer needed")
        if not done.started:
            say("systemd does not run here: they start with the next boot")
        flag = "--user " if of_user else ""
        say(f"See them:  systemctl {flag}list-timers 'litekeep-*'")
        say(f"Try one:   systemctl {flag}start litekeep-monitor; journalctl {flag}-u litekeep-monitor")
        if of_user:
            say("They run while you are logged in; to run always: loginctl enable-linger")
    return {"timers": timers, "removed": list(done.removed), "started": done.started}
