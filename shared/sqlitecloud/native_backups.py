"""The platform's own continuous backups of a database: read and change their settings, list and restore points.

Commands, columns and value formats are those of SQLite Cloud's documentation of backup commands. The platform keeps
these backups next to the database: they complement backups elsewhere and do not replace them.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.clock import parse_time, rfc3339
from shared.errors import SourceError, UsageError
from shared.sqlitecloud import databases
from shared.sqlitecloud.connection_string import Address
from shared.sqlitecloud.failures import AUTH, CloudError, CommandRefused, Garbled, Lost
from shared.sqlitecloud.names import check_name, quoted
from shared.sqlitecloud.replies import LISTING
from shared.sqlitecloud.retries import attempts
from shared.sqlitecloud.session import Session, Value

DEFAULT_RETENTION = timedelta(hours=24)  # the platform's default
LONGEST = timedelta(days=366)

_GIVEN = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(d|h|m|s)", re.ASCII)
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SHORT_TIMEOUT = 10.0  # seconds
_ON = frozenset({1, "1", "true", "TRUE"})


class Unsettled(CloudError):
    """The reply to a restore was lost: the restore may be done, or still running."""


@dataclass(frozen=True)
class NativeSettings:
    """The native backup settings of one database on the node; None for what is not set."""

    enabled: bool
    retention: str | None = None
    interval: str | None = None

    @property
    def keeps(self) -> timedelta | None:
        """The retention period; None if the node's value cannot be parsed."""
        return DEFAULT_RETENTION if self.retention is None else read_length(self.retention)


_OFF = NativeSettings(enabled=False)


@dataclass(frozen=True)
class NativePoint:
    """One row of LIST BACKUPS DATABASE: a snapshot, or a log segment (`wal`) on top of one. `size` is in bytes."""

    created: datetime
    kind: str
    generation: str
    index: int | None
    size: int | None


@dataclass(frozen=True)
class NativeInventory:
    """The native backups of a database, as the node lists them. Points are sorted oldest first.

    `refusal` is the node's reason for listing none; on some nodes a database that never had any is an error.
    `writes` is the node's current count of writes, or None.
    """

    database: str
    settings: NativeSettings
    points: tuple[NativePoint, ...]
    refusal: str | None
    writes: int | None


def read_inventory(address: Address, database: str) -> NativeInventory:
    """Reads a database's native backups. Raises SourceError if the database does not exist, else CloudError."""
    return databases.on_node(address, lambda session: _inventory(session, address, database))


def read_inventories(address: Address, wanted: Collection[str]) -> list[NativeInventory]:
    """Reads the native backups of those databases that exist and have them enabled, without retries.

    Timeouts are 10 seconds at most, for callers that also check other things. Raises CloudError.
    """
    with_short_timeouts = replace(
        address,
        connect_timeout=min(address.connect_timeout, _SHORT_TIMEOUT),
        timeout=min(address.timeout, _SHORT_TIMEOUT),
    )
    with Session(with_short_timeouts) as session:
        settings = _settings(session)
        existing = {one.name: one.writes for one in databases.listed(session) if one.name in wanted}
        return [
            NativeInventory(name, settings[name], *_points(session, address, name), writes)
            for name, writes in existing.items()
            if name in settings and settings[name].enabled
        ]


def enable(
    address: Address,
    database: str,
    *,
    retention: timedelta = timedelta(days=7),
    interval: timedelta = timedelta(hours=24),
    may_shorten: bool = False,
) -> NativeInventory:
    """Enables native backups or changes their settings. Returns the inventory afterwards.

    The platform applies the pending settings of every database of the project, not only of this one.
    Raises UsageError for invalid times, and, unless `may_shorten`, for a retention below the current one, which would
    drop points that can be restored now. Raises CloudError if the node does not show the settings afterwards.
    """
    _check_lengths(retention, interval)
    before = read_inventory(address, database)
    kept = before.settings.keeps if before.settings.enabled else None
    if kept is not None and retention < kept and not may_shorten:
        raise UsageError(
            f"{database} keeps native backups for {before.settings.retention or hours(kept)}, and a retention of "
            f"{hours(retention)} drops the older ones: add --shorten to confirm"
        )
    wanted = {"backup": "1", "backup_retention": hours(retention), "backup_snapshot_interval": hours(interval)}

    def apply(session: Session) -> NativeInventory:
        for key, value in wanted.items():
            session.ok(f"SET DATABASE {quoted(database)} KEY {key} TO {value}")
        session.ok("APPLY BACKUP SETTINGS", patient=True)
        return _inventory(session, address, database)

    after = databases.on_node(address, apply)
    if not after.settings.enabled or after.settings.keeps != retention:
        raise CloudError(
            f"{address.display} accepted the settings of {database} but does not show them: run litekeep native "
            "status, and try again"
        )
    return after


def restore(address: Address, database: str, moment: datetime) -> None:
    """Restores the database on the node, in place, to `moment` (whole seconds).

    Retries only if the restore cannot have begun: if connecting failed, or the node replied with a transient error.
    Raises CommandRefused if the node refuses, Unsettled if it is unknown whether the restore was done.
    """
    command = f"RESTORE BACKUP DATABASE {quoted(database)} TIMESTAMP {timestamp(moment)}"
    for attempt in attempts():
        with attempt, Session(address) as session:
            try:
                session.ok(command, patient=True)
            except (Lost, Garbled) as error:
                raise Unsettled(str(error)) from None


def timestamp(moment: datetime) -> str:
    """Formats a time as the platform documents it. Raises UsageError for fractions of a second."""
    if moment.microsecond:
        raise UsageError("a native restore takes whole seconds: write 2024-01-15T12:00:00Z")
    return rfc3339(moment)


def check_moment(inventory: NativeInventory, moment: datetime, now: datetime) -> None:
    """Raises UsageError for a time that cannot be restored, SourceError if there are no native backups."""
    name = inventory.database
    timestamp(moment)
    if moment > now:
        raise UsageError(f"--at {rfc3339(moment)} is in the future: it is {rfc3339(now)}")
    if not inventory.points:
        why = f" ({inventory.refusal})" if inventory.refusal else ""
        raise SourceError(f"{name} has no native backup{why}: restore one of Litekeep's, see litekeep list")
    oldest = inventory.points[0].created
    if moment < oldest:
        raise UsageError(
            f"--at {rfc3339(moment)} is before the oldest native backup of {name}, of {shown(oldest)}: ask for a later "
            "time, or restore one of Litekeep's backups with litekeep restore --at"
        )


def given_length(text: str, flag: str) -> timedelta:
    """Parses the value of a flag such as `24h` or `7d`. Raises UsageError that names the flag."""
    found = _GIVEN.fullmatch(text)
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta(0)
    if not timedelta(0) < length <= LONGEST:
        raise UsageError(f"{flag} {text[:40]!r} is not a duration: write hours or days such as 24h or 7d, up to 366d")
    return length


def read_length(text: str) -> timedelta | None:
    """Parses a node's duration such as `24h`, `2.5h` or `2h45m`. Returns None for anything else."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def hours(length: timedelta) -> str:
    """Formats a duration in hours: `168h`."""
    return f"{int(length.total_seconds()) // 3600}h"


def shown(moment: datetime) -> str:
    """Formats the time of a point, with its fraction of a second if it has one."""
    fraction = f"{moment:.%f}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _check_lengths(retention: timedelta, interval: timedelta) -> None:
    hour = timedelta(hours=1)
    if any(length % hour or not hour <= length <= LONGEST for length in (retention, interval)):
        raise UsageError("retention and interval are whole hours, from 1h to 366d")
    if interval > retention:
        raise UsageError(
            f"an interval of {hours(interval)} is longer than the retention of {hours(retention)}: each point needs a "
            "snapshot before it that is still kept"
        )


def _inventory(session: Session, address: Address, database: str) -> NativeInventory:
    check_name(database)
    found = databases.find(session, database)
    if found is None:
        raise SourceError(
            f"{address.display}/{database} does not exist, or this role may not see it: check the name; the platform "
            "restores only existing databases, so bring a removed one back with litekeep restore"
        )
    points, refusal = _points(session, address, database)
    return NativeInventory(database, _settings(session).get(database, _OFF), points, refusal, found.writes)


def _settings(session: Session) -> dict[str, NativeSettings]:
    return {
        str(row.get("name")): NativeSettings(
            enabled=row.get("enabled") in _ON,
            retention=_text(row.get("backup_retention")),
            interval=_text(row.get("backup_snapshot_interval")),
        )
        for row in session.rows("LIST BACKUP SETTINGS", most=LISTING)
    }


def _points(session: Session, address: Address, database: str) -> tuple[tuple[NativePoint, ...], str | None]:
    try:
        rows = session.rows(f"LIST BACKUPS DATABASE {quoted(database)}", most=LISTING)
    except CommandRefused as refused:
        if refused.code == AUTH or refused.transient:
            raise
        return (), str(refused)
    return tuple(sorted((_point(row, address) for row in rows), key=lambda point: point.created)), None


def _point(row: dict[str, Value], address: Address) -> NativePoint:
    try:
        created = parse_time(str(row.get("created")))
    except ValueError:
        raise Garbled(f"{address.display} lists a native backup without a valid time") from None
    return NativePoint(
        created=created,
        kind=str(row.get("type") or ""),
        generation=str(row.get("generation") or ""),
        index=databases.number_in(row.get("index")),
        size=databases.number_in(row.get("size")),
    )


def _text(value: Value) -> str | None:
    return None if value is None or value == "" else str(value)
