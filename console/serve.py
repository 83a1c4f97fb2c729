"""Makes the application from settings, and serves it by gunicorn: behind Identity-Aware Proxy, or on a laptop."""

import secrets
import socket
from contextlib import suppress
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from console.app import make_app
from console.forms import Forms
from console.iap import GoogleKeys, IapGate
from console.laptop import LaptopGate
from console.wiring import NAME, Wiring
from shared.errors import LitekeepError, NotPermitted, UsageError
from shared.settings import Settings, rerouted
from shared.terminal.options import settings_with

HOST = "127.0.0.1"


def behind_iap(settings: Settings | None = None) -> Flask:
    """Returns the application of `python -m console`. Raises UsageError if callers could not be identified."""
    settings = settings or settings_with()
    if not settings.backup_console_audiences:
        raise UsageError(
            "BACKUP_CONSOLE_AUDIENCES is not set, so callers cannot be identified: set it to the audience of this "
            "service, or use litekeep console on your own machine"
        )
    if settings.k_service is not None and (names := rerouted()):
        raise NotPermitted(
            f"{names[0]} is refused in a service: it would redirect it to another store, identity or key"
        )
    gate = IapGate(settings.backup_console_audiences, GoogleKeys())
    secret = settings.backup_console_secret
    forms = Forms(secret.encode() if secret else secrets.token_bytes(32))
    return make_app(Wiring(settings, gate, forms, may_change=True))


def on_laptop(settings: Settings, user: str, port: int, *, may_change: bool) -> tuple[Flask, str]:
    """Returns the application of `litekeep console`, and the URL that admits one browser."""
    secret = secrets.token_bytes(32)
    gate = LaptopGate(user, port, secret)
    parts = Wiring(settings, gate, Forms(secret), may_change=may_change, with_key=True)
    hosts = [f"{HOST}:{port}", f"localhost:{port}"]
    return make_app(parts, hosts), f"http://{HOST}:{port}/open?token={gate.token}"


def warm_up(app: Flask) -> None:
    """Opens the store and compiles the templates, so that the first visitor does not wait for that."""
    parts: Wiring = app.extensions[NAME]
    with suppress(LitekeepError):  # the pages report it
        _ = parts.store
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def listening(port: int) -> socket.socket:
    """Returns a socket that listens on 127.0.0.1; port 0 takes a free one. Raises LitekeepError for a port in use."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise LitekeepError(
            f"cannot listen on {HOST}:{port}: {error.strerror}; another program uses it: name another --port"
        ) from None
    return listener


def serve(app: Flask, bind: str, threads: int = 8) -> None:
    """Serves by gunicorn, with one worker and threads, until Ctrl-C or SIGTERM; then the process ends."""
    warm_up(app)
    options: dict[str, Any] = {
        "bind": bind,
        "workers": 1,
        "threads": threads,
        "worker_class": "gthread",
        "timeout": 0,
        "loglevel": "warning",
        "control_socket_disable": True,
    }

    class Server(BaseApplication):
        def load_config(self) -> None:
            cfg: Any = self.cfg
            for name, value in options.items():
                if name in cfg.settings:
                    cfg.set(name, value)

        def load(self) -> Flask:
            return app

    make: Any = Server
    make().run()
