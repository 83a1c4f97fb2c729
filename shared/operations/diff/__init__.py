"""Compares two states of a database: backups, moments, or the live database."""
