"""`litekeep policy`"""

from typing import TYPE_CHECKING

import click

from shared.terminal.options import common
from shared.terminal.screen import say, say_json

if TYPE_CHECKING:
    from shared.policy.file import Policy


@click.group()
def policy() -> None:
    """The policy file, which rules over environment and flags."""


@policy.command()
@common
def check(as_json: bool) -> None:
    """Read the policy file whole and say whether it is in force.

    \b
    Example:
      litekeep policy check
    """
    found, path = _found()
    if as_json:
        say_json({"in_force": found is not None, "path": path})
    elif found is None:
        say("No policy file: settings and flags alone decide what a run may touch")
    else:
        say(f"{path} is in force, and is valid")


@policy.command()
@common
def show(as_json: bool) -> None:
    """Show the policy that is in force.

    \b
    Example:
      litekeep policy show --json
    """
    found, path = _found()
    document = None if found is None else found.model_dump()
    if as_json:
        say_json({"path": path, "policy": document})
    elif document is None:
        say("No policy file")
    else:
        say(f"{path}: environment {document.pop('environment')}")
        for name, entries in document.items():
            say(f"  {name}: {', '.join(entries) or 'none are allowed'}")


def _found() -> "tuple[Policy | None, str | None]":
    from shared.policy.file import FIXED_PATH, read_policy  # noqa: PLC0415 - `--help` must not wait for it
    from shared.settings import read_settings  # noqa: PLC0415

    wanted = read_settings().backup_policy
    found = read_policy(wanted)
    return found, None if found is None else str(FIXED_PATH if FIXED_PATH.exists() else wanted)
