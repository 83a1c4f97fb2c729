"""`litekeep completion`"""

from pathlib import Path

import click
from click.shell_completion import get_completion_class

from shared.errors import UsageError
from shared.terminal.options import common

_MARK = "_LITEKEEP_COMPLETE"  # in each script that click generates for Litekeep


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option(
    "--install", "installing", is_flag=True, help="Write it to the folder from which the shell loads completions."
)
@common
@click.pass_context
def completion(context: click.Context, as_json: bool, shell: str, installing: bool) -> None:
    """Print the shell completion for bash, zsh or fish, or install it for yourself.

    \b
    Examples:
      litekeep completion bash >> ~/.bashrc
      litekeep completion bash --install
    """
    from shared.terminal.screen import say, say_json

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"no completion for {shell}: choose bash, zsh or fish")
    script = found(context.find_root().command, {}, "litekeep", _MARK).source()
    path = _install(shell, script) if installing else None
    if as_json:
        say_json({"shell": shell, "script": script, "path": None if path is None else str(path)})
    elif path is None:
        click.echo(script)
    else:
        say(f"Installed {path}")
        if shell == "zsh":
            say(f"In ~/.zshrc, before compinit: fpath=({path.parent} $fpath)")
        say("It works in each new shell" + (" that has bash-completion" if shell == "bash" else ""))


def _install(shell: str, script: str) -> Path:
    """Writes the script to where the shell loads completions from, and returns its path. Raises UsageError."""
    from litekeep.own_files import write_own_file
    from shared.settings import config_folder, data_folder

    path = {
        "bash": lambda: data_folder() / "bash-completion" / "completions" / "litekeep",
        "zsh": lambda: data_folder() / "zsh" / "site-functions" / "_litekeep",
        "fish": lambda: config_folder() / "fish" / "completions" / "litekeep.fish",
    }[shell]()
    write_own_file(path, script + "\n", mark=_MARK, what="completion of Litekeep")
    return path
