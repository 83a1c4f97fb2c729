"""What a look at a bucket costs: requests for pages of its listing and none for each backup, and little memory."""

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from litekeep.app import litekeep
from shared.catalog.listing import Catalog
from shared.retention.inventory import take_inventory
from shared.stores import Store, open_store
from tests.servers.gcs.crowded import Crowded, crowded_server
from tests.servers.gcs.crowded_chain import CrowdedChain

PAGE = 1000  # objects; each backup here has four
DATABASES = 2

Ask = Callable[..., int]


@pytest.fixture
def asked_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Crowded], Ask]:
    """Runs a command on a bucket and returns how often that was asked."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"BACKUP_STORE": "gs://crowded", "BACKUP_KEY": "none", "DATABASE_URL": "app-0001.db"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def of(crowded: Crowded) -> Ask:
        def asked(*arguments: str) -> int:
            with crowded_server(crowded) as url:
                monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
                assert litekeep(list(arguments), standalone_mode=False) in (None, 0, 1)
            return crowded.requests

        return asked

    return of


def _now() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def ask(asked_of: Callable[[Crowded], Ask]) -> Callable[[int], Ask]:
    """The same of a bucket of so many backups."""
    return lambda backups: asked_of(Crowded(backups, DATABASES, _now()))


@pytest.fixture
def ask_chain(asked_of: Callable[[Crowded], Ask]) -> Callable[[int], Ask]:
    """The same of a bucket of so many points."""
    return lambda points: asked_of(CrowdedChain(points, "app-0001.db", _now()))


def pages(backups: int) -> int:
    return 4 * backups // PAGE + 1


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


@pytest.mark.parametrize(
    ("command", "more"),
    [(("list", "--json"), 0), (("list", "--kind", "continuous", "--json"), 0), (("timeline", "--json"), 1)],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_points_are_read_from_the_pages_of_the_listing_and_a_page_of_marks(
    ask_chain: Callable[[int], Ask], command: tuple[str, ...], more: int
) -> None:
    objects = 3 * 400 + 400 // 20  # of 400 points: three each, and a verdict an hour
    assert ask_chain(400)(*command) == objects // PAGE + 1 + more


@pytest.mark.parametrize(
    "command",
    [("status", "--json"), ("monitor", "--json"), ("cleanup", "--dry-run", "--json")],
    ids=lambda each: each[0],
)
def test_beside_the_listing_nothing_is_asked_for_each_point(
    ask_chain: Callable[[int], Ask], command: tuple[str, ...]
) -> None:
    few, many = (ask_chain(points)(*command) for points in (100, 800))
    assert many - few <= 2 * 2  # two listings, of two pages more


@pytest.mark.parametrize(
    ("take", "most"),
    [(lambda store: Catalog(store).backups(), 2_500), (take_inventory, 3_000)],
    ids=["catalog", "inventory"],
)
def test_a_backup_more_takes_less_memory_than_three_kilobytes(
    monkeypatch: pytest.MonkeyPatch, take: Callable[[Store], object], most: int
) -> None:
    def held(backups: int) -> int:
        crowded = Crowded(backups, DATABASES, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
        with crowded_server(crowded) as url:
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
            store = open_store("gs://crowded")
            assert next(iter(store.list_objects()))  # what is imported and connected once is no backup's
            before = tracemalloc.get_traced_memory()[0]
            found = take(store)
            after = tracemalloc.get_traced_memory()[0]
            del found
        return after - before

    tracemalloc.start()
    try:
        few, many = held(100), held(1100)
    finally:
        tracemalloc.stop()
    assert (many - few) / 1000 < most
