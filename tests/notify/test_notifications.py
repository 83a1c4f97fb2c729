"""Findings and failures are sent once, good backups call the heartbeat, and an error with either fails no backup."""

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


def assert_without_secrets(place: Workplace, outcome: Outcome) -> None:
    kept = "".join(path.read_text() for path in (place.folder / "state").rglob("*") if path.is_file())
    for secret in SECRETS:
        assert secret not in outcome.out + outcome.err + kept


def test_failed_backup_and_its_recovery_are_each_sent_once(place: Workplace, receiver: Receiver) -> None:
    bad = place.folder / "app.db"
    good = bad.read_bytes()
    bad.write_bytes(b"no database at all, " * 100)
    for _ in range(2):
        outcome = place.run("backup", "--kind", "daily")
        assert outcome.code != 0
        assert_without_secrets(place, outcome)
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


def test_monitor_findings_are_sent_when_they_begin_and_end(place: Workplace, receiver: Receiver) -> None:
    settings = {"BACKUP_SCHEDULES": "daily=0 0 * * *"}
    for _ in range(2):
        assert place.run("monitor", **settings).code == 1
    (message,) = receiver.messages
    assert "monitor.stale: there is no good daily backup of app.db" in message["message"]
    place.good("backup", "--kind", "daily", **settings)
    place.good("monitor", **settings)
    place.good("monitor", **settings)
    assert ["Over: monitor.stale" in each["message"] for each in receiver.messages] == [False, True]


def test_monitor_of_one_database_ends_no_finding_of_another(place: Workplace, receiver: Receiver) -> None:
    assert place.run("monitor", BACKUP_SCHEDULES="daily=0 0 * * *").code == 1
    assert place.run("monitor", "--database", "other.db", BACKUP_SCHEDULES="off").code == 0
    assert len(receiver.messages) == 1


def test_failing_receiver_fails_no_backup_and_is_a_finding_until_it_works(place: Workplace, receiver: Receiver) -> None:
    receiver.status = 500
    settings = {"BACKUP_SCHEDULES": "daily=0 0 * * *", "BACKUP_HEARTBEAT_URL": receiver.heartbeat}
    place.run("monitor", **settings)
    outcome = place.run("backup", "--kind", "daily", **settings)
    assert outcome.code == 0
    assert "warning: BACKUP_HEARTBEAT_URL did not work: it answers with HTTP 500" in outcome.err
    assert_without_secrets(place, outcome)
    for command in ("status", "monitor"):
        shown = place.run(command, **settings)
        assert shown.code == 1
        assert "monitor.notify_failed: BACKUP_HEARTBEAT_URL failed the last time" in shown.out
        assert "monitor.notify_failed: BACKUP_NOTIFY (json://…) failed the last time" in shown.out
        assert_without_secrets(place, shown)
    receiver.status = 200
    place.good("backup", "--kind", "daily", **settings)
    place.run("monitor", **settings)
    last = receiver.messages[-1]["message"]
    assert "monitor.notify_failed: BACKUP_NOTIFY" in last  # people learn that notifications had failed
    place.good("monitor", **settings)
    place.good("status", **settings)


def test_one_working_url_is_enough_and_the_failing_one_is_reported(place: Workplace, receiver: Receiver) -> None:
    settings = {
        "BACKUP_NOTIFY": f"nosuchservice://T0kenOfTheHook {receiver.notify}",
        "BACKUP_SCHEDULES": "daily=0 0 * * *",
    }
    outcome = place.run("monitor", **settings)
    assert "BACKUP_NOTIFY (nosuchservice://…) failed the last time: Apprise does not support this URL" in outcome.out
    assert_without_secrets(place, outcome)
    assert len(receiver.messages) == 1


def test_heartbeat_is_called_only_after_good_backups(place: Workplace, receiver: Receiver) -> None:
    settings = {"BACKUP_HEARTBEAT_URL": receiver.heartbeat}
    place.good("backup", **settings)
    place.good("backup", "--kind", "daily", "--skip-unchanged", **settings)
    assert receiver.beats == ["/ping/T0kenOfTheHeartbeat"] * 2
    place.run("backup", DATABASE_URL="missing.db", **settings)
    place.good("list", **settings)
    place.run("monitor", **settings)
    assert len(receiver.beats) == 2


def test_heartbeat_follows_no_redirect_and_reads_no_endless_answer(place: Workplace, receiver: Receiver) -> None:
    receiver.status, receiver.location = 302, f"http://127.0.0.1:{receiver.port}/elsewhere"
    outcome = place.good("backup", BACKUP_HEARTBEAT_URL=receiver.heartbeat)
    assert "a redirect, which is not followed" in outcome.err
    assert receiver.beats == ["/ping/T0kenOfTheHeartbeat"]
    receiver.status, receiver.location, receiver.endless = 200, None, True
    outcome = place.good("backup", BACKUP_HEARTBEAT_URL=receiver.heartbeat)
    assert "warning" not in outcome.err


def test_notification_follows_no_redirect(place: Workplace, receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, f"http://127.0.0.1:{receiver.port}/elsewhere"
    place.run("monitor", BACKUP_SCHEDULES="daily=0 0 * * *")
    assert [path for _, path, _ in receiver.requests] == ["/hook/T0kenOfTheHook"]


def test_receiver_that_never_answers_times_out(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        request = {"heartbeat": True}
        urls = [receiver.heartbeat, f"http://127.0.0.1:{silent.getsockname()[1]}/"]
        assert send._run_child(request, urls, 3) == [None, "it did not answer within 3 s"]


def test_damaged_state_file_sends_notifications_again(place: Workplace, receiver: Receiver) -> None:
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
def test_wrong_url_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name} is wrong: ") as caught:
        read_settings()
    assert "S3cr3tOfMine" not in str(caught.value)


def test_notify_settings_are_refused_on_cloud_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BACKUP_NOTIFY": "json://host/", "CLOUD_RUN_JOB": "litekeep"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="unset it on Cloud Run"):
        read_settings()


def test_without_settings_nothing_is_sent_or_stored(workplace: Workplace, receiver: Receiver) -> None:  # noqa: F811 - the fixture
    workplace.run("monitor", BACKUP_SCHEDULES="daily=0 0 * * *")
    workplace.good("backup")
    assert receiver.requests == []
    assert not list(Path(workplace.folder / "state").rglob("notices-*"))
