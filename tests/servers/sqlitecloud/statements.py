"""Splits the text of a request into its `;`-separated statements, and a statement into words."""

import re
from dataclasses import dataclass

_CUTS = re.compile(
    r"""'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|--[^\n]*|/\*(?:.*?\*/|.*\Z)|;""", re.DOTALL
)
_BLANK = re.compile(r"(?:\s+|--[^\n]*|/\*(?:.*?\*/|.*\Z)|;)*", re.DOTALL)
_SPECIAL = re.compile(r"[^\w\s]")
_TRIGGER = re.compile(r"(?:EXPLAIN\s+)?CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b", re.IGNORECASE)
_TRIGGER_END = re.compile(r"\s*END\s*;?\s*\Z", re.IGNORECASE)
_WORDS = re.compile(r"""'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([^\s;]+)""")


@dataclass(frozen=True)
class Word:
    text: str
    quoted: bool


def split(text: str) -> list[str]:
    """Returns the statements of `text`, each with its `;` if it has one, without leading blanks and comments.
    The body of a CREATE TRIGGER is not split."""
    if not _SPECIAL.search(text):
        return [text.strip()] if text.strip() else []
    found: list[str] = []
    trigger = ""
    for part in _parts(text):
        statement = trigger + part if trigger else part[_BLANK.match(part).end() :]  # type: ignore[union-attr]
        if not statement:
            continue
        if _TRIGGER.match(statement) and not (trigger and _TRIGGER_END.match(part)):
            trigger = statement
            continue
        trigger = ""
        found.append(statement.rstrip())
    if trigger:
        found.append(trigger.rstrip())
    return found


def _parts(text: str) -> list[str]:
    ends = [cut.end() for cut in _CUTS.finditer(text) if cut.group() == ";"]
    starts = [0, *ends]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]


def first_word(statement: str) -> str:
    found = re.match(r"\w+", statement)
    return found.group().upper() if found else ""


def words(statement: str) -> list[Word]:
    """Returns the words of a platform command. A doubled quote inside quotes is one quote."""
    found = []
    for match in _WORDS.finditer(statement):
        single, double, bare = match.groups()
        if bare is not None:
            found.append(Word(bare, quoted=False))
        elif single is not None:
            found.append(Word(single.replace("''", "'"), quoted=True))
        else:
            found.append(Word(double.replace('""', '"'), quoted=True))
    return found
