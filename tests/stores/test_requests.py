"""What a look at a bucket costs in requests: pages of its listing, and nothing for each backup."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from litekeep.app import litekeep
from tests.servers.gcs.crowded import Crowded, crowded_server

PAGE = 1000  # objects; each backup here has three
DATABASES = 2

Ask = Callable[..., int]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Ask]:
    """For a number of backups: runs a command on a bucket of so many and returns how often that was asked."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"BACKUP_STORE": "gs://crowded", "BACKUP_KEY": "none", "DATABASE_URL": "app-0001.db"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def of(backups: int) -> Ask:
        crowded = Crowded(backups, DATABASES, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))

        def asked(*arguments: str) -> int:
            with crowded_server(crowded) as url:
                monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
                assert litekeep(list(arguments), standalone_mode=False) in (None, 0, 1)
            return crowded.requests

        return asked

    return of


def pages(backups: int) -> int:
    return 3 * backups // PAGE + 1


@pytest.mark.parametrize("backups", [100, 1000])
def test_a_list_is_read_from_the_pages_of_the_listing_alone(ask: Callable[[int], Ask], backups: int) -> None:
    assert ask(backups)("list", "--json") == pages(backups)


@pytest.mark.parametrize(
    "command",
    [("status", "--json"), ("monitor", "--json"), ("cleanup", "--dry-run", "--json")],
    ids=lambda each: each[0],
)
def test_beside_the_listing_nothing_is_asked_for_each_backup(
    ask: Callable[[int], Ask], command: tuple[str, ...]
) -> None:
    few, many = (ask(backups)(*command) for backups in (100, 1000))
    listings = 2  # of the store, and of what is soft-deleted or unfinished
    assert many - few <= listings * (pages(1000) - pages(100))
