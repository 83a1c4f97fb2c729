"""The platform's own continuous backups of a database: what is set, what can be brought back, and setting them.

Commands, columns and forms of values are those of SQLite Cloud's page on backup commands. The platform keeps these
backups itself, next to the database: they complement backups elsewhere and do not replace them.
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

DEFAULT_RETENTION = timedelta(hours=24)  # the platform's, where nothing is set
LONGEST = timedelta(days=366)

_GIVEN = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(d|h|m|s)", re.ASCII)
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_HASTY = 10.0  # seconds
_ON = frozenset({1, "1", "true", "TRUE"})


class Unsettled(CloudError):
    """A restore was asked for, and the answer was lost: it may have happened, or be going on."""


@dataclass(frozen=True)
class NativeSettings:
    """Of one database, as the node has them; None where nothing is set. They count from APPLY BACKUP SETTINGS on."""

    enabled: bool
    retention: str | None = None
    interval: str | None = None

    @property
    def keeps(self) -> timedelta | None:
        """How far back one can go; None when the node's text says nothing that is known here."""
        return DEFAULT_RETENTION if self.retention is None else read_length(self.retention)


_OFF = NativeSettings(enabled=False)


@dataclass(frozen=True)
class NativePoint:
    """One row of LIST BACKUPS DATABASE: a snapshot, or a piece of log (`wal`) on top of one. `size` is bytes."""

    created: datetime
    kind: str
    generation: str
    index: int | None
    size: int | None


@dataclass(frozen=True)
class NativeInventory:
    """What the node says of a database's native backups. Points come oldest first.

    `refusal`: why the node lists none, in its words; a database that never had any is an error on some nodes.
    `writes`: how many the node has counted until now, if it counts them.
    """

    database: str
    settings: NativeSettings
    points: tuple[NativePoint, ...]
    refusal: str | None
    writes: int | None


def look(address: Address, database: str) -> NativeInventory:
    """Asks the node. Raises SourceError when the database is not there, CloudError for the rest."""
    return databases.on_node(address, lambda session: _inventory(session, address, database))


def peek(address: Address, wanted: Collection[str]) -> list[NativeInventory]:
    """The same of those databases that are there and have native backups on: once, and without much patience.

    For whoever looks at much else besides. Raises CloudError.
    """
    hasty = replace(address, connect_timeout=min(address.connect_timeout, _HASTY), timeout=min(address.timeout, _HASTY))
    with Session(hasty) as session:
        settings = _settings(session)
        there = {one.name: one.writes for one in databases.listed(session) if one.name in wanted}
        return [
            NativeInventory(name, settings[name], *_points(session, address, name), writes)
            for name, writes in there.items()
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
    """Switches native backups on, or changes them, and returns what the node says afterwards.

    The platform applies what is pending for every database of the project, not for this one alone.
    Raises UsageError for times that cannot be, and, unless `may_shorten`, for a retention below the one in force:
    that would give up points which can be restored now. Raises CloudError when the node did not take them.
    """
    _check_lengths(retention, interval)
    before = look(address, database)
    kept = before.settings.keeps if before.settings.enabled else None
    if kept is not None and retention < kept and not may_shorten:
        raise UsageError(
            f"{database} keeps native backups for {before.settings.retention or hours(kept)}, and a retention of "
            f"{hours(retention)} gives up what is older: add --shorten if that is meant"
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
            f"{address.display} took the settings of {database} and does not show them: run litekeep native status, "
            "and try again"
        )
    return after


def restore(address: Address, database: str, moment: datetime) -> None:
    """Has the node put the database back to how it was at `moment` (whole seconds), in place.

    Tried again only where nothing can have happened: before it was sent, or after a whole reply that says so.
    Raises Refused when the node does not want to, Unsettled when nobody knows whether it did.
    """
    command = f"RESTORE BACKUP DATABASE {quoted(database)} TIMESTAMP {timestamp(moment)}"
    for attempt in attempts():
        with attempt, Session(address) as session:
            try:
                session.ok(command, patient=True)
            except (Lost, Garbled) as error:
                raise Unsettled(str(error)) from None


def timestamp(moment: datetime) -> str:
    """The only form that the platform documents. Raises UsageError for a part of a second."""
    if moment.microsecond:
        raise UsageError("a native restore takes whole seconds: write 2024-01-15T12:00:00Z")
    return rfc3339(moment)


def check_moment(inventory: NativeInventory, moment: datetime, now: datetime) -> None:
    """Raises UsageError for a time from which nothing can come back, SourceError when nothing is there at all."""
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
    """What a person writes: `24h`, `7d`. Raises UsageError that names the flag."""
    found = _GIVEN.fullmatch(text)
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta(0)
    if not timedelta(0) < length <= LONGEST:
        raise UsageError(f"{flag} {text[:40]!r} is no length: write hours or days such as 24h or 7d, up to 366d")
    return length


def read_length(text: str) -> timedelta | None:
    """What a node has: `24h`, `2.5h`, `2h45m`. None for anything else."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def hours(length: timedelta) -> str:
    """`168h`"""
    return f"{int(length.total_seconds()) // 3600}h"


def shown(moment: datetime) -> str:
    """A listed time, with its fraction if it has one."""
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
            f"{address.display}/{database} is not there, or this role may not see it: check the name; the platform "
            "restores only what is there, so bring a removed one back with litekeep restore"
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
        raise Garbled(f"{address.display} lists a native backup without a time that can be read") from None
    return NativePoint(
        created=created,
        kind=str(row.get("type") or ""),
        generation=str(row.get("generation") or ""),
        index=databases.number_in(row.get("index")),
        size=databases.number_in(row.get("size")),
    )


def _text(value: Value) -> str | None:
    return None if value is None or value == "" else str(value)
