"""Erasure: a ledger beside the backups that holds no value, replayed on every way out of a backup."""
