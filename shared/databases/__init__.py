"""Databases of every type: their location, and snapshots of them."""
