"""`litekeep console`"""

from contextlib import suppress

import click

from shared.errors import UsageError
from shared.terminal.options import common, settings_with, store


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 chooses a free one.")
@click.option("--allow-requests", is_flag=True, help="Allow making and deciding requests, signed with your own key.")
@store
@common
def console(as_json: bool, port: int, allow_requests: bool, store: str | None) -> None:
    """Show the state of backups in a browser on this machine. It listens on 127.0.0.1 only; Ctrl-C ends it.

    The printed address works once, for one browser. Without --allow-requests, nothing can be changed.

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
        with suppress(KeyboardInterrupt):  # Ctrl-C before the server handles it
            if as_json:
                say_json({"address": address})
            else:
                say(f"Open {address}")
                say("  it lets one browser in, once; Ctrl-C ends the console")
            serve(app, f"fd://{there.detach()}")  # the server closes it
