"""Limits that retention keeps and the monitor alerts on."""

from datetime import timedelta

MIN_KEEP = 3  # default of BACKUP_MIN_KEEP: good backups of a database that are never deleted
VERIFIED_WITHIN = timedelta(days=1)  # after a backup was taken
DRILLED_WITHIN = timedelta(days=35)  # after the previous drill
