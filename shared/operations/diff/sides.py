"""Makes the two databases of a comparison, each as a private file: a backup, a moment, or the live database."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shared.catalog.listing import LATEST, LATEST_VERIFIED, Catalog
from shared.clock import parse_time, rfc3339
from shared.databases.snapshot import take_snapshot
from shared.errors import UsageError
from shared.keys import WrappingKey
from shared.model.names import BackupName
from shared.operations.erasure.pending import DEFAULT_ERASURES, ErasureOptions
from shared.operations.erasure.replayed import Replayed
from shared.operations.verify.whole import rebuild_backup
from shared.runtime.progress import Progress, silent
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation

LIVE = "live"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:?\d{2}.*)?")


@dataclass(frozen=True)
class Place:
    """Where both sides come from. `database`: the one that `latest` or a moment refers to."""

    catalog: Catalog
    key: WrappingKey | None
    live: FileLocation | CloudLocation | None
    database: str | None
    erasures: ErasureOptions = DEFAULT_ERASURES
    on_erased: Callable[[BackupName, Replayed], None] = lambda _name, _erased: None  # called for erasures replayed


@dataclass(frozen=True)
class Side:
    """One side as a private file. `label` for people: a backup id, or the live database's location."""

    path: Path
    label: str
    taken_at: str | None = None


def moment_in(text: str) -> datetime | None:
    """Returns the time in `text`, or None if it is not a time. Raises UsageError for one that does not exist."""
    if not _MOMENT.fullmatch(text.strip()):
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a time that exists: write 2024-01-15T12:00:00Z") from None


def make_side(text: str, place: Place, target: Path, *, progress: Progress = silent) -> Side:
    """Makes the file `target` from `live`, a moment or a REF.

    Raises UsageError if there is no such backup, NotGood if it is not good, SourceError for the live database.
    """
    if text == LIVE:
        if place.live is None:
            raise UsageError("DATABASE_URL is not set, so there is no live database: set it, or name two backups")
        take_snapshot(place.live, target, progress=progress)
        return Side(target, place.live.display)
    moment = moment_in(text)
    ref = LATEST if moment is not None else text
    database = place.database if ref in (LATEST, LATEST_VERIFIED) else None
    backup = place.catalog.find(ref, database, moment)
    erased: list[Replayed] = []
    manifest = rebuild_backup(
        place.catalog, backup, place.key, target, erasures=place.erasures, erased=erased, progress=progress
    )
    for each in erased:
        place.on_erased(backup.name, each)
    return Side(target, manifest.id, rfc3339(manifest.created_at))
