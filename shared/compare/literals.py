"""Rows as SQL literals, one value at a time, exact for every storage class."""

from collections.abc import Sequence
from typing import Any

from shared.dump.literals import real_literal, text_literal
from shared.sqlite.names import quote_name


def fetched(alias: str, columns: Sequence[str]) -> list[str]:
    """The expressions to select, two for each column: its storage class, and its value, text as bytes."""
    expressions = []
    for name in columns:
        column = f"{alias}.{quote_name(name)}"
        expressions += [f"typeof({column})", f"iif(typeof({column}) = 'text', CAST({column} AS BLOB), {column})"]
    return expressions


def literals(row: Sequence[Any], codec: str) -> list[str]:
    """The literals of a row fetched with `fetched`; `codec` is Python's name of the database's encoding."""
    return [literal(row[at], row[at + 1], codec) for at in range(0, len(row), 2)]


def literal(storage_class: str, value: Any, codec: str = "utf-8") -> str:
    """One value. Text comes as its bytes."""
    if storage_class == "null":
        return "NULL"
    if storage_class == "integer":
        return str(value) if value != -(1 << 63) else "(-9223372036854775807-1)"
    if storage_class == "real":
        return real_literal(value)
    if storage_class == "text":
        return text_literal(bytes(value), codec)
    return f"X'{bytes(value).hex().upper()}'"
