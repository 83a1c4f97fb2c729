"""Verification: rebuild a database from a backup and prove that it equals its source."""
