"""`litekeep console`"""

from contextlib import suppress

import click

from shared.errors import UsageError
from shared.terminal.options import common, settings_with, store


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--allow-requests", is_flag=True, help="Let requests be made and decided on, signed with your own key.")
@store
@common
def console(as_json: bool, port: int, allow_requests: bool, store: str | None) -> None:
    """Show how backups stand in a browser on this machine. Only 127.0.0.1 is listened on; Ctrl-C ends it.

    The address that is printed lets one browser in, once. Nothing can be changed without --allow-requests.

    \b
    Examples:
      litekeep console
      litekeep console --port 9000 --allow-requests
    """
    try:
        from console.serve import listening, on_laptop, serve
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is not installed: pip install 'litekeep[console]'") from None
    from shared.terminal.identity import actor_of
    from shared.terminal.screen import say, say_json

    settings = settings_with(backup_store=store)
    with listening(port) as there:
        port = there.getsockname()[1]
        app, address = on_laptop(settings, actor_of(settings), port, may_change=allow_requests)
        with suppress(KeyboardInterrupt):  # Ctrl-C before the server heeds it
            if as_json:
                say_json({"address": address})
            else:
                say(f"Open {address}")
                say("  it lets one browser in, once; Ctrl-C ends the console")
            serve(app, f"fd://{there.detach()}")  # the server closes it
