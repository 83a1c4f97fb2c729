"""Bringing a database back: into a new one, or in place."""

from shared.operations.restore.options import Restored, RestoreOptions
from shared.operations.restore.run import plan_restore, restore

__all__ = ["RestoreOptions", "Restored", "plan_restore", "restore"]
