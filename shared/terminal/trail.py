"""Opens the audit trail in the store of the settings, and the keys that its checkpoints are checked with."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.audit.trail import TrailWriter
from shared.policy.place import policy_path
from shared.settings import Settings
from shared.stores import Store, open_store
from shared.terminal.notify import TRAIL, note_failure

if TYPE_CHECKING:
    from shared.policy.file import PolicyFile
    from shared.statements import PublicKey

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


def policy_file(settings: Settings) -> "PolicyFile | None":
    """Returns the policy in force with its hash, or None."""
    if policy_path(settings.backup_policy) is None:
        return None
    from shared.policy.file import read_policy_in_force  # noqa: PLC0415 - only where there is a policy

    return read_policy_in_force(settings.backup_policy)


def monitor_keys(settings: Settings) -> "list[PublicKey]":
    """Returns the keys whose checkpoints count: those of the monitors in the policy and its predecessors.

    Raises StoreError.
    """
    mounted = policy_file(settings)
    if mounted is None:
        return []
    from shared.approvals.anchor import history  # noqa: PLC0415 - as above
    from shared.policy.people import public_key  # noqa: PLC0415

    known = [mounted, *history([open_store(settings.backup_store)])]
    return [public_key(each.policy.monitor.key) for each in known if each.policy.monitor is not None]
