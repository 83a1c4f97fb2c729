"""Escapes untrusted text for pages in Markdown: drill reports and cost reviews."""

import re

from shared.text import printable

_SPECIAL = frozenset("\\`*_{}[]()<>#+!|~&$@")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}  # for readers that interpret HTML before Markdown
_LINKS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)  # Markdown makes links of these


def escape(text: str) -> str:
    """Escapes text for a page: one line, no control characters, no markup, no link, no end of a table's cell."""
    shown = printable(text, " ")
    return _LINKS.sub("\\\\", "".join(_escape_character(character) for character in " ".join(shown.split())))


def _escape_character(character: str) -> str:
    return _ENTITIES.get(character) or (f"\\{character}" if character in _SPECIAL else character)
