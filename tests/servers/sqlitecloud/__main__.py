"""`python -m tests.servers.sqlitecloud`: runs the server in the foreground until it is interrupted."""

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

import apsw

from tests.servers.sqlitecloud.accounts import Accounts, ApiKey, credential, new_key
from tests.servers.sqlitecloud.clock import Clock
from tests.servers.sqlitecloud.server import Server

SAMPLE = "sample.db"
_SAMPLE_SQL = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, balance REAL NOT NULL DEFAULT 0);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers, note BLOB);
CREATE INDEX orders_by_customer ON orders (customer);
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 500)
INSERT INTO customers SELECT i, 'customer ' || i, i * 1.25 FROM n;
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 2000)
INSERT INTO orders SELECT i, 1 + i % 500, randomblob(64) FROM n;
"""


def main(arguments: list[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    data = given.data or Path(tempfile.mkdtemp(prefix="sqlitecloud-"))
    data.mkdir(parents=True, exist_ok=True)
    clock = Clock(running=True)
    if bool(given.cert) != bool(given.key):
        sys.exit("--cert and --key belong together")
    server = Server(
        data,
        host=given.host,
        port=given.port,
        plain=given.plain,
        certificate=(given.cert, given.key) if given.cert else None,
        tls_maximum=given.tls_max,
        accounts=_accounts(given, clock),
        clock=clock,
    )
    for setting, size in (("download_chunk_size", given.download_chunk), ("max_chunk_size", given.max_chunk)):
        if size is not None:
            server.settings[setting] = str(size)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _announce(server, given)
    stop.wait()
    server.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.servers.sqlitecloud", description=__doc__)
    parser.add_argument("--port", type=int, default=8860, help="0 means any free port")
    parser.add_argument("--host", default="localhost", help="address to listen on")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of databases (default: a new one)")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="certificate chain, PEM")
    parser.add_argument("--key", type=Path, metavar="FILE", help="its private key, PEM")
    parser.add_argument("--plain", action="store_true", help="TCP without TLS")
    parser.add_argument("--tls-max", choices=["1.2", "1.3"], help="the newest TLS version to offer")
    for name, form in (("user", "NAME:PASSWORD"), ("apikey", "KEY"), ("token", "TOKEN")):
        parser.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar=f"{form}[=PRIVILEGE,...]",
            help="may be repeated; without privileges it is ADMIN",
        )
    parser.add_argument("--download-chunk", type=int, metavar="BYTES", help="size of a DOWNLOAD STEP")
    parser.add_argument("--max-chunk", type=int, metavar="BYTES", help="larger rowsets are sent in chunks")
    parser.add_argument("--ready", action="store_true", help="create a sample database if DIR is empty, print its URL")
    return parser


def _accounts(given: argparse.Namespace, clock: Clock) -> Accounts:
    accounts = Accounts()
    if not (given.user or given.apikey or given.token):
        given.apikey = [new_key()]
    for text in given.user:
        login, privileges = credential(text)
        name, _, password = login.partition(":")
        accounts.add_user(name, password, privileges)
    for number, text in enumerate(given.apikey, 1):
        value, privileges = credential(text)
        owner = accounts.add_user(f"apikey-{number}", None, privileges).name
        accounts.keys[value] = ApiKey(value, owner, f"key {number}", clock.now())
    for number, text in enumerate(given.token, 1):
        value, privileges = credential(text)
        accounts.tokens[value] = accounts.add_user(f"token-{number}", None, privileges).name
    return accounts


def _announce(server: Server, given: argparse.Namespace) -> None:
    if given.ready and not server.catalog.names():
        path = server.catalog.temporary()
        connection = apsw.Connection(str(path))
        connection.execute(_SAMPLE_SQL)
        connection.close()
        server.catalog.publish(path, SAMPLE)
    print(f"serving {server.data} on {server.host}:{server.port}", file=sys.stderr)
    if server.ca is not None:
        print(f"authority of the certificate: {server.ca}", file=sys.stderr)
    if not given.ready:
        return
    name = server.catalog.names()[0]
    if given.apikey:
        url = server.url(name)
    elif given.user:
        url = server.url(name, login=credential(given.user[0])[0])
    else:
        url = server.url(name, token=credential(given.token[0])[0])
    print(f"DATABASE_URL={url}", flush=True)


if __name__ == "__main__":
    main()
