"""Taking a backup: snapshot, dump and page image, archive, store, and the manifest last."""

from shared.operations.backup.options import BackupOptions
from shared.operations.backup.take import Taken, take_backup

__all__ = ["BackupOptions", "Taken", "take_backup"]
