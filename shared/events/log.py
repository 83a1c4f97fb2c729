"""Log events: one JSON object a line in Cloud Logging's structured form, or one line of text.

The names are the contract: alert policies match them. `events.json` beside this says what each is, how severe, and
which fields it has; what differs from it is a defect, and is raised as one. Fields never hold a credential,
key material or a value out of a row.
Source of the form: Cloud Logging, "Structured logging" (special JSON fields).
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

# What is kept in the store's audit trail: who did, asked for, approved or refused what.
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
    """Which run writes: `labels` and `trace` (`projects/P/traces/ID`) of its lines in Cloud Logging."""

    labels: Mapping[str, str] = field(default_factory=dict)
    trace: str | None = None

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        if self.labels:
            document["logging.googleapis.com/labels"] = dict(self.labels)
        if self.trace:
            document["logging.googleapis.com/trace"] = self.trace
        return document


class EventLog:
    """Writes events to a stream as they happen, each line flushed.

    `keep_audit` also gets each audit event, as a line of JSON; `tell` gets every event. `trail` stores what belongs to
    the audit trail, and returns why it could not: that is an event of its own. `send` gets each event as it is logged.
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
        """Writes one line; a field that is None is left out.

        Raises ValueError, after the line is written, when events.json knows no such event with such fields.
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
            raise ValueError(f"event {event} is not as events.json has it: {'; '.join(problems)}")


def severity_of(event: Event) -> str:
    """INFO, NOTICE, WARNING, ERROR, CRITICAL or EMERGENCY, as events.json has it."""
    return str(contract()["events"][event]["severity"])


@lru_cache(maxsize=1)
def contract() -> Mapping[str, Any]:
    """What events.json says."""
    content: Mapping[str, Any] = json.loads(files("shared.events").joinpath("events.json").read_text("utf-8"))
    return content


def contract_problems(event: Event, fields: Mapping[str, Field]) -> list[str]:
    """What is wrong with such fields of such an event: nothing, if all is well."""
    about, types = contract()["events"][event], contract()["fields"]
    problems = [f"{name} is missing" for name in about["required"] if name not in fields]
    for name, value in fields.items():
        if name not in about["required"] and name not in about["optional"]:
            problems.append(f"{name} is none of its fields")
        elif not _is_of_type(value, types[name]["type"]):
            problems.append(f"{name} is no {types[name]['type']}")
        elif name in about.get("values", {}) and value not in about["values"][name]:
            problems.append(f"{name} is none of {', '.join(about['values'][name])}")
    return problems


def _is_of_type(value: Field, name: str) -> bool:
    if isinstance(value, bool):
        return False
    if name == "string":
        return isinstance(value, str)
    return isinstance(value, int) or (name == "number" and isinstance(value, float) and math.isfinite(value))


def safe_line(text: str) -> str:
    """One line of it, without credentials: names come from outside, and must not steer a terminal."""
    line = redact(" ".join(text.split()))
    return printable(line)
