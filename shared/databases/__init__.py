"""The one seam for databases: where one is, and a snapshot of it, whatever its type."""
