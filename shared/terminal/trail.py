"""Opens the audit trail in the store of the settings."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.audit.trail import TrailWriter
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.notify import TRAIL, note_failure

OVERDUE = timedelta(hours=3)  # if the newest checkpoint is older, no monitor takes any
_PATIENCE = 10.0  # seconds; the operation is done, and its result must not wait long for its audit event


def trail_of(settings: Settings) -> Callable[[Mapping[str, Any]], str | None]:
    """Returns a function that stores one event, and returns the error or None. An error becomes a finding of status."""
    writer = TrailWriter(lambda: _store(settings))

    def keep(event: Mapping[str, Any]) -> str | None:
        why = writer.write(event)
        if why is not None:
            note_failure(settings, TRAIL, why)
        return why

    return keep


def _store(settings: Settings) -> Store | None:
    """Returns the store; None if it does not exist yet, because an event alone creates no store."""
    return open_store(settings.backup_store, patience_seconds=_PATIENCE) if is_store(settings.backup_store) else None


def is_store(url: str) -> bool:
    """Returns whether the URL is a bucket or an existing folder. Raises OSError if the folder cannot be looked at."""
    try:
        return url.startswith("gs://") or Path(url).expanduser().is_dir()
    except RuntimeError:  # ~name of a user who does not exist
        return False
