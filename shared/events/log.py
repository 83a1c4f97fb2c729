"""Log events: one JSON object per line in Cloud Logging's structured form, or one line of text.

The names are a contract, because alert policies match them. `events.json` defines the meaning, severity and fields of
each event; an event that differs from it is a defect and raises ValueError. Fields never contain a credential, key
material or a value of a row.
The form is described in Cloud Logging, "Structured logging" (special JSON fields).
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any, TextIO

from shared.clock import Clock, rfc3339, utc_now
from shared.redaction import redact
from shared.text import printable


class Event(StrEnum):
    """The names of all events; events.json defines them."""

    AUDIT = "audit"
    AUDIT_CHECKPOINT = "audit.checkpoint"
    AUDIT_GAP = "audit.gap"
    BACKUP_FAILED = "backup.failed"
    BACKUP_SKIPPED = "backup.skipped"
    BACKUP_SUCCEEDED = "backup.succeeded"
    CLEANUP_ATTENTION = "cleanup.attention"
    CLEANUP_FAILED = "cleanup.failed"
    CLEANUP_SUCCEEDED = "cleanup.succeeded"
    COPY_FAILED = "copy.failed"
    COPY_SUCCEEDED = "copy.succeeded"
    DRILL_FAILED = "drill.failed"
    DRILL_REFUSED = "drill.refused"
    DRILL_SKIPPED = "drill.skipped"
    DRILL_SUCCEEDED = "drill.succeeded"
    ERASE_RECORDED = "erase.recorded"
    ERASE_REPLAYED = "erase.replayed"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASED = "hold.released"
    MONITOR_AGE = "monitor.age"
    MONITOR_BACKUP_VANISHED = "monitor.backup_vanished"
    MONITOR_COPY_BEHIND = "monitor.copy_behind"
    MONITOR_DRILL_OVERDUE = "monitor.drill_overdue"
    MONITOR_FAILED = "monitor.failed"
    MONITOR_FUTURE = "monitor.future"
    MONITOR_KEY_AT_RISK = "monitor.key_at_risk"
    MONITOR_KEY_UNUSABLE = "monitor.key_unusable"
    MONITOR_NATIVE_STALE = "monitor.native_stale"
    MONITOR_NOT_GOOD = "monitor.not_good"
    MONITOR_NOT_SEALED = "monitor.not_sealed"
    MONITOR_NOTIFY_FAILED = "monitor.notify_failed"
    MONITOR_OK = "monitor.ok"
    MONITOR_ROW_ANOMALY = "monitor.row_anomaly"
    MONITOR_SIZE_ANOMALY = "monitor.size_anomaly"
    MONITOR_STALE = "monitor.stale"
    MONITOR_STORE_UNWRITABLE = "monitor.store_unwritable"
    MONITOR_TABLE_VANISHED = "monitor.table_vanished"
    MONITOR_UNVERIFIED = "monitor.unverified"
    REKEY_SUCCEEDED = "rekey.succeeded"
    REQUEST_APPROVED = "request.approved"
    REQUEST_MADE = "request.made"
    REQUEST_REFUSED = "request.refused"
    RESTORE_BREAK_GLASS = "restore.break_glass"
    RESTORE_CHECK_FAILED = "restore.check_failed"
    RESTORE_CHECK_SUCCEEDED = "restore.check_succeeded"
    RESTORE_FAILED = "restore.failed"
    RESTORE_STARTED = "restore.started"
    RESTORE_SUCCEEDED = "restore.succeeded"
    RETIRE = "retire"
    SOURCE_DAMAGED = "source.damaged"
    VERIFY_FAILED = "verify.failed"
    VERIFY_REFUSED = "verify.refused"
    VERIFY_SKIPPED = "verify.skipped"
    VERIFY_SUCCEEDED = "verify.succeeded"


Field = str | int | float | bool | None

# The events that are stored in the audit trail: actions, requests and decisions.
IN_TRAIL = frozenset(
    {
        Event.AUDIT,
        Event.REQUEST_APPROVED,
        Event.REQUEST_MADE,
        Event.REQUEST_REFUSED,
        Event.RESTORE_BREAK_GLASS,
    }
)


@dataclass(frozen=True)
class RunOrigin:
    """The run that writes: `labels` and `trace` (`projects/P/traces/ID`) for its lines in Cloud Logging."""

    labels: Mapping[str, str] = field(default_factory=dict)
    trace: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the fields in Cloud Logging's structured form."""
        document: dict[str, Any] = {}
        if self.labels:
            document["logging.googleapis.com/labels"] = dict(self.labels)
        if self.trace:
            document["logging.googleapis.com/trace"] = self.trace
        return document


class EventLog:
    """Writes events to a stream, and flushes each line.

    Callbacks: `keep_audit` gets each audit event as a line of JSON. `on_event` gets the parts of every event. `trail`
    stores events of the audit trail and returns why that failed, which is logged as another event. `send` gets the JSON
    document of every event.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        as_json: bool = False,
        clock: Clock = utc_now,
        origin: RunOrigin | None = None,
        keep_audit: Callable[[str], None] | None = None,
        on_event: Callable[[Event, str, Mapping[str, Field]], None] | None = None,
        trail: Callable[[Mapping[str, Any]], str | None] | None = None,
        send: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._stream = stream or sys.stderr
        self._as_json = as_json
        self._clock = clock
        self._origin = origin or RunOrigin()
        self._keep_audit = keep_audit
        self._on_event = on_event
        self._trail = trail
        self._send = send

    def emit(self, event: Event, message: str, fields: Mapping[str, Field]) -> None:
        """Writes one line. Fields that are None are left out.

        Raises ValueError, after writing the line, if the event differs from events.json.
        """
        severity, time = severity_of(event), rfc3339(self._clock())
        text = safe_line(message)
        known = {name: safe_line(v) if isinstance(v, str) else v for name, v in fields.items() if v is not None}
        document = {"severity": severity, "message": text, "time": time, "event": event.value, **known}
        if self._as_json:
            line = json.dumps(document | self._origin.to_json(), ensure_ascii=False)
        else:
            line = f"{time} {severity.lower()} {event}: {text}"
        print(line, file=self._stream, flush=True)
        if self._send is not None:
            self._send(document)
        if event is Event.AUDIT and self._keep_audit is not None:
            self._keep_audit(json.dumps(document, ensure_ascii=False))
        if self._on_event is not None:
            self._on_event(event, text, known)
        if event in IN_TRAIL and self._trail is not None and (why := self._trail(document)) is not None:
            self.emit(Event.AUDIT_GAP, f"the audit trail in the store lacks this event: {why}", {})
        if problems := contract_problems(event, known):
            raise ValueError(f"event {event} differs from events.json: {'; '.join(problems)}")


def severity_of(event: Event) -> str:
    """Returns INFO, NOTICE, WARNING, ERROR, CRITICAL or EMERGENCY, from events.json."""
    return str(contract()["events"][event]["severity"])


@lru_cache(maxsize=1)
def contract() -> Mapping[str, Any]:
    """Returns the content of events.json."""
    content: Mapping[str, Any] = json.loads(files("shared.events").joinpath("events.json").read_text("utf-8"))
    return content


def contract_problems(event: Event, fields: Mapping[str, Field]) -> list[str]:
    """Returns how the event differs from events.json; an empty list if it does not."""
    about, types = contract()["events"][event], contract()["fields"]
    problems = [f"{name} is missing" for name in about["required"] if name not in fields]
    for name, value in fields.items():
        if name not in about["required"] and name not in about["optional"]:
            problems.append(f"{name} is not one of its fields")
        elif not _is_of_type(value, types[name]["type"]):
            problems.append(f"{name} is not a {types[name]['type']}")
        elif name in about.get("values", {}) and value not in about["values"][name]:
            problems.append(f"{name} is not one of {', '.join(about['values'][name])}")
    return problems


def _is_of_type(value: Field, name: str) -> bool:
    if isinstance(value, bool):
        return False
    if name == "string":
        return isinstance(value, str)
    return isinstance(value, int) or (name == "number" and isinstance(value, float) and math.isfinite(value))


def safe_line(text: str) -> str:
    """Returns the text as one line without credentials and control characters, which could come from a name."""
    line = redact(" ".join(text.split()))
    return printable(line)
