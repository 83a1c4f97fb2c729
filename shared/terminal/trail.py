"""The audit trail in the store that the settings name: where events are kept that `shared/events` says belong there."""

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

OVERDUE = timedelta(hours=3)  # a newest checkpoint that is older shows that none are taken
_PATIENCE = 10.0  # seconds: what was done is done, and must not wait long to be written down


def trail_of(settings: Settings) -> Callable[[Mapping[str, Any]], str | None]:
    """For an event log: stores one event, and returns why it could not. A failure is remembered as a finding."""
    writer = TrailWriter(lambda: _store(settings))

    def keep(event: Mapping[str, Any]) -> str | None:
        why = writer.write(event)
        if why is not None:
            note_failure(settings, TRAIL, why)
        return why

    return keep


def _store(settings: Settings) -> Store | None:
    """The store; None if there is none yet: an event alone makes no store."""
    return open_store(settings.backup_store, patience_seconds=_PATIENCE) if is_store(settings.backup_store) else None


def is_store(url: str) -> bool:
    """Returns whether that is a bucket, or a folder that is there. Raises OSError where nobody may look."""
    try:
        return url.startswith("gs://") or Path(url).expanduser().is_dir()
    except RuntimeError:  # there is no such user
        return False


def policy_file(settings: Settings) -> "PolicyFile | None":
    """The policy in force with its hash; None when there is none."""
    if policy_path(settings.backup_policy) is None:
        return None
    from shared.policy.file import read_policy_in_force  # noqa: PLC0415 - only where there is a policy

    return read_policy_in_force(settings.backup_policy)


def monitor_keys(settings: Settings) -> "list[PublicKey]":
    """The keys whose checkpoints count: of the monitor that the policy names, and of those that policies before named.

    Raises StoreError.
    """
    mounted = policy_file(settings)
    if mounted is None:
        return []
    from shared.approvals.anchor import history  # noqa: PLC0415 - as above
    from shared.policy.people import public_key  # noqa: PLC0415

    known = [mounted, *history([open_store(settings.backup_store)])]
    return [public_key(each.policy.monitor.key) for each in known if each.policy.monitor is not None]
