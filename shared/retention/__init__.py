"""Retention: delete expired backups, and objects that interrupted runs left behind."""
