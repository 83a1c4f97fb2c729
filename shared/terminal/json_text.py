"""Writes JSON in pieces, so that a list of a hundred thousand backups is never in memory as a whole."""

import json
from collections.abc import Iterator
from typing import Any

_STEP = "  "


def json_pieces(document: Any, indent: str = "") -> Iterator[str]:
    """Yields the text of a document in pieces, indented by two spaces. Iterators are written as arrays."""
    if isinstance(document, Iterator):
        yield from _inside("[", "]", (("", item) for item in document), indent)
    elif isinstance(document, dict) and _is_in_parts(document):
        yield from _inside("{", "}", ((f"{json.dumps(key)}: ", value) for key, value in document.items()), indent)
    else:
        yield _whole(document).replace("\n", f"\n{indent}")  # strings hold no newline: JSON escapes it


def _is_in_parts(value: Any) -> bool:
    return isinstance(value, Iterator) or (isinstance(value, dict) and any(map(_is_in_parts, value.values())))


def _inside(opening: str, closing: str, items: Iterator[tuple[str, Any]], indent: str) -> Iterator[str]:
    yield opening
    between, end = f"\n{indent}{_STEP}", ""
    for label, value in items:
        yield between + label
        yield from json_pieces(value, indent + _STEP)
        between, end = f",\n{indent}{_STEP}", f"\n{indent}"
    yield end + closing


def _whole(document: Any) -> str:
    from pydantic import TypeAdapter  # noqa: PLC0415 - `--help` must not wait for it

    try:
        return TypeAdapter(Any).dump_json(document, indent=2, ensure_ascii=True).decode()
    except ValueError:  # a path that is not UTF-8: Python's json module accepts it, at a fifth of the speed
        return json.dumps(document, indent=2)
