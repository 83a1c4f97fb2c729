"""The events of an operation: its own, and the audit event that says who did, or tried to do, what to what."""

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
class Deed:
    """What is being done, and `failed` with a reason when it ends badly without an error.

    What is not known at first (the id of a backup that is being taken) is filled in on the way. Its own events have
    the fields `about`; without any, they are about the database, backup and kind.
    """

    log: EventLog
    action: str
    target: str
    database: str | None = None
    backup_id: str | None = None
    kind: str | None = None
    reason: str | None = None
    failed: bool = False
    actor: str | None = None  # where it is somebody else than the account that this process has
    nothing_done: bool = False  # it turned out that there was nothing to do: no event tells of that
    about: Mapping[str, Field] = field(default_factory=dict)

    def emit(self, event: Event, message: str, more: Mapping[str, Field] | None = None) -> None:
        """Emits an event of the operation with its fields, and `more`."""
        own = {"database": self.database, "backup_id": self.backup_id, "kind": self.kind}
        self.log.emit(event, message, {**(self.about or own), **(more or {})})

    @contextmanager
    def step(self, failed: Event, what: str) -> Iterator[None]:
        """Emits `failed` with the message `WHAT: WHY` when the block is left by an error, which goes on as it was."""
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
) -> Iterator[Deed]:
    """Writes one audit event when the block ends, however it ends; errors go on as they were.

    The operation's own events go out by the `emit` and `step` of what this yields.

    `target` is what was written to or acted on, without credentials. `reason` is why it is done; of what failed or
    was refused, the event says why instead.
    """
    deed = Deed(log, action, target, database, backup_id, kind, reason)
    try:
        yield deed
    except NotPermitted as error:
        _write(settings, deed, "refused", str(error))
        raise
    except (LitekeepError, OSError) as error:
        _write(settings, deed, "failed", _what_failed(error))
        raise
    except BaseException as error:  # also an interruption, and a defect: its text may hold anything
        _write(settings, deed, "failed", type(error).__name__)
        raise
    if not deed.nothing_done:
        _write(settings, deed, "failed" if deed.failed else "succeeded", deed.reason)


def _what_failed(error: LitekeepError | OSError) -> str:
    return str(error) if isinstance(error, LitekeepError) else error.strerror or type(error).__name__


def _write(settings: Settings, deed: Deed, outcome: str, reason: str | None) -> None:
    actor = deed.actor or actor_of(settings)
    why = None if reason is None else safe_line(reason)[:_LONGEST_REASON]
    fields: dict[str, Field] = {
        "actor": actor,
        "action": deed.action,
        "target": deed.target,
        "outcome": outcome,
        "database": deed.database,
        "backup_id": deed.backup_id,
        "kind": deed.kind,
        "reason": why,
    }
    what = f"{deed.action} {deed.backup_id or deed.database or ''}".rstrip()
    message = f"{actor}: {what}, {deed.target}: {outcome}{f' ({why})' if why else ''}"
    deed.log.emit(Event.AUDIT, message, fields)
