"""Connecting, commands and errors: each error says what failed and contains no credential."""

import socket
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.errors import UsageError
from shared.sqlitecloud import databases
from shared.sqlitecloud.connection_string import Address, parse_connection_string
from shared.sqlitecloud.failures import CloudError, CommandRefused, Garbled, Lost, TimedOut, Unreachable, masked
from shared.sqlitecloud.names import check_name, quoted
from shared.sqlitecloud.session import Session
from tests.servers.sqlitecloud import APIKEY, PASSWORD, TOKEN, USER, Server
from tests.sqlitecloud.conftest import NAME, address_of

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("login", [{}, {"token": TOKEN}, {"login": f"{USER}:{PASSWORD}"}])
def test_every_kind_of_credential_logs_in_and_is_bound(server: Server, login: dict[str, str]) -> None:
    with Session(address_of(server, **login)) as session:
        assert databases.names(session) == [NAME]
    assert server.connections[0].requests[0].startswith("AUTH ")
    assert "?" in server.connections[0].requests[0]


@pytest.mark.parametrize("password", ["a b;REMOVE DATABASE x", "'\"\\`", "pässwörd ✓", "?"])
def test_password_with_special_characters_is_not_a_command(server: Server, password: str) -> None:
    server.accounts.add_user("odd", password)
    text = f"sqlitecloud://odd:{''.join(f'%{b:02x}' for b in password.encode())}@localhost:{server.port}?insecure=true"
    with Session(parse_connection_string(text, allow_insecure=True).address) as session:
        assert databases.names(session) == [NAME]


def test_connection_uses_tls_1_3_and_checks_the_certificate(secure: Server) -> None:
    with Session(address_of(secure)) as session:
        assert session.tls is not None
        assert session.tls[0] == "TLSv1.3"
        assert session.tls[1].endswith("GMT")
    assert secure.connections[0].tls == "TLSv1.3"


@pytest.mark.parametrize("kind", ["expired", "wrong-host", "unknown-ca"])
def test_untrusted_certificate_is_refused_before_the_login(secure: Server, kind: str) -> None:
    secure.faults.certificate = kind
    with pytest.raises(Unreachable, match="certificate is not trusted"):
        Session(address_of(secure))
    assert [one.requests for one in secure.connections] == [[]]


def test_certificate_is_not_trusted_without_its_authority(secure: Server) -> None:
    with pytest.raises(Unreachable, match="root_certificate"):
        Session(replace(address_of(secure), root_certificate=None))


def test_tls_1_2_is_refused(secure: Server) -> None:
    secure.faults.tls_maximum = "1.2"
    with pytest.raises(Unreachable, match=r"TLS 1\.3 handshake failed"):
        Session(address_of(secure))


def test_node_without_tls_is_refused(server: Server) -> None:
    with pytest.raises((Unreachable, Lost)):
        Session(replace(address_of(server), insecure=False))
    assert [one.requests for one in server.connections] == [[]]


@pytest.mark.parametrize("which", ["root_certificate", "certificate"])
def test_unreadable_certificate_file_is_reported_with_its_option(server: Server, tmp_path: Path, which: str) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    address = replace(address_of(server), insecure=False)
    for path in (tmp_path / "no.pem", tmp_path / "missing.pem"):
        with pytest.raises(Unreachable, match="root_certificate, certificate"):
            Session(replace(address, **{which: path}))


def test_connects_over_ipv6(data: Path) -> None:
    with Server(data, host="::1") as server:
        text = f"sqlitecloud://[::1]:{server.port}?apikey={APIKEY}&root_certificate={server.ca}"
        address = parse_connection_string(text).address
        with Session(address) as session:
            assert databases.names(session) == [NAME]


def test_closed_port_is_unreachable(address: Address) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match="check host and port"):
        Session(replace(address, host="127.0.0.1", port=port))


def test_unknown_host_is_an_error(address: Address) -> None:
    with pytest.raises(CloudError, match="connecting failed"):
        Session(replace(address, host="nowhere.invalid"))


def test_wrong_key_is_not_retried_and_not_shown(server: Server) -> None:
    secret = "WrongKeyWrongKeyWrongKeyWrongKeyWrongKeyWro"
    server.faults.error("AUTH", 10004, f"Wrong key {secret} in AUTH APIKEY {secret}; try\nanother")
    with pytest.raises(CommandRefused, match="privilege") as caught:
        databases.on_node(address_of(server, apikey=secret), databases.names)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert secret not in shown
    assert "\n" not in str(caught.value)
    assert len(server.connections) == 1


def test_failed_login_closes_the_socket(server: Server) -> None:
    for _ in range(3):  # an open socket is a ResourceWarning, which fails the test
        with pytest.raises(CommandRefused):
            Session(address_of(server, apikey="x" * 43))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key abc is bad", "key *** is bad"),
        ("Unable to find command AUTH APIKEY xyz;USE x", "Unable to find command AUTH APIKEY ***"),
        ("near UPLOAD DATABASE 'x' KEY hush now", "near UPLOAD DATABASE 'x' KEY *** now"),
        ("USER a PASSWORD 'b c' ROLE", "USER a PASSWORD *** ROLE"),
        ("PASSWORD 'b c", "PASSWORD ***"),
        ("a\x1b[31m\r\nb\u202e", "a [31m b"),
        ("z" * 999, "z" * 200),
    ],
)
def test_error_text_of_a_node_is_masked(text: str, shown: str) -> None:
    assert masked(text, ["abc"]) == shown


@pytest.mark.parametrize(
    "name",
    ["", " a", "a ", ".", "..", ":memory:", "a'b", 'a"b', "a`b", "a;b", "a\\b", "a/b", "a\nb", "a\0b", "x" * 201],
)
def test_names_that_could_inject_commands_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


@pytest.mark.parametrize("name", ["app.db", "db space.sqlite", "a.b.c", "naïve-数据", "? (1) & % # @ !", "a--b"])
def test_unusual_names_are_accepted(server: Server, tmp_path: Path, name: str) -> None:
    source = tmp_path / "source.db"
    source.write_bytes((server.data / NAME).read_bytes())
    address = address_of(server)
    databases.put(address, name, source, lambda *_: None)
    assert databases.exists(address, name)
    databases.remove(address, name)
    assert not databases.exists(address, name)
    assert quoted(name) == f"'{name}'"


def test_silent_node_times_out_and_the_late_reply_is_discarded(server: Server, impatient: Address) -> None:
    let = threading.Event()
    server.faults.drip("GET INFO", lambda _: let.wait() and None)
    with Session(impatient) as session:
        with pytest.raises(TimedOut, match="no reply in time"):
            session.value("GET INFO sqlitecloud_version")
        let.set()
        assert session.closed
        with pytest.raises(Lost, match="closed"):
            session.value("PING")


def test_connection_is_usable_after_an_error_reply(address: Address) -> None:
    with Session(address) as session:
        with pytest.raises(CommandRefused, match="10002"):
            session.ok("SET BOGUS STATEMENT TO 1")
        assert session.value("PING") == "PONG"


def test_reply_of_another_type_is_an_error(address: Address) -> None:
    asks: list[Callable[[Session], object]] = [
        lambda session: session.ok("PING"),
        lambda session: session.rows("PING"),
        lambda session: session.value("LIST DATABASES"),
    ]
    for ask in asks:
        with Session(address) as session, pytest.raises(Garbled, match="invalid reply"):
            ask(session)


@pytest.mark.parametrize("code", [5, 6, 10006])
def test_busy_node_and_change_of_leader_are_retried(server: Server, code: int) -> None:
    server.faults.error("LIST DATABASES", code, "later", times=3)
    assert databases.exists(address_of(server), NAME)
    assert len(server.connections) == 4


def test_number_of_attempts_is_limited(server: Server) -> None:
    server.faults.error("LIST DATABASES", 10006, "later", times=None)
    with pytest.raises(CommandRefused, match="later"):
        databases.exists(address_of(server), NAME)
    assert len(server.connections) == 4


@pytest.mark.parametrize("code", [1, 26, 10001, 10002, 10003, 10004, 10005])
def test_permanent_error_is_not_retried(server: Server, code: int) -> None:
    server.faults.error("LIST DATABASES", code, "no", times=None)
    with pytest.raises(CommandRefused):
        databases.exists(address_of(server), NAME)
    assert len(server.connections) == 1


@pytest.mark.parametrize("reset", [False, True])
def test_broken_connection_is_retried(server: Server, reset: bool) -> None:
    server.faults.cut("LIST DATABASES", 4, reset=reset)
    assert databases.exists(address_of(server), NAME)


def test_dropped_handshake_is_retried(secure: Server) -> None:
    secure.faults.drop_handshakes(2)
    assert databases.exists(address_of(secure), NAME)


def test_refused_details_fall_back_to_names(server: Server) -> None:
    server.faults.error("LIST DATABASES DETAILED", 26, "file is not a database")
    with Session(address_of(server)) as session:
        assert [(one.name, one.size) for one in databases.listed(session)] == [(NAME, None)]


def test_ten_thousand_databases_are_listed(server: Server, data: Path) -> None:
    for number in range(10_000):
        (data / f"d{number:05}").touch()
    with Session(address_of(server)) as session:
        assert len(databases.names(session)) == 10_001
