"""Continuous backups: a cycle stores a point, or finds that nothing was written."""
