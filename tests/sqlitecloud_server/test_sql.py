"""SQL on the server: bindings, multiple statements, transactions and errors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.sqlitecloud import Server
from tests.sqlitecloud_server.raw import Raw, code, values


def test_bindings_are_consumed_across_the_statements_of_a_request(client: Raw) -> None:
    text = "INSERT INTO t (n) VALUES (?); INSERT INTO t (n) VALUES (?); SELECT group_concat(n) FROM t WHERE n IN (?, ?)"
    assert values(client.ask(text, "p", "q", "p", "q"))[1:] == ["p,q"]


def test_name_used_twice_takes_one_binding(client: Raw) -> None:
    assert values(client.ask("SELECT :a || @b || :a || $c; SELECT ?2 || ?1", 1, 2, 3, 4, 5))[1:] == ["54"]
    assert values(client.ask("SELECT :a || @b || :a || $c", 1, 2, 3))[1:] == ["1213"]


def test_parameter_syntax_in_a_string_is_not_a_parameter(client: Raw) -> None:
    assert values(client.ask("SELECT 'is it :a?' || ?", "!"))[1:] == ["is it :a?!"]


def test_parameter_without_a_binding_is_null(client: Raw) -> None:
    assert values(client.ask("SELECT ?, ?", 7))[2:] == ["7", "NULL"]


def test_commands_between_statements_take_bindings(connect: Callable[..., Raw]) -> None:
    raw = connect()
    found = raw.ask("USE DATABASE ?; SELECT n FROM t WHERE id = ?", "x.db", 1)
    assert found.endswith(b"+1 a")


def test_first_error_is_the_reply_and_stops_the_rest(client: Raw) -> None:
    reply = client.ask("INSERT INTO t VALUES (8, 'kept'); SELECT nope; INSERT INTO t VALUES (9, 'not')")
    assert code(reply) == 1
    assert values(client.ask("SELECT max(id) FROM t"))[1:] == ["8"]


def test_only_the_last_statement_is_answered(client: Raw) -> None:
    text = "".join(f"SELECT {number};" for number in range(5000))
    assert values(client.ask(text)) == ["4999", "4999"]


def test_transaction_belongs_to_its_connection(client: Raw, connect: Callable[..., Raw]) -> None:
    other = connect("x.db")
    assert client.ask("BEGIN") == b"+2 OK"
    assert client.ask("INSERT INTO t VALUES (5, 'mine')").startswith(b"=")
    assert values(other.ask("SELECT count(*) FROM t"))[1:] == ["2"]
    assert values(client.ask("SELECT count(*) FROM t"))[1:] == ["3"]
    assert client.ask("COMMIT") == b"+2 OK"
    assert values(other.ask("SELECT count(*) FROM t"))[1:] == ["3"]


def test_closed_connection_rolls_back_its_transaction(client: Raw, connect: Callable[..., Raw]) -> None:
    with connect("x.db") as other:
        other.ask("BEGIN")
        other.ask("INSERT INTO t VALUES (5, 'lost')")
    assert client.ask("INSERT INTO t VALUES (6, 'kept')").startswith(b"=")
    assert values(client.ask("SELECT group_concat(id) FROM t"))[1:] == ["1,2,6"]


def test_locked_database_is_a_sqlite_error(server: Server, connect: Callable[..., Raw]) -> None:
    server.settings["dbbusy_timeout"] = "0"
    one, other = connect("x.db"), connect("x.db")
    one.ask("BEGIN IMMEDIATE")
    assert code(other.ask("INSERT INTO t VALUES (5, 'x')")) == 5


def test_changes_are_counted_per_connection(client: Raw, connect: Callable[..., Raw]) -> None:
    client.ask("INSERT INTO t (n) VALUES ('p'), ('q')")
    connect("x.db").ask("INSERT INTO t (n) VALUES ('r')")
    assert client.ask("UPDATE t SET n = 'z' WHERE id = 1") == b"=21 6 :10 :0 :4 :1 :3 :1 "


def test_returning_gives_rows(client: Raw) -> None:
    assert client.ask("INSERT INTO t (n) VALUES ('p') RETURNING 7").endswith(b":7 ")


def test_64_bit_integers_and_blobs_are_exact(client: Raw) -> None:
    assert client.ask("SELECT ?", -(2**63)).endswith(b":-9223372036854775808 ")
    assert client.ask("SELECT ?", bytes(range(256))).endswith(b"$256 " + bytes(range(256)))


def test_memory_database_belongs_to_its_connection(client: Raw, connect: Callable[..., Raw]) -> None:
    assert client.ask("USE DATABASE :memory:; CREATE TABLE m (a); INSERT INTO m VALUES (1)").startswith(b"=")
    other = connect()
    assert code(other.ask("USE DATABASE :memory:; SELECT * FROM m")) == 1
    assert values(client.ask("SELECT count(*) FROM m"))[1:] == ["1"]


def test_sql_without_a_database_is_refused(connect: Callable[..., Raw]) -> None:
    assert code(connect().ask("SELECT 1")) == 10005


@pytest.mark.parametrize(
    "sql", ["ATTACH '/etc/passwd' AS p", "PRAGMA journal_mode = DELETE", "PRAGMA writable_schema = 1"]
)
def test_statements_that_reach_outside_the_database_are_refused(client: Raw, sql: str) -> None:
    assert code(client.ask(sql)) == 23


def test_text_that_is_not_utf8_is_sent_unchanged(client: Raw) -> None:
    client.ask("INSERT INTO t VALUES (9, CAST(x'ff41' AS TEXT))")
    reply = client.ask("SELECT n, id, NULL, x'ff', 'fine' FROM t WHERE id = ?;", 9)
    assert reply.endswith(b"+2 \xffA:9 _ $1 \xff+4 fine")
    assert b"+4 TEXT" in reply


def test_damaged_file_is_a_sqlite_error(client: Raw, data: Path) -> None:
    (data / "bad.db").write_bytes((data / "x.db").read_bytes()[:4096] + b"damage" * 1000)
    assert code(client.ask("USE DATABASE bad.db; SELECT * FROM t")) == 11
