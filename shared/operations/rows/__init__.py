"""Restores rows of one table from a backup into a live database."""
