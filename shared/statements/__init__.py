"""Signed statements: a payload and its kind, with the signatures of one or more keys over both."""
