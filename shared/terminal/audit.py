"""The events of an operation: its own, and one audit event with actor, action, target and outcome."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.errors import LitekeepError, NotPermitted
from shared.events.log import Event, EventLog, Field, safe_line
from shared.settings import Settings
from shared.terminal.endings import reported
from shared.terminal.identity import actor_of

_LONGEST_REASON = 500


@dataclass
class Operation:
    """An operation in progress. Set `failed` and `reason` if it fails without raising an error.

    Set fields that are not known at first, such as the id of a new backup, once they are. The operation's own events
    carry the fields `about`, or database, backup and kind if that is empty.
    """

    log: EventLog
    action: str
    target: str
    database: str | None = None
    backup_id: str | None = None
    kind: str | None = None
    reason: str | None = None
    failed: bool = False
    actor: str | None = None  # if it is not the account of this process
    person: str | None = None  # who signed the request or the decision, by the name in the policy
    nothing_done: bool = False  # there was nothing to do: no audit event is written
    about: Mapping[str, Field] = field(default_factory=dict)

    def emit(self, event: Event, message: str, more: Mapping[str, Field] | None = None) -> None:
        """Emits an event of the operation with its fields and those in `more`."""
        own = {"database": self.database, "backup_id": self.backup_id, "kind": self.kind}
        self.log.emit(event, message, {**(self.about or own), **(more or {})})

    @contextmanager
    def step(self, failed: Event, what: str) -> Iterator[None]:
        """Emits the event `failed` with the message `WHAT: ERROR` if the block raises; the error goes on unchanged."""
        with reported(lambda why: self.emit(failed, f"{what}: {why}")):
            yield


@contextmanager
def audited(
    log: EventLog,
    settings: Settings,
    action: str,
    target: str,
    *,
    database: str | None = None,
    backup_id: str | None = None,
    kind: str | None = None,
    reason: str | None = None,
) -> Iterator[Operation]:
    """Writes one audit event when the block ends, also after an error, which is raised unchanged.

    Yields the operation, whose `emit` and `step` send its own events. `target` is what is written to or acted on,
    without credentials. `reason` is why it is done; a failed or refused operation's event has the error instead.
    """
    operation = Operation(log, action, target, database, backup_id, kind, reason)
    try:
        yield operation
    except NotPermitted as error:
        _write(settings, operation, "refused", str(error))
        raise
    except (LitekeepError, OSError) as error:
        _write(settings, operation, "failed", _what_failed(error))
        raise
    except (
        BaseException
    ) as error:  # an interruption or a defect: its text may hold anything, so only the type is written
        _write(settings, operation, "failed", type(error).__name__)
        raise
    if not operation.nothing_done:
        _write(settings, operation, "failed" if operation.failed else "succeeded", operation.reason)


def _what_failed(error: LitekeepError | OSError) -> str:
    return str(error) if isinstance(error, LitekeepError) else error.strerror or type(error).__name__


def _write(settings: Settings, operation: Operation, outcome: str, reason: str | None) -> None:
    actor = operation.actor or actor_of(settings)
    why = None if reason is None else safe_line(reason)[:_LONGEST_REASON]
    fields: dict[str, Field] = {
        "actor": actor,
        "action": operation.action,
        "target": operation.target,
        "outcome": outcome,
        "database": operation.database,
        "backup_id": operation.backup_id,
        "kind": operation.kind,
        "reason": why,
        "person": operation.person,
    }
    what = f"{operation.action} {operation.backup_id or operation.database or ''}".rstrip()
    message = f"{actor}: {what}, {operation.target}: {outcome}{f' ({why})' if why else ''}"
    operation.log.emit(Event.AUDIT, message, fields)
