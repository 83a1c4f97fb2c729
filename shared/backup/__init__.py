"""Taking a backup: snapshot, dump and page image, archive, store, and the manifest last."""

from shared.backup.order import BackupOrder
from shared.backup.take import Taken, take_backup

__all__ = ["BackupOrder", "Taken", "take_backup"]
