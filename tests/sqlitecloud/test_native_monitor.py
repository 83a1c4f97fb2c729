"""The monitor's check of native backups: an event only when they fall behind."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from litekeep.native_screen import NativeLook, look_at_native_backups
from shared.events.log import Event, contract_problems
from shared.monitor.native_probe import probe_native
from shared.sqlitecloud import native_backups
from shared.sqlitecloud.connection_string import Address
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME, address_of, make_database
from tests.sqlitecloud_server.raw import Raw

Pause = Callable[[float], None]


@pytest.fixture
def watched(server: Server, address: Address) -> Address:
    """The address of a node on which native backups were enabled ten minutes ago."""
    native_backups.enable(address, NAME)
    server.clock.advance(600)
    return address


def stuck(server: Server) -> None:
    """Stops the node from making points."""
    server.native.after_write = lambda database: None  # type: ignore[method-assign]


def never(seconds: float) -> None:
    pytest.fail("the probe waited")


def writing(server: Server, paused: list[float]) -> Pause:
    def pause(seconds: float) -> None:
        paused.append(seconds)
        with Raw(server, NAME) as client:
            client.ask("INSERT INTO t (n) VALUES ('x')")

    return pause


def test_stale_native_backups_during_writes_are_an_event_of_the_contract(server: Server, watched: Address) -> None:
    stuck(server)
    (found,) = probe_native(watched, [NAME], clock=server.clock.now, pause=writing(server, []))
    assert found.event is Event.MONITOR_NATIVE_STALE
    assert found.fields == {"database": NAME, "age_seconds": 600.0, "allowed_seconds": 300.0}
    assert contract_problems(found.event, found.fields) == []
    assert NAME in found.message


def test_write_with_an_immediate_point_is_no_event(server: Server, watched: Address) -> None:
    paused: list[float] = []
    assert probe_native(watched, [NAME], clock=server.clock.now, pause=writing(server, paused)) == []
    assert paused == [30.0, 5.0]


def test_idle_database_with_an_old_point_is_no_event(server: Server, watched: Address) -> None:
    paused: list[float] = []
    assert probe_native(watched, [NAME], clock=server.clock.now, pause=paused.append) == []
    assert paused == [30.0]


def test_fresh_points_need_no_wait(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME)
    server.clock.advance(300)
    assert probe_native(address, [NAME], clock=server.clock.now, pause=never) == []


def test_enabled_without_points_is_an_event(server: Server, watched: Address) -> None:
    server.faults.error("LIST BACKUPS DATABASE", 10005, "No backups found.", times=None)
    (found,) = probe_native(watched, [NAME], clock=server.clock.now, pause=never)
    assert found.event is Event.MONITOR_NATIVE_STALE
    assert contract_problems(found.event, found.fields) == []


def test_disabled_and_missing_databases_are_no_event(server: Server, watched: Address) -> None:
    make_database(server.data / "off.db")
    assert probe_native(watched, ["off.db", "missing.db"], clock=server.clock.now, pause=never) == []


def test_missing_privilege_is_no_event(server: Server, watched: Address) -> None:
    server.accounts.add_user("reader", "secret", "READ,DOWNLOAD")
    assert probe_native(address_of(server, login="reader:secret"), [NAME], pause=never) == []


def test_failed_check_is_an_event_and_not_ok(server: Server, watched: Address) -> None:
    server.faults.cut("LIST BACKUP SETTINGS")
    (found,) = probe_native(watched, [NAME], clock=server.clock.now, pause=never)
    assert found.event is Event.MONITOR_FAILED
    assert contract_problems(found.event, found.fields) == []


def test_many_databases_are_checked_over_one_connection(server: Server, address: Address) -> None:
    names = [f"{number}.db" for number in range(20)]
    for name in names:
        make_database(server.data / name)
        native_backups.enable(address, name, retention=timedelta(days=2))
    before = len(server.connections)
    assert {one.database for one in native_backups.read_inventories(address, names)} == set(names)
    assert len(server.connections) == before + 1


def test_status_shows_native_backups_and_an_unreachable_project_is_an_alert(server: Server, watched: Address) -> None:
    shown = look_at_native_backups(watched, [NAME, "other.db"])
    assert list(shown.documents) == list(shown.lines) == [NAME]
    assert shown.documents[NAME]["retention_seconds"] == 604800
    assert "kept for 168h" in shown.lines[NAME]
    assert shown.alerts == []
    server.faults.cut("LIST BACKUP SETTINGS")
    away = look_at_native_backups(watched, [NAME])
    assert [alert["name"] for alert in away.alerts] == ["monitor.failed"]
    assert (away.documents, away.lines) == ({}, {})


def test_status_shows_none_for_a_file_or_without_the_privilege(server: Server) -> None:
    server.accounts.add_user("reader", "secret", "READ,DOWNLOAD")
    for address in (None, address_of(server, login="reader:secret")):
        assert look_at_native_backups(address, [NAME]) == NativeLook()
