"""Comparing two databases: which tables, schema objects and rows differ, by key, in bounded memory."""
