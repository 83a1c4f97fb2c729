"""Identifiers in SQL text."""


def quote_name(name: str) -> str:
    """Returns the name as an SQL identifier, always in double quotes: `dump/statements.py` relies on that."""
    return '"' + name.replace('"', '""') + '"'
