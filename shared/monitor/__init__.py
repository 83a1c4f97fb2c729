"""Monitoring: judge the backups in the stores, for `litekeep status` and the monitor job."""
