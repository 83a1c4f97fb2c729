"""The health check of a SQLite Cloud source: correct results, a remedy for each fault, no change on the node."""

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

NOW = datetime.now(UTC)  # the test certificates are valid from today


def checked(
    address: Address, database: str = NAME, *, restores: bool = False, now: datetime = NOW
) -> dict[str, Health]:
    found = list(check(address, database, now, restores=restores))
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def as_user(server: Server, privileges: str, database: str = "*") -> Address:
    server.accounts.add_user("job", "secret", privileges, database)
    return address_of(server, login="job:secret")


def test_all_checks_pass_for_an_administrator_over_tls(secure: Server) -> None:
    found = checked(address_of(secure), restores=True)
    assert list(found) == ["source", "tls", "login", "database", *FOR_BACKUPS, *FOR_RESTORES]
    assert all(one.ok for one in found.values())
    assert re.fullmatch(
        r"TLSv1\.3, and the node's certificate expires on \d{4}-\d\d-\d\d, in (299|300) days", found["tls"].detail
    )
    assert found["login"].detail == "admin, by an API key"
    size = (secure.data / NAME).stat().st_size
    assert found["database"].detail == f"{NAME}: {size} bytes, status OK"


@pytest.mark.parametrize("missing", FOR_BACKUPS)
def test_missing_privilege_is_reported_with_the_grant_command(server: Server, missing: str) -> None:
    rest = ",".join(name for name in FOR_BACKUPS if name != missing)
    found = checked(as_user(server, rest))
    assert [name for name, one in found.items() if one.ok is False] == [missing]
    assert f"GRANT PRIVILEGE {missing} ROLE" in found[missing].detail


@pytest.mark.parametrize("missing", FOR_RESTORES)
def test_missing_restore_privilege_fails_only_a_restore_check(server: Server, missing: str) -> None:
    rest = ",".join(name for name in (*FOR_BACKUPS, *FOR_RESTORES) if name != missing)
    address = as_user(server, rest)
    without, needed = checked(address), checked(address, restores=True)
    assert without[missing].ok is None
    assert needed[missing].ok is False
    for found in (without, needed):
        assert f"GRANT PRIVILEGE {missing} ROLE" in found[missing].detail
        assert all(one.ok for name, one in found.items() if name not in (missing, "tls"))


def test_documented_role_is_sufficient_for_backups(server: Server) -> None:
    found = checked(as_user(server, "READ,DOWNLOAD,BACKUP"))
    assert not any(one.ok is False for one in found.values())
    assert [found[name].ok for name in FOR_RESTORES] == [None] * 3


def test_download_privilege_for_one_database_is_detected_and_the_download_aborted(server: Server) -> None:
    found = checked(as_user(server, "READ,DOWNLOAD,BACKUP", NAME))
    assert found["DOWNLOAD"].ok is True
    assert found["READ"].ok is True
    asked = [text for one in server.connections for text in one.requests]
    assert asked[asked.index(f"DOWNLOAD DATABASE '{NAME}'") + 1] == "DOWNLOAD ABORT"
    assert "DOWNLOAD STEP" not in asked


@pytest.mark.parametrize("privileges", ["ADMIN", "READ,DOWNLOAD,BACKUP", "READ", "NONE"])
def test_health_check_changes_nothing_on_the_node(server: Server, privileges: str) -> None:
    def state() -> object:
        files = {path.name: path.stat().st_size for path in server.data.iterdir() if path.is_file()}
        databases = server.catalog.all()
        return files, server.catalog.raft, [(one.name, one.keys, one.commits, one.generation) for one in databases]

    address, before = as_user(server, privileges), state()
    checked(address, restores=True)
    checked(address, "missing.db", restores=True)
    hidden = [path.name for path in server.catalog.hidden.iterdir() if path.is_file() and path.name != "state.json"]
    assert (state(), hidden) == (before, [])


def test_health_check_names_only_its_database_or_unused_names(server: Server) -> None:
    checked(address_of(server), restores=True)
    named = {name for one in server.connections for text in one.requests for name in re.findall(r"'([^']*)'", text)}
    assert all(name == NAME or re.fullmatch(r"litekeep-health-[0-9a-f]{32}", name) for name in named)
    removed = [text for one in server.connections for text in one.requests if text.startswith(("REMOVE", "RESTORE"))]
    assert len(removed) == 2
    assert not any(NAME in text for text in removed)


def test_missing_database_is_reported_and_the_other_checks_run(address: Address) -> None:
    found = checked(address, "missing.db", restores=True)
    assert found["database"].ok is False
    assert "litekeep restore" in found["database"].detail
    assert [name for name, one in found.items() if one.missing] == ["database"]
    assert (found["READ"].ok, found["CREATE_DATABASE"].ok) == (None, None)
    assert (found["DOWNLOAD"].ok, found["BACKUP"].ok, found["DROP_DATABASE"].ok) == (True, True, True)


def test_disabled_database_is_reported_with_the_enable_command(server: Server, address: Address) -> None:
    server.catalog.get(NAME).disabled = True
    found = checked(address)
    assert found["database"].ok is False
    assert f"disabled: ENABLE DATABASE '{NAME}'" in found["database"].detail
    assert found["READ"].ok is None


def test_encrypted_database_is_reported(server: Server, address: Address) -> None:
    with Raw(server) as client:
        client.ask(f"ENCRYPT DATABASE '{NAME}' KEY secret")
    assert "encrypted" in checked(address)["database"].detail


def test_certificate_that_expires_soon_fails_the_check(secure: Server) -> None:
    soon = checked(address_of(secure), now=NOW + timedelta(days=290))
    assert soon["tls"].ok is False
    assert "renewed" in soon["tls"].detail


@pytest.mark.parametrize("kind", ["expired", "wrong-host", "unknown-ca"])
def test_untrusted_certificate_is_the_only_result(secure: Server, kind: str) -> None:
    secure.faults.certificate = kind
    found = checked(address_of(secure))
    assert [(one.name, one.ok) for one in found.values()] == [("source", False)]
    assert "certificate is not trusted" in found["source"].detail


def test_connection_without_tls_is_reported_as_unencrypted(address: Address) -> None:
    found = checked(address)["tls"]
    assert found.ok is None
    assert "unencrypted" in found.detail


def test_wrong_api_key_fails_the_login_check_and_is_not_shown(server: Server) -> None:
    secret = "WrongKeyWrongKeyWrongKeyWrongKeyWrongKeyWro"
    found = checked(address_of(server, apikey=secret))
    assert [(one.name, one.ok) for one in found.values()] == [("source", True), ("login", False)]
    assert "CREATE APIKEY" in found["login"].detail
    assert secret not in str(found)


def test_unreachable_node_is_the_only_result(address: Address) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = checked(replace(address, host="127.0.0.1", port=port))
    assert [(one.name, one.ok) for one in found.values()] == [("source", False)]
    assert "check host and port" in found["source"].detail


@pytest.mark.parametrize("reply", [(10005, "You have no permission for this."), (23, "not authorized")])
def test_denial_is_recognized_by_its_text(server: Server, address: Address, reply: tuple[int, str]) -> None:
    server.faults.error("LIST BACKUP SETTINGS", *reply)
    assert checked(address)["BACKUP"].ok is False


@pytest.mark.parametrize(
    "match", ["DOWNLOAD DATABASE", "LIST BACKUP SETTINGS", "REMOVE", "UPLOAD", "USE DATABASE", "RESTORE"]
)
def test_other_refusals_leave_the_privilege_unknown(server: Server, address: Address, match: str) -> None:
    server.faults.error(match, 10002, "Unable to find command")
    unknown = [one for one in checked(address, restores=True).values() if one.ok is None and one.name != "tls"]
    assert len(unknown) == 1
    assert "unknown: " in unknown[0].detail
    assert APIKEY not in unknown[0].detail


def test_upload_probe_is_aborted_if_the_database_was_just_removed(server: Server, address: Address) -> None:
    server.faults.before("UPLOAD DATABASE", lambda _: Path(server.data / NAME).unlink())
    assert checked(address, restores=True)["CREATE_DATABASE"].ok is True
    assert "UPLOAD ABORT" in [text for one in server.connections for text in one.requests]
    assert NAME not in server.catalog.names()


@pytest.mark.parametrize("after", range(0, 120, 13))
def test_lost_connection_during_the_check_is_a_failed_check(server: Server, address: Address, after: int) -> None:
    for _ in range(40):
        server.faults.cut_connection(after)
    found = checked(address, restores=True)
    assert any(one.ok is False for one in found.values())
