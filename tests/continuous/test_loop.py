"""The loop: it keeps state between cycles, stops for a newer loop, and ends between two cycles."""

import io
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from litekeep.continuous_loop import LoopResult, Print, run_loop
from shared.continuous.turn import turn_of
from shared.errors import StoreError
from shared.events.log import EventLog
from shared.operations.continuous.cycle import Memory, Quiet
from shared.settings import Settings
from shared.stores.folder import FolderStore
from tests.continuous.yard import NUMBERS, Yard

SOON = timedelta(milliseconds=1)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    (tmp_path / "memory").mkdir()
    return Memory(tmp_path / "memory")


class Counting(FolderStore):
    """Records each call."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.requests: list[str] = []

    def list_objects(self, prefix: str = "", start: str = "") -> Iterator[Any]:
        self.requests.append(f"list {prefix}")
        return super().list_objects(prefix, start)

    def open(self, name: str, generation: str | None = None) -> Any:
        self.requests.append(f"open {name}")
        return super().open(name, generation)

    def create(self, name: str, *more: Any) -> Any:
        self.requests.append(f"create {name}")
        return super().create(name, *more)


def test_loop_points_restore_and_it_keeps_only_possible_parents(yard: Yard, memory: Memory) -> None:
    yard.write(f"{NUMBERS} INSERT INTO t SELECT NULL, randomblob(300) FROM n LIMIT 4000")
    yard.cycle(memory)
    for n in range(1, 36):
        point = yard.point(f"UPDATE t SET x = randomblob(300) WHERE id = {n}", memory)
        assert point.chain is not None
        assert point.chain.cycle == n
    assert len(list(memory.folder.iterdir())) == len(memory.states) <= 3
    yard.check_every_point()
    parents = {backup.chain.cycle: backup.chain.parent for backup in yard.points()}
    ids = {backup.chain.cycle: backup.name.id for backup in yard.points()}
    assert (parents[16], parents[17], parents[32], parents[35]) == (ids[0], ids[16], ids[16], ids[34])


def _written_long_ago(yard: Yard) -> None:
    """Set an old modification time; a recent one is not trusted, as a later write may get the same."""
    os.utime(yard.path, (1_700_000_000, 1_700_000_000))


def test_loop_cycle_without_changes_does_not_list(yard: Yard, memory: Memory) -> None:
    _written_long_ago(yard)
    yard.cycle(memory)
    yard.store = counting = Counting(yard.folder / "backups")
    assert isinstance(yard.cycle(memory), Quiet)
    assert [request.split()[0] for request in counting.requests] == ["open", "create"]


def test_loop_compares_pages_once_per_new_fingerprint(
    yard: Yard, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.cycle(memory)
    _written_long_ago(yard)  # a new modification time with unchanged pages
    assert isinstance(yard.cycle(memory), Quiet)
    monkeypatch.setattr("shared.databases.file_database.snapshot_file", None)
    assert isinstance(yard.cycle(memory), Quiet)


def test_job_cycle_without_changes_makes_three_store_calls(yard: Yard) -> None:
    _written_long_ago(yard)
    yard.cycle()
    yard.store = counting = Counting(yard.folder / "backups")
    assert isinstance(yard.cycle(), Quiet)
    assert [request.split()[0] for request in counting.requests] == ["list", "open", "create"]


def test_loop_reads_the_store_again_after_a_failed_cycle(yard: Yard, memory: Memory) -> None:
    yard.cycle(memory)
    whole = yard.store
    yard.write("DELETE FROM t WHERE id = 1")
    yard.store = _Full(yard.folder / "backups")
    with pytest.raises(StoreError):
        yard.cycle(memory)
    assert memory.live is None
    assert list(memory.folder.iterdir()) == []
    yard.store = whole
    yard.point("DELETE FROM t WHERE id = 2", memory)
    yard.check_every_point()


class _Full(FolderStore):
    def create_from_file(self, *_: Any) -> Any:
        raise StoreError("no space left: make room")


@pytest.fixture
def run(yard: Yard) -> Any:
    def run(tell: Print, *, every: timedelta = SOON, once: bool = False) -> LoopResult:
        return run_loop(yard.options, Settings(), EventLog(io.StringIO()), every, once=once, tell=tell)

    return run


def test_older_loop_stops_when_a_newer_one_starts(yard: Yard, run: Any) -> None:
    with ExitStack() as other:
        turn = []

        def begin_another(_said: str) -> None:
            if not turn:
                turn.append(other.enter_context(turn_of(yard.store, "app.db")))

        ran = run(begin_another)
        assert (ran.ended, ran.points) == ("gave way", 1)
        assert turn[0].is_ours()
        assert [item.name[-11:] for item in yard.store.list_objects("locks/continuous")] == ["000002.json"]
    assert [item.name for item in yard.store.list_objects("locks/continuous")] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_loop_between_cycles(run: Any, number: signal.Signals) -> None:
    ran = run(lambda _said: os.kill(os.getpid(), number))
    assert (ran.ended, ran.points) == ("stopped", 1)


def test_loop_continues_after_a_failed_cycle(yard: Yard, run: Any) -> None:
    away = yard.path.with_name("away.db")
    yard.path.rename(away)
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        if line.startswith("no point was taken") and away.exists():
            away.rename(yard.path)
        if line.startswith("backup-"):
            os.kill(os.getpid(), signal.SIGTERM)

    ran = run(tell)
    assert (ran.ended, ran.points, ran.failed >= 1) == ("stopped", 1, True)
    assert "does not exist" in said[0]
