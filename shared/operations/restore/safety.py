"""The safety backup of a restore in place."""

from shared.operations.backup.safety import SafetyBackup
from shared.operations.restore.options import RestoreOptions


def safety_backup(options: RestoreOptions) -> SafetyBackup:
    """Returns the safety backup of the target, not yet taken."""
    store, key = (options.safety_in, None) if options.safety_in else (options.catalog.store, options.key)
    return SafetyBackup(options.target, store, key, options.keep_safety_for, options.environment)
