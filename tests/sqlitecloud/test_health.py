"""Health of a SQLite Cloud source: each line true, each fault with what fixes it, and nothing changed on the node."""

import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.health import FOR_BACKUPS, FOR_RESTORES, Health, check
from tests.servers.sqlitecloud import APIKEY, Server
from tests.sqlitecloud.conftest import NAME, address_of
from tests.sqlitecloud_server.raw import Raw

NOW = datetime.now(UTC)  # the certificates are made today


def looked(address: Address, database: str = NAME, *, restores: bool = False, now: datetime = NOW) -> dict[str, Health]:
    found = list(check(address, database, now, restores=restores))
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def as_user(server: Server, privileges: str, database: str = "*") -> Address:
    server.accounts.add_user("job", "secret", privileges, database)
    return address_of(server, login="job:secret")


def test_an_administrator_over_tls_finds_all_in_order(secure: Server) -> None:
    found = looked(address_of(secure), restores=True)
    assert list(found) == ["source", "tls", "login", "database", *FOR_BACKUPS, *FOR_RESTORES]
    assert all(one.ok for one in found.values())
    assert re.fullmatch(
        r"TLSv1\.3, and the node's certificate ends on \d{4}-\d\d-\d\d, in (299|300) days", found["tls"].detail
    )
    assert found["login"].detail == "admin, by an API key"
    size = (secure.data / NAME).stat().st_size
    assert found["database"].detail == f"{NAME}: {size} bytes, status OK"


@pytest.mark.parametrize("missing", FOR_BACKUPS)
def test_a_missing_privilege_is_named_with_the_command_that_grants_it(server: Server, missing: str) -> None:
    rest = ",".join(name for name in FOR_BACKUPS if name != missing)
    found = looked(as_user(server, rest))
    assert [name for name, one in found.items() if one.ok is False] == [missing]
    assert f"GRANT PRIVILEGE {missing} ROLE" in found[missing].detail


@pytest.mark.parametrize("missing", FOR_RESTORES)
def test_what_only_restores_need_is_asked_for_only_by_them(server: Server, missing: str) -> None:
    rest = ",".join(name for name in (*FOR_BACKUPS, *FOR_RESTORES) if name != missing)
    address = as_user(server, rest)
    without, needed = looked(address), looked(address, restores=True)
    assert without[missing].ok is None
    assert needed[missing].ok is False
    for found in (without, needed):
        assert f"GRANT PRIVILEGE {missing} ROLE" in found[missing].detail
        assert all(one.ok for name, one in found.items() if name not in (missing, "tls"))


def test_the_role_of_the_documentation_is_enough_for_backups(server: Server) -> None:
    found = looked(as_user(server, "READ,DOWNLOAD,BACKUP"))
    assert not any(one.ok is False for one in found.values())
    assert [found[name].ok for name in FOR_RESTORES] == [None] * 3


def test_download_for_one_database_only_is_found_and_leaves_no_download(server: Server) -> None:
    found = looked(as_user(server, "READ,DOWNLOAD,BACKUP", NAME))
    assert found["DOWNLOAD"].ok is True
    assert found["READ"].ok is True
    asked = [text for one in server.connections for text in one.requests]
    assert asked[asked.index(f"DOWNLOAD DATABASE '{NAME}'") + 1] == "DOWNLOAD ABORT"
    assert "DOWNLOAD STEP" not in asked


@pytest.mark.parametrize("privileges", ["ADMIN", "READ,DOWNLOAD,BACKUP", "READ", "NONE"])
def test_looking_changes_nothing_on_the_node(server: Server, privileges: str) -> None:
    def state() -> object:
        files = {path.name: path.stat().st_size for path in server.data.iterdir() if path.is_file()}
        databases = server.catalog.all()
        return files, server.catalog.raft, [(one.name, one.keys, one.commits, one.generation) for one in databases]

    address, before = as_user(server, privileges), state()
    looked(address, restores=True)
    looked(address, "missing.db", restores=True)
    hidden = [path.name for path in server.catalog.hidden.iterdir() if path.is_file() and path.name != "state.json"]
    assert (state(), hidden) == (before, [])


def test_no_command_of_it_names_another_database_than_its_own_or_nobodys(server: Server) -> None:
    looked(address_of(server), restores=True)
    named = {name for one in server.connections for text in one.requests for name in re.findall(r"'([^']*)'", text)}
    assert all(name == NAME or re.fullmatch(r"litekeep-health-[0-9a-f]{32}", name) for name in named)
    removed = [text for one in server.connections for text in one.requests if text.startswith(("REMOVE", "RESTORE"))]
    assert len(removed) == 2
    assert not any(NAME in text for text in removed)


def test_a_database_that_is_not_there_is_said_and_the_rest_still_looked_at(address: Address) -> None:
    found = looked(address, "missing.db", restores=True)
    assert found["database"].ok is False
    assert "litekeep restore" in found["database"].detail
    assert (found["READ"].ok, found["CREATE_DATABASE"].ok) == (None, None)
    assert (found["DOWNLOAD"].ok, found["BACKUP"].ok, found["DROP_DATABASE"].ok) == (True, True, True)


def test_a_disabled_database_comes_with_the_command_that_enables_it(server: Server, address: Address) -> None:
    server.catalog.get(NAME).disabled = True
    found = looked(address)
    assert found["database"].ok is False
    assert f"disabled: ENABLE DATABASE '{NAME}'" in found["database"].detail
    assert found["READ"].ok is None


def test_an_encrypted_database_is_said_to_be_one(server: Server, address: Address) -> None:
    with Raw(server) as client:
        client.ask(f"ENCRYPT DATABASE '{NAME}' KEY secret")
    assert "encrypted" in looked(address)["database"].detail


def test_a_certificate_that_ends_soon_is_a_fault_before_it_ends(secure: Server) -> None:
    soon = looked(address_of(secure), now=NOW + timedelta(days=290))
    assert soon["tls"].ok is False
    assert "renewed" in soon["tls"].detail


@pytest.mark.parametrize("kind", ["expired", "wrong-host", "unknown-ca"])
def test_a_certificate_that_is_wrong_ends_it_with_one_line(secure: Server, kind: str) -> None:
    secure.faults.certificate = kind
    found = looked(address_of(secure))
    assert [(one.name, one.ok) for one in found.values()] == [("source", False)]
    assert "certificate is not to be trusted" in found["source"].detail


def test_without_tls_it_says_that_all_goes_in_clear(address: Address) -> None:
    found = looked(address)["tls"]
    assert found.ok is None
    assert "in clear" in found.detail


def test_a_wrong_key_is_a_fault_of_the_login_and_not_shown(server: Server) -> None:
    secret = "WrongKeyWrongKeyWrongKeyWrongKeyWrongKeyWro"
    found = looked(address_of(server, apikey=secret))
    assert [(one.name, one.ok) for one in found.values()] == [("source", True), ("login", False)]
    assert "CREATE APIKEY" in found["login"].detail
    assert secret not in str(found)


def test_nothing_there_is_one_line(address: Address) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = looked(replace(address, host="127.0.0.1", port=port))
    assert [(one.name, one.ok) for one in found.values()] == [("source", False)]
    assert "check host and port" in found["source"].detail


@pytest.mark.parametrize("reply", [(10005, "You have no permission for this."), (23, "not authorized")])
def test_a_denial_is_known_by_its_words_too(server: Server, address: Address, reply: tuple[int, str]) -> None:
    server.faults.error("LIST BACKUP SETTINGS", *reply)
    assert looked(address)["BACKUP"].ok is False


@pytest.mark.parametrize(
    "match", ["DOWNLOAD DATABASE", "LIST BACKUP SETTINGS", "REMOVE", "UPLOAD", "USE DATABASE", "RESTORE"]
)
def test_what_a_node_says_that_is_no_denial_is_never_taken_for_a_privilege(
    server: Server, address: Address, match: str
) -> None:
    server.faults.error(match, 10002, "Unable to find command")
    unknown = [one for one in looked(address, restores=True).values() if one.ok is None and one.name != "tls"]
    assert len(unknown) == 1
    assert "cannot be told" in unknown[0].detail
    assert APIKEY not in unknown[0].detail


def test_an_upload_that_begins_as_the_name_is_free_by_then_is_ended(server: Server, address: Address) -> None:
    server.faults.before("UPLOAD DATABASE", lambda _: Path(server.data / NAME).unlink())
    assert looked(address, restores=True)["CREATE_DATABASE"].ok is True
    assert "UPLOAD ABORT" in [text for one in server.connections for text in one.requests]
    assert NAME not in server.catalog.names()


@pytest.mark.parametrize("after", range(0, 120, 13))
def test_a_node_that_goes_away_while_it_is_looked_at_is_a_line_and_no_crash(
    server: Server, address: Address, after: int
) -> None:
    for _ in range(40):
        server.faults.cut_connection(after)
    found = looked(address, restores=True)
    assert any(one.ok is False for one in found.values())
