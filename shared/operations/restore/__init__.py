"""Restores a backup, into a new database or in place."""

from shared.operations.restore.options import Restored, RestoreOptions
from shared.operations.restore.run import plan_restore, restore

__all__ = ["RestoreOptions", "Restored", "plan_restore", "restore"]
