"""`litekeep completion`"""

import click
from click.shell_completion import get_completion_class

from shared.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the shell completion for bash, zsh or fish.

    \b
    Example:
      litekeep completion bash >> ~/.bashrc
    """
    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"no completion for {shell}: bash, zsh and fish have one")
    click.echo(found(context.find_root().command, {}, "litekeep", "_LITEKEEP_COMPLETE").source())
