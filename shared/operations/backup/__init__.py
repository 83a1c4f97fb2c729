"""Taking a backup: snapshot, dump and page image, archive, store, and the manifest last."""

from shared.operations.backup.order import BackupOrder
from shared.operations.backup.take import Taken, take_backup

__all__ = ["BackupOrder", "Taken", "take_backup"]
