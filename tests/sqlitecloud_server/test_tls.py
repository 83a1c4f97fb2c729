"""TLS versions of the server, and its certificates that clients must refuse."""

import socket
import ssl
from contextlib import suppress

import pytest

from tests.servers.sqlitecloud import Server
from tests.sqlitecloud_server.raw import Gone, Raw


def test_connections_use_tls_1_3(secure: Server) -> None:
    with Raw(secure) as raw:
        assert raw.ask("PING") == b"+4 PONG"
        assert isinstance(raw.socket, ssl.SSLSocket)
        assert raw.socket.version() == "TLSv1.3"
        assert b"TLSv1.3" in raw.ask("GET INFO tls")


def test_tls_can_be_limited_to_1_2(secure: Server) -> None:
    secure.faults.tls_maximum = "1.2"
    with Raw(secure) as raw:
        assert isinstance(raw.socket, ssl.SSLSocket)
        assert raw.socket.version() == "TLSv1.2"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("expired", "certificate has expired"),
        ("wrong-host", "Hostname mismatch"),
        ("unknown-ca", "unable to get"),
    ],
)
def test_bad_certificate_is_refused_for_the_right_reason(secure: Server, kind: str, reason: str) -> None:
    secure.faults.certificate = kind
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        Raw(secure)
    secure.faults.clear()
    with Raw(secure) as raw:
        assert raw.ask("PING") == b"+4 PONG"


def test_connection_can_be_dropped_before_the_handshake(secure: Server) -> None:
    secure.faults.drop_handshakes()
    with pytest.raises((ConnectionError, ssl.SSLError)):
        Raw(secure)


def test_client_without_tls_gets_no_reply_and_does_no_harm(secure: Server) -> None:
    with socket.create_connection(("127.0.0.1", secure.port), 20) as plain:
        plain.sendall(b"+4 PING")
        with suppress(ConnectionResetError):
            assert b"PONG" not in plain.recv(100)
    with Raw(secure) as raw:
        assert raw.ask("PING") == b"+4 PONG"


def test_both_addresses_of_localhost_are_served(secure: Server) -> None:
    context = ssl.create_default_context(cafile=secure.ca)
    for address in ("127.0.0.1", "::1"):
        try:
            sock = socket.create_connection((address, secure.port), 20)
        except OSError:
            assert address == "::1"  # a machine without IPv6
            continue
        with sock, context.wrap_socket(sock, server_hostname=address) as wrapped:
            assert wrapped.version() == "TLSv1.3"


def test_connection_can_be_cut_under_tls(secure: Server) -> None:
    secure.faults.cut("PING", 3)
    with Raw(secure) as raw, pytest.raises(Gone) as gone:
        raw.ask("PING")
    assert gone.value.got == b"+4 "
