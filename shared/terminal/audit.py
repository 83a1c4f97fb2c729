"""The audit event of an operation: who did, or tried to do, what to what, and how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.errors import LitekeepError, NotPermitted
from shared.events.log import Event, EventLog, Field, safe_line
from shared.settings import Settings
from shared.terminal.identity import actor_of

_LONGEST_REASON = 500


@dataclass
class Deed:
    """What is being done, and `failed` with a reason when it ends badly without an error.

    What is not known at first (the id of a backup that is being taken) is filled in on the way.
    """

    action: str
    target: str
    database: str | None = None
    backup_id: str | None = None
    kind: str | None = None
    reason: str | None = None
    failed: bool = False
    actor: str | None = None  # where it is somebody else than the account that this process has
    nothing_done: bool = False  # it turned out that there was nothing to do: no event tells of that


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

    `target` is what was written to or acted on, without credentials. `reason` is why it is done; of what failed or
    was refused, the event says why instead.
    """
    deed = Deed(action, target, database, backup_id, kind, reason)
    try:
        yield deed
    except NotPermitted as error:
        _write(log, settings, deed, "refused", str(error))
        raise
    except (LitekeepError, OSError) as error:
        _write(log, settings, deed, "failed", _what_failed(error))
        raise
    except BaseException as error:  # also an interruption, and a defect: its text may hold anything
        _write(log, settings, deed, "failed", type(error).__name__)
        raise
    if not deed.nothing_done:
        _write(log, settings, deed, "failed" if deed.failed else "succeeded", deed.reason)


def _what_failed(error: LitekeepError | OSError) -> str:
    return str(error) if isinstance(error, LitekeepError) else error.strerror or type(error).__name__


def _write(log: EventLog, settings: Settings, deed: Deed, outcome: str, reason: str | None) -> None:
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
    log.emit(Event.AUDIT, message, fields)
