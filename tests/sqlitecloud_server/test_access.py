"""Logins, privileges, scopes and expiry."""

import base64
import hashlib
from collections.abc import Callable

import pytest

from tests.servers.sqlitecloud import PASSWORD, TOKEN, USER, Server
from tests.servers.sqlitecloud.accounts import ApiKey, credential
from tests.sqlitecloud_server.raw import Gone, Raw, code

HASH = base64.b64encode(hashlib.sha256(PASSWORD.encode()).digest()).decode()
READER = "CREATE ROLE reader PRIVILEGE READ,DOWNLOAD,BACKUP DATABASE {scope} TABLE *;"
JOB = "CREATE USER job PASSWORD secret ROLE reader"


@pytest.mark.parametrize(
    "login", [f"AUTH USER {USER} PASSWORD {PASSWORD}", f"AUTH USER {USER} HASH {HASH}", f"AUTH TOKEN {TOKEN}"]
)
def test_every_kind_of_login_succeeds(connect: Callable[..., Raw], login: str) -> None:
    raw = connect(login=False)
    assert raw.ask(login) == b"+2 OK"
    assert raw.ask("GET USER") == b"+5 admin"


@pytest.mark.parametrize(
    "login",
    [
        f"AUTH USER {USER} PASSWORD wrong",
        f"AUTH USER nobody PASSWORD {PASSWORD}",
        f"AUTH USER {USER} HASH no-base64",
        "AUTH APIKEY wrong",
        "AUTH TOKEN wrong",
    ],
)
def test_failed_login_gets_an_error_and_closes_the_connection(connect: Callable[..., Raw], login: str) -> None:
    raw = connect(login=False)
    assert code(raw.ask(login)) == 10004
    with pytest.raises(Gone):
        raw.ask("PING")


def test_only_client_keys_work_before_login(connect: Callable[..., Raw]) -> None:
    raw = connect(login=False)
    assert raw.ask("SET CLIENT KEY COMPRESSION TO 1") == b"+2 OK"
    for text in ("USE DATABASE x.db", "LIST DATABASES", "SELECT 1", "DOWNLOAD DATABASE x.db", "TEST STRING"):
        assert code(raw.ask(text)) == 10004


def _as_job(client: Raw, connect: Callable[..., Raw], scope: str = "*") -> Raw:
    assert client.ask(READER.format(scope=scope) + JOB) == b"+2 OK"
    raw = connect(login=False)
    assert raw.ask("AUTH USER job PASSWORD secret") == b"+2 OK"
    return raw


@pytest.mark.parametrize(
    "text",
    ["USE DATABASE x.db; SELECT * FROM t", "DOWNLOAD DATABASE x.db", "LIST BACKUPS", "LIST DATABASES DETAILED"],
)
def test_reader_may_use_its_privileges(client: Raw, connect: Callable[..., Raw], text: str) -> None:
    assert not _as_job(client, connect).ask(text).startswith(b"-")


@pytest.mark.parametrize(
    "text",
    [
        "CREATE DATABASE y.db",
        "REMOVE DATABASE x.db",
        "UPLOAD DATABASE y.db",
        "RESTORE BACKUP DATABASE x.db",
        "SET DATABASE x.db KEY backup TO 1",
        "LIST DATABASE x.db KEYS",
        "CREATE USER u PASSWORD p",
        "LIST NODES",
        "SET KEY a TO b",
    ],
)
def test_reader_is_denied_everything_else(client: Raw, connect: Callable[..., Raw], text: str) -> None:
    assert code(_as_job(client, connect).ask(text)) == 10004


def test_reader_cannot_write(client: Raw, connect: Callable[..., Raw]) -> None:
    raw = _as_job(client, connect)
    raw.ask("USE DATABASE x.db")
    for sql in ("INSERT INTO t VALUES (9, 'x')", "DROP TABLE t", "CREATE TABLE u (a)", "PRAGMA user_version = 3"):
        assert code(raw.ask(sql)) == 23
    assert raw.ask("PRAGMA quick_check").endswith(b"+2 ok")
    assert raw.ask("PRAGMA table_info(t)").startswith(b"*")


def test_role_for_one_database_grants_nothing_on_another(client: Raw, connect: Callable[..., Raw]) -> None:
    client.ask("CREATE DATABASE y.db")
    raw = _as_job(client, connect, scope="x.db")
    assert raw.ask("DOWNLOAD DATABASE x.db").startswith(b"=")
    assert code(raw.ask("DOWNLOAD DATABASE y.db")) == 10004
    assert code(raw.ask("USE DATABASE y.db")) == 10004


def test_role_without_a_database_takes_effect_with_a_grant(client: Raw, connect: Callable[..., Raw]) -> None:
    client.ask("CREATE ROLE reader PRIVILEGE READ;" + JOB)
    raw = connect(login=False)
    raw.ask("AUTH USER job PASSWORD secret")
    assert code(raw.ask("USE DATABASE x.db")) == 10004
    assert client.ask("GRANT ROLE reader USER job DATABASE x.db") == b"+2 OK"
    assert raw.ask("USE DATABASE x.db") == b"+2 OK"


def test_replacing_upload_needs_the_privilege_to_drop(client: Raw, connect: Callable[..., Raw]) -> None:
    client.ask("CREATE ROLE maker PRIVILEGE CREATE_DATABASE DATABASE *; CREATE USER m PASSWORD p ROLE maker")
    raw = connect(login=False)
    raw.ask("AUTH USER m PASSWORD p")
    assert raw.ask("UPLOAD DATABASE y.db; UPLOAD ABORT") == b"+2 OK"
    assert code(raw.ask("UPLOAD DATABASE x.db REPLACE")) == 10004


def test_api_key_can_be_created_used_expires_and_removed(
    server: Server, client: Raw, connect: Callable[..., Raw]
) -> None:
    reply = client.ask('CREATE APIKEY USER admin NAME job EXPIRATION "2026-01-02 00:00:00"')
    key = reply.removeprefix(b"+43 ").decode()
    assert connect(login=False).ask(f"AUTH APIKEY {key}") == b"+2 OK"
    server.clock.advance(86400)
    assert code(connect(login=False).ask(f"AUTH APIKEY {key}")) == 10004
    assert client.ask(f"REMOVE APIKEY {key}") == b"+2 OK"
    assert code(client.ask(f"REMOVE APIKEY {key}")) == 10001


def test_disabled_user_cannot_log_in(client: Raw, connect: Callable[..., Raw]) -> None:
    client.ask("CREATE USER u PASSWORD p; DISABLE USER u")
    assert code(connect(login=False).ask("AUTH USER u PASSWORD p")) == 10004
    client.ask("ENABLE USER u")
    assert connect(login=False).ask("AUTH USER u PASSWORD p") == b"+2 OK"


def test_credentials_with_privileges_can_be_set_in_process(server: Server, connect: Callable[..., Raw]) -> None:
    server.accounts.add_user("backup", None, "READ,DOWNLOAD")
    server.accounts.keys["k"] = ApiKey("k", "backup", "k", server.clock.now())
    raw = connect(login=False)
    assert raw.ask("AUTH APIKEY k; DOWNLOAD DATABASE x.db").startswith(b"=")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("key", ("key", "ADMIN")),
        ("key=READ,DOWNLOAD", ("key", "READ,DOWNLOAD")),
        ("user:pass=word", ("user:pass=word", "ADMIN")),
        ("user:pass=BACKUP", ("user:pass", "BACKUP")),
        ("user:pass=SECRET", ("user:pass=SECRET", "ADMIN")),
    ],
)
def test_privileges_follow_the_last_equals_sign(text: str, found: tuple[str, str]) -> None:
    assert credential(text) == found


def test_connection_can_be_closed_by_another(client: Raw, connect: Callable[..., Raw]) -> None:
    other = connect()
    number = other.ask("GET CLIENT KEY ID").split(b" ")[1].decode()
    assert client.ask(f"CLOSE CONNECTION {number}") == b"+2 OK"
    with pytest.raises(Gone):
        other.ask("PING")
