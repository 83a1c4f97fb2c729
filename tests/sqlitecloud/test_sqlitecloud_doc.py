"""docs/sqlitecloud.md: its statements create logins that can do what the page says, and no more."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from shared.operations.restore.native_restore import NativeRestoreOptions, restore_native
from shared.sqlitecloud import native_backups
from shared.sqlitecloud.connection_string import parse_connection_string
from shared.sqlitecloud.failures import CommandRefused
from shared.sqlitecloud.health import FOR_BACKUPS, FOR_RESTORES, check
from shared.sqlitecloud.location import CloudLocation
from shared.stores import open_store
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME, address_of
from tests.sqlitecloud_server.raw import Raw

PAGE = (Path(__file__).parents[2] / "docs" / "sqlitecloud.md").read_text()
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def run(server: Server, block: str) -> str:
    """Runs a block's statements as an administrator. Returns the reply to the last one as text."""
    with Raw(server) as client:
        for statement in filter(None, (line.strip() for line in block.split(";"))):
            answer = client.ask(statement.replace("RANDOM", "a-password"))
            assert not answer.startswith(b"-"), (statement, answer)
    return answer.partition(b" ")[2].decode()


def test_page_has_logins_for_backups_restores_and_settings() -> None:
    assert [re.findall(r"CREATE ROLE (\w+)", block) for block in BLOCKS] == [
        ["backup_reader"],
        ["restore_writer"],
        ["backup_setter"],
    ]


def test_backup_login_can_back_up_and_change_nothing(server: Server) -> None:
    address = address_of(server, apikey=run(server, BLOCKS[0]))
    found = {one.name: one.ok for one in check(address, NAME, server.clock.now())}
    assert [found[name] for name in FOR_BACKUPS] == [True] * 3
    assert [found[name] for name in FOR_RESTORES] == [None] * 3
    with pytest.raises(CommandRefused):
        native_backups.enable(address, NAME)


def test_restore_login_can_restore_natively(server: Server, tmp_path: Path) -> None:
    native_backups.enable(address_of(server), NAME)
    moment = server.clock.now()
    server.clock.advance(60)
    address = address_of(server, apikey=run(server, BLOCKS[1]))
    assert all(one.ok for one in check(address, NAME, moment, restores=True) if one.name != "tls")
    store = open_store(str(tmp_path / "backups"))
    order = NativeRestoreOptions(CloudLocation(address, NAME), moment, store, None, "test", timedelta(days=1))
    assert restore_native(order, clock=server.clock.now).rows == 60


def test_settings_login_can_enable_native_backups_and_not_read(server: Server) -> None:
    run(server, BLOCKS[2])
    address = address_of(server, login="backup_admin:a-password")
    assert native_backups.enable(address, NAME).settings.enabled
    assert {one.name: one.ok for one in check(address, NAME, server.clock.now())}["READ"] is False


def test_every_documented_option_is_accepted() -> None:
    options = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    named = [name for cell in options for name in re.findall(r"`(\w+)=", cell)]
    assert len(named) == 9
    values = {"timeout": "5", "connect_timeout": "5", "insecure": "false"}
    for name in named:
        value = values.get(name, "false" if name in ("compression", "no_verify_certificate") else "x.pem")
        beside = "&certificate=x.pem" if name == "certificate_key" else ""
        parse_connection_string(f"sqlitecloud://h/x?apikey=k&{name}={value}{beside}")
