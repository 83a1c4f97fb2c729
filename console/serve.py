"""From settings to an application that gunicorn serves: behind Identity-Aware Proxy, or on one's own machine."""

import secrets
import socket
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from console.app import make_app
from console.forms import Forms
from console.iap import GoogleKeys, IapGate
from console.laptop import LaptopGate
from console.wiring import Wiring
from shared.errors import LitekeepError, NotPermitted, UsageError
from shared.settings import Settings, rerouted
from shared.terminal.options import settings_with

HOST = "127.0.0.1"


def behind_iap(settings: Settings | None = None) -> Flask:
    """The application of `python -m console`. Raises UsageError where nothing would say who asks."""
    settings = settings or settings_with()
    if not settings.backup_console_audiences:
        raise UsageError(
            "BACKUP_CONSOLE_AUDIENCES is not set: without Identity-Aware Proxy nobody is told apart; set it to the "
            "audience of this service, or use litekeep console on your own machine"
        )
    if settings.k_service is not None and (names := rerouted()):
        raise NotPermitted(f"{names[0]} is refused in a service: it would lead it to another store, identity or key")
    gate = IapGate(settings.backup_console_audiences, GoogleKeys())
    secret = settings.backup_console_secret
    forms = Forms(secret.encode() if secret else secrets.token_bytes(32))
    return make_app(Wiring(settings, gate, forms, may_change=True))


def on_laptop(settings: Settings, user: str, port: int, *, may_change: bool) -> tuple[Flask, str]:
    """The application of `litekeep console`, and the address that lets one browser in."""
    secret = secrets.token_bytes(32)
    gate = LaptopGate(user, port, secret)
    parts = Wiring(settings, gate, Forms(secret), may_change=may_change, with_key=True)
    hosts = [f"{HOST}:{port}", f"localhost:{port}"]
    return make_app(parts, hosts), f"http://{HOST}:{port}/open?token={gate.token}"


def warm_up(app: Flask) -> None:
    """Compiles the pages, so that whoever looks first does not wait for that."""
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def listening(port: int) -> socket.socket:
    """A socket of this machine alone; port 0 takes a free one. Raises LitekeepError for one that is taken."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(64)
    except OSError as error:
        found.close()
        raise LitekeepError(
            f"cannot listen on {HOST}:{port}: {error.strerror}; another program uses it: name another --port"
        ) from None
    return found


def serve(app: Flask, bind: str, threads: int = 8) -> None:
    """Answers until Ctrl-C or SIGTERM, then ends the process: gunicorn with one worker and threads."""
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
