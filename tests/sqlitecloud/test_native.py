"""The platform's own backups: what is set and kept, switching them on, and which moments can be asked for."""

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
    """One commit a minute."""
    with Raw(server, NAME) as client:
        for _ in range(count):
            server.clock.advance(60)
            client.ask("INSERT INTO t (n) VALUES ('x')")


def requests(server: Server) -> list[str]:
    return [text for one in server.connections for text in one.requests if not text.startswith("AUTH")]


def test_before_anything_is_set_native_backups_are_off_and_hold_nothing(address: Address) -> None:
    found = native_backups.look(address, NAME)
    assert (found.settings.enabled, found.points) == (False, ())
    assert found.refusal is not None


def test_switched_on_they_keep_what_was_asked_and_each_write_is_a_point(server: Server, address: Address) -> None:
    found = native_backups.enable(address, NAME, retention=WEEK, interval=DAY)
    assert found.settings == native_backups.NativeSettings(enabled=True, retention="168h", interval="24h")
    assert found.settings.keeps == WEEK
    write(server, 3)
    points = native_backups.look(address, NAME).points
    assert [point.created for point in points] == [START + timedelta(minutes=n) for n in range(4)]
    assert [point.kind for point in points] == ["snapshot", "wal", "wal", "wal"]
    assert all(point.size for point in points)


def test_it_is_switched_on_by_the_commands_that_are_documented(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME, retention=timedelta(hours=48), interval=HOUR)
    asked = requests(server)
    at = asked.index(f"SET DATABASE '{NAME}' KEY backup TO 1")
    assert asked[at + 1 : at + 4] == [
        f"SET DATABASE '{NAME}' KEY backup_retention TO 48h",
        f"SET DATABASE '{NAME}' KEY backup_snapshot_interval TO 1h",
        "APPLY BACKUP SETTINGS",
    ]


def test_a_shorter_retention_gives_points_up_so_it_has_to_be_meant(server: Server, address: Address) -> None:
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
def test_times_that_cannot_be_are_refused_before_the_node_is_asked(
    server: Server, address: Address, retention: timedelta, interval: timedelta
) -> None:
    with pytest.raises(UsageError):
        native_backups.enable(address, NAME, retention=retention, interval=interval)
    assert requests(server) == []


def test_settings_that_did_not_come_into_force_are_an_error(server: Server, address: Address) -> None:
    server.faults.reply("backup_retention TO", b"+2 OK")
    with pytest.raises(CloudError, match="does not show them"):
        native_backups.enable(address, NAME, retention=WEEK)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_connection_lost_while_switching_on_is_no_half_setting(server: Server, address: Address, nth: int) -> None:
    server.faults.cut("SET DATABASE|APPLY", nth=nth)
    assert native_backups.enable(address, NAME, retention=WEEK).settings.keeps == WEEK


@pytest.mark.parametrize("name", ["x'; REMOVE DATABASE 'app one.db", "a;b", "", "a\nb", "../x"])
def test_a_name_made_to_be_a_command_never_leaves(server: Server, address: Address, name: str) -> None:
    for call in (native_backups.look, native_backups.enable):
        with pytest.raises(UsageError):
            call(address, name)
    with pytest.raises(UsageError):
        native_backups.restore(address, name, START)
    assert not any("REMOVE" in text for text in requests(server))


def test_a_database_that_is_not_there_is_an_error_and_not_off(address: Address) -> None:
    with pytest.raises(SourceError, match="not there"):
        native_backups.look(address, "missing.db")


def test_without_the_privilege_it_says_so_and_not_that_there_is_nothing(server: Server) -> None:
    server.accounts.add_user("reader", "secret", "READ,DOWNLOAD")
    with pytest.raises(CommandRefused, match="privilege"):
        native_backups.look(address_of(server, login="reader:secret"), NAME)


@pytest.mark.parametrize("created", [b"+9 yesterday", b"_ ", b":5 "])
def test_a_point_without_a_time_is_no_point(server: Server, address: Address, created: bytes) -> None:
    row = b"+8 snapshot+2 s3+1 g:0 :0 :9 " + created
    names = b"".join(b"+%d %b" % (len(n), n) for n in b"type replica generation index offset size created".split())
    body = b"0:1 1 7 " + names + row
    server.faults.reply("LIST BACKUPS DATABASE", b"*%d %b" % (len(body), body))
    with pytest.raises(Garbled, match="time"):
        native_backups.look(address, NAME)


def test_only_moments_on_offer_can_be_asked_for(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME)
    write(server, 2)
    found, now = native_backups.look(address, NAME), server.clock.now()
    for moment in (START, START + timedelta(seconds=90), now):
        native_backups.check_moment(found, moment, now)
    with pytest.raises(UsageError, match="before the oldest"):
        native_backups.check_moment(found, START - timedelta(seconds=1), now)
    with pytest.raises(UsageError, match="future"):
        native_backups.check_moment(found, now + timedelta(seconds=1), now)
    with pytest.raises(UsageError, match="whole seconds"):
        native_backups.check_moment(found, START + timedelta(microseconds=1), now)


def test_where_there_is_no_point_nothing_can_be_asked_for(address: Address) -> None:
    with pytest.raises(SourceError, match="no native backup"):
        native_backups.check_moment(native_backups.look(address, NAME), START, START)


def test_a_time_is_sent_in_the_one_form_that_is_documented(server: Server, address: Address) -> None:
    native_backups.enable(address, NAME)
    write(server)
    native_backups.restore(address, NAME, START)
    assert f"RESTORE BACKUP DATABASE '{NAME}' TIMESTAMP 2026-01-01T00:00:00Z" in requests(server)


@pytest.mark.parametrize(
    ("text", "length"), [("24h", DAY), ("7d", WEEK), ("168h", WEEK), ("1h", HOUR), ("366d", timedelta(days=366))]
)
def test_a_length_is_written_in_hours_or_days(text: str, length: timedelta) -> None:
    assert native_backups.given_length(text, "--retention") == length


@pytest.mark.parametrize("text", ["", "0h", "24", "1w", "-1h", "24h;x", "1.5h", "٣h", "367d", "9999d", "24h ", "1h30m"])
def test_anything_else_is_refused_by_the_flags_name(text: str) -> None:
    with pytest.raises(UsageError, match="--retention"):
        native_backups.given_length(text, "--retention")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("24h", 86400), ("2.5h", 9000), ("2h45m", 9900), ("168h0m0s", 604800), ("1d", 86400), ("90s", 90)],
)
def test_a_nodes_length_is_read_in_every_form_that_is_documented(text: str, seconds: int) -> None:
    assert native_backups.read_length(text) == timedelta(seconds=seconds)


@given(st.text(max_size=12))
def test_a_nodes_length_that_says_nothing_is_none_and_no_crash(text: str) -> None:
    found = native_backups.read_length(text)
    assert found is None or (text and not text.isspace() and found >= timedelta(0))


def test_what_is_not_set_is_kept_for_the_platforms_day() -> None:
    assert native_backups.NativeSettings(enabled=True).keeps == DAY
    assert native_backups.NativeSettings(enabled=True, retention="soon").keeps is None


def test_a_listed_time_shows_its_fraction_only_when_it_has_one() -> None:
    assert native_backups.shown(datetime(2026, 1, 1, 0, 0, 0, 500000, UTC)) == "2026-01-01T00:00:00.5Z"
    assert native_backups.shown(START) == "2026-01-01T00:00:00Z"
