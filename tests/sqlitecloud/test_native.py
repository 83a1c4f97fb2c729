"""The platform's own backups: settings, points, enabling them, and which times can be restored."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import SourceError, UsageError
from shared.sqlitecloud import native_backups
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.failures import CloudError, CommandRefused, Garbled
from tests.servers.sqlitecloud import Server
from tests.servers.sqlitecloud.clock import START
from tests.sqlitecloud.conftest import NAME, address_of
from tests.sqlitecloud_server.raw import Raw

WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)


def write(server: Server, count: int = 1) -> None:
    """Writes `count` rows, one a minute by the node's clock."""
    with Raw(server, NAME) as client:
        for _ in range(count):
            server.clock.advance(60)
            client.ask("INSERT INTO t (n) VALUES ('x')")


def requests(server: Server) -> list[str]:
    return [text for one in server.connections for text in one.requests if not text.startswith("AUTH")]


def test_native_backups_are_disabled_and_empty_by_default(address: Address) -> None:
    found = native_backups.read_inventory(address, NAME)
    assert (found.settings.enabled, found.points) == (False, ())
    assert found.refusal is not None


def test_enabled_native_backups_have_the_settings_and_a_point_per_write(server: Server, address: Address) -> None:
    found = native_backups.enable(address, NAME, retention=WEEK, interval=DAY)
    assert found.settings == native_backups.NativeSettings(enabled=True, retention="168h", interval="24h")
    assert found.settings.keeps == WEEK
    write(server, 3)
    points = native_backups.read_inventory(address, NAME).points
    assert [point.created for point in points] == [START + timedelta(minutes=n) for n in range(4)]
    assert [point.kind for point in points] == ["snapshot", "wal", "wal", "wal"]
    assert all(point.size for point in points)


def test_native_backups_are_enabled_with_the_documented_commands(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME, retention=timedelta(hours=48), interval=HOUR)
    asked = requests(server)
    at = asked.index(f"SET DATABASE '{NAME}' KEY backup TO 1")
    assert asked[at + 1 : at + 4] == [
        f"SET DATABASE '{NAME}' KEY backup_retention TO 48h",
        f"SET DATABASE '{NAME}' KEY backup_snapshot_interval TO 1h",
        "APPLY BACKUP SETTINGS",
    ]


def test_shorter_retention_requires_confirmation(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME, retention=WEEK)
    before = len(requests(server))
    with pytest.raises(UsageError, match="--shorten"):
        native_backups.enable(address, NAME, retention=DAY)
    assert not any(text.startswith(("SET", "APPLY")) for text in requests(server)[before:])
    assert native_backups.enable(address, NAME, retention=DAY, may_shorten=True).settings.keeps == DAY


@pytest.mark.parametrize(
    ("retention", "interval"),
    [(DAY, WEEK), (timedelta(0), HOUR), (WEEK, timedelta(minutes=90)), (timedelta(days=367), DAY), (-DAY, HOUR)],
)
def test_invalid_times_are_refused_before_connecting(
    server: Server, address: Address, retention: timedelta, interval: timedelta
) -> None:
    with pytest.raises(UsageError):
        native_backups.enable(address, NAME, retention=retention, interval=interval)
    assert requests(server) == []


def test_settings_that_are_not_applied_are_an_error(server: Server, address: Address) -> None:
    server.faults.reply("backup_retention TO", b"+2 OK")
    with pytest.raises(CloudError, match="does not show them"):
        native_backups.enable(address, NAME, retention=WEEK)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_enabling_native_backups_is_retried_after_a_lost_connection(server: Server, address: Address, nth: int) -> None:
    server.faults.cut("SET DATABASE|APPLY", nth=nth)
    assert native_backups.enable(address, NAME, retention=WEEK).settings.keeps == WEEK


@pytest.mark.parametrize("name", ["x'; REMOVE DATABASE 'app one.db", "a;b", "", "a\nb", "../x"])
def test_name_with_an_injected_command_is_refused(server: Server, address: Address, name: str) -> None:
    for call in (native_backups.read_inventory, native_backups.enable):
        with pytest.raises(UsageError):
            call(address, name)
    with pytest.raises(UsageError):
        native_backups.restore(address, name, START)
    assert not any("REMOVE" in text for text in requests(server))


def test_missing_database_is_an_error_and_not_disabled(address: Address) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        native_backups.read_inventory(address, "missing.db")


def test_missing_privilege_is_an_error_and_not_an_empty_list(server: Server) -> None:
    server.accounts.add_user("reader", "secret", "READ,DOWNLOAD")
    with pytest.raises(CommandRefused, match="privilege"):
        native_backups.read_inventory(address_of(server, login="reader:secret"), NAME)


@pytest.mark.parametrize("created", [b"+9 yesterday", b"_ ", b":5 "])
def test_point_without_a_time_is_an_error(server: Server, address: Address, created: bytes) -> None:
    row = b"+8 snapshot+2 s3+1 g:0 :0 :9 " + created
    names = b"".join(b"+%d %b" % (len(n), n) for n in b"type replica generation index offset size created".split())
    body = b"0:1 1 7 " + names + row
    server.faults.reply("LIST BACKUPS DATABASE", b"*%d %b" % (len(body), body))
    with pytest.raises(Garbled, match="time"):
        native_backups.read_inventory(address, NAME)


def test_only_restorable_times_are_accepted(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME)
    write(server, 2)
    found, now = native_backups.read_inventory(address, NAME), server.clock.now()
    for moment in (START, START + timedelta(seconds=90), now):
        native_backups.check_moment(found, moment, now)
    with pytest.raises(UsageError, match="before the oldest"):
        native_backups.check_moment(found, START - timedelta(seconds=1), now)
    with pytest.raises(UsageError, match="future"):
        native_backups.check_moment(found, now + timedelta(seconds=1), now)
    with pytest.raises(UsageError, match="whole seconds"):
        native_backups.check_moment(found, START + timedelta(microseconds=1), now)


def test_no_time_is_accepted_without_points(address: Address) -> None:
    with pytest.raises(SourceError, match="no native backup"):
        native_backups.check_moment(native_backups.read_inventory(address, NAME), START, START)


def test_restore_sends_the_documented_timestamp_format(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME)
    write(server)
    native_backups.restore(address, NAME, START)
    assert f"RESTORE BACKUP DATABASE '{NAME}' TIMESTAMP 2026-01-01T00:00:00Z" in requests(server)


@pytest.mark.parametrize(
    ("text", "length"), [("24h", DAY), ("7d", WEEK), ("168h", WEEK), ("1h", HOUR), ("366d", timedelta(days=366))]
)
def test_duration_flag_accepts_hours_and_days(text: str, length: timedelta) -> None:
    assert native_backups.given_length(text, "--retention") == length


@pytest.mark.parametrize("text", ["", "0h", "24", "1w", "-1h", "24h;x", "1.5h", "٣h", "367d", "9999d", "24h ", "1h30m"])
def test_invalid_duration_flag_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(UsageError, match="--retention"):
        native_backups.given_length(text, "--retention")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("24h", 86400), ("2.5h", 9000), ("2h45m", 9900), ("168h0m0s", 604800), ("1d", 86400), ("90s", 90)],
)
def test_durations_of_a_node_are_parsed_in_every_documented_form(text: str, seconds: int) -> None:
    assert native_backups.read_length(text) == timedelta(seconds=seconds)


@given(st.text(max_size=12))
def test_any_text_as_duration_of_a_node_is_parsed_or_none(text: str) -> None:
    found = native_backups.read_length(text)
    assert found is None or (text and not text.isspace() and found >= timedelta(0))


def test_unset_retention_is_the_platforms_default() -> None:
    assert native_backups.NativeSettings(enabled=True).keeps == DAY
    assert native_backups.NativeSettings(enabled=True, retention="soon").keeps is None


def test_listed_time_shows_its_fraction_only_if_it_has_one() -> None:
    assert native_backups.shown(datetime(2026, 1, 1, 0, 0, 0, 500000, UTC)) == "2026-01-01T00:00:00.5Z"
    assert native_backups.shown(START) == "2026-01-01T00:00:00Z"
