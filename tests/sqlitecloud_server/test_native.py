"""The platform's own backups: none before APPLY, then every time within the retention."""

from collections.abc import Callable

from tests.servers.sqlitecloud import Server
from tests.sqlitecloud_server.raw import Raw, code, values

ENABLE = (
    "SET DATABASE x.db KEY backup TO 1;SET DATABASE x.db KEY backup_retention TO 2h;"
    "SET DATABASE x.db KEY backup_snapshot_interval TO 1h;APPLY BACKUP SETTINGS"
)


def state(client: Raw) -> list[str]:
    return values(client.ask("SELECT group_concat(n) FROM t"))[1:]


def test_database_without_backups_has_none(client: Raw) -> None:
    assert values(client.ask("LIST BACKUPS")) == ["name"]
    assert code(client.ask("LIST BACKUPS DATABASE x.db")) == 10005
    assert code(client.ask("RESTORE BACKUP DATABASE x.db")) == 10005


def test_settings_take_effect_when_applied(client: Raw) -> None:
    client.ask("SET DATABASE x.db KEY backup TO 1")
    assert values(client.ask("LIST BACKUP SETTINGS"))[4:] == ["x.db", "1", "NULL", "NULL"]
    assert values(client.ask("LIST BACKUPS")) == ["name"]
    assert client.ask("APPLY BACKUP SETTINGS") == b"+2 OK"
    assert values(client.ask("LIST BACKUPS")) == ["name", "x.db"]


def test_every_past_time_can_be_restored(server: Server, client: Raw) -> None:
    assert client.ask(ENABLE) == b"+2 OK"
    for minute in range(1, 6):
        server.clock.advance(60)
        client.ask("INSERT INTO t (n) VALUES (?)", str(minute))
    server.clock.advance(60)
    for minute in (3, 0, 5, 2):
        expected = ",".join(["a", *map(str, range(1, minute + 1))])
        reply = client.ask(f"RESTORE BACKUP DATABASE x.db TIMESTAMP 2026-01-01T00:0{minute}:30Z")
        # Each restore makes a new point, later than all the restored times.
        assert reply == b"+2 OK"
        assert state(client) == [expected]


def test_transaction_is_backed_up_at_its_commit(server: Server, client: Raw) -> None:
    client.ask(ENABLE)
    server.clock.advance(60)
    client.ask("BEGIN; DELETE FROM t")
    server.clock.advance(60)
    client.ask("COMMIT")
    client.ask("RESTORE BACKUP DATABASE x.db TIMESTAMP '2026-01-01 00:01:30'")
    assert state(client) == ["a"]
    client.ask("RESTORE BACKUP DATABASE x.db TIMESTAMP 2026-01-01T00:02:00Z")


def test_restore_is_visible_to_other_connections(server: Server, client: Raw, connect: Callable[..., Raw]) -> None:
    client.ask(ENABLE)
    other = connect("x.db")
    server.clock.advance(60)
    other.ask("DELETE FROM t")
    assert client.ask("RESTORE BACKUP DATABASE x.db TIMESTAMP 2026-01-01T00:00:00Z") == b"+2 OK"
    assert state(other) == ["a"]


def test_list_has_snapshots_and_logs_with_their_times(server: Server, client: Raw) -> None:
    client.ask(ENABLE)
    for _ in range(3):
        server.clock.advance(1800)
        client.ask("INSERT INTO t (n) VALUES ('x')")
    found = values(client.ask("LIST BACKUPS DATABASE x.db"))
    assert found[:7] == ["type", "replica", "generation", "index", "offset", "size", "created"]
    table = [found[at : at + 7] for at in range(7, len(found), 7)]
    assert [row[0] for row in table] == ["snapshot", "wal", "snapshot", "wal"]
    assert [row[6] for row in table] == [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:30:00Z",
        "2026-01-01T01:00:00Z",
        "2026-01-01T01:30:00Z",
    ]


def test_points_older_than_the_retention_are_removed(server: Server, client: Raw) -> None:
    client.ask(ENABLE)
    server.clock.advance(3600)
    client.ask("INSERT INTO t (n) VALUES ('x')")
    server.clock.advance(2 * 3600)
    assert values(client.ask("LIST BACKUPS DATABASE x.db"))[13::7] == ["2026-01-01T01:00:00Z"]
    assert code(client.ask("RESTORE BACKUP DATABASE x.db TIMESTAMP 2026-01-01T00:30:00Z")) == 10005


def test_nothing_is_backed_up_once_disabled(server: Server, client: Raw) -> None:
    client.ask(ENABLE)
    client.ask("REMOVE DATABASE x.db KEY backup; APPLY BACKUP SETTINGS")
    server.clock.advance(60)
    client.ask("DELETE FROM t")
    assert values(client.ask("LIST BACKUPS")) == ["name"]
    client.ask("RESTORE BACKUP DATABASE x.db")
    assert state(client) == ["a"]


def test_bad_times_and_durations_are_refused(client: Raw) -> None:
    assert (
        code(
            client.ask(
                "SET DATABASE x.db KEY backup TO 1;SET DATABASE x.db KEY backup_retention TO soon;APPLY BACKUP SETTINGS"
            )
        )
        == 10005
    )
    assert code(client.ask("RESTORE BACKUP DATABASE x.db TIMESTAMP yesterday")) == 10005
