"""SQLite files as source and target: consistent snapshots, checks, replacement in place."""
