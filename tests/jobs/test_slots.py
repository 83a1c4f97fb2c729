"""One of all runs started for a slot takes the backup, and no slot stays blocked."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from shared.errors import ObjectExists, StoreError
from shared.model.kinds import Kind
from shared.model.lock_names import Slot, claims_prefix, parse_claim
from shared.model.names import encode_database, parse
from shared.model.schedules import DEFAULT_SCHEDULES, Schedule
from shared.schedule.slots import LENGTH, Runner, claimed, slot_of
from shared.stores import Store, open_store
from shared.stores.folder import FolderStore

NOON = datetime(2024, 1, 15, 12, 0, tzinfo=UTC)
SLOT = Slot(Kind.CONTINUOUS, "app.db", NOON)
FIRST, SECOND = Runner("run-a", 0, 0), Runner("run-b", 0, 0)


class Died(BaseException):
    """The process was killed, so it cannot release its slot."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def take(
    store: Store, runner: Runner, slot: Slot = SLOT, *, backed_up: bool = False, now: datetime | None = None
) -> bool:
    clock = (lambda: now) if now else (lambda: datetime.now(UTC))
    with claimed(store, slot, runner, lambda since: backed_up, clock) as mine:
        return mine


def fail(store: Store, runner: Runner, slot: Slot = SLOT) -> None:
    with (
        suppress(ValueError),
        claimed(store, slot, runner, lambda since: False, lambda: datetime.now(UTC)) as mine,
    ):
        assert mine
        raise ValueError


def test_first_run_claims_the_slot_and_a_duplicate_does_not(store: Store) -> None:
    assert take(store, FIRST)
    assert not take(store, SECOND)


def test_slots_are_separate_per_time_database_and_kind(store: Store) -> None:
    assert take(store, FIRST)
    assert take(store, SECOND, Slot(Kind.CONTINUOUS, "app.db", NOON + timedelta(minutes=5)))
    assert take(store, SECOND, Slot(Kind.CONTINUOUS, "other.db", NOON))
    assert take(store, SECOND, Slot(Kind.DAILY, "app.db", NOON))


def test_retry_of_the_same_task_takes_over_at_once(store: Store) -> None:
    take(store, FIRST)
    assert take(store, Runner("run-a", 0, 1))
    assert not take(store, SECOND)


def test_retry_takes_no_backup_if_the_first_attempt_made_one(store: Store) -> None:
    take(store, FIRST)
    assert not take(store, Runner("run-a", 0, 1), backed_up=True)


def test_same_attempt_and_other_tasks_do_not_take_over(store: Store) -> None:
    take(store, FIRST)
    assert not take(store, FIRST)
    assert not take(store, Runner("run-a", 1, 1))


def test_retry_uses_the_slot_of_its_first_attempt(store: Store) -> None:
    """The next slot has begun meanwhile; it belongs to the next run."""
    following = Slot(Kind.CONTINUOUS, "app.db", NOON + timedelta(minutes=5))
    take(store, FIRST)
    assert not take(store, Runner("run-a", 0, 1), following, backed_up=True)
    assert take(store, Runner("run-a", 0, 1), following)
    assert take(store, SECOND, following)


def test_retry_finds_its_slot_of_the_previous_day(store: Store) -> None:
    midnight = Slot(Kind.CONTINUOUS, "app.db", datetime(2024, 1, 16, tzinfo=UTC))
    take(store, FIRST, Slot(Kind.CONTINUOUS, "app.db", midnight.begins_at - timedelta(minutes=5)))
    assert take(store, Runner("run-a", 0, 1), midnight)
    assert take(store, SECOND, midnight)


def test_failed_run_releases_its_slot(store: Store) -> None:
    fail(store, FIRST)
    assert take(store, SECOND)
    assert not take(store, Runner("run-c", 0, 0))


def test_released_slot_with_a_backup_is_not_claimed_again(store: Store) -> None:
    fail(store, FIRST)
    assert not take(store, SECOND, backed_up=True)


def test_slot_of_a_dead_run_expires_after_an_hour(store: Store) -> None:
    take(store, FIRST)
    soon, later = (datetime.now(UTC) + LENGTH + timedelta(minutes=off) for off in (-5, 5))
    assert not take(store, SECOND, now=soon)
    assert not take(store, SECOND, now=later, backed_up=True)
    assert take(store, SECOND, now=later)


def test_backup_taken_before_the_slot_does_not_count(store: Store) -> None:
    asked = []
    take(store, FIRST)
    with claimed(store, SLOT, Runner("run-a", 0, 1), lambda since: bool(asked.append(since)), lambda: NOON):
        pass
    assert asked == [NOON - timedelta(seconds=10)]


def test_one_of_many_concurrent_runs_claims_the_slot(store: Store) -> None:
    together, won = Barrier(8), []

    def try_it(number: int) -> None:
        together.wait()
        if take(store, Runner(f"run-{number}", 0, 0)):
            won.append(number)

    threads = [Thread(target=try_it, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


ABSURD = b'{"owner":"x/0","attempt":1e999,"over":false,"expires_at":"2999-01-01T00:00:00Z"}'
NOT_OURS = [b"", b"[]", b'{"owner": 1}', b"\xff", b"[" * 4000, b'{"expires_at": "never"}', ABSURD]


@pytest.mark.parametrize("content", NOT_OURS)
def test_malformed_claim_does_not_block_a_slot(store: Store, content: bytes) -> None:
    store.create(SLOT.claim(1), content, {})
    assert take(store, SECOND)


def test_claim_expires_after_an_hour_whatever_its_content(store: Store) -> None:
    store.create(SLOT.claim(1), b'{"owner":"x/0","attempt":0,"over":false,"expires_at":"9999-01-01T00:00:00Z"}', {})
    assert take(store, SECOND, now=datetime.now(UTC) + LENGTH + timedelta(minutes=1))


class Full(FolderStore):
    """A store that refuses a second object."""

    def create(self, name, content, metadata):  # type: ignore[no-untyped-def]
        if any(self.list_objects()):
            raise StoreError("no room")
        return super().create(name, content, metadata)


def test_failed_release_does_not_hide_the_error(tmp_path: Path) -> None:
    fail(Full(tmp_path / "store"), FIRST)


def test_claims_are_never_replaced_or_deleted(store: Store) -> None:
    take(store, FIRST)
    fail(store, Runner("run-a", 0, 1))
    take(store, SECOND)
    assert [item.name.rpartition("/")[2] for item in store.list_objects("locks/")] == [
        "20240115T1200Z.001.json",
        "20240115T1200Z.002.json",
        "20240115T1200Z.003.json",
        "20240115T1200Z.004.json",
    ]
    with pytest.raises(ObjectExists):
        store.create(SLOT.claim(1), b"", {})


@pytest.mark.parametrize(
    ("kind", "now", "begins"),
    [
        (Kind.CONTINUOUS, datetime(2024, 1, 15, 12, 2, 59, tzinfo=UTC), datetime(2024, 1, 15, 12, 3, tzinfo=UTC)),
        (Kind.CONTINUOUS, datetime(2024, 1, 15, 12, 2, 40, tzinfo=UTC), datetime(2024, 1, 15, 12, 0, tzinfo=UTC)),
        (Kind.CONTINUOUS, datetime(2024, 1, 15, 12, 3, tzinfo=UTC), datetime(2024, 1, 15, 12, 3, tzinfo=UTC)),
        (Kind.DAILY, datetime(2024, 1, 15, 0, 2, 3, tzinfo=UTC), datetime(2024, 1, 15, tzinfo=UTC)),
        (Kind.DAILY, datetime(2024, 1, 14, 23, 59, 55, tzinfo=UTC), datetime(2024, 1, 15, tzinfo=UTC)),
        (Kind.WEEKLY, datetime(2024, 1, 17, 8, tzinfo=UTC), datetime(2024, 1, 14, tzinfo=UTC)),
    ],
)
def test_run_belongs_to_the_newest_started_slot(kind: Kind, now: datetime, begins: datetime) -> None:
    """Ten seconds early counts as on time, because clocks differ."""
    assert slot_of(kind, "app.db", DEFAULT_SCHEDULES[kind], now) == Slot(kind, "app.db", begins)


def test_kind_without_a_schedule_has_default_slots() -> None:
    assert slot_of(Kind.DAILY, "app.db", None, NOON).begins_at == datetime(2024, 1, 15, tzinfo=UTC)
    at_six = Schedule(Kind.DAILY, "0 6 * * *")
    assert slot_of(Kind.DAILY, "app.db", at_six, NOON).begins_at == datetime(2024, 1, 15, 6, tzinfo=UTC)


@pytest.mark.parametrize("database", ["app.db", "../up", "a/b", ".hidden", "Größe %", "x" * 190])
def test_claim_name_round_trips_and_is_not_a_backup_name(database: str) -> None:
    slot = Slot(Kind.WEEKLY, database, NOON)
    assert parse_claim(slot.claim(7)) == (slot, 7)
    assert parse(slot.claim(7)) is None
    assert slot.claim(7).startswith(claims_prefix(Kind.WEEKLY, database, NOON))


@pytest.mark.parametrize(
    "name",
    [
        "locks/slots/daily/app.db/20240115T1200Z.1.json/x",
        "locks/slots/daily/app.db/20249915T1200Z.001.json",
        "locks/slots/hourly/app.db/20240115T1200Z.001.json",
        "locks/slots/daily/..%2Fup/20240115T1200Z.001.json",
        f"locks/slots/daily/{encode_database('a')}/20240115T1200Z.json",
        "locks/cleanup.000001.json",
    ],
)
def test_other_names_are_not_claims(name: str) -> None:
    assert parse_claim(name) is None
