"""Restores by the platform's own backups: approval, safety backup, verification, and clear errors."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import apsw
import pytest

from shared.catalog.listing import Catalog
from shared.errors import CorruptSource, LitekeepError, NotGood, NotPermitted, SourceError, UsageError
from shared.operations.restore.native_restore import NativeRestoreOptions, plan_native, restore_native
from shared.operations.restore.options import RestoreOptions
from shared.operations.restore.run import restore
from shared.sqlite.location import FileLocation
from shared.sqlitecloud import native_backups
from shared.sqlitecloud.failures import CommandRefused, Lost
from shared.sqlitecloud.location import CloudLocation
from shared.stores import open_store
from tests.dump.equality import assert_equal
from tests.servers.sqlitecloud import Server
from tests.servers.sqlitecloud.clock import START
from tests.servers.sqlitecloud.session import Session
from tests.sqlitecloud.conftest import NAME, address_of
from tests.sqlitecloud_server.raw import Raw

MakeOrder = Callable[..., NativeRestoreOptions]


@pytest.fixture
def order(server: Server, tmp_path: Path) -> MakeOrder:
    """Makes orders for a database that was written to once a minute for five minutes."""
    address = address_of(server)
    native_backups.enable(address, NAME)
    with Raw(server, NAME) as client:
        for minute in range(1, 6):
            server.clock.advance(60)
            client.ask("INSERT INTO t (n) VALUES (?)", f"minute {minute}")

    def make(minute: float = 3, **other: object) -> NativeRestoreOptions:
        made = NativeRestoreOptions(
            target=CloudLocation(address, NAME),
            moment=START + timedelta(minutes=minute),
            store=open_store(str(tmp_path / "backups")),
            key=None,
            environment="test",
            keep_safety_for=timedelta(days=30),
        )
        return replace(made, **other)  # type: ignore[arg-type]

    return make


def rows(server: Server) -> int:
    with Raw(server, NAME) as client:
        return int(client.ask("SELECT count(*) FROM t").split(b":")[-1])


def ids(order: NativeRestoreOptions) -> list[str]:
    return [backup.name.id for backup in Catalog(order.store).backups()]


def restores(server: Server) -> int:
    return sum(text.startswith("RESTORE") for one in server.connections for text in one.requests)


def at(server: Server) -> Callable[[], datetime]:
    return server.clock.now


@pytest.mark.parametrize("minute", [0, 2, 4])
def test_native_restore_returns_to_the_time_and_backs_up_the_replaced_database(
    server: Server, order: MakeOrder, tmp_path: Path, minute: int
) -> None:
    with closing(apsw.Connection(str(server.data / NAME))) as connection:
        was = connection.execute("SELECT id, n FROM t").fetchall()
    done = restore_native(order(minute), clock=at(server))
    assert (done.tables, done.rows, rows(server)) == (1, 60 + minute, 60 + minute)
    assert (done.verified, done.notes) == (True, [])
    assert done.id == f"native@2026-01-01T00:0{minute}:00Z"
    assert ids(order()) == [done.safety]

    catalog = Catalog(order().store)
    target = FileLocation(tmp_path / "safety.db")
    restore(RestoreOptions(catalog, catalog.find(str(done.safety)), None, target, prove=True))
    with closing(apsw.Connection(str(target.path))) as connection:
        assert connection.execute("SELECT id, n FROM t").fetchall() == was


def test_native_restore_in_production_is_refused_without_connecting(server: Server, order: MakeOrder) -> None:
    wanted, asked = order(environment="production"), len(server.connections)
    for call in (plan_native, restore_native):
        with pytest.raises(NotPermitted, match="litekeep restore --at 2026-01-01T00:03:00Z --to"):
            call(wanted, clock=at(server))
    assert len(server.connections) == asked


@pytest.mark.parametrize("minute", [-1, 6, 3.0001])
def test_time_that_cannot_be_restored_changes_nothing(server: Server, order: MakeOrder, minute: float) -> None:
    with pytest.raises(UsageError):
        restore_native(order(minute), clock=at(server))
    assert (restores(server), ids(order())) == (0, [])


def test_plan_shows_the_restorable_range_and_writes_nothing(server: Server, order: MakeOrder) -> None:
    plan = plan_native(order(), clock=at(server))
    assert (plan.at, plan.oldest, plan.newest) == (
        "2026-01-01T00:03:00Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:05:00Z",
    )
    assert (restores(server), ids(order())) == (0, [])


def test_time_after_the_newest_point_is_noted_in_the_plan(server: Server, order: MakeOrder) -> None:
    server.clock.advance(60)
    plan = plan_native(order(6), clock=at(server))
    assert plan.notes == ["the newest native backup is of 2026-01-01T00:05:00Z: later data cannot be restored"]


def test_unchanged_database_is_noted_as_possibly_unfinished(server: Server, order: MakeOrder) -> None:
    done = restore_native(order(5), clock=at(server))
    assert "not finished yet" in done.notes[0]
    server.faults.reply("RESTORE", b"+2 OK")
    server.clock.advance(1)
    assert "not finished yet" in restore_native(order(1), clock=at(server)).notes[0]


def test_failed_safety_backup_prevents_the_restore(server: Server, order: MakeOrder) -> None:
    server.faults.error("DOWNLOAD DATABASE", 10005, "no more today", times=None)
    with pytest.raises(CommandRefused, match="no more today"):
        restore_native(order(), clock=at(server))
    assert (restores(server), rows(server), ids(order())) == (0, 65, [])


def test_ongoing_writes_prevent_the_restore(server: Server, order: MakeOrder) -> None:
    def write(_: Session) -> None:
        with Raw(server, NAME) as client:
            client.ask("INSERT INTO t (n) VALUES ('meanwhile')")

    server.faults.before("DOWNLOAD DATABASE", write, times=None)
    with pytest.raises(SourceError, match="stop the application"):
        restore_native(order(), clock=at(server))
    assert (restores(server), rows(server)) == (0, 68)


def test_database_that_cannot_be_decrypted_is_not_restored(server: Server, order: MakeOrder) -> None:
    with Raw(server) as client:
        client.ask(f"ENCRYPT DATABASE '{NAME}' KEY secret")
        client.ask(f"REMOVE DATABASE '{NAME}' KEY database_key")
    with pytest.raises(CorruptSource, match="encrypted"):
        restore_native(order(), clock=at(server))
    assert restores(server) == 0


def test_refused_restore_changes_nothing_and_names_the_safety_backup(server: Server, order: MakeOrder) -> None:
    server.faults.error("RESTORE", 10005, "not on this plan")
    with pytest.raises(CommandRefused, match="was not restored; what was there before is the backup before-restore-"):
        restore_native(order(), clock=at(server))
    assert (rows(server), len(ids(order()))) == (65, 1)


def test_busy_node_is_retried(server: Server, order: MakeOrder) -> None:
    server.faults.error("RESTORE", 5, "database is locked")
    assert restore_native(order(), clock=at(server)).rows == 63


@pytest.mark.parametrize("ran", [True, False])
def test_lost_reply_to_a_restore_is_not_retried_and_not_success(server: Server, order: MakeOrder, *, ran: bool) -> None:
    if ran:
        server.faults.cut("RESTORE", after=2)
    else:
        server.faults.reply("RESTORE", b"+4 what")
    with pytest.raises(SourceError, match=r"not known whether .* was restored.*the backup before-restore-"):
        restore_native(order(), clock=at(server))
    assert restores(server) == 1
    assert rows(server) == (63 if ran else 65)
    assert len(ids(order())) == 1


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        (KeyboardInterrupt, "it was interrupted"),
        (SystemExit, "it was interrupted"),
        (KeyError("SECRET"), "unexpected KeyError"),
    ],
)
def test_interrupted_restore_reports_the_state_and_the_safety_backup(
    server: Server, order: MakeOrder, monkeypatch: pytest.MonkeyPatch, stop: BaseException, message: str
) -> None:
    def interrupted(*_: object) -> None:
        raise stop

    monkeypatch.setattr(native_backups, "restore", interrupted)
    with pytest.raises(SourceError, match=message + r"; it is not known whether .*before-restore-") as caught:
        restore_native(order(), clock=at(server))
    assert "SECRET" not in str(caught.value)


def test_database_unavailable_after_the_restore_is_waited_for(server: Server, order: MakeOrder) -> None:
    server.faults.after("RESTORE", lambda _: _switch(server, disabled=True))
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            _switch(server, disabled=False)

    assert restore_native(order(), clock=at(server), pause=pause).rows == 63
    assert waited == [5.0] * 3


def test_database_that_stays_unavailable_is_an_error_that_names_the_safety_backup(
    server: Server, order: MakeOrder
) -> None:
    server.faults.after("RESTORE", lambda _: _switch(server, disabled=True))
    waited: list[float] = []
    # A refused listing ends the wait at once; a hundred listings would only take longer.
    server.faults.error("LIST DATABASES DETAILED", 10005, "ask later", nth=5, times=None)
    with pytest.raises(SourceError, match=r"could not be proven.*before-restore-"):
        restore_native(order(), clock=at(server), pause=waited.append)


def test_damaged_restore_is_not_good_and_names_the_safety_backup(server: Server, order: MakeOrder) -> None:
    def damage(_: Session) -> None:
        path = server.data / NAME
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        raw = bytearray(path.read_bytes())
        raw[1024:2048] = b"\xff" * 1024
        path.write_bytes(raw)

    server.faults.after("RESTORE", damage)
    with pytest.raises(NotGood, match=r"cannot be read: SQLITE_CORRUPT;.*before-restore-"):
        restore_native(order(), clock=at(server))


def test_failed_verification_is_not_success(server: Server, order: MakeOrder) -> None:
    wanted = order()
    server.faults.cut("DOWNLOAD STEP", nth=2, times=None)
    with pytest.raises(SourceError, match=r"could not be proven.*before-restore-") as caught:
        restore_native(wanted, clock=at(server))
    assert not isinstance(caught.value, Lost)
    assert rows(server) == 63


@pytest.mark.parametrize("cut", range(0, 700, 100))
def test_connection_lost_at_any_byte_keeps_the_old_database_or_its_backup(
    server: Server, order: MakeOrder, tmp_path: Path, cut: int
) -> None:
    wanted = order()
    for _ in range(12):
        server.faults.cut_connection(cut)
    with suppress(LitekeepError):
        restore_native(wanted, clock=at(server), pause=lambda _: None)
    server.faults.clear()
    if not restores(server):
        assert rows(server) == 65
        return
    catalog = Catalog(wanted.store)
    target = tmp_path / "safety.db"
    restore(RestoreOptions(catalog, catalog.find(ids(wanted)[0]), None, FileLocation(target)))
    with closing(apsw.Connection(str(target))) as connection:
        assert connection.execute("SELECT count(*) FROM t").get == 65


def test_safety_backup_is_the_whole_database(server: Server, order: MakeOrder, tmp_path: Path) -> None:
    with closing(apsw.Connection(str(server.data / NAME))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    before = tmp_path / "was.db"
    before.write_bytes((server.data / NAME).read_bytes())
    done = restore_native(order(0), clock=at(server))
    catalog = Catalog(order().store)
    restore(RestoreOptions(catalog, catalog.find(str(done.safety)), None, FileLocation(tmp_path / "safety.db")))
    assert_equal(before, tmp_path / "safety.db")


def _switch(server: Server, *, disabled: bool) -> None:
    server.catalog.get(NAME).disabled = disabled
