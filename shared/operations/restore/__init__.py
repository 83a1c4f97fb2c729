"""Bringing a database back: into a new one, or in place."""

from shared.operations.restore.order import Restored, RestoreOrder
from shared.operations.restore.run import plan_restore, restore

__all__ = ["RestoreOrder", "Restored", "plan_restore", "restore"]
