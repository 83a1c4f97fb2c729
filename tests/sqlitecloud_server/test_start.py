"""The server as a separate program."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shared.sqlitecloud.connection_string import parse_connection_string
from tests.servers.sqlitecloud import Server
from tests.servers.sqlitecloud.__main__ import main
from tests.sqlitecloud_server.raw import Raw

ROOT = Path(__file__).parents[2]


@contextmanager
def started(*arguments: str) -> Iterator[str]:
    """Runs the program and yields the line that it prints when ready. Interrupts it, and expects exit code 0."""
    command = [sys.executable, "-W", "error", "-m", "tests.servers.sqlitecloud", "--ready", "--port", "0"]
    with subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait() == 0


def test_program_prints_a_connection_string_for_the_sample(tmp_path: Path) -> None:
    with started("--data", str(tmp_path)) as line:
        assert line.startswith("DATABASE_URL=sqlitecloud://localhost:")
        assert "/sample.db?apikey=" in line
        assert "root_certificate=" in line
    with closing(sqlite3.connect(tmp_path / "sample.db")) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (2000,)


def test_program_serves_the_existing_databases(data: Path) -> None:
    with started("--data", str(data), "--plain", "--apikey", "k=READ", "--download-chunk", "4096") as line:
        assert line.endswith("/x.db?apikey=k&insecure=1")


def test_connection_string_has_the_user_without_an_api_key(data: Path) -> None:
    with started("--data", str(data), "--plain", "--user", "me:pass/word=READ", "--tls-max", "1.2") as line:
        assert "sqlitecloud://me:pass%2Fword@localhost:" in line


def test_given_certificate_is_used(secure: Server, data: Path) -> None:
    assert secure._made is not None
    certificate, key = secure._made.make()
    with Server(data, certificate=(certificate, key)) as server:
        server.ca = secure.ca
        with Raw(server) as raw:
            assert raw.ask("PING") == b"+4 PONG"


def test_certificate_without_its_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--cert", "c.pem"])


def test_url_of_an_ipv6_address_is_valid(tmp_path: Path) -> None:
    try:
        server = Server(tmp_path, host="::1", plain=True)
    except OSError:
        pytest.skip("a machine without IPv6")
    with server:
        found = parse_connection_string(server.url("x.db"), allow_insecure=True)
    assert (found.address.host, found.address.port, found.database) == ("::1", server.port, "x.db")
