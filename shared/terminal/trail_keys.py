"""Reads the policy in force, and the keys with which checkpoints of the audit trail are checked."""

from typing import TYPE_CHECKING

from shared.approvals.anchor import history
from shared.policy.file import PolicyFile, read_policy_in_force
from shared.policy.people import public_key
from shared.settings import Settings
from shared.stores import open_store

if TYPE_CHECKING:
    from shared.statements.public_key import PublicKey


def policy_file(settings: Settings) -> PolicyFile | None:
    """Returns the policy in force with its hash, or None. Raises UsageError if it is invalid."""
    return read_policy_in_force(settings.backup_policy)


def monitor_keys(settings: Settings) -> "list[PublicKey]":
    """Returns the keys whose checkpoints count: those of the monitors in the policy and its predecessors.

    Raises StoreError.
    """
    mounted = policy_file(settings)
    if mounted is None:
        return []
    known = [mounted, *history([open_store(settings.backup_store)])]
    return [public_key(each.policy.monitor.key) for each in known if each.policy.monitor is not None]
