"""`litekeep init` checks five answers and writes a settings file."""

import sys
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Workplace
from tests.servers.receiver import Receiver, running_receiver
from tests.terminal.terminal import on_terminal


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def fresh(workplace: Workplace) -> Workplace:
    """A workplace with a database and no settings."""
    del workplace.environment["DATABASE_URL"]
    return workplace


def test_init_with_flags_sets_up_a_machine(fresh: Workplace, receiver: Receiver) -> None:
    flags = ("--source", "app.db", "--store", "it's $HOME ${x}", "--notify", receiver.notify)
    done = fresh.good("init", "--json", "--heartbeat", receiver.heartbeat, *flags, "--file", "litekeep.toml").json
    assert (done["file"], done["new_key"]) == ("litekeep.toml", "litekeep.key")
    assert "This is a test" in receiver.messages[0]["message"]
    for name in ("litekeep.toml", "litekeep.key"):
        assert (fresh.folder / name).stat().st_mode & 0o777 == 0o600
    fresh.good("backup", "--kind", "daily", "--verify")
    assert (fresh.folder / "it's $HOME ${x}" / "daily" / "app.db").is_dir()
    assert receiver.beats == ["/ping/T0kenOfTheHeartbeat"]
    fresh.good("status")


def test_init_repeats_a_question_until_the_answer_works(fresh: Workplace) -> None:
    command = [sys.executable, "-W", "error", "-m", "litekeep", "init"]
    typed = "nowhere.db\napp.db\nmy store\nfile:own.key\ndaily=61 * * * *\ndaily=0 2 * * *\n\n"
    shown = on_terminal(command, fresh.folder, fresh.environment, columns=200, typed=typed)
    assert shown.code == 0, shown.text
    assert "✗ source: nowhere.db" in shown.text
    assert "✗ BACKUP_SCHEDULES is wrong" in shown.text
    assert "✓ store: my store: listed, written, removed" in shown.text
    assert "Wrote .env, readable by you alone." in shown.text
    assert (fresh.folder / ".env").read_text().splitlines()[1:] == [
        "DATABASE_URL=app.db",
        "BACKUP_STORE='my store'",
        "BACKUP_KEY=file:own.key",
        "BACKUP_SCHEDULES='daily=0 2 * * *'",
    ]
    fresh.good("health")


def test_init_without_all_answers_writes_nothing(fresh: Workplace) -> None:
    command = [sys.executable, "-W", "error", "-m", "litekeep", "init"]
    shown = on_terminal(command, fresh.folder, fresh.environment, typed="app.db\n\n\n\x04")
    assert shown.code == 1
    assert not {".env", "litekeep.toml", "litekeep.key"} & {path.name for path in fresh.folder.iterdir()}


@pytest.mark.parametrize(
    ("flags", "there", "code", "message"),
    [
        ((), {}, 2, "--source is missing"),
        (("--source", "nowhere.db"), {}, 1, "nowhere.db"),
        (("--source", "app.db", "--store", "app.db"), {}, 1, "app.db"),
        (("--source", "app.db", "--key", "passphrase"), {}, 2, "BACKUP_KEY is wrong"),
        (("--source", "app.db", "--schedule", "hourly"), {}, 2, "BACKUP_SCHEDULES is wrong"),
        (("--source", "app.db", "--notify", "json://127.0.0.1:1/T0kenOfMine"), {}, 1, "BACKUP_NOTIFY (json://…)"),
        (("--source", "app.db"), {".env": "BACKUP_STORE=x\n"}, 2, "BACKUP_STORE is already set in .env"),
        (("--source", "app.db", "--file", ".env"), {".env": "OTHER=1\n"}, 2, "cannot write .env: the file exists"),
        (
            ("--source", "app.db", "--store", "${HOME}x", "--file", ".env"),
            {},
            2,
            "cannot write .env: one of the values",
        ),
    ],
)
def test_init_with_a_wrong_answer_writes_nothing(
    fresh: Workplace, flags: tuple[str, ...], there: dict[str, str], code: int, message: str
) -> None:
    for name, content in there.items():
        (fresh.folder / name).write_text(content)
    outcome = fresh.run("init", *flags)
    assert (outcome.code, message in outcome.err) == (code, True), outcome.err
    assert "T0kenOfMine" not in outcome.err
    for name in (".env", "litekeep.toml"):
        assert not (fresh.folder / name).exists() or (fresh.folder / name).read_text() == there[name]


def test_init_keeps_the_env_file_of_another_program(fresh: Workplace) -> None:
    (fresh.folder / ".env").write_text("OTHER=1\n")
    fresh.good("init", "--source", "app.db")
    assert (fresh.folder / ".env").read_text() == "OTHER=1\n"
    assert 'DATABASE_URL = "app.db"' in (fresh.folder / "litekeep.toml").read_text()


def test_init_creates_no_key_for_a_store_with_encrypted_backups(fresh: Workplace) -> None:
    fresh.good("keygen", "old.key")
    fresh.good("backup", DATABASE_URL="app.db", BACKUP_KEY="file:old.key")
    outcome = fresh.run("init", "--source", "app.db")
    assert (outcome.code, "holds encrypted backups" in outcome.err) == (1, True)
    assert not (fresh.folder / "litekeep.key").exists()
    fresh.good("init", "--source", "app.db", "--key", "file:old.key")
