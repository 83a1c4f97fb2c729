"""The loop of `litekeep continuous`: takes a point after each change, until it is stopped or another loop starts."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from threading import Event as Flag
from time import monotonic
from types import FrameType
from typing import Any

from jobs.backup.one import Made, Skipped
from jobs.backup.point import back_up_point
from shared.continuous.turn import Turn, turn_of
from shared.errors import LitekeepError, StoreError
from shared.events.log import Event, EventLog
from shared.operations.backup.options import BackupOptions
from shared.operations.continuous.cycle import Memory
from shared.runtime.workspace import scratch_folder
from shared.settings import Settings
from shared.terminal.endings import reason_of
from shared.text import count

_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass
class LoopResult:
    """The result of a loop.

    `quiet` cycles found no change; `left_out` were skipped because one before took too long. `ended` is `once`,
    `stopped` or `gave way`. `last` is the id of the newest point, if the loop knows it.
    """

    points: int = 0
    quiet: int = 0
    failed: int = 0
    left_out: int = 0
    ended: str = "once"
    last: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Print = Callable[[str], None]


def run_loop(
    options: BackupOptions, settings: Settings, log: EventLog, every: timedelta, *, once: bool, tell: Print
) -> LoopResult:
    """Runs cycles until a signal arrives or another loop starts on the same database and store.

    A failed cycle is reported and retried at the next time. With `once`, runs one cycle and raises its error.
    """
    result = LoopResult()
    with scratch_folder() as folder, _stoppable() as stop, turn_of(options.store, options.location.database) as turn:
        memory = Memory(folder)
        while True:
            began = monotonic()
            _cycle(options, settings, log, memory, result, once=once, tell=tell)
            if once:
                return result
            overrun = int((monotonic() - began) / every.total_seconds())
            if overrun:
                result.left_out += overrun
                _say_overrun(options, log, every, overrun, tell)
            if stop.wait(max(0.0, began + (overrun + 1) * every.total_seconds() - monotonic())):
                result.ended = "stopped"
                return result
            if not _is_ours(turn):
                result.ended = "gave way"
                tell("another loop has started on this database and store: this one ends")
                return result


def _cycle(
    options: BackupOptions,
    settings: Settings,
    log: EventLog,
    memory: Memory,
    result: LoopResult,
    *,
    once: bool,
    tell: Print,
) -> None:
    try:
        done = back_up_point(options, settings, log, memory=memory)
    except (LitekeepError, OSError) as error:
        if once:
            raise
        result.failed += 1
        tell(f"no point was taken: {reason_of(error)}")
        return
    if isinstance(done, Skipped):
        result.quiet += 1
        result.last = done.backup_id
        return
    result.points += 1
    result.last = done.taken.manifest.id
    tell(describe_point(done))


def describe_point(made: Made) -> str:
    """Returns one line about a new point: its pages, bytes, parent and duration."""
    manifest, chain = made.taken.manifest, made.taken.manifest.chain
    stored = sum(artifact.size_bytes for artifact in manifest.artifacts)
    what = "a base" if chain is None or chain.parent is None else f"on {chain.parent}"
    pages = chain.changed_pages if chain else manifest.sqlite.page_count
    figures = f"{count(pages, 'page')}, {count(stored, 'byte')} stored"
    return f"{manifest.id}: {figures}, {what}, {made.taken.duration_seconds:.1f} s"


def _say_overrun(options: BackupOptions, log: EventLog, every: timedelta, overrun: int, tell: Print) -> None:
    database = options.location.database
    why = f"the last cycle took longer than {every.total_seconds():g} s, so {count(overrun, 'cycle')} left out"
    fields = {"database": database, "kind": options.kind.value, "reason": "overrun"}
    log.emit(Event.BACKUP_SKIPPED, f"{database} was not backed up: {why}; use a longer --every", dict(fields))
    tell(why)


def _is_ours(turn: Turn) -> bool:
    try:
        return turn.is_ours()
    except StoreError:
        return True  # unknown; if the store is at fault, the next cycle reports it


@contextmanager
def _stoppable() -> Iterator[Flag]:
    """Yields a flag that SIGTERM, SIGHUP and SIGINT set, so that they do not interrupt a cycle.

    A cycle that takes longer than the grace period after SIGTERM is still ended (see `shared.terminal.endings`).
    """
    flag = Flag()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        flag.set()

    before = {number: signal.getsignal(number) for number in _ENDINGS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
