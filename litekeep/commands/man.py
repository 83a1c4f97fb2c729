"""`litekeep man`"""

import click

from shared.terminal.options import common


@click.command()
@click.option(
    "--install", "installing", is_flag=True, help="Write it to your own folder, where `man litekeep` finds it."
)
@common
@click.pass_context
def man(context: click.Context, as_json: bool, installing: bool) -> None:
    """Print the manual page, or install it for yourself.

    It has the same text as --help.

    \b
    Examples:
      litekeep man | man -l -
      litekeep man --install
    """
    from litekeep.manual import manual_page
    from litekeep.own_files import write_own_file
    from shared.clock import utc_now
    from shared.settings import data_folder
    from shared.terminal.screen import say, say_json

    root = context.find_root().command
    assert isinstance(root, click.Group)
    page = manual_page(root, utc_now().date())
    path = None
    if installing:
        path = data_folder() / "man" / "man1" / "litekeep.1"
        write_own_file(path, page, mark=".TH LITEKEEP 1 ", what="manual page of Litekeep")
    if as_json:
        say_json({"page": page, "path": None if path is None else str(path)})
    elif path is None:
        click.echo(page, nl=False)
    else:
        say(f"Installed {path}")
        say("Read it: man litekeep")
