"""Findings and failures reach a receiver once, good backups call the heartbeat, and neither costs a backup anything."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import UsageError
from shared.notify import send
from shared.settings import read_settings
from tests.cli.conftest import Outcome, Workplace, sample, workplace  # noqa: F401 - fixtures
from tests.servers.receiver import Receiver, running_receiver

SECRETS = ("T0kenOfTheHook", "T0kenOfTheHeartbeat", "Pa55w0rdOfSomeone")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def place(workplace: Workplace, receiver: Receiver) -> Workplace:  # noqa: F811 - the fixture
    workplace.environment.update({"BACKUP_NOTIFY": receiver.notify, "BACKUP_KEY": "none"})
    return workplace


def without_secrets(place: Workplace, outcome: Outcome) -> None:
    kept = "".join(path.read_text() for path in (place.folder / "state").rglob("*") if path.is_file())
    for secret in SECRETS:
        assert secret not in outcome.out + outcome.err + kept


def test_a_failed_backup_is_told_once_and_its_end_too(place: Workplace, receiver: Receiver) -> None:
    bad = place.folder / "app.db"
    good = bad.read_bytes()
    bad.write_bytes(b"no database at all, " * 100)
    for _ in range(2):
        outcome = place.run("backup", "--kind", "daily")
        assert outcome.code != 0
        without_secrets(place, outcome)
    (message,) = receiver.messages
    assert message["type"] == "failure"
    assert message["title"] == f"Litekeep on {socket.gethostname()}: 1 began"
    assert "backup.failed: backup of app.db failed" in message["message"]
    bad.write_bytes(good)
    place.good("backup", "--kind", "daily")
    place.good("backup", "--kind", "daily")
    assert len(receiver.messages) == 2
    assert receiver.messages[1]["type"] == "success"
    assert "Over: backup.failed" in receiver.messages[1]["message"]


def test_findings_of_the_monitor_are_told_when_they_begin_and_end_and_not_each_hour(
    place: Workplace, receiver: Receiver
) -> None:
    settings = {"BACKUP_SCHEDULES": "daily=0 0 * * *"}
    for _ in range(2):
        assert place.run("monitor", **settings).code == 1
    (message,) = receiver.messages
    assert "monitor.stale: there is no good daily backup of app.db" in message["message"]
    place.good("backup", "--kind", "daily", **settings)
    place.good("monitor", **settings)
    place.good("monitor", **settings)
    assert ["Over: monitor.stale" in each["message"] for each in receiver.messages] == [False, True]


def test_a_look_at_one_database_ends_nothing_of_the_others(place: Workplace, receiver: Receiver) -> None:
    assert place.run("monitor", BACKUP_SCHEDULES="daily=0 0 * * *").code == 1
    assert place.run("monitor", "--database", "other.db", BACKUP_SCHEDULES="off").code == 0
    assert len(receiver.messages) == 1


def test_a_receiver_that_refuses_fails_no_backup_and_is_a_finding_until_it_works(
    place: Workplace, receiver: Receiver
) -> None:
    receiver.status = 500
    settings = {"BACKUP_SCHEDULES": "daily=0 0 * * *", "BACKUP_HEARTBEAT_URL": receiver.heartbeat}
    place.run("monitor", **settings)
    outcome = place.run("backup", "--kind", "daily", **settings)
    assert outcome.code == 0
    assert "warning: BACKUP_HEARTBEAT_URL did not work: it answers with HTTP 500" in outcome.err
    without_secrets(place, outcome)
    for command in ("status", "monitor"):
        shown = place.run(command, **settings)
        assert shown.code == 1
        assert "monitor.notify_failed: BACKUP_HEARTBEAT_URL failed the last time" in shown.out
        assert "monitor.notify_failed: BACKUP_NOTIFY (json://…) failed the last time" in shown.out
        without_secrets(place, shown)
    receiver.status = 200
    place.good("backup", "--kind", "daily", **settings)
    place.run("monitor", **settings)
    last = receiver.messages[-1]["message"]
    assert "monitor.notify_failed: BACKUP_NOTIFY" in last  # people learn that they were not told
    place.good("monitor", **settings)
    place.good("status", **settings)


def test_one_url_that_works_is_enough_and_the_other_is_named(place: Workplace, receiver: Receiver) -> None:
    settings = {
        "BACKUP_NOTIFY": f"nosuchservice://T0kenOfTheHook {receiver.notify}",
        "BACKUP_SCHEDULES": "daily=0 0 * * *",
    }
    outcome = place.run("monitor", **settings)
    assert "BACKUP_NOTIFY (nosuchservice://…) failed the last time: Apprise knows no such URL" in outcome.out
    without_secrets(place, outcome)
    assert len(receiver.messages) == 1


def test_the_heartbeat_is_called_after_each_good_backup_and_after_no_other(
    place: Workplace, receiver: Receiver
) -> None:
    settings = {"BACKUP_HEARTBEAT_URL": receiver.heartbeat}
    place.good("backup", **settings)
    place.good("backup", "--kind", "daily", "--skip-unchanged", **settings)
    assert receiver.beats == ["/ping/T0kenOfTheHeartbeat"] * 2
    place.run("backup", DATABASE_URL="missing.db", **settings)
    place.good("list", **settings)
    place.run("monitor", **settings)
    assert len(receiver.beats) == 2


def test_a_heartbeat_follows_no_redirect_and_reads_no_endless_answer(place: Workplace, receiver: Receiver) -> None:
    receiver.status, receiver.location = 302, f"http://127.0.0.1:{receiver.port}/elsewhere"
    outcome = place.good("backup", BACKUP_HEARTBEAT_URL=receiver.heartbeat)
    assert "leads elsewhere and is not followed" in outcome.err
    assert receiver.beats == ["/ping/T0kenOfTheHeartbeat"]
    receiver.status, receiver.location, receiver.endless = 200, None, True
    outcome = place.good("backup", BACKUP_HEARTBEAT_URL=receiver.heartbeat)
    assert "warning" not in outcome.err


def test_a_notification_follows_no_redirect(place: Workplace, receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, f"http://127.0.0.1:{receiver.port}/elsewhere"
    place.run("monitor", BACKUP_SCHEDULES="daily=0 0 * * *")
    assert [path for _, path, _ in receiver.requests] == ["/hook/T0kenOfTheHook"]


def test_whoever_never_answers_is_given_up(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        order = {"heartbeat": True}
        urls = [receiver.heartbeat, f"http://127.0.0.1:{silent.getsockname()[1]}/"]
        assert send._ask(order, urls, 3) == [None, "it gave no answer within 3 s"]


def test_a_damaged_state_tells_once_more(place: Workplace, receiver: Receiver) -> None:
    settings = {"BACKUP_SCHEDULES": "daily=0 0 * * *"}
    place.run("monitor", **settings)
    (state,) = (place.folder / "state" / "litekeep").glob("notices-*.json")
    assert state.stat().st_mode & 0o077 == 0
    for content in ('{"kept": 3}', "[" * 100_000, '{"kept": {"a": {}}, "failures": {}}'):
        state.write_text(content)
        assert place.run("monitor", **settings).code == 1
    assert len(receiver.messages) == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKUP_NOTIFY", "not-a-url-S3cr3tOfMine"),
        ("BACKUP_NOTIFY", "json://ok " * 11 + "json://S3cr3tOfMine"),
        ("BACKUP_NOTIFY", '"json://h/S3cr3tOfMine"'),
        ("BACKUP_HEARTBEAT_URL", "ftp://h/S3cr3tOfMine"),
        ("BACKUP_HEARTBEAT_URL", "https://h/S3cr3tOfMine x"),
        ("BACKUP_HEARTBEAT_URL", "'https://h/S3cr3tOfMine'"),
    ],
)
def test_a_wrong_url_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name} is wrong: ") as caught:
        read_settings()
    assert "S3cr3tOfMine" not in str(caught.value)


def test_cloud_run_has_cloud_monitoring_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BACKUP_NOTIFY": "json://host/", "CLOUD_RUN_JOB": "litekeep"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="unset it on Cloud Run"):
        read_settings()


def test_nothing_is_said_where_nobody_asked(workplace: Workplace, receiver: Receiver) -> None:  # noqa: F811 - the fixture
    workplace.run("monitor", BACKUP_SCHEDULES="daily=0 0 * * *")
    workplace.good("backup")
    assert receiver.requests == []
    assert not list(Path(workplace.folder / "state").rglob("notices-*"))
