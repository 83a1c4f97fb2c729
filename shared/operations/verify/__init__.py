"""Verification: rebuilding a database from a backup and proving that it equals its source."""
