"""Databases: names, life cycle and listings."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.sqlitecloud import Server
from tests.sqlitecloud_server.raw import Raw, code, values

NAMES = ["plain", "db space.sqlite", "dots.and.more.db", "ünïcode-Ω.db", "UPPER.db", "100%.db"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_database_with_any_valid_name_is_created_used_and_removed(client: Raw, name: str, quote: str) -> None:
    quoted = f"{quote}{name}{quote}"
    assert client.ask(f"CREATE DATABASE {quoted}") == b"+2 OK"
    assert name in values(client.ask("LIST DATABASES"))
    assert client.ask(f"USE DATABASE {quoted}; CREATE TABLE k (a)") == b"+2 OK"
    assert client.ask("GET DATABASE NAME") == b"+%d %b" % (len(name.encode()), name.encode())
    assert client.ask(f"UNUSE DATABASE; REMOVE DATABASE {quoted}") == b"+2 OK"
    assert values(client.ask("LIST DATABASES")) == ["name", "x.db"]


@pytest.mark.parametrize(
    "name", ["a;b", "../x.db", "a/b", "a\\b", "", ".hidden", "x.db-wal", "tab\there", "quo`te", "n" * 300]
)
def test_invalid_database_names_are_refused(client: Raw, name: str) -> None:
    for text in (
        "CREATE DATABASE ?",
        "USE DATABASE ?",
        "DOWNLOAD DATABASE ?",
        "UPLOAD DATABASE ?",
        "REMOVE DATABASE ?",
    ):
        reply = client.ask(text, name)
        assert f"Database name contains invalid characters ({name}).".encode() in reply


def test_name_with_an_injected_command_runs_nothing(client: Raw, data: Path) -> None:
    for text in ("USE DATABASE 'x.db; REMOVE DATABASE x.db'", 'DOWNLOAD DATABASE "x.db; REMOVE DATABASE x.db"'):
        assert code(client.ask(text)) == 10005
    assert (data / "x.db").exists()


def test_file_added_to_the_folder_is_served(client: Raw, data: Path) -> None:
    shutil.copy(data / "x.db", data / "later.db")
    assert values(client.ask("LIST DATABASES")) == ["name", "later.db", "x.db"]
    assert values(client.ask("USE DATABASE later.db; SELECT count(*) FROM t"))[1:] == ["2"]


def test_creating_an_existing_database_is_an_error_unless_allowed(client: Raw) -> None:
    assert b"already exists" in client.ask("CREATE DATABASE x.db")
    assert client.ask("CREATE DATABASE x.db IF NOT EXISTS") == b"+2 OK"


def test_page_size_and_encoding_are_as_created(client: Raw) -> None:
    assert client.ask("CREATE DATABASE w.db ENCODING UTF-16le PAGESIZE 1024") == b"+2 OK"
    assert client.ask("USE DATABASE w.db; PRAGMA page_size").endswith(b":1024 ")
    assert client.ask("PRAGMA encoding").endswith(b"+8 UTF-16le")
    assert code(client.ask("CREATE DATABASE v.db PAGESIZE 999")) == 10005


def test_removing_a_missing_database_is_an_error_unless_allowed(client: Raw) -> None:
    assert code(client.ask("REMOVE DATABASE none.db")) == 10001
    assert client.ask("REMOVE DATABASE none.db IF EXISTS") == b"+2 OK"


def test_connections_own_database_cannot_be_removed(client: Raw) -> None:
    assert code(client.ask("REMOVE DATABASE x.db")) == 10005
    assert client.ask("UNUSE DATABASE; REMOVE DATABASE x.db") == b"+2 OK"


def test_user_of_a_removed_database_gets_an_error(client: Raw, connect: Callable[..., Raw]) -> None:
    other = connect("x.db")
    client.ask("UNUSE DATABASE; REMOVE DATABASE x.db; CREATE DATABASE x.db")
    assert b"x.db does not exist" in other.ask("SELECT * FROM t")


def test_failed_use_keeps_the_current_database(client: Raw) -> None:
    assert code(client.ask("USE DATABASE none.db")) == 10001
    assert client.ask("GET DATABASE NAME") == b"+4 x.db"


def test_disabled_database_cannot_be_used_or_listed(client: Raw, connect: Callable[..., Raw]) -> None:
    assert client.ask("UNUSE DATABASE; DISABLE DATABASE x.db") == b"+2 OK"
    other = connect()
    assert b"disabled" in other.ask("USE DATABASE x.db")
    assert b"disabled" in other.ask("DOWNLOAD DATABASE x.db")
    assert values(other.ask("LIST DATABASES")) == ["name"]
    assert b"+4 x.db" in other.ask("LIST DATABASES DETAILED")
    assert client.ask("ENABLE DATABASE x.db; USE DATABASE x.db") == b"+2 OK"


def test_detailed_list_has_the_columns_of_the_platform(client: Raw) -> None:
    names = ["name", "size", "connections", "encryption", "backup", "nread", "nwrite", "inbytes", "outbytes"]
    names += ["fragmentation", "pagesize", "encoding", "status", "wal_size", "shm_size", "cloudsync", "rls", "udf"]
    found = values(client.ask("LIST DATABASES DETAILED"))
    row = dict(zip(names, found[18:], strict=True))
    assert found[:18] == names
    assert (row["name"], row["connections"], row["status"], row["pagesize"]) == ("x.db", "1", "1", "4096")
    assert row["encryption"] == "NULL"


def test_damaged_file_is_listed_as_in_error(client: Raw, data: Path) -> None:
    (data / "bad.db").write_bytes(b"SQLite format 3\0" + bytes(20_000))
    found = values(client.ask("LIST DATABASES DETAILED"))
    rows = [dict(zip(found[:18], found[at : at + 18], strict=True)) for at in range(18, len(found), 18)]
    assert [(row["name"], row["status"]) for row in rows] == [("bad.db", "4"), ("x.db", "1")]


def test_database_keys_survive_a_restart(data: Path) -> None:
    with Server(data, plain=True) as server, Raw(server) as raw:
        assert raw.ask("SET DATABASE x.db KEY backup TO 1") == b"+2 OK"
    with Server(data, plain=True) as server, Raw(server) as raw:
        assert raw.ask("GET DATABASE x.db KEY backup") == b"+1 1"
        assert values(raw.ask("LIST DATABASE x.db KEYS")) == ["key", "value", "backup", "1"]
        assert raw.ask("REMOVE DATABASE x.db KEY backup; GET DATABASE x.db KEY backup") == b"_ "


def test_metadata_and_tables_are_listed(client: Raw) -> None:
    assert client.ask("LIST METADATA").startswith(b"*")
    assert client.ask("LIST METADATA").split(b" ")[2:4] == [b"2", b"8"]
    assert client.ask("LIST METADATA main TABLE t").split(b" ")[2:4] == [b"2", b"6"]
    assert b"+1 t+5 table" in client.ask("LIST TABLES")


def test_ten_thousand_databases_are_listed(client: Raw, data: Path) -> None:
    for number in range(10_000):
        (data / f"many-{number:05}.db").touch()
    assert len(values(client.ask("LIST DATABASES"))) == 10_002


def test_listed_commands_have_their_privileges(client: Raw) -> None:
    assert b"DOWNLOAD STEP" not in client.ask("LIST COMMANDS")
    detailed = client.ask("LIST RESERVED COMMANDS DETAILED")
    assert b" DOWNLOAD DATABASE <db> [IF EXISTS]" in detailed
    assert b"privileges" in detailed


def test_node_reports_its_status(client: Raw, server: Server) -> None:
    assert b"sqlite_version" in client.ask("LIST INFO")
    assert client.ask("GET USER") == b"+5 admin"
    assert b"Leader" in client.ask("LIST NODES")
    assert client.ask("SLEEP 0") == b"+2 OK"
    assert b"x.db" in client.ask("GET CONNECTION STATUS")
    assert client.ask("SET KEY download_chunk_size TO 4096; GET KEY download_chunk_size") == b"+4 4096"
    assert server.settings.number("download_chunk_size") == 4096
