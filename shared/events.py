"""Log events: one JSON object a line in Cloud Logging's structured form, or one line of text.

The names are the contract: alert policies match them. Fields never hold a credential,
key material or a value out of a row.
Source of the form: Cloud Logging, "Structured logging" (special JSON fields).
"""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TextIO

from shared.clock import Clock, rfc3339, utc_now


class Event(StrEnum):
    BACKUP_SUCCEEDED = "backup.succeeded"
    BACKUP_FAILED = "backup.failed"
    BACKUP_SKIPPED = "backup.skipped"
    VERIFY_SUCCEEDED = "verify.succeeded"
    VERIFY_FAILED = "verify.failed"
    RESTORE_STARTED = "restore.started"
    RESTORE_SUCCEEDED = "restore.succeeded"
    RESTORE_FAILED = "restore.failed"
    CLEANUP_SUCCEEDED = "cleanup.succeeded"
    CLEANUP_FAILED = "cleanup.failed"
    DRILL_SUCCEEDED = "drill.succeeded"
    DRILL_FAILED = "drill.failed"
    DRILL_SKIPPED = "drill.skipped"


_ERRORS = {
    Event.BACKUP_FAILED,
    Event.VERIFY_FAILED,
    Event.RESTORE_FAILED,
    Event.CLEANUP_FAILED,
    Event.DRILL_FAILED,
}
_NOTICES = {Event.RESTORE_STARTED, Event.RESTORE_SUCCEEDED, Event.DRILL_SUCCEEDED}

Field = str | int | float | bool | None


class EventLog:
    """Writes events to a stream as they happen, each line flushed."""

    def __init__(self, stream: TextIO | None = None, *, as_json: bool = False, clock: Clock = utc_now) -> None:
        self._stream = stream or sys.stderr
        self._as_json = as_json
        self._clock = clock

    def emit(self, event: Event, message: str, fields: Mapping[str, Field]) -> None:
        severity = "ERROR" if event in _ERRORS else "NOTICE" if event in _NOTICES else "INFO"
        time = rfc3339(self._clock())
        if self._as_json:
            line = json.dumps(
                {"severity": severity, "message": message, "time": time, "event": event, **fields},
                ensure_ascii=False,
            )
        else:
            line = f"{time} {severity.lower()} {event}: {' '.join(message.split())}"
        print(line, file=self._stream, flush=True)
