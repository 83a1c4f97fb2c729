"""Retired databases: their backups are kept as long as promised and then deleted, without alerts.

A retirement is a create-once object, `locks/retired/DATABASE.json`. It is ignored once a later backup of the database
exists.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.clock import Clock, is_future, rfc3339, utc_now
from shared.errors import ObjectExists, UsageError
from shared.events.log import safe_line
from shared.model import lock_names, names
from shared.model.trail_names import BESIDE_TRAIL
from shared.runtime.so_far import unsure
from shared.stores import Store, StoredObject

_LONGEST_REASON = 500


def retire(store: Store, database: str, reason: str, by: str, *, clock: Clock = utc_now) -> dict[str, Any]:
    """Retire a database. Raises UsageError if it has no backups in this store or is already retired."""
    reason = safe_line(reason)
    if not reason or len(reason) > _LONGEST_REASON:
        raise UsageError(f"--reason is empty or longer than {_LONGEST_REASON} characters: give the reason in one line")
    known = {
        parsed.backup.database for item in store.list_objects(start=BESIDE_TRAIL) if (parsed := names.parse(item.name))
    }
    if database not in known:
        existing = ", ".join(sorted(known)) or "none"
        raise UsageError(f"--database {database!r} has no backups in {store.url}; there are: {existing}")
    document = {"database": database, "reason": reason, "by": by, "at": rfc3339(clock())}
    try:
        with unsure(
            "retire", f"whether {database} is retired is unknown: run the command again", f"{database} is retired"
        ):
            store.create(lock_names.retired(database), json.dumps(document, ensure_ascii=False).encode() + b"\n", {})
    except ObjectExists:
        raise UsageError(f"{database} is already retired in {store.url}") from None
    return document


def note_retired(
    objects: Iterable[StoredObject], now: datetime, retired: dict[str, datetime]
) -> Iterator[StoredObject]:
    """Passes on a listing, and adds the retired databases and their dates to `retired`."""
    for item in objects:
        database = lock_names.parse_retired(item.name)
        if database is not None and not is_future(item.created_at, now):
            retired[database] = item.created_at
        yield item


def is_retired(retired: Mapping[str, datetime], database: str, taken: Iterable[datetime]) -> bool:
    """Returns whether a database is retired and no backup of it was taken since."""
    return database in retired and all(moment <= retired[database] for moment in taken)
