"""Restores a backup, into a new database or in place."""
