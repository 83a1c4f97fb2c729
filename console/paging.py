"""Long tables in pages of fifty."""

from flask import request

from shared.errors import UsageError

PAGE = 50


def pages_of(count: int) -> int:
    return max(1, -(-count // PAGE))


def page_number(count: int) -> int:
    """Which page is asked for. Raises UsageError for one that there is not."""
    text = request.args.get("page", "1")
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= pages_of(count):
        raise UsageError(f"page is a number from 1 to {pages_of(count)}")
    return int(text)
