"""Requests and replies equal the examples of the protocol's documentation, byte for byte."""

from collections.abc import Callable

import pytest

from tests.servers.sqlitecloud import APIKEY
from tests.servers.sqlitecloud.keywords import KEYWORDS
from tests.sqlitecloud_server.raw import END, Raw, frames


@pytest.mark.parametrize(
    ("request_bytes", "reply"),
    [
        (b"+4 PING", b"+4 PONG"),
        (b"!5 PING\0", b"+4 PONG"),
        (b"=10 1 !5 PING\0", b"+4 PONG"),
        (b"+11 TEST STRING", b"+35 Hello World, this is a test string."),
        (b"+12 TEST STRING0", b"+0 "),
        (
            b"+16 TEST ZERO_STRING",
            b"!52 Hello World, this is a zero-terminated test string.\0",
        ),
        (b"+12 TEST INTEGER", b":123456 "),
        (b"+10 TEST INT64", b":9223372036854775807 "),
        (b"+10 TEST FLOAT", b",3.1415926 "),
        (b"+9 TEST NULL", b"_ "),
        (b"+10 TEST BLOB0", b"$0 "),
        (b"+12 TEST COMMAND", b"^4 PING"),
        (b"+11 TEST ARRAY0", b"=2 0 "),
        (
            b"+10 TEST ARRAY",
            b"=49 5 +11 Hello World:123456 ,3.1415 _ $10 \0\1\2\3\4\5\6\7\10\11",
        ),
        (b"+10 TEST ERROR", b"-64 66666:0:-1 This is a test error message with a devil error code."),
        (b"+8 SELECT 1", b"*15 0:1 1 1 +1 1:1 "),
        (b"+13 UNUSE DATABASE", b"+2 OK"),
    ],
)
def test_reply_has_the_bytes_of_the_protocol(client: Raw, request_bytes: bytes, reply: bytes) -> None:
    kind, _, body = request_bytes.partition(b" ")
    sized = b"%b%d %b" % (kind[:1], len(body), body)
    assert client.send(sized) == reply


def test_extended_error_has_all_three_codes(client: Raw) -> None:
    text = b"This is a test error message with an extcode and a devil error code."
    assert client.ask("TEST EXTERROR") == b"-%d 66666:333:-1 %b" % (len(text) + 13, text)


def test_rows_of_a_table_have_the_origin_of_each_column(client: Raw) -> None:
    assert client.ask("SELECT * FROM t ORDER BY id LIMIT 2") == (
        b"*95 0:2 2 2 +2 id+1 n+7 INTEGER+4 TEXT+4 main+4 main+1 t+1 t+2 id+1 n:1 :0 :1 :0 :1 :0 :1 +1 a:2 _ "
    )


def test_rows_of_expressions_have_only_column_names(client: Raw) -> None:
    assert client.ask("SELECT 42, 'hello'") == b"*35 0:1 1 2 +2 42+7 'hello':42 +5 hello"


def test_empty_rowset_has_its_column_names(client: Raw) -> None:
    assert client.ask("SELECT 1 AS id WHERE 0") == b"*13 0:1 0 1 +2 id"


def test_write_returns_its_counts(client: Raw) -> None:
    assert client.ask("INSERT INTO t (n) VALUES ('c')") == b"=21 6 :10 :0 :3 :1 :1 :1 "
    assert client.ask("DELETE FROM t WHERE id < 3") == b"=21 6 :10 :0 :3 :2 :3 :1 "


def test_bindings_of_every_type_are_returned_unchanged(client: Raw) -> None:
    request = b"=57 6 !21 SELECT ?, ?, ?, ?, ?\0!6 world\0:123 ,3.14 _ $5 hello"
    assert client.send(request).endswith(b"+5 world:123 ,3.14 _ $5 hello")


def test_keywords_in_chunks_have_the_captured_bytes(client: Raw) -> None:
    reply = client.ask("TEST ROWSET_CHUNK")
    assert reply.startswith(b"/24 1:1 1 1 +3 key+7 REINDEX/18 2:1 1 1 +7 INDEXED")
    assert reply.endswith(b"/20 147:1 1 1 +7 PRIMARY/6 0 0 0 ")


def test_compressed_chunks_have_the_same_content_and_an_uncompressed_end(client: Raw) -> None:
    reply = client.ask("TEST ROWSET_CHUNK_COMPRESSED")
    assert reply.startswith(b"%35 18 16 /0 1:1 1 1 \xf0\x01+3 key+7 REINDEX")
    assert reply.endswith(END)
    assert b"".join(frames(reply)) + END == client.ask("TEST ROWSET_CHUNK")


def test_keywords_in_one_rowset_are_complete(client: Raw) -> None:
    for name in ("TEST ROWSET_NOCHUNK", "TEST ROWSET_NOCHUNK_COMPRESSED"):
        (frame,) = frames(client.ask(name))
        assert frame.count(b"+") == 1 + len(KEYWORDS) == 148


def test_missing_database_is_refused_with_the_known_text(client: Raw) -> None:
    text = b"10001:0:-1 Database missing.sqlite does not exist."
    assert client.ask("DOWNLOAD DATABASE missing.sqlite;") == b"-%d %b" % (len(text), text)


def test_unknown_command_is_echoed(client: Raw) -> None:
    text = b"10002:0:-1 Unable to find command SET BOGUS STATEMENT TO 1;"
    assert client.ask("SET BOGUS STATEMENT TO 1;") == b"-%d %b" % (len(text), text)


def test_sqlite_error_has_its_codes_and_offset(client: Raw) -> None:
    assert client.ask("SELECT nope FROM t") == b"-26 1:1:7 no such column: nope"
    assert client.ask("COMMIT").endswith(b" 1:1:-1 cannot commit - no transaction is active")


def test_python_driver_connects_with_one_request(connect: Callable[..., Raw]) -> None:
    raw = connect(login=False)
    text = f"AUTH APIKEY {APIKEY};USE DATABASE x.db;SET CLIENT KEY COMPRESSION TO 1;"
    assert raw.ask(text) == b"+2 OK"
    assert raw.ask("GET DATABASE NAME") == b"+4 x.db"


def test_go_driver_connects_with_one_request(connect: Callable[..., Raw]) -> None:
    raw = connect(login=False)
    assert raw.ask("AUTH APIKEY ?;USE DATABASE ?;SET CLIENT KEY ? TO 1;", APIKEY, "x.db", "NOBLOB") == b"+2 OK"
    assert raw.ask("GET CLIENT KEY NOBLOB") == b"+1 1"
