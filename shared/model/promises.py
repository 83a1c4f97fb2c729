"""Limits that retention deletes by and the monitor alerts on."""

from datetime import timedelta

MIN_KEEP = 3  # good backups of a database that always stay, where BACKUP_MIN_KEEP is not set
VERIFIED_WITHIN = timedelta(days=1)  # of being taken
DRILLED_WITHIN = timedelta(days=35)  # of the previous drill
