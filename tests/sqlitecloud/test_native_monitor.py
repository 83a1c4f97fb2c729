"""The monitor's look at native backups: an event when they fall behind, and only then."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from litekeep.native_screen import NativeLook, look_natively
from shared.events.log import Event, unlike_the_contract
from shared.monitor.native_probe import probe_native
from shared.sqlitecloud import native_backups
from shared.sqlitecloud.connection_string import Address
from tests.servers.sqlitecloud import Server
from tests.sqlitecloud.conftest import NAME, address_of, make_database
from tests.sqlitecloud_server.raw import Raw

Pause = Callable[[float], None]


@pytest.fixture
def watched(server: Server, address: Address) -> Address:
    """With native backups on, ten minutes ago."""
    native_backups.enable(address, NAME)
    server.clock.advance(600)
    return address


def stuck(server: Server) -> None:
    """From now on the node makes no more points."""
    server.native.after_write = lambda database: None  # type: ignore[method-assign]


def never(seconds: float) -> None:
    pytest.fail("it waited")


def writing(server: Server, paused: list[float]) -> Pause:
    def pause(seconds: float) -> None:
        paused.append(seconds)
        with Raw(server, NAME) as client:
            client.ask("INSERT INTO t (n) VALUES ('x')")

    return pause


def test_behind_while_writes_go_on_is_an_event_as_the_contract_has_it(server: Server, watched: Address) -> None:
    stuck(server)
    (found,) = probe_native(watched, [NAME], clock=server.clock.now, pause=writing(server, []))
    assert found.event is Event.MONITOR_NATIVE_STALE
    assert found.fields == {"database": NAME, "age_seconds": 600.0, "allowed_seconds": 300.0}
    assert unlike_the_contract(found.event, found.fields) == []
    assert NAME in found.message


def test_a_write_that_is_kept_at_once_is_none(server: Server, watched: Address) -> None:
    paused: list[float] = []
    assert probe_native(watched, [NAME], clock=server.clock.now, pause=writing(server, paused)) == []
    assert paused == [30.0, 5.0]


def test_a_database_that_nobody_writes_to_may_have_an_old_point(server: Server, watched: Address) -> None:
    paused: list[float] = []
    assert probe_native(watched, [NAME], clock=server.clock.now, pause=paused.append) == []
    assert paused == [30.0]


def test_nobody_waits_when_all_points_are_fresh(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME)
    server.clock.advance(300)
    assert probe_native(address, [NAME], clock=server.clock.now, pause=never) == []


def test_on_with_no_point_at_all_is_an_event(server: Server, watched: Address) -> None:
    server.faults.error("LIST BACKUPS DATABASE", 10005, "No backups found.", times=None)
    (found,) = probe_native(watched, [NAME], clock=server.clock.now, pause=never)
    assert found.event is Event.MONITOR_NATIVE_STALE
    assert unlike_the_contract(found.event, found.fields) == []


def test_off_and_not_there_and_not_asked_for_are_none(server: Server, watched: Address) -> None:
    make_database(server.data / "off.db")
    assert probe_native(watched, ["off.db", "missing.db"], clock=server.clock.now, pause=never) == []


def test_without_the_privilege_nobody_meant_it_to_watch(server: Server, watched: Address) -> None:
    server.accounts.add_user("reader", "secret", "READ,DOWNLOAD")
    assert probe_native(address_of(server, login="reader:secret"), [NAME], pause=never) == []


def test_what_could_not_be_looked_at_is_never_called_well(server: Server, watched: Address) -> None:
    server.faults.cut("LIST BACKUP SETTINGS")
    (found,) = probe_native(watched, [NAME], clock=server.clock.now, pause=never)
    assert found.event is Event.MONITOR_FAILED
    assert unlike_the_contract(found.event, found.fields) == []


def test_many_databases_are_looked_at_over_one_connection(server: Server, address: Address) -> None:
    names = [f"{number}.db" for number in range(20)]
    for name in names:
        make_database(server.data / name)
        native_backups.enable(address, name, retention=timedelta(days=2))
    before = len(server.connections)
    assert {one.database for one in native_backups.peek(address, names)} == set(names)
    assert len(server.connections) == before + 1


def test_status_shows_them_and_a_project_that_is_away_needs_attention(server: Server, watched: Address) -> None:
    look = look_natively(watched, [NAME, "other.db"])
    assert list(look.documents) == list(look.lines) == [NAME]
    assert look.documents[NAME]["retention_seconds"] == 604800
    assert "kept for 168h" in look.lines[NAME]
    assert look.alerts == []
    server.faults.cut("LIST BACKUP SETTINGS")
    away = look_natively(watched, [NAME])
    assert [alert["name"] for alert in away.alerts] == ["monitor.failed"]
    assert (away.documents, away.lines) == ({}, {})


def test_a_file_and_a_login_that_may_not_look_have_none_to_show(server: Server) -> None:
    server.accounts.add_user("reader", "secret", "READ,DOWNLOAD")
    for address in (None, address_of(server, login="reader:secret")):
        assert look_natively(address, [NAME]) == NativeLook()
