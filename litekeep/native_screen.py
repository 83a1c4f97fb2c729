"""Output of `litekeep native`, and the part of `litekeep status` about native backups."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.clock import utc_now
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.failures import AUTH, CloudError, CommandRefused
from shared.sqlitecloud.native_backups import NativeInventory, NativePoint, read_inventories, shown
from shared.sqlitecloud.native_findings import NativeFindings, native_findings
from shared.terminal.screen import BAD, GOOD, UNKNOWN, say, table
from shared.text import age, count, size


def evaluate(inventory: NativeInventory, *, wrote: bool | None, now: datetime | None = None) -> NativeFindings:
    """Evaluates the native backups. `wrote`: whether writes are going on; None if unknown."""
    return native_findings(
        inventory.database, inventory.settings, inventory.points, now or utc_now(), wrote_recently=wrote
    )


def to_json(inventory: NativeInventory, found: NativeFindings, *, wrote: bool | None) -> dict[str, Any]:
    """Returns the document of `native status --json`: times in RFC 3339, lengths in seconds, null if unknown."""
    return {
        "database": inventory.database,
        "enabled": found.enabled,
        "retention": inventory.settings.retention,
        "retention_seconds": _seconds(found.retention),
        "snapshot_interval": inventory.settings.interval,
        "points": len(inventory.points),
        "oldest": _time(found.oldest),
        "newest": _time(found.newest),
        "gap_seconds": _seconds(found.gap),
        "writes_go_on": wrote,
        "refusal": inventory.refusal,
        "alerts": [{"name": "monitor.native_stale", "message": found.problem}] if found.problem else [],
    }


def say_state(inventory: NativeInventory, found: NativeFindings, *, wrote: bool | None) -> None:
    settings = inventory.settings
    if found.enabled:
        every = f", a snapshot every {settings.interval}" if settings.interval else ""
        say(f"{GOOD} {inventory.database}: native backups are on, kept for {settings.retention or '24h'}{every}")
    else:
        say(f"{UNKNOWN} {inventory.database}: native backups are off; enable them with litekeep native enable")
    if found.newest is None or found.oldest is None or found.gap is None:
        say(f"  nothing to restore{f': {inventory.refusal}' if inventory.refusal else ''}")
    else:
        say(f"  newest  {shown(found.newest)}, {age(found.gap.total_seconds())} ago{_meaning(wrote)}")
        say(f"  oldest  {shown(found.oldest)}, of {count(len(inventory.points), 'point')}")
    if found.problem:
        say(f"{BAD} {found.problem}")


@dataclass(frozen=True)
class NativeLook:
    """The native backups in `litekeep status`: a document and a line for each database that has them enabled.

    `failed` is the error if none could be read.
    """

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    failed: str | None = None

    @property
    def alerts(self) -> list[dict[str, str]]:
        """Items for the field `alerts` of `status --json`."""
        found: list[dict[str, str]] = [alert for document in self.documents.values() for alert in document["alerts"]]
        if self.failed is not None:
            found.append({"name": "monitor.failed", "message": f"native backups could not be read: {self.failed}"})
        return found


def look_at_native_backups(address: Address | None, databases: Collection[str]) -> NativeLook:
    """Reads the native backups from the node, with one try. A login without the privilege BACKUP is not an error."""
    if address is None:
        return NativeLook()
    try:
        found = [(one, evaluate(one, wrote=None)) for one in read_inventories(address, databases)]
    except CloudError as error:
        if isinstance(error, CommandRefused) and error.code == AUTH:
            return NativeLook()
        return NativeLook(failed=str(error))
    return NativeLook(
        {one.database: to_json(one, state, wrote=None) for one, state in found},
        {one.database: _line(one, state) for one, state in found},
    )


def _line(inventory: NativeInventory, found: NativeFindings) -> str:
    if found.problem or found.gap is None:
        return f"⚠️ Native backups: {found.problem}"
    kept = inventory.settings.retention or "24h"
    return f"✅ Native backups: newest point {age(found.gap.total_seconds())} ago, kept for {kept}"


def say_points(points: tuple[NativePoint, ...]) -> None:
    """Prints the points as a table, newest first."""
    rows = [
        (
            shown(point.created),
            point.kind,
            point.generation,
            "" if point.index is None else str(point.index),
            "" if point.size is None else size(point.size),
        )
        for point in reversed(points)
    ]
    table(("created", "type", "generation", "index", "size"), rows, right=frozenset({3, 4}))


def point_json(point: NativePoint) -> dict[str, Any]:
    return {
        "created": shown(point.created),
        "type": point.kind,
        "generation": point.generation,
        "index": point.index,
        "size_bytes": point.size,
    }


def _meaning(wrote: bool | None) -> str:
    if wrote is None:
        return "; it is unknown whether anything was written since (--watch 60 checks for writes)"
    return ", and writes go on" if wrote else ", and nothing is written"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else shown(moment)


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())
