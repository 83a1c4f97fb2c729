"""Checks that SQLite Cloud's own backups keep up with writes."""

import time
from collections.abc import Callable, Collection

from shared.clock import Clock, utc_now
from shared.events.log import Event, Field
from shared.monitor.finding import Finding
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.failures import AUTH, CloudError, CommandRefused
from shared.sqlitecloud.native_backups import NativeInventory, read_inventories
from shared.sqlitecloud.native_findings import ALLOWED, NativeFindings, native_findings, wrote_between

_WATCHED = 30.0  # seconds
_SETTLED = 5.0  # the platform promises a point within a second of a write


def probe_native(
    address: Address,
    wanted: Collection[str],
    *,
    clock: Clock = utc_now,
    pause: Callable[[float], None] = time.sleep,
) -> list[Finding]:
    """Returns a finding for each database whose newest native backup is older than five minutes despite writes.

    Writes are watched only if a backup is that old: for 35 seconds, once for all databases. A login without the
    privilege BACKUP cannot see them and finds nothing; `litekeep health` reports the missing privilege.
    """
    try:
        found = read_inventories(address, wanted)
        wrote: dict[str, bool | None] = {}
        if behind := [one for one in found if _behind(one, clock)]:
            wrote, found = _watch(address, wanted, behind, pause)
    except CloudError as error:
        if isinstance(error, CommandRefused) and error.code == AUTH:
            return []
        return [Finding(Event.MONITOR_FAILED, f"native backups could not be checked: {error}", {})]
    judged = {one.database: _judge(one, clock, wrote=wrote.get(one.database)) for one in found}
    return [_finding(name, state, state.problem) for name, state in judged.items() if state.problem]


def _watch(
    address: Address, wanted: Collection[str], behind: list[NativeInventory], pause: Callable[[float], None]
) -> tuple[dict[str, bool | None], list[NativeInventory]]:
    """Returns which databases were written to in 30 seconds, and their native backups after that."""
    pause(_WATCHED)
    then = {one.database: one.writes for one in read_inventories(address, wanted)}
    wrote = {one.database: wrote_between(one.writes, then.get(one.database)) for one in behind}
    if any(wrote.values()):
        pause(_SETTLED)
    return wrote, read_inventories(address, wanted)


def _behind(one: NativeInventory, clock: Clock) -> bool:
    gap = _judge(one, clock, wrote=None).gap
    return gap is not None and gap > ALLOWED


def _judge(one: NativeInventory, clock: Clock, *, wrote: bool | None) -> NativeFindings:
    return native_findings(one.database, one.settings, one.points, clock(), wrote_recently=wrote)


def _finding(name: str, state: NativeFindings, problem: str) -> Finding:
    fields: dict[str, Field] = {"database": name, "allowed_seconds": ALLOWED.total_seconds()}
    if state.gap is not None:
        fields["age_seconds"] = state.gap.total_seconds()
    return Finding(Event.MONITOR_NATIVE_STALE, problem, fields)
