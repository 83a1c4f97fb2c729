"""Compares two databases in bounded memory: which tables, schema objects and rows differ."""
