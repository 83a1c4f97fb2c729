"""Emits the events of a verification."""

from shared.events.log import Event, EventLog, Field
from shared.model.names import BackupName
from shared.operations.verify.ladder import Verification


def event_fields(name: BackupName) -> dict[str, Field]:
    """Returns the event fields that identify a backup."""
    return {"database": name.database, "backup_id": name.id, "kind": name.kind.value}


def emit_verdict(log: EventLog, name: BackupName, found: Verification) -> str | None:
    """Emits the events of a verification. Returns None if it succeeded, else the reason for the audit event."""
    fields = event_fields(name)
    if not found.ok:
        failed = next(check for check in found.checks if not check.ok)
        log.emit(Event.VERIFY_FAILED, f"{name.id} is not good: {failed.detail}", fields | {"check": failed.name})
        return f"it is not good: {failed.detail}"
    if found.unrecorded:
        reason = f"its verdict could not be stored: {found.unrecorded}"
        log.emit(Event.VERIFY_FAILED, f"{name.id} is good, and {reason}", fields)
        return reason
    log.emit(Event.VERIFY_SUCCEEDED, f"{name.id} is good", fields)
    if found.source_damage:
        log.emit(Event.SOURCE_DAMAGED, f"{name.database} itself is damaged: {found.source_damage}", fields)
    return None
