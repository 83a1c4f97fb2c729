"""The loop of cycles: a point whenever something was written, until it is stopped or another loop takes its turn."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from threading import Event as Flag
from time import monotonic
from types import FrameType
from typing import Any

from jobs.backup.one import Made
from jobs.backup.point import Skipped, back_up_point
from shared.continuous.turn import Turn, turn_of
from shared.errors import LitekeepError, StoreError
from shared.events.log import Event, EventLog
from shared.operations.backup import BackupOptions
from shared.operations.continuous import Memory
from shared.runtime.workspace import scratch_folder
from shared.settings import Settings
from shared.terminal.endings import reason_of
from shared.text import count

_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass
class Ran:
    """What a loop did. `ended`: once, stopped, or gave way. `last`: the id of the newest point, as far as it knows."""

    points: int = 0
    quiet: int = 0
    failed: int = 0
    left_out: int = 0
    ended: str = "once"
    last: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Tell = Callable[[str], None]


def run_loop(
    order: BackupOptions, settings: Settings, log: EventLog, every: timedelta, *, once: bool, tell: Tell
) -> Ran:
    """Runs cycles until a signal comes or another loop begins; with `once` a single one, whose error is raised.

    A cycle that fails is reported, and tried again at the next time: the cause may have passed.
    """
    ran = Ran()
    with scratch_folder() as folder, _stoppable() as stop, turn_of(order.store, order.location.database) as turn:
        memory = Memory(folder)
        while True:
            began = monotonic()
            _cycle(order, settings, log, memory, ran, once=once, tell=tell)
            if once:
                return ran
            overrun = int((monotonic() - began) / every.total_seconds())
            if overrun:
                ran.left_out += overrun
                _say_overrun(order, log, every, overrun, tell)
            if stop.wait(max(0.0, began + (overrun + 1) * every.total_seconds() - monotonic())):
                ran.ended = "stopped"
                return ran
            if not _is_ours(turn):
                ran.ended = "gave way"
                tell("another loop has begun on this database and store: this one gives way")
                return ran


def _cycle(
    order: BackupOptions, settings: Settings, log: EventLog, memory: Memory, ran: Ran, *, once: bool, tell: Tell
) -> None:
    try:
        done = back_up_point(order, settings, log, memory=memory)
    except (LitekeepError, OSError) as error:
        if once:
            raise
        ran.failed += 1
        tell(f"no point was made: {reason_of(error)}")
        return
    if isinstance(done, Skipped):
        ran.quiet += 1
        ran.last = done.backup_id
        return
    ran.points += 1
    ran.last = done.taken.manifest.id
    tell(said_of(done))


def said_of(made: Made) -> str:
    """A point in a line."""
    manifest, chain = made.taken.manifest, made.taken.manifest.chain
    stored = sum(artifact.size_bytes for artifact in manifest.artifacts)
    what = "a base" if chain is None or chain.parent is None else f"on {chain.parent}"
    pages = chain.changed_pages if chain else manifest.sqlite.page_count
    figures = f"{count(pages, 'page')}, {count(stored, 'byte')} stored"
    return f"{manifest.id}: {figures}, {what}, {made.taken.duration_seconds:.1f} s"


def _say_overrun(order: BackupOptions, log: EventLog, every: timedelta, overrun: int, tell: Tell) -> None:
    database = order.location.database
    why = f"the cycle before took longer than {every.total_seconds():g} s, and {overrun} were left out"
    fields = {"database": database, "kind": order.kind.value, "reason": "overrun"}
    log.emit(Event.BACKUP_SKIPPED, f"{database} was not backed up: {why}; give --every more time", dict(fields))
    tell(why)


def _is_ours(turn: Turn) -> bool:
    try:
        return turn.is_ours()
    except StoreError:
        return True  # not known; the cycle itself will say what is wrong with the store


@contextmanager
def _stoppable() -> Iterator[Flag]:
    """Within the block a signal to end does not break into a cycle: it is a flag that is looked at between two.

    What then takes longer than the grace of a stop is ended all the same (see `shared.terminal.endings`).
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
