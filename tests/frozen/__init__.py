"""One backup of each released format. Every later version must restore all of them.

`format-1/` is a folder store with its key, made by `python -m tests.frozen`. Never make it again: a new format gets a
new folder.
"""
