"""Rows as SQL literals, exact for every storage class."""

from collections.abc import Sequence
from typing import Any

from shared.dump.literals import real_literal, text_literal
from shared.sqlite.names import quote_name

CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}  # Python's codec of each encoding


def fetched(alias: str, columns: Sequence[str]) -> list[str]:
    """Returns the expressions to select, two for each column: its storage class, and its value with text as bytes."""
    return fetched_sql(alias, [quote_name(name) for name in columns])


def fetched_sql(alias: str, columns: Sequence[str]) -> list[str]:
    """Like `fetched`, for columns that are quoted SQL names already."""
    expressions = []
    for name in columns:
        column = f"{alias}.{name}"
        expressions += [f"typeof({column})", f"iif(typeof({column}) = 'text', CAST({column} AS BLOB), {column})"]
    return expressions


def literals(row: Sequence[Any], codec: str) -> list[str]:
    """Returns the literals of a row selected by `fetched`. `codec`: Python's name of the database's encoding."""
    return [literal(row[at], row[at + 1], codec) for at in range(0, len(row), 2)]


def literal(storage_class: str, value: Any, codec: str = "utf-8") -> str:
    """Returns the literal of one value. Text is given as bytes."""
    if storage_class == "null":
        return "NULL"
    if storage_class == "integer":
        return str(value) if value != -(1 << 63) else "(-9223372036854775807-1)"
    if storage_class == "real":
        return real_literal(value)
    if storage_class == "text":
        return text_literal(bytes(value), codec)
    return f"X'{bytes(value).hex().upper()}'"
