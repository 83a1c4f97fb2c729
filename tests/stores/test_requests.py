"""The cost of reading a bucket: requests for the pages of its listing, none per backup, and little memory."""

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
    """Runs a command on a bucket and returns the number of requests."""
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
    """Runs a command on a bucket with that many backups and returns the number of requests."""
    return lambda backups: asked_of(Crowded(backups, DATABASES, _now()))


@pytest.fixture
def ask_chain(asked_of: Callable[[Crowded], Ask]) -> Callable[[int], Ask]:
    """Runs a command on a bucket with that many points and returns the number of requests."""
    return lambda points: asked_of(CrowdedChain(points, "app-0001.db", _now()))


def pages(backups: int) -> int:
    return 4 * backups // PAGE + 1


@pytest.mark.parametrize("backups", [100, 1000])
def test_list_requests_only_the_pages_of_the_listing(ask: Callable[[int], Ask], backups: int) -> None:
    assert ask(backups)("list", "--json") == pages(backups)


@pytest.mark.parametrize(
    "command",
    [("status", "--json"), ("monitor", "--json"), ("cleanup", "--dry-run", "--json")],
    ids=lambda each: each[0],
)
def test_number_of_requests_does_not_grow_with_backups_beyond_the_listing(
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
def test_points_are_read_from_the_listing_and_one_page_of_marks(
    ask_chain: Callable[[int], Ask], command: tuple[str, ...], more: int
) -> None:
    objects = 3 * 400 + 400 // 20  # of 400 points: three each, and a verdict an hour
    assert ask_chain(400)(*command) == objects // PAGE + 1 + more


@pytest.mark.parametrize(
    "command",
    [("status", "--json"), ("monitor", "--json"), ("cleanup", "--dry-run", "--json")],
    ids=lambda each: each[0],
)
def test_number_of_requests_does_not_grow_with_points_beyond_the_listing(
    ask_chain: Callable[[int], Ask], command: tuple[str, ...]
) -> None:
    few, many = (ask_chain(points)(*command) for points in (100, 800))
    assert many - few <= 2 * 2  # two listings, of two pages more


@pytest.mark.parametrize(
    ("take", "most"),
    [(lambda store: Catalog(store).backups(), 2_500), (take_inventory, 3_000)],
    ids=["catalog", "inventory"],
)
def test_each_further_backup_takes_less_than_3_kb_of_memory(
    monkeypatch: pytest.MonkeyPatch, take: Callable[[Store], object], most: int
) -> None:
    def held(backups: int) -> int:
        crowded = Crowded(backups, DATABASES, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
        with crowded_server(crowded) as url:
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
            store = open_store("gs://crowded")
            assert next(iter(store.list_objects()))  # imports and connects, which is no cost per backup
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
