"""The environment of a run: scratch folders, files, limits, progress, and the platform."""
