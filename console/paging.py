"""Splits long tables into pages of 50 rows."""

from flask import request

from shared.errors import UsageError

PAGE = 50


def pages_of(count: int) -> int:
    """Returns the number of pages for that many rows, at least 1."""
    return max(1, -(-count // PAGE))


def page_number(count: int) -> int:
    """Returns the requested page number. Raises UsageError if there is no such page."""
    text = request.args.get("page", "1")
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= pages_of(count):
        raise UsageError(f"page is a number from 1 to {pages_of(count)}")
    return int(text)
