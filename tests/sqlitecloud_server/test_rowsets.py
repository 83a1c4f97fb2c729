"""Rowsets: chunks, compression and the client keys that change them."""

import pytest

from tests.servers.sqlitecloud import Server
from tests.sqlitecloud_server.raw import END, Raw, code, frames, values

MANY = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT i FROM n"
NUMBERS = [str(number) for number in range(1, 101)]


def test_large_rowsets_are_sent_in_chunks_of_whole_rows(server: Server, client: Raw) -> None:
    server.settings["max_chunk_size"] = "100"
    reply = client.ask(MANY)
    assert reply.endswith(END)
    parts = frames(reply)
    assert len(parts) > 3
    assert [part.split(b" ")[1] for part in parts] == [b"%d:1" % (n + 1) for n in range(len(parts))]
    assert all(len(part) < 130 for part in parts)
    assert values(reply) == ["i", *NUMBERS]


def test_maxrows_limits_the_rows_of_a_chunk(client: Raw) -> None:
    client.ask("SET CLIENT KEY MAXROWS TO 7")
    reply = client.ask(MANY)
    assert len(frames(reply)) == 15
    assert values(reply) == ["i", *NUMBERS]


@pytest.mark.parametrize("chunk", [100, 1 << 20])
def test_compressed_rowsets_have_the_same_content(server: Server, client: Raw, chunk: int) -> None:
    server.settings["min_compression_size"] = "50"
    server.settings["max_chunk_size"] = str(chunk)
    plain = client.ask(MANY)
    client.ask("SET CLIENT KEY COMPRESSION TO 1")
    packed = client.ask(MANY)
    assert packed.startswith(b"%")
    assert frames(packed) == frames(plain)


def test_small_rowsets_are_not_compressed(client: Raw) -> None:
    client.ask("SET CLIENT KEY COMPRESSION TO 1")
    assert client.ask("SELECT 1").startswith(b"*")
    assert client.ask("SELECT hex(zeroblob(20000))").startswith(b"%")


def test_rowset_above_maxrowset_is_refused(client: Raw) -> None:
    client.ask("SET CLIENT KEY MAXROWSET TO 100")
    reply = client.ask(MANY)
    assert reply.endswith(b"10003:0:-1 RowSet too big to be sent (limit set to 100 bytes).")
    assert client.ask("SELECT 1").startswith(b"*")


def test_zerotext_ends_values_with_a_zero_but_not_names(client: Raw) -> None:
    client.ask("SET CLIENT KEY ZEROTEXT TO 1")
    assert client.ask("SELECT 'a' AS n").endswith(b"+1 n!2 a\0")


def test_noblob_and_maxdata_omit_values(client: Raw) -> None:
    client.ask("SET CLIENT KEY NOBLOB TO 1")
    assert values(client.ask("SELECT x'00', 'text'"))[2:] == ["NULL", "text"]
    client.ask("SET CLIENT KEY MAXDATA TO 3")
    assert values(client.ask("SELECT 'abc', 'abcd'"))[2:] == ["abc", "NULL"]


def test_client_keys_are_listed_set_and_removed(client: Raw) -> None:
    assert client.ask("GET CLIENT KEY MAXROWS") == b"+1 0"
    assert client.ask("set client key maxrows to 9") == b"+2 OK"
    assert client.ask("GET CLIENT KEY MAXROWS") == b"+1 9"
    assert b"+7 MAXROWS+1 9" in client.ask("LIST CLIENT KEYS")
    assert client.ask("REMOVE CLIENT KEY MAXROWS") == b"+2 OK"
    assert client.ask("GET CLIENT KEY MAXROWS") == b"+1 0"


def test_unknown_and_fixed_client_keys_are_refused(client: Raw) -> None:
    assert code(client.ask("SET CLIENT KEY BOGUS TO 1")) == 10001
    assert b"read-only" in client.ask("SET CLIENT KEY UUID TO 1")
    assert code(client.ask("SET CLIENT KEY MAXROWS TO many")) == 10005
