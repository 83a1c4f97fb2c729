"""Malformed requests drop the connection; valid ones are read completely."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.sqlitecloud import Server
from tests.servers.sqlitecloud.statements import split, words
from tests.sqlitecloud_server.raw import Gone, Raw


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"+x PING",
        b"+-4 PING",
        b"+999999999999 ",
        b"+" + b"1" * 40,
        b"!4 PING",
        b"+3 PING",
        b"+2 \xff\xfe",
        b"=4 0   ",
        b"=9 1 !5 PING\0",
        b"=14 2 !5 PING\0:1x ",
        b"=15 2 !5 PING\0:True ",
        b"=13 1 !5 PING\0:1 ",
        b"=14 2 !5 PING\0$9 a",
        b"=13 2 !5 PING\0~1 ",
        b"^4 PING",
    ],
)
def test_malformed_request_drops_the_connection(client: Raw, request_bytes: bytes) -> None:
    client.socket.sendall(request_bytes)
    client.socket.shutdown(1)
    with pytest.raises(Gone):
        drain(client)


@given(st.binary(max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_input_harms_the_server(connect: Callable[..., Raw], noise: bytes) -> None:
    with connect(login=False) as raw:
        raw.socket.sendall(noise)
        raw.socket.shutdown(1)
        with pytest.raises(Gone):
            drain(raw)
    assert connect().ask("PING") == b"+4 PONG"


def drain(raw: Raw) -> None:
    """Reads replies until the connection ends: the bytes before the malformed part may be a request."""
    while True:
        raw.reply()


def test_request_of_twelve_megabytes_is_answered(client: Raw) -> None:
    text = "x" * (12 << 20)
    assert client.ask(f"SELECT length('{text}') AS n").endswith(b":%d " % len(text))


def test_request_above_the_limit_drops_the_connection(server: Server, client: Raw) -> None:
    server.settings["request_limit"] = "1000"
    assert client.ask("SELECT 1 -- " + "x" * 900).startswith(b"*")
    with pytest.raises(Gone):
        client.ask("SELECT 1 -- " + "x" * 1000)


def test_statements_end_at_semicolons_outside_quotes_and_comments() -> None:
    text = """ ; SELECT ';' ; SELECT "a;b" /* ; */; -- one ; two
        SELECT [c;d], `e;f`; SELECT 'it''s;'"""
    assert split(text) == [
        "SELECT ';' ;",
        'SELECT "a;b" /* ; */;',
        "SELECT [c;d], `e;f`;",
        "SELECT 'it''s;'",
    ]


def test_trigger_body_is_not_split() -> None:
    trigger = "CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET n = ';'; DELETE FROM t; END;"
    assert split(f"{trigger} SELECT 1; {trigger}") == [trigger, "SELECT 1;", trigger]


@given(st.lists(st.sampled_from(["SELECT 1", "PING", "SELECT ';'", 'SELECT "x"']), max_size=6))
@settings(max_examples=50, deadline=None)
def test_joined_statements_are_split_again(statements: list[str]) -> None:
    assert [found.rstrip(";") for found in split(";\n".join(statements))] == statements


def test_names_are_parsed_in_every_quoting_style() -> None:
    found = words("USE 'db space.sqlite' \"with \"\"quotes\"\"\" 'it''s' bare.db ?;")
    assert [(word.text, word.quoted) for word in found] == [
        ("USE", False),
        ("db space.sqlite", True),
        ('with "quotes"', True),
        ("it's", True),
        ("bare.db", False),
        ("?", False),
    ]
