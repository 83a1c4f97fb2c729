"""Backups of formats that were once written: they must be restored for ever, by whatever Litekeep there is then.

`format-1/` is a folder store with its key, made by `python -m tests.frozen`. Never make it anew: when a
format changes, another folder joins it.
"""
